//! Pseudo-files: how a kernel or a library OS communicates through paths.
//!
//! Such files differ from those on a disk: one write is one message, a read
//! may come in pieces or fail for a while, and lengths are not known before.
//! [`Files`] is the seam; [`SystemFiles`] the real thing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

/// How often one read may be interrupted by signals.
const INTERRUPTIONS_MAX: u32 = 16;

/// Access to the files of a pseudo file system.
pub trait Files: Send {
    /// Makes a folder that does not exist yet.
    fn make_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Removes a folder. In configfs its attributes go with it.
    fn remove_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Opens a file for reading, from its beginning.
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read>>;

    /// Opens an existing file, hands over `bytes` in one write, and closes it.
    /// Returns how many bytes were taken. A message may take effect only when
    /// the file is closed, and then be refused in silence.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<usize>;
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(path)?))
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        // Neither created nor truncated: what is not there must not be made.
        OpenOptions::new().write(true).open(path)?.write(bytes)
    }
}

/// The whole content of a file, or the first `most + 1` bytes of it: so that
/// the caller sees that there is too much.
pub(crate) fn read_whole(files: &mut dyn Files, path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut reader = files.open(path)?;
    let mut content = Vec::new();
    let mut piece = [0; 4096];
    let mut interruptions = 0;
    while content.len() <= most {
        let wanted = piece.len().min(most + 1 - content.len());
        match reader.read(&mut piece[..wanted]) {
            Ok(0) => break,
            Ok(length) => content.extend_from_slice(&piece[..length]),
            Err(error)
                if error.kind() == io::ErrorKind::Interrupted
                    && interruptions < INTERRUPTIONS_MAX =>
            {
                interruptions += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(content)
}
