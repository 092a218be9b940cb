//! Why an input is not accepted. Every rule has its own variant.

use synod_attestation::Tee;
use synod_crypto::Digest;
use synod_kv::LimitExceeded;

use crate::address::BadAddress;
use crate::app::{AppManifestError, AppName, FAILURE_CODE_LENGTH_MAX};
use crate::codec::Malformed;
use crate::entries::BadEntry;
use crate::manifest::ManifestError;
use crate::opening::OpeningRefusal;
use crate::records::ReplicaStatus;
use crate::replacement::ReplacementRefusal;
use crate::signatures::SignatureError;
use crate::tables::CorruptState;
use crate::wrap::WrapError;

/// A key that a statement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKey {
    /// The identity key.
    Identity,
    /// The TLS key.
    Tls,
    /// The key to which secrets are sealed.
    Hpke,
}

impl StatementKey {
    /// The key in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity key",
            Self::Tls => "TLS key",
            Self::Hpke => "HPKE key",
        }
    }

    /// The code of the refusal to take the key a second time.
    fn used_code(self) -> &'static str {
        match self {
            Self::Identity => "identity-used",
            Self::Tls => "tls-key-used",
            Self::Hpke => "hpke-key-used",
        }
    }
}

/// Why an input is not accepted. Nothing of it may be written.
///
/// All variants but [`Refusal::Corrupt`] are the fault of whoever made or
/// proposed the input. A leader that proposes such an input anyway is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing can be done before the network is founded.
    #[error("the network is not founded yet")]
    NotFounded,
    /// A network is founded once.
    #[error("the network is already founded")]
    AlreadyFounded,
    /// Genesis belongs in block 0 and nowhere else.
    #[error("a genesis belongs in block 0")]
    NotBlockZero,
    /// The block's time is before the manifest's start time.
    #[error("block time {time_ms} is before the manifest's start time {start_time_ms}")]
    BeforeStart {
        /// The block's time.
        time_ms: u64,
        /// The manifest's.
        start_time_ms: u64,
    },
    /// The manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No founder, or more than there can be.
    #[error("{0} founders, expected 1 to 8")]
    Founders(usize),
    /// The members approved something else than this founder.
    #[error("the approvals are for a different manifest, identity or evidence")]
    ApprovalOfAnother,
    /// The shares are not those that the manifest asks for.
    #[error(transparent)]
    Shares(#[from] WrapError),

    /// Signatures do not add up to the members' will.
    #[error(transparent)]
    Signatures(#[from] SignatureError),
    /// What was signed, or recorded, does not decode.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The action is for another network.
    #[error("action is for network {found}, expected {expected}")]
    WrongNetwork {
        /// This network.
        expected: Digest,
        /// The action's.
        found: Digest,
    },
    /// The action was used before, or its time has not come.
    #[error("action has sequence number {found}, expected {expected}")]
    WrongSequence {
        /// The next number.
        expected: u64,
        /// The action's.
        found: u64,
    },
    /// The members cannot open the service so.
    #[error(transparent)]
    Opening(#[from] OpeningRefusal),
    /// A name or a role breaks its rules.
    #[error(transparent)]
    Entry(#[from] BadEntry),
    /// There is no such user.
    #[error("there is no user `{0}`")]
    UserNotFound(String),
    /// Another user, or a member, has this certificate.
    #[error("certificate fingerprint already belongs to `{0}`")]
    FingerprintInUse(String),
    /// The cause of a removal is too long.
    #[error("cause is too long: {0} bytes")]
    CauseTooLong(usize),
    /// One or two vendors can be demanded.
    #[error("the number of required vendors is {0}, expected 1 or 2")]
    RequiredVendors(u8),

    /// This chain has no certified block at this index.
    #[error("block {index} is not a certified block of this network")]
    BlockUnknown {
        /// The index named.
        index: u64,
    },
    /// The chain has a different block at this index.
    #[error("block {index} does not have the hash that the action names")]
    BlockDiffers {
        /// The index named.
        index: u64,
    },
    /// The block is older than freshness allows.
    #[error("block {index} is too old to prove freshness")]
    BlockTooOld {
        /// The index named.
        index: u64,
    },
    /// The request or change is not signed by the identity key it names.
    #[error("signature is not that of the replica's identity key")]
    ReplicaSignature,
    /// The key was used before, so it cannot tell two replicas apart; a restarted replica is a new
    /// one.
    #[error("{} already belongs to replica {id}", key.name())]
    KeyUsed {
        /// The replica that it belongs, or belonged, to.
        id: u64,
        /// Which key.
        key: StatementKey,
    },
    /// The policy does not accept the evidence.
    #[error(transparent)]
    Appraisal(#[from] synod_attestation::Refusal),
    /// New evidence is for another key than the recorded one.
    #[error("replica {id} is recorded with a different {}", key.name())]
    AnotherKey {
        /// The replica.
        id: u64,
        /// Which key differs.
        key: StatementKey,
    },
    /// The evidence on record was made as late or later.
    #[error(
        "evidence of replica {id} is from block {found}, but newer evidence, from block {newest}, is recorded"
    )]
    OlderEvidence {
        /// The replica.
        id: u64,
        /// The block from which the nonce on record was made.
        newest: u64,
        /// The block from which this one was.
        found: u64,
    },
    /// New evidence is of another kind of TEE than the recorded one.
    #[error("replica {id} is recorded with TEE {recorded}, but the evidence is from {found}")]
    AnotherTee {
        /// The replica.
        id: u64,
        /// The recorded kind.
        recorded: Tee,
        /// The evidence's.
        found: Tee,
    },
    /// New evidence is of another workload than the recorded one.
    #[error("replica {id} is recorded with a different measurement")]
    AnotherMeasurement {
        /// The replica.
        id: u64,
    },
    /// The new verdict would not outlast the one on record.
    #[error(
        "the new verdict on replica {id} would expire at {found_ms}, no later than the recorded one ({recorded_ms})"
    )]
    NotLonger {
        /// The replica.
        id: u64,
        /// When the verdict on record expires (Unix milliseconds).
        recorded_ms: u64,
        /// When the new one would.
        found_ms: u64,
    },
    /// The evidence on record is so new that it needs no successor yet.
    #[error("replica {id} has attested recently; newer evidence is accepted from {until_ms}")]
    AttestedTooSoon {
        /// The replica.
        id: u64,
        /// From when on newer evidence is taken (Unix milliseconds).
        until_ms: u64,
    },
    /// The replica is not trusted yet.
    #[error("replica {id} is {}, expected trusted", status.name())]
    NotTrusted {
        /// The replica.
        id: u64,
        /// Where it stands.
        status: ReplicaStatus,
    },
    /// There are as many replicas as there can be.
    #[error("there are already {0} replicas, the most allowed")]
    TooManyReplicas(usize),
    /// The most replicas allowed wait for the members' decision, and none has waited long enough to
    /// be replaced.
    #[error("{0} replicas already wait for the members' decision, the most allowed")]
    TooManyPending(usize),
    /// The address is of a wrong shape.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The change of address is an old one.
    #[error("change of address has number {found}, but the number must be above {newest}")]
    AddressNumber {
        /// The newest change recorded.
        newest: u64,
        /// The number of this one.
        found: u64,
    },

    /// There is no such replica.
    #[error("there is no replica {id}")]
    ReplicaNotFound {
        /// The id.
        id: u64,
    },
    /// The replica is not at the status from which this step leads.
    #[error("replica {id} is {}, expected {}", status.name(), needed.name())]
    NotDue {
        /// The replica.
        id: u64,
        /// Where it stands.
        status: ReplicaStatus,
        /// Where it would have to stand.
        needed: ReplicaStatus,
    },
    /// The replica was removed before.
    #[error("replica {id} is already removed")]
    AlreadyRemoved {
        /// The replica.
        id: u64,
    },
    /// The verdict on the replica has expired.
    #[error("verdict on replica {id} expired at {expires_ms}")]
    VerdictExpired {
        /// The replica.
        id: u64,
        /// When it expired (Unix milliseconds).
        expires_ms: u64,
    },
    /// The verdict on the replica has not expired.
    #[error("verdict on replica {id} is valid until {expires_ms}")]
    VerdictHolds {
        /// The replica.
        id: u64,
        /// When it expires (Unix milliseconds).
        expires_ms: u64,
    },
    /// A replica without a vote is not removed at once when its verdict expires.
    #[error("replica {id} cannot be removed before {until_ms}")]
    GraceLasts {
        /// The replica.
        id: u64,
        /// When the grace ends (Unix milliseconds).
        until_ms: u64,
    },
    /// The other voters whose verdicts hold are no quorum: the vote stays where it is.
    #[error(
        "without replica {id} only {holding} voters would have a valid verdict, but a quorum is {needed}"
    )]
    BelowQuorum {
        /// The replica.
        id: u64,
        /// The other voters whose verdicts hold.
        holding: usize,
        /// A quorum of the configuration in force.
        needed: usize,
    },
    /// A voter is not let go, or a replica does not take the place of another.
    #[error(transparent)]
    Replacement(#[from] ReplacementRefusal),
    /// The learner's signature is not over the block named.
    #[error("signature is not by replica {id} over the named block")]
    BlockSignature {
        /// The replica.
        id: u64,
    },
    /// The signed block is older than the replica's learning.
    #[error("replica {id} signed block {index}, but it became a learner only at block {since}")]
    SignedBeforeLearning {
        /// The replica.
        id: u64,
        /// The block it signed.
        index: u64,
        /// The block that made it a learner.
        since: u64,
    },
    /// A configuration is written and not yet in force.
    #[error("configuration {newest} is pending while configuration {in_force} is in force")]
    ChangeInFlight {
        /// The newest configuration written.
        newest: u64,
        /// The one that the block names.
        in_force: u64,
    },
    /// A block changes the membership once at most.
    #[error("block {index} already changes the membership")]
    SecondChangeInBlock {
        /// The block.
        index: u64,
    },
    /// The remaining voters would have too few vendors.
    #[error("the voters have {found} vendors, but {required} are required")]
    TooFewVendors {
        /// The vendors required.
        required: u8,
        /// The number of vendors of the remaining voters.
        found: usize,
    },
    /// No voter would remain.
    #[error("no voter would remain")]
    NoVoterLeft,
    /// There would be more voters than allowed.
    #[error("there would be {0} voters, which is too many")]
    TooManyVoters(usize),

    /// The manifest of an app is not valid.
    #[error("app manifest: {0}")]
    AppManifest(#[from] AppManifestError),
    /// A component is empty, or too long.
    #[error("component is {size} bytes, expected 1 to {max}")]
    ComponentSize {
        /// Its size.
        size: u64,
        /// The most that there can be.
        max: u64,
    },
    /// A component of this size has another number of chunks.
    #[error("component has {needed} chunks, but {found} digests are given")]
    ComponentChunks {
        /// How many digests are given.
        found: usize,
        /// How many chunks there are.
        needed: usize,
    },
    /// The OpenAPI document of an app is too long.
    #[error("OpenAPI document is too long: {0} bytes")]
    OpenapiTooLong(usize),
    /// There are as many apps as there can be.
    #[error("there are already {0} apps, the most allowed")]
    TooManyApps(usize),
    /// There is no such app.
    #[error("there is no app `{0}`")]
    AppNotFound(AppName),
    /// The app was removed, and its rows are being deleted; the name is not free yet.
    #[error("app `{0}` is being removed")]
    AppRemoving(AppName),
    /// The app was not removed.
    #[error("app `{0}` is not being removed")]
    AppNotRemoving(AppName),
    /// The version is not the pending one.
    #[error("version {number} of app `{name}` is not being deployed")]
    NotPending {
        /// The app.
        name: AppName,
        /// The version's number.
        number: u64,
    },
    /// Too few voters say that they compiled the version.
    #[error("{found} voters compiled the app, but a quorum is {needed}")]
    TooFewCompiled {
        /// How many say so.
        found: usize,
        /// A quorum of the configuration in force.
        needed: usize,
    },
    /// The replicas that compiled a version are listed by rising id, each once.
    #[error("the replicas that compiled the app are not in order of their ids: see replica {id}")]
    SignersNotRising {
        /// The replica.
        id: u64,
    },
    /// The replica has no vote.
    #[error("replica {id} is not a voter")]
    NotAVoter {
        /// The replica.
        id: u64,
    },
    /// The signature is not the replica's, or over another version or component.
    #[error("signature of replica {id} is not over this version and component")]
    CompiledSignature {
        /// The replica.
        id: u64,
    },
    /// No code of a failure.
    #[error("failure code {0:?} is not 1 to {FAILURE_CODE_LENGTH_MAX} characters of [a-z0-9-]")]
    FailureCode(String),

    /// The input or its effects exceed the limits of a transaction.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// Our own state does not read back: stop.
    #[error(transparent)]
    Corrupt(#[from] CorruptState),
}

impl Refusal {
    /// A stable code, for problem details and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFounded => "not-founded",
            Self::AlreadyFounded => "already-founded",
            Self::NotBlockZero => "not-block-zero",
            Self::BeforeStart { .. } => "before-start",
            Self::Manifest(_) => "bad-manifest",
            Self::Founders(_) => "bad-founders",
            Self::ApprovalOfAnother => "approval-of-another",
            Self::Shares(_) => "bad-shares",
            Self::Signatures(_) => "bad-signatures",
            Self::Malformed(_) => "malformed",
            Self::WrongNetwork { .. } => "wrong-network",
            Self::WrongSequence { .. } => "wrong-sequence",
            Self::Opening(refusal) => refusal.code(),
            Self::Entry(_) => "bad-name-or-role",
            Self::UserNotFound(_) => "user-not-found",
            Self::FingerprintInUse(_) => "fingerprint-in-use",
            Self::CauseTooLong(_) => "cause-too-long",
            Self::RequiredVendors(_) => "bad-required-vendors",
            Self::BlockUnknown { .. } => "block-unknown",
            Self::BlockDiffers { .. } => "block-differs",
            Self::BlockTooOld { .. } => "block-too-old",
            Self::ReplicaSignature => "bad-replica-signature",
            Self::KeyUsed { key, .. } => key.used_code(),
            Self::Appraisal(_) => "evidence-refused",
            Self::AnotherKey { .. } => "another-key",
            Self::OlderEvidence { .. } => "older-evidence",
            Self::AnotherTee { .. } => "another-tee",
            Self::AttestedTooSoon { .. } => "attested-too-soon",
            Self::AnotherMeasurement { .. } => "another-measurement",
            Self::NotLonger { .. } => "verdict-not-longer",
            Self::NotTrusted { .. } => "not-trusted",
            Self::VerdictHolds { .. } => "verdict-holds",
            Self::GraceLasts { .. } => "grace-lasts",
            Self::BelowQuorum { .. } => "below-quorum",
            Self::TooManyPending(_) => "too-many-pending",
            Self::Replacement(refusal) => refusal.code(),
            Self::TooManyReplicas(_) => "too-many-replicas",
            Self::Address(_) => "bad-address",
            Self::AddressNumber { .. } => "stale-address",
            Self::ReplicaNotFound { .. } => "replica-not-found",
            Self::NotDue { .. } => "not-due",
            Self::AlreadyRemoved { .. } => "already-removed",
            Self::VerdictExpired { .. } => "verdict-expired",
            Self::BlockSignature { .. } => "bad-block-signature",
            Self::SignedBeforeLearning { .. } => "signed-before-learning",
            Self::ChangeInFlight { .. } => "change-in-flight",
            Self::SecondChangeInBlock { .. } => "second-change-in-block",
            Self::TooFewVendors { .. } => "too-few-vendors",
            Self::NoVoterLeft => "no-voter-left",
            Self::TooManyVoters(_) => "too-many-voters",
            Self::AppManifest(_) => "bad-app-manifest",
            Self::ComponentSize { .. } => "bad-component-size",
            Self::ComponentChunks { .. } => "bad-component-chunks",
            Self::OpenapiTooLong(_) => "openapi-too-long",
            Self::TooManyApps(_) => "too-many-apps",
            Self::AppNotFound(_) => "app-not-found",
            Self::AppRemoving(_) => "app-removing",
            Self::AppNotRemoving(_) => "app-not-removing",
            Self::NotPending { .. } => "app-not-pending",
            Self::TooFewCompiled { .. } => "too-few-compiled",
            Self::SignersNotRising { .. } => "signers-not-rising",
            Self::NotAVoter { .. } => "not-a-voter",
            Self::CompiledSignature { .. } => "bad-compiled-signature",
            Self::FailureCode(_) => "bad-failure-code",
            Self::Limit(_) => "limit-exceeded",
            Self::Corrupt(_) => "corrupt-state",
        }
    }

    /// Whether the same input may be accepted later without being changed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::ChangeInFlight { .. } | Self::SecondChangeInBlock { .. }
        )
    }
}
