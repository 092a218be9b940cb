//! The rows of the governance maps.

use minicbor::{Decode, Encode};
use synod_attestation::{NodeStatement, Tee};
use synod_crypto::{Digest, PublicKey};
use synod_kv::VALUE_MAX;

use crate::address::Address;
use crate::codec::{self, Malformed};
use crate::manifest::JoinRule;

/// The shortest time between two attestations of a replica (milliseconds): 10 minutes.
pub const REATTEST_INTERVAL_MS: u64 = 10 * 60 * 1000;

/// How the members opened the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Opening {
    /// The number of the configuration that they named, whose voters' evidence they verified.
    #[n(0)]
    pub configuration: u64,
    /// Its digest.
    #[n(1)]
    pub digest: Digest,
    /// The seqno of the input, which holds the signed action.
    #[n(2)]
    pub seqno: u64,
}

/// The service as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ServiceRecord {
    /// The manifest's name for it.
    #[n(0)]
    pub name: String,
    /// The digest of the manifest.
    #[n(1)]
    pub manifest: Digest,
    /// How the members opened it to users; none until they do.
    #[n(2)]
    pub opening: Option<Opening>,
    /// How many members must sign an action.
    #[n(3)]
    pub threshold: u8,
    /// How many shares open the ledger secret.
    #[n(4)]
    pub recovery_threshold: u8,
    /// When a replica is trusted.
    #[n(5)]
    pub join: JoinRule,
    /// A replica without a vote is removed this long (seconds) after its verdict expired.
    #[n(6)]
    pub removal_grace_s: u64,
    /// A voter that a diverse quorum of the others has not heard from for this long (seconds) loses
    /// its vote.
    #[n(7)]
    pub unheard_s: u64,
    /// The members open a configuration of at least this many voters.
    #[n(8)]
    pub open_voters: u8,
}

impl ServiceRecord {
    /// Whether users are let in.
    pub fn is_open(&self) -> bool {
        self.opening.is_some()
    }

    /// Reads the row that [`View::service`](crate::View::service) reads, outside of a state: as a
    /// write of block 0.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(row: &[u8]) -> Result<Self, Malformed> {
        codec::decode(row, VALUE_MAX)
    }

    /// A replica without a vote is removed this long (milliseconds) after its verdict expired.
    pub fn removal_grace_ms(&self) -> u64 {
        self.removal_grace_s.saturating_mul(1000)
    }

    /// A voter that is not heard from for this long (milliseconds) loses its vote.
    pub fn unheard_ms(&self) -> u64 {
        self.unheard_s.saturating_mul(1000)
    }
}

/// The counters of governance, and the diversity rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct GovernanceRecord {
    /// The number of the next action, from 1.
    #[n(0)]
    pub next_sequence: u64,
    /// The id of the next replica.
    #[n(1)]
    pub next_replica: u64,
    /// The number of the newest configuration written.
    #[n(2)]
    pub configuration: u64,
    /// How many vendors the members demand.
    #[n(3)]
    pub vendors_demanded: u8,
    /// Whether voters of two vendors have stood; before, one vendor is enough.
    #[n(4)]
    pub diverse: bool,
    /// The generation of the newest wrapped ledger secret.
    #[n(5)]
    pub generation: u64,
    /// The index of the block that last changed the engine's membership; a
    /// block changes it once at most.
    #[n(6)]
    pub changed_index: u64,
}

impl GovernanceRecord {
    /// Of how many vendors the voters of the next configuration must be, if
    /// they are of `vendors`.
    pub fn vendors_required(&self, vendors: usize) -> u8 {
        if self.diverse || vendors >= 2 {
            self.vendors_demanded
        } else {
            1
        }
    }
}

/// Where a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReplicaStatus {
    /// Its evidence passed; it waits for the members.
    #[n(0)]
    Pending,
    /// It may hold the ledger's keys.
    #[n(1)]
    Trusted,
    /// It follows, without weight.
    #[n(2)]
    Learner,
    /// It votes.
    #[n(3)]
    Voter,
    /// It is out, and its id and identity with it.
    #[n(4)]
    Removed,
}

impl ReplicaStatus {
    /// Whether it may hold the ledger's keys.
    pub fn is_trusted(self) -> bool {
        matches!(self, Self::Trusted | Self::Learner | Self::Voter)
    }

    /// The status in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Trusted => "trusted",
            Self::Learner => "learner",
            Self::Voter => "voter",
            Self::Removed => "removed",
        }
    }
}

/// Who or what removed a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RemovalReason {
    /// The members.
    #[n(0)]
    Members,
    /// Its verdict expired, and the grace after that was over.
    #[n(1)]
    Lapsed,
    /// It left.
    #[n(2)]
    Left,
    /// It waited for the members, and was replaced by a newcomer.
    #[n(3)]
    GaveWay,
    /// Another replica came into its place.
    #[n(4)]
    Replaced,
}

/// How a replica came to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Removal {
    /// Who or what removed it.
    #[n(0)]
    pub reason: RemovalReason,
    /// Whether it had a vote until then.
    #[n(1)]
    pub voted: bool,
    /// When (Unix milliseconds of ledger time).
    #[n(2)]
    pub time_ms: u64,
    /// The seqno of the input that removed it.
    #[n(3)]
    pub seqno: u64,
}

/// A replica, past or present.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ReplicaRecord {
    /// Its id; given out once.
    #[n(0)]
    pub id: u64,
    /// Its keys, role, context and nonce.
    #[n(1)]
    #[cbor(with = "statement_bytes")]
    pub statement: NodeStatement,
    /// The kind of its TEE.
    #[n(2)]
    #[cbor(with = "tee_number")]
    pub tee: Tee,
    /// Whether only simulated hardware vouches for it.
    #[n(3)]
    pub simulated: bool,
    /// What runs in it.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub measurement: Vec<u8>,
    /// Where it stands.
    #[n(5)]
    pub status: ReplicaStatus,
    /// Why it was removed, for people: in the members' words, that its verdict expired, or that it
    /// left.
    #[n(6)]
    pub cause: Option<String>,
    /// The digest of the policy that accepted it.
    #[n(7)]
    pub policy: Digest,
    /// When that verdict expires (Unix milliseconds).
    #[n(8)]
    pub expires_ms: u64,
    /// Where it can be reached.
    #[n(9)]
    pub address: Address,
    /// How often it has changed its address.
    #[n(10)]
    pub address_number: u64,
    /// The seqno of the input that recorded it, with its evidence.
    #[n(11)]
    pub joined_seqno: u64,
    /// The index of the block in which its status last changed.
    #[n(12)]
    pub since_index: u64,
    /// When it lost its vote because its verdict expired (Unix milliseconds); none once it votes
    /// again.
    #[n(13)]
    pub demoted_ms: Option<u64>,
    /// When the verdict was passed (Unix milliseconds).
    #[n(14)]
    pub attested_ms: u64,
    /// The index of the block that the evidence's nonce was made from; 0 for a founder's first.
    #[n(15)]
    pub attested_index: u64,
    /// The seqno of the input with the evidence that the verdict is on.
    #[n(16)]
    pub attested_seqno: u64,
    /// How it came to be removed, if it was.
    #[n(17)]
    pub removal: Option<Removal>,
    /// The one piece of hardware that its evidence names, if it names one.
    #[n(18)]
    pub hardware: Option<String>,
    /// The machine on which it was when it joined, where the evidence names one.
    #[n(19)]
    pub machine: Option<String>,
    /// The replica in whose place it joined.
    #[n(20)]
    pub replaces: Option<u64>,
    /// Whether the members ordered that it is replaced by another.
    #[n(21)]
    pub replaceable: bool,
    /// When it lost its vote because the others did not hear of it (Unix milliseconds); none once
    /// it votes again.
    #[n(22)]
    pub unheard_ms: Option<u64>,
}

impl ReplicaRecord {
    /// The identity key.
    pub fn identity(&self) -> PublicKey {
        self.statement.identity
    }

    /// Whether the verdict on it holds at this time of the ledger (Unix milliseconds).
    pub fn verdict_holds(&self, time_ms: u64) -> bool {
        time_ms < self.expires_ms
    }

    /// From when on (Unix milliseconds) the ledger takes newer evidence of it: a while after the
    /// evidence on record, [`REATTEST_INTERVAL_MS`] or a sixteenth of the verdict's lifetime if
    /// that is shorter. Hosts set the pace of attesting anew, and all of it stands on the ledger
    /// for ever. Once the verdict has expired, newer evidence is taken at once.
    pub fn attests_again_ms(&self) -> u64 {
        let lifetime_ms = self.expires_ms.saturating_sub(self.attested_ms);
        let least_ms = REATTEST_INTERVAL_MS.min(lifetime_ms / 16);
        self.attested_ms
            .saturating_add(least_ms)
            .min(self.expires_ms)
    }

    /// The vendor of its TEE: the unit of diversity.
    pub fn vendor(&self) -> &'static str {
        self.tee.vendor()
    }
}

mod statement_bytes {
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};
    use synod_attestation::NodeStatement;

    pub(super) fn encode<C, W: Write>(
        statement: &NodeStatement,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        encoder.bytes(&statement.encode())?.ok()
    }

    pub(super) fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<NodeStatement, Error> {
        NodeStatement::decode(decoder.bytes()?).map_err(Error::message)
    }
}

mod tee_number {
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};
    use synod_attestation::Tee;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what the derive calls")]
    pub(super) fn encode<C, W: Write>(
        tee: &Tee,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        encoder.u8(tee.number())?.ok()
    }

    pub(super) fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Tee, Error> {
        Tee::from_number(decoder.u8()?).ok_or_else(|| Error::message("unknown kind of TEE"))
    }
}
