//! From bytes to something that can be called: checked, compiled, linked.

use std::sync::Arc;

use synod_governance::app::{AppManifest, IMPORTS};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Linker, Lower,
};

use crate::anatomy::{Anatomy, dissect};
use crate::error::ComponentError;
use crate::host::Host;
use crate::scope::Scope;
use crate::wire::{FromVersion, Request, Response, Verdict};
use crate::world::{HANDLER, HTTP, LIFECYCLE, Origin, Wanted, full_name, origin};

/// A compiled version of an app, ready to be installed. Its code lives as long as it does.
pub struct Prepared {
    pub(crate) instances: InstancePre<Host>,
    pub(crate) handle: ComponentExportIndex,
    pub(crate) init: Option<ComponentExportIndex>,
    pub(crate) migrate: Option<ComponentExportIndex>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) reuse: bool,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Prepared {
    /// How much machine code the component became, in bytes.
    pub fn code_bytes(&self) -> usize {
        self.instances.component().text().len()
    }
}

/// Checks, compiles and links.
pub(crate) fn prepare(
    engine: &Engine,
    linker: &Linker<Host>,
    bytes: &[u8],
    manifest: &AppManifest,
) -> Result<Prepared, ComponentError> {
    let anatomy = dissect(bytes)?;
    check_names(&anatomy, Some(manifest))?;
    let compiled = Component::from_binary(engine, bytes);
    let component = compiled.map_err(|error| ComponentError::Invalid(format!("{error:#}")))?;
    check_memory(&component, manifest)?;
    let linked = linker.instantiate_pre(&component);
    let instances = linked.map_err(|error| ComponentError::WrongShape(format!("{error:#}")))?;
    // Else the first request would wait for it.
    let imaged = component.initialize_copy_on_write_image();
    imaged.map_err(|error| ComponentError::Surroundings(format!("{error:#}")))?;
    exports(&component, instances, manifest)
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

/// Looks the exports up, once.
fn exports(
    component: &Component,
    instances: InstancePre<Host>,
    manifest: &AppManifest,
) -> Result<Prepared, ComponentError> {
    let handle = function::<Request, Response>(component, &instances, HANDLER, "handle")?;
    let missing = || ComponentError::WrongShape("`handler` has no `handle`".to_owned());
    Ok(Prepared {
        handle: handle.ok_or_else(missing)?,
        init: function::<(), Verdict>(component, &instances, LIFECYCLE, "init")?,
        migrate: function::<FromVersion, Verdict>(component, &instances, LIFECYCLE, "migrate")?,
        instances,
        scope: Arc::new(Scope::new(manifest)),
        reuse: manifest.reuse(),
    })
}

/// An exported function of the shape that the host expects, if the component has it.
fn function<P, R>(
    component: &Component,
    instances: &InstancePre<Host>,
    interface: &str,
    name: &str,
) -> Result<Option<ComponentExportIndex>, ComponentError>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let outer = component.get_export_index(None, full_name(interface).as_str());
    let Some((item, index)) = outer.and_then(|outer| component.get_export(Some(&outer), name))
    else {
        return Ok(None);
    };
    let wrong = |text: String| ComponentError::WrongShape(format!("`{interface}.{name}`: {text}"));
    let ComponentItem::ComponentFunc(function) = item else {
        return Err(wrong("no function".to_owned()));
    };
    if function.async_() {
        return Err(wrong("async functions are not called here".to_owned()));
    }
    let checked = function.typecheck::<P, R>(&instances.instance_type());
    checked.map_err(|error| wrong(format!("{error:#}")))?;
    Ok(Some(index))
}
