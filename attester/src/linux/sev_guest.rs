//! `/dev/sev-guest`: the driver of AMD's secure processor in an SEV-SNP guest
//! (`include/uapi/linux/sev-guest.h`), for kernels without configfs-tsm.
//!
//! Invariants:
//! - the report alone is asked for only if the host has no certificates, or
//!   more than the kernel passes on;
//! - a report is handed out only if the firmware says that it succeeded, its
//!   length is that of a report, and it carries our report data;
//! - the driver is not asked again after an error of the firmware: each such
//!   error makes the kernel disable the key of its channel.

use std::io;

use synod_attestation::Tee;

use crate::{
    os_error::OsError,
    retry::{Pause, with_retries},
    spoken::{SNP_REPORT_BYTES, report_data},
};

/// Where Linux shows it.
pub const SEV_GUEST_DEVICE: &str = "/dev/sev-guest";

/// Length of `struct snp_report_req`.
pub const REQUEST_BYTES: usize = 96;
/// Length of `struct snp_report_resp`.
pub const RESPONSE_BYTES: usize = 4000;
/// The kernel passes on certificates in whole pages.
pub const PAGE_BYTES: usize = 4096;
/// The kernel passes on no more certificates than this (`SEV_FW_BLOB_MAX_SIZE`).
pub const CERTIFICATES_MAX: usize = 4 * PAGE_BYTES;

/// What hosts usually have: three certificates, about 5 KiB.
const CERTIFICATES_FIRST: usize = 2 * PAGE_BYTES;
/// The version of the guest's messages (56860, table of `MSG_REPORT_REQ`).
const MESSAGE_VERSION: u8 = 1;
/// Before the report stand its status, its length and 24 reserved bytes.
const RESPONSE_HEADER_BYTES: usize = 32;

/// The host's answers (`SNP_GUEST_VMM_ERR_*`), upper half of `exitinfo2`.
const VMM_INVALID_LENGTH: u32 = 1;
const VMM_BUSY: u32 = 2;

/// One call of the driver: what goes in and what comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `SNP_GET_EXT_REPORT` rather than `SNP_GET_REPORT`.
    pub extended: bool,
    /// In: `msg_version`.
    pub message_version: u8,
    /// In: `struct snp_report_req`: report data, VMPL, 28 reserved bytes.
    pub request: [u8; REQUEST_BYTES],
    /// Out: `struct snp_report_resp`.
    pub response: Box<[u8; RESPONSE_BYTES]>,
    /// Out: `exitinfo2`: the firmware's error below, the host's above.
    pub exit_info: u64,
    /// In: room for certificates, its length `certs_len`. Out: their table.
    pub certificates: Vec<u8>,
    /// Out: `certs_len`, which is the length needed if there was too little
    /// room.
    pub certificates_needed: u32,
}

/// The driver: the seam to its `ioctl`s.
pub trait SevGuestDevice: Send {
    /// Makes one call. When it fails, `exit_info` and `certificates_needed`
    /// may tell why.
    fn call(&mut self, exchange: &mut Exchange) -> io::Result<()>;
}

/// `/dev/sev-guest` gave no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SevGuestError {
    /// The device cannot be opened or called.
    #[error("{0}")]
    Device(OsError),
    /// The kernel wiped the key of its channel to the firmware after an
    /// earlier error, or the file is not that driver's. Only a restart of the
    /// guest mends the former.
    #[error("the kernel's channel to the secure processor is disabled")]
    Disabled,
    /// The firmware refused the request.
    #[error("the firmware answered with error {0:#x}")]
    Firmware(u32),
    /// The host refused the request.
    #[error("the host answered with error {0:#x}")]
    Host(u32),
    /// The host throttles requests, for longer than the kernel waits.
    #[error("the host is busy with other requests")]
    Throttled,
    /// The host has more certificates than the kernel passes on, or contradicts
    /// itself about their length.
    #[error("the host's certificates are too long: {0} bytes")]
    CertificatesLength(u32),
    /// The response says that no report was made.
    #[error("the firmware returned the report with status {0:#x}")]
    Status(u32),
    /// The response does not hold a report of the right length.
    #[error("report is {0} bytes, expected 1184")]
    Length(u32),
    /// The report speaks for other report data than ours.
    #[error("the report does not contain the requested report data")]
    ForeignReport,
}

/// Asks for reports through the driver.
pub struct SevGuest {
    device: Box<dyn SevGuestDevice>,
    pause: Box<dyn Pause>,
    vmpl: u8,
}

impl SevGuest {
    /// Reports that name the privilege level `vmpl`, which is the guest's own
    /// or a higher number.
    pub fn new(device: Box<dyn SevGuestDevice>, pause: Box<dyn Pause>, vmpl: u8) -> Self {
        Self {
            device,
            pause,
            vmpl,
        }
    }

    /// A report, and the certificate table if the host has one.
    pub(crate) fn report(
        &mut self,
        wanted: &[u8; 64],
    ) -> Result<(Vec<u8>, Vec<u8>), SevGuestError> {
        let exchange = match self.call(wanted, Some(CERTIFICATES_FIRST)) {
            Err(SevGuestError::CertificatesLength(needed)) => self.call_again(wanted, needed)?,
            first => first?,
        };
        let report = report_of(&exchange.response[..])?;
        if report_data(Tee::SevSnp, report) != Some(wanted.as_slice()) {
            return Err(SevGuestError::ForeignReport);
        }
        Ok((report.to_vec(), exchange.certificates))
    }

    /// Once more, with the room that the host asked for; or without
    /// certificates, if the kernel does not pass on so many.
    fn call_again(&mut self, wanted: &[u8; 64], needed: u32) -> Result<Exchange, SevGuestError> {
        let room = (needed as usize).next_multiple_of(PAGE_BYTES);
        if room > CERTIFICATES_MAX {
            return self.call(wanted, None);
        }
        if room <= CERTIFICATES_FIRST {
            return Err(SevGuestError::CertificatesLength(needed));
        }
        self.call(wanted, Some(room))
    }

    fn call(&mut self, wanted: &[u8; 64], room: Option<usize>) -> Result<Exchange, SevGuestError> {
        let mut exchange = Exchange {
            extended: room.is_some(),
            message_version: MESSAGE_VERSION,
            request: request(wanted, self.vmpl),
            response: Box::new([0; RESPONSE_BYTES]),
            exit_info: 0,
            certificates: vec![0; room.unwrap_or(0)],
            certificates_needed: 0,
        };
        let device = &mut self.device;
        match with_retries(&mut *self.pause, || device.call(&mut exchange)) {
            Ok(()) if exchange.exit_info == 0 => Ok(exchange),
            Ok(()) => {
                Err(refused(&exchange)
                    .unwrap_or(SevGuestError::Firmware(exchange.exit_info as u32)))
            }
            Err(error) => Err(refused(&exchange).unwrap_or_else(|| device_error(error))),
        }
    }
}

fn request(report_data: &[u8; 64], vmpl: u8) -> [u8; REQUEST_BYTES] {
    let mut request = [0; REQUEST_BYTES];
    request[..64].copy_from_slice(report_data);
    request[64..68].copy_from_slice(&u32::from(vmpl).to_le_bytes());
    request
}

/// What firmware or host said, if they said anything.
fn refused(exchange: &Exchange) -> Option<SevGuestError> {
    let (host, firmware) = (
        (exchange.exit_info >> 32) as u32,
        (exchange.exit_info & 0xffff_ffff) as u32,
    );
    match (host, firmware) {
        (0, 0) => None,
        (VMM_INVALID_LENGTH, _) => Some(SevGuestError::CertificatesLength(
            exchange.certificates_needed,
        )),
        (VMM_BUSY, _) => Some(SevGuestError::Throttled),
        // The kernel writes this before it asks anybody.
        (0, 0xff) => None,
        (0, firmware) => Some(SevGuestError::Firmware(firmware)),
        (host, _) => Some(SevGuestError::Host(host)),
    }
}

fn device_error(error: OsError) -> SevGuestError {
    if error.code() == Some(rustix::io::Errno::NOTTY.raw_os_error()) {
        return SevGuestError::Disabled;
    }
    SevGuestError::Device(error)
}

/// The report in a response (56860, `MSG_REPORT_RSP`): status, length, 24
/// reserved bytes, report.
pub fn report_of(response: &[u8]) -> Result<&[u8], SevGuestError> {
    let none = SevGuestError::Length(0);
    let word = |at: usize| -> Option<u32> {
        let bytes = response.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    match word(0).ok_or(none)? {
        0 => {}
        status => return Err(SevGuestError::Status(status)),
    }
    let length = word(4).ok_or(none)?;
    if length as usize != SNP_REPORT_BYTES {
        return Err(SevGuestError::Length(length));
    }
    response
        .get(RESPONSE_HEADER_BYTES..RESPONSE_HEADER_BYTES + SNP_REPORT_BYTES)
        .ok_or(none)
}
