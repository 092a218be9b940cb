//! What goes wrong between a client and a service.
//!
//! Kinds that never mix: nothing was sent (`Unreachable`, `Refused…`), something was sent and its fate is open
//! (`Lost`, `Timeout`), the service said no (`Problem`), the service said something that it must not say
//! (`BadAnswer`). What evidence, chain or receipt prove or fail to prove has errors of its own, with the checks.

use std::time::Duration;

use synod_api::{ErrorCode, Problem};

use crate::checks::Unverified;
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

    /// Whether nothing of the request can have taken effect.
    pub fn nothing_was_sent(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NotVerified { .. }
                | Self::BadRequest(_)
                | Self::NoReplica
        )
    }
}
