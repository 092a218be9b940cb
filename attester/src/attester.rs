//! The port to the hardware.

use synod_attestation::{Endorsements, Evidence, NodeStatement, ReportData, Tee};

use crate::{
    gramine::GramineError,
    linux::{configfs_tsm::TsmError, nsm::NsmError, sev_guest::SevGuestError},
};

/// The platform gave no evidence. Our environment is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttesterError {
    /// A key of the simulated attester could not be read or used.
    #[error("the key `{0}` of the attester cannot be used")]
    Key(&'static str),
    /// A part of the evidence could not be encoded.
    #[error("the attester cannot encode {0}")]
    Encoding(&'static str),
    /// The time lies outside of what certificates can express.
    #[error("the time {0} ms cannot be represented in a certificate")]
    Time(u64),
    /// Linux' configfs-tsm gave none.
    #[error("configfs-tsm gave no evidence: {0}")]
    Tsm(#[from] TsmError),
    /// The driver of AMD's secure processor gave none.
    #[error("`/dev/sev-guest` gave no evidence: {0}")]
    SevGuest(#[from] SevGuestError),
    /// The Nitro Secure Module gave none.
    #[error("the Nitro Secure Module gave no evidence: {0}")]
    Nsm(#[from] NsmError),
    /// Gramine's files gave none.
    #[error("Gramine gave no evidence: {0}")]
    Gramine(#[from] GramineError),
    /// The platform gave evidence, but nothing of what its vendor says about
    /// it; the caller must fetch that from elsewhere.
    #[error("this platform does not provide endorsements for its {0} evidence")]
    NoEndorsements(Tee),
}

/// Evidence, and what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// What the TEE signed.
    pub evidence: Evidence,
    /// The vendor's statements, where the platform hands out all that a
    /// verifier needs (AMD's certificate table; Nitro, which needs none).
    /// `None`: they must be fetched.
    pub endorsements: Option<Endorsements>,
    /// AMD's certificate table as the host handed it out, complete or not;
    /// empty with other TEEs and with hosts that have none.
    pub certificate_table: Vec<u8>,
}

/// Asks a TEE to sign what its guest states.
///
/// Each call makes fresh evidence. It may block for seconds (a quoting service
/// may sit in another virtual machine), and hardware may limit how often.
pub trait Attester: Send {
    /// Evidence over these 64 bytes, with endorsements that are current at
    /// `now_ms` (Unix milliseconds) if the platform hands them out.
    fn quote(&mut self, report_data: &ReportData, now_ms: u64) -> Result<Quoted, AttesterError>;

    /// The kind of TEE that answers.
    fn tee(&self) -> Tee;

    /// Evidence whose report data is that of `statement`, with endorsements.
    fn collect(
        &mut self,
        statement: &NodeStatement,
        now_ms: u64,
    ) -> Result<(Evidence, Endorsements), AttesterError> {
        let quoted = self.quote(&statement.report_data(), now_ms)?;
        let endorsements = quoted
            .endorsements
            .ok_or(AttesterError::NoEndorsements(self.tee()))?;
        Ok((quoted.evidence, endorsements))
    }
}

impl<T: Attester + ?Sized> Attester for Box<T> {
    fn quote(&mut self, report_data: &ReportData, now_ms: u64) -> Result<Quoted, AttesterError> {
        (**self).quote(report_data, now_ms)
    }

    fn tee(&self) -> Tee {
        (**self).tee()
    }
}
