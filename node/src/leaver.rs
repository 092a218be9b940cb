//! A node that stops leaves the network first: it asks to be taken out and waits until it is.
//!
//! A replica that only stops stays a voter that never answers, and two of those end a service of
//! three. So whoever is told to stop alone leaves. What keeps it from that is told, and it stops
//! all the same.

use std::sync::Arc;
use std::time::Duration;

use synod_crypto::{Digest, SigningKey};
use synod_governance::{BlockRef, Input, Leave, ReplicaStatus};
use synod_replica::governance::Request;
use synod_replica::{CallError, Caller, Replica};
use tokio::time::{sleep, timeout};

use crate::core::{Core, Stopped};
use crate::running::Running;

/// The pause before it is asked again where nobody could answer.
const PAUSE: Duration = Duration::from_millis(200);

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop before it was a replica.
    Unbegun,
    /// It is out of the network, and nobody waits for it.
    Left {
        /// Its id.
        replica: u64,
    },
    /// It stopped without leaving: until it is replaced or removed it counts as a voter that does
    /// not answer.
    Stayed {
        /// Its id.
        replica: u64,
        /// What kept it from leaving; none if it was told not to leave.
        why: Option<String>,
    },
}

/// What leaving takes.
pub(crate) struct Leaver {
    core: Core,
    network: Digest,
    id: u64,
    identity: Arc<SigningKey>,
}

/// What certified state says of this replica.
struct Standing {
    removed: bool,
    newest: BlockRef,
}

impl Leaver {
    /// Of replica `id`, which runs.
    pub(crate) fn of(running: &Running, id: u64) -> Self {
        Self {
            core: running.core.clone(),
            network: running.network,
            id,
            identity: running.identity.clone(),
        }
    }

    /// Leaves, in at most so long.
    pub(crate) async fn leave(&self, max: Duration) -> Ended {
        let replica = self.id;
        match timeout(max, self.until_out()).await {
            Ok(Ok(())) => Ended::Left { replica },
            Ok(Err(why)) => self.stayed(Some(why)),
            Err(_) => self.stayed(Some(format!(
                "it was not seen out of the network within {} s",
                max.as_secs_f32()
            ))),
        }
    }

    /// It stops without leaving.
    pub(crate) fn stayed(&self, why: Option<String>) -> Ended {
        Ended::Stayed {
            replica: self.id,
            why,
        }
    }

    /// Asks until this replica sees itself out, or until it hears why it stays.
    async fn until_out(&self) -> Result<(), String> {
        loop {
            let id = self.id;
            let standing = self.core.look(move |replica| standing(replica, id)).await;
            let standing = standing.map_err(|_| "the replica has ended")?;
            if standing.removed {
                return Ok(());
            }
            let leave = Leave::sign(&self.network, id, standing.newest, &self.identity);
            let request = Request::Leave(Input::Leave(leave).encode().into());
            match self.core.ask(Caller::default(), request).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error @ CallError::Halted)) => return Err(error.to_string()),
                Ok(Err(error)) => match error.refusal() {
                    Some(why) => return Err(why),
                    None => sleep(PAUSE).await,
                },
                Err(Stopped) => sleep(PAUSE).await,
            }
        }
    }
}

fn standing(replica: &mut Replica, id: u64) -> Standing {
    let view = replica.network_view();
    let (index, hash, _) = view.certified;
    let mut replicas = view.replicas.iter();
    let removed = replicas.any(|record| record.id == id && record.status == ReplicaStatus::Removed);
    Standing {
        removed,
        newest: BlockRef { index, hash },
    }
}
