//! The checks that a client makes before it believes a replica, each with a name, and what fails
//! them.
//!
//! The list is part of the result, good or bad: a user sees what was looked at, in the order in
//! which it was looked at. After the first check that fails no further one is made.

use std::fmt;

use synod_attestation::{Refusal, StatementError};
use synod_channel::{EvidenceRefused, SessionRefused};
use synod_crypto::Digest;
use synod_ledger::ChainError;

use crate::genesis::FoundingError;
use crate::head::HeadError;
use crate::opening::OpeningError;
use crate::remembered::StepBack;

/// One check that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its stable name.
    pub name: &'static str,
    /// Whether it holds.
    pub passed: bool,
    /// Whether it holds only because nothing is demanded here.
    pub waived: bool,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.passed, self.waived) {
            (false, _) => '✗',
            (true, true) => '-',
            (true, false) => '✓',
        };
        write!(f, "{mark} {}: {}", self.name, self.seen)
    }
}

/// The checks made so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    /// Continues after checks that all passed.
    pub(crate) fn resumed(checks: Vec<Check>) -> Self {
        Self(checks)
    }

    /// Records a check that passed.
    pub(crate) fn pass(&mut self, name: &'static str, seen: impl fmt::Display) {
        self.0.push(Check {
            name,
            passed: true,
            waived: false,
            seen: seen.to_string(),
        });
    }

    /// Records an optional check that did not pass.
    pub(crate) fn waive(&mut self, name: &'static str, seen: impl fmt::Display) {
        self.0.push(Check {
            name,
            passed: true,
            waived: true,
            seen: seen.to_string(),
        });
    }

    /// Records the check that failed, and ends.
    pub(crate) fn fail(mut self, name: &'static str, failure: Failure) -> Unverified {
        self.0.push(Check {
            name,
            passed: false,
            waived: false,
            seen: failure.to_string(),
        });
        Unverified {
            checks: self.0,
            failure,
        }
    }

    /// Records each check that a policy made.
    pub(crate) fn appraised(&mut self, checks: &[synod_attestation::Check]) {
        self.0.extend(checks.iter().map(|check| Check {
            name: check.rule.code(),
            passed: check.passed,
            waived: check.waived,
            seen: match (check.passed, check.waived) {
                (false, _) => format!("{} (wanted: {})", check.found, check.expected),
                (true, true) => format!("{} (the policy demands nothing)", check.found),
                (true, false) => check.found.clone(),
            },
        }));
    }

    /// Ends with a refusal by the policy, and records its checks one by one.
    pub(crate) fn refused(mut self, refusal: Refusal) -> Unverified {
        self.appraised(refusal.checks());
        Unverified {
            checks: self.0,
            failure: Failure::Refused(Box::new(refusal)),
        }
    }

    pub(crate) fn done(self) -> Vec<Check> {
        self.0
    }
}

/// A replica that did not pass: the checks made, of which the last one failed.
#[derive(Clone, Debug)]
pub struct Unverified {
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// What failed.
    pub failure: Failure,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for Unverified {}

/// Why a verification fails; each variant says which check failed. The replica, or a machine
/// between, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A part of the attestation cannot be read.
    #[error("the {0} of the attestation cannot be read")]
    Malformed(&'static str),
    /// The statement cannot be read.
    #[error("the statement cannot be read: {0}")]
    Statement(#[from] StatementError),
    /// The answer is for a different nonce: it is replayed.
    #[error("the answer is for a different nonce than the one sent: it is stale or replayed")]
    Nonce,
    /// The signature over the nonce is not by the key that the statement names.
    #[error("the identity key did not sign the nonce")]
    Freshness,
    /// The connection ends at a different key than the one that the evidence names: a machine
    /// between intercepts it.
    #[error("the connection ends at the key {shown}, but the evidence names {attested}")]
    TlsKey {
        /// Fingerprint of the key that the connection was made with.
        shown: Digest,
        /// Fingerprint of the key in the statement.
        attested: Digest,
    },
    /// The replica does not prove that the TLS session ends at its identity key.
    #[error("nothing proves that this TLS session ends at the identity key")]
    NoSessionProof,
    /// The proof is not for this TLS session: the session ends elsewhere.
    #[error("{0}")]
    Session(#[from] SessionRefused),
    /// The evidence in the replica's certificate does not make it trusted.
    #[error("{0}")]
    Evidence(Box<EvidenceRefused>),
    /// The chain file cannot be read.
    #[error("the chain of configurations cannot be read: {0}")]
    ChainFile(String),
    /// Block 0 is not the pinned one, or not a block.
    #[error("block 0 does not belong to network {pin}: {error}")]
    Network {
        /// The network id that was pinned.
        pin: Digest,
        /// Why.
        error: Box<ChainError>,
    },
    /// The replica belongs to a different network, although it shows the chain of this one.
    #[error("the replica belongs to network {found}, expected {pin}")]
    OtherNetwork {
        /// The network id that was pinned.
        pin: Digest,
        /// The one that the replica signed for.
        found: Digest,
    },
    /// A step of the chain of configurations does not hold.
    #[error("the chain of configurations is broken at record {position}: {error}")]
    Chain {
        /// Which record, from 0.
        position: usize,
        /// Why.
        error: Box<ChainError>,
    },
    /// Block 0 does not say who founded the network.
    #[error("block 0 cannot be used: {0}")]
    Founding(#[from] FoundingError),
    /// The members' opening that the replica shows is not valid.
    #[error("the members' signed action that opens the network is not valid: {0}")]
    Opening(Box<OpeningError>),
    /// The members have not opened the network, and the request contains user data.
    #[error(
        "the replica does not prove that the members opened the network, so no user data is sent to it"
    )]
    NotOpen,
    /// Block 0 names no policy, and the caller gave none.
    #[error("block 0 contains no appraisal policy that this program can read: {0}")]
    NoPolicy(String),
    /// The policy refuses the evidence.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The replica does not vote in the newest configuration.
    #[error("identity {identity} is not a voter of configuration {configuration}")]
    NotVoter {
        /// Its identity key, in hexadecimal.
        identity: String,
        /// The number of the newest configuration.
        configuration: u64,
    },
    /// The newest certified block that the replica shows is not valid.
    #[error("the newest certified block is not valid: {0}")]
    CertifiedBlock(Box<HeadError>),
    /// The replica shows something older than this client has seen, or something else in its place.
    #[error("{0}")]
    StepBack(#[from] StepBack),
}

impl From<OpeningError> for Failure {
    fn from(error: OpeningError) -> Self {
        Self::Opening(Box::new(error))
    }
}

impl From<HeadError> for Failure {
    fn from(error: HeadError) -> Self {
        Self::CertifiedBlock(Box::new(error))
    }
}

impl From<EvidenceRefused> for Failure {
    fn from(refused: EvidenceRefused) -> Self {
        Self::Evidence(Box::new(refused))
    }
}

impl Failure {
    /// A hint that says what the caller can do, if there is one.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(refusal.hint()),
            Self::Network { .. } | Self::OtherNetwork { .. } => {
                Some("compare the network id with the one that the members publish")
            }
            Self::TlsKey { .. }
            | Self::Nonce
            | Self::Freshness
            | Self::NoSessionProof
            | Self::Session(_) => Some(
                "something intercepts the connection between you and the replica; do not send it anything",
            ),
            Self::StepBack(step_back) if step_back.may_pass() => {
                Some("ask another replica, or this one again in a moment")
            }
            Self::StepBack(_) => Some(
                "do not use this replica; compare the configuration with the one that the members and other clients see",
            ),
            Self::NotOpen => Some(
                "the members open it with `synod member act open`; until then only they are served",
            ),
            Self::NotVoter { .. } => Some("ask a replica that votes; `synod status` lists them"),
            Self::NoPolicy(_) => Some("name a policy with `--policy FILE`"),
            _ => None,
        }
    }
}
