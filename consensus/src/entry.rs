//! What the engine orders: entries, whose payload is nothing, a block, or a block that changes
//! the membership. The engine never looks into a block.

use bytes::Bytes;

/// The longest block that an entry may carry, in bytes.
pub const BLOCK_BYTES_MAX: usize = 32 * 1024 * 1024;

/// One position of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position in the log. Index 1 is the genesis block, which is not an entry of the engine.
    pub index: u64,
    /// Term of the leader that appended the entry: the view of its block.
    pub term: u64,
    /// What the entry carries.
    pub payload: Payload,
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The entry that every new leader appends first. It has no block, no leaf, no signature.
    Empty,
    /// A block. Never empty bytes.
    Block(Bytes),
    /// A block that changes the membership once it is applied.
    Change {
        /// What changes.
        change: Change,
        /// The block that records why. Never empty bytes.
        block: Bytes,
    },
}

impl Payload {
    /// The block's bytes; `None` for an empty entry.
    pub fn block(&self) -> Option<&Bytes> {
        match self {
            Self::Empty => None,
            Self::Block(block) | Self::Change { block, .. } => Some(block),
        }
    }

    /// The change of membership that the entry carries, if any.
    pub fn change(&self) -> Option<Change> {
        match self {
            Self::Change { change, .. } => Some(*change),
            Self::Empty | Self::Block(_) => None,
        }
    }

    /// Whether the payload may stand in an entry: a block is neither empty nor too long.
    pub(crate) fn is_well_formed(&self) -> bool {
        let block_fits = self
            .block()
            .is_none_or(|block| !block.is_empty() && block.len() <= BLOCK_BYTES_MAX);
        block_fits && self.change().is_none_or(|change| change.peer() != 0)
    }
}

/// A change of the membership: one replica at a time, never two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A replica that was not a member receives the log from now on, without a vote.
    AddLearner(u64),
    /// A learner gets a vote.
    Promote(u64),
    /// A voter loses its vote and continues as a learner.
    Demote(u64),
    /// A voter or learner leaves for ever. Ids are never used again.
    Remove(u64),
}

impl Change {
    /// The replica that the change is about.
    pub fn peer(self) -> u64 {
        match self {
            Self::AddLearner(id) | Self::Promote(id) | Self::Demote(id) | Self::Remove(id) => id,
        }
    }
}
