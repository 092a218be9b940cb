//! A transaction: reads of one snapshot, under an overlay of its own writes.

use std::cell::RefCell;
use std::iter::Peekable;

use bytes::Bytes;

use crate::limits::LimitExceeded;
use crate::name::MapName;
use crate::range::KeyRange;
use crate::reads::ReadSet;
use crate::snapshot::Read;
use crate::versions::{Versioned, Versions};
use crate::writes::{KeyWrites, WriteSet};

/// The version that a transaction reports for its own, unfinished writes.
pub const OWN_WRITE: u64 = u64::MAX;

/// Reads a snapshot, sees its own writes, and remembers both.
///
/// Nothing reaches the store: [`Transaction::finish`] gives what was read, for
/// `Store::validate`, and what is to be written, for `Store::apply`.
#[derive(Debug)]
pub struct Transaction<'a> {
    versions: &'a Versions,
    snapshot: u64,
    reads: RefCell<ReadSet>,
    writes: WriteSet,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(versions: &'a Versions, snapshot: u64) -> Self {
        let reads = RefCell::new(ReadSet::new(snapshot, versions.rollbacks()));
        Self {
            versions,
            snapshot,
            reads,
            writes: WriteSet::new(),
        }
    }

    /// The seqno that is read.
    pub fn snapshot(&self) -> u64 {
        self.snapshot
    }

    /// The value of a key; see [`Read::get`]. Own writes have the version
    /// [`OWN_WRITE`], and reading them is not remembered as a read.
    pub fn get(&self, map: &MapName, key: &[u8]) -> Option<Versioned> {
        if let Some(own) = self.writes.get(map, key) {
            return own.map(own_write);
        }
        let found = self.versions.get(self.snapshot, map, key);
        let version = found.as_ref().map_or(0, |found| found.version);
        self.reads
            .borrow_mut()
            .saw_key(map, Bytes::copy_from_slice(key), version);
        found
    }

    /// The first `limit` keys of a range, own writes included.
    pub fn range(&self, map: &MapName, range: &KeyRange, limit: usize) -> Vec<(Bytes, Versioned)> {
        if range.is_empty() || limit == 0 {
            return Vec::new();
        }
        let mut seen = Vec::new();
        let stored = self
            .versions
            .range(self.snapshot, map, range)
            .map(|(key, version, value)| {
                let key = key.to_bytes();
                seen.push((key.clone(), version));
                (
                    key,
                    Versioned {
                        value: value.clone(),
                        version,
                    },
                )
            });
        let merged = Merge {
            stored: stored.peekable(),
            own: own_range(&self.writes, map, range),
        };
        let found: Vec<_> = merged.take(limit).collect();
        let looked_at = match found.last() {
            Some((last, _)) if found.len() == limit => range.ending_at(last),
            _ => range.clone(),
        };
        // The merge looks one stored key ahead of what it gives out.
        seen.retain(|(key, _)| looked_at.contains(key));
        self.reads.borrow_mut().saw_range(map, looked_at, seen);
        found
    }

    /// Sets a key.
    pub fn put(
        &mut self,
        map: &MapName,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<(), LimitExceeded> {
        self.writes.put(map, key, value)
    }

    /// Deletes a key.
    pub fn delete(&mut self, map: &MapName, key: impl Into<Bytes>) -> Result<(), LimitExceeded> {
        self.writes.delete(map, key)
    }

    /// What has been written so far.
    pub fn writes(&self) -> &WriteSet {
        &self.writes
    }

    /// Releases the store, so that it can be written while this transaction waits. Moves; copies
    /// nothing.
    pub fn pause(self) -> Paused {
        Paused {
            reads: self.reads.into_inner(),
            writes: self.writes,
        }
    }

    pub(crate) fn resume(versions: &'a Versions, paused: Paused) -> Self {
        Self {
            versions,
            snapshot: paused.reads.snapshot(),
            reads: RefCell::new(paused.reads),
            writes: paused.writes,
        }
    }

    /// Ends the transaction.
    pub fn finish(self) -> (ReadSet, WriteSet) {
        (self.reads.into_inner(), self.writes)
    }
}

/// A transaction that waits: what it has read and wants to write, without the store.
/// `Store::resume` goes on with it.
#[derive(Debug)]
pub struct Paused {
    reads: ReadSet,
    writes: WriteSet,
}

impl Paused {
    /// What was read so far; it names the snapshot.
    pub fn reads(&self) -> &ReadSet {
        &self.reads
    }

    /// What has been written so far.
    pub fn writes(&self) -> &WriteSet {
        &self.writes
    }

    /// Sets a key; needs no store.
    pub fn put(
        &mut self,
        map: &MapName,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<(), LimitExceeded> {
        self.writes.put(map, key, value)
    }

    /// Deletes a key; needs no store.
    pub fn delete(&mut self, map: &MapName, key: impl Into<Bytes>) -> Result<(), LimitExceeded> {
        self.writes.delete(map, key)
    }

    /// Ends the transaction.
    pub fn finish(self) -> (ReadSet, WriteSet) {
        (self.reads, self.writes)
    }
}

impl Read for Transaction<'_> {
    fn get(&self, map: &MapName, key: &[u8]) -> Option<Versioned> {
        Transaction::get(self, map, key)
    }

    fn range(&self, map: &MapName, range: &KeyRange, limit: usize) -> Vec<(Bytes, Versioned)> {
        Transaction::range(self, map, range, limit)
    }
}

fn own_write(value: &Bytes) -> Versioned {
    Versioned {
        value: value.clone(),
        version: OWN_WRITE,
    }
}

type OwnRange<'a> = Peekable<std::collections::btree_map::Range<'a, Bytes, Option<Bytes>>>;

fn own_range<'a>(writes: &'a WriteSet, map: &MapName, range: &KeyRange) -> Option<OwnRange<'a>> {
    let keys: &KeyWrites = writes.maps().get(map)?;
    Some(keys.range::<[u8], _>(range.bounds()).peekable())
}

/// Stored keys and own writes in one order; own writes hide stored keys.
struct Merge<'a, I: Iterator<Item = (Bytes, Versioned)>> {
    stored: Peekable<I>,
    own: Option<OwnRange<'a>>,
}

impl<I: Iterator<Item = (Bytes, Versioned)>> Iterator for Merge<'_, I> {
    type Item = (Bytes, Versioned);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stored = self.stored.peek().map(|(key, _)| key);
            let own = self
                .own
                .as_mut()
                .and_then(|own| own.peek().map(|(key, _)| *key));
            if own.is_none() || stored.is_some_and(|stored| Some(stored) < own) {
                return self.stored.next();
            }
            if stored == own {
                self.stored.next();
            }
            let (key, value) = self.own.as_mut()?.next()?;
            if let Some(value) = value {
                return Some((key.clone(), own_write(value)));
            }
        }
    }
}
