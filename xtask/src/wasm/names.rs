//! Builds whose result does not depend on where things lie on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use synod_componentize::{RUSTC_WRAPPER, RustBuild};

use super::step::{Failure, at};

/// What `CARGO_ENCODED_RUSTFLAGS` is to be, so that these folders, and those of cargo's packages,
/// go by other names.
pub(crate) fn flags(folders: &[(&Path, &str)]) -> Result<String, Failure> {
    let home = cargo_home();
    let registries = home.join("registry/src");
    let mut build = RustBuild::default().called(&home, "/cargo");
    if registries.is_dir() {
        for registry in fs::read_dir(&registries).map_err(at(&registries))? {
            let registry = registry.map_err(at(&registries))?.path();
            build = build.called(&registry, "/crates");
        }
    }
    for (folder, name) in folders {
        build = build.called(folder, name);
    }
    Ok(build.encoded_flags())
}

/// What `RUSTC_WRAPPER` is to be, written into `folder`.
pub(crate) fn wrapper(folder: &Path) -> Result<PathBuf, Failure> {
    let wrapper = folder.join("same-names");
    fs::write(&wrapper, RUSTC_WRAPPER).map_err(at(&wrapper))?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).map_err(at(&wrapper))?;
    Ok(wrapper)
}

fn cargo_home() -> PathBuf {
    let told = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    told.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .unwrap_or_default()
}
