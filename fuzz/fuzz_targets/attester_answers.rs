//! What kernels, modules and hosts answer is read or refused, never a panic;
//! and detection survives whatever stands in a machine's files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::Evidence;
use synod_attester::{Access, Missing, Probe, TsmError, detect, document_of, report_of};

/// Every file holds the same bytes.
struct Same<'a>(&'a [u8]);

impl Probe for Same<'_> {
    fn read(&self, _path: &str) -> Result<Vec<u8>, Missing> {
        Ok(self.0.to_vec())
    }

    fn access(&self, path: &str) -> Access {
        match self.0.get(path.len()) {
            Some(byte) if byte % 2 == 0 => Access::Absent,
            Some(byte) => Access::Denied {
                group: Some(u32::from(*byte)),
            },
            None => Access::Granted,
        }
    }

    fn tsm_provider(&self, _root: &str) -> Result<String, TsmError> {
        Ok(String::from_utf8_lossy(self.0).into_owned())
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = document_of(bytes) {
        assert!(document.len() <= bytes.len());
        let _ = Evidence::detect(document);
    }
    if let Ok(report) = report_of(bytes) {
        assert_eq!(report.len(), 0x4a0);
    }
    let detection = detect(&Same(bytes));
    assert!(!detection.to_string().is_empty());
});
