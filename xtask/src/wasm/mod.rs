//! `cargo xtask wasm`: builds the verifier for wasm32 and runs the recorded
//! evidence through it under Node.
//!
//! Everything is kept in `target/wasm`; a second run builds only what changed. Each step that may
//! take long says so first.

mod build;
pub(crate) mod cargo;
mod debian;
pub(crate) mod names;
pub(crate) mod step;
pub(crate) mod toolchain;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use step::{Failure, Step};

/// Runs the whole. `compare`: also builds natively, and holds both against
/// each other.
pub(crate) fn run(compare: bool) -> Result<(), Failure> {
    step::run(Command::new("node").arg("--version"))?;
    let root = root();
    let target = target_folder(&root);
    let folder = target.join("wasm");
    let toolchain = toolchain::find(&folder)?;
    let module = build::module(&root, &folder.join("verifier"), &toolchain)?;
    let native = if compare {
        Some(build::native(&root, &folder.join("native"))?)
    } else {
        None
    };
    judge(&root, &module, native.as_deref())?;
    println!("wasm: {}", module.display());
    Ok(())
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Where all that is built goes.
pub(crate) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn judge(root: &Path, module: &Path, native: Option<&Path>) -> Result<(), Failure> {
    let mut arguments: Vec<OsString> = vec![root.join("wasm/vectors.mjs").into(), module.into()];
    if let Some(native) = native {
        arguments.extend(["--native".into(), native.into()]);
    }
    let step = Step::begin("recorded evidence, under Node");
    let status = Command::new("node").args(arguments).status();
    let status = status.map_err(|error| Failure::Missing(format!("`node`: {error}")))?;
    if !status.success() {
        return Err(Failure::Judged);
    }
    step.end();
    Ok(())
}
