//! The state of a synod: ordered maps of bytes with a version for every write.
//!
//! What it is: a multi-version store held in memory. A *seqno* numbers each
//! applied write set, a snapshot is a seqno, a rollback walks an undo list, and
//! a transaction is a private overlay over one snapshot that remembers what it
//! read. What it never does: I/O, locking, encryption, or reading a clock.
//!
//! Invariants
//! - `apply` takes exactly `head + 1`; nothing is ever written at another seqno.
//! - A snapshot at `s` sees for each key its newest version at or below `s`.
//! - After `compact(b)`, snapshots at or above `b` read as before; those below
//!   are refused, and so is a rollback below `b`.
//! - The encoding of a write set is canonical: equal sets have equal bytes, and
//!   `decode` refuses every other spelling.

mod chain;
mod codec;
mod condition;
mod key;
mod limits;
mod name;
mod range;
mod reads;
mod snapshot;
mod store;
mod transaction;
mod versions;
mod writes;

pub use bytes::Bytes;
pub use codec::DecodeError;
pub use condition::Condition;
pub use limits::{KEY_MAX, LimitExceeded, MAP_NAME_MAX, VALUE_MAX, WRITE_BYTES_MAX, WRITES_MAX};
pub use name::{BadMapName, MapName, PUBLIC_PREFIX};
pub use range::KeyRange;
pub use reads::{Conflict, ReadSet};
pub use snapshot::{Read, Snapshot};
pub use store::Store;
pub use transaction::{OWN_WRITE, Paused, Transaction};
pub use versions::{OutOfWindow, StateItem, Versioned};
pub use writes::WriteSet;
