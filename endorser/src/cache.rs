//! Answers on disk, for the next time and the next process.
//!
//! The folder is untrusted: what is read from it is an answer like any other
//! and is verified like any other. Invariants:
//! - a file is written whole, under another name, synced, and then renamed: a
//!   crash at any moment leaves the old entry, the new one, or none, and
//!   perhaps a temporary file, which goes later;
//! - processes may share the folder: the last one to write wins, and a reader
//!   sees one whole entry or another;
//! - entries together stay within a bound; past it the oldest go.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use synod_crypto::sha256;

use crate::{
    config::CacheConfig,
    record::{RECORD_BYTES_MAX, Record},
};

const SUFFIX: &str = "record";
const TEMPORARY: &str = "tmp";
/// A temporary file older than this was left behind.
const TEMPORARY_AGE_MAX: Duration = Duration::from_hours(1);
/// The most files that are looked at in the folder.
const FILES_MAX: usize = 100_000;

/// The cache cannot be used. The fault is our environment's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {problem}")]
pub struct CacheError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system says.
    pub problem: String,
}

/// The content under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An answer, not verified.
    Record(Record),
    /// Something that is not one; it has been removed.
    Bad,
    /// Nothing.
    Nothing,
}

/// A folder of records.
#[derive(Debug)]
pub(crate) struct Cache {
    config: CacheConfig,
    writes: AtomicU64,
}

impl Cache {
    /// Uses the folder, and makes it if need be.
    pub(crate) fn open(config: CacheConfig) -> Result<Self, CacheError> {
        fs::create_dir_all(&config.folder).map_err(at(&config.folder))?;
        Ok(Self {
            config,
            writes: AtomicU64::new(0),
        })
    }

    /// What is kept of the answer from `url`. What is kept and is no answer
    /// from there is removed.
    pub(crate) fn load(&self, url: &str) -> Found {
        let path = self.path(url);
        match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Ok(bytes) => match Record::decode(&bytes) {
                Ok(record) if record.url == url => Found::Record(record),
                _ => self.bad(url),
            },
            Err(_) => self.bad(url),
        }
    }

    /// Forgets the answer from `url`.
    pub(crate) fn remove(&self, url: &str) {
        // If it cannot be removed it will be found to be bad once more.
        let _ = fs::remove_file(self.path(url));
    }

    /// Keeps an answer, and makes room for it.
    pub(crate) fn store(&self, record: &Record) -> Result<(), CacheError> {
        let bytes = record.encode();
        if bytes.len() > RECORD_BYTES_MAX {
            return Ok(());
        }
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let temporary = self.config.folder.join(format!(
            "{}-{number}-{:p}.{TEMPORARY}",
            std::process::id(),
            &raw const self.writes
        ));
        let path = self.path(&record.url);
        write(&temporary, &path, &bytes).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            at(&path)(error)
        })?;
        self.evict(&path)
    }

    /// Every record, oldest first.
    pub(crate) fn list(&self) -> Result<Vec<(Record, u64)>, CacheError> {
        let mut records: Vec<(Record, u64)> = self
            .files()?
            .iter()
            .filter(|file| file.is(SUFFIX))
            .filter_map(|file| Some((Record::decode(&read(&file.path).ok()?).ok()?, file.bytes)))
            .collect();
        records.sort_by(|(left, _), (right, _)| {
            (left.fetched_ms, &left.url).cmp(&(right.fetched_ms, &right.url))
        });
        Ok(records)
    }

    fn bad(&self, url: &str) -> Found {
        self.remove(url);
        Found::Bad
    }

    fn path(&self, url: &str) -> PathBuf {
        let name = sha256(&[b"synod-endorser-request\0GET\0", url.as_bytes()]);
        self.config.folder.join(format!("{name}.{SUFFIX}"))
    }

    /// Removes the oldest records until the rest is within the bound, but not
    /// `newest`, and temporary files that nobody will rename any more.
    fn evict(&self, newest: &Path) -> Result<(), CacheError> {
        let (mut records, others): (Vec<_>, Vec<_>) =
            self.files()?.into_iter().partition(|file| file.is(SUFFIX));
        let now = SystemTime::now();
        for file in others.iter().filter(|file| file.is(TEMPORARY)) {
            let age = now.duration_since(file.modified).unwrap_or_default();
            if age > TEMPORARY_AGE_MAX {
                let _ = fs::remove_file(&file.path);
            }
        }
        records
            .sort_by(|left, right| (left.modified, &left.path).cmp(&(right.modified, &right.path)));
        let mut bytes: u64 = records.iter().map(|file| file.bytes).sum();
        for file in records.iter().filter(|file| file.path != newest) {
            if bytes <= self.config.bytes_max {
                break;
            }
            // Another process may have removed it first, which is as well.
            let _ = fs::remove_file(&file.path);
            bytes = bytes.saturating_sub(file.bytes);
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<Listed>, CacheError> {
        let folder = &self.config.folder;
        let entries = fs::read_dir(folder).map_err(at(folder))?;
        let listed = entries.take(FILES_MAX).filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            metadata.is_file().then_some(Listed {
                path: entry.path(),
                bytes: metadata.len(),
                modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            })
        });
        Ok(listed.collect())
    }
}

struct Listed {
    path: PathBuf,
    bytes: u64,
    modified: SystemTime,
}

impl Listed {
    fn is(&self, suffix: &str) -> bool {
        self.path.extension().is_some_and(|found| found == suffix)
    }
}

/// Reads a plain file within the bound. Anything else, such as a pipe on which
/// one would wait for ever, is refused.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    let bound = u64::try_from(RECORD_BYTES_MAX).unwrap_or(u64::MAX);
    File::open(path)?.take(bound + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the whole file under another name first.
fn write(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A crash here leaves a temporary file; a later `evict` removes it.
    fs::rename(temporary, path)?;
    // A crash here may lose the entry, which is then fetched again.
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> CacheError {
    move |error| CacheError {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(url: &str, body: &[u8]) -> Record {
        Record {
            url: url.to_owned(),
            fetched_ms: 1,
            header: None,
            body: body.to_vec(),
        }
    }

    fn cache(folder: &Path, bytes_max: u64) -> Cache {
        Cache::open(CacheConfig {
            folder: folder.join("cache"),
            bytes_max,
        })
        .expect("the folder can be made")
    }

    #[test]
    fn what_is_stored_is_found_by_its_url_only() {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = cache(folder.path(), 1 << 20);
        cache.store(&record("a", b"1")).expect("it is stored");
        assert_eq!(cache.load("a"), Found::Record(record("a", b"1")));
        assert_eq!(cache.load("b"), Found::Nothing);
        cache.store(&record("a", b"2")).expect("it is stored");
        assert_eq!(cache.load("a"), Found::Record(record("a", b"2")));
    }

    #[test]
    fn a_record_under_another_ones_name_is_removed() {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = cache(folder.path(), 1 << 20);
        cache.store(&record("a", b"1")).expect("it is stored");
        fs::rename(cache.path("a"), cache.path("b")).expect("it can be renamed");
        assert_eq!(cache.load("b"), Found::Bad);
        assert_eq!(cache.load("b"), Found::Nothing);
    }

    #[test]
    fn a_torn_record_is_removed() {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = cache(folder.path(), 1 << 20);
        cache.store(&record("a", &[7; 1000])).expect("it is stored");
        let whole = fs::read(cache.path("a")).expect("it is there");
        fs::write(cache.path("a"), &whole[..500]).expect("it can be written");
        assert_eq!(cache.load("a"), Found::Bad);
        assert_eq!(cache.load("a"), Found::Nothing);
    }

    #[test]
    fn a_folder_or_link_in_the_place_of_a_record_is_no_record() {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = cache(folder.path(), 1 << 20);
        cache.store(&record("a", b"1")).expect("it is stored");
        std::os::unix::fs::symlink(cache.path("a"), cache.path("b")).expect("it can be linked");
        fs::create_dir(cache.path("c")).expect("it can be made");
        assert_eq!(cache.load("b"), Found::Bad);
        assert_eq!(cache.load("c"), Found::Bad);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = cache(folder.path(), 3_000);
        for (age_s, url) in [(30_u64, "a"), (20, "b"), (10, "c")] {
            cache.store(&record(url, &[0; 900])).expect("it is stored");
            let then = SystemTime::now() - Duration::from_secs(age_s);
            let file = File::options().write(true).open(cache.path(url));
            let file = file.expect("it is there");
            file.set_modified(then).expect("its time can be set");
        }
        cache.store(&record("d", &[0; 900])).expect("it is stored");
        assert_eq!(cache.load("a"), Found::Nothing);
        for url in ["b", "c", "d"] {
            assert!(matches!(cache.load(url), Found::Record(_)), "{url}");
        }
    }

    #[test]
    fn temporary_files_of_the_dead_go_and_those_of_the_living_stay() {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = cache(folder.path(), 1 << 20);
        let dead = cache.config.folder.join("1-1.tmp");
        let living = cache.config.folder.join("2-1.tmp");
        fs::write(&living, b"x").expect("it can be written");
        let file = File::create(&dead).expect("it can be made");
        let then = SystemTime::now() - Duration::from_hours(2);
        file.set_modified(then).expect("its time can be set");
        cache.store(&record("a", b"1")).expect("it is stored");
        assert!(!dead.exists() && living.exists());
    }
}
