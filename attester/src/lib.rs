//! `attester`: asks the hardware for evidence.
//!
//! The port is [`Attester`]. On a machine without a TEE, [`Simulated`] stands
//! in: it emits the vendors' real formats under roots whose private keys are
//! published, so it exercises the whole of the verifier and convinces no
//! production policy.
//!
//! Never here: judging evidence (see `attestation`).

mod attester;
mod simulated;

pub use crate::{
    attester::{Attester, AttesterError},
    simulated::{Simulated, fault::Fault},
};
