//! `endorser`: fetches what vendors say of their platforms, and keeps it.
//!
//! Evidence is worth nothing without endorsements: Intel's collateral (PCS and
//! PCCS v4), AMD's certificates and revocation lists (KDS v1). [`Endorser`]
//! looks for them in folders, in a cache on disk, and at the vendors' services.
//!
//! Never here: deciding whom to trust. Folders, cache and services are equally
//! untrusted; `attestation` verifies what comes from any of them up to the
//! configured roots, and only then does it leave.
//!
//! Invariants:
//! - endorsements leave verified, or not at all;
//! - what Intel signed is kept byte for byte;
//! - every answer, file and wait is bounded.

mod address;
pub mod answer;
pub mod bundle;
mod cache;
mod certificate;
mod client;
pub mod clock;
pub mod config;
mod content;
mod endorser;
pub mod error;
pub mod fetch_error;
pub mod fetched;
pub mod folder;
mod judge;
mod matching;
pub mod part;
mod part_source;
pub mod pem;
pub mod platform;
pub mod progress;
pub mod quote;
pub mod record;
pub mod retry;
mod search;
mod single_flight;
pub mod transport;

pub use cache::CacheError;
pub use certificate::Validity;
pub use config::Config;
pub use endorser::{Endorser, Entry};
pub use error::{EndorserError, Fault};
pub use fetched::{Fetched, Note, Source};
pub use platform::Platform;
pub use progress::{Progress, Watcher};
