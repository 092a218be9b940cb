//! The simulator: a whole network of replicas, its clients, members and hosts in one process, under
//! one seed.
//!
//! It runs the product's own `replica`, `ledger`, `kv`, `governance`, `consensus` and `attestation`
//! (with simulated evidence). Clock, network, disk and people are virtual, and all that they do
//! stems from one seed, so that whatever goes wrong can be seen again. Invariants are checked after
//! every step. See docs/simulator.md.

mod adversary;
mod agenda;
mod app;
mod asking;
mod birth;
mod broken;
mod checks;
mod clients;
mod clock;
mod deploying;
mod disk;
mod events;
mod history;
mod hosts;
mod joining;
mod linear;
mod members;
mod network;
mod profile;
mod queue;
mod random;
mod run;
mod trace;
mod trouble;
mod values;
mod watchdog;
mod world;

pub use profile::{Profile, named, profiles};
pub use run::{LIVE_WITHIN_S, Outcome, Plan, keep_panics_quiet, run};
pub use watchdog::Watchdog;
