//! A manifest is read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_governance::Manifest;

fuzz_target!(|bytes: &[u8]| {
    let _ = Manifest::from_toml(bytes);
});
