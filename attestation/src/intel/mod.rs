//! What SGX and TDX share: quotes, PCK certificates, collateral of PCS v4.
//!
//! Verification has two steps. [`collateral::CheckedCollateral::check`]
//! verifies the vendor's statements once; [`verify::verify_quote`] holds any
//! number of quotes against them, at the price of three signatures each.
//!
//! Sources: Intel's PCS v4 API, its "PCK Certificate and CRL Profile
//! Specification", and the rules of its quote verification library.

pub(crate) mod chain;
pub mod collateral;
pub(crate) mod cursor;
pub(crate) mod document;
pub mod error;
pub(crate) mod json;
pub mod levels;
pub mod pck;
pub mod pem;
pub mod qe_identity;
pub mod quote;
pub mod report;
pub(crate) mod standing;
pub mod status;
pub mod tcb_info;
pub mod verify;
