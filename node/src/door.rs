//! The public door: HTTPS in front of whatever this node is at the moment, a waiting founder, a
//! joiner, or a running replica. Each domain of calls has a file of its own.
//!
//! Invariants
//! - before the network exists a founder answers for its attestation and takes approvals, and
//!   nothing else;
//! - what is not the leader's to answer is answered here, what is, by the leader: a follower names
//!   its address;
//! - nothing of private state, and no key, passes through here but in the answers that the replica
//!   gives.

use std::sync::{Arc, PoisonError, RwLock};

use synod_crypto::Digest;
use synod_gateway::{Answer, Backend, Caller, Refusal, app, governance, kv, ledger, network};
use synod_replica::Caller as Who;

use crate::founding::{Founding, WAITING, early, not_ready};
use crate::running::Running;

/// What a joiner does until it runs.
const JOINING: &str = "joining";

/// What this node is at the moment.
pub(crate) enum Stage {
    /// It waits for the members' approvals.
    Founding(Arc<Founding>),
    /// It joins; it has nothing to say yet.
    Joining,
    /// It is a replica.
    Running(Arc<Running>),
}

/// The backend of the gateway; clones share the stage.
#[derive(Clone)]
pub(crate) struct Door {
    stage: Arc<RwLock<Stage>>,
}

impl Door {
    /// A door that opens on `stage`.
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage: Arc::new(RwLock::new(stage)),
        }
    }

    /// The node has become something else.
    pub(crate) fn enter(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Whether the key is that of a user, a member or a replica of the network.
    pub(crate) fn knows(&self, key: &Digest) -> bool {
        self.running()
            .is_some_and(|running| running.known.knows(key))
    }

    fn running(&self) -> Option<Arc<Running>> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Running(running) => Some(running.clone()),
            _ => None,
        }
    }

    fn founding(&self) -> Option<Arc<Founding>> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Founding(founding) => Some(founding.clone()),
            _ => None,
        }
    }

    /// The running replica, or why there is none.
    fn replica(&self) -> Result<Arc<Running>, Refusal> {
        let state = if self.founding().is_some() {
            WAITING
        } else {
            JOINING
        };
        self.running().ok_or_else(|| not_ready(state))
    }
}

impl Backend for Door {
    async fn kv(&self, caller: Caller, call: kv::Call) -> Answer<kv::Reply> {
        let running = self.replica()?;
        let _place = running.place()?;
        running.kv(who(caller), call).await
    }

    async fn app(&self, caller: Caller, call: app::Call) -> Answer<app::Reply> {
        let running = self.replica()?;
        let _place = running.place()?;
        let answer = running.apps.answer(who(caller), call).await;
        answer.map_err(|refused| match refused {
            crate::app::Refusal::Call(error) => running.refusal(&error),
            crate::app::Refusal::Problem(problem) => problem.into(),
        })
    }

    async fn ledger(&self, caller: Caller, call: ledger::Call) -> Answer<ledger::Reply> {
        let running = self.replica()?;
        let _place = running.place()?;
        running.ledger(caller, who(caller), call).await
    }

    async fn governance(
        &self,
        caller: Caller,
        call: governance::Call,
    ) -> Answer<governance::Reply> {
        if let Some(founding) = self.founding() {
            return founding.governance(call).await;
        }
        let running = self.replica()?;
        let _place = running.place()?;
        running.governance(who(caller), call).await
    }

    async fn network(&self, caller: Caller, call: network::Call) -> Answer<network::Reply> {
        if let Some(founding) = self.founding() {
            return founding.network(caller, &call);
        }
        let Some(running) = self.running() else {
            return early(&call, JOINING);
        };
        let _place = running.place()?;
        running.network(caller, call).await
    }
}

/// The caller, as the replica knows it.
fn who(caller: Caller) -> Who {
    Who {
        fingerprint: caller.fingerprint.map(Digest::from),
    }
}
