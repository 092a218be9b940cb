//! From sources to a component: the language's own tool, then a look at what came out.

mod javascript;
mod python;
mod rust;

use std::time::Instant;

use synod_crypto::{Digest, sha256};

use crate::app::component;
use crate::app::project::{Language, Project};
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};

/// A component that was built.
pub(crate) struct Built {
    pub(crate) component: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) milliseconds: u64,
}

/// Builds the app, writes the component next to its manifest, and refuses one that the manifest
/// does not admit.
pub(crate) fn build(project: &Project) -> Outcome<Built> {
    let began = Instant::now();
    let made = match project.language()? {
        Language::Rust => rust::build(project)?,
        Language::JavaScript => javascript::build(project)?,
        Language::Python => python::build(project)?,
    };
    let component = component::of_module(made)?;
    component::check(&component, &project.manifest)?;
    let path = project.component_path();
    let stands = path.exists() && files::read(&path)? == component;
    if !stands {
        let folder = path.parent().unwrap_or(&project.dir);
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::io(
                format!("cannot make the folder `{}`", folder.display()),
                &error,
            )
        })?;
        files::replace(&path, &component, Readers::Everybody)?;
    }
    Ok(Built {
        digest: sha256(&[&component]),
        milliseconds: began.elapsed().as_millis() as u64,
        component,
    })
}
