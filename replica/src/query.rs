//! What can be asked of a replica without a call: views of certified state, and its own standing.

use std::sync::Arc;

use bytes::Bytes;
use synod_consensus::Peer;
use synod_crypto::{Digest, PublicKey, Signature};
use synod_governance::app::{AppName, CallerIdentity};
use synod_governance::{Lapsed, ReplicaRecord, ServiceRecord};
use synod_ledger::{Configuration, TxId};

use crate::app::{AppFault, Completion, Execution};
use crate::apps::{self, ActiveApp};
use crate::caller::Caller;
use crate::calls::CallError;
use crate::changes::{Change, ChangesError};
use crate::deploying::AppView;
use crate::governance_view::GovernanceView;
use crate::keys::{self, Trusted};
use crate::replay::{self, ReplayError, Replayed};
use crate::replica::Replica;

/// The network as this replica sees it; everything but `view`, `leader` and `peers` comes from
/// certified state.
#[derive(Debug, Clone)]
pub struct NetworkView {
    /// The network id.
    pub network: Digest,
    /// This replica's id.
    pub id: u64,
    /// The current view.
    pub view: u64,
    /// Its leader, if known.
    pub leader: Option<u64>,
    /// Whether this replica leads and serves.
    pub serves: bool,
    /// Index, hash and time of the newest certified block.
    pub certified: (u64, Digest, u64),
    /// The newest certified transaction.
    pub newest: TxId,
    /// The service's row.
    pub service: Arc<ServiceRecord>,
    /// All replicas, past and present.
    pub replicas: Arc<[ReplicaRecord]>,
    /// The replicas whose verdicts have lapsed, and what follows or stands in the way.
    pub lapsed: Vec<Lapsed>,
    /// The newest configuration.
    pub configuration: Arc<Configuration>,
    /// How far the peers are, as a leader sees it.
    pub peers: Vec<Peer>,
    /// The voters that do not certify, as a leader sees it; see [`Replica::behind`].
    pub behind: Vec<u64>,
    /// Whether too few voters sign what this leader proposes; see [`Replica::is_stalled`].
    pub stalled: bool,
    /// The voters that this replica has not heard for long, and for how long (milliseconds).
    pub silent: Vec<(u64, u64)>,
}

/// Numbers for the operator; nothing of private state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauges {
    /// The view.
    pub view: u64,
    /// Whether this replica leads.
    pub leads: bool,
    /// Newest index in the log.
    pub last_index: u64,
    /// The engine's commit index; on a follower never an uncertified block. It may be an empty
    /// entry of a new leader, which is committed by acknowledgements alone, above the certified
    /// index.
    pub committed_index: u64,
    /// Newest certified index.
    pub certified_index: u64,
    /// Newest certified seqno.
    pub certified_seqno: u64,
    /// Calls that wait to be carried out.
    pub calls_waiting: usize,
    /// Things that no honest peer sends, so far.
    pub misbehaviours: u64,
    /// Messages that the engine refused, so far.
    pub refusals: u64,
    /// How far the newest certified block was behind this machine's wall clock when it came
    /// (milliseconds).
    pub ledger_behind_ms: u64,
    /// The same, where it is too far and has been so for a while.
    pub ledger_too_far_behind_ms: Option<u64>,
    /// Voters that do not certify; a leader's. See [`Replica::behind`].
    pub voters_behind: usize,
    /// Whether the disk does not take writes.
    pub disk_full: bool,
    /// Whether this replica has stopped for good.
    pub halted: bool,
}

/// What it takes to follow the configurations offline, from the block that a client pinned.
#[derive(Debug, Clone)]
pub struct ChainParts {
    /// Block 0, whole.
    pub block0: Bytes,
    /// The action by which the members opened the network, with their signatures, as certified
    /// state has it; none before.
    pub opening: Option<Bytes>,
    /// The chain records, encoded, from configuration 0 to 1 on.
    pub records: Vec<Bytes>,
}

impl Replica {
    /// The network as this replica sees it.
    pub fn network_view(&self) -> NetworkView {
        let certified = self.core.machine.sequence().certified();
        let rows = self.core.seen_rows.network(&self.core.machine);
        NetworkView {
            network: self.core.network,
            id: self.core.id,
            view: self.core.engine.term(),
            leader: self.core.engine.leader(),
            serves: self.core.is_settled_leader(),
            certified: (certified.index, certified.hash, certified.time_ms),
            newest: self
                .core
                .machine
                .history()
                .certified_tx(certified.tree_size),
            lapsed: rows.lapsed(certified.time_ms),
            service: rows.service,
            replicas: rows.replicas,
            configuration: self.core.machine.sequence().newest_configuration().clone(),
            peers: if self.core.leads() {
                self.core.engine.peers()
            } else {
                Vec::new()
            },
            behind: self.core.behind(),
            stalled: self.core.is_stalled(),
            silent: self.membership.silence.silent_voters(&self.core),
        }
    }

    /// The voters that have not certified what this leader had certified 10 s ago; nobody where
    /// another leads.
    pub fn behind(&self) -> Vec<u64> {
        self.core.behind()
    }

    /// Whether a block that this leader proposed 10 s ago or more is not certified: too few voters
    /// sign.
    pub fn is_stalled(&self) -> bool {
        self.core.is_stalled()
    }

    /// The version of an app that answers, by certified state, if there is one.
    pub fn active_app(&self, name: &AppName) -> Option<ActiveApp> {
        apps::active(&self.core.certified_state(), name)
    }

    /// The apps, from certified state, with what is known of who has compiled them.
    pub fn apps_view(&self) -> Vec<AppView> {
        self.deploying.apps_view(&self.core)
    }

    /// One app.
    pub fn app_view(&self, name: &AppName) -> Option<AppView> {
        self.deploying.app_view(&self.core, name)
    }

    /// Who the caller is to this service, by certified state.
    pub fn caller_identity(&self, caller: Caller) -> CallerIdentity {
        caller
            .fingerprint
            .map_or_else(CallerIdentity::anonymous, |fingerprint| {
                apps::identity(&self.core.certified_state(), &fingerprint)
            })
    }

    /// Executes a recorded call of an app again; see [`replay`](replay::replay()).
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn replay(
        &mut self,
        seqno: u64,
        execute: impl FnOnce(Execution) -> Result<Completion, AppFault>,
    ) -> Result<Replayed, ReplayError> {
        replay::replay(&mut self.core.machine, seqno, execute)
    }

    /// What the certified transactions after `seqno` wrote; see
    /// [`Machine::changes_since`](crate::Machine::changes_since).
    ///
    /// # Errors
    /// [`ChangesError`].
    pub fn changes_since(&mut self, seqno: u64, max: usize) -> Result<Vec<Change>, ChangesError> {
        self.core.machine.changes_since(seqno, max)
    }

    /// The members' side of the service.
    pub fn governance_view(&self) -> Arc<GovernanceView> {
        self.core.seen_rows.members(&self.core.machine)
    }

    /// What it takes to follow the configurations offline.
    pub fn chain(&self) -> ChainParts {
        ChainParts {
            block0: self.core.machine.genesis().clone(),
            opening: self.governance_view().opening.clone(),
            records: self.core.machine.encoded_chain_records().to_vec(),
        }
    }

    /// The size of the larger tree, and the consistency proof (RFC 9162 section 2.1.4) from the
    /// tree of `from` transactions to it: to that of `to`, or of all that is certified. None where
    /// not so many are certified, or unless `0 < from <= to`.
    pub fn consistency(&self, from: u64, to: Option<u64>) -> Option<(u64, Vec<Digest>)> {
        let sequence = self.core.machine.sequence();
        let certified = sequence.certified().tree_size;
        let to = to.unwrap_or(certified);
        let path = sequence.tree().consistency_proof(from, to);
        path.filter(|_| to <= certified).map(|path| (to, path))
    }

    /// The header of the newest certified block and the certificate over it, as far as both are at
    /// hand. Nothing before the first certificate: block 0 has none, the network id vouches for it.
    pub fn certified_block(&self) -> Option<(Bytes, Bytes)> {
        let history = self.core.machine.history();
        let certificate = history.newest_certificate()?;
        let block = history.block(certificate.index)?;
        Some((block.header_bytes().clone(), certificate.encode()))
    }

    /// Keys for the replica with this identity, if certified state trusts it: sealed to it alone.
    ///
    /// # Errors
    /// [`CallError::NotFound`] where no trusted replica has this identity, or the verdict on it has
    /// lapsed.
    pub fn keys_for(&mut self, identity: &PublicKey) -> Result<Vec<u8>, CallError> {
        let rows = self.core.seen_rows.network(&self.core.machine);
        let record = rows
            .replicas
            .iter()
            .find(|record| record.identity() == *identity);
        let time_ms = self.core.machine.sequence().certified().time_ms;
        let trusted = record.and_then(|record| Trusted::of(record, time_ms));
        let trusted = trusted.ok_or(CallError::NotFound)?;
        let opener = self.core.machine.opener().ok_or(CallError::NotFound)?;
        keys::release(
            &trusted,
            &self.core.network,
            opener,
            &self.service_key,
            &mut self.core.entropy,
        )
        .map_err(|error| CallError::Refused(error.to_string()))
    }

    /// Signs a statement of freshness: `message` must be domain-separated by its caller.
    pub fn sign_freshness(&self, message: &[u8]) -> Signature {
        self.core.keys.identity.sign(message)
    }

    /// Numbers for the operator.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            view: self.core.engine.term(),
            leads: self.core.leads(),
            last_index: self.core.engine.last_index(),
            committed_index: self.core.engine.commit(),
            certified_index: self.core.certified_index(),
            certified_seqno: self.core.machine.history().certified_seqno(),
            calls_waiting: self.core.pending.waiting() + self.app_calls.busy(),
            misbehaviours: self.core.misbehaviours,
            refusals: self.core.engine.refusals().values().sum(),
            ledger_behind_ms: self.core.clock.behind_ms(),
            ledger_too_far_behind_ms: self.core.clock.too_far_behind(),
            voters_behind: self.core.behind().len(),
            disk_full: self.core.disk_full,
            halted: self.core.halted,
        }
    }
}
