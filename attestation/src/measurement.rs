//! The digest of what runs in a TEE.

use std::{fmt, str::FromStr};

/// The launch measurement of a workload: SNP `MEASUREMENT`, TDX `MRTD`, Nitro
/// `PCR0` (48 bytes each), SGX `MRENCLAVE` (32 bytes); 64 bytes are kept for
/// other TEEs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Measurement(Vec<u8>);

impl Measurement {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes are no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeasurementError {
    /// A measurement has 32, 48 or 64 bytes.
    #[error("measurement is {0} bytes, expected 32, 48 or 64")]
    Length(usize),
    /// The text is not hexadecimal.
    #[error("measurement is not written in hexadecimal digits")]
    Hex,
}

impl From<[u8; 48]> for Measurement {
    fn from(bytes: [u8; 48]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<[u8; 32]> for Measurement {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }
}

impl TryFrom<&[u8]> for Measurement {
    type Error = MeasurementError;

    fn try_from(bytes: &[u8]) -> Result<Self, MeasurementError> {
        match bytes.len() {
            32 | 48 | 64 => Ok(Self(bytes.to_vec())),
            length => Err(MeasurementError::Length(length)),
        }
    }
}

impl FromStr for Measurement {
    type Err = MeasurementError;

    fn from_str(text: &str) -> Result<Self, MeasurementError> {
        let bytes = hex::decode(text).map_err(|_| MeasurementError::Hex)?;
        Self::try_from(bytes.as_slice())
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measurement({self})")
    }
}
