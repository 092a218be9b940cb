//! Signatures of replicas and members: Ed25519 (RFC 8032).

use curve25519_dalek::edwards::CompressedEdwardsY;

#[cfg(synod_simulation)]
use crate::simulation;
use crate::{
    backend::{self, primitive::Scheme},
    byte_types::byte_type,
    digest::{Digest, sha256},
    secret::Secret,
};

/// The signature does not belong to this message and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// A key that signs.
pub struct SigningKey {
    pair: backend::Ed25519,
    public: PublicKey,
}

impl SigningKey {
    /// The key of RFC 8032 §5.1.5 for this seed.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let pair = backend::Ed25519::from_seed(seed.expose());
        let public = PublicKey(pair.public());
        Self { pair, public }
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `message`. The same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        #[cfg(synod_simulation)]
        if let Some(signature) = simulation::sign(&self.public.0, message) {
            return Signature(signature);
        }
        Signature(self.pair.sign(message))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// A key that verifies. Any 32 bytes are accepted here; bytes that are not a valid
/// key verify nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

byte_type!(PublicKey, 32);

impl PublicKey {
    /// Accepts exactly the signatures that this key's owner made over
    /// `message`. Keys of small order, for which one signature fits many
    /// messages, are refused.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        #[cfg(synod_simulation)]
        if let Some(expected) = simulation::sign(&self.0, message) {
            return if expected == signature.0 {
                Ok(())
            } else {
                Err(BadSignature)
            };
        }
        let point = CompressedEdwardsY(self.0).decompress();
        if point.is_none_or(|point| point.is_small_order()) {
            return Err(BadSignature);
        }
        backend::verify(Scheme::Ed25519, &self.0, message, &signature.0).map_err(|_| BadSignature)
    }

    /// SHA-256 of the key: its `kid` in COSE headers.
    pub fn digest(&self) -> Digest {
        sha256(&[&self.0])
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

byte_type!(Signature, 64);
