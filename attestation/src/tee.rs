//! The kinds of trusted execution environment whose evidence this crate judges.
//!
//! Invariants:
//! - the number of a [`Tee`] in encoded evidence never changes its meaning;
//! - every TEE belongs to exactly one vendor.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A kind of trusted execution environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tee {
    /// AMD SEV-SNP: a confidential virtual machine.
    SevSnp,
    /// Intel TDX: a trust domain.
    Tdx,
    /// AWS Nitro Enclaves.
    Nitro,
    /// Intel SGX: an enclave.
    Sgx,
}

impl Tee {
    /// Every TEE that this crate can judge.
    pub const ALL: [Self; 4] = [Self::SevSnp, Self::Tdx, Self::Nitro, Self::Sgx];

    /// The vendor whose keys vouch for this TEE: the unit of the diversity rule.
    pub fn vendor(self) -> &'static str {
        match self {
            Self::SevSnp => "amd",
            Self::Tdx | Self::Sgx => "intel",
            Self::Nitro => "aws",
        }
    }

    /// The name used in policies and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevSnp => "sev-snp",
            Self::Tdx => "tdx",
            Self::Nitro => "nitro",
            Self::Sgx => "sgx",
        }
    }

    /// The number that represents this TEE in encoded evidence.
    pub fn number(self) -> u8 {
        match self {
            Self::SevSnp => 1,
            Self::Tdx => 2,
            Self::Nitro => 3,
            Self::Sgx => 4,
        }
    }

    /// The TEE of a number in encoded evidence.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tee| tee.number() == number)
    }
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Tee {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The name is not one of `sev-snp`, `tdx`, `nitro`, `sgx`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown TEE type `{0}`")]
pub struct UnknownTee(pub String);

impl FromStr for Tee {
    type Err = UnknownTee;

    fn from_str(name: &str) -> Result<Self, UnknownTee> {
        Self::ALL
            .into_iter()
            .find(|tee| tee.name() == name)
            .ok_or_else(|| UnknownTee(name.to_owned()))
    }
}
