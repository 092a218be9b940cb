//! Linearizable reads that wait for a quorum's word, in rounds: all that came in since the last one
//! are asked for together.
//!
//! Answers that wrote nothing share the rounds: a leader that was replaced, and does not know it,
//! would else tell of a state of the past.
//!
//! Invariants
//! - every read leaves with its answer, or as one that was given up, exactly once; so does every
//!   answer that waits;
//! - what waits is bounded, in number and in bytes.

use std::collections::BTreeMap;

use crate::caller::Caller;
use crate::calls::{Asker, CallError, Reply};
use crate::kv::Operate;
use crate::pending_replies::{CALLS_WAITING_MAX, PendingReply};
use crate::run_queue::QueuedCall;

/// The most bytes of requests that wait for a quorum's word.
const READ_BYTES_MAX: usize = 256 << 20;
/// A linearizable read that no quorum confirmed is asked again after so many ticks.
pub(crate) const READ_RETRY_TICKS: u64 = 10;
/// A linearizable read that no quorum confirmed is given up after so many ticks.
pub(crate) const READ_TICKS_MAX: u64 = 250;

/// A call that reads, and waits for a quorum's word.
#[derive(Debug)]
pub(crate) enum ReadCall {
    /// An operation on maps.
    Kv {
        /// The door's number of the call.
        id: u64,
        /// Who asks.
        caller: Caller,
        /// What is asked.
        operate: Box<Operate>,
    },
    /// A request to an app.
    App(QueuedCall),
}

impl ReadCall {
    /// Who is answered.
    pub(crate) fn asker(&self) -> Asker {
        match self {
            Self::Kv { id, .. } => Asker::Door(*id),
            Self::App(queued) => Asker::Door(queued.call),
        }
    }

    /// About how many bytes of memory it holds.
    fn weight(&self) -> usize {
        let body = match self {
            Self::Kv { .. } => 0,
            Self::App(queued) => queued.request.request.body.len(),
        };
        body + 512
    }
}

/// A round of reads that waits for a quorum to confirm the leader.
#[derive(Debug)]
pub(crate) struct ReadRound {
    calls: Vec<ReadCall>,
    /// Answers that wrote nothing, with the index of the block that they saw.
    answers: Vec<(u64, PendingReply)>,
    since_tick: u64,
    asked_tick: u64,
    /// The index that the state must cover, once the quorum has spoken.
    index: Option<u64>,
}

/// Reads that wait.
#[derive(Debug, Default)]
pub(crate) struct ReadRounds {
    reads_new: Vec<ReadCall>,
    answers_new: Vec<(u64, PendingReply)>,
    rounds: BTreeMap<u64, ReadRound>,
    next_ctx: u64,
    /// Bytes of the reads that wait.
    read_bytes: usize,
}

impl ReadRounds {
    /// Takes a call that reads. False where too many wait.
    pub(crate) fn submit(&mut self, call: ReadCall) -> bool {
        let out: usize = self.rounds.values().map(|round| round.calls.len()).sum();
        let bytes = self.read_bytes + call.weight();
        let room = self.reads_new.len() + out < CALLS_WAITING_MAX && bytes <= READ_BYTES_MAX;
        if room {
            self.read_bytes = bytes;
            self.reads_new.push(call);
        }
        room
    }

    /// Starts a round for the reads that came since the last one; returns its context.
    pub(crate) fn open_round(&mut self, tick: u64) -> Option<u64> {
        if self.reads_new.is_empty() && self.answers_new.is_empty() {
            return None;
        }
        let ctx = self.next_context();
        let calls = std::mem::take(&mut self.reads_new);
        let answers = std::mem::take(&mut self.answers_new);
        self.rounds.insert(
            ctx,
            ReadRound {
                calls,
                answers,
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

    /// The reads and the answers of rounds whose index is covered by `certified`.
    pub(crate) fn ready(&mut self, certified: u64) -> (Vec<ReadCall>, Vec<(u64, PendingReply)>) {
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

    /// The calls whose rounds waited longer than [`READ_TICKS_MAX`].
    pub(crate) fn expired(&mut self, tick: u64) -> Vec<Asker> {
        let expired = |round: &ReadRound| tick >= round.since_tick + READ_TICKS_MAX;
        let (calls, answers) = self.take_rounds(expired);
        let answers = answers.into_iter().map(|(_, held)| held.asker);
        calls
            .into_iter()
            .map(|call| call.asker())
            .chain(answers)
            .collect()
    }

    fn take_rounds(
        &mut self,
        wanted: impl Fn(&ReadRound) -> bool,
    ) -> (Vec<ReadCall>, Vec<(u64, PendingReply)>) {
        let taken: Vec<u64> = self
            .rounds
            .iter()
            .filter(|(_, round)| wanted(round))
            .map(|(ctx, _)| *ctx)
            .collect();
        let (mut calls, mut answers) = (Vec::new(), Vec::new());
        for round in taken.iter().filter_map(|ctx| self.rounds.remove(ctx)) {
            calls.extend(round.calls);
            answers.extend(round.answers);
        }
        self.read_bytes -= calls.iter().map(ReadCall::weight).sum::<usize>();
        (calls, answers)
    }

    /// Lets an answer that wrote nothing, and saw the state at `index`, wait for a quorum's word.
    pub(crate) fn keep_answer(&mut self, index: u64, held: PendingReply) {
        self.answers_new.push((index, held));
    }

    /// Whether answers wait for a round to begin.
    pub(crate) fn has_new_answers(&self) -> bool {
        !self.answers_new.is_empty()
    }

    /// How many answers wait for a quorum's word.
    pub(crate) fn answers(&self) -> usize {
        let under_way: usize = self.rounds.values().map(|round| round.answers.len()).sum();
        self.answers_new.len() + under_way
    }

    /// Panics where what waits here is not what must be.
    pub(crate) fn check_invariants(&self) {
        let under_way = self.rounds.values().flat_map(|round| &round.calls);
        let bytes: usize = self
            .reads_new
            .iter()
            .chain(under_way)
            .map(ReadCall::weight)
            .sum();
        assert_eq!(bytes, self.read_bytes, "every read that waits is counted");
        assert!(bytes <= READ_BYTES_MAX, "reads that wait are bounded");
        let newest = self.rounds.keys().next_back();
        assert!(
            newest.is_none_or(|ctx| *ctx <= self.next_ctx),
            "a context is used once"
        );
        let is_empty = |round: &ReadRound| round.calls.is_empty() && round.answers.is_empty();
        assert!(
            !self.rounds.values().any(is_empty),
            "somebody waits for each round"
        );
    }

    /// Empties the rounds after leadership was lost: readers are told where to go.
    pub(crate) fn clear(&mut self, leader: Option<u64>) -> Vec<(Asker, Reply)> {
        let (under_way, answers) = self.take_rounds(|_| true);
        let calls = std::mem::take(&mut self.reads_new)
            .into_iter()
            .chain(under_way);
        self.read_bytes = 0;
        let not_leader =
            |call: ReadCall| (call.asker(), Reply::Failed(CallError::NotLeader { leader }));
        let answers = answers.into_iter().chain(self.answers_new.drain(..));
        let retry = |(_, held): (u64, PendingReply)| (held.asker, Reply::Failed(CallError::Retry));
        calls.map(not_leader).chain(answers.map(retry)).collect()
    }
}
