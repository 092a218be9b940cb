//! The fault that is switched on, in the simulator's own build.

use std::sync::OnceLock;

static ACTIVE: OnceLock<String> = OnceLock::new();

/// Switches the fault of this name on, for the whole process and for good.
///
/// # Panics
/// Where a fault was switched on before.
pub fn activate(name: String) {
    ACTIVE.set(name).expect("one fault at a time");
}

/// Whether the fault of this name is switched on.
pub fn is_active(name: &str) -> bool {
    ACTIVE.get().is_some_and(|active| active == name)
}
