//! How detection looks at a machine: the seam to its files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use crate::{
    files::SystemFiles,
    linux::configfs_tsm::{ConfigfsTsm, TsmError},
    os_error::OsError,
    retry::ThreadPause,
};

/// Most that is read of one file: `/proc/cpuinfo` of a large machine begins
/// with all that matters.
const READ_BYTES_MAX: u64 = 64 * 1024;

/// What came of trying a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be used; a device was opened for reading and writing.
    Granted,
    /// It does not exist.
    Absent,
    /// It exists, and this process may not use it.
    Denied {
        /// The group that may, if there is one.
        group: Option<u32>,
    },
    /// It exists, and using it failed.
    Failed(OsError),
}

/// Why a file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It does not exist.
    Absent,
    /// It exists, and cannot be read.
    Unreadable(OsError),
}

/// Looks at a machine.
pub trait Probe {
    /// The beginning of a file.
    fn read(&self, path: &str) -> Result<Vec<u8>, Missing>;

    /// Tries to use a folder, or to open a file for reading and writing.
    fn access(&self, path: &str) -> Access;

    /// Asks configfs-tsm under `root` for the name of its driver. This makes an
    /// entry and removes it.
    fn tsm_provider(&self, root: &str) -> Result<String, TsmError>;
}

/// Looks at this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemProbe;

impl Probe for SystemProbe {
    fn read(&self, path: &str) -> Result<Vec<u8>, Missing> {
        let mut content = Vec::new();
        File::open(path)
            .and_then(|file| file.take(READ_BYTES_MAX).read_to_end(&mut content))
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Missing::Absent,
                _ => Missing::Unreadable(error.into()),
            })?;
        Ok(content)
    }

    fn access(&self, path: &str) -> Access {
        match try_to_use(Path::new(path)) {
            Ok(()) => Access::Granted,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Access::Absent,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Access::Denied {
                group: group_that_may(path),
            },
            Err(error) => Access::Failed(error.into()),
        }
    }

    fn tsm_provider(&self, root: &str) -> Result<String, TsmError> {
        ConfigfsTsm::provider_at(
            Path::new(root),
            Box::new(SystemFiles),
            Box::new(ThreadPause),
        )
    }
}

fn try_to_use(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        return fs::read_dir(path).map(|_| ());
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map(|_| ())
}

/// The group of a file that its group may read and write.
fn group_that_may(path: &str) -> Option<u32> {
    const GROUP_READS_AND_WRITES: u32 = 0o060;
    let metadata = fs::metadata(path).ok()?;
    (metadata.mode() & GROUP_READS_AND_WRITES == GROUP_READS_AND_WRITES).then(|| metadata.gid())
}
