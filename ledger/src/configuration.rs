//! Configurations: who votes, and what a quorum must show.
//!
//! - A configuration names its voters with their identity keys and vendors. The
//!   vendor is an opaque label here.
//! - It cannot be made with fewer vendors than it requires, so its voters
//!   together always satisfy it.
//! - From one to the next at most one voter changes; the next names the digest
//!   of the one before.

use std::collections::BTreeSet;

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, PublicKey, sha256};

use crate::canonical::{self, Malformed};

/// The most voters in a configuration.
pub const VOTERS_MAX: usize = 64;
/// The longest vendor label in bytes.
pub const VENDOR_BYTES_MAX: usize = 32;
/// The longest encoding of a configuration in bytes.
pub const CONFIGURATION_BYTES_MAX: usize = 16 * 1024;

/// A replica that votes and signs blocks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Voter {
    /// The replica's id, never used again for another.
    #[n(0)]
    pub id: u64,
    /// Its identity key.
    #[n(1)]
    pub key: PublicKey,
    /// The vendor of its TEE: lower-case letters, digits and hyphens.
    #[n(2)]
    pub vendor: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    version: u16,
    #[n(1)]
    number: u64,
    #[n(2)]
    predecessor: Digest,
    #[n(3)]
    voters: Vec<Voter>,
    #[n(4)]
    required_vendors: u8,
}

/// A valid set of voters with the rule of diversity that holds among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    wire: Wire,
    bytes: Bytes,
    digest: Digest,
}

/// Why voters and a rule do not make a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// The bytes are not an encoding of one.
    #[error("the configuration's encoding is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The version of the format is not known.
    #[error("unknown configuration format {0}")]
    UnknownVersion(u16),
    /// Nobody votes.
    #[error("the configuration has no voter")]
    NoVoters,
    /// More than [`VOTERS_MAX`].
    #[error("more than {VOTERS_MAX} voters")]
    TooManyVoters,
    /// Voters are not sorted by id, or an id or key occurs twice.
    #[error("voters must be sorted by id, and their ids and keys must be distinct")]
    NotDistinct,
    /// A vendor label is empty, too long or has other characters than allowed.
    #[error("the vendor label of voter {id} is not valid")]
    VendorLabel {
        /// The voter whose label it is.
        id: u64,
    },
    /// The rule is neither 1 nor 2.
    #[error("the number of required vendors is {0}, expected 1 or 2")]
    RequiredVendors(u8),
    /// Fewer vendors among the voters than the rule requires.
    #[error("the voters have {found} vendors, but {required} are required")]
    TooFewVendors {
        /// Distinct vendors among the voters.
        found: usize,
        /// What the rule asks.
        required: u8,
    },
}

/// Why a configuration cannot follow another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuccessorError {
    /// The number is not the next one.
    #[error("configuration {found} cannot follow configuration {previous}")]
    Number {
        /// The predecessor's number.
        previous: u64,
        /// The number found.
        found: u64,
    },
    /// It names another predecessor.
    #[error("it names a different predecessor")]
    Predecessor,
    /// More than one voter differs, or none and the rule neither.
    #[error(
        "a change may replace exactly one voter or change only the rule; {changed} voters differ"
    )]
    NotOneChange {
        /// Voters added plus voters removed.
        changed: usize,
    },
    /// The added voter has the id or the key, but not both and the vendor, of a voter of an
    /// earlier configuration.
    #[error("replica {id} has the id or the key of a different, earlier voter")]
    VoterReused {
        /// The id at fault.
        id: u64,
    },
}

/// Why a set of signers does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// A signer is not a voter.
    #[error("replica {id} is not a voter")]
    NotVoter {
        /// The id at fault.
        id: u64,
    },
    /// Fewer than a majority.
    #[error("{found} signers, but a quorum is {needed}")]
    TooFew {
        /// Signers found.
        found: usize,
        /// The quorum.
        needed: usize,
    },
    /// Fewer vendors than the rule asks.
    #[error("signers of {found} vendors, but {needed} are required")]
    TooFewVendors {
        /// Distinct vendors found.
        found: usize,
        /// What the rule asks.
        needed: usize,
    },
}

impl Configuration {
    /// Makes a configuration. `voters` may come in any order.
    pub fn new(
        number: u64,
        predecessor: Digest,
        mut voters: Vec<Voter>,
        required_vendors: u8,
    ) -> Result<Self, ConfigurationError> {
        voters.sort();
        Self::of_wire(Wire {
            version: 1,
            number,
            predecessor,
            voters,
            required_vendors,
        })
    }

    /// Reads an encoding and checks it whole.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConfigurationError> {
        Self::of_wire(canonical::decode(bytes, CONFIGURATION_BYTES_MAX)?)
    }

    /// Deterministic CBOR.
    pub fn encode(&self) -> Bytes {
        self.bytes.clone()
    }

    /// SHA-256 of the encoding: what headers name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Counted from 0, the configuration of block 0.
    pub fn number(&self) -> u64 {
        self.wire.number
    }

    /// Digest of the configuration before; zero in number 0.
    pub fn predecessor(&self) -> Digest {
        self.wire.predecessor
    }

    /// The voters, ascending by id.
    pub fn voters(&self) -> &[Voter] {
        &self.wire.voters
    }

    /// How many vendors a quorum must show: 1 or 2.
    pub fn required_vendors(&self) -> u8 {
        self.wire.required_vendors
    }

    /// The voter with this id.
    pub fn voter(&self, id: u64) -> Option<&Voter> {
        let at = self.wire.voters.binary_search_by_key(&id, |v| v.id).ok()?;
        self.wire.voters.get(at)
    }

    /// The voter whose key has this digest (the COSE `kid`).
    pub fn voter_by_kid(&self, kid: &Digest) -> Option<&Voter> {
        self.wire.voters.iter().find(|v| v.key.digest() == *kid)
    }

    /// The smallest majority.
    pub fn quorum(&self) -> usize {
        self.wire.voters.len() / 2 + 1
    }

    /// Whether these signers are a majority of enough vendors.
    pub fn is_quorum_and_diverse(&self, signers: &BTreeSet<u64>) -> Result<(), QuorumError> {
        let mut vendors = BTreeSet::new();
        for &id in signers {
            let voter = self.voter(id).ok_or(QuorumError::NotVoter { id })?;
            vendors.insert(voter.vendor.as_str());
        }
        if signers.len() < self.quorum() {
            return Err(QuorumError::TooFew {
                found: signers.len(),
                needed: self.quorum(),
            });
        }
        let needed = usize::from(self.required_vendors());
        if vendors.len() < needed {
            return Err(QuorumError::TooFewVendors {
                found: vendors.len(),
                needed,
            });
        }
        Ok(())
    }

    /// Whether `next` may come right after this one.
    pub fn check_successor(&self, next: &Self) -> Result<(), SuccessorError> {
        if self.number().checked_add(1) != Some(next.number()) {
            return Err(SuccessorError::Number {
                previous: self.number(),
                found: next.number(),
            });
        }
        if next.predecessor() != self.digest {
            return Err(SuccessorError::Predecessor);
        }
        let removed = self
            .voters()
            .iter()
            .filter(|v| !next.voters().contains(v))
            .count();
        let added = next
            .voters()
            .iter()
            .filter(|v| !self.voters().contains(v))
            .count();
        let changed = removed + added;
        let rule_changed = self.required_vendors() != next.required_vendors();
        if changed == 1 || (changed == 0 && rule_changed) {
            Ok(())
        } else {
            Err(SuccessorError::NotOneChange { changed })
        }
    }

    fn of_wire(wire: Wire) -> Result<Self, ConfigurationError> {
        check(&wire)?;
        let bytes: Bytes = canonical::encode(&wire).into();
        let digest = sha256(&[&bytes]);
        Ok(Self {
            wire,
            bytes,
            digest,
        })
    }
}

/// Refuses `next` when its new voter has the id or the key of another that was there
/// before: neither is ever used again. The very same replica may come back, since one that
/// lost its vote when its verdict expired gets it again with a new verdict; its engine's memory
/// lived on, and that a removed one stays out is governance's to see to.
pub(crate) fn check_no_reuse<'a>(
    earlier: impl Iterator<Item = &'a Configuration> + Clone,
    current: &Configuration,
    next: &Configuration,
) -> Result<(), SuccessorError> {
    let added = next.voters().iter().find(|v| current.voter(v.id).is_none());
    let Some(added) = added else { return Ok(()) };
    let mut known = earlier.flat_map(|c| c.voters().iter());
    if known.any(|v| v != added && (v.id == added.id || v.key == added.key)) {
        return Err(SuccessorError::VoterReused { id: added.id });
    }
    Ok(())
}

fn check(wire: &Wire) -> Result<(), ConfigurationError> {
    if wire.version != 1 {
        return Err(ConfigurationError::UnknownVersion(wire.version));
    }
    if wire.voters.is_empty() {
        return Err(ConfigurationError::NoVoters);
    }
    if wire.voters.len() > VOTERS_MAX {
        return Err(ConfigurationError::TooManyVoters);
    }
    let ascending = wire.voters.windows(2).all(|pair| pair[0].id < pair[1].id);
    let keys: BTreeSet<_> = wire.voters.iter().map(|v| v.key).collect();
    if !ascending || keys.len() != wire.voters.len() {
        return Err(ConfigurationError::NotDistinct);
    }
    if let Some(voter) = wire.voters.iter().find(|v| !is_label(&v.vendor)) {
        return Err(ConfigurationError::VendorLabel { id: voter.id });
    }
    let required = wire.required_vendors;
    if !(1..=2).contains(&required) {
        return Err(ConfigurationError::RequiredVendors(required));
    }
    let vendors: BTreeSet<_> = wire.voters.iter().map(|v| v.vendor.as_str()).collect();
    if vendors.len() < usize::from(required) {
        return Err(ConfigurationError::TooFewVendors {
            found: vendors.len(),
            required,
        });
    }
    Ok(())
}

fn is_label(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=VENDOR_BYTES_MAX).contains(&text.len()) && text.bytes().all(fine)
}
