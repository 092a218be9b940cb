//! Promises of the runtime.

mod apps;
mod components;
