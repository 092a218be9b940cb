//! The `ioctl`s of `/dev/sev-guest` and `/dev/nsm`: the one place of this
//! workspace that holds `unsafe`.
//!
//! The kernel gets *addresses in integers*, writes through them during the
//! call, and keeps none of them after it. So for each call must hold:
//! - every address is that of a buffer which this function borrows for longer
//!   than the call lasts, mutably if the kernel writes to it;
//! - the kernel's bound for each buffer (a length in the structure, or the size
//!   of a C type) is at most the buffer's length;
//! - the structures have the layout of the C headers, which the tests below
//!   check to the byte.
//!
//! Lengths that the kernel hands back are never used here to read memory.

#![allow(unsafe_code, reason = "ioctl takes addresses; argued at each call")]

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::linux::{
    nsm::NsmDevice,
    sev_guest::{Exchange, REQUEST_BYTES, SevGuestDevice},
};

/// `struct snp_guest_request_ioctl`.
#[repr(C)]
struct GuestRequest {
    message_version: u8,
    request: u64,
    response: u64,
    exit_info: u64,
}

/// `struct snp_ext_report_req`; the first member is a whole `snp_report_req`.
#[repr(C)]
struct ExtendedRequest {
    report: [u8; REQUEST_BYTES],
    certificates: u64,
    certificates_length: u32,
}

/// `struct nsm_raw`: two of `struct nsm_iovec`.
#[repr(C)]
struct NsmRaw {
    request: u64,
    request_length: u64,
    response: u64,
    response_length: u64,
}

const SNP_GET_REPORT: Opcode = opcode::read_write::<GuestRequest>(b'S', 0);
const SNP_GET_EXT_REPORT: Opcode = opcode::read_write::<GuestRequest>(b'S', 2);
const NSM_IOCTL_RAW: Opcode = opcode::read_write::<NsmRaw>(0x0a, 0);

/// An open device.
pub struct CharacterDevice(File);

impl CharacterDevice {
    /// Opens a device for reading and writing.
    pub fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map(Self)
    }
}

impl SevGuestDevice for CharacterDevice {
    fn call(&mut self, exchange: &mut Exchange) -> io::Result<()> {
        let mut extended = ExtendedRequest {
            report: exchange.request,
            certificates: address_of(&mut exchange.certificates),
            certificates_length: u32::try_from(exchange.certificates.len())
                .map_err(|_| io::ErrorKind::InvalidInput)?,
        };
        let mut header = GuestRequest {
            message_version: exchange.message_version,
            // The plain request is the beginning of the extended one.
            request: (&raw mut extended).expose_provenance() as u64,
            response: address_of(exchange.response.as_mut_slice()),
            exit_info: 0,
        };
        let outcome = if exchange.extended {
            // SAFETY: `header` is a `snp_guest_request_ioctl`, borrowed for the
            // call. Its `request` is `extended`, a live local with the layout
            // of `snp_ext_report_req`, which the kernel reads and may write
            // back. Its `response` is a box of exactly
            // `sizeof(struct snp_report_resp)` bytes. `certificates` is a
            // vector of `certificates_length` bytes, the bound that the kernel
            // writes within. `exchange` is borrowed mutably all along.
            unsafe {
                ioctl(
                    &self.0,
                    Updater::<SNP_GET_EXT_REPORT, GuestRequest>::new(&mut header),
                )
            }
        } else {
            // SAFETY: as above; the kernel reads the first
            // `sizeof(struct snp_report_req)` bytes of `extended` alone, and
            // does not know of certificates.
            unsafe {
                ioctl(
                    &self.0,
                    Updater::<SNP_GET_REPORT, GuestRequest>::new(&mut header),
                )
            }
        };
        exchange.exit_info = header.exit_info;
        exchange.certificates_needed = extended.certificates_length;
        Ok(outcome?)
    }
}

impl NsmDevice for CharacterDevice {
    fn exchange(&mut self, request: &[u8], answer: &mut [u8]) -> io::Result<usize> {
        let mut raw = NsmRaw {
            request: request.as_ptr().expose_provenance() as u64,
            request_length: request.len() as u64,
            response: address_of(answer),
            response_length: answer.len() as u64,
        };
        // SAFETY: `raw` is a `nsm_raw`, borrowed for the call. The kernel reads
        // `request_length` bytes of `request` and writes at most
        // `response_length` bytes to `answer`; both are slices of that length,
        // borrowed for the call, the latter mutably.
        unsafe { ioctl(&self.0, Updater::<NSM_IOCTL_RAW, NsmRaw>::new(&mut raw)) }?;
        // The kernel only lowers the length; no trust in that is needed.
        usize::try_from(raw.response_length)
            .ok()
            .filter(|length| *length <= answer.len())
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// The address of a buffer that the kernel may write to.
fn address_of(buffer: &mut [u8]) -> u64 {
    buffer.as_mut_ptr().expose_provenance() as u64
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;
    use crate::linux::sev_guest::RESPONSE_BYTES;

    #[test]
    fn structures_lie_as_in_the_kernels_headers() {
        assert_eq!(size_of::<GuestRequest>(), 32);
        assert_eq!(offset_of!(GuestRequest, request), 8);
        assert_eq!(offset_of!(GuestRequest, response), 16);
        assert_eq!(offset_of!(GuestRequest, exit_info), 24);
        assert_eq!(size_of::<ExtendedRequest>(), 112);
        assert_eq!(offset_of!(ExtendedRequest, certificates), 96);
        assert_eq!(offset_of!(ExtendedRequest, certificates_length), 104);
        assert_eq!(size_of::<NsmRaw>(), 32);
        assert_eq!(offset_of!(NsmRaw, request_length), 8);
        assert_eq!(offset_of!(NsmRaw, response), 16);
        assert_eq!(offset_of!(NsmRaw, response_length), 24);
    }

    #[test]
    fn numbers_of_the_calls_are_the_kernels() {
        assert_eq!(SNP_GET_REPORT, 0xc020_5300);
        assert_eq!(SNP_GET_EXT_REPORT, 0xc020_5302);
        assert_eq!(NSM_IOCTL_RAW, 0xc020_0a00);
    }

    #[test]
    fn file_that_is_no_such_device_answers_with_an_error() {
        let not_a_device = Some(rustix::io::Errno::NOTTY.raw_os_error());
        let mut null = CharacterDevice::open(Path::new("/dev/null")).expect("/dev/null");
        for extended in [false, true] {
            let mut exchange = Exchange {
                extended,
                message_version: 1,
                request: [0; REQUEST_BYTES],
                response: Box::new([0; RESPONSE_BYTES]),
                exit_info: 0,
                certificates: vec![0; 4096],
                certificates_needed: 0,
            };
            let error = null.call(&mut exchange).expect_err("no such call");
            assert_eq!(error.raw_os_error(), not_a_device);
        }
        let error = null
            .exchange(b"request", &mut [0; 16])
            .expect_err("no such call");
        assert_eq!(error.raw_os_error(), not_a_device);
    }
}
