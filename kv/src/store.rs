//! The store: begin, validate, apply, roll back, compact.

use crate::name::MapName;
use crate::reads::{Conflict, ReadSet};
use crate::snapshot::Snapshot;
use crate::transaction::{Paused, Transaction};
use crate::versions::{OutOfWindow, StateItem, Versions};
use crate::writes::WriteSet;

/// All maps of a synod in memory, with every version that may still be asked for.
#[derive(Debug, Default)]
pub struct Store {
    versions: Versions,
}

impl Store {
    /// The empty store, with head 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The newest seqno applied.
    pub fn head(&self) -> u64 {
        self.versions.head()
    }

    /// The oldest seqno that can be read or rolled back to.
    pub fn floor(&self) -> u64 {
        self.versions.floor()
    }

    /// A transaction on the head.
    pub fn begin(&self) -> Transaction<'_> {
        Transaction::new(&self.versions, self.head())
    }

    /// A transaction on an older state.
    pub fn begin_at(&self, seqno: u64) -> Result<Transaction<'_>, OutOfWindow> {
        self.versions.check_window(seqno)?;
        Ok(Transaction::new(&self.versions, seqno))
    }

    /// Goes on with a paused transaction, on the same snapshot.
    ///
    /// # Errors
    /// [`OutOfWindow`] where that snapshot is gone: compacted, or rolled back since the transaction
    /// began. What was paused is lost then; it could not have been validated.
    pub fn resume(&self, paused: Paused) -> Result<Transaction<'_>, OutOfWindow> {
        let reads = paused.reads();
        self.versions.check_window(reads.snapshot())?;
        self.versions.check_same_history(reads.rollbacks())?;
        Ok(Transaction::resume(&self.versions, paused))
    }

    /// How often writes were taken back. Within one count, a seqno names one state and a version
    /// one value.
    pub fn rollbacks(&self) -> u64 {
        self.versions.rollbacks()
    }

    /// A state to read. Costs nothing.
    pub fn snapshot(&self, seqno: u64) -> Result<Snapshot<'_>, OutOfWindow> {
        self.versions.check_window(seqno)?;
        Ok(Snapshot::new(&self.versions, seqno))
    }

    /// Whether everything read stands unchanged at the head, ranges included.
    pub fn validate(&self, reads: &ReadSet) -> Result<(), Conflict> {
        reads.validate(&self.versions)
    }

    /// Makes the writes the state at `seqno`. Values are shared, not copied.
    ///
    /// # Panics
    /// If `seqno` is not `head + 1`: then the caller has lost count of its own
    /// state.
    pub fn apply(&mut self, seqno: u64, writes: &WriteSet) {
        self.versions.apply(seqno, writes);
    }

    /// Takes back everything above `to`. Nothing changes on an error.
    pub fn rollback(&mut self, to: u64) -> Result<(), OutOfWindow> {
        self.versions.rollback(to)
    }

    /// Forgets what only states below `below` can see. `below` beyond the head
    /// means the head. Costs in proportion to what was written since the last
    /// call, not to the size of the state.
    pub fn compact(&mut self, below: u64) {
        self.versions.compact(below);
    }

    /// The maps of which something is available, in order; of some perhaps only versions that are
    /// gone.
    pub fn map_names(&self) -> impl Iterator<Item = &MapName> {
        self.versions.map_names()
    }

    /// The whole state at `seqno` in a fixed order, to compare or to digest.
    pub fn state(&self, seqno: u64) -> Result<impl Iterator<Item = StateItem<'_>>, OutOfWindow> {
        self.versions.check_window(seqno)?;
        Ok(self.versions.state(seqno))
    }
}
