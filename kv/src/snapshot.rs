//! Reading: one state, named by a seqno.

use bytes::Bytes;

use crate::name::MapName;
use crate::range::KeyRange;
use crate::versions::{Versioned, Versions};

/// What can be read from: a [`Snapshot`] or a transaction.
pub trait Read {
    /// The value of a key, or `None` if it is absent.
    fn get(&self, map: &MapName, key: &[u8]) -> Option<Versioned>;

    /// The first `limit` keys of a range, in order.
    fn range(&self, map: &MapName, range: &KeyRange, limit: usize) -> Vec<(Bytes, Versioned)>;
}

/// The state as of one seqno, unchanging for as long as it is borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    versions: &'a Versions,
    seqno: u64,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(versions: &'a Versions, seqno: u64) -> Self {
        Self { versions, seqno }
    }

    /// The seqno this is the state of.
    pub fn seqno(&self) -> u64 {
        self.seqno
    }
}

impl Read for Snapshot<'_> {
    fn get(&self, map: &MapName, key: &[u8]) -> Option<Versioned> {
        self.versions.get(self.seqno, map, key)
    }

    fn range(&self, map: &MapName, range: &KeyRange, limit: usize) -> Vec<(Bytes, Versioned)> {
        let found = self.versions.range(self.seqno, map, range).take(limit);
        found
            .map(|(key, version, value)| {
                (
                    key.to_bytes(),
                    Versioned {
                        value: value.clone(),
                        version,
                    },
                )
            })
            .collect()
    }
}
