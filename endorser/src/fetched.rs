//! What a caller gets: endorsements, and what is worth knowing next to that they
//! are genuine.

use std::{fmt, path::PathBuf};

use synod_attestation::Endorsements;

use crate::error::EndorserError;

/// Endorsements that lead to the configured roots, and where they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The endorsements.
    pub endorsements: Endorsements,
    /// Where they came from.
    pub source: Source,
    /// When the oldest part came from its service (Unix milliseconds); `None`
    /// if a folder had them, or the evidence itself.
    pub fetched_ms: Option<u64>,
    /// When the first part expires (Unix milliseconds); `None` if nothing
    /// does.
    pub next_update_ms: Option<u64>,
    /// What else is worth knowing.
    pub notes: Vec<Note>,
}

impl Fetched {
    /// Joins what was fetched for the lead and for the parts of composite
    /// evidence.
    pub(crate) fn joined(self, parts: Vec<Self>) -> Result<Self, EndorserError> {
        let mut joined = Self {
            endorsements: Endorsements::Nitro,
            ..self
        };
        let mut endorsements = Vec::with_capacity(parts.len());
        for part in parts {
            if joined.source != part.source {
                joined.source = Source::Several;
            }
            joined.fetched_ms = earlier(joined.fetched_ms, part.fetched_ms);
            joined.next_update_ms = earlier(joined.next_update_ms, part.next_update_ms);
            joined.notes.extend(part.notes);
            endorsements.push(part.endorsements);
        }
        joined.endorsements = Endorsements::composite(self.endorsements, endorsements)
            .map_err(|_| EndorserError::TooManyParts)?;
        Ok(joined)
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Where endorsements came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The evidence holds what is needed.
    Evidence,
    /// A folder.
    Folder(PathBuf),
    /// The cache alone.
    Cache,
    /// Services alone.
    Network,
    /// The cache and services.
    CacheAndNetwork,
    /// A folder, and the cache or services for what it does not have.
    FolderAndOthers(PathBuf),
    /// The host, and the cache or services for what it does not have.
    HostAndOthers,
    /// For the parts of composite evidence, different ones.
    Several,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evidence => f.write_str("the evidence itself"),
            Self::Folder(path) => write!(f, "folder `{}`", path.display()),
            Self::Cache => f.write_str("cache"),
            Self::Network => f.write_str("network"),
            Self::CacheAndNetwork => f.write_str("cache and network"),
            Self::FolderAndOthers(path) => {
                write!(f, "folder `{}`, cache or network", path.display())
            }
            Self::HostAndOthers => f.write_str("the host, cache or network"),
            Self::Several => f.write_str("several places"),
        }
    }
}

/// Something worth saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// An answer from the cache is due for renewal and nobody renewed it; it
    /// is still valid.
    NotRenewed {
        /// Where it was asked for.
        url: String,
        /// When it came (Unix milliseconds).
        fetched_ms: u64,
        /// How long it stays valid (Unix milliseconds).
        until_ms: u64,
        /// Why it was not renewed; `None` if nobody may be asked now.
        because: Option<Box<EndorserError>>,
    },
    /// A cache entry was no answer, or one that did not verify. It is gone.
    Dropped {
        /// Where the answer was asked for.
        url: String,
    },
    /// There is no revocation list for AMD's certificates.
    NoRevocationList(Box<EndorserError>),
    /// A folder has no endorsements that can be used here.
    FolderNotUsed {
        /// The folder.
        folder: PathBuf,
        /// Why.
        because: Box<EndorserError>,
    },
    /// An answer could not be kept for the next time.
    NotKept(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRenewed { url, because, .. } => {
                write!(
                    f,
                    "answer from `{url}` is old, still valid, and not renewed"
                )?;
                match because {
                    Some(because) => write!(f, ": {because}"),
                    None => Ok(()),
                }
            }
            Self::Dropped { url } => {
                write!(f, "cache entry of `{url}` was bad and is gone")
            }
            Self::NoRevocationList(because) => {
                write!(f, "no revocation list of AMD: {because}")
            }
            Self::FolderNotUsed { folder, because } => {
                write!(f, "folder `{}` is not used: {because}", folder.display())
            }
            Self::NotKept(why) => write!(f, "answer is not kept: {why}"),
        }
    }
}
