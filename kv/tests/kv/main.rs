//! Promises of the store.

mod model;
mod transactions;
