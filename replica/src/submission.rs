//! What a replica asks in its own name, on its way to the ledger.

use bytes::Bytes;

/// A request of this replica's own that is on its way.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The call that is answered in the end.
    pub(crate) call: u64,
    /// An input of governance, encoded.
    pub(crate) request: Bytes,
    /// What the ledger must say.
    pub(crate) goal: Goal,
    /// Whether an earlier request gave way to this one: a refusal that comes next may be of that
    /// one.
    pub(crate) supersedes: bool,
    /// The leader that was asked last.
    pub(crate) asked: Option<u64>,
    /// The tick at which it was taken up.
    pub(crate) since_tick: u64,
    /// The tick at which it was last sent.
    pub(crate) sent_tick: u64,
}

/// When a request has reached its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The record's evidence is as new as this.
    Attested {
        /// The block from which the nonce was made.
        block_index: u64,
    },
    /// The replica is out.
    Left,
}
