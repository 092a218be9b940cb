//! The primitives from aws-lc-rs, for every target that has a C library.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest, hkdf,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED,
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, UnparsedPublicKey,
        VerificationAlgorithm,
    },
};

use super::{
    form::check_public,
    primitive::{EcdsaForm, Hash, Refused, Scheme},
};

fn verifier(scheme: Scheme) -> &'static dyn VerificationAlgorithm {
    match scheme {
        Scheme::Ed25519 => &ED25519,
        Scheme::P256Sha256Fixed => &ECDSA_P256_SHA256_FIXED,
        Scheme::P256Sha256Der => &ECDSA_P256_SHA256_ASN1,
        Scheme::P384Sha384Fixed => &ECDSA_P384_SHA384_FIXED,
        Scheme::P384Sha384Der => &ECDSA_P384_SHA384_ASN1,
        Scheme::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPssSha384 => &RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
    }
}

/// Verifies `signature` over `message` by `public`, in the scheme's own form.
pub(crate) fn verify(
    scheme: Scheme,
    public: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Refused> {
    check_public(scheme, public)?;
    UnparsedPublicKey::new(verifier(scheme), public)
        .verify(message, signature)
        .map_err(|_| Refused)
}

/// Hashes the concatenation of `parts`. `N` is the hash's length in bytes.
pub(crate) fn hash<const N: usize>(hash: Hash, parts: &[&[u8]]) -> [u8; N] {
    let mut context = digest::Context::new(match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    });
    for part in parts {
        context.update(part);
    }
    context
        .finish()
        .as_ref()
        .try_into()
        .expect("callers ask for the length of the hash they name")
}

struct OutputLength(usize);

impl hkdf::KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869). `out` is at most 255 * 32 bytes.
pub(crate) fn hkdf_sha256(secret: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, OutputLength(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("output lengths are constants below 255 * 32 bytes");
}

/// An Ed25519 key pair (RFC 8032), expanded once.
pub(crate) struct Ed25519(Ed25519KeyPair);

impl Ed25519 {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32-byte seed is a key"))
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        let public = self.0.public_key().as_ref();
        public.try_into().expect("an Ed25519 key has 32 bytes")
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message);
        let bytes = signature.as_ref();
        bytes.try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

fn signer(form: EcdsaForm) -> &'static EcdsaSigningAlgorithm {
    match form {
        EcdsaForm::P256Fixed => &ECDSA_P256_SHA256_FIXED_SIGNING,
        EcdsaForm::P256Der => &ECDSA_P256_SHA256_ASN1_SIGNING,
        EcdsaForm::P384Fixed => &ECDSA_P384_SHA384_FIXED_SIGNING,
        EcdsaForm::P384Der => &ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}

/// An ECDSA key pair that signs in one form.
pub(crate) struct Ecdsa(EcdsaKeyPair);

impl Ecdsa {
    pub(crate) fn from_pkcs8(form: EcdsaForm, pkcs8: &[u8]) -> Result<Self, Refused> {
        EcdsaKeyPair::from_pkcs8(signer(form), pkcs8)
            .map(Self)
            .map_err(|_| Refused)
    }

    pub(crate) fn public_sec1(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0
            .sign(&SystemRandom::new(), message)
            .expect("signing with a parsed key fails only out of memory")
            .as_ref()
            .to_vec()
    }
}

/// AES-256-GCM with a 96-bit nonce and a 128-bit tag (NIST SP 800-38D).
pub(crate) struct Aes256Gcm(LessSafeKey);

impl Aes256Gcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub(crate) fn seal(&self, nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) {
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buffer)
            .expect("AES-GCM seals everything below 64 GiB");
    }

    /// Decrypts `buffer` in place and gives the length of the plaintext, at
    /// its front.
    pub(crate) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<usize, Refused> {
        self.0
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), buffer)
            .map(|plaintext| plaintext.len())
            .map_err(|_| Refused)
    }
}
