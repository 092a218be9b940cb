//! What the generator made of the WIT, unchanged: `tests/bindings.rs` holds it against `wit/app.wit`.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    clippy::pedantic
)]

#[rustfmt::skip]
pub mod app;
#[rustfmt::skip]
pub mod lifecycle;
