//! `node`: the program that carries out a replica's effects. It owns the clock, the threads, the files and
//! the sockets; it decides nothing.

mod begun;
mod born;
mod clock;
mod config;
mod core;
mod founder;
mod joiner;
mod log;
mod peers;

pub use config::{
    BadUrl, Beginning, CONFIG_BYTES_MAX, ConfigError, Durability, LogLevel, NodeConfig, NodeLimits,
    SERVICES_MAX, ServiceUrl,
};
