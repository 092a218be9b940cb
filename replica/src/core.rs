//! What every sub-protocol of a replica works on: the engine, the machine that it replicates,
//! answers that wait, signatures and certificates, randomness, and time in ticks.
//!
//! Invariants
//! - the engine's log and the machine hold the same blocks at all times;
//! - nothing leaves that rests on an uncertified block, but `Pending` and transaction ids;
//! - a replica that halted says nothing at all.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use synod_consensus::{Engine, Fetch, Groups, ReadReady, Role, RoleChange};
use synod_crypto::{Digest, Entropy};
use synod_ledger::{Block, BlockSignature, Certificate, Record, Sealer, Tally};

use crate::calls::{CallError, Effects, Notice};
use crate::histories::Histories;
use crate::keeping_up::KeepingUp;
use crate::keys::Keys;
use crate::ledger_clock::{LedgerClock, Now};
use crate::machine::Machine;
use crate::members;
use crate::parked::Parked;
use crate::pending_replies::{PendingReplies, Queued};
use crate::read_rounds::ReadRounds;
use crate::recalled::Recalled;
use crate::seen_rows::SeenRows;
use crate::state::StateAt;

/// What the engine says beside what is to be written and sent: the sub-protocols whose business it
/// is hear of it once the one at work is through.
pub(crate) enum Event {
    /// A quorum confirmed that this replica led when it was asked.
    ReadConfirmed(ReadReady),
    /// The engine needs old entries.
    Fetch(Fetch),
    /// Role, view or leader changed.
    Role(RoleChange),
}

/// What every sub-protocol works on.
pub(crate) struct Core {
    pub(crate) id: u64,
    pub(crate) keys: Keys,
    pub(crate) network: Digest,
    pub(crate) engine: Engine,
    /// What the engine said and nobody heard yet.
    pub(crate) events: VecDeque<Event>,
    pub(crate) machine: Machine,
    pub(crate) seen_rows: SeenRows,
    pub(crate) entropy: Entropy,
    /// Calls that wait to be carried out, and answers that wait to be certified.
    pub(crate) pending: PendingReplies,
    /// Reads that wait for a quorum's word.
    pub(crate) rounds: ReadRounds,
    /// Seals while this replica leads.
    pub(crate) sealer: Option<Sealer>,
    /// One for each block of this view that is not certified yet; a leader's.
    pub(crate) tallies: BTreeMap<u64, Tally>,
    /// Own signatures by block index, to ride on acknowledgements.
    pub(crate) signatures: BTreeMap<u64, BlockSignature>,
    /// The newest block that each learner signed: (index, header hash, signature); a leader's.
    pub(crate) learners: BTreeMap<u64, (u64, Digest, BlockSignature)>,
    /// Peers whose leadership messages are not heard, and for which view.
    pub(crate) ignored: BTreeMap<u64, u64>,
    /// Certificates for blocks that have not arrived.
    pub(crate) parked: Parked,
    /// What was shown of certified histories.
    pub(crate) histories: Histories,
    /// Who certifies what; a leader's.
    pub(crate) keeping_up: KeepingUp,
    /// The newest certificate as it goes over the wire.
    pub(crate) certificate_bytes: Option<Bytes>,
    /// Batches on their way to the disk: number and the last index that each makes durable.
    pub(crate) unpersisted: VecDeque<(u64, u64)>,
    pub(crate) ticks: u64,
    /// The tick at which the newest block was proposed or taken.
    pub(crate) last_block_tick: u64,
    /// The tick at which a leader was last heard.
    pub(crate) leader_heard_tick: u64,
    /// The commit index that a leader last showed with an append. Only what is told to operators
    /// rests on it.
    pub(crate) shown_commit: u64,
    /// The tick at which role, view or leader last changed.
    pub(crate) view_since_tick: u64,
    /// The tick at which this leader last proposed an input of its own.
    pub(crate) own_input_tick: Option<u64>,
    /// The tick at which an empty block last brought the ledger's time up to date.
    pub(crate) freshened_tick: u64,
    pub(crate) clock: LedgerClock,
    pub(crate) recalled: Recalled,
    pub(crate) disk_full: bool,
    pub(crate) halted: bool,
    pub(crate) misbehaviours: u64,
}

impl Core {
    /// At the end of a verified ledger.
    pub(crate) fn new(
        id: u64,
        keys: Keys,
        engine: Engine,
        machine: Machine,
        entropy: Entropy,
        now: Now,
    ) -> Self {
        let newest = machine.history().newest_certificate();
        Self {
            id,
            keys,
            network: machine.sequence().network(),
            engine,
            events: VecDeque::new(),
            certificate_bytes: newest.map(Certificate::encode),
            clock: LedgerClock::new(*machine.sequence().certified(), now),
            machine,
            seen_rows: SeenRows::default(),
            entropy,
            pending: PendingReplies::default(),
            rounds: ReadRounds::default(),
            sealer: None,
            tallies: BTreeMap::new(),
            signatures: BTreeMap::new(),
            learners: BTreeMap::new(),
            ignored: BTreeMap::new(),
            parked: Parked::default(),
            histories: Histories::default(),
            keeping_up: KeepingUp::default(),
            unpersisted: VecDeque::new(),
            ticks: 0,
            last_block_tick: 0,
            leader_heard_tick: 0,
            shown_commit: 0,
            view_since_tick: 0,
            own_input_tick: None,
            freshened_tick: 0,
            recalled: Recalled::default(),
            disk_full: false,
            halted: false,
            misbehaviours: 0,
        }
    }

    /// Whether this replica leads.
    pub(crate) fn leads(&self) -> bool {
        self.engine.role() == Role::Leader
    }

    /// Whether the opening block of this view is certified, so that calls may be carried out.
    pub(crate) fn is_settled_leader(&self) -> bool {
        self.leads() && self.machine.sequence().certified().view == self.engine.term()
    }

    /// Index of the newest certified block.
    pub(crate) fn certified_index(&self) -> u64 {
        self.machine.sequence().certified().index
    }

    /// The newest certified state.
    pub(crate) fn certified_state(&self) -> StateAt<'_> {
        self.machine.certified_state()
    }

    /// The voters of the newest configuration, by rising id.
    pub(crate) fn voters(&self) -> Vec<u64> {
        let configuration = self.machine.sequence().newest_configuration();
        configuration
            .voters()
            .iter()
            .map(|voter| voter.id)
            .collect()
    }

    /// The refusal of what only a leader can do.
    pub(crate) fn not_leader(&self) -> CallError {
        CallError::NotLeader {
            leader: self.engine.leader(),
        }
    }

    /// Takes a call that writes (or may). False where too many wait, for their turn or with an
    /// answer that wrote nothing.
    pub(crate) fn submit(&mut self, call: Queued) -> bool {
        self.pending.submit(call, self.rounds.answers())
    }

    /// Panics where the parts do not agree as they must after each step.
    pub(crate) fn check_invariants(&self) {
        let (last, certified) = (*self.machine.sequence().last(), self.certified_index());
        assert_eq!(
            self.engine.term_at(last.index),
            Some(last.view),
            "the newest block stands in the engine's log"
        );
        assert!(certified <= last.index, "what is certified is at hand");
        assert_eq!(
            self.machine.store().head(),
            self.machine.sequence().next_seqno() - 1,
            "state and chain end together"
        );
        let newest = self.machine.history().newest().map(Block::hash);
        assert_eq!(newest, Some(last.hash), "history and chain end together");
        assert_eq!(
            self.machine.history().certified_seqno(),
            self.machine.sequence().certified().tree_size,
            "history and chain are certified alike"
        );
        assert_eq!(
            self.sealer.is_some(),
            self.leads() && !self.halted,
            "whoever leads seals, and nobody else"
        );
        let tallied = self.tallies.keys().next();
        assert!(
            tallied.is_none_or(|index| self.leads() && *index > certified),
            "a leader alone counts signatures, over blocks that are not certified"
        );
        let kept = self.signatures.keys().next_back();
        assert!(
            kept.is_none_or(|index| *index <= self.engine.last_index()),
            "nothing is signed that the log does not hold"
        );
        assert!(self.events.is_empty(), "what the engine said was heard");
        self.engine.check_invariants();
        self.machine.check_invariants();
        self.pending.check_invariants(certified);
        self.rounds.check_invariants();
    }

    /// Stops for good. Calls that wait elsewhere are answered by whom they wait at.
    pub(crate) fn halt(&mut self, why: &str, out: &mut Effects) {
        self.halted = true;
        out.send.clear();
        out.replies.clear();
        let waiting = self.pending.clear(None).into_iter();
        for (asker, reply) in waiting.chain(self.rounds.clear(None)) {
            out.reply(asker, reply);
        }
        out.execute.clear();
        out.notices.push(Notice::Halted(why.to_owned()));
    }
}

/// The encoding of a record.
pub(crate) fn encoded(record: &Record) -> Bytes {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    Bytes::from(bytes)
}

/// The groups that the engine must span, from the members as the newest block leaves them.
pub(crate) fn groups(machine: &Machine) -> Groups {
    members(machine).groups
}

/// Voters, learners and groups as the newest block leaves them.
pub(crate) fn members(machine: &Machine) -> members::Members {
    let configuration = machine.sequence().newest_configuration();
    members::members(&machine.store(), configuration.required_vendors())
}
