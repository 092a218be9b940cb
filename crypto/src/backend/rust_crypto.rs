//! The primitives from RustCrypto, for wasm32: no C, and no randomness from
//! the system.
//!
//! ECDSA signs by RFC 6979, so nothing here draws on a generator. The RSA
//! library is not constant in time with a private key (RUSTSEC-2023-0071); no
//! private RSA key ever gets here.

use aes_gcm::{AeadInPlace, KeyInit};
use ed25519_dalek::Signer;
use hkdf::Hkdf;
use p256::pkcs8::DecodePrivateKey;
use rsa::{
    BigUint, Pkcs1v15Sign, Pss, RsaPublicKey,
    pkcs1::{
        RsaPublicKey as PublicKeyFields,
        der::{Decode, Encode},
    },
    signature::Verifier,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{
    form::check_public,
    primitive::{EcdsaForm, Hash, Refused, Scheme},
};

/// Sizes of RSA keys that are verified with, in bits, as the other backend has
/// them.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const TAG_LENGTH: usize = 16;

/// Verifies `signature` over `message` by `public`, in the scheme's own form.
pub(crate) fn verify(
    scheme: Scheme,
    public: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Refused> {
    check_public(scheme, public)?;
    match scheme {
        Scheme::Ed25519 => verify_ed25519(public, message, signature),
        Scheme::P256Sha256Fixed => verify_p256(
            public,
            message,
            p256::ecdsa::Signature::from_slice(signature),
        ),
        Scheme::P256Sha256Der => {
            verify_p256(public, message, p256::ecdsa::Signature::from_der(signature))
        }
        Scheme::P384Sha384Fixed => verify_p384(
            public,
            message,
            p384::ecdsa::Signature::from_slice(signature),
        ),
        Scheme::P384Sha384Der => {
            verify_p384(public, message, p384::ecdsa::Signature::from_der(signature))
        }
        Scheme::RsaPssSha256 => {
            let digest = Sha256::digest(message);
            let padding = Pss::new_with_salt::<Sha256>(digest.len());
            verify_rsa(padding, public, &digest, signature)
        }
        Scheme::RsaPssSha384 => {
            let digest = Sha384::digest(message);
            let padding = Pss::new_with_salt::<Sha384>(digest.len());
            verify_rsa(padding, public, &digest, signature)
        }
        Scheme::RsaPkcs1Sha256 => {
            let digest = Sha256::digest(message);
            verify_rsa(Pkcs1v15Sign::new::<Sha256>(), public, &digest, signature)
        }
    }
}

fn verify_ed25519(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Refused> {
    let public = public.try_into().map_err(|_| Refused)?;
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Refused)?;
    ed25519_dalek::VerifyingKey::from_bytes(public)
        .and_then(|key| key.verify(message, &signature))
        .map_err(|_| Refused)
}

fn verify_p256(
    public: &[u8],
    message: &[u8],
    signature: Result<p256::ecdsa::Signature, p256::ecdsa::Error>,
) -> Result<(), Refused> {
    let signature = signature.map_err(|_| Refused)?;
    p256::ecdsa::VerifyingKey::from_sec1_bytes(public)
        .and_then(|key| key.verify(message, &signature))
        .map_err(|_| Refused)
}

fn verify_p384(
    public: &[u8],
    message: &[u8],
    signature: Result<p384::ecdsa::Signature, p384::ecdsa::Error>,
) -> Result<(), Refused> {
    let signature = signature.map_err(|_| Refused)?;
    p384::ecdsa::VerifyingKey::from_sec1_bytes(public)
        .and_then(|key| key.verify(message, &signature))
        .map_err(|_| Refused)
}

fn verify_rsa(
    padding: impl rsa::traits::SignatureScheme,
    public: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), Refused> {
    let key = rsa_key(public)?;
    // RFC 8017 §5.2.2, step 1: the representative is below the modulus.
    if BigUint::from_bytes_be(signature) >= *rsa::traits::PublicKeyParts::n(&key) {
        return Err(Refused);
    }
    key.verify(padding, digest, signature).map_err(|_| Refused)
}

fn rsa_key(pkcs1: &[u8]) -> Result<RsaPublicKey, Refused> {
    let fields = PublicKeyFields::from_der(pkcs1).map_err(|_| Refused)?;
    if fields.to_der().ok().as_deref() != Some(pkcs1) {
        return Err(Refused);
    }
    let modulus = BigUint::from_bytes_be(fields.modulus.as_bytes());
    let exponent = BigUint::from_bytes_be(fields.public_exponent.as_bytes());
    if !RSA_BITS.contains(&modulus.bits()) {
        return Err(Refused);
    }
    RsaPublicKey::new_with_max_size(modulus, exponent, *RSA_BITS.end()).map_err(|_| Refused)
}

/// Hashes the concatenation of `parts`. `N` is the hash's length in bytes.
pub(crate) fn hash<const N: usize>(hash: Hash, parts: &[&[u8]]) -> [u8; N] {
    match hash {
        Hash::Sha256 => hash_with::<Sha256, N>(parts),
        Hash::Sha384 => hash_with::<Sha384, N>(parts),
        Hash::Sha512 => hash_with::<Sha512, N>(parts),
    }
}

fn hash_with<D: Digest, const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
        .as_slice()
        .try_into()
        .expect("callers ask for the length of the hash they name")
}

/// HKDF-SHA-256 (RFC 5869). `out` is at most 255 * 32 bytes.
pub(crate) fn hkdf_sha256(secret: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand_multi_info(info, out)
        .expect("output lengths are constants below 255 * 32 bytes");
}

/// An Ed25519 key pair (RFC 8032), expanded once.
pub(crate) struct Ed25519(ed25519_dalek::SigningKey);

impl Ed25519 {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

enum EcdsaKey {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

/// An ECDSA key pair that signs in one form, by RFC 6979.
pub(crate) struct Ecdsa {
    form: EcdsaForm,
    key: EcdsaKey,
    public: Vec<u8>,
}

impl Ecdsa {
    pub(crate) fn from_pkcs8(form: EcdsaForm, pkcs8: &[u8]) -> Result<Self, Refused> {
        let (key, public) = match form {
            EcdsaForm::P256Fixed | EcdsaForm::P256Der => {
                let key = p256::ecdsa::SigningKey::from_pkcs8_der(pkcs8).map_err(|_| Refused)?;
                let public = key.verifying_key().to_encoded_point(false);
                (EcdsaKey::P256(key), public.as_bytes().to_vec())
            }
            EcdsaForm::P384Fixed | EcdsaForm::P384Der => {
                let key = p384::ecdsa::SigningKey::from_pkcs8_der(pkcs8).map_err(|_| Refused)?;
                let public = key.verifying_key().to_encoded_point(false);
                (EcdsaKey::P384(key), public.as_bytes().to_vec())
            }
        };
        Ok(Self { form, key, public })
    }

    pub(crate) fn public_sec1(&self) -> &[u8] {
        &self.public
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            EcdsaKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                match self.form {
                    EcdsaForm::P256Der => signature.to_der().as_bytes().to_vec(),
                    _ => signature.to_bytes().to_vec(),
                }
            }
            EcdsaKey::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                match self.form {
                    EcdsaForm::P384Der => signature.to_der().as_bytes().to_vec(),
                    _ => signature.to_bytes().to_vec(),
                }
            }
        }
    }
}

/// AES-256-GCM with a 96-bit nonce and a 128-bit tag (NIST SP 800-38D).
pub(crate) struct Aes256Gcm(aes_gcm::Aes256Gcm);

impl Aes256Gcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(aes_gcm::Aes256Gcm::new(key.into()))
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) {
        let tag = self
            .0
            .encrypt_in_place_detached(&nonce.into(), aad, buffer)
            .expect("AES-GCM seals everything below 64 GiB");
        buffer.extend_from_slice(&tag);
    }

    /// Decrypts `buffer` in place and gives the length of the plaintext, at
    /// its front.
    pub(crate) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<usize, Refused> {
        let length = buffer.len().checked_sub(TAG_LENGTH).ok_or(Refused)?;
        let (text, tag) = buffer.split_at_mut(length);
        self.0
            .decrypt_in_place_detached(&nonce.into(), aad, text, (&*tag).into())
            .map(|()| length)
            .map_err(|_| Refused)
    }
}
