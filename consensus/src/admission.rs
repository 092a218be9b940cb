//! What may reach raft-rs. It compares terms only, and stops the process on a conflict at or
//! below the commit index or on a commit index beyond the log; so those are refused here.
//!
//! Invariant: a message that passes makes raft-rs neither panic nor lower what a peer is known
//! to hold. Messages of a lower term pass: raft-rs answers them with its own term.

use crate::entry::Entry;
use crate::interface::Role;
use crate::message::{Body, Message};
use crate::refused::Refused;

/// Terms, indices and ids stay below this, so that no sum of them overflows.
pub(crate) const NUMBER_MAX: u64 = 1 << 62;

/// What the checks need to know of the engine.
pub(crate) trait State {
    fn id(&self) -> u64;
    fn term(&self) -> u64;
    fn role(&self) -> Role;
    fn leader(&self) -> Option<u64>;
    fn commit(&self) -> u64;
    fn last_index(&self) -> u64;
    fn term_at(&self, index: u64) -> Option<u64>;
    /// What the peer acknowledged; `None` if it is not a member.
    fn matched(&self, peer: u64) -> Option<u64>;
    /// Whether this replica may ask for votes.
    fn may_stand(&self) -> bool;
    /// Batches that wait for the disk.
    fn batches_in_flight(&self) -> usize;
    fn unpersisted_max(&self) -> usize;
}

/// Whether raft-rs may see `message` now.
pub(crate) fn check(state: &impl State, message: &Message) -> Result<(), Refused> {
    check_envelope(state, message)?;
    check_shape(message)?;
    if message.term < state.term() {
        return Ok(());
    }
    match &message.body {
        Body::Append {
            index,
            log_term,
            entry,
            ..
        } => {
            check_leader(state, message)?;
            check_append(state, (*index, *log_term), entry.as_ref())
        }
        Body::Heartbeat { commit, .. } => {
            check_leader(state, message)?;
            check_commit(state, *commit)
        }
        Body::TimeoutNow => check_transfer(state, message),
        Body::Accepted { .. } | Body::Rejected { .. } | Body::HeartbeatReply { .. } => {
            check_reply(state, message)
        }
        Body::VoteReply { .. } => check_vote_reply(state, message),
        Body::Vote { .. } => Ok(()),
    }
}

fn check_envelope(state: &impl State, message: &Message) -> Result<(), Refused> {
    let (from, to) = (message.from, message.to);
    if from == 0 || from == state.id() || to != state.id() {
        return Err(Refused::Misaddressed { from, to });
    }
    in_range(message.term, "term is 0 or too high")
}

/// What holds whatever the receiver's state is.
fn check_shape(message: &Message) -> Result<(), Refused> {
    match &message.body {
        Body::Append {
            index,
            log_term,
            commit,
            entry,
        } => {
            in_range(*index, "append after index 0 or too high")?;
            in_range(*log_term, "append after term 0 or too high")?;
            below_max(*commit)?;
            ordered(*log_term, message.term)?;
            entry.as_ref().map_or(Ok(()), |entry| {
                check_entry(entry, (*index, *log_term), message.term)
            })
        }
        Body::Accepted { index, commit } => below_max(*index).and(below_max(*commit)),
        Body::Rejected {
            index,
            hint,
            hint_term,
            commit,
        } => {
            below_max(*index).and(below_max(*hint))?;
            below_max(*hint_term).and(below_max(*commit))
        }
        Body::Vote {
            last_index,
            last_term,
            ..
        } => {
            in_range(*last_index, "last index is 0 or too high")?;
            in_range(*last_term, "last term is 0 or too high")?;
            ordered(*last_term, message.term)
        }
        Body::Heartbeat { commit, .. } | Body::HeartbeatReply { commit, .. } => below_max(*commit),
        Body::VoteReply { .. } | Body::TimeoutNow => Ok(()),
    }
}

fn check_entry(entry: &Entry, (index, log_term): (u64, u64), term: u64) -> Result<(), Refused> {
    let malformed = |what| Err(Refused::Malformed { what });
    if entry.index != index + 1 {
        return malformed("entry does not follow the index before it");
    }
    if entry.term < log_term || entry.term > term {
        return malformed("entry's term is outside its neighbours'");
    }
    if !entry.payload.is_well_formed() {
        return malformed("entry carries no block, or one that is too long");
    }
    Ok(())
}

/// A term has one leader. The second one is lying, or the first one was.
fn check_leader(state: &impl State, message: &Message) -> Result<(), Refused> {
    let known = match state.role() {
        _ if message.term > state.term() => None,
        Role::Leader => Some(state.id()),
        Role::Follower | Role::PreCandidate | Role::Candidate => state.leader(),
    };
    match known {
        Some(leader) if leader != message.from => Err(Refused::RivalLeader {
            from: message.from,
            leader,
            term: message.term,
        }),
        _ => Ok(()),
    }
}

fn check_append(
    state: &impl State,
    before: (u64, u64),
    entry: Option<&Entry>,
) -> Result<(), Refused> {
    let claims = std::iter::once(before).chain(entry.map(|entry| (entry.index, entry.term)));
    for (index, theirs) in claims.filter(|(index, _)| *index <= state.commit()) {
        match state.term_at(index) {
            Some(ours) if ours != theirs => {
                return Err(Refused::ContradictsCommitted {
                    index,
                    ours,
                    theirs,
                });
            }
            _ => {}
        }
    }
    let waiting = state.batches_in_flight();
    if entry.is_some() && waiting >= state.unpersisted_max() {
        return Err(Refused::DiskBehind { waiting });
    }
    Ok(())
}

fn check_commit(state: &impl State, commit: u64) -> Result<(), Refused> {
    let last = state.last_index();
    if commit > last {
        return Err(Refused::CommitBeyondLog { commit, last });
    }
    Ok(())
}

fn check_transfer(state: &impl State, message: &Message) -> Result<(), Refused> {
    let from = message.from;
    if message.term != state.term() || state.leader() != Some(from) {
        return Err(Refused::NotFromLeader { from });
    }
    if state.may_stand() {
        Ok(())
    } else {
        Err(Refused::MayNotStand)
    }
}

/// raft-rs would follow a stale rejection below what the peer holds, and send that again; one of
/// what the peer acknowledged in this term is always stale.
fn check_reply(state: &impl State, message: &Message) -> Result<(), Refused> {
    let from = message.from;
    let matched = state.matched(from).ok_or(Refused::UnknownPeer { from })?;
    if message.term != state.term() || state.role() != Role::Leader {
        return Ok(());
    }
    match message.body {
        Body::Accepted { index, .. } if index > state.last_index() => {
            Err(Refused::AcknowledgedBeyondLog {
                index,
                last: state.last_index(),
            })
        }
        Body::Rejected { index, .. } if index <= matched => {
            Err(Refused::StaleRejection { index, matched })
        }
        _ => Ok(()),
    }
}

/// A vote is asked for only after all entries are persisted, so an earlier answer is a lie; and
/// raft-rs does not survive a leader whose entries are not.
fn check_vote_reply(state: &impl State, message: &Message) -> Result<(), Refused> {
    let from = message.from;
    if state.matched(from).is_none() {
        return Err(Refused::UnknownPeer { from });
    }
    let granted = matches!(message.body, Body::VoteReply { granted: true, .. });
    if granted && state.batches_in_flight() > 0 {
        return Err(Refused::UnsolicitedVote { from });
    }
    Ok(())
}

fn in_range(number: u64, what: &'static str) -> Result<(), Refused> {
    if number == 0 || number >= NUMBER_MAX {
        return Err(Refused::Malformed { what });
    }
    Ok(())
}

fn below_max(number: u64) -> Result<(), Refused> {
    if number >= NUMBER_MAX {
        return Err(Refused::Malformed {
            what: "number is too high",
        });
    }
    Ok(())
}

fn ordered(earlier: u64, later: u64) -> Result<(), Refused> {
    if earlier > later {
        return Err(Refused::Malformed {
            what: "an entry's term is above the message's",
        });
    }
    Ok(())
}
