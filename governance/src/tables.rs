//! The governance maps, and how rows are read and written.

use minicbor::{Decode, Encode};
use synod_kv::{KeyRange, LimitExceeded, MapName, Read, Transaction, VALUE_MAX, WriteSet};

use crate::codec::{self, Malformed};

/// Every map whose name begins so belongs to governance, whoever writes.
pub const RESERVED_PREFIX: &str = "public:synod.";

/// The names of the maps.
pub mod map {
    /// One row `service`: `ServiceRecord`.
    pub const SERVICE: &str = "public:synod.service";
    /// One row `governance`: `GovernanceRecord`.
    pub const GOVERNANCE: &str = "public:synod.governance";
    /// Position (2 bytes, big-endian) to `MemberEntry`.
    pub const MEMBERS: &str = "public:synod.members";
    /// Name to `UserEntry`.
    pub const USERS: &str = "public:synod.users";
    /// Fingerprint to the name of the user.
    pub const FINGERPRINTS: &str = "public:synod.fingerprints";
    /// Id (8 bytes, big-endian) to `ReplicaRecord`.
    pub const REPLICAS: &str = "public:synod.replicas";
    /// Identity key to id, for ever.
    pub const IDENTITIES: &str = "public:synod.identities";
    /// SHA-256 of a TLS key (SubjectPublicKeyInfo) to id, for ever.
    pub const TLS_KEYS: &str = "public:synod.tls-keys";
    /// HPKE key to id, for ever.
    pub const HPKE_KEYS: &str = "public:synod.hpke-keys";
    /// One row `policy`: the appraisal policy in TOML.
    pub const POLICY: &str = "public:synod.policy";
    /// Generation (8 bytes, big-endian) to `WrappedSecret`.
    pub const SHARES: &str = "public:synod.shares";
    /// Number (8 bytes, big-endian) to the ledger's `Configuration`.
    pub const CONFIGURATIONS: &str = "public:synod.configurations";
    /// Name to `AppRecord`.
    pub const APPS: &str = "public:synod.apps";
    /// Name to the number of the newest version that was ever set under it.
    pub const APP_NUMBERS: &str = "public:synod.app-numbers";
    /// Seqno (8 bytes, big-endian) to `Input`.
    pub const INPUTS: &str = "public:synod.inputs";
}

pub(crate) const SERVICE: &[u8] = b"service";
pub(crate) const GOVERNANCE: &[u8] = b"governance";
pub(crate) const POLICY: &[u8] = b"policy";

/// What governance stored does not read back: our own state is corrupt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row in `{map}` is corrupt: {cause}")]
pub struct CorruptState {
    /// The map.
    pub map: &'static str,
    /// What is wrong.
    pub cause: String,
}

impl CorruptState {
    pub(crate) fn missing(map: &'static str) -> Self {
        Self {
            map,
            cause: "row is missing".to_owned(),
        }
    }
}

/// Whether only governance may write to the map.
pub fn is_reserved(map: &MapName) -> bool {
    map.as_str().starts_with(RESERVED_PREFIX)
}

/// Whether a write set touches a map of governance. Cheap: looks at the names
/// of maps, not at keys.
pub fn touches_reserved(writes: &WriteSet) -> bool {
    writes.map_names().any(is_reserved)
}

pub(crate) fn name(map: &'static str) -> MapName {
    MapName::new(map).expect("names of governance maps are valid")
}

/// A row that must be of type `T` if it is there.
pub(crate) fn row<T>(
    reader: &impl Read,
    map: &'static str,
    key: &[u8],
) -> Result<Option<T>, CorruptState>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    let found = reader.get(&name(map), key);
    found.map(|found| decoded(map, &found.value)).transpose()
}

/// All rows of a map, by key.
pub(crate) fn rows<T>(reader: &impl Read, map: &'static str) -> Result<Vec<T>, CorruptState>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    let found = reader.range(&name(map), &KeyRange::all(), usize::MAX);
    found
        .iter()
        .map(|(_, found)| decoded(map, &found.value))
        .collect()
}

fn decoded<T>(map: &'static str, bytes: &[u8]) -> Result<T, CorruptState>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    let corrupt = |cause: Malformed| CorruptState {
        map,
        cause: cause.to_string(),
    };
    codec::decode(bytes, VALUE_MAX).map_err(corrupt)
}

pub(crate) fn write<T: Encode<()>>(
    tx: &mut Transaction<'_>,
    map: &'static str,
    key: &[u8],
    value: &T,
) -> Result<(), LimitExceeded> {
    write_bytes(tx, map, key, codec::encode(value))
}

pub(crate) fn write_bytes(
    tx: &mut Transaction<'_>,
    map: &'static str,
    key: &[u8],
    value: Vec<u8>,
) -> Result<(), LimitExceeded> {
    tx.put(&name(map), key.to_vec(), value)
}

pub(crate) fn delete(
    tx: &mut Transaction<'_>,
    map: &'static str,
    key: &[u8],
) -> Result<(), LimitExceeded> {
    tx.delete(&name(map), key.to_vec())
}
