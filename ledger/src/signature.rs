//! The signature of a replica over a block.
//!
//! It *is* the COSE signature of an RFC 9942 receipt: the signed bytes are the
//! `Sig_structure` of RFC 9052 §4.4 with the tree's root as payload, so that
//! any receipt of the block has it unchanged. Labels of the protected header:
//!
//! | label | value |
//! |---|---|
//! | 1 (alg) | -8, EdDSA |
//! | 4 (kid) | SHA-256 of the signer's identity key |
//! | 15 (CWT claims) | {1 (iss): the network id in hex, 2 (sub): "synod.block"} |
//! | 395 (vds) | 1, RFC9162_SHA256 |
//! | "synod.view" | the block's view |
//! | "synod.header" | the block's hash |
//!
//! The signer's duty, which no type can carry: sign only a block that was
//! checked, whose view is the term of the current append, and that stands on
//! disk together with the signature before the signature is sent.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, Signature, SigningKey};

use crate::configuration::Voter;
use crate::header::Head;

pub(crate) const LABEL_ALG: i64 = 1;
pub(crate) const LABEL_KID: i64 = 4;
pub(crate) const LABEL_CLAIMS: i64 = 15;
pub(crate) const LABEL_VDS: i64 = 395;
pub(crate) const LABEL_VIEW: &str = "synod.view";
pub(crate) const LABEL_HEADER: &str = "synod.header";
pub(crate) const ALG_EDDSA: i64 = -8;
pub(crate) const VDS_RFC9162_SHA256: i64 = 1;
pub(crate) const SUBJECT: &str = "synod.block";

const INFALLIBLE: &str = "writing to a vector cannot fail";

/// One replica's signature over one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BlockSignature {
    /// The replica that signed.
    #[n(0)]
    pub signer: u64,
    /// Over [`block_signature_message`] under its identity key.
    #[n(1)]
    pub signature: Signature,
}

impl BlockSignature {
    /// Signs a block that the caller has checked.
    pub fn sign(key: &SigningKey, signer: u64, network: &Digest, head: &Head) -> Self {
        let kid = key.public().digest();
        let message = block_signature_message(network, &kid, &head.hash, head.view, &head.root);
        Self {
            signer,
            signature: key.sign(&message),
        }
    }

    /// Checks the signature under the voter's key. That `voter` is the signer is
    /// for the caller to see to.
    pub fn verify(&self, network: &Digest, head: &Head, voter: &Voter) -> Result<(), BadSignature> {
        let kid = voter.key.digest();
        let message = block_signature_message(network, &kid, &head.hash, head.view, &head.root);
        voter.key.verify(&message, &self.signature)
    }
}

/// The bytes that are signed: the COSE `Sig_structure` of the block's receipts.
pub fn block_signature_message(
    network: &Digest,
    kid: &Digest,
    header_hash: &Digest,
    view: u64,
    root: &Digest,
) -> Vec<u8> {
    sig_structure(
        &protected_header(network, kid, header_hash, view),
        root.as_bytes(),
    )
}

/// The protected header of a block's receipts, encoded.
pub fn protected_header(
    network: &Digest,
    kid: &Digest,
    header_hash: &Digest,
    view: u64,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut e = minicbor::Encoder::new(&mut out);
    e.map(6)
        .and_then(|e| e.i64(LABEL_ALG)?.i64(ALG_EDDSA))
        .and_then(|e| e.i64(LABEL_KID)?.bytes(kid.as_bytes()))
        .and_then(|e| e.i64(LABEL_CLAIMS)?.map(2))
        .and_then(|e| e.i64(1)?.str(&network.to_string()))
        .and_then(|e| e.i64(2)?.str(SUBJECT))
        .and_then(|e| e.i64(LABEL_VDS)?.i64(VDS_RFC9162_SHA256))
        .and_then(|e| e.str(LABEL_VIEW)?.u64(view))
        .and_then(|e| e.str(LABEL_HEADER)?.bytes(header_hash.as_bytes()))
        .expect(INFALLIBLE);
    out
}

/// RFC 9052 §4.4 for `COSE_Sign1` without external data.
pub(crate) fn sig_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(protected.len() + payload.len() + 24);
    let mut e = minicbor::Encoder::new(&mut out);
    e.array(4)
        .and_then(|e| e.str("Signature1"))
        .and_then(|e| e.bytes(protected))
        .and_then(|e| e.bytes(&[]))
        .and_then(|e| e.bytes(payload))
        .expect(INFALLIBLE);
    out
}
