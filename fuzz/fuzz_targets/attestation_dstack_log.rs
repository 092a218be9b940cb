//! A log of dstack parses or is refused, and binds to what it adds up to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::eventlog::{EventLog, Kind, log::replay};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(log) = EventLog::parse(Kind::Dstack, bytes) {
        assert!(log.events().len() <= EventLog::EVENTS_MAX);
        let registers = replay(log.events());
        assert!(log.bind(&registers).is_ok());
    }
});
