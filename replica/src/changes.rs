//! What changed, transaction by transaction, for those who watch.
//!
//! Invariants
//! - only certified transactions are shown, in the order of their seqnos, without gaps;
//! - what is kept is bounded in bytes and in number; what is older is read from the kept blocks, as
//!   far as they go.

use std::collections::VecDeque;
use std::sync::Arc;

use synod_kv::WriteSet;
use synod_ledger::TxId;

/// The most transactions whose writes are kept at hand while somebody watches: so long as changes
/// were asked for within so many transactions. Else none are, since keeping them costs a tenth of
/// the write path.
pub const CHANGES_KEPT_MAX: usize = 16_384;
/// The most bytes of keys and values that are kept at hand.
pub const CHANGES_BYTES_MAX: usize = 48 << 20;
/// The most transactions that one question is answered with.
pub const CHANGES_ASKED_MAX: usize = 4096;
/// The most bytes of keys and values that one question is answered with, and one transaction more.
pub const CHANGES_ASKED_BYTES_MAX: usize = 256 << 10;
/// What a transaction counts beside its keys and values: the nodes of its tables.
const BYTES_EACH: usize = 1280;

/// What one certified transaction wrote, public and private maps alike: whoever passes it on judges
/// who may see what.
#[derive(Debug, Clone)]
pub struct Change {
    /// The transaction.
    pub tx: TxId,
    /// Its writes; without a value a key was deleted.
    pub writes: Arc<WriteSet>,
}

/// The changes asked for cannot be shown from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// They are older than what this replica keeps. Read the map anew, and watch from there.
    #[error("changes up to seqno {oldest} are not kept here any more")]
    Gone {
        /// The newest seqno that is not kept.
        oldest: u64,
    },
    /// There is nothing so new.
    #[error("seqno {newest} is the newest that is certified here")]
    Ahead {
        /// The newest certified seqno.
        newest: u64,
    },
}

/// Write sets in the order of their seqnos; those at the end may not be certified yet.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    kept: VecDeque<Arc<WriteSet>>,
    /// The seqno of the first one kept.
    first: u64,
    bytes: usize,
    /// Changes are kept up to this seqno: somebody watches.
    watched_until: u64,
}

impl Changes {
    /// Adds the writes of `seqno`, the next one, if somebody watches. The oldest go past the
    /// bounds, but never one above `certified`.
    pub(crate) fn push(&mut self, seqno: u64, writes: Arc<WriteSet>, certified: u64) {
        if seqno > self.watched_until {
            self.kept.clear();
            self.bytes = 0;
            return;
        }
        if self.kept.is_empty() {
            self.first = seqno;
        }
        assert_eq!(
            seqno,
            self.first + self.kept.len() as u64,
            "changes are kept without gaps"
        );
        self.bytes += weight(&writes);
        self.kept.push_back(writes);
        while self.first <= certified
            && (self.kept.len() > CHANGES_KEPT_MAX || self.bytes > CHANGES_BYTES_MAX)
        {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= weight(&oldest);
            self.first += 1;
        }
    }

    /// Somebody asks for changes while `newest` is the newest that is certified.
    pub(crate) fn watch(&mut self, newest: u64) {
        self.watched_until = newest + CHANGES_KEPT_MAX as u64;
    }

    /// Forgets everything above `seqno`: it was rolled back.
    pub(crate) fn roll_back(&mut self, seqno: u64) {
        while self.first + self.kept.len() as u64 > seqno + 1 {
            let Some(newest) = self.kept.pop_back() else {
                break;
            };
            self.bytes -= weight(&newest);
        }
    }

    /// Panics where more is kept than may be; what is not certified yet is never dropped.
    pub(crate) fn check_invariants(&self, certified: u64) {
        let is_over = self.kept.len() > CHANGES_KEPT_MAX || self.bytes > CHANGES_BYTES_MAX;
        assert!(
            !is_over || self.first > certified,
            "certified changes that are kept are bounded"
        );
    }

    /// What `seqno` wrote, if that is kept.
    pub(crate) fn get(&self, seqno: u64) -> Option<&Arc<WriteSet>> {
        let at = usize::try_from(seqno.checked_sub(self.first)?).ok()?;
        self.kept.get(at)
    }
}

fn weight(writes: &WriteSet) -> usize {
    writes.byte_len() + BYTES_EACH
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_kv::MapName;

    fn writes(bytes: usize) -> Arc<WriteSet> {
        let mut writes = WriteSet::new();
        let map = MapName::new("m").expect("a map name");
        writes
            .put(&map, "k", vec![0; bytes])
            .expect("within limits");
        Arc::new(writes)
    }

    #[test]
    fn the_oldest_go_past_the_bounds_but_nothing_uncertified_does() {
        let mut changes = Changes::default();
        changes.watch(0);
        let each = 1 << 20;
        let fit = (CHANGES_BYTES_MAX / (each + BYTES_EACH)) as u64;
        for seqno in 1..=2 * fit {
            changes.push(seqno, writes(each), 0);
        }
        assert!(changes.get(1).is_some(), "nothing was certified");
        changes.push(2 * fit + 1, writes(1), 2 * fit);
        assert!(changes.get(fit).is_none());
        assert!(changes.bytes <= CHANGES_BYTES_MAX);
        assert!(changes.get(2 * fit + 1).is_some());
        assert!(changes.get(2 * fit + 2).is_none());
    }

    #[test]
    fn nothing_is_kept_where_nobody_watches() {
        let mut changes = Changes::default();
        (1..=10).for_each(|seqno| changes.push(seqno, writes(1), seqno - 1));
        assert!(changes.get(10).is_none());
        changes.watch(9);
        (11..=20).for_each(|seqno| changes.push(seqno, writes(1), seqno - 1));
        assert!(changes.get(10).is_none() && changes.get(11).is_some());
        let later = 9 + CHANGES_KEPT_MAX as u64;
        (21..=later + 1).for_each(|seqno| changes.push(seqno, writes(1), seqno - 1));
        assert!(changes.kept.is_empty() && changes.bytes == 0);
    }

    #[test]
    fn what_is_rolled_back_gives_way_to_what_comes_instead() {
        let mut changes = Changes::default();
        changes.watch(4);
        (5..=8).for_each(|seqno| changes.push(seqno, writes(seqno as usize), 4));
        changes.roll_back(6);
        assert!(changes.get(7).is_none());
        changes.push(7, writes(70), 6);
        assert_eq!(changes.get(7).expect("kept").byte_len(), 71);
        changes.roll_back(4);
        changes.push(5, writes(50), 4);
        assert_eq!(changes.get(5).expect("kept").byte_len(), 51);
        assert_eq!(changes.bytes, 51 + BYTES_EACH);
    }
}
