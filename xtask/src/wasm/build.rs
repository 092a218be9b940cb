//! The verifier, built for wasm32 and, to compare with, for this machine.

use std::path::{Path, PathBuf};

use super::cargo::{TARGET, cargo};
use super::step::{Failure, Step, run};
use super::toolchain::Toolchain;

const MANIFEST: &str = "wasm/Cargo.toml";

/// The module.
pub(super) fn module(root: &Path, target: &Path, tools: &Toolchain) -> Result<PathBuf, Failure> {
    let step = Step::begin("building the verifier for wasm32");
    let mut cargo = tools.cargo("build");
    cargo
        .args(["--release", "--locked", "--lib", "--target", TARGET])
        .arg("--manifest-path")
        .arg(root.join(MANIFEST))
        .arg("--target-dir")
        .arg(target);
    built(&mut cargo)?;
    step.end();
    Ok(target.join(TARGET).join("release/synod_wasm.wasm"))
}

/// The same judge, natively.
pub(super) fn native(root: &Path, target: &Path) -> Result<PathBuf, Failure> {
    let step = Step::begin("building the verifier natively");
    let mut cargo = cargo("build");
    cargo
        .args(["--release", "--locked", "--example", "native"])
        // As a service is built, not as a module that is to be small.
        .args(["--config", "profile.release.opt-level=3"])
        .arg("--manifest-path")
        .arg(root.join(MANIFEST))
        .arg("--target-dir")
        .arg(target);
    built(&mut cargo)?;
    step.end();
    Ok(target.join("release/examples/native"))
}

fn built(cargo: &mut std::process::Command) -> Result<(), Failure> {
    run(cargo).map(drop).map_err(|failure| match failure {
        Failure::Broken(reason) if reason.contains("--locked") => Failure::Broken(format!(
            "{reason}\nhint: `cargo update --workspace --manifest-path {MANIFEST}`, and commit the lock"
        )),
        other => other,
    })
}
