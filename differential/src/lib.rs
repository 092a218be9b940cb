//! `differential`: Synod's verifiers held against others, on real evidence and
//! on mutations of it.
//!
//! | TEE | the other |
//! |---|---|
//! | SGX, TDX | `dcap-qvl`, every claim of the platform allowed |
//! | SEV-SNP | `sev`: the chain's and the report's signatures |
//! | Nitro | `nsm-nitro-enclave-utils` |
//!
//! Each TEE's cases are drawn from the sets of real evidence by a seed; those of
//! SGX and TDX also from states that a simulated vendor signs anew. A
//! disagreement is no failure by itself: it must be one that a table explains,
//! and the tables are in `explained`. What the others bring stays here, in a
//! workspace of its own.

pub mod compare;
pub mod explained;
pub mod intel;
pub mod mutate;
pub mod nitro;
pub mod resign;
pub mod sets;
pub mod snp;

pub use compare::{Outcome, Report, judge, run};
