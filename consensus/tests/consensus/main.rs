//! Promises of the engine, on clusters with adversarial networks and disks.

mod adversary;
mod bad_peers;
mod cluster;
mod codec;
mod diversity;
mod elections;
mod membership;
mod persistence;
mod reads;
mod replication;
mod start;
