//! The simulator's own build: with the stand-in for signatures, and with the known faults to be
//! switched on.
//!
//! A wrapper around the compiler adds `--cfg synod_simulation` for the crates of the workspace.
//! What it compiles stands apart from all that is built without it, and so does the simulator that
//! comes of it, below `target/simulation`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What the wrapper adds.
pub(crate) const CFG: &str = "synod_simulation";

/// Builds the simulator and runs it with these arguments.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    let status = build().and_then(|simulator| {
        let status = Command::new(simulator).args(arguments).status();
        status.map_err(|error| error.to_string())
    });
    match status.map(|status| status.code()) {
        Ok(Some(code)) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Ok(None) => ExitCode::from(2),
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::from(2)
        }
    }
}

/// Builds the simulator; gives the program.
pub(crate) fn build() -> Result<PathBuf, String> {
    let io = |error: std::io::Error| error.to_string();
    let arguments = [
        "build",
        "--quiet",
        "--profile",
        "sim",
        "--package",
        "synod-sim",
    ];
    let status = cargo(arguments)?.status().map_err(io)?;
    if !status.success() {
        return Err("the simulator does not compile".to_owned());
    }
    let simulator = folder().join("synod-sim");
    fs::copy(target().join("sim/synod-sim"), &simulator).map_err(io)?;
    Ok(simulator)
}

/// Cargo with these arguments, by whose compiler the workspace has the `--cfg`.
pub(crate) fn cargo<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<Command, String> {
    let wrapper = write_wrapper().map_err(|error| error.to_string())?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(arguments)
        .current_dir(root())
        .env("RUSTC_WORKSPACE_WRAPPER", wrapper);
    Ok(cargo)
}

fn write_wrapper() -> std::io::Result<PathBuf> {
    fs::create_dir_all(folder())?;
    let wrapper = folder().join("rustc");
    let text = format!("#!/bin/sh\nexec \"$@\" --cfg {CFG}\n");
    // Written only where it differs: a file that is being executed cannot be written.
    if fs::read_to_string(&wrapper).ok().as_ref() != Some(&text) {
        fs::write(&wrapper, text)?;
        executable(&wrapper)?;
    }
    Ok(wrapper)
}

fn folder() -> PathBuf {
    target().join("simulation")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[cfg(unix)]
fn executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Err(std::io::Error::other(
        "the simulator's own build is made on Unix",
    ))
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent()
        .expect("this crate lies in the workspace")
        .to_path_buf()
}
