//! What a backend is asked for, and how it refuses.

/// The input is not what it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// A public-key signature scheme that this crate verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Ed25519,
    P256Sha256Fixed,
    P256Sha256Der,
    P384Sha384Fixed,
    P384Sha384Der,
    RsaPssSha256,
    RsaPssSha384,
    RsaPkcs1Sha256,
}

/// A hash function of the SHA-2 family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// How an ECDSA key signs: curve and form of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EcdsaForm {
    P256Fixed,
    P256Der,
    P384Fixed,
    P384Der,
}
