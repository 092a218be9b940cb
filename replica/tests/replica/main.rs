//! What a synod promises, on an in-process cluster with virtual time.

mod adversary;
mod app_maps;
mod attesting;
mod authority;
mod broken_deploying;
mod catching_up;
mod chunks;
mod cluster;
mod compiling;
mod deploying;
mod executing;
mod faults;
mod forks;
mod idle;
mod leaving;
mod life;
mod notebook;
mod preparing;
mod recalling;
mod replacing;
mod sweeping;
mod time;
mod versions;
mod watching;
