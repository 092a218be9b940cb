//! What a tool made: a component, or a core module that becomes one.

use synod_component::{Capabilities, ComponentError, inspect};
use synod_governance::app::AppManifest;

use crate::outcome::{Failure, Outcome};

/// How a core module begins: the magic number, and version 1.
const CORE_MODULE: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];

/// The component; a core module that contains the types of its interfaces is turned into one.
pub(crate) fn of_module(bytes: Vec<u8>) -> Outcome<Vec<u8>> {
    if !bytes.starts_with(&CORE_MODULE) {
        return Ok(bytes);
    }
    synod_componentize::component(&bytes).map_err(|error| {
        Failure::mistake(error)
            .with_hint("build it with the guest library, which gives it the types of `synod:app`")
    })
}

/// What the component can do, if the manifest admits it.
pub(crate) fn check(component: &[u8], manifest: &AppManifest) -> Outcome<Capabilities> {
    inspect(component, Some(manifest)).map_err(|error| refused(&error))
}

/// The component is not taken.
pub(crate) fn refused(error: &ComponentError) -> Failure {
    let failure = Failure::mistake(error);
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
