//! Whatever `/proc` and `/sys` of a machine say, detection tells what it is.
#![no_main]

use std::cell::Cell;

use libfuzzer_sys::fuzz_target;
use synod_attester::{Access, Missing, Probe, TsmError, detect};

/// Gives out the fuzzer's bytes, cut at NUL: one text for each file asked for.
struct Texts<'a> {
    rest: Cell<&'a [u8]>,
}

impl Texts<'_> {
    fn next(&self) -> &[u8] {
        let rest = self.rest.get();
        let end = rest
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(rest.len());
        self.rest.set(rest.get(end + 1..).unwrap_or_default());
        &rest[..end]
    }
}

impl Probe for Texts<'_> {
    fn read(&self, _path: &str) -> Result<Vec<u8>, Missing> {
        match self.next() {
            b"" => Err(Missing::Absent),
            text => Ok(text.to_vec()),
        }
    }

    fn access(&self, _path: &str) -> Access {
        match self.next().first() {
            None => Access::Absent,
            Some(group @ b'0'..=b'9') => Access::Denied {
                group: Some(u32::from(group - b'0')),
            },
            Some(b'-') => Access::Denied { group: None },
            Some(_) => Access::Granted,
        }
    }

    fn tsm_provider(&self, _root: &str) -> Result<String, TsmError> {
        let name = String::from_utf8_lossy(self.next()).into_owned();
        match name.strip_prefix('!') {
            Some(name) => Err(TsmError::ProviderUnknown(name.to_owned())),
            None => Ok(name),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let detection = detect(&Texts {
        rest: Cell::new(bytes),
    });
    assert!(!detection.to_string().is_empty());
    for finding in &detection.tees {
        assert!(!finding.roads.is_empty());
        assert!(detection.of(finding.tee).is_some());
        assert_eq!(finding.is_available(), finding.by.is_some());
    }
});
