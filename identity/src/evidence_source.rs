//! The one road from hardware to what others appraise: the TEE signs, and who it is endorsed by
//! comes along.
//!
//! Founders, joiners and replicas that attest anew all take it. What comes out is judged elsewhere,
//! by a policy.
//!
//! Invariants
//! - without an endorser no network and no file is touched;
//! - what the host handed out goes on only if the evidence verifies with it; else the endorser is
//!   asked, as it is for a revocation list that the host did not hand out.

use synod_attestation::{Endorsements, NodeStatement, ReportData, Tee, verify};
use synod_attester::{Attester, AttesterError, Quoted};
use synod_endorser::{Endorser, EndorserError, bundle::Bundle};
use synod_governance::AttestedStatement;

use crate::log;

/// Why there is no evidence that anybody could appraise. Our environment's fault.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The TEE gave none, or none with endorsements where nobody may be asked for them.
    #[error(transparent)]
    Attester(#[from] AttesterError),
    /// Nobody endorses this machine.
    #[error("no endorsements for this machine's {tee} evidence: {cause}")]
    Endorser {
        /// The kind of TEE.
        tee: Tee,
        /// Why.
        cause: Box<EndorserError>,
    },
}

impl EvidenceError {
    /// What would help, if that can be told.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Attester(AttesterError::NoEndorsements(_)) => {
                Some("say in the table `[endorsements]` of the configuration where they are")
            }
            Self::Attester(_) => Some("`synod doctor` says what this machine can attest"),
            Self::Endorser { cause, .. } => cause.hint(),
        }
    }
}

/// A TEE, and who knows what its vendor says of it.
pub struct EvidenceSource {
    attester: Box<dyn Attester>,
    endorser: Option<Endorser>,
}

impl EvidenceSource {
    /// Evidence of `attester`, endorsed by its platform or else through `endorser`.
    pub fn new(attester: Box<dyn Attester>, endorser: Option<Endorser>) -> Self {
        Self { attester, endorser }
    }

    /// Fresh evidence that binds `statement`, with endorsements that are current at `now_ms` (Unix
    /// milliseconds). Blocks as long as the TEE and the vendor's service take.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn attest(
        &mut self,
        statement: NodeStatement,
        now_ms: u64,
    ) -> Result<AttestedStatement, EvidenceError> {
        let quoted = self.attester.quote(&statement.report_data(), now_ms)?;
        Ok(AttestedStatement {
            endorsements: self.endorsements(&quoted, now_ms)?,
            evidence: quoted.evidence,
            statement,
        })
    }

    /// Makes evidence that binds nothing and forgets it, so that endorsements are in the cache when
    /// time presses, and what is missing is told at once. Does nothing where there is no endorser.
    /// Blocks as `attest` does.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn rehearse(&mut self, now_ms: u64) -> Result<(), EvidenceError> {
        if self.endorser.is_some() {
            let quoted = self.attester.quote(&ReportData::from([0; 64]), now_ms)?;
            self.endorsements(&quoted, now_ms)?;
        }
        Ok(())
    }

    fn endorsements(&self, quoted: &Quoted, now_ms: u64) -> Result<Endorsements, EvidenceError> {
        let handed = quoted.endorsements.clone();
        let Some(endorser) = &self.endorser else {
            let nobody = || AttesterError::NoEndorsements(self.attester.tee()).into();
            return handed.ok_or_else(nobody);
        };
        let holds = |handed: &Endorsements| {
            verify(&quoted.evidence, handed, endorser.anchors(), now_ms).is_ok()
        };
        match handed.filter(holds) {
            None => fetch(endorser, quoted, now_ms),
            Some(handed) if tell_of_revocation(&handed) => Ok(handed),
            // A policy may ask for the list, and hosts do not hand it out.
            Some(handed) => fetch(endorser, quoted, now_ms).or_else(|error| {
                log::warn(
                    "endorsements",
                    format_args!("the host's serve, without a revocation list: {error}"),
                );
                Ok(handed)
            }),
        }
    }
}

/// Whether nothing more could be learned of revoked certificates.
fn tell_of_revocation(endorsements: &Endorsements) -> bool {
    !matches!(endorsements, Endorsements::Snp(snp) if snp.crl.is_none())
}

fn fetch(endorser: &Endorser, quoted: &Quoted, now_ms: u64) -> Result<Endorsements, EvidenceError> {
    let tee = quoted.evidence.tee();
    let handed = Bundle::of_certificate_table(&quoted.certificate_table);
    let fetched = endorser
        .endorsements_with(&quoted.evidence, &handed, now_ms)
        .map_err(|cause| EvidenceError::Endorser {
            tee,
            cause: Box::new(cause),
        })?;
    for note in &fetched.notes {
        log::warn("endorsements", note);
    }
    log::info(
        "endorsements",
        format_args!("of this machine's {tee}, from {}", fetched.source),
    );
    Ok(fetched.endorsements)
}
