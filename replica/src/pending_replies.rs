//! Calls that wait to be carried out, and replies that wait for their block to be certified.
//!
//! Invariants
//! - every call is answered exactly once, and leaves with its answer;
//! - an answer leaves only when the block that it rests on is certified; one that wrote nothing has
//!   a quorum's word before it waits here (`read_rounds`);
//! - what waits is bounded: past the bound a call is refused at once.

use std::collections::{BTreeMap, VecDeque};

use synod_ledger::TxId;
use synod_mutation::mutation;

use crate::app::AppResponse;
use crate::caller::Caller;
use crate::calls::{Asker, CallError, Reply};
use crate::governance;
use crate::kv::{Answer, Operate};

/// The most calls that wait to be carried out.
pub const CALLS_WAITING_MAX: usize = 65_536;

/// An answer that rests on a block.
#[derive(Debug)]
pub(crate) struct PendingReply {
    /// Who is answered.
    pub asker: Asker,
    /// The transaction, where one was made.
    pub tx: Option<TxId>,
    /// What to answer once the block is certified.
    pub outcome: Outcome,
}

/// What a held call came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// An operation's on maps.
    Kv {
        /// The seqno whose state was seen.
        as_of: u64,
        /// What it came to.
        answer: Answer,
        /// Whether the receipt goes along.
        receipt: bool,
        /// The earlier transaction that this repeats, if so.
        repeats: Option<TxId>,
    },
    /// An app's.
    App(Box<AppOutcome>),
    /// A chunk of a component stands on the ledger.
    Chunk {
        /// The seqno whose state was seen.
        as_of: u64,
    },
    /// Governance has decided; the joiner's id for a join.
    Governance(Option<u64>),
    /// A refusal that rests on state.
    Failed(CallError),
}

/// What a call of an app came to.
#[derive(Debug)]
pub(crate) struct AppOutcome {
    /// The seqno whose state was seen.
    pub as_of: u64,
    /// What it said.
    pub response: AppResponse,
    /// Whether the receipt goes along.
    pub receipt: bool,
    /// The earlier transaction that this repeats, if so.
    pub repeats: Option<TxId>,
}

/// A call that waits for its turn.
#[derive(Debug)]
pub(crate) struct Queued {
    pub asker: Asker,
    pub caller: Caller,
    pub work: Work,
}

/// What a call that waits for its turn is about. Calls of apps and chunks wait elsewhere.
#[derive(Debug)]
pub(crate) enum Work {
    Kv(Operate),
    Governance(governance::Request),
}

/// Calls that wait, and answers that rest.
#[derive(Debug, Default)]
pub(crate) struct PendingReplies {
    waiting: VecDeque<Queued>,
    held: BTreeMap<u64, Vec<PendingReply>>,
}

impl PendingReplies {
    /// Takes a call that writes (or may). False where too many wait, `elsewhere` among them.
    pub(crate) fn submit(&mut self, call: Queued, elsewhere: usize) -> bool {
        let room = self.waiting.len() + elsewhere < CALLS_WAITING_MAX;
        if room {
            self.waiting.push_back(call);
        }
        room
    }

    /// The next call to carry out, if `wanted` says so.
    pub(crate) fn next_if(&mut self, wanted: impl FnOnce(&Queued) -> bool) -> Option<Queued> {
        if self.waiting.front().is_some_and(wanted) {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Puts a call back, first in line.
    pub(crate) fn put_back(&mut self, call: Queued) {
        self.waiting.push_front(call);
    }

    /// Whether a call waits to be carried out.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many calls wait to be carried out.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Panics where what waits here is not what must be.
    pub(crate) fn check_invariants(&self, certified: u64) {
        assert!(
            self.waiting.len() <= CALLS_WAITING_MAX + 1,
            "calls that wait are bounded; one may be put back"
        );
        let first = self.held.keys().next();
        assert!(
            first.is_none_or(|index| *index > certified),
            "an answer leaves once its block is certified"
        );
    }

    /// Lets an answer rest on the block at `index`.
    pub(crate) fn hold(&mut self, index: u64, held: PendingReply) {
        self.held.entry(index).or_default().push(held);
    }

    /// The answers that rest on blocks up to `certified`.
    pub(crate) fn certified(&mut self, certified: u64) -> Vec<PendingReply> {
        let certified = if mutation!("answer-before-certified") {
            u64::MAX - 1
        } else {
            certified
        };
        let later = self.held.split_off(&(certified + 1));
        let done = std::mem::replace(&mut self.held, later);
        done.into_values().flatten().collect()
    }

    /// Gives up everything after leadership was lost: what never ran is told where to go, what
    /// stands in the log is told its transaction.
    pub(crate) fn clear(&mut self, leader: Option<u64>) -> Vec<(Asker, Reply)> {
        let not_leader =
            |call: Queued| (call.asker, Reply::Failed(CallError::NotLeader { leader }));
        let mut replies: Vec<(Asker, Reply)> = self.waiting.drain(..).map(not_leader).collect();
        let held = std::mem::take(&mut self.held);
        replies.extend(held.into_values().flatten().map(|held| {
            let error = held
                .tx
                .map_or(CallError::Retry, |tx| CallError::Interrupted { tx });
            (held.asker, Reply::Failed(error))
        }));
        replies
    }
}
