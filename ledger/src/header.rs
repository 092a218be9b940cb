//! The header of a block. A block's hash is the SHA-256 of its header.
//!
//! - The root binds every frame, so the header binds the whole block.
//! - `tree_size` is the seqno of the last transaction at or below the block.
//! - Block 0 has network zero, since its hash *is* the network id.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, sha256};

use crate::canonical::{self, Malformed};
use crate::clock_reading::ClockReading;
use crate::configuration::VOTERS_MAX;

/// The header format that this crate writes and reads.
pub const HEADER_FORMAT: u16 = 1;
/// The longest header encoding in bytes.
pub const HEADER_BYTES_MAX: usize = 512 * 1024;
/// The most empty engine entries that a header can list.
pub const EMPTIES_MAX: usize = 16 * 1024;

/// What every replica signs, by its hash, when it signs a block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Header {
    /// Always [`HEADER_FORMAT`].
    #[n(0)]
    pub format: u16,
    /// The hash of block 0; zero in block 0.
    #[n(1)]
    pub network: Digest,
    /// The engine's term in which the block was built.
    #[n(2)]
    pub view: u64,
    /// The engine's index of the entry that carries the block.
    #[n(3)]
    pub index: u64,
    /// The replica that built it.
    #[n(4)]
    pub proposer: u64,
    /// Seqno of the first transaction in it, or of the next one if it holds none.
    #[n(5)]
    pub first_seqno: u64,
    /// How many transactions it holds.
    #[n(6)]
    pub count: u32,
    /// Hash of the block before; zero in block 0.
    #[n(7)]
    pub previous: Digest,
    /// Leaves in the tree after this block.
    #[n(8)]
    pub tree_size: u64,
    /// The tree's root after this block.
    #[n(9)]
    pub root: Digest,
    /// Digest of the configuration under which the block is certified.
    #[n(10)]
    pub configuration: Digest,
    /// The ledger's time, Unix milliseconds.
    #[n(11)]
    pub time_ms: u64,
    /// The readings from which the time follows, sorted by replica.
    #[n(12)]
    pub readings: Vec<ClockReading>,
    /// (index, view) of the engine's empty entries since the block before.
    #[n(13)]
    pub empties: Vec<(u64, u64)>,
}

impl Header {
    /// Deterministic CBOR.
    pub fn encode(&self) -> Bytes {
        canonical::encode(self).into()
    }

    /// Reads a header; refuses other formats, lists beyond their bounds and a
    /// tree size that is not the seqno of the last transaction.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: Self = canonical::decode(bytes, HEADER_BYTES_MAX)?;
        let bounded = header.empties.len() <= EMPTIES_MAX && header.readings.len() <= VOTERS_MAX;
        if header.format != HEADER_FORMAT || !bounded || !header.counts_agree() {
            return Err(Malformed::Shape);
        }
        Ok(header)
    }

    fn counts_agree(&self) -> bool {
        let before = self.first_seqno.checked_sub(1);
        before.and_then(|n| n.checked_add(u64::from(self.count))) == Some(self.tree_size)
    }

    /// The index of the block that this one follows, by the entries it lists in
    /// between; `None` when there can be none.
    pub fn follows_index(&self) -> Option<u64> {
        self.index
            .checked_sub(1)?
            .checked_sub(self.empties.len() as u64)
    }

    /// The block's hash. Encodes anew: where the bytes are available use [`Head`].
    pub fn hash(&self) -> Digest {
        sha256(&[&self.encode()])
    }

    /// The summary with the hash, which the caller already has.
    pub(crate) fn head(&self, hash: Digest) -> Head {
        Head {
            index: self.index,
            view: self.view,
            hash,
            tree_size: self.tree_size,
            root: self.root,
            configuration: self.configuration,
            time_ms: self.time_ms,
        }
    }
}

/// What is needed of a block once it was read: its place, its hash and what the
/// hash commits to. Cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The engine's index.
    pub index: u64,
    /// The engine's term.
    pub view: u64,
    /// The block's hash.
    pub hash: Digest,
    /// Leaves in the tree after it; the seqno of the last transaction so far.
    pub tree_size: u64,
    /// The tree's root after it.
    pub root: Digest,
    /// Digest of the configuration that certifies it.
    pub configuration: Digest,
    /// The ledger's time, Unix milliseconds.
    pub time_ms: u64,
}

impl Head {
    /// Reads header bytes that came from outside into the header and its summary.
    pub fn of_bytes(bytes: &[u8]) -> Result<(Header, Self), Malformed> {
        let header = Header::decode(bytes)?;
        let head = header.head(sha256(&[bytes]));
        Ok((header, head))
    }
}
