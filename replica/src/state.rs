//! The state as it is shared with those who execute app calls beside the replica: the one place
//! with a lock.
//!
//! The replica alone writes, between two inputs and for as long as one write set takes. Executors
//! read, each operation under a lock of its own, so that a slow app keeps nobody waiting.
//!
//! Invariants
//! - an executor sees one snapshot from beginning to end, or [`StateMoved`];
//! - nothing that an executor writes reaches the store: only the replica applies write sets.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use synod_kv::{
    KeyRange, LimitExceeded, MapName, OutOfWindow, Paused, Read, ReadSet, Store, Transaction,
    Versioned, WriteSet,
};

/// The state of one replica; clones share it.
#[derive(Clone, Default)]
pub struct StateHandle(Arc<RwLock<Store>>);

/// The store, held still for reading. Only for as long as one look takes: the replica waits for it.
pub type StateGuard<'a> = RwLockReadGuard<'a, Store>;

impl fmt::Debug for StateHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateHandle")
    }
}

impl StateHandle {
    /// Shares a store.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(RwLock::new(store)))
    }

    /// Looks at the store. Never take a second look within the first: a writer that waits in
    /// between waits for ever.
    pub fn read(&self) -> StateGuard<'_> {
        // A reader that panicked has changed nothing, and a writer that did took the process with
        // it.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One state that is known to be at hand, for as long as it is looked at.
pub(crate) struct StateAt<'a> {
    store: StateGuard<'a>,
    seqno: u64,
}

impl<'a> StateAt<'a> {
    /// The state at `seqno`, which must not be compacted away: the certified one and all above
    /// never are.
    pub(crate) fn new(store: StateGuard<'a>, seqno: u64) -> Self {
        Self { store, seqno }
    }

    /// A transaction on this state.
    pub(crate) fn begin(&self) -> Transaction<'_> {
        self.store
            .begin_at(self.seqno)
            .expect("the certified state is never compacted away")
    }

    /// The seqno of this state.
    pub(crate) fn seqno(&self) -> u64 {
        self.seqno
    }

    /// See [`Store::rollbacks`].
    pub(crate) fn rollbacks(&self) -> u64 {
        self.store.rollbacks()
    }

    fn snapshot(&self) -> synod_kv::Snapshot<'_> {
        self.store
            .snapshot(self.seqno)
            .expect("the certified state is never compacted away")
    }
}

impl Read for StateAt<'_> {
    fn get(&self, map: &MapName, key: &[u8]) -> Option<Versioned> {
        self.snapshot().get(map, key)
    }

    fn range(&self, map: &MapName, range: &KeyRange, limit: usize) -> Vec<(Bytes, Versioned)> {
        self.snapshot().range(map, range, limit)
    }
}

/// The snapshot under an execution is gone; the replica has it executed again. No app is shown
/// this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state moved on under the execution")]
pub struct StateMoved;

impl From<OutOfWindow> for StateMoved {
    fn from(_: OutOfWindow) -> Self {
        Self
    }
}

/// A transaction that borrows nothing, for an executor on another thread.
#[derive(Debug)]
pub struct DetachedTransaction {
    state: StateHandle,
    /// None once the snapshot was found to be gone.
    paused: Option<Paused>,
}

impl DetachedTransaction {
    /// Begins on the state at `snapshot`. If that is not at hand any more, the first look says so.
    pub fn new(state: StateHandle, snapshot: u64) -> Self {
        let paused = state.read().begin_at(snapshot).map(Transaction::pause).ok();
        Self { state, paused }
    }

    /// The value of a key, own writes included.
    ///
    /// # Errors
    /// [`StateMoved`]: end the execution and report it.
    pub fn get(&mut self, map: &MapName, key: &[u8]) -> Result<Option<Bytes>, StateMoved> {
        self.resumed(|transaction| transaction.get(map, key).map(|found| found.value))
    }

    /// The first `limit` keys of a range with their values, own writes included. The caller bounds
    /// `limit`.
    ///
    /// # Errors
    /// [`StateMoved`]: end the execution and report it.
    pub fn range(
        &mut self,
        map: &MapName,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StateMoved> {
        self.resumed(|transaction| {
            let found = transaction.range(map, range, limit);
            found
                .into_iter()
                .map(|(key, found)| (key, found.value))
                .collect()
        })
    }

    /// Sets a key.
    ///
    /// # Errors
    /// [`LimitExceeded`]; the transaction stands as before.
    pub fn put(&mut self, map: &MapName, key: Bytes, value: Bytes) -> Result<(), LimitExceeded> {
        match &mut self.paused {
            Some(paused) => paused.put(map, key, value),
            None => Ok(()),
        }
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// [`LimitExceeded`]; the transaction stands as before.
    pub fn delete(&mut self, map: &MapName, key: Bytes) -> Result<(), LimitExceeded> {
        match &mut self.paused {
            Some(paused) => paused.delete(map, key),
            None => Ok(()),
        }
    }

    /// Whether the snapshot was still at hand when it was last looked at.
    pub fn stands(&self) -> bool {
        self.paused.is_some()
    }

    /// Ends the transaction: what was read, and what is to be written.
    ///
    /// # Errors
    /// [`StateMoved`] where the snapshot was gone: nothing of the execution counts.
    pub fn finish(self) -> Result<(ReadSet, WriteSet), StateMoved> {
        self.paused.map(Paused::finish).ok_or(StateMoved)
    }

    fn resumed<T>(&mut self, look: impl FnOnce(&Transaction<'_>) -> T) -> Result<T, StateMoved> {
        let paused = self.paused.take().ok_or(StateMoved)?;
        let store = self.state.read();
        let transaction = store.resume(paused)?;
        let seen = look(&transaction);
        self.paused = Some(transaction.pause());
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> MapName {
        MapName::new("m").expect("a map name")
    }

    fn put(state: &StateHandle, key: &'static str, value: &'static str) {
        let mut writes = WriteSet::new();
        writes.put(&map(), key, value).expect("within limits");
        let seqno = state.read().head() + 1;
        state.write().apply(seqno, &writes);
    }

    #[test]
    fn it_sees_one_snapshot_while_the_store_is_written() {
        let state = StateHandle::default();
        put(&state, "k", "old");
        let mut transaction = DetachedTransaction::new(state.clone(), 1);
        put(&state, "k", "new");
        assert_eq!(transaction.get(&map(), b"k"), Ok(Some("old".into())));
        let (reads, _) = transaction.finish().expect("the snapshot stands");
        assert!(state.read().validate(&reads).is_err());
    }

    #[test]
    fn it_sees_its_own_writes_and_the_store_does_not() {
        let state = StateHandle::default();
        put(&state, "a", "1");
        let mut transaction = DetachedTransaction::new(state.clone(), 1);
        let written = transaction.put(&map(), "b".into(), "2".into());
        written.expect("within limits");
        let found = transaction.range(&map(), &KeyRange::all(), 10);
        let both = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
        assert_eq!(found, Ok(both));
        assert!(state.read().begin().get(&map(), b"b").is_none());
    }

    #[test]
    fn a_snapshot_that_was_compacted_or_rolled_back_is_gone_for_good() {
        let state = StateHandle::default();
        put(&state, "k", "1");
        put(&state, "k", "2");
        let mut compacted = DetachedTransaction::new(state.clone(), 1);
        state.write().compact(2);
        assert_eq!(compacted.get(&map(), b"k"), Err(StateMoved));
        assert_eq!(compacted.get(&map(), b"k"), Err(StateMoved));
        assert!(compacted.finish().is_err());

        put(&state, "k", "3");
        let mut rolled_back = DetachedTransaction::new(state.clone(), 3);
        state.write().rollback(2).expect("within the window");
        put(&state, "k", "another history");
        assert_eq!(rolled_back.get(&map(), b"k"), Err(StateMoved));
        assert!(!DetachedTransaction::new(state, 9).stands());
    }
}
