//! Files of the command line: read with a bound, written whole, secret ones for their owner alone.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::outcome::{Failure, Outcome};

/// Longest file that is read whole, in bytes (64 MiB).
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Everybody.
    Everybody,
    /// The owner alone: mode 0600.
    Owner,
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Outcome<Vec<u8>> {
    let failed =
        |error: std::io::Error| Failure::io(format!("cannot read `{}`", path.display()), &error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::mistake(format!(
            "`{}` is longer than {FILE_BYTES_MAX} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Reads a text file whole.
pub(crate) fn read_text(path: &Path) -> Outcome<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| Failure::mistake(format!("`{}` is not text", path.display())))
}

/// Writes a new file, and refuses to replace one.
pub(crate) fn create(path: &Path, bytes: &[u8], readers: Readers) -> Outcome {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    write(options, path, bytes, readers).map_err(|failure| {
        if path.exists() {
            failure.with_hint("an existing file is never replaced; choose another name")
        } else {
            failure
        }
    })
}

/// Writes a file whole: whoever reads it sees the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8], readers: Readers) -> Outcome {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    write(options, fresh, bytes, readers)?;
    // A crash here leaves the old file, and one ending in `.new` that the next writing replaces.
    std::fs::rename(fresh, path)
        .map_err(|error| Failure::io(format!("cannot write `{}`", path.display()), &error))
}

/// Makes a folder for its owner alone, and those above it.
pub(crate) fn make_folder(path: &Path) -> Outcome {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            Failure::io(
                format!("cannot make the folder `{}`", path.display()),
                &error,
            )
        })
}

fn write(mut options: OpenOptions, path: &Path, bytes: &[u8], readers: Readers) -> Outcome {
    let mode = if readers == Readers::Owner {
        0o600
    } else {
        0o644
    };
    options
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| Failure::io(format!("cannot write `{}`", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secret_files_are_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path, b"secret", Readers::Owner).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(read(&path).unwrap(), b"secret");
    }

    #[test]
    fn existing_files_are_not_replaced_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path, b"one", Readers::Owner).unwrap();
        let failure = create(&path, b"two", Readers::Owner).unwrap_err();
        assert!(failure.hint.is_some());
        assert_eq!(read(&path).unwrap(), b"one");
        replace(&path, b"three", Readers::Owner).unwrap();
        assert_eq!(read(&path).unwrap(), b"three");
    }
}
