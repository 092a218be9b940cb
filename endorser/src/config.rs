//! What an endorser may do: where it looks, whom it asks, how long it waits.

use std::path::PathBuf;

use synod_attestation::Anchors;

use crate::retry::Retry;

/// Intel's service.
pub const INTEL_PCS: &str = "https://api.trustedservices.intel.com";
/// The distribution point of the revocation list of Intel's root.
pub const INTEL_ROOT_CRL: &str =
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
/// AMD's key distribution service.
pub const AMD_KDS: &str = "https://kdsintf.amd.com";

/// Settings of an endorser.
#[derive(Clone, Debug)]
pub struct Config {
    /// The roots that endorsements must lead to.
    pub anchors: Anchors,
    /// Folders that are read before anything is asked for, in this order.
    pub folders: Vec<PathBuf>,
    /// Where answers are kept; `None` keeps none.
    pub cache: Option<CacheConfig>,
    /// Who has what. The cache knows answers by who gave them.
    pub services: Services,
    /// How to ask them; `None` turns network access off.
    pub network: Option<NetworkConfig>,
    /// When cached answers are requested again.
    pub refresh: Refresh,
}

impl Config {
    /// The vendors' own services, and a cache in `folder` if there is one.
    pub fn online(anchors: Anchors, cache: Option<PathBuf>) -> Self {
        Self {
            anchors,
            folders: Vec::new(),
            cache: cache.map(CacheConfig::new),
            services: Services::default(),
            network: Some(NetworkConfig::default()),
            refresh: Refresh::default(),
        }
    }

    /// These folders and nothing else.
    pub fn offline(anchors: Anchors, folders: Vec<PathBuf>) -> Self {
        Self {
            anchors,
            folders,
            cache: None,
            services: Services::default(),
            network: None,
            refresh: Refresh::default(),
        }
    }
}

/// Settings of the cache on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// The folder; made if it does not exist. Processes may share it.
    pub folder: PathBuf,
    /// How many bytes the entries may have together; past it the oldest go.
    pub bytes_max: u64,
}

impl CacheConfig {
    /// A cache of 64 MiB.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// When cached answers are requested again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// Answers that judge or revoke are asked for anew after this time, in
    /// milliseconds. They are used until they expire if no service answers.
    pub fresh_for_ms: u64,
    /// So long before their end are answers asked for anew, in milliseconds.
    pub ahead_ms: u64,
    /// After a renewal failed, the next one waits so long, in milliseconds.
    pub pause_ms: u64,
}

impl Default for Refresh {
    fn default() -> Self {
        const HOUR_MS: u64 = 60 * 60 * 1000;
        Self {
            fresh_for_ms: 24 * HOUR_MS,
            ahead_ms: 48 * HOUR_MS,
            pause_ms: HOUR_MS / 6,
        }
    }
}

/// Who has what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Whom to ask for Intel's collateral.
    pub intel: IntelService,
    /// Which of Intel's evaluations to ask for.
    pub update: Update,
    /// Base URL of AMD's service.
    pub amd_kds: String,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            intel: IntelService::pcs(),
            update: Update::Standard,
            amd_kds: AMD_KDS.to_owned(),
        }
    }
}

/// How services are asked.
#[derive(Clone, Debug, Default)]
pub struct NetworkConfig {
    /// The roots that the services' TLS certificates lead to. They guard who
    /// is asked what; endorsements are verified up to [`Config::anchors`].
    pub tls_roots: TlsRoots,
    /// The way to the services.
    pub proxy: ProxyChoice,
    /// How long to wait for one answer.
    pub timeouts: Timeouts,
    /// How often to ask.
    pub retry: Retry,
    /// Lets services be asked over `http://`. Whoever listens learns which
    /// platforms are asked about; what comes back is verified all the same.
    pub dangerous_plain_http: bool,
}

/// Whom to ask for Intel's collateral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntelService {
    /// Intel itself.
    Pcs {
        /// Base URL.
        base: String,
        /// URL of the revocation list of Intel's root.
        root_crl: String,
    },
    /// A caching service that the operator runs, which also knows the PCK
    /// certificates of its platforms.
    Pccs {
        /// Base URL.
        base: String,
    },
}

impl IntelService {
    /// Intel's public service.
    pub fn pcs() -> Self {
        Self::Pcs {
            base: INTEL_PCS.to_owned(),
            root_crl: INTEL_ROOT_CRL.to_owned(),
        }
    }
}

/// Which of Intel's evaluations to ask for (PCS v4, `update` and
/// `tcbEvaluationDataNumber`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// The one that platforms must have followed by now.
    #[default]
    Standard,
    /// The newest, as soon as it is published.
    Early,
    /// The one of this number.
    EvaluationNumber(u32),
}

/// The roots that the services' TLS certificates lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsRoots {
    /// The web's.
    #[default]
    Web,
    /// These certificates (DER) and no others.
    Only(Vec<Vec<u8>>),
}

/// The way to the services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// As the environment says: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one: `http://host:port`, reached by `CONNECT`.
    Through(String),
}

/// How long to wait for one answer, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect_ms: u64,
    /// For the next bytes.
    pub read_ms: u64,
    /// For the whole answer.
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            read_ms: 15_000,
            total_ms: 60_000,
        }
    }
}
