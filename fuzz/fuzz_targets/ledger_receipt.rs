//! A receipt decodes from its one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_ledger::Receipt;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Receipt::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
