//! The row of an app: the version that answers, the pending one, and why the last one failed.

use minicbor::{Decode, Encode};
use synod_crypto::Digest;

use crate::app::manifest::AppManifest;
use crate::app::name::AppName;
use crate::tables::{CorruptState, map};

/// A component is cut into chunks of this many bytes; the last may be shorter.
pub const CHUNK_BYTES: usize = 512 * 1024;
/// Longest component, in bytes.
pub const COMPONENT_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Longest OpenAPI document of an app, in bytes.
pub const OPENAPI_BYTES_MAX: usize = 40 * 1024;
/// Most apps at a time, those that are being removed among them.
pub const APPS_MAX: usize = 256;

/// Where an app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AppStatus {
    /// The members want it.
    #[n(0)]
    Set,
    /// The members removed it; its rows are being deleted. Then the record goes, and the name is
    /// free.
    #[n(1)]
    Removing,
}

impl AppStatus {
    /// The status in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Removing => "removing",
        }
    }
}

/// One version of an app, as the members set it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AppVersion {
    /// Its number: 1 for the first version of that name, then one more each time, and never used
    /// twice.
    #[n(0)]
    pub number: u64,
    /// The manifest in TOML; it was checked when it was recorded.
    #[n(1)]
    pub manifest: String,
    /// SHA-256 of the component.
    #[n(2)]
    pub component: Digest,
    /// How many bytes the component has.
    #[n(3)]
    pub size: u64,
    /// SHA-256 of each chunk of [`CHUNK_BYTES`].
    #[n(4)]
    pub chunks: Vec<Digest>,
    /// The app's OpenAPI document; its content is not checked.
    #[n(5)]
    pub openapi: Option<String>,
    /// The seqno of the action that set it.
    #[n(6)]
    pub set_seqno: u64,
}

impl AppVersion {
    /// The manifest. Fails only if our own state is corrupt.
    pub fn parsed_manifest(&self) -> Result<AppManifest, CorruptState> {
        AppManifest::from_toml(&self.manifest).map_err(|error| CorruptState {
            map: map::APPS,
            cause: error.to_string(),
        })
    }
}

/// Why a version never took effect.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AppFailure {
    /// The version's number.
    #[n(0)]
    pub number: u64,
    /// A public code, such as `digest` or `init-trapped`. The details are in the app's log.
    #[n(1)]
    pub code: String,
    /// The seqno of the input that says so.
    #[n(2)]
    pub seqno: u64,
}

/// An app.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AppRecord {
    /// Its name.
    #[n(0)]
    pub name: AppName,
    /// The version that answers.
    #[n(1)]
    pub active: Option<AppVersion>,
    /// The version that is to take its place, once a quorum has compiled it and its maps are
    /// prepared.
    #[n(2)]
    pub pending: Option<AppVersion>,
    /// Why the newest version never took effect, if that is so.
    #[n(3)]
    pub failed: Option<AppFailure>,
    /// Where the app stands.
    #[n(4)]
    pub status: AppStatus,
}

impl AppRecord {
    /// The version with this number, if it is active or pending.
    pub fn version(&self, number: u64) -> Option<&AppVersion> {
        let mut versions = self.active.iter().chain(&self.pending);
        versions.find(|version| version.number == number)
    }
}

/// How many chunks a component of so many bytes has.
pub fn chunk_count(size: u64) -> usize {
    usize::try_from(size).map_or(usize::MAX, |size| size.div_ceil(CHUNK_BYTES))
}
