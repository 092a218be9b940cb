//! Segment files: how the ledger lies on disk. Bytes only; files are the node's.
//!
//! ```text
//! segment = header record*
//! header  = "SYNODSEG" | format u16 LE = 1 | 0 u16 | network [32] | first index u64 LE | xxh64 of the 52 bytes before, LE
//! record  = length u32 LE | kind u8 | xxh64 of length and kind, low 3 bytes LE | xxh64 of payload LE | payload
//! ```
//!
//! - Appending is all there is: a crash leaves a prefix, and perhaps a piece of a
//!   record or zeros, which is [`Damage::Torn`] and can be cut off. Anything else
//!   that does not check is [`Damage::Corrupt`]: the reader stops and says where.
//! - The length is checked by itself, so a flipped bit in it is corruption and
//!   never passes for a torn tail.
//! - A block record that follows a block below the newest one takes the place of
//!   the uncertified blocks after that.
//! - The checks find accidents. Against an adversary the hash chain and the
//!   certificates stand; no key is involved here, and nothing is hashed twice
//!   with SHA-256.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_crypto::Digest;

use crate::block::BLOCK_BYTES_MAX;
use crate::canonical;
use crate::checksum::xxh64;
use crate::signature::BlockSignature;

/// Length of a segment's header in bytes.
pub const SEGMENT_HEADER_LEN: usize = 60;
/// Length of what precedes a record's payload in bytes.
pub const RECORD_HEADER_LEN: usize = 16;
/// The format that this crate writes and reads.
pub const SEGMENT_FORMAT: u16 = 1;
/// The longest payload in bytes.
pub const PAYLOAD_BYTES_MAX: usize = BLOCK_BYTES_MAX;

const MAGIC: &[u8; 8] = b"SYNODSEG";

/// What opens a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The network id; in the first segment too, for it is known when that is written.
    pub network: Digest,
    /// Index of the first block in the segment.
    pub first_index: u64,
}

impl SegmentHeader {
    /// The 60 bytes that open a segment.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut out = [0; SEGMENT_HEADER_LEN];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&SEGMENT_FORMAT.to_le_bytes());
        out[12..44].copy_from_slice(self.network.as_bytes());
        out[44..52].copy_from_slice(&self.first_index.to_le_bytes());
        let check = xxh64(&out[..52]);
        out[52..].copy_from_slice(&check.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_LEN>() else {
            return Err(Damage::Torn { at: 0 });
        };
        if bytes.iter().all(|&b| b == 0) {
            return Err(Damage::Torn { at: 0 });
        }
        let corrupt = |what| Err(Damage::Corrupt { at: 0, what });
        if xxh64(&bytes[..52]) != read_u64(&bytes[52..]) {
            return corrupt(Corruption::SegmentHeader);
        }
        if bytes[..8] != *MAGIC || bytes[8..12] != [SEGMENT_FORMAT as u8, 0, 0, 0] {
            return corrupt(Corruption::SegmentFormat);
        }
        let mut network = [0; 32];
        network.copy_from_slice(&bytes[12..44]);
        let first_index = read_u64(&bytes[44..52]);
        Ok(Self {
            network: Digest::from(network),
            first_index,
        })
    }
}

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A block, as in the engine's entry.
    Block(Bytes),
    /// This replica's own signature over a block.
    Signature(SignedAt),
    /// A certificate, as encoded by [`Certificate`](crate::certificate::Certificate).
    Certificate(Bytes),
    /// Something refused and kept as proof, opaque here.
    Proof(Bytes),
}

/// A replica's signature with the block it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedAt {
    /// The block's index.
    #[n(0)]
    pub index: u64,
    /// The block's hash.
    #[n(1)]
    pub header_hash: Digest,
    /// The signature.
    #[n(2)]
    pub signature: BlockSignature,
}

impl Record {
    /// Appends the record's bytes. The payload is copied once.
    ///
    /// # Panics
    /// When the payload is beyond [`PAYLOAD_BYTES_MAX`], which no block or
    /// certificate is; a proof's maker must see to it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Block(bytes) => frame(1, bytes, out),
            Self::Signature(signed) => frame(2, &canonical::encode(signed), out),
            Self::Certificate(bytes) => frame(3, bytes, out),
            Self::Proof(bytes) => frame(4, bytes, out),
        }
    }

    fn decode(kind: u8, payload: Bytes) -> Option<Self> {
        match kind {
            1 => Some(Self::Block(payload)),
            2 => canonical::decode(&payload, 256).ok().map(Self::Signature),
            3 => Some(Self::Certificate(payload)),
            4 => Some(Self::Proof(payload)),
            _ => None,
        }
    }
}

/// What is wrong with a segment's bytes, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file ends within a record (or in zeros): the last write was cut short.
    /// What lies before `at` is whole.
    #[error("the segment is torn at byte {at}: the last write was cut short")]
    Torn {
        /// Offset of the incomplete record.
        at: u64,
    },
    /// Bytes were changed after they were written.
    #[error("the segment is corrupt at byte {at}: {what}")]
    Corrupt {
        /// Offset of the record at fault.
        at: u64,
        /// What does not check.
        what: Corruption,
    },
}

/// What does not check in a corrupt segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// The segment's header.
    #[error("the segment header does not match its checksum")]
    SegmentHeader,
    /// Another kind of file, or a format of another version.
    #[error("unknown segment format")]
    SegmentFormat,
    /// A record's length or kind.
    #[error("the record's length or kind does not match its checksum")]
    RecordHeader,
    /// A record's payload.
    #[error("the record's payload does not match its checksum")]
    Payload,
    /// A record that checks but is of an unknown kind or shape.
    #[error("the record has an unknown kind or shape")]
    RecordKind,
}

/// A record and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Offset of the record's first byte in the segment.
    pub at: u64,
    /// Offset of the byte after its last.
    pub end: u64,
    /// The record.
    pub record: Record,
}

/// Reads a segment record by record, without copying payloads. After damage it
/// yields nothing more.
#[derive(Clone, Debug)]
pub struct Scanner {
    bytes: Bytes,
    header: SegmentHeader,
    at: usize,
    stopped: bool,
}

impl Scanner {
    /// Reads the segment's header.
    pub fn new(bytes: Bytes) -> Result<Self, Damage> {
        let header = SegmentHeader::decode(&bytes)?;
        Ok(Self {
            bytes,
            header,
            at: SEGMENT_HEADER_LEN,
            stopped: false,
        })
    }

    /// The segment's header.
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Length of the prefix that is whole: where a torn segment is cut.
    pub fn valid_len(&self) -> u64 {
        self.at as u64
    }

    fn read(&mut self) -> Result<Placed, Damage> {
        let at = self.at as u64;
        let rest = &self.bytes[self.at..];
        let Some(head) = rest.first_chunk::<RECORD_HEADER_LEN>() else {
            return Err(Damage::Torn { at });
        };
        // A file system may have grown the file before the bytes reached it.
        if rest.iter().all(|&b| b == 0) {
            return Err(Damage::Torn { at });
        }
        let corrupt = |what| Damage::Corrupt { at, what };
        let (len, kind) = record_head(head).ok_or(corrupt(Corruption::RecordHeader))?;
        let start = self.at + RECORD_HEADER_LEN;
        let end = start + len;
        if end > self.bytes.len() {
            return Err(Damage::Torn { at });
        }
        let payload = self.bytes.slice(start..end);
        if xxh64(&payload) != read_u64(&head[8..]) {
            return Err(corrupt(Corruption::Payload));
        }
        let record = Record::decode(kind, payload).ok_or(corrupt(Corruption::RecordKind))?;
        self.at = end;
        Ok(Placed {
            at,
            end: end as u64,
            record,
        })
    }
}

impl Iterator for Scanner {
    type Item = Result<Placed, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped || self.at == self.bytes.len() {
            return None;
        }
        let item = self.read();
        self.stopped = item.is_err();
        Some(item)
    }
}

fn frame(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    assert!(
        payload.len() <= PAYLOAD_BYTES_MAX,
        "a record's payload is within its bound"
    );
    let mut head = [0; RECORD_HEADER_LEN];
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4] = kind;
    let check = xxh64(&head[..5]).to_le_bytes();
    head[5..8].copy_from_slice(&check[..3]);
    head[8..].copy_from_slice(&xxh64(payload).to_le_bytes());
    out.reserve(RECORD_HEADER_LEN + payload.len());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
}

/// Length and kind, if their check holds and the length is within its bound.
fn record_head(head: &[u8; RECORD_HEADER_LEN]) -> Option<(usize, u8)> {
    if xxh64(&head[..5]).to_le_bytes()[..3] != head[5..8] {
        return None;
    }
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    (len <= PAYLOAD_BYTES_MAX).then_some((len, head[4]))
}

fn read_u64(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().expect("eight bytes are there"))
}
