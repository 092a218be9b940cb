//! Between our entries and messages and those of raft-rs, which are protobuf structures.
//!
//! raft-rs parses an entry's data only when a change of membership is proposed, and then our
//! own bytes. So the data of such an entry is written and read here, by hand: field 2 the type,
//! field 3 the replica. No protobuf parser ever sees a peer's bytes.

use bytes::Bytes;
use raft::eraftpb;
use raft::eraftpb::{ConfChange, ConfChangeType, EntryType, MessageType};

use crate::entry::{Change, Entry, Payload};
use crate::message::{Body, Message};

/// raft-rs recognises an election that the leader asked for by this context (`raft.rs`).
const TRANSFER_CONTEXT: &[u8] = raft::CAMPAIGN_TRANSFER;

/// The entry in raft-rs's form. Index and term are overwritten when a leader appends it.
pub(crate) fn entry_to_raft(entry: &Entry) -> eraftpb::Entry {
    let mut raw = eraftpb::Entry {
        index: entry.index,
        term: entry.term,
        ..eraftpb::Entry::default()
    };
    match &entry.payload {
        Payload::Empty => {}
        Payload::Block(block) => raw.data = block.clone(),
        Payload::Change { change, block } => {
            raw.set_entry_type(EntryType::EntryConfChange);
            raw.data = change_to_bytes(*change);
            raw.context = block.clone();
        }
    }
    raw
}

/// Our form of an entry that went through [`entry_to_raft`] or that raft-rs made itself (the
/// empty one of an election).
pub(crate) fn entry_from_raft(raw: &eraftpb::Entry) -> Entry {
    let payload = match raw.get_entry_type() {
        EntryType::EntryNormal if raw.data.is_empty() => Payload::Empty,
        EntryType::EntryNormal => Payload::Block(raw.data.clone()),
        EntryType::EntryConfChange => Payload::Change {
            change: change_from_bytes(&raw.data).expect("only our own bytes enter the log"),
            block: raw.context.clone(),
        },
        EntryType::EntryConfChangeV2 => unreachable!("joint changes are never proposed"),
    };
    Entry {
        index: raw.index,
        term: raw.term,
        payload,
    }
}

/// The change as raft-rs applies it.
pub(crate) fn change_to_raft(change: Change) -> ConfChange {
    let mut raw = ConfChange {
        node_id: change.peer(),
        ..ConfChange::default()
    };
    raw.set_change_type(match change {
        Change::AddLearner(_) | Change::Demote(_) => ConfChangeType::AddLearnerNode,
        Change::Promote(_) => ConfChangeType::AddNode,
        Change::Remove(_) => ConfChangeType::RemoveNode,
    });
    raw
}

/// raft-rs parses these bytes when they are proposed, so they are protobuf. It knows one kind for
/// a learner that is new and one that was a voter; the field `id`, which it never looks at, tells
/// them apart.
fn change_to_bytes(change: Change) -> Bytes {
    let head: &[u8] = match change {
        Change::Promote(_) => &[0x10, 0],
        Change::Remove(_) => &[0x10, 1],
        Change::AddLearner(_) => &[0x10, 2],
        Change::Demote(_) => &[0x08, 1, 0x10, 2],
    };
    let mut bytes = [head, &[0x18]].concat();
    let mut rest = change.peer();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.into()
}

fn change_from_bytes(bytes: &[u8]) -> Option<Change> {
    let (kind, varint): (fn(u64) -> Change, _) = match bytes {
        [0x10, 0, 0x18, varint @ ..] => (Change::Promote, varint),
        [0x10, 1, 0x18, varint @ ..] => (Change::Remove, varint),
        [0x10, 2, 0x18, varint @ ..] => (Change::AddLearner, varint),
        [0x08, 1, 0x10, 2, 0x18, varint @ ..] => (Change::Demote, varint),
        _ => return None,
    };
    let peer = varint.iter().rev().try_fold(0_u64, |sum, byte| {
        Some(sum.checked_mul(128)? + u64::from(byte & 0x7f))
    })?;
    Some(kind(peer))
}

/// The message in raft-rs's form. Votes carry no commit index: nobody commits on their word.
pub(crate) fn message_to_raft(message: Message) -> eraftpb::Message {
    let mut raw = eraftpb::Message {
        from: message.from,
        to: message.to,
        term: message.term,
        ..eraftpb::Message::default()
    };
    raw.set_msg_type(kind_of(&message.body));
    match message.body {
        Body::Append {
            index,
            log_term,
            commit,
            entry,
        } => {
            (raw.index, raw.log_term, raw.commit) = (index, log_term, commit);
            raw.entries = entry.iter().map(entry_to_raft).collect();
        }
        Body::Accepted { index, commit } => (raw.index, raw.commit) = (index, commit),
        Body::Rejected {
            index,
            hint,
            hint_term,
            commit,
        } => {
            raw.reject = true;
            (raw.index, raw.reject_hint) = (index, hint);
            (raw.log_term, raw.commit) = (hint_term, commit);
        }
        Body::Vote {
            last_index,
            last_term,
            transfer,
            ..
        } => {
            (raw.index, raw.log_term) = (last_index, last_term);
            if transfer {
                raw.context = Bytes::from_static(TRANSFER_CONTEXT);
            }
        }
        Body::VoteReply { granted, .. } => raw.reject = !granted,
        Body::Heartbeat { commit, read } | Body::HeartbeatReply { commit, read } => {
            raw.commit = commit;
            raw.context = read.map_or_else(Bytes::new, read_context);
        }
        Body::TimeoutNow => {}
    }
    raw
}

fn kind_of(body: &Body) -> MessageType {
    match body {
        Body::Append { .. } => MessageType::MsgAppend,
        Body::Accepted { .. } | Body::Rejected { .. } => MessageType::MsgAppendResponse,
        Body::Vote { pre: true, .. } => MessageType::MsgRequestPreVote,
        Body::Vote { pre: false, .. } => MessageType::MsgRequestVote,
        Body::VoteReply { pre: true, .. } => MessageType::MsgRequestPreVoteResponse,
        Body::VoteReply { pre: false, .. } => MessageType::MsgRequestVoteResponse,
        Body::Heartbeat { .. } => MessageType::MsgHeartbeat,
        Body::HeartbeatReply { .. } => MessageType::MsgHeartbeatResponse,
        Body::TimeoutNow => MessageType::MsgTimeoutNow,
    }
}

/// Our form of a message that raft-rs sends.
///
/// # Panics
/// On kinds that the engine never lets raft-rs make: snapshots, forwarded proposals and reads.
pub(crate) fn message_from_raft(raw: &eraftpb::Message) -> Message {
    let body = match raw.get_msg_type() {
        MessageType::MsgAppend => {
            assert!(raw.entries.len() <= 1, "appends carry one entry at most");
            Body::Append {
                index: raw.index,
                log_term: raw.log_term,
                commit: raw.commit,
                entry: raw.entries.first().map(entry_from_raft),
            }
        }
        MessageType::MsgAppendResponse if raw.reject => Body::Rejected {
            index: raw.index,
            hint: raw.reject_hint,
            hint_term: raw.log_term,
            commit: raw.commit,
        },
        MessageType::MsgAppendResponse => Body::Accepted {
            index: raw.index,
            commit: raw.commit,
        },
        kind @ (MessageType::MsgRequestVote | MessageType::MsgRequestPreVote) => Body::Vote {
            pre: kind == MessageType::MsgRequestPreVote,
            last_index: raw.index,
            last_term: raw.log_term,
            transfer: raw.context == TRANSFER_CONTEXT,
        },
        kind @ (MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse) => {
            Body::VoteReply {
                pre: kind == MessageType::MsgRequestPreVoteResponse,
                granted: !raw.reject,
            }
        }
        MessageType::MsgHeartbeat => Body::Heartbeat {
            commit: raw.commit,
            read: read_of(&raw.context),
        },
        MessageType::MsgHeartbeatResponse => Body::HeartbeatReply {
            commit: raw.commit,
            read: read_of(&raw.context),
        },
        MessageType::MsgTimeoutNow => Body::TimeoutNow,
        other => unreachable!("{other:?} is never sent between replicas"),
    };
    Message {
        from: raw.from,
        to: raw.to,
        term: raw.term,
        body,
    }
}

/// raft-rs carries a read's context as bytes.
pub(crate) fn read_context(ctx: u64) -> Bytes {
    Bytes::copy_from_slice(&ctx.to_be_bytes())
}

/// The read whose context these bytes are.
pub(crate) fn read_of(context: &[u8]) -> Option<u64> {
    context.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_survives_the_form_of_raft_rs() {
        for peer in [1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            for change in [
                Change::AddLearner(peer),
                Change::Promote(peer),
                Change::Demote(peer),
                Change::Remove(peer),
            ] {
                let entry = Entry {
                    index: 5,
                    term: 3,
                    payload: Payload::Change {
                        change,
                        block: Bytes::from_static(b"block"),
                    },
                };
                assert_eq!(entry_from_raft(&entry_to_raft(&entry)), entry);
            }
        }
    }
}
