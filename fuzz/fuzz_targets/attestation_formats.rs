//! Statements, evidence and endorsements decode from their one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Endorsements, Evidence, NodeStatement};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = NodeStatement::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Evidence::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Endorsements::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
