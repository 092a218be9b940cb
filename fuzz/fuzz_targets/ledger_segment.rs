//! A segment file of anybody gives records, or says where it is damaged.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use synod_crypto::Digest;
use synod_ledger::{Scanner, audit_segments};

fuzz_target!(|bytes: &[u8]| {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(mut scanner) = Scanner::new(bytes.clone()) {
        let length = bytes.len() as u64;
        while let Some(Ok(_)) = scanner.next() {}
        assert!(scanner.valid_len() <= length);
    }
    let _ = audit_segments(Digest::default(), [bytes]);
});
