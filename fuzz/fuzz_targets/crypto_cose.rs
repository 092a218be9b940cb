//! A COSE_Sign1 of anybody is refused or verified, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_crypto::{Secret, SigningKey, cose};

fuzz_target!(|bytes: &[u8]| {
    let key = SigningKey::from_seed(&Secret::new([7; 32]));
    let _ = cose::verify1(bytes, "application/synod-action+cbor", |_| {
        Some(key.public())
    });
});
