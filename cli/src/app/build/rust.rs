//! Rust: cargo, for `wasm32-unknown-unknown`, with whatever compiler and options the environment
//! names.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use synod_componentize::{RUSTC_WRAPPER, RustBuild};

use crate::app::project::Project;
use crate::app::tool::{Said, Tool};
use crate::files;
use crate::outcome::{Failure, Outcome};

const TARGET: &str = "wasm32-unknown-unknown";
const ARGS: [&str; 6] = [
    "build",
    "--release",
    "--target",
    TARGET,
    "--message-format",
    "json-render-diagnostics",
];

/// What the compiler says where the target's standard library is not installed.
const NO_TARGET: [&str; 3] = [
    "target may not be installed",
    "can't find crate for `core`",
    "can't find crate for `std`",
];

/// One line of cargo's report, as far as it counts here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds the crate in the app's folder, and gives its module.
pub(crate) fn build(project: &Project) -> Outcome<Vec<u8>> {
    let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let cargo = Tool {
        program: &program,
        hint: "install Rust with rustup (https://rustup.rs)",
    };
    let (flags, wrapper) = (flags(project), wrapper(project)?);
    let environment = [
        ("CARGO_ENCODED_RUSTFLAGS", flags.as_str()),
        ("RUSTC_WRAPPER", wrapper.as_str()),
    ];
    let said = cargo.run_with(&project.dir, &ARGS, &environment)?;
    if !said.status.success() {
        said_why(&said);
        return Err(explained(cargo.failed(&ARGS[..4], &said), &said));
    }
    let module = module_of(&said, project)?;
    files::read(&module)
}

/// The flags of a build whose bytes do not depend on where it lies, and those of the caller after
/// them.
fn flags(project: &Project) -> String {
    let home = env::home_dir().unwrap_or_default().join(".cargo");
    let home = env::var_os("CARGO_HOME").map_or(home, PathBuf::from);
    let mut build = RustBuild::default().called(&home, "/cargo");
    let registries = fs::read_dir(home.join("registry/src"));
    for registry in registries.into_iter().flatten().flatten() {
        build = build.called(&registry.path(), "/crates");
    }
    let mut flags = vec![
        build
            .called(&absolute(&project.dir), "/app")
            .encoded_flags(),
    ];
    if let Ok(encoded) = env::var("CARGO_ENCODED_RUSTFLAGS") {
        flags.extend(encoded.split('\x1f').map(str::to_owned));
    } else {
        for name in ["RUSTFLAGS", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"] {
            let plain = env::var(name).unwrap_or_default();
            flags.extend(plain.split_whitespace().map(str::to_owned));
        }
    }
    flags.retain(|flag| !flag.is_empty());
    flags.join("\x1f")
}

/// The program through which cargo calls the compiler, so that names do not depend on folders
/// either; the caller's own, if there is one.
fn wrapper(project: &Project) -> Outcome<String> {
    if let Ok(own) = env::var("RUSTC_WRAPPER")
        && !own.is_empty()
    {
        return Ok(own);
    }
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = absolute(&target.unwrap_or_else(|| project.dir.join("target")));
    let path = target.join("same-names");
    let failed =
        |error: std::io::Error| Failure::io(format!("cannot write `{}`", path.display()), &error);
    fs::create_dir_all(&target)
        .and_then(|()| fs::write(&path, RUSTC_WRAPPER))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(failed)?;
    Ok(path.to_string_lossy().into_owned())
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize()
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

/// Diagnostics stand on standard error; standard output is for machines.
fn said_why(said: &Said) {
    let errors = Said {
        status: said.status,
        stdout: Vec::new(),
        stderr: said.stderr.clone(),
    };
    errors.show();
}

fn explained(failure: Failure, said: &Said) -> Failure {
    if NO_TARGET.iter().any(|words| said.complains_of(words)) {
        return failure.with_hint(format!(
            "the standard library for {TARGET} is missing: `rustup target add {TARGET}`"
        ));
    }
    failure
}

fn module_of(said: &Said, project: &Project) -> Outcome<PathBuf> {
    let own = project.dir.join("Cargo.toml");
    let own = own.canonicalize().unwrap_or(own);
    let lines = said.stdout.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let modules: Vec<PathBuf> = messages
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| {
            let path = &message.manifest_path;
            path.canonicalize().unwrap_or_else(|_| path.clone()) == own
        })
        .flat_map(|message| message.filenames)
        .filter(|file| file.extension().is_some_and(|name| name == "wasm"))
        .collect();
    match &modules[..] {
        [module] => Ok(module.clone()),
        [] => Err(
            Failure::mistake("cargo built no module: the crate has no `cdylib` target")
                .with_hint("add `[lib]` and `crate-type = [\"cdylib\"]` to Cargo.toml"),
        ),
        _ => Err(Failure::mistake(format!(
            "cargo built {} modules, expected one",
            modules.len()
        ))),
    }
}
