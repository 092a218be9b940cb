//! What a node says about itself, and binds into its evidence.
//!
//! Invariants:
//! - the encoding is deterministic CBOR (RFC 8949 §4.2.1) and begins with a
//!   label and a version, so its hash can stand for nothing else;
//! - a statement that decodes encodes to the same bytes again.

use minicbor::{Decoder, Encoder};
use synod_crypto::{Digest, HpkePublicKey, PublicKey};

use crate::report_data::ReportData;

/// What a node wants to be trusted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A replica of the service.
    Replica,
    /// A client that attests itself to the service.
    Client,
    /// A worker that executes jobs.
    Worker,
}

impl Role {
    /// The number that represents the role in encoded statements.
    pub fn number(self) -> u8 {
        match self {
            Self::Replica => 1,
            Self::Client => 2,
            Self::Worker => 3,
        }
    }

    /// The role's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Client => "client",
            Self::Worker => "worker",
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Replica, Self::Client, Self::Worker]
            .into_iter()
            .find(|role| role.number() == number)
    }
}

/// A node's keys, role, and what they are meant for.
///
/// Its hash stands in the node's evidence, so a verdict on the evidence is a
/// verdict on these keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatement {
    /// The identity: born in the process, never stored.
    pub identity: PublicKey,
    /// The TLS key, as the DER of a P-256 `SubjectPublicKeyInfo` (RFC 5480).
    pub tls: Vec<u8>,
    /// The key to which secrets are sealed.
    pub hpke: HpkePublicKey,
    /// What the node wants to be.
    pub role: Role,
    /// The network id; for founders the digest of the genesis manifest.
    pub context: Digest,
    /// Proves that the evidence is not older than the nonce.
    pub nonce: Digest,
}

/// The bytes are not a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The bytes are not CBOR of the expected shape.
    #[error("statement is malformed")]
    Malformed,
    /// The label or the version is not one that this program knows.
    #[error("statement has an unknown label or version")]
    UnknownVersion,
    /// The role is not known.
    #[error("statement has an unknown role {0}")]
    UnknownRole(u8),
    /// The TLS key is empty or longer than [`NodeStatement::TLS_BYTES_MAX`].
    #[error("statement has a TLS key of {0} bytes, which is not a valid length")]
    TlsLength(usize),
    /// The bytes decode, but are not the deterministic encoding.
    #[error("statement is not in its deterministic encoding")]
    NotCanonical,
}

const LABEL: &str = "synod-node-statement";
const VERSION: u16 = 1;

impl NodeStatement {
    /// Longest accepted TLS key, in bytes.
    pub const TLS_BYTES_MAX: usize = 256;

    /// The deterministic encoding: `spec/attestation.cddl`, `node-statement`.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(320));
        self.write(&mut encoder)
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    /// Decodes the deterministic encoding, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StatementError> {
        let mut decoder = Decoder::new(bytes);
        let statement = Self::read(&mut decoder)?;
        if statement.encode() != bytes {
            return Err(StatementError::NotCanonical);
        }
        Ok(statement)
    }

    /// The report data that binds this statement.
    pub fn report_data(&self) -> ReportData {
        ReportData::from_statement(&self.encode())
    }

    fn write(
        &self,
        encoder: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder
            .array(8)?
            .str(LABEL)?
            .u16(VERSION)?
            .bytes(self.identity.as_bytes())?
            .bytes(&self.tls)?
            .bytes(self.hpke.as_bytes())?
            .u8(self.role.number())?
            .bytes(self.context.as_bytes())?
            .bytes(self.nonce.as_bytes())?;
        Ok(())
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, StatementError> {
        if decoder.array().ok() != Some(Some(8)) {
            return Err(StatementError::Malformed);
        }
        if decoder.str().ok() != Some(LABEL) || decoder.u16().ok() != Some(VERSION) {
            return Err(StatementError::UnknownVersion);
        }
        let identity = PublicKey::from(array(decoder)?);
        let tls = bytes(decoder)?;
        if tls.is_empty() || tls.len() > Self::TLS_BYTES_MAX {
            return Err(StatementError::TlsLength(tls.len()));
        }
        let hpke = HpkePublicKey::from(array(decoder)?);
        let role = decoder.u8().map_err(|_| StatementError::Malformed)?;
        let role = Role::from_number(role).ok_or(StatementError::UnknownRole(role))?;
        Ok(Self {
            identity,
            tls: tls.to_vec(),
            hpke,
            role,
            context: Digest::from(array(decoder)?),
            nonce: Digest::from(array(decoder)?),
        })
    }
}

fn bytes<'b>(decoder: &mut Decoder<'b>) -> Result<&'b [u8], StatementError> {
    decoder.bytes().map_err(|_| StatementError::Malformed)
}

fn array(decoder: &mut Decoder<'_>) -> Result<[u8; 32], StatementError> {
    bytes(decoder)?
        .try_into()
        .map_err(|_| StatementError::Malformed)
}
