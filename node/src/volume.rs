//! The seam to the disk: files that only grow, in a folder of this process alone.
//!
//! Two implementations exist: [`Folder`] on the file system, and the tests' own, which runs full and writes short.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes files. No name is made twice, unless the first attempt failed.
pub(crate) trait Volume: Send + 'static {
    /// An empty file under `name`, whose folder entry is durable when this returns.
    ///
    /// # Errors
    /// What the system says; a file may be left behind under the name, and the next attempt empties it.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
}

/// A file that is appended to.
pub(crate) trait SegmentFile: Send {
    /// Puts `bytes` at the offset `at`, which is the end of what was written before.
    ///
    /// # Errors
    /// What the system says; any part of the bytes may stand in the file then.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written survives the loss of power.
    ///
    /// # Errors
    /// What the system says; nothing is known of what was written since the last success then.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off after `len` bytes.
    ///
    /// # Errors
    /// What the system says; the file may be as before.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, which must not exist: a ledger of an earlier run is never written to.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AlreadyExists`] where the folder is there.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        std::fs::create_dir(path)?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Volume for Folder {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.path.join(name))?;
        File::open(&self.path)?.sync_all()?;
        Ok(Box::new(file))
    }
}

impl SegmentFile for File {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}
