//! From bytes to code: checked against every bound and against the manifest, then compiled.

use synod_governance::app::{AppManifest, IMPORTS};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::anatomy::{Anatomy, dissect};
use crate::error::ComponentError;
use crate::world::{HANDLER, HTTP, Origin, Wanted, full_name, origin};

/// Compiles a component that is within all bounds and asks for no more than its manifest admits.
///
/// # Errors
///
/// What is wrong with the component, or that the machine could not provide for it.
pub fn compile(
    engine: &Engine,
    bytes: &[u8],
    manifest: &AppManifest,
) -> Result<Component, ComponentError> {
    check_names(&dissect(bytes)?, Some(manifest))?;
    let compiled = Component::from_binary(engine, bytes);
    let component = compiled.map_err(|error| ComponentError::Invalid(format!("{error:#}")))?;
    check_memory(&component, manifest)?;
    Ok(component)
}

/// Whether the names at the border are those of an app, and no more than the manifest admits.
pub(crate) fn check_names(
    anatomy: &Anatomy,
    manifest: Option<&AppManifest>,
) -> Result<(), ComponentError> {
    let names = anatomy.imports.iter().chain(&anatomy.exports);
    let of_other_version = |name: &&String| origin(name) == Origin::OtherVersion;
    let found: Vec<String> = names.filter(of_other_version).cloned().collect();
    if !found.is_empty() {
        let wanted = Wanted.to_string();
        return Err(ComponentError::WrongVersion { found, wanted });
    }
    let unknown =
        |name: &&String| !matches!(origin(name), Origin::Ours(short) if is_offered(short));
    let unknown: Vec<String> = anatomy.imports.iter().filter(unknown).cloned().collect();
    if !unknown.is_empty() {
        return Err(ComponentError::UnknownImports(unknown));
    }
    if let Some(manifest) = manifest {
        admitted(anatomy, manifest)?;
    }
    let wanted = full_name(HANDLER);
    if !anatomy.exports.contains(&wanted) {
        let found = anatomy.exports.clone();
        return Err(ComponentError::NoHandler { wanted, found });
    }
    Ok(())
}

fn is_offered(short: &str) -> bool {
    short == HTTP || IMPORTS.contains(&short)
}

fn admitted(anatomy: &Anatomy, manifest: &AppManifest) -> Result<(), ComponentError> {
    let beyond = |name: &&String| matches!(origin(name), Origin::Ours(short) if short != HTTP && !manifest.admits_import(short));
    let beyond: Vec<String> = anatomy.imports.iter().filter(beyond).cloned().collect();
    if beyond.is_empty() {
        return Ok(());
    }
    Err(ComponentError::NotAdmitted(beyond))
}

/// A component that needs more memory to begin with than it may have would fail at each call.
fn check_memory(component: &Component, manifest: &AppManifest) -> Result<(), ComponentError> {
    let Some(resources) = component.resources_required() else {
        return Err(ComponentError::Composed("it imports code"));
    };
    let pages = resources.max_initial_memory_size.unwrap_or(0);
    let needed = pages.saturating_mul(WASM_PAGE_BYTES);
    let admitted = manifest.limits().memory_bytes;
    if needed > admitted {
        return Err(ComponentError::Memory { needed, admitted });
    }
    Ok(())
}

const WASM_PAGE_BYTES: u64 = 65_536;
