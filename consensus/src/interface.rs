//! What goes into the engine and what comes out of it.

use std::collections::BTreeMap;

use crate::entry::{Entry, Payload};
use crate::message::Message;

/// What an engine starts from: a verified ledger's end, never a disk's memory of votes.
///
/// An id starts an engine once in its life. A replica that restarts is a new replica.
#[derive(Clone, Debug)]
pub struct Start {
    /// This replica's id, never 0. It need not be a member yet.
    pub id: u64,
    /// The voters of the configuration that is applied at `index`.
    pub voters: Vec<u64>,
    /// The learners of that configuration.
    pub learners: Vec<u64>,
    /// The voters' groups and how many of them a commit must span.
    pub groups: Groups,
    /// Index of the last entry (or genesis block) of the ledger; it counts as committed and
    /// applied. At least 1.
    pub index: u64,
    /// Term of that entry. At least 1.
    pub term: u64,
    /// Decides the election timeouts, together with id and term.
    pub seed: u64,
    /// The terms of older entries, in order, so that slow peers can be served: entries after
    /// `history[0].first` can be asked for by [`Fetch`]. May be empty: then nothing at or below
    /// `index` can be served, but for `tail`.
    pub history: Vec<TermRun>,
    /// The newest entries, contiguous and ending at `index`, kept in memory for slow peers.
    /// May be empty.
    pub tail: Vec<Entry>,
}

/// A stretch of entries of one term: from `first` up to the next run's `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermRun {
    /// First index of the run.
    pub first: u64,
    /// The term of its entries.
    pub term: u64,
}

/// Which replica belongs to which group (vendor), and how many groups a commit must span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Replica id to group id, group ids above 0. Every voter has one if `required` is 2.
    /// Learners may be listed already.
    pub of: BTreeMap<u64, u64>,
    /// 1 or 2.
    pub required: u8,
}

impl Groups {
    /// No diversity asked: a plain majority commits.
    pub fn none() -> Self {
        Self {
            of: BTreeMap::new(),
            required: 1,
        }
    }
}

/// Sizes and times. Times are counted in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How many milliseconds the caller lets pass between two [`Input::Tick`]s.
    pub tick_ms: u64,
    /// A leader beats this often.
    pub heartbeat_ticks: usize,
    /// A follower that hears nothing for at least this long campaigns; a leader that hears no
    /// quorum for this long steps down.
    pub election_ticks_min: usize,
    /// Upper bound, exclusive, of a follower's election timeout.
    pub election_ticks_max: usize,
    /// Applied entries beyond this number are dropped from memory.
    pub entries_in_memory_max: usize,
    /// Applied entries beyond this many bytes are dropped from memory.
    pub bytes_in_memory_max: usize,
    /// Appends on their way to one follower.
    pub inflight_max: usize,
    /// Entries that wait for the disk; a follower refuses appends beyond it.
    pub unpersisted_max: usize,
    /// Entries asked for at once by [`Fetch`].
    pub fetch_max: u64,
}

impl Default for Tuning {
    /// A killed leader is replaced after 0.8 to 1.4 s; a busy two-core machine does not flap.
    fn default() -> Self {
        Self {
            tick_ms: 20,
            heartbeat_ticks: 4,
            election_ticks_min: 40,
            election_ticks_max: 70,
            entries_in_memory_max: 8192,
            bytes_in_memory_max: 16 * 1024 * 1024,
            inflight_max: 64,
            unpersisted_max: 1024,
            fetch_max: 64,
        }
    }
}

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// `Tuning::tick_ms` passed.
    Tick,
    /// A message came through an authenticated channel. The caller has compared block hashes,
    /// checked blocks, and lowered the commit index.
    Received(Message),
    /// The leader proposes. `Effects::proposed` or `Effects::dropped` answers.
    Propose(Payload),
    /// All batches up to and including this number are persisted.
    Persisted(u64),
    /// Apply the committed change of membership at `index`. In order, and only once each. A
    /// replica that does not lead calls it as soon as the change is committed; a leader when
    /// the change is certified; a leader that loses its leadership at once.
    Apply {
        /// Index of the committed [`Payload::Change`].
        index: u64,
        /// The groups of the configuration that results.
        groups: Groups,
    },
    /// The leader asks for an index that covers everything committed before this moment.
    /// `ctx` is never used twice. `Effects::reads` or `Effects::dropped` answers; the answer
    /// may also be lost with the leadership, so the caller sets a deadline.
    ReadIndex(u64),
    /// The leader hands its leadership to this voter.
    Transfer(u64),
    /// Campaign now. For a sole voter at its start; others wait for their timeout.
    Campaign,
    /// Whether this replica may stand for election; at the start it may. One that may not still
    /// follows and votes: it forgets a silent leader, but asks for no votes, and takes no
    /// leadership that is handed to it. A leader goes on leading.
    MayStand(bool),
    /// The groups change without a change of the membership.
    Groups(Groups),
    /// Answer to [`Fetch`]: verified old entries, contiguous, from `Fetch::from` on. Fewer than
    /// asked are fine; none means that they cannot be read now. A refusal leaves the fetch
    /// outstanding: answer it with none.
    Fetched(Vec<Entry>),
    /// The connection to this peer was lost, messages to it may be, too.
    Unreachable(u64),
}

/// What the caller must do. Persist before answering `Persisted`; send in the given order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Write these to disk, then answer with [`Input::Persisted`].
    pub persist: Option<Batch>,
    /// Send these now. Nothing here waits for `persist`: what must wait comes with the answer.
    pub send: Vec<Message>,
    /// Newly committed entries, in order, each once.
    pub committed: Vec<Entry>,
    /// Role, term or leader changed.
    pub role: Option<RoleChange>,
    /// Reads that may be served once the state covers their index.
    pub reads: Vec<ReadReady>,
    /// The proposal stands in the log.
    pub proposed: Option<Proposed>,
    /// The proposal, read, transfer or campaign was not taken up.
    pub dropped: Option<DroppedReason>,
    /// A slow peer needs old entries: read them and answer with [`Input::Fetched`]. At most one
    /// is outstanding.
    pub fetch: Option<Fetch>,
}

/// Entries to write to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Rising number, for [`Input::Persisted`].
    pub number: u64,
    /// Entries from this index on, written by earlier batches, are void: a leader of a later
    /// term replaces them. Never at or below the commit index.
    pub truncate_from: Option<u64>,
    /// Contiguous entries to append, empty ones included.
    pub entries: Vec<Entry>,
}

/// What a replica is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows a leader, or waits for one. Learners are followers.
    Follower,
    /// Asks whether an election would succeed.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
}

/// Role, term and leader after an input that changed one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// The role now.
    pub role: Role,
    /// The term now.
    pub term: u64,
    /// The leader of that term, if known.
    pub leader: Option<u64>,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
}

/// A read whose leader was confirmed by a quorum after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadReady {
    /// The `ctx` of [`Input::ReadIndex`].
    pub ctx: u64,
    /// The state must cover this index. It may be an empty entry's.
    pub index: u64,
}

/// Why an input had no effect. Nobody's fault: ask again, or ask the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedReason {
    /// This replica does not lead (or, for a campaign, leads already).
    WrongRole,
    /// A leadership transfer is under way.
    Transferring,
    /// An earlier change of membership, or an entry of an earlier term, is not applied yet.
    ChangePending,
    /// The change does not fit the membership: the peer is or is not a member, is this leader
    /// itself, is the last voter, or the groups would be too few.
    ChangeUnfit,
    /// The payload is not a block, or too long.
    PayloadUnfit,
    /// The leader has not committed an entry of its own term yet.
    NothingCommittedInTerm,
    /// The peer is not a voter, or is this leader itself.
    PeerUnfit,
    /// Entries still wait for the disk, or a committed change waits to be applied.
    NotSettled,
    /// This replica may not stand for election ([`Input::MayStand`]).
    MayNotStand,
}

/// Old entries that a slow peer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// First index.
    pub from: u64,
    /// Last index, inclusive.
    pub to: u64,
}

/// How far a peer is, as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: u64,
    /// Whether it has a vote.
    pub voter: bool,
    /// The log is known to be equal, and persisted there, up to this index.
    pub matched: u64,
    /// The next index to send.
    pub next: u64,
    /// Whether it answered recently (within an election timeout).
    pub active: bool,
}
