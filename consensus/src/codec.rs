//! Bytes of a message: one CBOR array (RFC 8949), see `spec/consensus.cddl`.
//!
//! Decoding never allocates for a length that the input does not have, copies no block (the
//! block is a slice of the input), and leaves no byte unread. The bytes are not signed or
//! stored, so other encodings of equal values are accepted.

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder, decode, encode};
use thiserror::Error;

use crate::entry::{BLOCK_BYTES_MAX, Change, Entry, Payload};
use crate::message::{Body, Message};

/// The longest encoded message: a block and a little frame around it.
pub const MESSAGE_BYTES_MAX: usize = BLOCK_BYTES_MAX + 256;

/// The bytes are not a message. The peer's fault.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("message is {0} bytes, longer than the {MESSAGE_BYTES_MAX} allowed")]
    TooLong(usize),
    /// Not the CBOR that the format asks for.
    #[error("message is not well-formed CBOR of the message format: {0}")]
    Cbor(#[from] decode::Error),
    /// Bytes follow the message.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}

impl Message {
    /// Appends the message's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(64 + self.entry().map_or(0, block_len));
        let mut encoder = Encoder::new(out);
        encode_message(&mut encoder, self).expect("a Vec takes every byte");
    }

    /// Reads a message that fills `bytes`. Its block, if any, shares their memory.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(DecodeError::TooLong(bytes.len()));
        }
        let mut decoder = Decoder::new(bytes);
        let message = decode_message(&mut decoder, bytes)?;
        match bytes.len() - decoder.position() {
            0 => Ok(message),
            trailing => Err(DecodeError::Trailing(trailing)),
        }
    }
}

fn block_len(entry: &Entry) -> usize {
    entry.payload.block().map_or(0, Bytes::len)
}

type Written = Result<(), encode::Error<std::convert::Infallible>>;
type Sink<'a, 'b> = &'a mut Encoder<&'b mut Vec<u8>>;

fn encode_message(e: Sink, message: &Message) -> Written {
    let (kind, fields) = shape(&message.body);
    e.array(4 + fields)?.u8(kind)?;
    e.u64(message.from)?.u64(message.to)?.u64(message.term)?;
    match &message.body {
        Body::Append {
            index,
            log_term,
            commit,
            entry,
        } => {
            e.u64(*index)?.u64(*log_term)?.u64(*commit)?;
            encode_entry(e, entry.as_ref())
        }
        Body::Accepted { index, commit } => e.u64(*index)?.u64(*commit)?.ok(),
        Body::Rejected {
            index,
            hint,
            hint_term,
            commit,
        } => {
            e.u64(*index)?.u64(*hint)?.u64(*hint_term)?;
            e.u64(*commit)?.ok()
        }
        Body::Vote {
            pre,
            last_index,
            last_term,
            transfer,
        } => {
            e.bool(*pre)?.u64(*last_index)?.u64(*last_term)?;
            e.bool(*transfer)?.ok()
        }
        Body::VoteReply { pre, granted } => e.bool(*pre)?.bool(*granted)?.ok(),
        Body::Heartbeat { commit, read } | Body::HeartbeatReply { commit, read } => {
            e.u64(*commit)?.encode(read)?.ok()
        }
        Body::TimeoutNow => Ok(()),
    }
}

/// The number that represents the kind, and how many fields follow the common four.
fn shape(body: &Body) -> (u8, u64) {
    match body {
        Body::Append { .. } => (0, 4),
        Body::Accepted { .. } => (1, 2),
        Body::Rejected { .. } => (2, 4),
        Body::Vote { .. } => (3, 4),
        Body::VoteReply { .. } => (4, 2),
        Body::Heartbeat { .. } => (5, 2),
        Body::HeartbeatReply { .. } => (6, 2),
        Body::TimeoutNow => (7, 0),
    }
}

fn encode_entry(e: Sink, entry: Option<&Entry>) -> Written {
    let Some(entry) = entry else {
        return e.null()?.ok();
    };
    e.array(3)?.u64(entry.index)?.u64(entry.term)?;
    match &entry.payload {
        Payload::Empty => e.null()?.ok(),
        Payload::Block(block) => e.bytes(block)?.ok(),
        Payload::Change { change, block } => {
            let (kind, peer) = match change {
                Change::AddLearner(peer) => (0, peer),
                Change::Promote(peer) => (1, peer),
                Change::Remove(peer) => (2, peer),
                Change::Demote(peer) => (3, peer),
            };
            e.array(3)?.u8(kind)?.u64(*peer)?.bytes(block)?.ok()
        }
    }
}

fn decode_message(d: &mut Decoder, bytes: &Bytes) -> Result<Message, decode::Error> {
    let length = array(d)?;
    if length < 4 {
        return Err(decode::Error::message("message has too few fields"));
    }
    let kind = d.u8()?;
    let (from, to, term) = (d.u64()?, d.u64()?, d.u64()?);
    let body = decode_body(d, kind, bytes)?;
    if length != 4 + shape(&body).1 {
        return Err(decode::Error::message("message has another kind's length"));
    }
    Ok(Message {
        from,
        to,
        term,
        body,
    })
}

fn decode_body(d: &mut Decoder, kind: u8, bytes: &Bytes) -> Result<Body, decode::Error> {
    Ok(match kind {
        0 => Body::Append {
            index: d.u64()?,
            log_term: d.u64()?,
            commit: d.u64()?,
            entry: decode_entry(d, bytes)?,
        },
        1 => Body::Accepted {
            index: d.u64()?,
            commit: d.u64()?,
        },
        2 => Body::Rejected {
            index: d.u64()?,
            hint: d.u64()?,
            hint_term: d.u64()?,
            commit: d.u64()?,
        },
        3 => Body::Vote {
            pre: d.bool()?,
            last_index: d.u64()?,
            last_term: d.u64()?,
            transfer: d.bool()?,
        },
        4 => Body::VoteReply {
            pre: d.bool()?,
            granted: d.bool()?,
        },
        5 => Body::Heartbeat {
            commit: d.u64()?,
            read: d.decode()?,
        },
        6 => Body::HeartbeatReply {
            commit: d.u64()?,
            read: d.decode()?,
        },
        7 => Body::TimeoutNow,
        _ => return Err(decode::Error::message("no such kind of message")),
    })
}

fn decode_entry(d: &mut Decoder, bytes: &Bytes) -> Result<Option<Entry>, decode::Error> {
    if d.datatype()? == Type::Null {
        d.null()?;
        return Ok(None);
    }
    expect_array(d, 3)?;
    Ok(Some(Entry {
        index: d.u64()?,
        term: d.u64()?,
        payload: decode_payload(d, bytes)?,
    }))
}

fn decode_payload(d: &mut Decoder, bytes: &Bytes) -> Result<Payload, decode::Error> {
    match d.datatype()? {
        Type::Null => {
            d.null()?;
            Ok(Payload::Empty)
        }
        Type::Bytes => Ok(Payload::Block(decode_block(d, bytes)?)),
        _ => {
            expect_array(d, 3)?;
            let kind = d.u8()?;
            let peer = d.u64()?;
            let change = match kind {
                0 => Change::AddLearner(peer),
                1 => Change::Promote(peer),
                2 => Change::Remove(peer),
                3 => Change::Demote(peer),
                _ => return Err(decode::Error::message("no such kind of change")),
            };
            let block = decode_block(d, bytes)?;
            Ok(Payload::Change { change, block })
        }
    }
}

fn decode_block(d: &mut Decoder, bytes: &Bytes) -> Result<Bytes, decode::Error> {
    let block = d.bytes()?;
    if block.is_empty() || block.len() > BLOCK_BYTES_MAX {
        return Err(decode::Error::message("block is empty or too long"));
    }
    Ok(bytes.slice_ref(block))
}

/// The length of a definite-length array.
fn array(d: &mut Decoder) -> Result<u64, decode::Error> {
    d.array()?
        .ok_or_else(|| decode::Error::message("array of indefinite length"))
}

fn expect_array(d: &mut Decoder, length: u64) -> Result<(), decode::Error> {
    if array(d)? == length {
        Ok(())
    } else {
        Err(decode::Error::message("array has another length"))
    }
}
