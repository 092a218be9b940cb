//! The folder of a replica's own ledger, as it begins: a founder's with block 0, a joiner's while
//! it fetches.
//!
//! Invariant: the folder is named by the replica's identity, so a restart never touches an older
//! one.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use synod_crypto::{Digest, PublicKey};

use crate::catalog::Catalog;
use crate::config::Durability;
use crate::segments::Segments;
use crate::volume::Folder;

/// Records that were added become durable once so many bytes wait: they stay in memory until then.
const FLUSH_BYTES: usize = 8 << 20;

/// Where and how a replica keeps its ledger.
#[derive(Debug, Clone)]
pub(crate) struct LedgerPlace {
    /// The node's folder.
    pub(crate) dir: PathBuf,
    /// A file is ended past so many bytes.
    pub(crate) segment_bytes: u64,
    /// When a record counts as durable.
    pub(crate) durability: Durability,
}

/// A ledger's files, open for appending.
pub(crate) struct LedgerFiles {
    /// What readers may read.
    pub(crate) catalog: Catalog,
    /// The files.
    pub(crate) segments: Segments,
    path: PathBuf,
    waiting: usize,
}

impl LedgerPlace {
    /// The folder of the replica with this identity.
    pub(crate) fn folder(&self, identity: &PublicKey) -> PathBuf {
        self.dir
            .join(format!("ledger-{}", &identity.to_string()[..16]))
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn create(&self, network: Digest, identity: &PublicKey) -> io::Result<LedgerFiles> {
        let path = self.folder(identity);
        let folder = Folder::create(&path)?;
        let catalog = Catalog::new(path.clone());
        let segments = Segments::new(
            folder,
            catalog.clone(),
            network,
            self.segment_bytes,
            self.durability,
        );
        Ok(LedgerFiles {
            catalog,
            segments,
            path,
            waiting: 0,
        })
    }
}

impl LedgerFiles {
    /// Adds encoded records; what waits is bounded.
    ///
    /// # Errors
    /// What the system says. Nothing is lost: the next attempt writes it.
    pub(crate) fn add(&mut self, records: Vec<Bytes>) -> io::Result<()> {
        self.waiting += records.iter().map(Bytes::len).sum::<usize>();
        self.segments.queue(records);
        if self.waiting >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Makes durable what waits.
    ///
    /// # Errors
    /// What the system says. Nothing is lost: the next attempt writes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.segments.write()?;
        self.segments.sync()?;
        self.waiting = 0;
        Ok(())
    }

    /// Removes the folder of a replica that never came to be.
    pub(crate) fn remove(self) {
        // Nobody reads it: the next run is another replica with another folder.
        let _ = std::fs::remove_dir_all(Path::new(&self.path));
    }
}
