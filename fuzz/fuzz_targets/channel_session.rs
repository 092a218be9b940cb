//! A session proof is decoded from its one encoding or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_channel::SessionProof;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = SessionProof::decode(bytes) {
        assert_eq!(proof.encode(), bytes);
    }
});
