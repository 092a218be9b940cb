//! TLS private keys: P-256, because every TLS client can verify it.

use std::sync::Arc;

use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::{
    crypto::aws_lc_rs::sign::any_ecdsa_type,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use synod_crypto::{Secret, ecdsa::P256SigningKey, hkdf_sha256};
use zeroize::Zeroizing;

use crate::spki::Spki;

/// PKCS #8 (RFC 5208) round an RFC 5915 key: what stands before the scalar …
const PKCS8_HEAD: [u8; 36] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
    0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02,
    0x01, 0x01, 0x04, 0x20,
];
/// … and between it and the public point.
const PKCS8_MIDDLE: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];
/// The same without the public point.
const PKCS8_SHORT_HEAD: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];

/// The bytes are no P-256 private key in PKCS #8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key in PKCS #8")]
pub struct MalformedKey;

/// A P-256 private key.
pub struct TlsKey {
    key: P256SigningKey,
    pkcs8: Zeroizing<Vec<u8>>,
    spki: Spki,
}

impl TlsKey {
    /// The key that belongs to `seed`, always the same.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        // A candidate is not a scalar of the curve with probability 2^-32.
        (0..=u8::MAX)
            .map(|attempt| hkdf_sha256::<32>(seed.expose(), b"synod.tls.p256", &[&[attempt]]))
            .find_map(|scalar| Self::from_scalar(&scalar))
            .expect("one of 256 candidates is a scalar of the curve")
    }

    /// Reads a PKCS #8 private key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, MalformedKey> {
        let key = P256SigningKey::from_pkcs8(pkcs8).map_err(|_| MalformedKey)?;
        let spki = Spki::of_p256_point(key.public_sec1());
        Ok(Self {
            key,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
            spki,
        })
    }

    /// The private key in PKCS #8.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key.
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// The key in the form in which `rustls` signs with it.
    pub(crate) fn signer(&self) -> Arc<dyn rustls::sign::SigningKey> {
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.pkcs8.as_slice()));
        any_ecdsa_type(&der).expect("the key was read as PKCS #8 before")
    }

    fn from_scalar(scalar: &Secret<32>) -> Option<Self> {
        let short = Zeroizing::new([&PKCS8_SHORT_HEAD, scalar.expose().as_slice()].concat());
        let key = P256SigningKey::from_pkcs8(&short).ok()?;
        let spki = Spki::of_p256_point(key.public_sec1());
        let parts: [&[u8]; 4] = [
            &PKCS8_HEAD,
            scalar.expose(),
            &PKCS8_MIDDLE,
            key.public_sec1(),
        ];
        let pkcs8 = Zeroizing::new(parts.concat());
        Some(Self { key, pkcs8, spki })
    }
}

impl PublicKeyData for TlsKey {
    fn der_bytes(&self) -> &[u8] {
        self.key.public_sec1()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for TlsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign_der(message))
    }
}

impl std::fmt::Debug for TlsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TlsKey({:?})", self.spki)
    }
}
