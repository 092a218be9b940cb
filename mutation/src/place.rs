//! How the protocol asks for a fault.

/// Whether the fault of this name is switched on. Always false but in the simulator's own build.
#[macro_export]
macro_rules! mutation {
    ($name:literal) => {{
        #[cfg(synod_simulation)]
        {
            $crate::active::is_active($name)
        }
        #[cfg(not(synod_simulation))]
        {
            false
        }
    }};
}
