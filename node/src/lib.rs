//! `node`: the program that carries out a replica's effects. It owns the clock, the threads, the files and
//! the sockets; it decides nothing.

mod answers;
#[allow(dead_code)]
mod app_logs;
mod apps_config;
mod authority;
mod begun;
mod born;
mod catalog;
mod clock;
mod config;
mod core;
mod disk;
mod door;
mod endorsements;
mod evidence;
mod evidence_certificate;
mod evidence_source;
#[allow(dead_code)]
mod executors;
mod founder;
mod joiner;
mod ledger_reader;
mod log;
mod metrics;
mod peer_session;
mod peers;
mod reattester;
mod run;
#[cfg(test)]
mod sample;
mod segments;
mod serve;
mod told;
mod views;
mod vital;
mod volume;

pub use apps_config::AppsConfig;
pub use born::{BirthError, measurement};
pub use config::{
    AttesterChoice, BadUrl, Beginning, CONFIG_BYTES_MAX, ConfigError, Durability, LogLevel,
    NodeConfig, NodeLimits, SERVICES_MAX, ServiceUrl,
};
pub use endorsements::{ENDORSEMENT_FOLDERS_MAX, EndorsementsConfig, EndorsingError};
pub use evidence_source::{EvidenceError, EvidenceSource};
pub use run::{NodeError, run};
pub use segments::segment_files;
