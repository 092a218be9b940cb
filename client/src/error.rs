//! What goes wrong between a client and a service.
//!
//! Kinds that never mix: nothing was sent (`Unreachable`, `Refused…`), something was sent and its fate is open
//! (`Lost`, `Timeout`), the service said no (`Problem`), the service said something that it must not say
//! (`BadAnswer`). What evidence, chain or receipt prove or fail to prove has errors of its own, with the checks.

use std::time::Duration;

use synod_api::{ErrorCode, Problem};

use crate::checks::{Checks, Unverified};
use crate::memory::MemoryError;
use crate::state_file::StateFileError;
use crate::url::ReplicaUrl;

/// Why a call to a service gave no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made; nothing was sent. The network, or the replica, is down.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The replica.
        url: ReplicaUrl,
        /// What the operating system or TLS said.
        why: String,
    },
    /// The replica did not prove to be one of the service; nothing but the request for its evidence was sent.
    #[error("{url} is not verified: {why}")]
    NotVerified {
        /// The replica.
        url: ReplicaUrl,
        /// The check that failed, with all checks made.
        why: Box<Unverified>,
    },
    /// Two roots of one tree size are certified: the ledger was forked. Nothing was sent, and no other replica is asked.
    #[error("{url} and what this client has seen contradict each other: {why}")]
    Forked {
        /// The replica that showed the second root.
        url: ReplicaUrl,
        /// What was seen, and where the proof is kept.
        why: Box<MemoryError>,
    },
    /// The state file cannot be used; nothing was sent. The caller's machine is at fault.
    #[error(transparent)]
    State(#[from] StateFileError),
    /// The connection ended while a request was in flight: it may have taken effect.
    #[error("the connection to {url} was lost: {why}")]
    Lost {
        /// The replica.
        url: ReplicaUrl,
        /// What was seen.
        why: String,
    },
    /// No answer in time: the request may have taken effect.
    #[error("{url} did not answer within {after:?}")]
    Timeout {
        /// The replica.
        url: ReplicaUrl,
        /// The time given.
        after: Duration,
    },
    /// The service answered with a problem.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The service answered with what its interface does not allow.
    #[error("{url} gave an answer that is not of the interface: {what}")]
    BadAnswer {
        /// The replica.
        url: ReplicaUrl,
        /// What is wrong with it.
        what: String,
    },
    /// The caller's request cannot be put into HTTP. The caller is at fault.
    #[error("the request cannot be sent: {0}")]
    BadRequest(String),
    /// The operating system failed us.
    #[error("the operating system failed: {0}")]
    Environment(String),
    /// No replica is known. The caller is at fault.
    #[error("no replica of the service is known")]
    NoReplica,
}

impl ClientError {
    /// The stable code, if the service answered with a problem.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// What a replica showed does not agree with what is remembered; the checks made before passed.
    pub(crate) fn of_memory(url: &ReplicaUrl, error: MemoryError, checks: Checks) -> Self {
        let url = url.clone();
        match error {
            MemoryError::StepBack(step_back) => Self::NotVerified {
                url,
                why: Box::new(checks.fail("memory", step_back.into())),
            },
            MemoryError::File(error) => Self::State(error),
            why @ MemoryError::Fork { .. } => Self::Forked {
                url,
                why: Box::new(why),
            },
        }
    }

    /// Whether nothing of the request can have taken effect.
    pub fn nothing_was_sent(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NotVerified { .. }
                | Self::Forked { .. }
                | Self::State(_)
                | Self::BadRequest(_)
                | Self::NoReplica
        )
    }
}
