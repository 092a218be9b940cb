//! The engine: which WebAssembly is accepted, how it is compiled, and what is reserved for
//! instances.
//!
//! Code is compiled by Cranelift from the component itself and never read back from a disk: native
//! code that came from outside would run unchecked. Results do not depend on the machine (no
//! threads, no relaxed SIMD, NaNs in one form), except for where memory or time end.

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    Strategy,
};

/// Most instances of components that live at one time, in work or kept for reuse.
pub const INSTANCES_MAX: u32 = 128;
/// Likewise where address space is scarce.
pub const INSTANCES_NARROW_MAX: u32 = 32;
/// Most linear memories of one component, together.
pub const MEMORIES_MAX: u32 = 4;
/// Most tables of one component, together.
pub const TABLES_MAX: u32 = 16;
/// Most instances of core modules that one component makes of itself.
pub const CORE_INSTANCES_MAX: u32 = 128;
/// Most elements of a table.
pub const TABLE_ELEMENTS_MAX: usize = 65_536;
/// Most bytes of one linear memory, whatever a manifest says (256 MiB).
pub const MEMORY_BYTES_MAX: usize = 256 << 20;
/// What the engine itself may keep of one instance, in bytes (1 MiB): its tables of functions and
/// globals.
pub const INSTANCE_METADATA_BYTES_MAX: usize = 1 << 20;
/// How much stack a guest may use, in bytes (1 MiB).
pub const WASM_STACK_BYTES: usize = 1 << 20;
/// How long an epoch lasts, in milliseconds: whoever runs components increments the engine's epoch
/// so often.
pub const TICK_MS: u64 = 5;

/// How much of a linear memory's slot is cleared rather than given back when its instance ends, in
/// bytes.
const MEMORY_KEEP_RESIDENT_BYTES: usize = 4 << 20;
/// Likewise for a table.
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;
/// Slots that stay warm for apps that are not running.
const WARM_SLOTS_MAX: u32 = 32;
/// Address space of a memory for which every 32-bit address needs no check (4 GiB).
const WIDE_RESERVATION_BYTES: u64 = 4 << 30;
/// The unmapped space behind a memory, by which checks of nearby addresses fall away (32 MiB).
const WIDE_GUARD_BYTES: u64 = 32 << 20;
/// Likewise where address space is scarce (64 KiB).
const NARROW_GUARD_BYTES: u64 = 64 << 10;

/// How much address space is reserved for each memory. Nothing of it takes room before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// All that 32 bits reach, about 520 GiB together: addresses need no checks.
    Wide,
    /// As much as a memory may grow to, for fewer instances, about 9 GiB together: for processes
    /// whose address space is limited.
    Narrow,
}

/// The system does not give the engine what it needs.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}")]
pub struct EngineError(
    /// What the engine says, on one line.
    pub String,
);

/// The proposals of WebAssembly that a component may use; the same for
/// [`inspect`](crate::inspect()) and the engine.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::empty()
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// What the engine itself writes may use besides: where one part of a component calls another with
/// a memory of its own, the code between the two has both memories.
const FEATURES_BETWEEN_PARTS: WasmFeatures = WasmFeatures::MULTI_MEMORY;

/// Starts an engine, with narrow reservations where the system refuses wide ones.
pub fn start_engine() -> Result<(Engine, Reservation), EngineError> {
    if let Ok(engine) = start_engine_with(Reservation::Wide) {
        return Ok((engine, Reservation::Wide));
    }
    start_engine_with(Reservation::Narrow).map(|engine| (engine, Reservation::Narrow))
}

/// Starts an engine with these reservations.
pub fn start_engine_with(reservation: Reservation) -> Result<Engine, EngineError> {
    let mut config = Config::new();
    language(&mut config);
    code(&mut config);
    memory(&mut config, reservation);
    Engine::new(&config).map_err(|error| EngineError(format!("{error:#}")))
}

/// What is accepted.
fn language(config: &mut Config) {
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES.union(FEATURES_BETWEEN_PARTS), true)
        .shared_memory(false);
}

/// How it is compiled.
fn code(config: &mut Config) {
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .generate_address_map(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES);
}

/// What is reserved.
fn memory(config: &mut Config, reservation: Reservation) {
    let (reserved, guard, instances) = match reservation {
        Reservation::Wide => (WIDE_RESERVATION_BYTES, WIDE_GUARD_BYTES, INSTANCES_MAX),
        Reservation::Narrow => (
            MEMORY_BYTES_MAX as u64,
            NARROW_GUARD_BYTES,
            INSTANCES_NARROW_MAX,
        ),
    };
    config
        .memory_reservation(reserved)
        .memory_guard_size(guard)
        .memory_may_move(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES_MAX)
        .total_memories(instances)
        .total_tables(instances * 4)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(MEMORY_BYTES_MAX)
        .max_component_instance_size(INSTANCE_METADATA_BYTES_MAX)
        .max_core_instance_size(INSTANCE_METADATA_BYTES_MAX)
        .max_unused_warm_slots(WARM_SLOTS_MAX)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use wasmparser::Validator;
    use wasmtime::component::Component;

    use super::*;

    /// A core module within a component.
    fn component(module: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (core module {module}))")).expect("text")
    }

    #[test]
    fn the_engine_and_inspect_accept_the_same_proposals() {
        let refused = [
            "(memory 1 1 shared)",
            "(memory i64 1)",
            "(func (param v128) (result i32) local.get 0 i32x4.relaxed_trunc_f32x4_s i32x4.extract_lane 0)",
            "(type (struct))",
            "(tag)",
            "(table 1 externref)",
            "(func (param (ref null 0)))",
        ];
        let accepted = [
            "(func (result i32) (return_call 0))",
            "(func (param v128) (result v128) local.get 0)",
            "(func (result i32 i32) i32.const 1 i32.const 2)",
            "(memory 1) (func i32.const 0 i32.const 0 i32.const 0 memory.fill)",
        ];
        let engine = start_engine_with(Reservation::Narrow).expect("starts");
        let both = |module: &str| {
            let bytes = component(module);
            let mut validator = Validator::new_with_features(FEATURES);
            let validated = validator.validate_all(&bytes).is_ok();
            (validated, Component::from_binary(&engine, &bytes).is_ok())
        };
        for module in refused {
            assert_eq!(both(module), (false, false), "{module}");
        }
        for module in accepted {
            assert_eq!(both(module), (true, true), "{module}");
        }
        // For what the engine writes itself; a component with it is refused before the engine sees
        // it.
        assert_eq!(both("(memory 1) (memory 1)"), (false, true));
    }
}
