//! `/dev/nsm`: the Nitro Secure Module of an AWS Nitro enclave
//! (`include/uapi/linux/nsm.h`).
//!
//! Invariants:
//! - an answer that fills the room to the last byte is refused: the kernel
//!   truncates in silence;
//! - every length is bounded before anything is made of it.

use std::io;

use crate::{
    linux::nsm_message::{NSM_ANSWER_BYTES_MAX, NsmMessageError, NsmRequest, document_of},
    os_error::OsError,
    retry::{Pause, with_retries},
};

/// Where Linux shows it.
pub const NSM_DEVICE: &str = "/dev/nsm";

/// The module: the seam to its one `ioctl`.
pub trait NsmDevice: Send {
    /// Sends a request and receives the answer into `answer`; returns its
    /// length. What does not fit is cut off.
    fn exchange(&mut self, request: &[u8], answer: &mut [u8]) -> io::Result<usize>;
}

/// The Nitro Secure Module gave no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NsmError {
    /// The device cannot be opened or called.
    #[error("{0}")]
    Device(OsError),
    /// The answer may have been cut off.
    #[error("the response does not fit into {0} bytes")]
    Truncated(usize),
    /// Request or answer is wrong.
    #[error(transparent)]
    Message(#[from] NsmMessageError),
}

/// Asks the module for documents.
pub struct Nsm {
    device: Box<dyn NsmDevice>,
    pause: Box<dyn Pause>,
}

impl Nsm {
    /// Documents of this module.
    pub fn new(device: Box<dyn NsmDevice>, pause: Box<dyn Pause>) -> Self {
        Self { device, pause }
    }

    /// A document that carries `user_data`.
    pub(crate) fn document(&mut self, user_data: &[u8]) -> Result<Vec<u8>, NsmError> {
        let request = NsmRequest {
            user_data: Some(user_data),
            ..NsmRequest::default()
        }
        .encode()?;
        // One byte more than an answer can have, to see what is cut off.
        let mut answer = vec![0; NSM_ANSWER_BYTES_MAX + 1];
        let device = &mut self.device;
        let length = with_retries(&mut *self.pause, || device.exchange(&request, &mut answer))
            .map_err(NsmError::Device)?;
        if length >= answer.len() {
            return Err(NsmError::Truncated(NSM_ANSWER_BYTES_MAX));
        }
        Ok(document_of(&answer[..length])?)
    }
}
