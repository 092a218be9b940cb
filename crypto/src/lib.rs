//! `crypto`: the one face of Synod's cryptography.
//!
//! Hashes, signatures, sealing, HPKE, COSE, and secrets that wipe themselves
//! and never print. Nothing here reads a clock, a file or the operating
//! system's randomness: entropy is an argument ([`Entropy`]).
//!
//! The primitives come from the module `backend`, the only one that names the
//! library behind them; formats and checks above it are the same on every
//! target.

mod backend;
mod byte_types;
pub mod cose;
mod digest;
pub mod ecdsa;
mod entropy;
mod hpke;
mod kdf;
pub mod rsa;
mod seal;
mod secret;
pub mod shares;
mod sign;
#[cfg(synod_simulation)]
pub mod simulation;

pub use crate::{
    byte_types::ParseBytesError,
    digest::{Digest, sha256, sha384, sha512},
    entropy::Entropy,
    hpke::{HpkePublicKey, HpkeSecretKey, SEALED_OVERHEAD, UnsoundKey},
    kdf::hkdf_sha256,
    seal::{OpenError, SealKey, TAG_LENGTH},
    secret::{Secret, equal},
    sign::{BadSignature, PublicKey, Signature, SigningKey},
};
