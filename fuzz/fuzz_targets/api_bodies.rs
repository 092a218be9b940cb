//! Bodies of requests are read or refused, and what was read can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_api::{ActionRequest, ChainFile, TxnRequest, percent_decode, read_cursor};

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
        let _ = (percent_decode(text), read_cursor(text));
    }
    if let Ok(file) = ChainFile::decode(&bytes::Bytes::copy_from_slice(bytes)) {
        assert_eq!(file.encode(), bytes);
    }
});
