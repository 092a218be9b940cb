//! Intel TDX: quotes of versions 4 and 5 with Intel's collateral.
//!
//! Signatures, chains, revocation and TCB levels are checked by `dcap-qvl`,
//! which is pure Rust and offline. Here stand what it leaves to its caller:
//! which root, typed reasons, and claims. Its primitives come from `crypto`.

mod backend;
pub mod claims;
pub mod error;
pub(crate) mod verify;
