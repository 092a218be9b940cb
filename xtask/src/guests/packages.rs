//! Which packages are apps, and where their components stand.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::wasm::cargo::cargo;
use crate::wasm::step::{Failure, run};

/// A package that is an app.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// Its name.
    pub(super) name: String,
    /// Where its component is committed, from the repository's root.
    pub(super) component: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    name: String,
    metadata: Option<Additions>,
}

#[derive(Deserialize)]
struct Additions {
    synod: Option<Synod>,
}

#[derive(Deserialize)]
struct Synod {
    component: PathBuf,
}

/// The apps of a workspace, by name.
pub(super) fn list(manifest: &Path) -> Result<Vec<Package>, Failure> {
    let mut cargo = cargo("metadata");
    cargo
        .args(["--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(manifest);
    read(&run(&mut cargo)?)
}

fn read(told: &str) -> Result<Vec<Package>, Failure> {
    let told: Metadata = serde_json::from_str(told)
        .map_err(|error| Failure::Broken(format!("what `cargo metadata` tells: {error}")))?;
    let mut packages: Vec<Package> = told.packages.into_iter().filter_map(app).collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(packages)
}

fn app(told: Told) -> Option<Package> {
    let synod = told.metadata?.synod?;
    Some(Package {
        component: synod.component,
        name: told.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_name_a_component_are_apps() {
        let told = r#"{"packages": [
            {"name": "library", "metadata": null},
            {"name": "other", "metadata": {"docs": {}}},
            {"name": "app",
             "metadata": {"synod": {"component": "apps/app.wasm"}}}]}"#;
        let app = Package {
            name: "app".to_owned(),
            component: PathBuf::from("apps/app.wasm"),
        };
        assert_eq!(read(told).unwrap(), [app]);
    }
}
