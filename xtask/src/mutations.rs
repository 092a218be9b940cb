//! `cargo xtask mutations`: faults that the protocol must not have are put into it, one after the other, and the
//! simulator must find each.
//!
//! A fault is switched in by `--cfg synod_mutation="name"`, which a wrapper around the compiler adds for the crates of
//! the workspace alone; a Cargo feature could be unified into the product. The mutated simulators stand below
//! `target/mutations`; nothing that is built in another way holds a fault.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A fault, and within how many seeds of which profile the simulator finds it.
struct Mutation {
    name: &'static str,
    profile: &'static str,
    seeds: u32,
}

const fn mutation(name: &'static str, profile: &'static str, seeds: u32) -> Mutation {
    Mutation {
        name,
        profile,
        seeds,
    }
}

/// What each undoes stands in docs/simulator.md; a test there is none without a line here.
const MUTATIONS: &[Mutation] = &[
    mutation("acknowledge-before-persist", "lossy", 5),
    mutation("own-signature-twice", "lossy", 5),
    mutation("certificate-view-unchecked", "broken-replica", 20),
    mutation("unconfirmed-reads", "partitions", 60),
    mutation("vote-twice", "partitions", 60),
    mutation("vote-for-shorter-logs", "partitions", 60),
    mutation("answer-before-certified", "calm", 5),
    mutation("refuse-from-the-past", "partitions", 60),
];

/// A checker of the simulator failed, as its exit code says.
const FOUND: i32 = 3;

/// Builds and runs the named mutations, or all.
pub(crate) fn run(names: &[&str]) -> ExitCode {
    let unknown = names
        .iter()
        .find(|name| !MUTATIONS.iter().any(|known| known.name == **name));
    if let Some(unknown) = unknown {
        eprintln!("error: there is no mutation `{unknown}`");
        return ExitCode::from(1);
    }
    let chosen = MUTATIONS
        .iter()
        .filter(|it| names.is_empty() || names.contains(&it.name));
    let mut missed = 0;
    for mutation in chosen {
        match find(mutation) {
            Ok(true) => {}
            Ok(false) => {
                println!(
                    "{}: NOT FOUND in {} seeds of `{}`",
                    mutation.name, mutation.seeds, mutation.profile
                );
                missed += 1;
            }
            Err(what) => {
                eprintln!("error: {}: {what}", mutation.name);
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::from(u8::from(missed > 0))
}

/// Whether the simulator finds the fault.
fn find(mutation: &Mutation) -> Result<bool, String> {
    let simulator = build(mutation.name)?;
    let seeds = mutation.seeds.to_string();
    let output = Command::new(simulator)
        .args([
            "--profile",
            mutation.profile,
            "--seeds",
            &seeds,
            "--until-failure",
        ])
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().find(|line| line.contains(" failed: "));
    if let Some(failed) = failed {
        println!("{}: {failed}", mutation.name);
    }
    match output.status.code() {
        Some(FOUND) => Ok(true),
        Some(0) => Ok(false),
        _ => Err(format!("the simulator ended with {}", output.status)),
    }
}

fn build(name: &str) -> Result<PathBuf, String> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let folder = target.join("mutations").join(name);
    let io = |error: std::io::Error| format!("`{}`: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(io)?;
    // Its path is a part of what the compiler's results are kept under, so that no two mutations share any.
    let wrapper = folder.join("rustc");
    fs::write(
        &wrapper,
        format!("#!/bin/sh\nexec \"$@\" --cfg 'synod_mutation=\"{name}\"'\n"),
    )
    .map_err(io)?;
    executable(&wrapper).map_err(io)?;
    let status = Command::new("cargo")
        .args([
            "build",
            "--quiet",
            "--profile",
            "sim",
            "--package",
            "synod-sim",
        ])
        .current_dir(root())
        .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
        // Each is built for a few runs: half as well optimised is sooner done.
        .env("CARGO_PROFILE_SIM_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_SIM_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .map_err(|error| error.to_string())?;
    if !status.success() {
        return Err("the mutated workspace does not compile".to_owned());
    }
    let simulator = folder.join("synod-sim");
    fs::copy(target.join("sim/synod-sim"), &simulator).map_err(io)?;
    Ok(simulator)
}

#[cfg(unix)]
fn executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Err(std::io::Error::other("mutations are built on Unix"))
}

/// The workspace.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent()
        .expect("this crate lies in the workspace")
        .to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_is_known_to_the_compiler_and_described() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
        let document = fs::read_to_string(root().join("docs/simulator.md")).expect("the document");
        for mutation in MUTATIONS {
            let name = mutation.name;
            assert!(
                manifest.contains(&format!("\"{name}\"")),
                "{name} in Cargo.toml"
            );
            let line = format!("| `{name}` |");
            assert!(document.contains(&line), "{name} in docs/simulator.md");
        }
    }
}
