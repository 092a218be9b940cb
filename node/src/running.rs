//! A running replica, as the door sees it: how to ask it, and how to look at it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use synod_api::{ErrorCode, Problem};
use synod_crypto::{Digest, SigningKey};
use synod_gateway::Refusal;
use synod_replica::{Ask, CallError, Caller};

use crate::app::AppDoor;
use crate::catalog::Catalog;
use crate::core::Core;
use crate::disk_trouble::DiskTrouble;
use crate::known::Known;
use crate::ledger_places::LedgerPlaces;
use crate::problems::problem;
use crate::reattester::Told;
use crate::watching::Watchers;
use synod_identity::Evidence;

/// A running replica, as the door sees it.
pub(crate) struct Running {
    pub(crate) core: Core,
    pub(crate) network: Digest,
    pub(crate) identity: Arc<SigningKey>,
    /// The newest evidence on the ledger about this node.
    pub(crate) evidence: Evidence,
    /// Why the disk takes no writes.
    pub(crate) disk_trouble: DiskTrouble,
    /// How attesting anew goes.
    pub(crate) attesting: Told,
    pub(crate) catalog: Catalog,
    /// Whom certified governance knows.
    pub(crate) known: Known,
    pub(crate) streams: LedgerPlaces,
    pub(crate) authority_pem: String,
    /// Public addresses of the replicas, for redirects.
    pub(crate) urls: RwLock<BTreeMap<u64, String>>,
    /// Calls that may wait for the replica at the same time.
    pub(crate) calls: tokio::sync::Semaphore,
    /// Joins that may wait for the replica at the same time: one.
    pub(crate) joins: tokio::sync::Semaphore,
    pub(crate) apps: AppDoor,
    pub(crate) watchers: Arc<Watchers>,
}

impl Running {
    /// Asks the replica. What fails is told to the caller, of a follower as the way to the leader.
    pub(crate) async fn ask<A: Ask>(&self, caller: Caller, asked: A) -> Result<A::Answer, Refusal> {
        let answer = self.core.ask(caller, asked).await?;
        answer.map_err(|error| self.refusal(&error))
    }

    /// Why a call failed, as the door tells it: of a follower the way to the leader.
    pub(crate) fn refusal(&self, error: &CallError) -> Refusal {
        if let CallError::NotLeader {
            leader: Some(leader),
        } = error
        {
            let urls = self.urls.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(url) = urls.get(leader) {
                return Refusal::Leader { url: url.clone() };
            }
        }
        problem(error).into()
    }

    /// A place for one more call, given back when it is dropped.
    pub(crate) fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Refusal> {
        let place = self.calls.try_acquire();
        place.map_err(|_| Problem::new(ErrorCode::Overloaded).into())
    }
}
