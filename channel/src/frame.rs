//! The envelope of a message between replicas, and how envelopes follow one
//! another in a stream of bytes.
//!
//! An envelope is CBOR `[1, network, from, to, counter, body]`
//! (`spec/channel.cddl`), in deterministic encoding only, preceded in the
//! stream by its length as four bytes, big-endian. The body is the bytes of
//! the layer above; it is shared with the input, not copied.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use minicbor::{Decoder, Encoder};
use synod_crypto::Digest;

/// The longest envelope that is read or written unless told otherwise:
/// 16 MiB.
pub const FRAME_MAX: usize = 16 * 1024 * 1024;

/// An envelope is at most this much longer than its body, in bytes.
pub const OVERHEAD_MAX: usize = 1 + 1 + 34 + 3 * 9 + 9;

const VERSION: u64 = 1;
const FIELDS: u64 = 6;
const PREFIX_LENGTH: usize = 4;

/// A message from one replica to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFrame {
    /// The network id.
    pub network: Digest,
    /// The sending replica.
    pub from: u64,
    /// The receiving replica.
    pub to: u64,
    /// Rises with every message from this sender to this receiver.
    pub counter: u64,
    /// The message.
    pub body: Bytes,
}

impl PeerFrame {
    /// The envelope with its length before it, ready for the stream.
    pub fn encode(&self) -> Result<Bytes, FrameError> {
        let head = self.head();
        let length = head.len() + self.body.len();
        if length > FRAME_MAX {
            return Err(FrameError::TooLong {
                length,
                max: FRAME_MAX,
            });
        }
        let mut out = BytesMut::with_capacity(PREFIX_LENGTH + length);
        out.put_u32(length as u32);
        out.put_slice(&head);
        out.put_slice(&self.body);
        Ok(out.freeze())
    }

    /// Reads one envelope, without the length before it. Only the one
    /// encoding that [`Self::encode`] writes is accepted.
    pub fn decode(bytes: &Bytes) -> Result<Self, FrameError> {
        if bytes.len() > FRAME_MAX {
            return Err(FrameError::TooLong {
                length: bytes.len(),
                max: FRAME_MAX,
            });
        }
        let frame = Self::read(bytes).map_err(|_| FrameError::Malformed)?;
        let head_length = bytes.len().checked_sub(frame.body.len());
        let head_length = head_length.ok_or(FrameError::Malformed)?;
        // The body ends the envelope, so comparing heads compares everything.
        if frame.head() != bytes[..head_length] {
            return Err(FrameError::NotCanonical);
        }
        Ok(frame)
    }

    fn read(bytes: &Bytes) -> Result<Self, minicbor::decode::Error> {
        let wrong = minicbor::decode::Error::message;
        let mut decoder = Decoder::new(bytes);
        if decoder.array()? != Some(FIELDS) || decoder.u64()? != VERSION {
            return Err(wrong("another format"));
        }
        let network = decoder.decode()?;
        let (from, to) = (decoder.u64()?, decoder.u64()?);
        let counter = decoder.u64()?;
        let body = bytes.slice_ref(decoder.bytes()?);
        if decoder.position() != bytes.len() {
            return Err(wrong("bytes after the end"));
        }
        Ok(Self {
            network,
            from,
            to,
            counter,
            body,
        })
    }

    /// Everything before the bytes of the body.
    fn head(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(OVERHEAD_MAX));
        self.write_head(&mut encoder)
            .expect("writing to memory does not fail");
        encoder.into_writer()
    }

    fn write_head(
        &self,
        encoder: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.array(FIELDS)?.u64(VERSION)?.encode(self.network)?;
        encoder.u64(self.from)?.u64(self.to)?.u64(self.counter)?;
        encoder.bytes_len(self.body.len() as u64)?.ok()
    }
}

/// Why bytes are no envelope. The sender is at fault; the stream cannot be
/// read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than allowed; nothing was allocated for it.
    #[error("frame is {length} bytes, longer than the {max} allowed")]
    TooLong {
        /// What it would have.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// Not the fields of an envelope, or bytes after them.
    #[error("frame is malformed")]
    Malformed,
    /// The fields of an envelope in another encoding.
    #[error("frame is not in canonical encoding")]
    NotCanonical,
}

/// Cuts a stream of bytes into envelopes. Holds no more than one length limit
/// and what one push brought.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    max: usize,
}

impl Framer {
    /// Reads envelopes of at most `max` bytes, never above [`FRAME_MAX`].
    pub fn new(max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max: max.min(FRAME_MAX),
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where to read the next bytes of the stream into, instead of
    /// [`Self::push`]: append to it.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next envelope, or `None` until more bytes are there. After an error
    /// the connection must be closed.
    pub fn take(&mut self) -> Result<Option<PeerFrame>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX_LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > self.max {
            let max = self.max;
            return Err(FrameError::TooLong { length, max });
        }
        if self.buffer.len() - PREFIX_LENGTH < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX_LENGTH);
        let bytes = self.buffer.split_to(length).freeze();
        PeerFrame::decode(&bytes).map(Some)
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new(FRAME_MAX)
    }
}
