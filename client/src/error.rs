//! What goes wrong between a client and a service.
//!
//! Kinds that never mix: nothing was sent (`Unreachable`, `NotVerified`), something was sent and
//! its fate is open (`Lost`, `Timeout`), the service said no (`Problem`), the service said
//! something that it must not say (`BadAnswer`). What evidence, chain or receipt prove or fail to
//! prove has errors of its own, with the checks.

use std::time::Duration;

use synod_api::{ErrorCode, Problem};

use crate::checks::{Checks, Unverified};
use crate::memory::MemoryError;
use crate::state_file::StateFileError;
use crate::url::ReplicaUrl;

/// Why a call to a service gave no answer, or not the requested one.
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
    /// The replica did not prove to be one of the service; nothing but the request for its evidence
    /// was sent.
    #[error("{url} is not verified: {why}")]
    NotVerified {
        /// The replica.
        url: ReplicaUrl,
        /// The check that failed, with all checks made.
        why: Box<Unverified>,
    },
    /// Two roots of one tree size are certified: the ledger was forked. Nothing was sent, and no
    /// other replica is asked.
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
    #[error("{url} gave an answer that does not match the interface: {what}")]
    BadAnswer {
        /// The replica.
        url: ReplicaUrl,
        /// What is wrong with it.
        what: String,
    },
    /// The caller's request cannot be put into HTTP. The caller is at fault.
    #[error("the request cannot be sent: {0}")]
    BadRequest(String),
    /// The replica points to an address that the verified network does not name; it was not
    /// followed, and nothing was carried out.
    #[error("{url} redirects to `{to}`, which the network does not name as a replica's address")]
    ForeignRedirect {
        /// The replica.
        url: ReplicaUrl,
        /// Where it points.
        to: String,
    },
    /// Every replica that is known was tried, and none can be used.
    #[error("no replica of the service can be used:{}", listed(failures))]
    NoneLeft {
        /// The addresses, each with its last failure.
        failures: Vec<(ReplicaUrl, ClientError)>,
        /// Whether the request may have taken effect at one of them.
        sent: bool,
    },
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
            Self::NoneLeft { failures, .. } => {
                failures.iter().rev().find_map(|(_, error)| error.code())
            }
            _ => None,
        }
    }

    /// The same error, seen while a replica was connected to and verified: nothing of the caller's
    /// was sent.
    pub(crate) fn before_the_request(self, url: &ReplicaUrl) -> Self {
        match self {
            Self::Lost { .. } | Self::Timeout { .. } | Self::BadAnswer { .. } => {
                Self::Unreachable {
                    url: url.clone(),
                    why: format!("it could not be verified: {self}"),
                }
            }
            Self::Problem(problem) => Self::Unreachable {
                url: url.clone(),
                why: format!("it could not be verified: {}", told(&problem)),
            },
            other => other,
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
                | Self::ForeignRedirect { .. }
                | Self::NoReplica
                | Self::NoneLeft { sent: false, .. }
        )
    }
}

/// Each address with its reason, in a line of its own.
fn listed(failures: &[(ReplicaUrl, ClientError)]) -> String {
    let line = |(url, error): &(ReplicaUrl, ClientError)| match error {
        ClientError::Problem(problem) => format!("\n  {url}: {}", told(problem)),
        ClientError::NotVerified { why, .. } => format!("\n  {url}: {why}"),
        other => format!("\n  {url}: {other}"),
    };
    failures.iter().map(line).collect()
}

/// A problem in one line.
fn told(problem: &Problem) -> String {
    let detail = problem.detail.as_ref();
    let detail = detail.map(|detail| format!(": {detail}"));
    let (title, code) = (&problem.title, problem.code);
    format!(
        "{title} ({} {code}){}",
        problem.status,
        detail.unwrap_or_default()
    )
}
