//! Cache records decode from their one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_endorser::record::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::decode(bytes) {
        assert_eq!(record.encode(), bytes);
    }
});
