//! The door of a founder that waits for the members' approvals: it proves what it is, and takes
//! those.

use std::sync::PoisonError;

use bytes::Bytes;
use synod_api::{AttestationReply, ErrorCode, HealthReply, Problem, SessionReply};
use synod_gateway::{Answer, Caller, Refusal, governance, network};
use synod_governance::Refusal as Refused;
use synod_replica::{FoundError, GovernanceError};
use tokio::sync::{mpsc, oneshot};

use crate::begun::Begun;
use crate::founder::{self, FounderError, Waiting};
use crate::proof::{Asked, attestation, session};
use crate::{metrics, views};

/// What a founder does until the members approve.
pub(crate) const WAITING: &str = "waiting for the members' approvals";

/// A founder that waits, and where to hand what comes of it.
pub(crate) struct Founding {
    pub(crate) waiting: std::sync::Mutex<Waiting>,
    /// Takes the founded network; answers once it runs.
    pub(crate) begun: mpsc::Sender<(Begun, oneshot::Sender<()>)>,
}

/// The health of a node that is not a replica yet.
pub(crate) fn early(call: &network::Call, state: &str) -> Answer<network::Reply> {
    let health = |ok| {
        network::Reply::Health(HealthReply {
            ok,
            state: state.to_owned(),
        })
    };
    match call {
        network::Call::Live => Ok(health(true)),
        network::Call::Ready => Ok(health(false)),
        network::Call::Metrics => Ok(network::Reply::Metrics(metrics::before_running())),
        network::Call::Describe | network::Call::Attest { .. } | network::Call::Session { .. } => {
            Err(not_ready(state))
        }
    }
}

/// The refusal of what only a running replica can do.
pub(crate) fn not_ready(state: &str) -> Refusal {
    Problem::new(ErrorCode::NotReady)
        .with_detail(format!("this node is {state}"))
        .into()
}

impl Founding {
    /// Answers what a founder says of itself.
    pub(crate) fn network(&self, caller: Caller, call: &network::Call) -> Answer<network::Reply> {
        match *call {
            network::Call::Describe => Ok(network::Reply::Description(Box::new(views::founder(
                &self.lock(),
            )))),
            network::Call::Attest { nonce } => {
                let reply = self.attestation(caller, nonce);
                Ok(network::Reply::Attestation(Box::new(reply)))
            }
            network::Call::Session { nonce } => {
                Ok(network::Reply::Session(self.session(caller, nonce)))
            }
            network::Call::Live | network::Call::Ready | network::Call::Metrics => {
                early(call, WAITING)
            }
        }
    }

    /// Takes the members' approvals, and nothing else.
    pub(crate) async fn governance(&self, call: governance::Call) -> Answer<governance::Reply> {
        match call {
            governance::Call::Bootstrap(approvals) => self.found(approvals).await,
            _ => Err(not_ready(WAITING)),
        }
    }

    fn attestation(&self, caller: Caller, nonce: [u8; 32]) -> AttestationReply {
        let waiting = self.lock();
        let asked = Asked {
            context: waiting.manifest().digest(),
            caller,
            nonce,
        };
        attestation(
            waiting.attested(),
            waiting.identity(),
            &asked,
            waiting.collected_ms(),
        )
    }

    fn session(&self, caller: Caller, nonce: [u8; 32]) -> SessionReply {
        let waiting = self.lock();
        let asked = Asked {
            context: waiting.manifest().digest(),
            caller,
            nonce,
        };
        session(waiting.identity(), &asked)
    }

    async fn found(&self, approvals: Bytes) -> Answer<governance::Reply> {
        let begun = self
            .lock()
            .found(&approvals)
            .map_err(|error| founding_problem(&error))?;
        let network = begun.network;
        let (runs, running) = oneshot::channel();
        let gone = |()| Problem::new(ErrorCode::ShuttingDown);
        self.begun.send((begun, runs)).await.map_err(|_| gone(()))?;
        running.await.map_err(|_| gone(()))?;
        Ok(governance::Reply::Cbor(founder::answer(&network)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn founding_problem(error: &FounderError) -> Problem {
    let code = match error {
        FounderError::MalformedApprovals => ErrorCode::InvalidBody,
        FounderError::Found(FoundError::Governance(GovernanceError::Refused(
            Refused::Signatures(_) | Refused::ApprovalOfAnother | Refused::Malformed(_),
        ))) => ErrorCode::ApprovalsRefused,
        FounderError::Found(_) => ErrorCode::EvidenceRefused,
        FounderError::AlreadyFounded => ErrorCode::AlreadyDone,
        _ => ErrorCode::Internal,
    };
    Problem::new(code).with_detail(error.to_string())
}
