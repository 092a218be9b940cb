//! The port to the hardware.

use synod_attestation::{Endorsements, Evidence, NodeStatement, Tee};

/// The hardware gave no evidence. The fault is our environment's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttesterError {
    /// A key of the attester could not be read or used.
    #[error("the key `{0}` of the attester cannot be used")]
    Key(&'static str),
    /// There is no simulated TEE of this kind.
    #[error("{0} cannot be simulated")]
    NotSimulated(Tee),
    /// A part of the evidence could not be encoded.
    #[error("the attester cannot encode {0}")]
    Encoding(&'static str),
    /// The time lies outside of what certificates can express.
    #[error("the time {0} ms cannot stand in a certificate")]
    Time(u64),
}

/// Asks a TEE to sign what its guest states.
///
/// Each call makes fresh evidence; it may take milliseconds, and hardware may
/// limit how often. Endorsements come along when the platform hands them out,
/// and are current at `now_ms`.
pub trait Attester {
    /// Evidence whose report data is that of `statement`, with endorsements
    /// that are valid at `now_ms` (Unix milliseconds).
    fn collect(
        &mut self,
        statement: &NodeStatement,
        now_ms: u64,
    ) -> Result<(Evidence, Endorsements), AttesterError>;

    /// The kind of TEE that answers.
    fn tee(&self) -> Tee;
}
