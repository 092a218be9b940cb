//! AWS Nitro Enclaves: attestation documents, COSE_Sign1 over CBOR, with a
//! chain of certificates up to Root G1 inside.

pub mod claims;
pub mod document;
pub mod error;
pub(crate) mod verify;
