//! Runs apps: WebAssembly components on confidential state.
//!
//! What it is: the engine that compiles a component, the functions of `synod:app` that the
//! component may call, the limits of a call, and [`inspect()`], which says what a component can and
//! cannot do without running it. What it never does: I/O, reading a clock, or running code that it
//! did not compile itself.
//!
//! Invariants
//! - A component reaches nothing but the interfaces of `synod:app` that its manifest admits.
//! - Bytes and calls from outside end in a typed error or fault, within bounds of memory and
//!   epochs.
//! - A fault ends its own call only; nothing that the call wrote is kept.

mod anatomy;
mod bounds;
mod counters;
mod engine;
mod error;
mod host;
mod inspect;
mod instance;
mod interfaces;
mod logs;
mod prepare;
mod response;
mod runtime;
mod scope;
mod wire;
mod world;

pub use bounds::{
    COMPONENT_BYTES_MAX, FUNCTION_BYTES_MAX, FUNCTIONS_MAX, ITEMS_MAX, MEETINGS_MAX, MODULES_MAX,
    NESTING_MAX, PARAMETERS_MAX, RESULTS_MAX, VARIABLES_BY_BLOCKS_MAX,
};
pub use counters::{FAULT_KINDS, RuntimeCounts};
pub use engine::{
    CORE_INSTANCES_MAX, EXECUTOR_STACK_BYTES, EngineError, INSTANCE_METADATA_BYTES_MAX,
    INSTANCES_MAX, INSTANCES_NARROW_MAX, MEMORIES_MAX, MEMORY_BYTES_MAX, Reservation,
    TABLE_ELEMENTS_MAX, TABLES_MAX, TICK_MS, WASM_STACK_BYTES,
};
pub use error::ComponentError;
pub use host::{
    BYTES_PER_MAP_OPERATION, CLAIMS_MAX, CROSSING_BYTES_MAX, PAGE_BYTES_MAX, PAGE_ROWS_MAX,
    RANDOM_BYTES_MAX, RANDOM_BYTES_PER_CALL_MAX,
};
pub use inspect::{Capabilities, ManifestStatement, Statement, inspect};
pub use logs::{LOG_LINE_BYTES_MAX, LogLevel, LogLine, LogOrigin, LogSink, cut as cut_log_line};
pub use prepare::Prepared;
pub use response::{RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX};
pub use runtime::{INSTANCES_KEPT_PER_APP_MAX, Runtime};
pub use world::{PACKAGE, VERSION};
