//! ECDSA over P-256 and P-384 (FIPS 186-5), as evidence and TLS keys use it.
//!
//! Public keys are SEC1 points. "Fixed" signatures are `r || s`, of 64 or 96
//! bytes; "DER" ones are the ASN.1 `Ecdsa-Sig-Value`.

use crate::{
    backend::{
        self, Ecdsa,
        primitive::{EcdsaForm, Scheme},
    },
    sign::BadSignature,
};

fn verify(scheme: Scheme, public: &[u8], message: &[u8], sig: &[u8]) -> Result<(), BadSignature> {
    backend::verify(scheme, public, message, sig).map_err(|_| BadSignature)
}

/// Verifies ECDSA P-256 with SHA-256, signature `r || s`.
pub fn verify_p256_sha256(
    public_sec1: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::P256Sha256Fixed, public_sec1, message, signature)
}

/// Verifies ECDSA P-256 with SHA-256, signature in DER.
pub fn verify_p256_sha256_der(
    public_sec1: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::P256Sha256Der, public_sec1, message, signature)
}

/// Verifies ECDSA P-384 with SHA-384, signature `r || s`.
pub fn verify_p384_sha384(
    public_sec1: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::P384Sha384Fixed, public_sec1, message, signature)
}

/// Verifies ECDSA P-384 with SHA-384, signature in DER.
pub fn verify_p384_sha384_der(
    public_sec1: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    verify(Scheme::P384Sha384Der, public_sec1, message, signature)
}

/// The bytes are no private key of this curve in PKCS #8 (RFC 5208).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a PKCS #8 private key of the expected curve")]
pub struct BadKey;

macro_rules! ecdsa_key {
    ($name:ident, $fixed:expr, $der:expr, $doc:literal) => {
        #[doc = $doc]
        /// Signatures draw on the backend's own randomness, so this key has no
        /// place in code that must be repeatable.
        pub struct $name {
            fixed: Ecdsa,
            der: Ecdsa,
        }

        impl $name {
            /// Reads a PKCS #8 private key.
            pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, BadKey> {
                let key = |form| Ecdsa::from_pkcs8(form, pkcs8).map_err(|_| BadKey);
                Ok(Self {
                    fixed: key($fixed)?,
                    der: key($der)?,
                })
            }

            /// The public key as an uncompressed SEC1 point.
            pub fn public_sec1(&self) -> &[u8] {
                self.fixed.public_sec1()
            }

            /// Signs, in the form `r || s`.
            pub fn sign(&self, message: &[u8]) -> Vec<u8> {
                self.fixed.sign(message)
            }

            /// Signs, in DER.
            pub fn sign_der(&self, message: &[u8]) -> Vec<u8> {
                self.der.sign(message)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

ecdsa_key!(
    P256SigningKey,
    EcdsaForm::P256Fixed,
    EcdsaForm::P256Der,
    "A P-256 key that signs with SHA-256."
);
ecdsa_key!(
    P384SigningKey,
    EcdsaForm::P384Fixed,
    EcdsaForm::P384Der,
    "A P-384 key that signs with SHA-384."
);
