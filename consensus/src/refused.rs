//! Why the engine refuses. A refusal leaves the engine exactly as it was.

use thiserror::Error;

/// Why an input was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The message names another receiver, or its sender is nobody or this replica itself.
    /// The peer's fault, or the caller confused channels.
    #[error("message from {from} to {to} is not for this replica")]
    Misaddressed {
        /// Named sender.
        from: u64,
        /// Named receiver.
        to: u64,
    },
    /// A term or index is out of any sensible range, or the fields contradict each other.
    /// The peer's fault.
    #[error("message is malformed: {what}")]
    Malformed {
        /// Which rule it breaks.
        what: &'static str,
    },
    /// The peer acts as leader in a term that has another leader. The peer's fault, or the
    /// other's: keep the message as proof.
    #[error("peer {from} claims to lead term {term}, but {leader} is the leader of that term")]
    RivalLeader {
        /// The claimant.
        from: u64,
        /// The leader that is known already.
        leader: u64,
        /// The term of both.
        term: u64,
    },
    /// A leader of this or a later term contradicts a committed entry. Keep it as proof.
    #[error(
        "peer states term {theirs} for the committed index {index}, which has term {ours} here"
    )]
    ContradictsCommitted {
        /// Where.
        index: u64,
        /// The committed entry's term.
        ours: u64,
        /// The peer's claim.
        theirs: u64,
    },
    /// The commit index lies beyond this replica's log.
    #[error("commit index {commit} is beyond the last index {last}")]
    CommitBeyondLog {
        /// The peer's claim.
        commit: u64,
        /// This replica's last index.
        last: u64,
    },
    /// A follower acknowledges what this leader never sent.
    #[error("acknowledged index {index} is beyond the last index {last}")]
    AcknowledgedBeyondLog {
        /// The peer's claim.
        index: u64,
        /// This replica's last index.
        last: u64,
    },
    /// A delayed or repeated rejection of what the follower has accepted since. Harmless.
    #[error("rejection of index {index} is stale: the peer has acknowledged index {matched}")]
    StaleRejection {
        /// The rejected index.
        index: u64,
        /// What the peer acknowledged in this term.
        matched: u64,
    },
    /// An answer to a vote that was not asked for yet.
    #[error("vote of {from} was not requested")]
    UnsolicitedVote {
        /// The voter.
        from: u64,
    },
    /// Only the leader may hand over its leadership.
    #[error("peer {from} is not the leader")]
    NotFromLeader {
        /// The sender.
        from: u64,
    },
    /// Leadership is handed to this replica, which may not stand for election. Nobody's fault; the
    /// leader goes on once its transfer has timed out.
    #[error("this replica may not stand for election")]
    MayNotStand,
    /// An answer from a replica that is not a member.
    #[error("peer {from} is not a member")]
    UnknownPeer {
        /// The sender.
        from: u64,
    },
    /// Too many entries wait for this replica's disk. Our environment's fault; the leader will
    /// send again.
    #[error("{waiting} entries already wait for the disk, the most allowed")]
    DiskBehind {
        /// How many.
        waiting: usize,
    },
    /// The caller reported a batch that was never handed out, or reported it before.
    #[error("batch {number} is not in flight")]
    NotInFlight {
        /// The number.
        number: u64,
    },
    /// The caller applied a change that is not the next committed one.
    #[error("index {index} is not the next change to apply")]
    NotTheNextChange {
        /// The index.
        index: u64,
    },
    /// A committed change cannot be applied to the membership. It should never have been
    /// appended: our own state is in doubt, stop.
    #[error("change at index {index} does not apply to the current membership")]
    ChangeUnfit {
        /// Its index.
        index: u64,
    },
    /// A voter has no group, a group is 0, or there are fewer groups than required.
    #[error("the voters are in fewer than the required {required} groups")]
    GroupsTooFew {
        /// How many are required; anything but 1 or 2 is refused, too.
        required: u8,
    },
    /// The entries were not asked for, are not contiguous, or have another term than the log.
    #[error("fetched entries do not start at index {from}")]
    NotFetched {
        /// The first index that was expected.
        from: u64,
    },
}

impl Refused {
    /// A short stable name for counters and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Misaddressed { .. } => "misaddressed",
            Self::Malformed { .. } => "malformed",
            Self::RivalLeader { .. } => "rival_leader",
            Self::ContradictsCommitted { .. } => "contradicts_committed",
            Self::CommitBeyondLog { .. } => "commit_beyond_log",
            Self::AcknowledgedBeyondLog { .. } => "acknowledged_beyond_log",
            Self::StaleRejection { .. } => "stale_rejection",
            Self::UnsolicitedVote { .. } => "unsolicited_vote",
            Self::NotFromLeader { .. } => "not_from_leader",
            Self::MayNotStand => "may_not_stand",
            Self::UnknownPeer { .. } => "unknown_peer",
            Self::DiskBehind { .. } => "disk_behind",
            Self::NotInFlight { .. } => "not_in_flight",
            Self::NotTheNextChange { .. } => "not_the_next_change",
            Self::ChangeUnfit { .. } => "change_unfit",
            Self::GroupsTooFew { .. } => "groups_too_few",
            Self::NotFetched { .. } => "not_fetched",
        }
    }
}

/// Why an engine did not start. The caller's fault, or its ledger is not what it thought.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// The id, index or term is 0 or out of range.
    #[error("id, index and term must be above 0 and below 2^62")]
    OutOfRange,
    /// There is no voter, a replica is named twice, or an id is 0.
    #[error("the membership is not a set of replicas with at least one voter")]
    Membership,
    /// A voter has no group, a group is 0, or there are fewer groups than required.
    #[error("the voters are in fewer than the required {required} groups")]
    GroupsTooFew {
        /// How many are required.
        required: u8,
    },
    /// History or tail are not contiguous, do not end at `index`, or contradict each other.
    #[error("history and tail do not end at index {index} with term {term}")]
    History {
        /// The start's index.
        index: u64,
        /// The start's term.
        term: u64,
    },
    /// The tuning is not possible, for instance an election timeout below the heartbeat.
    #[error("tuning is invalid: {0}")]
    Tuning(String),
}
