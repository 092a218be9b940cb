//! What replicas say to each other: an engine message with what the rules of Raft in TEEs ask to
//! ride along.
//!
//! The channel authenticates an envelope as a whole, names its sender, and numbers it; nothing here
//! does. Layout: `spec/replica.cddl`.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_consensus::Message;
use synod_crypto::Digest;
use synod_governance::{UnheardStatement, VOTERS_MAX};
use synod_ledger::{BlockSignature, ClockReading, HEADER_BYTES_MAX};

use crate::compile_report::CompileReport;

/// One message between two replicas.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// The engine's message, if any.
    pub message: Option<Message>,
    /// Hash of the sender's last block at or below the message's index, for appends and
    /// acknowledgements.
    pub tail: Option<Digest>,
    /// The sender's signature over the block that the message acknowledges.
    pub signature: Option<BlockSignature>,
    /// A certificate in its encoding: with an append the newest over a block at or below the
    /// message's index, else the newest that the sender knows.
    pub certificate: Option<Bytes>,
    /// The sender's clock, signed.
    pub reading: Option<Box<ClockReading>>,
    /// What the sender asks the leader to put on the ledger, an input of governance in its
    /// encoding.
    pub submission: Option<Bytes>,
    /// Why the leader does not, in at most [`REFUSAL_BYTES_MAX`] bytes.
    pub refusal: Option<String>,
    /// What the sender says of a version of an app that it was to compile.
    pub app_report: Option<Box<CompileReport>>,
    /// What is said of a read at a replica that does not lead.
    pub read: Option<Box<ReadWord>>,
    /// The header of the block that the certificate is over, so that histories can be compared.
    pub header: Option<Bytes>,
    /// Whether the sender's disk refuses writes: a heartbeat reply says so while it does.
    pub disk_refuses: Option<bool>,
    /// Whom the sender has not heard for long; at most [`UNHEARD_WORDS_MAX`].
    pub unheard: Box<[UnheardWord]>,
}

/// Most voters of which one message says that they are not heard.
pub const UNHEARD_WORDS_MAX: usize = VOTERS_MAX;

/// A voter has not heard another one for long, signed for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct UnheardWord {
    /// The silent voter.
    #[n(0)]
    pub about: u64,
    /// What is said of it.
    #[n(1)]
    pub statement: UnheardStatement,
}

/// From which index on is a state new enough for a read?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub enum ReadWord {
    /// The sender asks the leader, under a number of its own.
    #[n(0)]
    Ask {
        /// The number.
        #[n(0)]
        ask: u64,
    },
    /// The leader answers: from the certified block at this index on.
    #[n(1)]
    Index {
        /// The number under which it was asked.
        #[n(0)]
        ask: u64,
        /// The index.
        #[n(1)]
        index: u64,
    },
}

/// The longest explanation of a refusal, in bytes.
pub const REFUSAL_BYTES_MAX: usize = 4096;

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[cbor(n(0), with = "minicbor::bytes")]
    message: Option<Vec<u8>>,
    #[n(1)]
    tail: Option<Digest>,
    #[n(2)]
    signature: Option<BlockSignature>,
    #[cbor(n(3), with = "minicbor::bytes")]
    certificate: Option<Vec<u8>>,
    #[n(4)]
    reading: Option<Box<ClockReading>>,
    #[cbor(n(5), with = "minicbor::bytes")]
    submission: Option<Vec<u8>>,
    #[n(6)]
    refusal: Option<String>,
    #[n(7)]
    app_report: Option<Box<CompileReport>>,
    #[n(8)]
    read: Option<Box<ReadWord>>,
    #[cbor(n(9), with = "minicbor::bytes")]
    header: Option<Vec<u8>>,
    #[n(10)]
    disk_refuses: Option<bool>,
    #[n(11)]
    unheard: Option<Vec<UnheardWord>>,
}

/// The bytes are no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed envelope")]
pub struct MalformedEnvelope;

impl Envelope {
    /// The encoding that goes over the channel.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            message: self.message.as_ref().map(encode_message),
            tail: self.tail,
            signature: self.signature,
            certificate: self.certificate.as_ref().map(|bytes| bytes.to_vec()),
            reading: self.reading.clone(),
            submission: self.submission.as_ref().map(|bytes| bytes.to_vec()),
            refusal: self.refusal.clone(),
            app_report: self.app_report.clone(),
            read: self.read.clone(),
            header: self.header.as_ref().map(|bytes| bytes.to_vec()),
            disk_refuses: self.disk_refuses,
            unheard: (!self.unheard.is_empty()).then(|| self.unheard.to_vec()),
        };
        minicbor::to_vec(&wire).expect("encoding into memory does not fail")
    }

    /// Reads an envelope, whole.
    ///
    /// # Errors
    /// [`MalformedEnvelope`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedEnvelope> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let wire: Wire = decoder.decode().map_err(|_| MalformedEnvelope)?;
        if decoder.position() != bytes.len() {
            return Err(MalformedEnvelope);
        }
        let message = wire
            .message
            .map(|bytes| Message::decode(&Bytes::from(bytes)))
            .transpose()
            .map_err(|_| MalformedEnvelope)?;
        let too_long = |text: &String| text.len() > REFUSAL_BYTES_MAX;
        if wire.refusal.as_ref().is_some_and(too_long) {
            return Err(MalformedEnvelope);
        }
        let long = |bytes: &Vec<u8>| bytes.len() > HEADER_BYTES_MAX;
        if wire.header.as_ref().is_some_and(long) {
            return Err(MalformedEnvelope);
        }
        if !wire
            .app_report
            .as_ref()
            .is_none_or(|report| report.is_sound())
        {
            return Err(MalformedEnvelope);
        }
        let unheard = wire.unheard.unwrap_or_default();
        if unheard.len() > UNHEARD_WORDS_MAX {
            return Err(MalformedEnvelope);
        }
        Ok(Self {
            message,
            tail: wire.tail,
            signature: wire.signature,
            certificate: wire.certificate.map(Bytes::from),
            reading: wire.reading,
            submission: wire.submission.map(Bytes::from),
            refusal: wire.refusal,
            app_report: wire.app_report,
            read: wire.read,
            header: wire.header.map(Bytes::from),
            disk_refuses: wire.disk_refuses,
            unheard: unheard.into(),
        })
    }
}

fn encode_message(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}
