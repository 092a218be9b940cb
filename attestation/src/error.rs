//! Why evidence is not genuine, whatever its TEE.

use crate::{
    eventlog::error::EventLogError,
    intel::error::{DocumentError, IntelError},
    nitro::error::NitroError,
    snp::error::SnpError,
    tee::Tee,
    x509::CertificateError,
};

/// Why evidence is not genuine. The fault is the attester's, its host's, or
/// the clock's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The endorsements do not fit the evidence.
    #[error("evidence is from {evidence}, but the endorsements are for `{endorsements}`")]
    Mismatch {
        /// The TEE of the evidence.
        evidence: Tee,
        /// The vendor of the endorsements.
        endorsements: &'static str,
    },
    /// An SEV-SNP report is not genuine.
    #[error(transparent)]
    Snp(#[from] SnpError),
    /// A quote of SGX or TDX is not genuine.
    #[error(transparent)]
    Intel(#[from] IntelError),
    /// A Nitro document is not genuine.
    #[error(transparent)]
    Nitro(#[from] NitroError),
    /// An event log does not belong to the quote that it came with.
    #[error("event log: {0}")]
    EventLog(#[from] EventLogError),
    /// Composite evidence and its endorsements have different numbers of
    /// parts.
    #[error("evidence has {evidence} parts, but the endorsements cover {endorsements}")]
    Parts {
        /// Parts of the evidence.
        evidence: usize,
        /// Parts of the endorsements.
        endorsements: usize,
    },
}

impl VerifyError {
    /// The digest of the untrusted root, if that is what is wrong.
    pub fn untrusted_root(&self) -> Option<synod_crypto::Digest> {
        match self {
            Self::Snp(SnpError::RootNotTrusted { found })
            | Self::Intel(IntelError::RootNotTrusted { found })
            | Self::Nitro(NitroError::RootNotTrusted { found }) => Some(*found),
            _ => None,
        }
    }

    /// When the collateral expired that evidence was to be verified with (Unix
    /// seconds), if that is what is wrong. A certificate that expired is
    /// another matter.
    pub(crate) fn collateral_ran_out_s(&self) -> Option<u64> {
        match self {
            Self::Intel(IntelError::TcbInfo(error) | IntelError::QeIdentity(error)) => {
                match error {
                    DocumentError::Expired { next_s, .. } => Some(*next_s),
                    _ => None,
                }
            }
            Self::Intel(IntelError::RootCrl(error) | IntelError::PckCrl(error)) => match error {
                CertificateError::Expired { until_s, .. } => Some(*until_s),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether every signature held, and the vendor itself refuses the state
    /// of the platform.
    pub fn signatures_hold(&self) -> bool {
        matches!(self, Self::Intel(error) if error.signatures_hold())
    }
}
