//! A policy is read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::Policy;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Policy::from_toml(text);
    }
});
