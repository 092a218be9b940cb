//! Promises of the SDK.

mod memory;
mod service;
mod verification;
