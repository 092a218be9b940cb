//! The messages between replicas. Only kinds that may pass between peers exist as values:
//! no proposals, no snapshots, no forwarded reads, nothing local.
//!
//! A message is believed only as far as the channel vouches for its sender: the receiver sets
//! or checks `from` against the authenticated channel, never the other way round.

use crate::entry::Entry;

/// One message from one replica to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender's id.
    pub from: u64,
    /// The receiver's id.
    pub to: u64,
    /// The sender's term, or the term that it stands for in a vote. Never 0.
    pub term: u64,
    /// What is said.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The leader sends at most one entry, or only its commit index.
    Append {
        /// Index of the entry before `entry`.
        index: u64,
        /// Term of the entry at `index`.
        log_term: u64,
        /// The leader's commit index. Receivers lower it, see [`Message::lower_commit`].
        commit: u64,
        /// The entry at `index + 1`; `None` only tells the commit index.
        entry: Option<Entry>,
    },
    /// The follower's log equals the leader's up to `index`, and is persisted up to there.
    Accepted {
        /// The tail of the append that is answered, or the follower's commit index if that
        /// append was older. 0 if the append came from a lower term.
        index: u64,
        /// The follower's commit index.
        commit: u64,
    },
    /// The follower's log has no entry with the leader's term at `index`.
    Rejected {
        /// The index that was tried.
        index: u64,
        /// Where to try next.
        hint: u64,
        /// The follower's term at `hint`.
        hint_term: u64,
        /// The follower's commit index.
        commit: u64,
    },
    /// A candidate asks for a vote.
    Vote {
        /// Only asks whether a vote would be granted (pre-vote, dissertation §9.6).
        pre: bool,
        /// Index of the candidate's last entry.
        last_index: u64,
        /// Term of the candidate's last entry.
        last_term: u64,
        /// The leader itself asked for this election (leadership transfer, §3.10).
        transfer: bool,
    },
    /// The answer to a vote.
    VoteReply {
        /// Answers a pre-vote.
        pre: bool,
        /// Whether the vote is granted.
        granted: bool,
    },
    /// The leader lives.
    Heartbeat {
        /// min(leader's commit index, what the receiver is known to hold).
        commit: u64,
        /// The read that waits for this heartbeat's answers, if any.
        read: Option<u64>,
    },
    /// The follower still follows.
    HeartbeatReply {
        /// The follower's commit index.
        commit: u64,
        /// Echo of the heartbeat's read.
        read: Option<u64>,
    },
    /// The leader hands its leadership to the receiver, who campaigns at once.
    TimeoutNow,
}

impl Message {
    /// The index that this message acknowledges as held and persisted, if it is an
    /// acknowledgement. The sender attaches its stored signature of exactly this index.
    pub fn acknowledges(&self) -> Option<u64> {
        match self.body {
            Body::Accepted { index, .. } if index > 0 => Some(index),
            _ => None,
        }
    }

    /// The entry that this message asks to append, if any.
    pub fn entry(&self) -> Option<&Entry> {
        match &self.body {
            Body::Append { entry, .. } => entry.as_ref(),
            _ => None,
        }
    }

    /// Lowers the commit index that the message carries to at most `max`. Receivers call it
    /// with their newest certified index before `Engine::step`: nobody's word commits more.
    pub fn lower_commit(&mut self, max: u64) {
        match &mut self.body {
            Body::Append { commit, .. }
            | Body::Heartbeat { commit, .. }
            | Body::Accepted { commit, .. }
            | Body::Rejected { commit, .. }
            | Body::HeartbeatReply { commit, .. } => *commit = (*commit).min(max),
            Body::Vote { .. } | Body::VoteReply { .. } | Body::TimeoutNow => {}
        }
    }

    /// Whether only the leader of `term` sends such a message.
    pub fn is_from_leader(&self) -> bool {
        matches!(
            self.body,
            Body::Append { .. } | Body::Heartbeat { .. } | Body::TimeoutNow
        )
    }
}
