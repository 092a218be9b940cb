//! The state file: what a client remembers of a network between its runs, in TOML next to the trust
//! file. It holds no secret.
//!
//! ```toml
//! checksum = "<64 hexadecimal digits>"       # SHA-256 of all bytes after this line
//! version = 1
//! network = "<64 hexadecimal digits>"
//! opened = true                              # whether the members were seen to have opened it
//! addresses = ["https://127.0.0.1:8001"]     # of the replicas that vote, as a verified one named them
//!
//! [configuration]                            # the newest one seen
//! number = 3
//! digest = "<64 hexadecimal digits>"
//!
//! [head]                                     # the certified block with the greatest tree size seen
//! tree_size = 17
//! root = "<64 hexadecimal digits>"
//! time_ms = 1790000000000
//! header = "<base64>"                        # the three above stand in it; they are repeated for the reader
//! certificate = "<base64>"                   # or `receipt`
//! ```
//!
//! Invariants
//! - whoever reads the file sees the old one or the new one: it is written under another name,
//!   flushed and renamed;
//! - it is read, compared and written under one lock, so that two programs at once never make it go
//!   back;
//! - a file that is damaged, newer or of another network is refused by name, and never replaced.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use synod_crypto::{Digest, sha256};

use crate::head::{CertifiedHead, HeadProof};
use crate::remembered::{ConfigurationId, Fork, REMEMBERED_ADDRESSES_MAX, Remembered};
use crate::url::ReplicaUrl;

/// The version of the format.
const VERSION: i64 = 1;
/// Longest file that is read, in bytes (512 KiB).
pub const STATE_FILE_BYTES_MAX: usize = 512 * 1024;
/// Most proofs of forks that are kept next to one state file.
pub const FORK_PROOFS_MAX: usize = 8;
/// How long another program may hold the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Where a state file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    path: PathBuf,
}

/// Why a text is not a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateTextError {
    /// It is longer than any.
    #[error("it is longer than {STATE_FILE_BYTES_MAX} bytes")]
    TooLong,
    /// It was written by a newer program.
    #[error("it has version {0}, expected {VERSION}")]
    Version(i64),
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// Why a state file cannot be used. The caller's machine, or somebody who changed the file, is at
/// fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFileError {
    /// The operating system does not let it be read or written.
    #[error("the state file `{path}` cannot be {what}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Read, written or locked.
        what: &'static str,
        /// What the operating system says.
        cause: String,
    },
    /// Another program holds its lock for long.
    #[error("another program has locked the state file `{path}` for more than {LOCK_WAIT:?}")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Its text cannot be used.
    #[error("the state file `{path}` is not valid: {why}")]
    Text {
        /// The file.
        path: PathBuf,
        /// Why.
        why: StateTextError,
    },
    /// It is of another network.
    #[error("the state file `{path}` is for network {found}, expected {expected}")]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: Digest,
        /// Which was expected.
        expected: Digest,
    },
}

impl StateFileError {
    /// What the caller can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "name a file that can be written with `--state FILE`",
            Self::Locked { .. } => "wait for the other program, or stop it",
            Self::Text {
                why: StateTextError::Version(_),
                ..
            } => "use a newer version of this program",
            Self::Text { .. } => {
                "restore it from a copy; without it this client believes as at its first contact: move it away only \
                 if you accept that"
            }
            Self::OtherNetwork { .. } => {
                "name the state file of this network with `--state FILE`, or compare the network id of the trust file \
                 with the one that the members publish"
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: i64,
    network: String,
    #[serde(default)]
    opened: bool,
    addresses: Vec<ReplicaUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configuration: Option<ConfigurationForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<HeadForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigurationForm {
    number: u64,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadForm {
    tree_size: u64,
    root: String,
    time_ms: u64,
    header: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// A proof that the ledger was forked, as it is kept.
#[derive(Serialize)]
struct ForkForm {
    version: i64,
    network: String,
    what: &'static str,
    head: [HeadForm; 2],
}

/// A state file that is locked: nobody else writes it meanwhile.
pub(crate) struct Locked<'a> {
    file: &'a StateFile,
    _lock: File,
}

impl StateFile {
    /// The state file at this path; nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The state file that belongs to a trust file: `trust.state` beside `trust.toml`.
    pub fn beside(trust: &Path) -> Self {
        let mut path = trust.with_extension("state");
        if path == trust {
            path = with_ending(trust, ".state");
        }
        Self { path }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the lock, for a few seconds.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, StateFileError> {
        let failed = |cause: std::io::Error| self.io("locked", &cause);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options
            .open(with_ending(&self.path, ".lock"))
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Locked {
                        file: self,
                        _lock: lock,
                    });
                }
                Err(TryLockError::Error(cause)) => return Err(failed(cause)),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= LOCK_WAIT => {
                    return Err(StateFileError::Locked {
                        path: self.path.clone(),
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            }
        }
    }

    /// What it holds of this network; `None` if there is no file.
    pub(crate) fn read(&self, network: Digest) -> Result<Option<Remembered>, StateFileError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("read", &error)),
        };
        let mut bytes = Vec::new();
        file.take(STATE_FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.io("read", &error))?;
        let remembered = parse_state(&bytes).map_err(|why| StateFileError::Text {
            path: self.path.clone(),
            why,
        })?;
        if remembered.network != network {
            return Err(StateFileError::OtherNetwork {
                path: self.path.clone(),
                found: remembered.network,
                expected: network,
            });
        }
        Ok(Some(remembered))
    }

    fn io(&self, what: &'static str, cause: &std::io::Error) -> StateFileError {
        StateFileError::Io {
            path: self.path.clone(),
            what,
            cause: cause.to_string(),
        }
    }
}

impl Locked<'_> {
    pub(crate) fn read(&self, network: Digest) -> Result<Option<Remembered>, StateFileError> {
        self.file.read(network)
    }

    /// Writes what is remembered, whole.
    pub(crate) fn write(&self, remembered: &Remembered) -> Result<(), StateFileError> {
        let text = state_text(remembered).map_err(|why| StateFileError::Text {
            path: self.file.path.clone(),
            why,
        })?;
        self.replace(&self.file.path, text.as_bytes())
    }

    /// Keeps the proof of a fork in a file of its own. `None` where there are as many as are kept.
    pub(crate) fn keep_fork(
        &self,
        network: Digest,
        fork: &Fork,
    ) -> Result<Option<PathBuf>, StateFileError> {
        let form = ForkForm {
            version: VERSION,
            network: network.to_string(),
            what: "two certified roots of one tree size",
            head: [HeadForm::of(&fork.remembered), HeadForm::of(&fork.shown)],
        };
        let text = toml::to_string(&form).map_err(|error| StateFileError::Text {
            path: self.file.path.clone(),
            why: StateTextError::Damaged(error.to_string()),
        })?;
        for number in 1..=FORK_PROOFS_MAX {
            let path = with_ending(&self.file.path, &format!(".fork-{number}"));
            match std::fs::read(&path) {
                Ok(kept) if kept == text.as_bytes() => return Ok(Some(path)),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.replace(&path, text.as_bytes())?;
                    return Ok(Some(path));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), StateFileError> {
        let fresh = with_ending(path, ".new");
        let written = write_new(&fresh, bytes)
            // A crash here leaves the old file, and one ending in `.new` that the next writing
            // replaces.
            .and_then(|()| std::fs::rename(&fresh, path))
            .and_then(|()| sync_folder(path));
        written.map_err(|error| self.file.io("written", &error))
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the new name durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The text of what is remembered.
///
/// # Errors
/// [`StateTextError`], where a number is larger than the format holds, which no ledger comes to.
pub fn state_text(remembered: &Remembered) -> Result<String, StateTextError> {
    let form = Form {
        version: VERSION,
        network: remembered.network.to_string(),
        opened: remembered.opened,
        addresses: remembered.addresses.clone(),
        configuration: remembered.configuration.map(|known| ConfigurationForm {
            number: known.number,
            digest: known.digest.to_string(),
        }),
        head: remembered.head.as_ref().map(HeadForm::of),
    };
    let body = toml::to_string(&form).map_err(|error| damaged(error.to_string()))?;
    Ok(format!("{}{body}", checksum_line(body.as_bytes())))
}

/// Reads the text of a state file.
///
/// # Errors
/// [`StateTextError`].
pub fn parse_state(bytes: &[u8]) -> Result<Remembered, StateTextError> {
    if bytes.len() > STATE_FILE_BYTES_MAX {
        return Err(StateTextError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let table: toml::Table = toml::from_str(text).map_err(|error| damaged(error.message()))?;
    match table.get("version").and_then(toml::Value::as_integer) {
        Some(VERSION) => {}
        Some(version) if version > VERSION => return Err(StateTextError::Version(version)),
        _ => return Err(damaged("it does not state a version")),
    }
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    if !text.starts_with(&checksum_line(body.as_bytes())) {
        return Err(damaged("its checksum is not that of its content"));
    }
    let form: Form = toml::from_str(body).map_err(|error| damaged(error.message()))?;
    form.read()
}

fn checksum_line(body: &[u8]) -> String {
    format!("checksum = \"{}\"\n", sha256(&[body]))
}

fn damaged(why: impl Into<String>) -> StateTextError {
    StateTextError::Damaged(why.into())
}

fn digest(text: &str, what: &str) -> Result<Digest, StateTextError> {
    text.parse()
        .map_err(|_| damaged(format!("`{what}` must be 64 hexadecimal digits")))
}

impl Form {
    fn read(self) -> Result<Remembered, StateTextError> {
        if self.addresses.len() > REMEMBERED_ADDRESSES_MAX {
            return Err(damaged("it names too many addresses"));
        }
        let configuration = self.configuration.map(|form| {
            Ok(ConfigurationId {
                number: form.number,
                digest: digest(&form.digest, "configuration.digest")?,
            })
        });
        Ok(Remembered {
            network: digest(&self.network, "network")?,
            configuration: configuration.transpose()?,
            head: self.head.map(HeadForm::read).transpose()?,
            opened: self.opened,
            addresses: self.addresses,
        })
    }
}

impl HeadForm {
    fn of(head: &CertifiedHead) -> Self {
        let (certificate, receipt) = match head.proof() {
            HeadProof::Certificate(bytes) => (Some(STANDARD.encode(bytes)), None),
            HeadProof::Receipt(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Self {
            tree_size: head.tree_size(),
            root: head.root().to_string(),
            time_ms: head.time_ms(),
            header: STANDARD.encode(head.header()),
            certificate,
            receipt,
        }
    }

    fn read(self) -> Result<CertifiedHead, StateTextError> {
        let bytes = |text: &str, what: &str| {
            let decoded = STANDARD.decode(text).map(Bytes::from);
            decoded.map_err(|_| damaged(format!("`head.{what}` is not base64")))
        };
        let proof = match (&self.certificate, &self.receipt) {
            (Some(text), None) => HeadProof::Certificate(bytes(text, "certificate")?),
            (None, Some(text)) => HeadProof::Receipt(bytes(text, "receipt")?),
            _ => return Err(damaged("`head` must have a certificate or a receipt")),
        };
        let head = CertifiedHead::written_down(bytes(&self.header, "header")?, proof)
            .ok_or_else(|| damaged("`head.header` is not a header"))?;
        let agrees = head.tree_size() == self.tree_size
            && head.root() == digest(&self.root, "head.root")?
            && head.time_ms() == self.time_ms;
        if agrees {
            Ok(head)
        } else {
            Err(damaged("`head` does not agree with its header"))
        }
    }
}
