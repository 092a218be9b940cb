//! How a replica's fresh evidence gets on the ledger: the leader records it, whoever it is of.
//!
//! A replica that does not lead sends its request to the leader, over the channel between the two, until it sees
//! the result in its own certified state, hears a refusal, or time is up. Nothing here is believed: the evidence is
//! judged by everybody, and the request bears the replica's own signature.
//!
//! Invariants
//! - one request of each replica waits at a time, here and at the leader;
//! - a peer asks for itself only; a refusal counts only from the leader that was asked.

use bytes::Bytes;
use synod_governance::{Input, Reattest};

use crate::app::Caller;
use crate::calls::{Call, CallError, Effects, Notice, Reply, Request};
use crate::envelope::{Envelope, REFUSAL_BYTES_MAX};
use crate::replica::Replica;
use crate::roll;
use crate::submission::Submission;

/// A request is sent anew after so many ticks (1 s of 20 ms).
const RESEND_TICKS: u64 = 50;
/// And given up after so many (10 s).
const GIVE_UP_TICKS: u64 = 500;
/// Calls of peers bear their replica's id above this bit; the door counts from 1 and never gets there.
const OF_PEER: u64 = 1 << 63;

impl Replica {
    /// Takes fresh evidence of this replica's own.
    pub(crate) fn take_reattest(&mut self, call: u64, request: &Bytes, out: &mut Effects) {
        let block_index = match decode(request) {
            Some(reattest) if reattest.id == self.id => reattest.block.index,
            _ => {
                let error = CallError::Malformed("not a request of this replica".to_owned());
                return out.replies.push((call, Reply::Failed(error)));
            }
        };
        if self.submission.is_some() {
            return out.replies.push((call, Reply::Failed(CallError::Busy)));
        }
        self.submission = Some(Submission {
            call,
            request: request.clone(),
            block_index,
            asked: None,
            since_tick: self.ticks,
            sent_tick: self.ticks,
        });
        self.send_submission(out);
    }

    /// Sends what waits again, or gives it up.
    pub(crate) fn tick_submission(&mut self, out: &mut Effects) {
        let Some(submission) = &self.submission else {
            return;
        };
        if self.ticks >= submission.since_tick + GIVE_UP_TICKS {
            self.end_submission(Reply::Failed(CallError::Retry), out);
        } else if self.ticks >= submission.sent_tick + RESEND_TICKS
            || self.engine.leader() != submission.asked
        {
            self.send_submission(out);
        }
    }

    fn send_submission(&mut self, out: &mut Effects) {
        let (leader, ticks) = (self.engine.leader(), self.ticks);
        let Some(submission) = &mut self.submission else {
            return;
        };
        submission.asked = leader;
        submission.sent_tick = ticks;
        let Some(leader) = leader else { return };
        let request = submission.request.clone();
        if leader == self.id {
            return self.submit_for(leader, request);
        }
        let envelope = Envelope {
            submission: Some(request),
            ..Envelope::default()
        };
        out.send.push((leader, envelope));
    }

    /// Answers once this replica's certified state holds the result.
    pub(crate) fn settle_submission(&mut self, out: &mut Effects) {
        let Some(submission) = &self.submission else {
            return;
        };
        let replicas = roll::replicas_in(&self.certified_state());
        let own = replicas.iter().find(|replica| replica.id == self.id);
        if let Some(own) = own.filter(|own| own.attested_index >= submission.block_index) {
            let tx = self.machine.history().certified_tx(own.attested_seqno);
            let replica = Some(self.id);
            self.end_submission(Reply::Governed { tx, replica }, out);
        }
    }

    fn end_submission(&mut self, reply: Reply, out: &mut Effects) {
        if let Some(submission) = self.submission.take() {
            out.replies.push((submission.call, reply));
        }
    }

    /// What a peer wants on the ledger: only its own evidence, and only at the leader.
    pub(crate) fn take_submission(&mut self, from: u64, request: Bytes, out: &mut Effects) {
        if !self.leads() {
            return;
        }
        match decode(&request) {
            Some(reattest) if reattest.id == from => self.submit_for(from, request),
            _ => out.notices.push(Notice::Dropped {
                peer: from,
                why: "it submits what is not its own evidence".to_owned(),
            }),
        }
    }

    fn submit_for(&mut self, replica: u64, request: Bytes) {
        // What finds no room is sent again.
        if self.peers_waiting.insert(replica) {
            let taken = self.desk.submit(Call {
                id: OF_PEER | replica,
                caller: Caller::default(),
                request: Request::Reattest(request),
            });
            if !taken {
                self.peers_waiting.remove(&replica);
            }
        }
    }

    /// Turns replies to peers' calls into messages. A peer sees its success on the ledger; it is told of refusals.
    pub(crate) fn answer_peers(&mut self, out: &mut Effects) {
        if self.peers_waiting.is_empty() {
            return;
        }
        let (of_peers, own) = std::mem::take(&mut out.replies)
            .into_iter()
            .partition::<Vec<_>, _>(|(call, _)| call & OF_PEER != 0);
        out.replies = own;
        for (call, reply) in of_peers {
            let peer = call & !OF_PEER;
            self.peers_waiting.remove(&peer);
            if let Reply::Failed(error @ (CallError::Refused(_) | CallError::Malformed(_))) = reply
            {
                self.tell_refusal(peer, error, out);
            }
        }
    }

    fn tell_refusal(&mut self, peer: u64, error: CallError, out: &mut Effects) {
        if peer == self.id {
            return self.end_submission(Reply::Failed(error), out);
        }
        let mut why = match error {
            CallError::Refused(why) | CallError::Malformed(why) => why,
            other => other.to_string(),
        };
        why.truncate(why.floor_char_boundary(REFUSAL_BYTES_MAX));
        let envelope = Envelope {
            refusal: Some(why),
            ..Envelope::default()
        };
        out.send.push((peer, envelope));
    }

    /// The leader does not take this replica's evidence.
    pub(crate) fn take_refusal(&mut self, from: u64, why: String, out: &mut Effects) {
        let asked = self
            .submission
            .as_ref()
            .and_then(|submission| submission.asked);
        if asked == Some(from) {
            self.end_submission(Reply::Failed(CallError::Refused(why)), out);
        }
    }
}

fn decode(bytes: &Bytes) -> Option<Box<Reattest>> {
    match Input::decode(bytes) {
        Ok(Input::Reattest(reattest)) => Some(reattest),
        _ => None,
    }
}
