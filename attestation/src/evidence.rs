//! Evidence: what a TEE signed, in the vendor's own format.
//!
//! Invariants:
//! - evidence is never longer than [`Evidence::BYTES_MAX`];
//! - holding evidence says nothing about whether it is genuine.

use minicbor::{Decoder, Encoder};
use synod_crypto::{Digest, sha256};

use crate::tee::Tee;

/// Bytes that claim to come from a TEE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    tee: Tee,
    bytes: Vec<u8>,
}

/// The bytes are not evidence of a known kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// There are more bytes than any TEE emits.
    #[error("evidence of {0} bytes is longer than any TEE emits")]
    TooLong(usize),
    /// The CBOR wrapper is malformed or has bytes left over.
    #[error("evidence is malformed")]
    Malformed,
    /// No known TEE emits bytes of this shape.
    #[error("evidence is of an unknown kind")]
    UnknownKind,
}

impl Evidence {
    /// Longest accepted evidence, in bytes.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// Bytes known to be meant for `tee`.
    pub fn new(tee: Tee, bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        Ok(Self { tee, bytes })
    }

    /// Tells the TEE from the shape of the bytes. A wrong guess does no harm:
    /// verification then fails.
    pub fn detect(bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        let tee = match bytes.as_slice() {
            // Quote header: version 4 or 5, key type 2, TEE type 0x81.
            [4 | 5, 0, 2, 0, 0x81, 0, 0, 0, ..] => Tee::Tdx,
            // COSE_Sign1 (an array of four), with or without its tag 18.
            [0x84, ..] | [0xd2, 0x84, ..] => Tee::Nitro,
            // A report's length is fixed, its version small.
            [2..=5, 0, 0, 0, ..] if bytes.len() == 0x4a0 => Tee::SevSnp,
            _ => return Err(EvidenceError::UnknownKind),
        };
        Self::new(tee, bytes)
    }

    /// The TEE that the bytes are meant for.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The vendor's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 of the encoding. It names these bytes and nothing more:
    /// some vendors' formats are malleable, so it is no replay key.
    pub fn digest(&self) -> Digest {
        sha256(&[&self.encode()])
    }

    /// The encoding: `spec/attestation.cddl`, `evidence`.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(self.bytes.len() + 8));
        encoder
            .array(2)
            .and_then(|e| e.u8(self.tee.number()))
            .and_then(|e| e.bytes(&self.bytes))
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    /// Decodes the deterministic encoding, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > Self::BYTES_MAX + 8 {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        let malformed = |_| EvidenceError::Malformed;
        let mut decoder = Decoder::new(bytes);
        if decoder.array().map_err(malformed)? != Some(2) {
            return Err(EvidenceError::Malformed);
        }
        let tee = decoder.u8().map_err(malformed)?;
        let tee = Tee::from_number(tee).ok_or(EvidenceError::UnknownKind)?;
        let inner = decoder.bytes().map_err(malformed)?;
        let evidence = Self::new(tee, inner.to_vec())?;
        if evidence.encode() != bytes {
            return Err(EvidenceError::Malformed);
        }
        Ok(evidence)
    }
}
