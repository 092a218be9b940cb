//! The consensus engine of Synod: raft-rs behind one function, `Engine::step(Input) -> Effects`.
//!
//! What this crate does: it orders opaque blocks among replicas, elects leaders, changes the
//! membership one replica at a time, and counts quorums that may have to span two groups
//! (vendors). What it never does: no clock, no threads, no disk, no sockets, no cryptography.
//! Time is the number of `Input::Tick`s, randomness is a seed.
//!
//! Invariants
//! - Term, vote and log live in memory only. No input carries a vote or a term from a disk.
//! - An acknowledgement or a vote leaves only after the entries that it rests on were reported
//!   as persisted. Heartbeat responses leave at once, so a slow disk deposes nobody.
//! - One entry per append message, so an acknowledgement always ends on an entry's boundary.
//! - Whatever a peer sends, the engine refuses with a typed reason or handles: it never panics.
//! - Equal inputs and equal seeds give equal effects.
//!
//! The rules come from the Raft dissertation (Ongaro, 2014), chapters 3, 4, 6.4 and 9.6.

mod admission;
mod codec;
mod convert;
mod engine;
mod entry;
mod interface;
mod log;
mod message;
mod refused;
mod setup;
mod timeout;

pub use codec::{DecodeError, MESSAGE_BYTES_MAX};
pub use engine::Engine;
pub use entry::{BLOCK_BYTES_MAX, Change, Entry, Payload};
pub use interface::{
    Batch, DroppedReason, Effects, Fetch, Groups, Input, Peer, Proposed, ReadReady, Role,
    RoleChange, Start, TermRun, Tuning,
};
pub use message::{Body, Message};
pub use refused::{Refused, StartError};
