//! What a synod promises, on an in-process cluster with virtual time.

mod adversary;
mod attesting;
mod authority;
mod broken_deploying;
mod catching_up;
mod cluster;
mod deploying;
mod executing;
mod faults;
mod forks;
mod idle;
mod leaving;
mod life;
mod notebook;
mod recalling;
mod replacing;
mod time;
mod watching;
