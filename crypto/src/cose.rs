//! COSE_Sign1 (RFC 9052 §4.2) with EdDSA, for what members and replicas sign
//! so that others can keep and check it.
//!
//! There is exactly one encoding of a signed message here, and only that one
//! is accepted:
//!
//! * tagged (18), the payload attached, the unprotected header empty;
//! * the protected header holds `alg` (EdDSA), content type and `kid` (the
//!   SHA-256 of the public key), nothing else;
//! * everything in deterministic CBOR (RFC 8949 §4.2), no bytes after it.

use coset::{
    ContentType, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, RegisteredLabelWithPrivate,
    TaggedCborSerializable, iana,
};

use crate::{
    digest::Digest,
    sign::{PublicKey, Signature, SigningKey},
};

/// Signs `payload` as a message of `content_type`.
pub fn sign1(key: &SigningKey, content_type: &str, payload: &[u8]) -> Vec<u8> {
    let header = header(content_type, &key.public().digest());
    let message = message(header, payload)
        .create_signature(b"", |signed| key.sign(signed).as_bytes().to_vec())
        .build();
    encode(message)
}

/// Verifies a message of `content_type` by the key that `key_of` knows for
/// its `kid`.
pub fn verify1(
    bytes: &[u8],
    content_type: &str,
    key_of: impl FnOnce(&Digest) -> Option<PublicKey>,
) -> Result<Verified, CoseError> {
    let parsed = CoseSign1::from_tagged_slice(bytes).map_err(|_| CoseError::Malformed)?;
    let kid = checked_kid(&parsed.protected.header, content_type)?;
    let payload = parsed.payload.as_deref().ok_or(CoseError::Malformed)?;
    let signature =
        Signature::try_from(parsed.signature.as_slice()).map_err(|_| CoseError::Malformed)?;

    let canonical = message(header(content_type, &kid), payload)
        .signature(parsed.signature.clone())
        .build();
    if encode(canonical.clone()) != bytes {
        return Err(CoseError::NotCanonical);
    }

    let key = key_of(&kid).filter(|key| key.digest() == kid);
    key.ok_or(CoseError::UnknownKey { kid })?
        .verify(&canonical.tbs_data(b""), &signature)
        .map_err(|_| CoseError::BadSignature { kid })?;
    Ok(Verified {
        kid,
        payload: payload.to_vec(),
    })
}

/// A message whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    kid: Digest,
    payload: Vec<u8>,
}

impl Verified {
    /// The digest of the key that signed.
    pub fn kid(&self) -> Digest {
        self.kid
    }

    /// What was signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What was signed, taken out.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }
}

/// Why a signed message is not accepted. The sender is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Not a tagged COSE_Sign1 with payload, `kid` and a 64-byte signature.
    #[error("not a well-formed COSE_Sign1 message")]
    Malformed,
    /// Signed with another algorithm than EdDSA.
    #[error("signature algorithm is not EdDSA")]
    WrongAlgorithm,
    /// A signed message, but of another kind.
    #[error("content type is not `{expected}`")]
    WrongContentType {
        /// The kind that was asked for.
        expected: String,
    },
    /// A header or an encoding that this profile does not know, `crit`
    /// included.
    #[error("message has unknown headers or is not in canonical encoding")]
    NotCanonical,
    /// Nobody known signs with this key.
    #[error("unknown signing key {kid}")]
    UnknownKey {
        /// The digest that the message names.
        kid: Digest,
    },
    /// The signature does not belong to message and key.
    #[error("signature by key {kid} does not verify")]
    BadSignature {
        /// The digest that the message names.
        kid: Digest,
    },
}

fn header(content_type: &str, kid: &Digest) -> Header {
    HeaderBuilder::new()
        .algorithm(iana::Algorithm::EdDSA)
        .content_type(content_type.to_owned())
        .key_id(kid.as_bytes().to_vec())
        .build()
}

fn message(header: Header, payload: &[u8]) -> CoseSign1Builder {
    CoseSign1Builder::new()
        .protected(header)
        .payload(payload.to_vec())
}

fn encode(message: CoseSign1) -> Vec<u8> {
    message
        .to_tagged_vec()
        .expect("a message of bytes and text always encodes")
}

fn checked_kid(header: &Header, content_type: &str) -> Result<Digest, CoseError> {
    let eddsa = RegisteredLabelWithPrivate::Assigned(iana::Algorithm::EdDSA);
    if header.alg.as_ref() != Some(&eddsa) {
        return Err(CoseError::WrongAlgorithm);
    }
    if header.content_type != Some(ContentType::Text(content_type.to_owned())) {
        return Err(CoseError::WrongContentType {
            expected: content_type.to_owned(),
        });
    }
    Digest::try_from(header.key_id.as_slice()).map_err(|_| CoseError::Malformed)
}
