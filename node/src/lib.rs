//! `node`: the program that carries out a replica's effects. It owns the clock, the threads, the files and
//! the sockets; it decides nothing.

mod begun;
mod born;
mod catalog;
mod clock;
mod config;
mod core;
mod disk;
mod founder;
mod joiner;
mod ledger_reader;
mod log;
mod peers;
#[cfg(test)]
mod sample;
mod segments;
mod volume;

pub use config::{
    BadUrl, Beginning, CONFIG_BYTES_MAX, ConfigError, Durability, LogLevel, NodeConfig, NodeLimits,
    SERVICES_MAX, ServiceUrl,
};
pub use segments::segment_files;
