//! What follows when the other voters have not heard from a voter for a long time, and when nothing
//! may follow.
//!
//! A replica whose process has ended stays a voter and never answers. So voters send each other
//! signed statements that name the voters they have not heard from. Once a diverse quorum *of the
//! others* has stated this about one voter for long enough, it loses its vote. The guard is the
//! same as for expired verdicts: without this voter, the voters with valid verdicts must be a
//! quorum of the configuration in force, from as many vendors as are required. A leader's word
//! alone takes no replica's vote.
//!
//! If a replica has joined in its place, the required time is short, and the old replica is removed
//! for ever.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, PublicKey, Signature, SigningKey};

use crate::codec;
use crate::facts::BlockRef;

const UNHEARD_LABEL: &[u8] = b"synod-unheard-v1\0";

/// A voter that was not heard from for this long (milliseconds) is replaced by the replica that
/// joined in its place.
pub const REPLACED_UNHEARD_MS: u64 = 5_000;
/// A statement counts while the block that it names is at most this old (milliseconds of ledger
/// time)…
pub const UNHEARD_FRESH_MS: u64 = 30_000;
/// … or while the block is among this many newest blocks, since an idle chain has no newer ones.
pub const UNHEARD_FRESH_BLOCKS: u64 = 4;

/// The recorded cause of removal of a replica that was replaced by another.
pub(crate) const REPLACED_CAUSE: &str = "it was replaced";

/// A voter's statement that it has not heard from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct UnheardStatement {
    /// The signer's id.
    #[n(0)]
    pub signer: u64,
    /// The newest certified block that the signer knew.
    #[n(1)]
    pub block: BlockRef,
    /// How long it has heard nothing (milliseconds).
    #[n(2)]
    pub for_ms: u64,
    /// By its identity key, over the network id, the silent voter and all of the above.
    #[n(3)]
    pub signature: Signature,
}

impl UnheardStatement {
    /// States that the signer has not heard from voter `about`.
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

    /// Whether the owner of this identity key signed this statement about voter `about`, in this
    /// network.
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

/// The leader proves that the other voters have not heard from a voter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Unheard {
    /// The voter.
    #[n(0)]
    pub id: u64,
    /// The other voters' statements, one from each signer, sorted by signer.
    #[n(1)]
    pub statements: Vec<UnheardStatement>,
    /// The replica that joined in its place, if there is one. With it the voter is removed; without
    /// it the voter becomes a learner.
    #[n(2)]
    pub by: Option<u64>,
}

/// The leader states that a replica has taken the place of another one, which is now removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Replaced {
    /// The new replica, which votes and names the old one.
    #[n(0)]
    pub by: u64,
}
