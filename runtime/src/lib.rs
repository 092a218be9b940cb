//! Runs apps: WebAssembly components on confidential state.
//!
//! What it is: versions of apps that are compiled and linked, the functions of `synod:app` that a
//! component may call, and the limits of a call. What it never does: I/O, reading a clock, or
//! running code that it did not compile itself.
//!
//! Invariants
//! - A component reaches nothing but the interfaces of `synod:app` that its manifest admits.
//! - Bytes and calls from outside end in a typed error or fault, within bounds of memory and
//!   epochs.
//! - A fault ends its own call only; nothing that the call wrote is kept.

mod counters;
mod host;
mod instance;
mod interfaces;
mod logs;
mod prepare;
mod response;
mod runtime;
mod scope;
mod wire;

pub use counters::{FAULT_KINDS, RuntimeCounts};
pub use host::{
    BYTES_PER_MAP_OPERATION, CLAIMS_MAX, CROSSING_BYTES_MAX, PAGE_BYTES_MAX, PAGE_ROWS_MAX,
    RANDOM_BYTES_MAX, RANDOM_BYTES_PER_CALL_MAX,
};
pub use logs::{LOG_LINE_BYTES_MAX, LogLevel, LogLine, LogOrigin, LogSink, cut as cut_log_line};
pub use prepare::Prepared;
pub use response::{RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX};
pub use runtime::{EXECUTOR_STACK_BYTES, INSTANCES_KEPT_PER_APP_MAX, Runtime, compile_fault};
