//! Promises of the runtime, held against components that do what they are told, and against those
//! that do harm.

mod bench;
mod guest;
mod harm;
mod promises;
mod refusal;
mod statement;
