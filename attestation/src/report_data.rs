//! The 64 bytes that a TEE signs on behalf of its guest.
//!
//! The binding is exact: the SHA-512 of the statement fills the field to the
//! last byte, so there is no padding to forge and no prefix to compare.

use std::fmt;

use synod_crypto::sha512;

/// What the guest asked its TEE to sign (SNP `REPORT_DATA`, TDX `REPORTDATA`,
/// Nitro `user_data`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportData([u8; 64]);

impl ReportData {
    /// Binds a statement: SHA-512 over its bytes.
    pub fn from_statement(statement: &[u8]) -> Self {
        Self(sha512(&[statement]))
    }

    /// The 64 bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl From<[u8; 64]> for ReportData {
    fn from(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

/// The bytes are not exactly 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("report data is {0} bytes, expected 64")]
pub struct WrongLength(pub usize);

impl TryFrom<&[u8]> for ReportData {
    type Error = WrongLength;

    fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
        <[u8; 64]>::try_from(bytes)
            .map(Self)
            .map_err(|_| WrongLength(bytes.len()))
    }
}

impl fmt::Display for ReportData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ReportData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportData({self})")
    }
}
