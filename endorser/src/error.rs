//! Why there are no endorsements, and whose fault that is.

use std::path::PathBuf;

use synod_attestation::VerifyError;

use crate::{
    answer::AnswerError, cache::CacheError, fetch_error::FetchError, part::Part,
    platform::PlatformError,
};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: settings, or a question without an answer.
    Caller,
    /// The attester's: its evidence.
    Attester,
    /// The service's that was asked, or of whoever speaks in its name.
    Service,
    /// Our environment's: network, disk.
    Environment,
}

/// Why there are no endorsements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndorserError {
    /// The evidence does not identify the platform that made it.
    #[error("platform of the evidence: {0}")]
    Platform(#[from] PlatformError),
    /// Composite evidence has more parts than endorsements can have.
    #[error("evidence has too many parts")]
    TooManyParts,
    /// A part is missing, and network access is off.
    #[error("{0} is not in the cache, and network access is off")]
    Offline(Part),
    /// No configured service hands out a part.
    #[error("no configured service provides the {0}")]
    NoService(Part),
    /// The VLEK certificate is missing, and no service provides it.
    #[error("VLEK certificate is not in the cache, and no public service provides it")]
    NoVlek,
    /// The host hides the chip id, so its VCEK certificate cannot be requested.
    #[error("report hides the chip id, so the VCEK certificate cannot be requested")]
    ChipHidden,
    /// A service did not answer, or not usefully.
    #[error("{part} from `{url}`: {problem}")]
    Fetch {
        /// What was asked for.
        part: Part,
        /// Where.
        url: String,
        /// What went wrong.
        problem: FetchError,
    },
    /// Endorsements are for another platform than was asked for.
    #[error("{what} is for {found}, but was requested for {asked}")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// What came.
        found: String,
    },
    /// Endorsements are not genuine, or not valid now.
    #[error("endorsements cannot be verified: {0}")]
    NotGenuine(Box<VerifyError>),
    /// Endorsements cannot be read.
    #[error("{what} {problem}")]
    Unreadable {
        /// What cannot be read.
        what: &'static str,
        /// Why.
        problem: AnswerError,
    },
    /// A folder lacks something.
    #[error("folder `{folder}` does not contain {lacks}")]
    FolderLacks {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        lacks: &'static str,
    },
    /// A folder cannot be read or written.
    #[error("folder `{folder}`: {problem}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The cache cannot be used.
    #[error("cache {0}")]
    Cache(#[from] CacheError),
    /// The settings of the network cannot be used.
    #[error("settings of the network: {0}")]
    Settings(FetchError),
}

impl EndorserError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Offline(_)
            | Self::NoService(_)
            | Self::NoVlek
            | Self::Settings(_)
            | Self::FolderLacks { .. }
            | Self::Folder { .. } => Fault::Caller,
            Self::Platform(_) | Self::ChipHidden | Self::TooManyParts => Fault::Attester,
            Self::Fetch { problem, .. } if problem.before_service() => Fault::Environment,
            Self::Fetch { .. }
            | Self::Mismatch { .. }
            | Self::NotGenuine(_)
            | Self::Unreadable { .. } => Fault::Service,
            Self::Cache(_) => Fault::Environment,
        }
    }

    /// A hint that says what would help, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Offline(_) | Self::FolderLacks { .. } => {
                Some("fetch it on a machine with network access, and copy the folder")
            }
            Self::NoService(_) => Some(
                "the quote has no PCK certificate chain: configure the PCCS of its data centre",
            ),
            Self::NoVlek => Some(
                "the host has it (extended report, certificate table): put it into a folder as `vlek.der`",
            ),
            Self::ChipHidden => {
                Some("the host has the VCEK (extended report): put it into a folder as `vcek.der`")
            }
            Self::Fetch { problem, .. } => hint_of_fetch(problem),
            Self::NotGenuine(_) => Some(
                "check this machine's clock, then the address of the service: its answer is not signed by the vendor, or has expired",
            ),
            Self::Cache(_) => {
                Some("check the permissions and the free space of the cache's folder")
            }
            _ => None,
        }
    }
}

fn hint_of_fetch(problem: &FetchError) -> Option<&'static str> {
    match problem {
        FetchError::NotFound => {
            Some("the vendor does not know this platform, or not at this firmware level")
        }
        FetchError::RateLimited { .. } => Some("wait, or use a cache, or ask your own PCCS"),
        FetchError::Timeout | FetchError::Connection(_) => {
            Some("check the network; a proxy can be named by `HTTPS_PROXY`")
        }
        FetchError::Tls(_) => {
            Some("if you ask your own service, configure the root of its certificate")
        }
        _ => None,
    }
}
