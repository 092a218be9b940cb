//! One COSE receipt (RFC 9942 §4, §5.2): a tagged `COSE_Sign1` whose payload, the
//! root, is detached, and whose unprotected header carries an inclusion proof.
//!
//! ```text
//! 18([ protected bstr, {396 (vdp): {-1 (inclusion): [ proof bstr ]}}, nil, signature bstr ])
//! ```
//!
//! Only the one encoding that this crate writes is accepted.

use bytes::Bytes;
use minicbor::Decoder;
use minicbor::data::{Tag, Type};
use synod_crypto::{Digest, Signature};

use crate::canonical;
use crate::signature::{
    ALG_EDDSA, LABEL_ALG, LABEL_CLAIMS, LABEL_HEADER, LABEL_KID, LABEL_VDS, LABEL_VIEW, SUBJECT,
    VDS_RFC9162_SHA256, protected_header,
};
use crate::tree::InclusionProof;

/// The longest COSE receipt in bytes.
pub(crate) const COSE_RECEIPT_BYTES_MAX: usize = 8 * 1024;

const TAG_SIGN1: u64 = 18;
const LABEL_VDP: i64 = 396;
const VDP_INCLUSION: i64 = -1;
const INFALLIBLE: &str = "writing to a vector cannot fail";

/// Why bytes are not a COSE receipt of Synod's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoseReceiptError {
    /// Not a tagged `COSE_Sign1` with this profile's headers, encoded the one way.
    #[error("not a COSE receipt of this profile")]
    Shape,
    /// The payload is attached; nothing would tie it to the leaf.
    #[error("the payload is attached, but must be detached")]
    AttachedPayload,
    /// The algorithm is not `EdDSA`.
    #[error("signature algorithm is {0}, expected EdDSA")]
    Algorithm(i64),
    /// The tree algorithm is not `RFC9162_SHA256`.
    #[error("tree algorithm is {0}, expected RFC9162_SHA256")]
    TreeAlgorithm(i64),
    /// The CWT claims are not issuer and subject of a Synod block.
    #[error("the claims do not describe a block")]
    Claims,
}

/// A COSE receipt taken apart; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoseReceipt {
    pub(crate) kid: Digest,
    pub(crate) issuer: Digest,
    pub(crate) view: u64,
    pub(crate) header_hash: Digest,
    pub(crate) proof: InclusionProof,
    pub(crate) signature: Signature,
}

/// Writes a receipt.
pub(crate) fn encode(protected: &[u8], proof: &InclusionProof, signature: &Signature) -> Bytes {
    let proof = canonical::encode(proof);
    let mut out = Vec::with_capacity(protected.len() + proof.len() + 96);
    let mut e = minicbor::Encoder::new(&mut out);
    e.tag(Tag::new(TAG_SIGN1))
        .and_then(|e| e.array(4)?.bytes(protected))
        .and_then(|e| e.map(1)?.i64(LABEL_VDP)?.map(1)?.i64(VDP_INCLUSION))
        .and_then(|e| e.array(1)?.bytes(&proof))
        .and_then(|e| e.null()?.bytes(signature.as_bytes()))
        .expect(INFALLIBLE);
    out.into()
}

/// Takes a receipt apart, strictly.
pub(crate) fn parse(bytes: &[u8]) -> Result<CoseReceipt, CoseReceiptError> {
    if bytes.len() > COSE_RECEIPT_BYTES_MAX {
        return Err(CoseReceiptError::Shape);
    }
    let (protected, proof, signature) = envelope(bytes)?;
    let (kid, issuer, view, header_hash) = parse_protected(protected)?;
    let receipt = CoseReceipt {
        kid,
        issuer,
        view,
        header_hash,
        proof,
        signature,
    };
    let again = protected_header(&issuer, &kid, &header_hash, view);
    if again == protected && encode(protected, &receipt.proof, &signature) == bytes {
        Ok(receipt)
    } else {
        Err(CoseReceiptError::Shape)
    }
}

fn envelope(bytes: &[u8]) -> Result<(&[u8], InclusionProof, Signature), CoseReceiptError> {
    const SHAPE: CoseReceiptError = CoseReceiptError::Shape;
    let mut d = Decoder::new(bytes);
    let protected = opening(&mut d).ok_or(SHAPE)?;
    let proof = inclusion(&mut d).ok_or(SHAPE)?;
    match d.datatype().map_err(|_| SHAPE)? {
        Type::Null => d.null().map_err(|_| SHAPE)?,
        Type::Bytes => return Err(CoseReceiptError::AttachedPayload),
        _ => return Err(SHAPE),
    }
    let signature = d.decode().map_err(|_| SHAPE)?;
    Ok((protected, proof, signature))
}

fn opening<'b>(d: &mut Decoder<'b>) -> Option<&'b [u8]> {
    let tagged = d.tag().ok()? == Tag::new(TAG_SIGN1) && d.array().ok()? == Some(4);
    tagged.then(|| d.bytes().ok())?
}

fn inclusion(d: &mut Decoder<'_>) -> Option<InclusionProof> {
    let labelled = d.map().ok()? == Some(1)
        && d.i64().ok()? == LABEL_VDP
        && d.map().ok()? == Some(1)
        && d.i64().ok()? == VDP_INCLUSION
        && d.array().ok()? == Some(1);
    let bytes = labelled.then(|| d.bytes().ok())??;
    canonical::decode(bytes, COSE_RECEIPT_BYTES_MAX).ok()
}

type Protected = (Digest, Digest, u64, Digest);

fn parse_protected(bytes: &[u8]) -> Result<Protected, CoseReceiptError> {
    const SHAPE: CoseReceiptError = CoseReceiptError::Shape;
    let mut d = Decoder::new(bytes);
    let size = d.map().map_err(|_| SHAPE)?;
    let alg = labelled_int(&mut d, LABEL_ALG)
        .filter(|_| size == Some(6))
        .ok_or(SHAPE)?;
    if alg != ALG_EDDSA {
        return Err(CoseReceiptError::Algorithm(alg));
    }
    let kid = kid(&mut d).ok_or(SHAPE)?;
    let issuer = claims(&mut d).ok_or(CoseReceiptError::Claims)?;
    let vds = labelled_int(&mut d, LABEL_VDS).ok_or(SHAPE)?;
    if vds != VDS_RFC9162_SHA256 {
        return Err(CoseReceiptError::TreeAlgorithm(vds));
    }
    let (view, header_hash) = block_labels(&mut d).ok_or(SHAPE)?;
    Ok((kid, issuer, view, header_hash))
}

fn labelled_int(d: &mut Decoder<'_>, label: i64) -> Option<i64> {
    (d.i64().ok()? == label).then(|| d.i64().ok())?
}

fn kid(d: &mut Decoder<'_>) -> Option<Digest> {
    (d.i64().ok()? == LABEL_KID).then(|| d.decode().ok())?
}

fn claims(d: &mut Decoder<'_>) -> Option<Digest> {
    let opens = d.i64().ok()? == LABEL_CLAIMS && d.map().ok()? == Some(2) && d.i64().ok()? == 1;
    let issuer = opens.then(|| d.str().ok())??.parse().ok()?;
    let subject = d.i64().ok()? == 2 && d.str().ok()? == SUBJECT;
    subject.then_some(issuer)
}

fn block_labels(d: &mut Decoder<'_>) -> Option<(u64, Digest)> {
    let view = (d.str().ok()? == LABEL_VIEW).then(|| d.u64().ok())??;
    let header = (d.str().ok()? == LABEL_HEADER).then(|| d.decode().ok())??;
    Some((view, header))
}
