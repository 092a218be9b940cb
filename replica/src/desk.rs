//! The desk of a replica: calls that wait to be carried out, and answers that wait to be certified.
//!
//! Invariants
//! - every call is answered exactly once, and leaves this desk with its answer;
//! - an answer leaves only when the block that it rests on is certified;
//! - what waits is bounded: past the bound a call is refused at once.

use std::collections::{BTreeMap, VecDeque};

use synod_ledger::TxId;

use crate::app::Answer;
use crate::calls::{Call, CallError, Reply, Request};
use crate::guest::AppResponse;

/// The most calls that wait to be carried out.
pub const CALLS_WAITING_MAX: usize = 65_536;
/// The most bytes of requests that wait for a quorum's word.
const READ_BYTES_MAX: usize = 256 << 20;
/// A linearizable read that no quorum confirmed is asked again after so many ticks.
pub(crate) const READ_RETRY_TICKS: u64 = 10;
/// A linearizable read that no quorum confirmed is given up after so many ticks.
pub(crate) const READ_TICKS_MAX: u64 = 250;

/// An answer that rests on a block.
#[derive(Debug)]
pub(crate) struct Resting {
    /// The call.
    pub call: u64,
    /// The transaction, where one was made.
    pub tx: Option<TxId>,
    /// What to answer once the block is certified.
    pub outcome: Outcome,
}

/// What a resting call came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// An app's answer.
    Answered {
        /// The seqno whose state was seen.
        as_of: u64,
        /// What the app said.
        answer: Answer,
        /// Whether the receipt goes along.
        receipt: bool,
        /// The earlier transaction that this repeats, if so.
        repeats: Option<TxId>,
    },
    /// An app's that the members set.
    App(Box<AppOutcome>),
    /// A governance act or join was carried out; the joiner's id for a join.
    Governed(Option<u64>),
    /// A refusal that rests on state.
    Failed(CallError),
}

/// What an app that the members set came to.
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

/// A round of reads that waits for a quorum to confirm the leader.
#[derive(Debug)]
pub(crate) struct ReadRound {
    calls: Vec<Call>,
    since_tick: u64,
    asked_tick: u64,
    /// The index that the state must cover, once the quorum has spoken.
    index: Option<u64>,
}

/// Calls that wait, and answers that rest.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    waiting: VecDeque<Call>,
    resting: BTreeMap<u64, Vec<Resting>>,
    reads_new: Vec<Call>,
    rounds: BTreeMap<u64, ReadRound>,
    next_ctx: u64,
    /// Bytes of the reads that wait.
    read_bytes: usize,
}

impl Desk {
    /// Takes a call that writes (or may). False where too many wait.
    pub(crate) fn submit(&mut self, call: Call) -> bool {
        let room = self.waiting.len() < CALLS_WAITING_MAX;
        if room {
            self.waiting.push_back(call);
        }
        room
    }

    /// Takes a call that reads. False where too many wait.
    pub(crate) fn submit_read(&mut self, call: Call) -> bool {
        let out: usize = self.rounds.values().map(|round| round.calls.len()).sum();
        let bytes = self.read_bytes + weight(&call);
        let room = self.reads_new.len() + out < CALLS_WAITING_MAX && bytes <= READ_BYTES_MAX;
        if room {
            self.read_bytes = bytes;
            self.reads_new.push(call);
        }
        room
    }

    /// The next call to carry out, if `wanted` says so.
    pub(crate) fn next_if(&mut self, wanted: impl FnOnce(&Call) -> bool) -> Option<Call> {
        if self.waiting.front().is_some_and(wanted) {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Puts a call back, first in line.
    pub(crate) fn put_back(&mut self, call: Call) {
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

    /// Lets an answer rest on the block at `index`.
    pub(crate) fn rest(&mut self, index: u64, resting: Resting) {
        self.resting.entry(index).or_default().push(resting);
    }

    /// The answers that rest on blocks up to `certified`.
    pub(crate) fn certified(&mut self, certified: u64) -> Vec<Resting> {
        let later = self.resting.split_off(&(certified + 1));
        let done = std::mem::replace(&mut self.resting, later);
        done.into_values().flatten().collect()
    }

    /// Starts a round for the reads that came since the last one; returns its context.
    pub(crate) fn open_round(&mut self, tick: u64) -> Option<u64> {
        if self.reads_new.is_empty() {
            return None;
        }
        let ctx = self.next_context();
        let calls = std::mem::take(&mut self.reads_new);
        self.rounds.insert(
            ctx,
            ReadRound {
                calls,
                since_tick: tick,
                asked_tick: tick,
                index: None,
            },
        );
        Some(ctx)
    }

    /// A context that was never used.
    pub(crate) fn next_context(&mut self) -> u64 {
        self.next_ctx += 1;
        self.next_ctx
    }

    /// A quorum confirmed the round `ctx`: its reads may be served from `index` on.
    pub(crate) fn confirm_round(&mut self, ctx: u64, index: u64) {
        if let Some(round) = self.rounds.get_mut(&ctx) {
            round.index = Some(index);
        }
    }

    /// The reads whose index is covered by `certified`.
    pub(crate) fn ready_reads(&mut self, certified: u64) -> Vec<Call> {
        let ready = |round: &ReadRound| round.index.is_some_and(|index| index <= certified);
        self.take_rounds(ready)
    }

    /// Rounds that got no answer for too long are asked again, under new contexts; returns those.
    pub(crate) fn stale_rounds(&mut self, tick: u64) -> Vec<u64> {
        let stale: Vec<u64> = self
            .rounds
            .iter()
            .filter(|(_, round)| {
                round.index.is_none() && tick >= round.asked_tick + READ_RETRY_TICKS
            })
            .map(|(ctx, _)| *ctx)
            .collect();
        stale
            .into_iter()
            .map(|ctx| {
                let mut round = self.rounds.remove(&ctx).expect("the round was just found");
                round.asked_tick = tick;
                self.next_ctx += 1;
                self.rounds.insert(self.next_ctx, round);
                self.next_ctx
            })
            .collect()
    }

    /// The reads that waited longer than [`READ_TICKS_MAX`].
    pub(crate) fn expired_reads(&mut self, tick: u64) -> Vec<Call> {
        self.take_rounds(|round| tick >= round.since_tick + READ_TICKS_MAX)
    }

    fn take_rounds(&mut self, wanted: impl Fn(&ReadRound) -> bool) -> Vec<Call> {
        let taken: Vec<u64> = self
            .rounds
            .iter()
            .filter(|(_, round)| wanted(round))
            .map(|(ctx, _)| *ctx)
            .collect();
        let rounds = taken.iter().filter_map(|ctx| self.rounds.remove(ctx));
        let calls: Vec<Call> = rounds.flat_map(|round| round.calls).collect();
        self.read_bytes -= calls.iter().map(weight).sum::<usize>();
        calls
    }

    /// Empties the desk after leadership was lost: what never ran is told where to go, what stands in the
    /// log is told its transaction.
    pub(crate) fn clear(&mut self, leader: Option<u64>) -> Vec<(u64, Reply)> {
        let not_leader = |call: Call| (call.id, Reply::Failed(CallError::NotLeader { leader }));
        let mut replies: Vec<(u64, Reply)> = self.waiting.drain(..).map(not_leader).collect();
        replies.extend(self.reads_new.drain(..).map(not_leader));
        replies.extend(self.take_rounds(|_| true).into_iter().map(not_leader));
        self.read_bytes = 0;
        let resting = std::mem::take(&mut self.resting);
        replies.extend(resting.into_values().flatten().map(|resting| {
            let error = resting
                .tx
                .map_or(CallError::Retry, |tx| CallError::Interrupted { tx });
            (resting.call, Reply::Failed(error))
        }));
        replies
    }
}

fn weight(call: &Call) -> usize {
    let body = match &call.request {
        Request::App(call) => call.request.body.len(),
        _ => 0,
    };
    body + 512
}
