//! `attestation` as a WebAssembly module: evidence, endorsements, a policy and
//! a time go in, an appraisal that explains itself comes out, as JSON.
//!
//! The module imports nothing, so it can reach nothing: no clock, no network,
//! no randomness. What it says convinces whoever ran it, and nobody else.

#[cfg(target_arch = "wasm32")]
mod exports;
pub mod request;
