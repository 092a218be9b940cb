//! A stand-in for `/dev/sev-guest`: it checks each field of a request as the
//! kernel and the firmware do, and fails as they do.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use rustix::io::Errno;
use synod_attester::{CERTIFICATES_MAX, Exchange, PAGE_BYTES, SevGuestDevice};

use crate::hardware::{errno, tsm_standin::snp_report};

/// What the host answers when there is too little room for certificates.
pub(crate) const HOST_INVALID_LENGTH: u64 = 1 << 32;
/// What the host answers when it throttles.
pub(crate) const HOST_BUSY: u64 = 2 << 32;

/// Kernel, host and firmware.
pub(crate) struct Platform {
    /// The host's certificate table.
    pub(crate) table: Vec<u8>,
    /// The length that the host claims to need, if it is another.
    pub(crate) claims_to_need: Option<u32>,
    /// The guest's own privilege level.
    pub(crate) vmpl: u32,
    /// Error and `exitinfo2` of the next calls.
    pub(crate) fails: Vec<(Errno, u64)>,
    /// After an error of the firmware the kernel wipes its key.
    pub(crate) disabled: bool,
    /// Status and length in the response.
    pub(crate) status: u32,
    pub(crate) length: u32,
    /// Makes a report.
    pub(crate) report: fn(&[u8], u32) -> Vec<u8>,
    /// Each call: extended or not, and the room for certificates.
    pub(crate) calls: Vec<(bool, usize)>,
}

#[derive(Clone)]
pub(crate) struct SevDevice(Arc<Mutex<Platform>>);

impl SevDevice {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Platform {
            table: Vec::new(),
            claims_to_need: None,
            vmpl: 0,
            fails: Vec::new(),
            disabled: false,
            status: 0,
            length: 0x4a0,
            report: snp_report,
            calls: Vec::new(),
        })))
    }

    pub(crate) fn platform(&self) -> MutexGuard<'_, Platform> {
        self.0.lock().expect("no test panics here")
    }
}

impl SevGuestDevice for SevDevice {
    fn call(&mut self, exchange: &mut Exchange) -> io::Result<()> {
        self.platform().call(exchange)
    }
}

impl Platform {
    fn call(&mut self, exchange: &mut Exchange) -> io::Result<()> {
        let room = exchange.certificates.len();
        self.calls.push((exchange.extended, room));
        exchange.exit_info = 0;
        exchange.certificates_needed = u32::try_from(room).expect("little room");
        if exchange.message_version == 0 {
            return Err(errno(Errno::INVAL));
        }
        // The kernel writes this before it asks anybody.
        exchange.exit_info = 0xff;
        if exchange.extended && (room > CERTIFICATES_MAX || !room.is_multiple_of(PAGE_BYTES)) {
            return Err(errno(Errno::INVAL));
        }
        if self.disabled {
            return Err(errno(Errno::NOTTY));
        }
        if let Some((error, exit_info)) = self.fails.pop() {
            exchange.exit_info = exit_info;
            self.disabled = exit_info != 0xff;
            return Err(errno(error));
        }
        self.ask_host(exchange, room)?;
        self.ask_firmware(exchange)
    }

    fn ask_host(&self, exchange: &mut Exchange, room: usize) -> io::Result<()> {
        if !exchange.extended || room == 0 {
            return Ok(());
        }
        if self.table.len() > room || self.claims_to_need.is_some() {
            let pages = self.table.len().next_multiple_of(PAGE_BYTES);
            let pages = u32::try_from(pages).expect("a short table");
            exchange.certificates_needed = self.claims_to_need.unwrap_or(pages);
            exchange.exit_info = HOST_INVALID_LENGTH;
            return Err(errno(Errno::IO));
        }
        exchange.certificates[..self.table.len()].copy_from_slice(&self.table);
        Ok(())
    }

    fn ask_firmware(&mut self, exchange: &mut Exchange) -> io::Result<()> {
        let request = &exchange.request;
        let vmpl = u32::from_le_bytes(request[64..68].try_into().expect("four bytes"));
        let sound = exchange.message_version == 1
            && (self.vmpl..=3).contains(&vmpl)
            && request[68..].iter().all(|byte| *byte == 0);
        if !sound {
            // `INVALID_PARAM`.
            self.disabled = true;
            exchange.exit_info = 0x16;
            return Err(errno(Errno::IO));
        }
        let report = (self.report)(&request[..64], vmpl);
        let response = &mut exchange.response;
        response[..4].copy_from_slice(&self.status.to_le_bytes());
        response[4..8].copy_from_slice(&self.length.to_le_bytes());
        response[32..32 + report.len()].copy_from_slice(&report);
        exchange.exit_info = 0;
        Ok(())
    }
}
