//! The genesis manifest: what the founding members agree on before anything runs.
//!
//! Written in TOML; its digest is taken over the meaning, so comments and
//! layout do not count.

use std::collections::BTreeSet;
use std::hash::Hash;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use synod_attestation::Policy;
use synod_crypto::{Digest, sha256};

use crate::codec::{self, FORMAT};
use crate::entries::{BadEntry, MemberEntry, UserEntry, check_name};
use crate::facts::VOTERS_MAX;

/// Longest manifest, in bytes of TOML.
pub const MANIFEST_BYTES_MAX: usize = 512 * 1024;
/// Most members.
pub const MEMBERS_MAX: usize = 64;
/// Most users in a manifest; more can be added later.
pub const USERS_MAX: usize = 1000;

/// A replica without a vote is removed this long (seconds) after its verdict expired, unless the
/// manifest says otherwise: a day.
pub const REMOVAL_GRACE_S_DEFAULT: u64 = 24 * 3600;
/// The longest such grace (seconds): a leap year.
pub const REMOVAL_GRACE_S_MAX: u64 = 366 * 24 * 3600;

/// A voter loses its vote if a diverse quorum of the others has not heard from it for this long
/// (seconds), unless the manifest says otherwise: ten minutes.
pub const UNHEARD_S_DEFAULT: u64 = 600;
/// The shortest such time (seconds): a failed leader is replaced sooner.
pub const UNHEARD_S_MIN: u64 = 10;
/// The longest such time (seconds): a leap year.
pub const UNHEARD_S_MAX: u64 = 366 * 24 * 3600;

/// The members open a configuration of at least this many voters, unless the manifest says
/// otherwise.
pub const OPEN_VOTERS_DEFAULT: u8 = 3;

/// The fewest shares that may open the ledger secret.
const RECOVERY_THRESHOLD_MIN: u8 = 2;
/// The engine knows diversity of two groups, not of three.
const REQUIRED_VENDORS_MAX: u8 = 2;
/// What keeps this digest apart from every other.
const DIGEST_LABEL: &[u8] = b"synod-manifest-v1\0";

/// Whether a passing verdict is enough to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum JoinRule {
    /// A replica that the policy accepts is trusted at once, and becomes a voter as soon as it has
    /// caught up. So whoever has genuine machines that run accepted code may become the majority
    /// of the voters, without any member's consent. That exposes no private state and falsifies
    /// nothing, since accepted code runs there, but it decides whether the service goes on. Right
    /// where the policy lists the machines (`hardware_allow`), and for trying things out.
    #[n(0)]
    Verdict,
    /// The members also sign for each replica (`TrustReplica`) before it gets any key.
    #[n(1)]
    Members,
}

/// A manifest as it is written, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// The version of the format: [`FORMAT`].
    pub version: u16,
    /// The service's name: 1 to 64 characters of `[A-Za-z0-9._@-]`.
    pub name: String,
    /// The ledger's clock does not begin before it (Unix milliseconds).
    pub start_time_ms: u64,
    /// How many members must sign an action.
    pub threshold: u8,
    /// How many members' shares open the ledger secret; at least 2.
    pub recovery_threshold: u8,
    /// How many vendors the voters must span, once voters of two vendors exist: 1 or 2.
    pub required_vendors: u8,
    /// When a replica is trusted: `verdict` or `members`. With `verdict`, anyone with genuine
    /// machines of the accepted code may become the majority; see [`JoinRule`].
    pub join: JoinRule,
    /// How long (seconds) a replica that lost its vote with its verdict may attest anew before
    /// it is removed; also how long one without a vote may be without a verdict.
    #[serde(default = "removal_grace_default")]
    pub removal_grace_s: u64,
    /// How long (seconds) a diverse quorum of the other voters must have heard nothing from a voter
    /// until it loses its vote.
    #[serde(default = "unheard_default")]
    pub unheard_s: u64,
    /// How many replicas must vote before the members can open the service: 1 to [`VOTERS_MAX`]. An
    /// attacker who breaks the TEEs of less than a quorum of them cannot make clients accept a
    /// different history.
    #[serde(default = "open_voters_default")]
    pub open_voters: u8,
    /// The members, in the order of their shares.
    pub members: Vec<MemberEntry>,
    /// The first users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserEntry>,
    /// By what rules evidence is judged.
    pub policy: Policy,
}

/// A manifest that cannot be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    file: ManifestFile,
    digest: Digest,
}

/// The text is not a manifest. Its author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Longer than [`MANIFEST_BYTES_MAX`].
    #[error("manifest is {0} bytes, longer than the {MANIFEST_BYTES_MAX} allowed")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("manifest is not UTF-8 text")]
    NotText,
    /// Not TOML of the expected shape; the message names line and column.
    #[error("manifest is malformed: {0}")]
    Malformed(String),
    /// A version that this program does not know.
    #[error("manifest has version {0}, expected {FORMAT}")]
    Version(u16),
    /// A name or a role breaks its rules.
    #[error(transparent)]
    Entry(#[from] BadEntry),
    /// Recovery needs two members at the least.
    #[error("manifest has {0} members, expected 2 to {MEMBERS_MAX}")]
    Members(usize),
    /// Too many users.
    #[error("manifest has {0} users, more than {USERS_MAX}")]
    Users(usize),
    /// Not from 1 to the number of members.
    #[error("`threshold` is {found}, expected 1 to the number of members ({members})")]
    Threshold {
        /// The value found.
        found: u8,
        /// The number of members.
        members: usize,
    },
    /// Not from 2 to the number of members.
    #[error(
        "`recovery_threshold` is {found}, expected {RECOVERY_THRESHOLD_MIN} to the number of members ({members})"
    )]
    RecoveryThreshold {
        /// The value found.
        found: u8,
        /// The number of members.
        members: usize,
    },
    /// Neither 1 nor 2.
    #[error("`required_vendors` is {0}, expected 1 or 2")]
    RequiredVendors(u8),
    /// Longer than [`REMOVAL_GRACE_S_MAX`].
    #[error("`removal_grace_s` is {0}, expected at most {REMOVAL_GRACE_S_MAX}")]
    RemovalGrace(u64),
    /// Not from [`UNHEARD_S_MIN`] to [`UNHEARD_S_MAX`].
    #[error("`unheard_s` is {0}, expected {UNHEARD_S_MIN} to {UNHEARD_S_MAX}")]
    Unheard(u64),
    /// Not from 1 to [`VOTERS_MAX`].
    #[error("`open_voters` is {0}, expected 1 to {VOTERS_MAX}")]
    OpenVoters(u8),
    /// Two entries share what must be their own.
    #[error("two entries have the same {0}")]
    Repeated(&'static str),
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
        let file: ManifestFile =
            toml::from_str(text).map_err(|error| ManifestError::Malformed(error.to_string()))?;
        Self::try_from(file)
    }

    /// Writes the manifest as TOML that [`Manifest::from_toml`] reads.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.file).expect("a manifest is plain tables, strings and numbers")
    }

    /// What stands in it.
    pub fn file(&self) -> &ManifestFile {
        &self.file
    }

    /// The members, in the order of their shares.
    pub fn members(&self) -> &[MemberEntry] {
        &self.file.members
    }

    /// The appraisal policy.
    pub fn policy(&self) -> &Policy {
        &self.file.policy
    }

    /// Names the manifest: SHA-256 over its canonical CBOR. Founders' evidence
    /// is bound to it.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl TryFrom<ManifestFile> for Manifest {
    type Error = ManifestError;

    fn try_from(file: ManifestFile) -> Result<Self, ManifestError> {
        if file.version != FORMAT {
            return Err(ManifestError::Version(file.version));
        }
        check_name(&file.name)?;
        check_numbers(&file)?;
        check_entries(&file)?;
        let digest = sha256(&[DIGEST_LABEL, &codec::encode(&canonical(&file))]);
        Ok(Self { file, digest })
    }
}

fn removal_grace_default() -> u64 {
    REMOVAL_GRACE_S_DEFAULT
}

fn unheard_default() -> u64 {
    UNHEARD_S_DEFAULT
}

fn open_voters_default() -> u8 {
    OPEN_VOTERS_DEFAULT
}

fn check_numbers(file: &ManifestFile) -> Result<(), ManifestError> {
    let members = file.members.len();
    if !(usize::from(RECOVERY_THRESHOLD_MIN)..=MEMBERS_MAX).contains(&members) {
        return Err(ManifestError::Members(members));
    }
    if file.users.len() > USERS_MAX {
        return Err(ManifestError::Users(file.users.len()));
    }
    if !(1..=members).contains(&usize::from(file.threshold)) {
        return Err(ManifestError::Threshold {
            found: file.threshold,
            members,
        });
    }
    let recovery = usize::from(RECOVERY_THRESHOLD_MIN)..=members;
    if !recovery.contains(&usize::from(file.recovery_threshold)) {
        return Err(ManifestError::RecoveryThreshold {
            found: file.recovery_threshold,
            members,
        });
    }
    if !is_required_vendors(file.required_vendors) {
        return Err(ManifestError::RequiredVendors(file.required_vendors));
    }
    if file.removal_grace_s > REMOVAL_GRACE_S_MAX {
        return Err(ManifestError::RemovalGrace(file.removal_grace_s));
    }
    if !(UNHEARD_S_MIN..=UNHEARD_S_MAX).contains(&file.unheard_s) {
        return Err(ManifestError::Unheard(file.unheard_s));
    }
    if !(1..=VOTERS_MAX).contains(&usize::from(file.open_voters)) {
        return Err(ManifestError::OpenVoters(file.open_voters));
    }
    Ok(())
}

fn check_entries(file: &ManifestFile) -> Result<(), ManifestError> {
    for member in &file.members {
        member.check()?;
    }
    for user in &file.users {
        user.check()?;
    }
    distinct(
        "member name",
        file.members.iter().map(|member| &member.name),
    )?;
    distinct("member key", file.members.iter().map(|member| member.key))?;
    distinct(
        "share key",
        file.members.iter().map(|member| member.share_key),
    )?;
    distinct("user name", file.users.iter().map(|user| &user.name))?;
    let member_tls = file.members.iter().filter_map(|member| member.tls);
    let fingerprints = member_tls.chain(file.users.iter().map(|user| user.fingerprint));
    distinct("certificate fingerprint", fingerprints)
}

fn distinct<T: Ord + Hash>(
    what: &'static str,
    items: impl Iterator<Item = T>,
) -> Result<(), ManifestError> {
    let mut seen = BTreeSet::new();
    for item in items {
        if !seen.insert(item) {
            return Err(ManifestError::Repeated(what));
        }
    }
    Ok(())
}

/// Whether `n` vendors can be demanded.
pub(crate) fn is_required_vendors(n: u8) -> bool {
    (1..=REQUIRED_VENDORS_MAX).contains(&n)
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Canonical {
    #[n(0)]
    name: String,
    #[n(1)]
    start_time_ms: u64,
    #[n(2)]
    threshold: u8,
    #[n(3)]
    recovery_threshold: u8,
    #[n(4)]
    required_vendors: u8,
    #[n(5)]
    join: JoinRule,
    #[n(6)]
    members: Vec<MemberEntry>,
    #[n(7)]
    users: Vec<UserEntry>,
    #[n(8)]
    policy: Digest,
    #[n(9)]
    removal_grace_s: u64,
    #[n(10)]
    unheard_s: u64,
    #[n(11)]
    open_voters: u8,
}

fn canonical(file: &ManifestFile) -> Canonical {
    Canonical {
        name: file.name.clone(),
        start_time_ms: file.start_time_ms,
        threshold: file.threshold,
        recovery_threshold: file.recovery_threshold,
        required_vendors: file.required_vendors,
        join: file.join,
        members: file.members.clone(),
        users: file.users.clone(),
        policy: file.policy.digest(),
        removal_grace_s: file.removal_grace_s,
        unheard_s: file.unheard_s,
        open_voters: file.open_voters,
    }
}
