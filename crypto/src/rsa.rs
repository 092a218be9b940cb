//! RSA verification (RFC 8017), for the vendors' certificate chains.
//!
//! Public keys are PKCS #1 `RSAPublicKey` in DER, 2048 to 8192 bits. PSS uses
//! a salt as long as the hash, as the vendors do.

use crate::{
    backend::{self, primitive::Scheme},
    sign::BadSignature,
};

fn verify(scheme: Scheme, public: &[u8], message: &[u8], sig: &[u8]) -> Result<(), BadSignature> {
    backend::verify(scheme, public, message, sig).map_err(|_| BadSignature)
}

/// Verifies RSASSA-PSS with SHA-384.
pub fn verify_pss_sha384(
    public_pkcs1_der: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::RsaPssSha384, public_pkcs1_der, message, signature)
}

/// Verifies RSASSA-PSS with SHA-256.
pub fn verify_pss_sha256(
    public_pkcs1_der: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::RsaPssSha256, public_pkcs1_der, message, signature)
}

/// Verifies RSASSA-PKCS1-v1_5 with SHA-256.
pub fn verify_pkcs1_sha256(
    public_pkcs1_der: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::RsaPkcs1Sha256, public_pkcs1_der, message, signature)
}
