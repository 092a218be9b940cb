//! The versions of one key.

use bytes::Bytes;

/// One write of a key; `None` is a deletion.
#[derive(Clone, Debug)]
struct Version {
    seqno: u64,
    value: Option<Bytes>,
}

/// All versions of a key that some allowed snapshot can see, newest apart
/// because most keys have only that one.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    newest: Version,
    older: Vec<Version>,
}

/// What is left of a chain after versions were taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remains {
    /// Something still to be seen.
    Some,
    /// Nothing: the key can be forgotten.
    Nothing,
}

impl Chain {
    /// A key's first version.
    pub(crate) fn new(seqno: u64, value: Option<Bytes>) -> Self {
        Self {
            newest: Version { seqno, value },
            older: Vec::new(),
        }
    }

    /// Adds a version, which must be newer than all others.
    pub(crate) fn push(&mut self, seqno: u64, value: Option<Bytes>) {
        assert!(seqno > self.newest.seqno, "versions of a key must rise");
        let before = std::mem::replace(&mut self.newest, Version { seqno, value });
        self.older.push(before);
    }

    /// The seqno and value that a snapshot at `seqno` sees.
    pub(crate) fn at(&self, seqno: u64) -> Option<(u64, &Bytes)> {
        let version = if self.newest.seqno <= seqno {
            &self.newest
        } else {
            self.older
                .iter()
                .rev()
                .find(|version| version.seqno <= seqno)?
        };
        version.value.as_ref().map(|value| (version.seqno, value))
    }

    /// Takes back the versions above `seqno`.
    pub(crate) fn retract(&mut self, seqno: u64) -> Remains {
        while self.newest.seqno > seqno {
            match self.older.pop() {
                Some(before) => self.newest = before,
                None => return Remains::Nothing,
            }
        }
        Remains::Some
    }

    /// Drops the versions that no snapshot at or above `floor` sees.
    pub(crate) fn compact(&mut self, floor: u64) -> Remains {
        if self.newest.seqno <= floor {
            self.older = Vec::new();
            return if self.newest.value.is_none() {
                Remains::Nothing
            } else {
                Remains::Some
            };
        }
        if let Some(seen) = self
            .older
            .iter()
            .rposition(|version| version.seqno <= floor)
        {
            // A deletion that is the oldest version says no more than absence.
            let keep_from = seen + usize::from(self.older[seen].value.is_none());
            self.older.drain(..keep_from);
        }
        Remains::Some
    }
}
