//! What the ledger remembers of one transaction.
//!
//! - [`TxId`] names it, [`Leaf`] is its entry in the Merkle tree,
//!   [`ReplyPreimage`] is what the leaf's third hash hides, [`Interior`] is what
//!   the sealed part of its frame holds.
//! - A leaf's position in the tree is its seqno minus one, always.
//! - Whoever sees only the leaf learns nothing of request or answer: the salt is
//!   fresh for each execution.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, sha256};

use crate::canonical::{self, Malformed, head_len};

/// The version of the leaf format that this crate writes and reads.
pub const LEAF_VERSION: u16 = 1;
/// The most claims that an application can bind into one receipt.
pub const CLAIMS_MAX: usize = 64;
/// The longest encoding of a leaf in bytes.
pub const LEAF_BYTES_MAX: usize = 128;
/// The longest [`ReplyPreimage`] encoding in bytes.
pub const REPLY_BYTES_MAX: usize = 4 * 1024;
/// The longest [`Interior`] encoding in bytes.
pub const INTERIOR_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The longest caller label in an [`Interior`], in bytes.
pub const CALLER_BYTES_MAX: usize = 512;

/// The name of a transaction: the view in which it was executed and its place in
/// the history. Written `view.seqno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct TxId {
    /// The view (Raft term) of the block that holds it.
    #[n(0)]
    pub view: u64,
    /// Its position in the history, from 1, without gaps.
    #[n(1)]
    pub seqno: u64,
}

impl fmt::Display for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.view, self.seqno)
    }
}

/// The text is not `view.seqno` in decimal without signs or leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a transaction id of the form `view.seqno`")]
pub struct TxIdError;

impl FromStr for TxId {
    type Err = TxIdError;

    fn from_str(text: &str) -> Result<Self, TxIdError> {
        let (view, seqno) = text.split_once('.').ok_or(TxIdError)?;
        Ok(Self {
            view: decimal(view)?,
            seqno: decimal(seqno)?,
        })
    }
}

fn decimal(text: &str) -> Result<u64, TxIdError> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if !plain || leading_zero {
        return Err(TxIdError);
    }
    text.parse().map_err(|_| TxIdError)
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxStatus {
    /// It is in the log of a leader and is not certified: it may still be lost.
    Pending,
    /// It is certified: it will never be lost, and has a receipt.
    Committed,
    /// A certified block of a later view holds its sequence number: it will never be committed.
    Invalid,
    /// This replica has not seen it, and cannot say more.
    Unknown,
}

impl fmt::Display for TxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Committed => "committed",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        })
    }
}

/// A transaction's entry in the RFC 9162 tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Leaf {
    /// Always [`LEAF_VERSION`] in what this crate accepts.
    #[n(0)]
    pub version: u16,
    /// The view of the block that holds the transaction.
    #[n(1)]
    pub view: u64,
    /// The transaction's seqno; its leaf index is one less.
    #[n(2)]
    pub seqno: u64,
    /// SHA-256 of the frame's public writes.
    #[n(3)]
    pub public: Digest,
    /// SHA-256 of the frame's sealed part.
    #[n(4)]
    pub sealed: Digest,
    /// [`ReplyPreimage::digest`].
    #[n(5)]
    pub reply: Digest,
}

impl Leaf {
    /// The leaf of a transaction whose frame holds these parts. Hashes both.
    pub fn of(id: TxId, public: &[u8], sealed: &[u8], reply: Digest) -> Self {
        Self {
            version: LEAF_VERSION,
            view: id.view,
            seqno: id.seqno,
            public: sha256(&[public]),
            sealed: sha256(&[sealed]),
            reply,
        }
    }

    /// The transaction's name.
    pub fn id(&self) -> TxId {
        TxId {
            view: self.view,
            seqno: self.seqno,
        }
    }

    /// The leaf data: deterministic CBOR.
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Reads leaf data. Refuses versions other than [`LEAF_VERSION`] as a wrong shape.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let leaf: Self = canonical::decode(bytes, LEAF_BYTES_MAX)?;
        if leaf.version != LEAF_VERSION || leaf.seqno == 0 {
            return Err(Malformed::Shape);
        }
        Ok(leaf)
    }

    /// The leaf hash of RFC 9162 §2.1.1, without a heap allocation.
    pub fn hash(&self) -> Digest {
        let mut buffer = [0u8; LEAF_BYTES_MAX];
        let mut cursor = minicbor::encode::write::Cursor::new(&mut buffer[..]);
        minicbor::encode(self, &mut cursor).expect("a leaf fits its bound");
        let len = cursor.position();
        crate::tree::leaf_hash(&buffer[..len])
    }
}

/// What a reply's digest hides: the request it answers and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPreimage {
    /// Fresh random bytes for each execution, so that the digest tells nothing.
    pub salt: [u8; 32],
    /// Digest of the request as the client made it.
    pub request: Digest,
    /// The HTTP status of the answer.
    pub status: u16,
    /// SHA-256 of the response body.
    pub response: Digest,
    /// Digests of claims that the application bound, at most [`CLAIMS_MAX`].
    pub claims: Vec<Digest>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct ReplyWire {
    #[n(0)]
    salt: ByteArray<32>,
    #[n(1)]
    request: Digest,
    #[n(2)]
    status: u16,
    #[n(3)]
    response: Digest,
    #[n(4)]
    claims: Vec<Digest>,
}

impl ReplyPreimage {
    /// Deterministic CBOR.
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(&ReplyWire {
            salt: self.salt.into(),
            request: self.request,
            status: self.status,
            response: self.response,
            claims: self.claims.clone(),
        })
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: ReplyWire = canonical::decode(bytes, REPLY_BYTES_MAX)?;
        if wire.claims.len() > CLAIMS_MAX {
            return Err(Malformed::Shape);
        }
        Ok(Self {
            salt: wire.salt.into(),
            request: wire.request,
            status: wire.status,
            response: wire.response,
            claims: wire.claims,
        })
    }

    /// SHA-256 of the encoding, which is in the leaf and in the frame.
    pub fn digest(&self) -> Digest {
        sha256(&[&self.encode()])
    }
}

/// The plaintext of a frame's sealed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interior {
    /// The private writes, in the write-set encoding of the store.
    pub writes: Bytes,
    /// The preimage of the frame's reply digest.
    pub reply: ReplyPreimage,
    /// Who may have the reply opened: an opaque label of at most
    /// [`CALLER_BYTES_MAX`] bytes, chosen and judged by the replica.
    pub caller: Bytes,
    /// How an app came to the writes: a record of the replica's, opaque here. None for everything
    /// that is not a call of an app.
    pub execution: Option<Bytes>,
}

impl Interior {
    /// Deterministic CBOR: `[1, writes, reply, caller]`, each a byte string; with a record of the
    /// execution `[2, writes, reply, caller, execution]`.
    pub fn encode(&self) -> Vec<u8> {
        let execution = self.execution.as_deref();
        let len = self.writes.len() + self.caller.len() + execution.map_or(0, <[u8]>::len);
        let mut out = Vec::with_capacity(len + 192);
        let (version, parts) = if execution.is_some() { (2, 5) } else { (1, 4) };
        minicbor::Encoder::new(&mut out)
            .array(parts)
            .and_then(|e| e.u16(version))
            .and_then(|e| e.bytes(&self.writes))
            .and_then(|e| e.bytes(&self.reply.encode()))
            .and_then(|e| e.bytes(&self.caller))
            .and_then(|e| match execution {
                Some(execution) => e.bytes(execution),
                None => Ok(e),
            })
            .expect("writing to a vector cannot fail");
        out
    }

    /// Reads what [`Self::encode`] wrote, after the seal was opened. The writes are
    /// a slice of `bytes`.
    pub fn decode(bytes: &Bytes) -> Result<Self, Malformed> {
        if bytes.len() > INTERIOR_BYTES_MAX {
            return Err(Malformed::TooLong {
                max: INTERIOR_BYTES_MAX,
            });
        }
        let mut d = minicbor::Decoder::new(bytes);
        let ([writes, reply, caller], execution) =
            interior_parts(&mut d).ok_or(Malformed::Shape)?;
        if d.position() != bytes.len() {
            return Err(Malformed::Trailing);
        }
        let len: usize = [writes, reply, caller]
            .into_iter()
            .chain(execution)
            .map(|part| head_len(part.len()) + part.len())
            .sum();
        if bytes.len() != 2 + len {
            return Err(Malformed::NotCanonical);
        }
        if caller.len() > CALLER_BYTES_MAX {
            return Err(Malformed::Shape);
        }
        let reply = ReplyPreimage::decode(reply)?;
        Ok(Self {
            writes: bytes.slice_ref(writes),
            reply,
            caller: bytes.slice_ref(caller),
            execution: execution.map(|execution| bytes.slice_ref(execution)),
        })
    }
}

type InteriorParts<'b> = ([&'b [u8]; 3], Option<&'b [u8]>);

fn interior_parts<'b>(d: &mut minicbor::Decoder<'b>) -> Option<InteriorParts<'b>> {
    let executed = match (d.array().ok()?, d.u16().ok()?) {
        (Some(4), 1) => false,
        (Some(5), 2) => true,
        _ => return None,
    };
    let parts = [d.bytes().ok()?, d.bytes().ok()?, d.bytes().ok()?];
    let execution = if executed {
        Some(d.bytes().ok()?)
    } else {
        None
    };
    Some((parts, execution))
}
