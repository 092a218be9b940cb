//! Event logs: what was measured into a trust domain's registers, one by one.
//!
//! A log comes from the untrusted host. It is worth something once it is bound
//! to the registers of a genuine quote, and then only as far as the digests in
//! it cover its words.

mod ccel;
mod content;
mod dstack;
pub mod error;
pub mod event;
pub mod log;

pub use log::{BoundLog, EventLog, Kind};
