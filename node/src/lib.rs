//! `node`: the program that carries out a replica's effects. It owns the clock, the threads, the
//! files and the sockets; it decides nothing.

#[cfg(synod_simulation)]
compile_error!("a node is not built with the faults and the signatures of simulations");

mod app;
mod app_call;
mod app_engine;
mod app_logs;
mod app_views;
mod apps_config;
mod authority;
mod begun;
mod catalog;
mod clock;
mod config;
mod core;
mod descriptors;
mod disk;
mod disk_trouble;
mod disk_watch;
mod door;
mod executors;
mod former;
mod founder;
mod founding;
mod governance;
mod governance_news;
mod joiner;
mod keys;
mod known;
mod kv;
mod kv_operation;
mod leaver;
mod ledger;
mod ledger_files;
mod ledger_places;
mod ledger_reader;
mod metrics;
mod network;
mod peer_session;
mod peers;
mod places;
mod problems;
mod proof;
mod reattester;
mod run;
mod running;
#[cfg(test)]
mod sample;
mod segments;
mod serve;
mod views;
mod volume;
mod watch_flow;
mod watch_right;
mod watching;

pub use apps_config::AppsConfig;
pub use config::{
    BadUrl, Beginning, CONFIG_BYTES_MAX, ConfigError, Durability, LEAVE_MAX_DEFAULT, NodeConfig,
    NodeLimits, SERVICES_MAX, ServiceUrl,
};
pub use leaver::Ended;
pub use problems::problem;
pub use run::{NodeError, NodeFault, run};
pub use segments::segment_files;
