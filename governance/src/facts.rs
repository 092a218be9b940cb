//! What governance asks of its surroundings: the block it is in, and the ledger.

use minicbor::{Decode, Encode};
use synod_crypto::{Digest, PublicKey};

/// A block, named by place and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BlockRef {
    /// Its index.
    #[n(0)]
    pub index: u64,
    /// The hash of its header.
    #[n(1)]
    pub hash: Digest,
}

/// What is known of a certified block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertifiedBlock {
    /// The hash of its header.
    pub hash: Digest,
    /// Its time (Unix milliseconds).
    pub time_ms: u64,
}

/// Most voters of a configuration.
pub const VOTERS_MAX: usize = 15;

/// A voter of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterEntry {
    /// The replica's id.
    pub id: u64,
    /// Its identity key.
    pub key: PublicKey,
    /// The vendor of its TEE.
    pub vendor: String,
}

/// A configuration that governance has decided on, to be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextConfiguration<'a> {
    /// Its number, from 0.
    pub number: u64,
    /// The encoding of the one before; `None` for number 0.
    pub predecessor: Option<&'a [u8]>,
    /// The voters, by rising id.
    pub voters: &'a [VoterEntry],
    /// Of how many vendors a quorum must be: 1 or 2.
    pub required_vendors: u8,
}

/// What the ledger knows. Every replica, and every audit, must answer the same
/// for the same block.
pub trait Facts {
    /// The certified block at `index`, which is below the current block.
    ///
    /// The leader answers `None` unless it holds a certificate that covers the
    /// block. Whoever recomputes answers from the chain of the current block,
    /// and does not sign that block before it holds the certificate too.
    fn certified_block(&self, index: u64) -> Option<CertifiedBlock>;

    /// Whether `signature` is a block signature over `block` by the replica
    /// `signer` with identity `key`.
    fn is_signed_block(
        &self,
        signer: u64,
        key: &PublicKey,
        block: BlockRef,
        signature: &[u8],
    ) -> bool;

    /// The ledger's encoding of a configuration.
    fn encode_configuration(&self, next: &NextConfiguration<'_>) -> Vec<u8>;
}

/// The block in which an input is executed.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The network id; zero in block 0.
    pub network: Digest,
    /// The index of the block.
    pub index: u64,
    /// The seqno of the transaction.
    pub seqno: u64,
    /// The time of the block (Unix milliseconds).
    pub time_ms: u64,
    /// The number of the configuration that the block's header names. While a
    /// newer one is written and not yet in force, no other is accepted.
    pub configuration: u64,
    /// What the ledger knows.
    pub facts: &'a dyn Facts,
}
