//! From what a Rust compiler makes of an app to the component that a service takes.
//!
//! Nothing is run, and nothing but bytes is read.

mod component;
mod rust;

pub use component::{ComponentizeError, component};
pub use rust::{RUSTC_WRAPPER, RustBuild};
