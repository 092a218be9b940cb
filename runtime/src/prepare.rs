//! From bytes to something that can be called: checked, compiled, linked.

use std::sync::Arc;

use synod_component::{ComponentError, HANDLER, LIFECYCLE, compile, full_name};
use synod_governance::app::AppManifest;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Linker, Lower,
};

use crate::host::Host;
use crate::scope::Scope;
use crate::wire::{FromVersion, Request, Response, Verdict};

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
    let component = compile(engine, bytes, manifest)?;
    let linked = linker.instantiate_pre(&component);
    let instances = linked.map_err(|error| ComponentError::WrongShape(format!("{error:#}")))?;
    // Else the first request would wait for it.
    let imaged = component.initialize_copy_on_write_image();
    imaged.map_err(|error| ComponentError::Surroundings(format!("{error:#}")))?;
    exports(&component, instances, manifest)
}

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
