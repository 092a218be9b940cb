//! Which ledger files there are, and how much of each may be read: what the writer tells the
//! readers.
//!
//! Only bytes that are durable are ever listed, so nobody is shown what a loss of power would take
//! back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One ledger file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Index of the first block in it.
    pub(crate) first_index: u64,
    /// How many of its bytes may be read.
    pub(crate) readable: u64,
}

/// The list of ledger files, shared between the writer and the readers.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    folder: PathBuf,
    segments: Arc<Mutex<Vec<Segment>>>,
}

impl Catalog {
    /// An empty list of files in `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            segments: Arc::default(),
        }
    }

    /// The files that can hold blocks from index `from` on, in order, as they are now.
    pub(crate) fn starting_at(&self, from: u64) -> Vec<Segment> {
        let segments = self.lock();
        let first = segments
            .iter()
            .rposition(|segment| segment.first_index <= from)
            .unwrap_or(0);
        segments[first..].to_vec()
    }

    /// The file at `path` and those after it, in order, as they are now.
    pub(crate) fn at_and_after(&self, path: &Path) -> Vec<Segment> {
        let segments = self.lock();
        let first = segments.iter().position(|segment| segment.path == path);
        first.map_or_else(Vec::new, |first| segments[first..].to_vec())
    }

    /// Bytes of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().iter().map(|segment| segment.readable).sum()
    }

    /// Adds a file of which nothing may be read yet.
    pub(crate) fn add(&self, name: &str, first_index: u64) {
        let path = self.folder.join(name);
        self.lock().push(Segment {
            path,
            first_index,
            readable: 0,
        });
    }

    /// Lets the newest file be read up to `readable`.
    pub(crate) fn advance(&self, readable: u64) {
        let mut segments = self.lock();
        let newest = segments
            .last_mut()
            .expect("a file is added before it grows");
        assert!(newest.readable <= readable, "what may be read only grows");
        newest.readable = readable;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
