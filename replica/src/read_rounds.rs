//! Linearizable reads that wait for a quorum's word, in rounds: all that came in since the last one are asked for
//! together.
//!
//! Invariants
//! - every read leaves with its answer, or as one that was given up, exactly once;
//! - what waits is bounded, in number and in bytes.

use std::collections::BTreeMap;

use crate::calls::{Call, CallError, Reply, Request};
use crate::desk::CALLS_WAITING_MAX;

/// The most bytes of requests that wait for a quorum's word.
const READ_BYTES_MAX: usize = 256 << 20;
/// A linearizable read that no quorum confirmed is asked again after so many ticks.
pub(crate) const READ_RETRY_TICKS: u64 = 10;
/// A linearizable read that no quorum confirmed is given up after so many ticks.
pub(crate) const READ_TICKS_MAX: u64 = 250;

/// A round of reads that waits for a quorum to confirm the leader.
#[derive(Debug)]
pub(crate) struct ReadRound {
    calls: Vec<Call>,
    since_tick: u64,
    asked_tick: u64,
    /// The index that the state must cover, once the quorum has spoken.
    index: Option<u64>,
}

/// Reads that wait.
#[derive(Debug, Default)]
pub(crate) struct ReadRounds {
    reads_new: Vec<Call>,
    rounds: BTreeMap<u64, ReadRound>,
    next_ctx: u64,
    /// Bytes of the reads that wait.
    read_bytes: usize,
}

impl ReadRounds {
    /// Takes a call that reads. False where too many wait.
    pub(crate) fn submit(&mut self, call: Call) -> bool {
        let out: usize = self.rounds.values().map(|round| round.calls.len()).sum();
        let bytes = self.read_bytes + weight(&call);
        let room = self.reads_new.len() + out < CALLS_WAITING_MAX && bytes <= READ_BYTES_MAX;
        if room {
            self.read_bytes = bytes;
            self.reads_new.push(call);
        }
        room
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

    /// Panics where what waits here is not what must be.
    pub(crate) fn check_invariants(&self) {
        let under_way = self.rounds.values().flat_map(|round| &round.calls);
        let bytes: usize = self.reads_new.iter().chain(under_way).map(weight).sum();
        assert_eq!(bytes, self.read_bytes, "every read that waits is counted");
        assert!(bytes <= READ_BYTES_MAX, "reads that wait are bounded");
    }

    /// Empties the rounds after leadership was lost: readers are told where to go.
    pub(crate) fn clear(&mut self, leader: Option<u64>) -> Vec<(u64, Reply)> {
        let mut calls = std::mem::take(&mut self.reads_new);
        calls.extend(self.take_rounds(|_| true));
        self.read_bytes = 0;
        let not_leader = |call: Call| (call.id, Reply::Failed(CallError::NotLeader { leader }));
        calls.into_iter().map(not_leader).collect()
    }
}

fn weight(call: &Call) -> usize {
    let body = match &call.request {
        Request::App(call) => call.request.body.len(),
        _ => 0,
    };
    body + 512
}
