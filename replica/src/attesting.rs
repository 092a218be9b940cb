//! How what a replica asks in its own name gets on the ledger: fresh evidence, or that it leaves.
//!
//! A replica that does not lead sends its request to the leader, over the channel between the two,
//! until it sees the result in its own certified state, hears a refusal, or time is up. Nothing
//! here is believed: the request is judged by everybody, and bears the replica's own signature.
//!
//! Invariants
//! - one request of each replica waits at a time, here and at the leader; a leave takes the place
//!   of fresh evidence;
//! - a peer asks for itself only; a refusal counts only from the leader that was asked.

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_governance::{Input, ReplicaStatus};

use crate::caller::Caller;
use crate::calls::{Asker, CallError, Effects, Notice, Reply};
use crate::core::Core;
use crate::envelope::{Envelope, REFUSAL_BYTES_MAX};
use crate::governance::{Recorded, Request};
use crate::pending_replies::{Queued, Work};
use crate::submission::{Goal, Submission};

/// A request is sent anew after so many ticks (1 s of 20 ms).
const RESEND_TICKS: u64 = 50;
/// And given up after so many (10 s).
const GIVE_UP_TICKS: u64 = 500;

/// What replicas ask in their own names: this one's request on its way to the ledger, and those
/// that wait here.
#[derive(Debug, Default)]
pub(crate) struct OwnRequests {
    /// Fresh evidence of this replica's own, or its leave.
    submission: Option<Submission>,
    /// The replicas whose requests wait here; a leader's.
    waiting: BTreeSet<u64>,
}

impl OwnRequests {
    /// Panics where what waits here is not what must be.
    pub(crate) fn check_invariants(&self, core: &Core) {
        assert!(
            core.leads() || self.waiting.is_empty(),
            "a leader alone has requests of others"
        );
    }

    /// Takes fresh evidence of this replica's own.
    pub(crate) fn take_reattest(
        &mut self,
        core: &mut Core,
        call: u64,
        request: &Bytes,
        out: &mut Effects,
    ) {
        match goal_of(request, core.id) {
            Some(goal @ Goal::Attested { .. }) if self.submission.is_none() => {
                self.submit_own(core, call, request, goal, out);
            }
            Some(Goal::Attested { .. }) => {
                out.replies.push((call, Reply::Failed(CallError::Busy)));
            }
            _ => out.replies.push((call, Reply::Failed(not_its_own()))),
        }
    }

    /// This replica wants to leave. Whatever else it asked for does not matter any more.
    pub(crate) fn take_leave(
        &mut self,
        core: &mut Core,
        call: u64,
        request: &Bytes,
        out: &mut Effects,
    ) {
        match goal_of(request, core.id) {
            Some(goal @ Goal::Left) => {
                let supersedes = self.submission.is_some();
                self.end_submission(Reply::Failed(CallError::Retry), out);
                self.submit_own(core, call, request, goal, out);
                if let Some(submission) = &mut self.submission {
                    submission.supersedes = supersedes;
                }
            }
            _ => out.replies.push((call, Reply::Failed(not_its_own()))),
        }
    }

    fn submit_own(
        &mut self,
        core: &mut Core,
        call: u64,
        request: &Bytes,
        goal: Goal,
        out: &mut Effects,
    ) {
        self.submission = Some(Submission {
            call,
            request: request.clone(),
            goal,
            supersedes: false,
            asked: None,
            since_tick: core.ticks,
            sent_tick: core.ticks,
        });
        self.send_submission(core, out);
    }

    /// Sends what waits again, or gives it up.
    pub(crate) fn tick(&mut self, core: &mut Core, out: &mut Effects) {
        let Some(submission) = &self.submission else {
            return;
        };
        if core.ticks >= submission.since_tick + GIVE_UP_TICKS {
            self.end_submission(Reply::Failed(CallError::Retry), out);
        } else if core.ticks >= submission.sent_tick + RESEND_TICKS
            || core.engine.leader() != submission.asked
        {
            self.send_submission(core, out);
        }
    }

    fn send_submission(&mut self, core: &mut Core, out: &mut Effects) {
        let (leader, ticks) = (core.engine.leader(), core.ticks);
        let Some(submission) = &mut self.submission else {
            return;
        };
        submission.asked = leader;
        submission.sent_tick = ticks;
        let Some(leader) = leader else { return };
        let (request, goal) = (submission.request.clone(), submission.goal);
        if leader == core.id {
            return self.submit_for(core, leader, goal, request);
        }
        let envelope = Envelope {
            submission: Some(request),
            ..Envelope::default()
        };
        out.send.push((leader, envelope));
    }

    /// Answers once this replica's certified state holds the result.
    pub(crate) fn settle(&mut self, core: &Core, out: &mut Effects) {
        let Some(submission) = &self.submission else {
            return;
        };
        let rows = core.seen_rows.network(&core.machine);
        let Some(own) = rows.replicas.iter().find(|replica| replica.id == core.id) else {
            return;
        };
        let reached = match submission.goal {
            Goal::Attested { block_index } => {
                (own.attested_index >= block_index).then_some(own.attested_seqno)
            }
            Goal::Left => own
                .removal
                .filter(|_| own.status == ReplicaStatus::Removed)
                .map(|removal| removal.seqno),
        };
        if let Some(seqno) = reached {
            let tx = core.machine.history().certified_tx(seqno);
            let replica = Some(core.id);
            self.end_submission(Reply::Governance(Recorded { tx, replica }), out);
        }
    }

    fn end_submission(&mut self, reply: Reply, out: &mut Effects) {
        if let Some(submission) = self.submission.take() {
            out.replies.push((submission.call, reply));
        }
    }

    /// What a peer wants on the ledger: only in its own name, and only at the leader.
    pub(crate) fn take_submission(
        &mut self,
        core: &mut Core,
        from: u64,
        request: Bytes,
        out: &mut Effects,
    ) {
        if !core.leads() {
            return;
        }
        match goal_of(&request, from) {
            Some(goal) => self.submit_for(core, from, goal, request),
            None => out.notices.push(Notice::Dropped {
                peer: from,
                why: "it submits what is not its own request".to_owned(),
            }),
        }
    }

    fn submit_for(&mut self, core: &mut Core, replica: u64, goal: Goal, request: Bytes) {
        // What finds no room is sent again.
        if self.waiting.insert(replica) {
            let taken = core.submit(Queued {
                asker: Asker::Peer(replica),
                caller: Caller::default(),
                work: Work::Governance(match goal {
                    Goal::Attested { .. } => Request::Reattest(request),
                    Goal::Left => Request::Leave(request),
                }),
            });
            if !taken {
                self.waiting.remove(&replica);
            }
        }
    }

    /// Turns replies to peers' calls into messages. A peer sees its success on the ledger; it is
    /// told of refusals.
    pub(crate) fn answer_peers(&mut self, core: &Core, out: &mut Effects) {
        for (peer, reply) in std::mem::take(&mut out.replies_to_peers) {
            self.waiting.remove(&peer);
            if let Reply::Failed(error) = reply
                && let Some(why) = error.refusal()
            {
                self.tell_refusal(core, peer, error, why, out);
            }
        }
    }

    fn tell_refusal(
        &mut self,
        core: &Core,
        peer: u64,
        error: CallError,
        mut why: String,
        out: &mut Effects,
    ) {
        if peer == core.id {
            return self.end_submission(Reply::Failed(error), out);
        }
        why.truncate(why.floor_char_boundary(REFUSAL_BYTES_MAX));
        let envelope = Envelope {
            refusal: Some(why),
            ..Envelope::default()
        };
        out.send.push((peer, envelope));
    }

    /// The leader does not take this replica's request.
    pub(crate) fn take_refusal(&mut self, from: u64, why: String, out: &mut Effects) {
        let asked = self
            .submission
            .as_ref()
            .and_then(|submission| submission.asked);
        let superseded = self
            .submission
            .as_mut()
            .is_some_and(|submission| std::mem::take(&mut submission.supersedes));
        if asked == Some(from) && !superseded {
            self.end_submission(Reply::Failed(CallError::Refused(why)), out);
        }
    }
}

/// What a request of replica `id` in its own name aims at; none if it is anything else.
fn goal_of(bytes: &Bytes, id: u64) -> Option<Goal> {
    match Input::decode(bytes) {
        Ok(Input::Reattest(reattest)) if reattest.id == id => Some(Goal::Attested {
            block_index: reattest.block.index,
        }),
        Ok(Input::Leave(leave)) if leave.id == id => Some(Goal::Left),
        _ => None,
    }
}

fn not_its_own() -> CallError {
    CallError::Malformed("not a request of this replica".to_owned())
}
