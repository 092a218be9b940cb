//! The first input: manifest, founders, the members' approvals, the shares.

use minicbor::{Decode, Encode};
use synod_crypto::{Digest, PublicKey, SigningKey, cose};

use crate::address::Address;
use crate::attested::AttestedStatement;
use crate::codec::{self, Malformed};
use crate::wrap::WrappedSecret;

/// The content type under which members approve a founder.
pub const APPROVAL_CONTENT_TYPE: &str = "application/synod-founder-approval+cbor";
/// Most founders. One is the normal case.
pub const FOUNDERS_MAX: usize = 8;

const APPROVAL_BYTES_MAX: usize = 256;

/// What members sign for a founder after they judged its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Approval {
    /// The digest of the manifest.
    #[n(0)]
    pub manifest: Digest,
    /// The founder's identity key.
    #[n(1)]
    pub identity: PublicKey,
    /// The digest of the founder's evidence (`Evidence::digest`).
    #[n(2)]
    pub evidence: Digest,
}

impl Approval {
    /// The approval that a founder with this statement and evidence needs.
    pub fn of(manifest: Digest, founder: &AttestedStatement) -> Self {
        Self {
            manifest,
            identity: founder.statement.identity,
            evidence: founder.evidence.digest(),
        }
    }

    /// One member's signature: a COSE_Sign1 with the approval as its payload.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        cose::sign1(key, APPROVAL_CONTENT_TYPE, &self.encode())
    }

    /// The bytes that members sign.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`Approval::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, APPROVAL_BYTES_MAX)
    }
}

/// A replica that exists before the network does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Founder {
    /// Its statement, with the manifest's digest as context, and its evidence.
    #[n(0)]
    pub attested: AttestedStatement,
    /// Where it can be reached.
    #[n(1)]
    pub address: Address,
    /// A COSE_Sign1 of each approving member over an [`Approval`].
    #[n(2)]
    #[cbor(with = "codec::byte_strings")]
    pub approvals: Vec<Vec<u8>>,
}

/// The input of block 0.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Genesis {
    /// The manifest as its authors wrote it (TOML).
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub manifest: Vec<u8>,
    /// The founders, in the order of their ids, which start at 1. All vote.
    #[n(1)]
    pub founders: Vec<Founder>,
    /// The first ledger secret, shared among the members.
    #[n(2)]
    pub secret: WrappedSecret,
}
