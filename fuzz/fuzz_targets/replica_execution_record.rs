//! What is sealed of an app's call decodes from its one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_replica::ExecutionRecord;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = ExecutionRecord::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
