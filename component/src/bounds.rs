//! How large and how tangled a component may be.
//!
//! Compilation cannot be interrupted, so what it may cost is bounded by what it is given. The
//! figures leave room for whole interpreters (that of JavaScript in Firefox has a function of 172
//! kB, 208,000 variables times blocks and 18,000 meetings of values) and keep out what grows faster
//! in a compiler than in a file: long lists of results, many variables across many blocks,
//! components that instantiate each other.

/// Most bytes of a component (32 MiB).
pub const COMPONENT_BYTES_MAX: usize = 32 << 20;
/// Most core modules in a component.
pub const MODULES_MAX: u64 = 64;
/// Most functions in a component, over all modules.
pub const FUNCTIONS_MAX: u64 = 200_000;
/// Most bytes of one function's body.
pub const FUNCTION_BYTES_MAX: u64 = 512 << 10;
/// Most parameters of a function or block.
pub const PARAMETERS_MAX: u64 = 128;
/// Most results of a function or block. A call of two bytes gives so many values.
pub const RESULTS_MAX: u64 = 16;
/// Most variables times blocks of one function: a compiler keeps a table of that size.
pub const VARIABLES_BY_BLOCKS_MAX: u64 = 4_000_000;
/// Most meetings of values in one function: for each block, the variables that are set within it.
pub const MEETINGS_MAX: u64 = 100_000;
/// Deepest nesting of components. Bindings put each exported interface into a component of its own.
pub const NESTING_MAX: u64 = 8;
/// Most items (imports, instances, aliases, functions at the borders, exports) that appear when the
/// component and all that it nests are instantiated.
pub const ITEMS_MAX: u64 = 100_000;
