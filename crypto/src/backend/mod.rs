//! The primitives, behind one face: aws-lc-rs natively, RustCrypto on wasm32.
//!
//! The only module that names those libraries. Failures carry no detail, on
//! purpose: what is not authentic is not authentic.
//!
//! Both backends are held against the same public test vectors (`tests`), and
//! must answer each alike. Where the libraries differ, the stricter answer is the
//! answer, by a check of ours (`form`).

#[cfg(not(target_arch = "wasm32"))]
mod aws_lc;
mod form;
pub(crate) mod primitive;
#[cfg(any(target_arch = "wasm32", test))]
mod rust_crypto;
#[cfg(test)]
mod tests;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use aws_lc::{Aes256Gcm, Ecdsa, Ed25519, hash, hkdf_sha256, verify};
#[cfg(target_arch = "wasm32")]
pub(crate) use rust_crypto::{Aes256Gcm, Ecdsa, Ed25519, hash, hkdf_sha256, verify};
