//! A message between replicas decodes from its one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_consensus::Message;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::decode(&bytes::Bytes::copy_from_slice(bytes)) {
        let mut again = Vec::new();
        message.encode(&mut again);
        assert_eq!(again, bytes);
    }
});
