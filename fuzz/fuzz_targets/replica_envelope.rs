//! An envelope decodes from its one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_replica::Envelope;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Envelope::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
