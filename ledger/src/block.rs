//! Blocks: the unit of replication, and the payload of an engine entry.
//!
//! - The encoding is CBOR `[header bstr, [* [public bstr, sealed bstr, reply bstr]]]`.
//! - Reading is zero-copy: every part is a slice of the bytes that came in.
//! - Only the deterministic encoding is accepted. That is checked without writing
//!   it again: every head can only be longer than its shortest form, so the
//!   lengths agree only if each head is the shortest.
//! - The header's hash is computed once and kept.

use std::ops::Range;

use bytes::Bytes;
use synod_crypto::{Digest, sha256};

use crate::canonical::{Malformed, head_len};
use crate::header::{HEADER_BYTES_MAX, Head, Header};
use crate::transaction::{Leaf, TxId};

/// The longest encoding of a block in bytes.
pub const BLOCK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most transactions in a block.
pub const FRAMES_MAX: usize = 64 * 1024;

/// One transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The public writes, in the store's write-set encoding.
    pub public: Bytes,
    /// The sealed part; empty when there is none.
    pub sealed: Bytes,
    /// Digest of the reply's preimage.
    pub reply: Digest,
}

/// A well-formed block. Says nothing of its place in a history: that is
/// [`Sequence`](crate::sequence::Sequence)'s to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Header,
    hash: Digest,
    header_bytes: Bytes,
    frames: Vec<Frame>,
    bytes: Bytes,
}

impl Block {
    /// Reads the payload of an engine entry, without copying its parts.
    /// The number of frames must be what the header says.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(Malformed::TooLong {
                max: BLOCK_BYTES_MAX,
            });
        }
        let mut decoder = minicbor::Decoder::new(&bytes);
        let (header_bytes, frames) = parts(&mut decoder, &bytes).ok_or(Malformed::Shape)?;
        if decoder.position() != bytes.len() {
            return Err(Malformed::Trailing);
        }
        if encoded_len(header_bytes.len(), &frames) != bytes.len() {
            return Err(Malformed::NotCanonical);
        }
        let header = Header::decode(&header_bytes)?;
        if header.count as usize != frames.len() {
            return Err(Malformed::Shape);
        }
        let hash = sha256(&[&header_bytes]);
        Ok(Self {
            header,
            hash,
            header_bytes,
            frames,
            bytes,
        })
    }

    /// Puts a block together. The caller answers for the header's truth.
    pub(crate) fn assemble(header: Header, frames: &[Frame]) -> Self {
        assert_eq!(
            header.count as usize,
            frames.len(),
            "the header counts the frames"
        );
        let header_bytes = header.encode();
        let hash = sha256(&[&header_bytes]);
        let mut out = Vec::with_capacity(encoded_len(header_bytes.len(), frames));
        let (header_at, frames_at) = write(&mut out, &header_bytes, frames);
        let bytes = Bytes::from(out);
        let frames = frames
            .iter()
            .zip(frames_at)
            .map(|(frame, (public, sealed))| Frame {
                public: bytes.slice(public),
                sealed: bytes.slice(sealed),
                reply: frame.reply,
            })
            .collect();
        Self {
            header,
            hash,
            header_bytes: bytes.slice(header_at),
            frames,
            bytes,
        }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header as encoded.
    pub fn header_bytes(&self) -> &Bytes {
        &self.header_bytes
    }

    /// The block's hash, computed once.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// The summary that signatures and certificates are checked against.
    pub fn head(&self) -> Head {
        self.header.head(self.hash)
    }

    /// The transactions, in order; the first has the header's first seqno.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The encoding: the payload of the engine's entry. Costs a reference count.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The name of the transaction at `position` in this block.
    pub fn tx_id(&self, position: usize) -> TxId {
        TxId {
            view: self.header.view,
            seqno: self.header.first_seqno + position as u64,
        }
    }

    /// The leaf of the transaction at `position`; hashes the frame's parts.
    pub fn leaf(&self, position: usize) -> Option<Leaf> {
        let frame = self.frames.get(position)?;
        Some(Leaf::of(
            self.tx_id(position),
            &frame.public,
            &frame.sealed,
            frame.reply,
        ))
    }

    /// Every leaf in order; hashes every frame's parts.
    pub fn leaves(&self) -> Vec<Leaf> {
        (0..self.frames.len())
            .filter_map(|position| self.leaf(position))
            .collect()
    }
}

/// Gathers transactions for the next block. Each is hashed when it is pushed, so
/// that nothing remains to be hashed but the tree when the block is closed.
#[derive(Debug)]
pub struct BlockBuilder {
    view: u64,
    first_seqno: u64,
    frames: Vec<Frame>,
    leaves: Vec<Leaf>,
    bytes: usize,
}

impl BlockBuilder {
    /// An empty block of `view` whose first transaction will be `first_seqno`.
    pub fn new(view: u64, first_seqno: u64) -> Self {
        Self {
            view,
            first_seqno,
            frames: Vec::new(),
            leaves: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a transaction and returns its name. Whether it still fits is
    /// [`Self::fits`]'s to say.
    pub fn push(&mut self, public: Bytes, sealed: Bytes, reply: Digest) -> TxId {
        let id = self.next_id();
        self.bytes += frame_len(&public, &sealed);
        self.leaves.push(Leaf::of(id, &public, &sealed, reply));
        self.frames.push(Frame {
            public,
            sealed,
            reply,
        });
        id
    }

    /// The name that the next transaction will have.
    pub fn next_id(&self) -> TxId {
        TxId {
            view: self.view,
            seqno: self.first_seqno + self.frames.len() as u64,
        }
    }

    /// Whether a frame with parts of these lengths keeps the block within the format's bounds.
    pub fn fits(&self, public_len: usize, sealed_len: usize) -> bool {
        let more = public_len.saturating_add(sealed_len).saturating_add(64);
        self.frames.len() < FRAMES_MAX
            && self.bytes.saturating_add(more) <= BLOCK_BYTES_MAX - HEADER_BYTES_MAX - 64
    }

    /// Transactions so far.
    pub fn count(&self) -> usize {
        self.frames.len()
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Encoded bytes of the frames so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The leaves so far.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The view it is built for.
    pub fn view(&self) -> u64 {
        self.view
    }

    /// The seqno of its first transaction.
    pub fn first_seqno(&self) -> u64 {
        self.first_seqno
    }

    pub(crate) fn into_parts(self) -> (Vec<Frame>, Vec<Leaf>) {
        (self.frames, self.leaves)
    }

    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

const REPLY_LEN: usize = 32;

fn frame_len(public: &[u8], sealed: &[u8]) -> usize {
    1 + head_len(public.len())
        + public.len()
        + head_len(sealed.len())
        + sealed.len()
        + head_len(REPLY_LEN)
        + REPLY_LEN
}

fn encoded_len(header_len: usize, frames: &[Frame]) -> usize {
    let frames_len: usize = frames.iter().map(|f| frame_len(&f.public, &f.sealed)).sum();
    1 + head_len(header_len) + header_len + head_len(frames.len()) + frames_len
}

/// Reads header and frames; `None` when the shape is wrong.
fn parts(decoder: &mut minicbor::Decoder<'_>, all: &Bytes) -> Option<(Bytes, Vec<Frame>)> {
    if decoder.array().ok()? != Some(2) {
        return None;
    }
    let header = all.slice_ref(decoder.bytes().ok()?);
    let count = usize::try_from(decoder.array().ok()??).ok()?;
    // Each frame takes at least 37 bytes, so a count beyond that is a lie told
    // to make the reader allocate.
    if count > FRAMES_MAX || count > all.len() / frame_len(&[], &[]) {
        return None;
    }
    let mut frames = Vec::with_capacity(count);
    for _ in 0..count {
        frames.push(frame(decoder, all)?);
    }
    Some((header, frames))
}

fn frame(decoder: &mut minicbor::Decoder<'_>, all: &Bytes) -> Option<Frame> {
    if decoder.array().ok()? != Some(3) {
        return None;
    }
    let public = all.slice_ref(decoder.bytes().ok()?);
    let sealed = all.slice_ref(decoder.bytes().ok()?);
    let reply: [u8; REPLY_LEN] = decoder.bytes().ok()?.try_into().ok()?;
    Some(Frame {
        public,
        sealed,
        reply: Digest::from(reply),
    })
}

type Placed = (Range<usize>, Range<usize>);

/// Writes the encoding and says where its parts came to lie.
fn write(out: &mut Vec<u8>, header: &[u8], frames: &[Frame]) -> (Range<usize>, Vec<Placed>) {
    const INFALLIBLE: &str = "writing to a vector cannot fail";
    let mut encoder = minicbor::Encoder::new(out);
    encoder
        .array(2)
        .expect(INFALLIBLE)
        .bytes(header)
        .expect(INFALLIBLE);
    let header_end = encoder.writer().len();
    encoder.array(frames.len() as u64).expect(INFALLIBLE);
    let mut placed = Vec::with_capacity(frames.len());
    for frame in frames {
        encoder
            .array(3)
            .expect(INFALLIBLE)
            .bytes(&frame.public)
            .expect(INFALLIBLE);
        let public_end = encoder.writer().len();
        encoder.bytes(&frame.sealed).expect(INFALLIBLE);
        let sealed_end = encoder.writer().len();
        encoder.bytes(frame.reply.as_bytes()).expect(INFALLIBLE);
        placed.push((
            public_end - frame.public.len()..public_end,
            sealed_end - frame.sealed.len()..sealed_end,
        ));
    }
    (header_end - header.len()..header_end, placed)
}
