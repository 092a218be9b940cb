//! What a transaction has read, and the check that it still holds.

use bytes::Bytes;

use crate::name::MapName;
use crate::range::KeyRange;
use crate::versions::Versions;

/// The keys and ranges a transaction read, with the versions it saw.
///
/// An absent key has version 0, whether it never existed or was deleted. A
/// range is remembered as the part that was really looked at, with everything
/// found there, so that a key that appears in it later (a phantom) is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSet {
    snapshot: u64,
    rollbacks: u64,
    keys: Vec<(MapName, Bytes, u64)>,
    ranges: Vec<RangeRead>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RangeRead {
    map: MapName,
    range: KeyRange,
    found: Vec<(Bytes, u64)>,
}

/// Something read has changed; the transaction has to be executed again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A key was written, or deleted, since.
    #[error("a key read in map `{map}` has changed")]
    Key {
        /// The map of the key.
        map: MapName,
        /// The key.
        key: Bytes,
    },
    /// A key in a range was written, added or deleted since.
    #[error("a range read in map `{map}` has changed")]
    Range {
        /// The map of the range.
        map: MapName,
    },
    /// State was rolled back since, so versions can no longer be compared.
    #[error("state was rolled back since the transaction began")]
    RolledBack,
}

impl ReadSet {
    pub(crate) fn new(snapshot: u64, rollbacks: u64) -> Self {
        Self {
            snapshot,
            rollbacks,
            keys: Vec::new(),
            ranges: Vec::new(),
        }
    }

    /// The seqno that was read.
    pub fn snapshot(&self) -> u64 {
        self.snapshot
    }

    pub(crate) fn rollbacks(&self) -> u64 {
        self.rollbacks
    }

    /// Whether nothing was read: such a transaction conflicts with nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }

    /// The highest version read, 0 if everything was absent: what a reply that
    /// rests on these reads has to wait for.
    pub fn newest_version(&self) -> u64 {
        let found = self
            .ranges
            .iter()
            .flat_map(|read| &read.found)
            .map(|(_, version)| *version);
        self.keys
            .iter()
            .map(|(_, _, version)| *version)
            .chain(found)
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn saw_key(&mut self, map: &MapName, key: Bytes, version: u64) {
        self.keys.push((map.clone(), key, version));
    }

    pub(crate) fn saw_range(&mut self, map: &MapName, range: KeyRange, found: Vec<(Bytes, u64)>) {
        self.ranges.push(RangeRead {
            map: map.clone(),
            range,
            found,
        });
    }

    /// Whether all that was read stands unchanged at the head of `versions`.
    pub(crate) fn validate(&self, versions: &Versions) -> Result<(), Conflict> {
        let head = versions.head();
        if self.is_empty() {
            return Ok(());
        }
        if self.rollbacks != versions.rollbacks() {
            return Err(Conflict::RolledBack);
        }
        if self.snapshot == head {
            return Ok(());
        }
        for (map, key, seen) in &self.keys {
            if versions.version(head, map, key) != *seen {
                return Err(Conflict::Key {
                    map: map.clone(),
                    key: key.clone(),
                });
            }
        }
        for read in &self.ranges {
            let seen = read
                .found
                .iter()
                .map(|(key, version)| (key.as_ref(), *version));
            let now = versions.range(head, &read.map, &read.range);
            if !seen.eq(now.map(|(key, version, _)| (key.as_slice(), version))) {
                return Err(Conflict::Range {
                    map: read.map.clone(),
                });
            }
        }
        Ok(())
    }
}
