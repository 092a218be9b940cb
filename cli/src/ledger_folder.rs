//! Ledgers as they lie in folders: found, read record by record, taken in with every check that a
//! replica makes.
//!
//! Nothing that a folder says is believed: chain, tree, certificates, configurations and every act
//! of governance are recomputed. A torn end of the last file is what a crash leaves, and is
//! reported; any other damage stops.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::View;
use synod_ledger::{Damage, LedgerSecret, Record, Scanner};
use synod_node::segment_files;
use synod_replica::{Counts, LedgerImport, Machine};

use crate::outcome::{Failure, Outcome};

/// How deep ledgers are searched for below a folder.
const DEPTH_MAX: usize = 4;

/// A folder that holds the files of one ledger.
pub(crate) struct LedgerFolder {
    path: PathBuf,
    files: Vec<PathBuf>,
}

/// A ledger that was taken in and found sound.
pub(crate) struct TakenIn {
    /// The state at the newest certified block.
    pub(crate) machine: Machine,
    /// What was read.
    pub(crate) counts: Counts,
    /// Blocks after the newest certified one; they may or may not be committed.
    pub(crate) uncertified: u64,
    /// Where the last file is torn, if it is.
    pub(crate) torn: Option<String>,
}

impl TakenIn {
    /// Whether only simulated hardware vouched for a replica.
    pub(crate) fn simulated(&self) -> Outcome<bool> {
        let store = self.machine.store();
        let snapshot = store.snapshot(store.head()).map_err(Failure::broken)?;
        let replicas = View::new(&snapshot).replicas().map_err(|error| {
            Failure::not_verified(format!("the ledger's governance cannot be read: {error}"))
        })?;
        Ok(replicas.iter().any(|replica| replica.simulated))
    }
}

impl LedgerFolder {
    /// All ledgers at or below `path`, in the order of their names.
    pub(crate) fn find_all(path: &Path) -> Outcome<Vec<Self>> {
        let mut found = Vec::new();
        search(path, DEPTH_MAX, &mut found)
            .map_err(|error| Failure::io(format!("cannot read `{}`", path.display()), &error))?;
        if found.is_empty() {
            return Err(
                Failure::mistake(format!("there is no ledger in `{}`", path.display()))
                    .with_hint("name the folder of a replica, such as `.synod/replica-1`"),
            );
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// The one ledger at or below `path`.
    pub(crate) fn find_one(path: &Path) -> Outcome<Self> {
        let mut found = Self::find_all(path)?;
        let one = found.pop().expect("at least one was found");
        if found.is_empty() {
            return Ok(one);
        }
        let names: Vec<String> = found
            .iter()
            .chain([&one])
            .map(|folder| folder.path.display().to_string())
            .collect();
        Err(
            Failure::mistake(format!("`{}` holds several ledgers", path.display()))
                .with_hint(format!("name one of {}", names.join(", "))),
        )
    }

    /// When it was written last; none, if the system does not say.
    pub(crate) fn written_at(&self) -> Option<SystemTime> {
        let times = self.files.iter();
        times
            .filter_map(|file| std::fs::metadata(file).ok()?.modified().ok())
            .max()
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The network that the first file claims to be of.
    pub(crate) fn claimed_network(&self) -> Outcome<Digest> {
        let first = self.files.first().expect("a ledger has a file");
        let scanner = Scanner::new(read_file(first)?).map_err(|damage| damaged(first, &damage))?;
        Ok(scanner.header().network)
    }

    /// Takes the whole ledger in; with `secrets` the private state as well.
    pub(crate) fn take_in(
        &self,
        pin: Digest,
        secrets: Option<Vec<LedgerSecret>>,
    ) -> Outcome<TakenIn> {
        let mut import = LedgerImport::new(pin, secrets);
        let torn = self.for_each(|file, at, record| {
            import.feed(record).map_err(|error| {
                Failure::not_verified(format!("`{}`, byte {at}: {error}", file.display()))
            })
        })?;
        let counts = import.counts();
        let blocks_in_all = import
            .machine()
            .map_or(0, |machine| machine.sequence().last().index);
        let machine = import.finish().map_err(|error| {
            Failure::not_verified(format!("`{}`: {error}", self.path.display()))
        })?;
        let uncertified = blocks_in_all - machine.sequence().last().index;
        Ok(TakenIn {
            machine,
            counts,
            uncertified,
            torn,
        })
    }

    /// Gives every record to `take`, with its file and the position in it. Returns where the last
    /// file is torn.
    pub(crate) fn for_each(
        &self,
        mut take: impl FnMut(&Path, u64, &Record) -> Outcome,
    ) -> Outcome<Option<String>> {
        for (position, file) in self.files.iter().enumerate() {
            let is_last = position + 1 == self.files.len();
            if let Some(at) = read_records(file, is_last, &mut take)? {
                return Ok(Some(format!("`{}` is torn at byte {at}", file.display())));
            }
        }
        Ok(None)
    }
}

/// Reads one file; the position at which it is torn, if it may be.
fn read_records(
    file: &Path,
    may_be_torn: bool,
    take: &mut impl FnMut(&Path, u64, &Record) -> Outcome,
) -> Outcome<Option<u64>> {
    let torn_or_damaged = |damage: Damage| match damage {
        Damage::Torn { at } if may_be_torn => Ok(Some(at)),
        damage => Err(damaged(file, &damage)),
    };
    let scanner = match Scanner::new(read_file(file)?) {
        Ok(scanner) => scanner,
        Err(damage) => return torn_or_damaged(damage),
    };
    for placed in scanner {
        match placed {
            Ok(placed) => take(file, placed.at, &placed.record)?,
            Err(damage) => return torn_or_damaged(damage),
        }
    }
    Ok(None)
}

fn search(path: &Path, depth: usize, found: &mut Vec<LedgerFolder>) -> std::io::Result<()> {
    let files = segment_files(path)?;
    if !files.is_empty() {
        found.push(LedgerFolder {
            path: path.to_owned(),
            files,
        });
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // A symbolic link is not followed: the search ends.
        if entry.file_type()?.is_dir() {
            search(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Outcome<Bytes> {
    std::fs::read(path)
        .map(Bytes::from)
        .map_err(|error| Failure::io(format!("cannot read `{}`", path.display()), &error))
}

fn damaged(file: &Path, damage: &Damage) -> Failure {
    Failure::not_verified(format!("`{}`: {damage}", file.display()))
}
