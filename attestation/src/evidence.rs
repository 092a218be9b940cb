//! Evidence: what a TEE signed, in the vendor's own format, with what is
//! needed to read it, and what further TEEs of the same attester signed.
//!
//! Invariants:
//! - what a TEE signed is never longer than [`Evidence::BYTES_MAX`], all of it
//!   together never longer than [`Evidence::TOTAL_BYTES_MAX`];
//! - parts have no parts of their own;
//! - holding evidence says nothing about whether it is genuine.

use minicbor::{Decoder, Encoder};
use synod_crypto::{Digest, sha256};

use crate::{
    eventlog::{EventLog, Kind},
    tee::Tee,
};

/// Bytes that claim to come from a TEE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    tee: Tee,
    bytes: Vec<u8>,
    /// By kind, each at most once.
    logs: Vec<(Kind, Vec<u8>)>,
    parts: Vec<Part>,
}

/// A further layer or device of the same attester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    name: String,
    evidence: Evidence,
}

impl Part {
    /// What policies call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its evidence, which has no parts of its own.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// The bytes are not evidence of a known kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// There are more bytes than any TEE emits.
    #[error("evidence is too long: {0} bytes")]
    TooLong(usize),
    /// The CBOR wrapper is malformed or has bytes left over.
    #[error("evidence is malformed")]
    Malformed,
    /// No known TEE emits bytes of this shape.
    #[error("evidence has an unknown type")]
    UnknownKind,
    /// Only TDX has registers that an event log belongs to.
    #[error("{0} evidence cannot have an event log")]
    NoLog(Tee),
    /// There is a log of this kind already.
    #[error("evidence has two event logs of kind `{0}`")]
    SecondLog(Kind),
    /// There are more than [`Evidence::PARTS_MAX`] parts.
    #[error("evidence has too many parts")]
    TooManyParts,
    /// A part has parts of its own.
    #[error("a part of the evidence has parts itself")]
    NestedPart,
    /// A part's name is not 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`, or it is
    /// there twice.
    #[error("a part of the evidence has an invalid name")]
    PartName,
}

impl Evidence {
    /// Longest accepted bytes of one TEE.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// Longest accepted encoding, with logs and parts, in bytes.
    pub const TOTAL_BYTES_MAX: usize = 2 * 1024 * 1024;

    /// The most parts besides the lead.
    pub const PARTS_MAX: usize = 8;

    /// Bytes known to be meant for `tee`.
    pub fn new(tee: Tee, bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        Ok(Self {
            tee,
            bytes,
            logs: Vec::new(),
            parts: Vec::new(),
        })
    }

    /// Adds the event log that the registers of a trust domain are replayed
    /// from.
    pub fn with_log(mut self, kind: Kind, bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        if self.tee != Tee::Tdx {
            return Err(EvidenceError::NoLog(self.tee));
        }
        if bytes.len() > EventLog::BYTES_MAX {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        let Err(at) = self.logs.binary_search_by_key(&kind, |(known, _)| *known) else {
            return Err(EvidenceError::SecondLog(kind));
        };
        self.logs.insert(at, (kind, bytes));
        self.bounded()
    }

    /// Adds a further layer or device under a name that policies know.
    pub fn with_part(mut self, name: &str, evidence: Self) -> Result<Self, EvidenceError> {
        if !evidence.parts.is_empty() {
            return Err(EvidenceError::NestedPart);
        }
        if self.parts.len() == Self::PARTS_MAX {
            return Err(EvidenceError::TooManyParts);
        }
        if !is_name(name) || self.parts.iter().any(|part| part.name == name) {
            return Err(EvidenceError::PartName);
        }
        let name = name.to_owned();
        self.parts.push(Part { name, evidence });
        self.bounded()
    }

    fn bounded(self) -> Result<Self, EvidenceError> {
        // Each piece adds a few bytes of its own: kind, lengths, name.
        const OVERHEAD: usize = 100;
        let logs: usize = self.logs.iter().map(|(_, log)| log.len() + OVERHEAD).sum();
        let parts = self.parts.iter().map(|part| &part.evidence);
        let in_parts: usize = parts
            .map(|part| {
                let logs = part.logs.iter().map(|(_, log)| log.len() + OVERHEAD);
                part.bytes.len() + OVERHEAD + logs.sum::<usize>()
            })
            .sum();
        let total = self.bytes.len() + OVERHEAD + logs + in_parts;
        if total > Self::TOTAL_BYTES_MAX {
            return Err(EvidenceError::TooLong(total));
        }
        Ok(self)
    }

    /// Tells the TEE from the shape of the bytes. A wrong guess does no harm:
    /// verification then fails.
    pub fn detect(bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        let tee = match bytes.as_slice() {
            // Quote header: version, key type 2 or 3, TEE type 0 or 0x81. One of
            // version 3 has reserved bytes there.
            [3, 0, 2 | 3, 0, ..] | [4 | 5, 0, 2 | 3, 0, 0, 0, 0, 0, ..] => Tee::Sgx,
            [4 | 5, 0, 2 | 3, 0, 0x81, 0, 0, 0, ..] => Tee::Tdx,
            // COSE_Sign1 (an array of four), with or without its tag 18.
            [0x84, ..] | [0xd2, 0x84, ..] => Tee::Nitro,
            // A report's length is fixed, its version small.
            [2..=5, 0, 0, 0, ..] if bytes.len() == 0x4a0 => Tee::SevSnp,
            _ => return Err(EvidenceError::UnknownKind),
        };
        Self::new(tee, bytes)
    }

    /// The TEE that the bytes are meant for; of composite evidence, the
    /// lead's.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The vendor's bytes; of composite evidence, the lead's.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The event logs that came along.
    pub fn logs(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        self.logs.iter().map(|(kind, log)| (*kind, log.as_slice()))
    }

    /// The parts besides the lead.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The SHA-256 of the encoding. It names these bytes and nothing more:
    /// some vendors' formats are malleable, so it is not a replay key.
    pub fn digest(&self) -> Digest {
        sha256(&[&self.encode()])
    }

    /// The encoding: `spec/attestation.cddl`, `evidence`.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(self.bytes.len() + 8));
        self.write(&mut encoder)
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    fn write(
        &self,
        encoder: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        let plain = self.logs.is_empty() && self.parts.is_empty();
        encoder
            .array(if plain { 2 } else { 4 })?
            .u8(self.tee.number())?
            .bytes(&self.bytes)?;
        if plain {
            return Ok(());
        }
        encoder.array(self.logs.len() as u64)?;
        for (kind, log) in &self.logs {
            encoder.array(2)?.u8(kind.number())?.bytes(log)?;
        }
        encoder.array(self.parts.len() as u64)?;
        for part in &self.parts {
            encoder.array(2)?.str(&part.name)?;
            part.evidence.write(encoder)?;
        }
        Ok(())
    }

    /// Decodes the deterministic encoding, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > Self::TOTAL_BYTES_MAX {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        let evidence = Self::read(&mut Decoder::new(bytes), true)?;
        if evidence.encode() != bytes {
            return Err(EvidenceError::Malformed);
        }
        Ok(evidence)
    }

    /// Reads evidence, of which only the lead may have parts.
    fn read(decoder: &mut Decoder<'_>, lead: bool) -> Result<Self, EvidenceError> {
        let fields = length(decoder)?;
        let tee = decoder.u8().map_err(malformed)?;
        let tee = Tee::from_number(tee).ok_or(EvidenceError::UnknownKind)?;
        let inner = decoder.bytes().map_err(malformed)?;
        let evidence = Self::new(tee, inner.to_vec())?;
        match fields {
            2 => Ok(evidence),
            4 => evidence.read_logs(decoder)?.read_parts(decoder, lead),
            _ => Err(EvidenceError::Malformed),
        }
    }

    fn read_logs(mut self, decoder: &mut Decoder<'_>) -> Result<Self, EvidenceError> {
        for _ in 0..length(decoder)? {
            if length(decoder)? != 2 {
                return Err(EvidenceError::Malformed);
            }
            let kind = decoder.u8().map_err(malformed)?;
            let kind = Kind::from_number(kind).ok_or(EvidenceError::UnknownKind)?;
            let log = decoder.bytes().map_err(malformed)?;
            self = self.with_log(kind, log.to_vec())?;
        }
        Ok(self)
    }

    fn read_parts(mut self, decoder: &mut Decoder<'_>, lead: bool) -> Result<Self, EvidenceError> {
        let parts = length(decoder)?;
        if parts > 0 && !lead {
            return Err(EvidenceError::NestedPart);
        }
        for _ in 0..parts {
            if length(decoder)? != 2 {
                return Err(EvidenceError::Malformed);
            }
            let name = decoder.str().map_err(malformed)?;
            let evidence = Self::read(decoder, false)?;
            self = self.with_part(name, evidence)?;
        }
        Ok(self)
    }
}

fn malformed(_: minicbor::decode::Error) -> EvidenceError {
    EvidenceError::Malformed
}

fn length(decoder: &mut Decoder<'_>) -> Result<u64, EvidenceError> {
    let length = decoder.array().map_err(malformed)?;
    length.ok_or(EvidenceError::Malformed)
}

fn is_name(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}
