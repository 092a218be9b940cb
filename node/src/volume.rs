//! The seam to the disk: files that only grow, in a folder of this process alone.
//!
//! Two implementations exist: [`Folder`] on the file system, and the tests' own, which runs full
//! and writes short.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Makes files. No name is made twice, unless the first attempt failed.
pub(crate) trait Volume: Send + 'static {
    /// An empty file under `name`, whose folder entry is durable when this returns.
    ///
    /// # Errors
    /// What the system says; a file may be left behind under the name, and the next attempt empties
    /// it.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>>;

    /// Whether the files are still those that were made here, at their place, and new ones could be
    /// made beside them.
    ///
    /// # Errors
    /// What is wrong. What was written and synced since the last success may be lost then.
    fn check(&mut self) -> io::Result<()>;
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
///
/// A process goes on writing into an open file though somebody has deleted it, or moved the folder:
/// the system calls that a success. So the folder remembers which folder and files it made and
/// compares them with what is there.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held open, so that no other folder can get its number.
    made: File,
    /// The files in the order in which they were made.
    files: Vec<(OsString, Inode)>,
    /// Which of the older files is looked at next.
    next_old: usize,
}

/// What a file is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl From<&Metadata> for Inode {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
        }
    }
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
            made: File::open(path)?,
            files: Vec::new(),
            next_old: 0,
        })
    }

    /// The name is enough for those who read the log: status is open to anybody.
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn check_folder(&self) -> io::Result<()> {
        let made = Inode::from(&self.made.metadata()?);
        check_inode(&self.path, made, &format!("folder `{}`", self.name()))?;
        access(&self.path, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
            let error = io::Error::from(error);
            let what = format!("the folder `{}` takes no new file: {error}", self.name());
            io::Error::new(error.kind(), what)
        })
    }

    fn check_file(&self, at: usize) -> io::Result<()> {
        let (name, made) = &self.files[at];
        let what = format!("file `{}` in `{}`", name.to_string_lossy(), self.name());
        check_inode(&self.path.join(name), *made, &what)
    }
}

fn check_inode(path: &Path, made: Inode, what: &str) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path).map_err(|error| {
        io::Error::new(error.kind(), format!("the {what} cannot be found: {error}"))
    })?;
    if Inode::from(&found) == made {
        return Ok(());
    }
    let what = format!("the {what} is not the one that this replica made");
    Err(io::Error::other(what))
}

impl Volume for Folder {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.path.join(name))?;
        self.made.sync_all()?;
        let made = Inode::from(&file.metadata()?);
        let name = OsString::from(name);
        self.files.retain(|(other, _)| *other != name);
        self.files.push((name, made));
        Ok(Box::new(file))
    }

    /// Looks at the folder, the newest file, and one of the older ones in turn: the cost does not
    /// grow with the ledger.
    fn check(&mut self) -> io::Result<()> {
        self.check_folder()?;
        let Some(newest) = self.files.len().checked_sub(1) else {
            return Ok(());
        };
        self.check_file(newest)?;
        if newest > 0 {
            self.check_file(self.next_old % newest)?;
            self.next_old = (self.next_old + 1) % newest;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with two files, and the folder that it lies in.
    fn folder() -> (tempfile::TempDir, PathBuf, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let mut folder = Folder::create(&path).unwrap();
        for name in ["1", "2"] {
            folder.create(name).unwrap().write(0, b"records").unwrap();
        }
        folder.check().unwrap();
        (dir, path, folder)
    }

    #[test]
    fn folder_that_was_deleted_is_noticed() {
        let (_dir, path, mut folder) = folder();
        std::fs::remove_dir_all(&path).unwrap();
        let error = folder.check().unwrap_err().to_string();
        assert!(
            error.contains("the folder `ledger` cannot be found"),
            "{error}"
        );
    }

    #[test]
    fn folder_that_was_moved_is_noticed_until_it_is_back() {
        let (dir, path, mut folder) = folder();
        let away = dir.path().join("away");
        std::fs::rename(&path, &away).unwrap();
        folder.check().unwrap_err();
        std::fs::rename(&away, &path).unwrap();
        folder.check().unwrap();
    }

    #[test]
    fn copy_in_the_place_of_the_folder_is_noticed() {
        let (dir, path, mut folder) = folder();
        std::fs::rename(&path, dir.path().join("away")).unwrap();
        std::fs::create_dir(&path).unwrap();
        for name in ["1", "2"] {
            std::fs::write(path.join(name), b"records").unwrap();
        }
        let error = folder.check().unwrap_err().to_string();
        assert!(
            error.contains("not the one that this replica made"),
            "{error}"
        );
    }

    /// Only the system's administrator may mount; root is not stopped by a folder's mode.
    #[test]
    fn folder_on_a_file_system_that_became_read_only_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mount = |options: &str| {
            let mut mount = std::process::Command::new("mount");
            mount
                .args(["-t", "tmpfs", "-o", options, "tmpfs"])
                .arg(dir.path());
            mount.status().is_ok_and(|status| status.success())
        };
        if !mount("size=1m") {
            eprintln!("SKIPPED: this user or system cannot mount a tmpfs");
            return;
        }
        let path = dir.path().join("ledger");
        let mut folder = Folder::create(&path).unwrap();
        folder.create("1").unwrap().write(0, b"records").unwrap();
        folder.check().unwrap();
        let remounted = mount("remount,ro");
        let checked = folder.check();
        drop(folder);
        let unmounted = std::process::Command::new("umount")
            .arg(dir.path())
            .status();
        assert!(remounted && unmounted.is_ok_and(|status| status.success()));
        let error = checked.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem);
        assert!(error.to_string().contains("takes no new file"), "{error}");
    }

    #[test]
    fn any_file_that_was_deleted_or_replaced_is_noticed() {
        for name in ["1", "2"] {
            let (_dir, path, mut folder) = folder();
            std::fs::remove_file(path.join(name)).unwrap();
            folder.check().unwrap_err();
            // The new file may get the old one's number where that is free: the other file keeps it
            // in use.
            std::fs::write(path.join("other"), b"").unwrap();
            std::fs::write(path.join(name), b"records").unwrap();
            let error = folder.check().unwrap_err().to_string();
            assert!(error.contains("not the one"), "{error}");
        }
    }

    #[test]
    fn file_that_is_made_again_after_a_failed_attempt_counts_once() {
        let (_dir, path, mut folder) = folder();
        std::fs::remove_file(path.join("2")).unwrap();
        folder.create("2").unwrap();
        folder.check().unwrap();
        assert_eq!(folder.files.len(), 2);
    }
}
