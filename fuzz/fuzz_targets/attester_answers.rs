//! Whatever the Nitro Secure Module and the driver of AMD's secure processor
//! answer: no panic, a bounded number of calls, and only a report that carries
//! our report data is handed out.
#![no_main]

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Evidence, ReportData};
use synod_attester::{
    Attester as _, CERTIFICATES_MAX, Exchange, Nsm, NsmDevice, Pause, SevGuest, SevGuestDevice,
    TRIES_MAX, document_of, report_of,
};

/// Errors that a driver returns: `EBUSY`, `EAGAIN`, `EINTR`, `EIO`, `ENOSPC`, `ENOTTY`, `EINVAL`.
const ERRNOS: [i32; 7] = [16, 11, 4, 5, 28, 25, 22];

#[derive(Clone)]
struct Device {
    bytes: Arc<Vec<u8>>,
    at: usize,
    calls: Arc<AtomicU32>,
}

impl Device {
    fn take(&mut self, length: usize) -> Vec<u8> {
        let end = (self.at + length).min(self.bytes.len());
        let taken = self.bytes[self.at..end].to_vec();
        self.at = end;
        taken
    }

    fn outcome(&mut self) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.take(1).first() {
            Some(&byte) if byte >= 0xf0 => {
                let errno = ERRNOS[usize::from(byte) % ERRNOS.len()];
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }
}

impl NsmDevice for Device {
    fn exchange(&mut self, _request: &[u8], answer: &mut [u8]) -> io::Result<usize> {
        self.outcome()?;
        let bytes = self.take(answer.len());
        answer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl SevGuestDevice for Device {
    fn call(&mut self, exchange: &mut Exchange) -> io::Result<()> {
        assert!(exchange.certificates.len() <= CERTIFICATES_MAX);
        let outcome = self.outcome();
        for (at, byte) in self.take(2).into_iter().enumerate() {
            exchange.exit_info |= u64::from(byte) << (32 * at);
        }
        for byte in self.take(4) {
            exchange.certificates_needed = exchange.certificates_needed << 8 | u32::from(byte);
        }
        let response = self.take(exchange.response.len());
        exchange.response[..response.len()].copy_from_slice(&response);
        let table = self.take(exchange.certificates.len());
        exchange.certificates[..table.len()].copy_from_slice(&table);
        outcome
    }
}

struct NoPause;

impl Pause for NoPause {
    fn pause(&mut self, _length: Duration) {}
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = document_of(bytes) {
        assert!(document.len() <= bytes.len());
        let _ = Evidence::detect(document);
    }
    if let Ok(report) = report_of(bytes) {
        assert_eq!(report.len(), 0x4a0);
    }
    let wanted = ReportData::from([0x41; 64]);
    let calls = Arc::new(AtomicU32::new(0));
    let device = Device {
        bytes: Arc::new(bytes.to_vec()),
        at: 0,
        calls: calls.clone(),
    };
    let _ = Nsm::new(Box::new(device.clone()), Box::new(NoPause)).quote(&wanted, 0);
    assert!(calls.swap(0, Ordering::Relaxed) <= TRIES_MAX);
    let mut guest = SevGuest::new(Box::new(device), Box::new(NoPause), 0);
    if let Ok(quoted) = guest.quote(&wanted, 0) {
        assert_eq!(quoted.evidence.bytes()[0x50..0x90], [0x41; 64]);
    }
    assert!(calls.load(Ordering::Relaxed) <= 2 * TRIES_MAX);
});
