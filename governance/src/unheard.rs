//! What follows when a voter is not heard of for long, and when nothing may.
//!
//! A replica whose process has ended stays a voter and never answers. So voters tell each other whom they have not
//! heard of, signed; and once a diverse quorum *of the others* has said so of one for long enough, it loses its vote.
//! The guard is that of lapses: without it the voters whose verdicts hold are a quorum of the configuration in force,
//! of as many vendors as are required. A leader's word alone takes nobody's vote.
//!
//! If a replica has joined in its place, the time is short and the old one is out for ever.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, PublicKey, Signature, SigningKey};

use crate::codec;
use crate::facts::BlockRef;

const UNHEARD_LABEL: &[u8] = b"synod-unheard-v1\0";

/// A voter that was not heard of for so long (milliseconds) gives way to the replica that joined in its place.
pub const REPLACED_UNHEARD_MS: u64 = 5_000;
/// A statement counts while the block that it names is at most so old (milliseconds of ledger time)…
pub const UNHEARD_FRESH_MS: u64 = 30_000;
/// … or among so many newest ones: an idle chain has no newer ones.
pub const UNHEARD_FRESH_BLOCKS: u64 = 4;

/// The cause that stands with a replica that gave way to another.
pub(crate) const REPLACED_CAUSE: &str = "it was replaced";

/// A voter says that it has not heard from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct UnheardStatement {
    /// Who says so.
    #[n(0)]
    pub signer: u64,
    /// The newest certified block that the signer knew.
    #[n(1)]
    pub block: BlockRef,
    /// For how long it has heard nothing (milliseconds).
    #[n(2)]
    pub for_ms: u64,
    /// By its identity key, over the network id, the silent voter and all of the above.
    #[n(3)]
    pub signature: Signature,
}

impl UnheardStatement {
    /// Says that voter `about` was not heard of.
    pub fn sign(
        network: &Digest,
        about: u64,
        signer: u64,
        block: BlockRef,
        for_ms: u64,
        identity: &SigningKey,
    ) -> Self {
        let signature = identity.sign(&message(network, about, signer, block, for_ms));
        Self {
            signer,
            block,
            for_ms,
            signature,
        }
    }

    /// Whether the owner of this identity key says so of voter `about`, in this network.
    pub fn verify(
        &self,
        network: &Digest,
        about: u64,
        identity: &PublicKey,
    ) -> Result<(), BadSignature> {
        let message = message(network, about, self.signer, self.block, self.for_ms);
        identity.verify(&message, &self.signature)
    }
}

fn message(network: &Digest, about: u64, signer: u64, block: BlockRef, for_ms: u64) -> Vec<u8> {
    let body = codec::encode(&(network, about, signer, block, for_ms));
    [UNHEARD_LABEL, &body].concat()
}

/// The leader shows that a voter was not heard of.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Unheard {
    /// The voter.
    #[n(0)]
    pub id: u64,
    /// What the others say, by rising signer, each once.
    #[n(1)]
    pub statements: Vec<UnheardStatement>,
    /// The replica that joined in its place, if there is one: then the voter is removed, else it becomes a learner.
    #[n(2)]
    pub by: Option<u64>,
}

/// The leader says that a replica has come into the place of another, which goes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Replaced {
    /// The new replica, which votes and names the old one.
    #[n(0)]
    pub by: u64,
}
