//! Components of apps before they run: which WebAssembly is accepted, how large and how tangled it
//! may be, how it is compiled, and what it can and cannot do.
//!
//! What it is: the configuration of the engine, the bounds, a component taken apart, the names of
//! `synod:app`, and [`inspect()`]. What it never does: run a component, or offer it a function.
//!
//! Invariants
//! - The engine and [`inspect()`] accept the same proposals of WebAssembly.
//! - Bytes from outside end in a typed error, and only what is within the bounds is compiled.

mod anatomy;
mod bounds;
mod compile;
mod engine;
mod error;
mod inspect;
mod world;

pub use bounds::{
    COMPONENT_BYTES_MAX, FUNCTION_BYTES_MAX, FUNCTIONS_MAX, ITEMS_MAX, MEETINGS_MAX, MODULES_MAX,
    NESTING_MAX, PARAMETERS_MAX, RESULTS_MAX, VARIABLES_BY_BLOCKS_MAX,
};
pub use compile::compile;
pub use engine::{
    CORE_INSTANCES_MAX, EngineError, INSTANCE_METADATA_BYTES_MAX, INSTANCES_MAX,
    INSTANCES_NARROW_MAX, MEMORIES_MAX, MEMORY_BYTES_MAX, Reservation, TABLE_ELEMENTS_MAX,
    TABLES_MAX, TICK_MS, WASM_STACK_BYTES, start_engine, start_engine_with,
};
pub use error::ComponentError;
pub use inspect::{Capabilities, ManifestStatement, Statement, inspect};
pub use world::{HANDLER, HTTP, LIFECYCLE, PACKAGE, VERSION, full_name};
