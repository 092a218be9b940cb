//! A core module becomes a component.
//!
//! * The component imports what the module's code imports, and nothing that only its WIT world
//!   would allow.
//! * The same module gives the same component, byte for byte.

use thiserror::Error;
use wit_component::ComponentEncoder;

/// Why a module does not become a component.
#[derive(Debug, Error)]
#[error("the module does not become a component: {reason}")]
pub struct ComponentizeError {
    reason: String,
}

/// Makes a core module that carries its WIT world, as bindings generated from WIT do, a component.
///
/// # Errors
///
/// If the module is broken, or carries no world, or imports what its world has not: then it was
/// built for another host, such as one with files and clocks.
pub fn component(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let encoder = ComponentEncoder::default().validate(true).module(module);
    let component = encoder.and_then(|mut encoder| encoder.encode());
    component.map_err(|error| ComponentizeError {
        reason: format!("{error:#}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with nothing in it.
    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(component(b"").is_err());
        assert!(component(b"not wasm").is_err());
        assert!(component(&EMPTY[..6]).is_err());
    }

    #[test]
    fn a_module_that_imports_from_another_host_is_refused_by_name() {
        // (module (type (func)) (import "wasi" "now" (func (type 0))))
        let mut module = EMPTY.to_vec();
        module.extend([1, 4, 1, 0x60, 0, 0]);
        module.extend([2, 12, 1, 4]);
        module.extend(b"wasi\x03now");
        module.extend([0, 0]);
        let refused = component(&module).unwrap_err().to_string();
        assert!(refused.contains("wasi"), "{refused}");
    }

    #[test]
    fn a_component_imports_what_its_code_calls_of_all_that_its_world_would_allow() {
        let small = include_bytes!("../../../runtime/tests/fixtures/small.wasm");
        let text = String::from_utf8_lossy(small);
        for used in ["handler", "maps", "map-writes"] {
            assert!(text.contains(&format!("synod:app/{used}@0.1.0")), "{used}");
        }
        for unused in [
            "caller",
            "claims",
            "ledger-time",
            "log",
            "random",
            "transaction",
        ] {
            assert!(!text.contains(&format!("synod:app/{unused}@")), "{unused}");
        }
        assert!(!text.contains("wasi:") && !text.contains("lifecycle"));
    }
}
