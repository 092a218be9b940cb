//! A write set decodes from its one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_kv::WriteSet;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = WriteSet::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
