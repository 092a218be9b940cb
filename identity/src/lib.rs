//! `identity`: the attested life of a process, for every program that runs in a TEE.
//!
//! Keys that begin and end with the process, the evidence for them with its endorsements, the
//! certificate that shows it, and what each such program needs besides: a shutdown signal, critical
//! threads, a log. What it never does: judge evidence, or know what the program is for.

mod attested_identity;
mod attester_choice;
mod clock;
mod critical;
mod endorsements;
mod evidence;
mod evidence_certificate;
mod evidence_source;
pub mod log;
mod shutdown;

pub use attested_identity::{AttestedIdentity, IdentityError, measurement};
pub use attester_choice::AttesterChoice;
pub use clock::now_ms;
pub use critical::spawn_critical;
pub use endorsements::{ENDORSEMENT_FOLDERS_MAX, EndorsementsConfig, EndorsingError};
pub use evidence::{Evidence, Evident, evidence_place};
pub use evidence_certificate::EvidenceCertificate;
pub use evidence_source::{EvidenceError, EvidenceSource};
pub use log::LogLevel;
pub use shutdown::{Shutdown, ShutdownSignal};
