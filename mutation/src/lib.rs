//! Known faults for the simulator to find: each undoes one protection of the protocol.
//!
//! The protocol asks [`mutation!`] at the place that a fault would change. In every build but the
//! simulator's own that is the constant `false`, and neither the fault nor its name is in the
//! program. `cargo xtask sim` and `cargo xtask mutations` build with `--cfg synod_simulation`; then
//! the simulator chooses at most one fault when it starts. A Cargo feature could be unified into
//! the product; a `--cfg` cannot, and `node` does not compile with it.

mod place;

#[cfg(synod_simulation)]
pub mod active;
