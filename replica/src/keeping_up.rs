//! What a leader remembers of who certifies what: `lagging` has it from the members'
//! acknowledgements.
//!
//! Invariant: a time of at least [`CERTIFY_LAG_TICKS`] in the same view lies between what is due
//! and now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A learner is promoted once it holds the log, and has certified, up to so many entries below the
/// end.
pub const PROMOTION_LAG_MAX: u64 = 256;
/// A voter that has not certified what the leader had certified so many ticks ago (10 s of 20 ms)
/// stays behind.
pub const CERTIFY_LAG_TICKS: u64 = 500;

/// A leader's knowledge of who certifies what.
#[derive(Debug, Default)]
pub(crate) struct KeepingUp {
    /// The newest certified index that each member acknowledged in this view.
    acknowledged: BTreeMap<u64, u64>,
    /// The members whose disks refuse writes, by their newest heartbeat replies.
    refusing: BTreeSet<u64>,
    /// Where this leader stood, oldest first; the first is due, the others are not yet.
    marks: VecDeque<Mark>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) tick: u64,
    pub(crate) certified: u64,
    pub(crate) proposed: u64,
}

impl KeepingUp {
    /// A member says that it has certified the block at this index.
    pub(crate) fn acknowledge(&mut self, peer: u64, certified: u64) {
        let known = self.acknowledged.entry(peer).or_default();
        *known = certified.max(*known);
    }

    /// A member says whether its disk refuses writes.
    pub(crate) fn note_disk(&mut self, peer: u64, refuses: bool) {
        if refuses {
            self.refusing.insert(peer);
        } else {
            self.refusing.remove(&peer);
        }
    }

    /// Whether the member said that its disk refuses writes.
    pub(crate) fn disk_refuses(&self, peer: u64) -> bool {
        self.refusing.contains(&peer)
    }

    /// Notes where this leader stands.
    pub(crate) fn mark(&mut self, mark: Mark) {
        self.marks.push_back(mark);
        let is_due = |later: &Mark| later.tick + CERTIFY_LAG_TICKS <= mark.tick;
        while self.marks.get(1).is_some_and(is_due) {
            self.marks.pop_front();
        }
    }

    /// Where this leader stood [`CERTIFY_LAG_TICKS`] ago, if it led then.
    pub(crate) fn due(&self, tick: u64) -> Option<Mark> {
        let first = self.marks.front().copied();
        first.filter(|first| first.tick + CERTIFY_LAG_TICKS <= tick)
    }

    /// The newest certified index that `peer` acknowledged in this view.
    pub(crate) fn acknowledged(&self, peer: u64) -> u64 {
        self.acknowledged.get(&peer).copied().unwrap_or(0)
    }

    /// Another view begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
