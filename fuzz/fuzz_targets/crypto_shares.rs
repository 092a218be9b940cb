//! Shares and commitments decode from their one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_crypto::shares::{Commitment, Share};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Commitment::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    let _ = Share::from_bytes(bytes);
});
