//! Bodies of requests are read or refused, and what was read can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_api::{ActionRequest, ChainFile, CursorScope, TxnRequest, percent_decode};

const SCOPE: CursorScope<'_> = CursorScope { map: "m", prefix: b"", from: b"", to: None };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<TxnRequest>(bytes) {
        let text = serde_json::to_vec(&request).expect("a request has string keys");
        assert_eq!(
            serde_json::from_slice::<TxnRequest>(&text).expect("it is readable"),
            request
        );
    }
    let _ = serde_json::from_slice::<ActionRequest>(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = percent_decode(text);
        if let Some(key) = SCOPE.read_cursor(text) {
            assert_eq!(SCOPE.write_cursor(&key), text);
        }
    }
    if let Ok(file) = ChainFile::decode(&bytes::Bytes::copy_from_slice(bytes)) {
        assert_eq!(file.encode(), bytes);
    }
});
