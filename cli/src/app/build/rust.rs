//! Rust: cargo, for `wasm32-unknown-unknown`, with whatever compiler and options the environment names.

use std::path::PathBuf;

use serde::Deserialize;

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
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let cargo = Tool {
        program: &program,
        hint: "install Rust with rustup (https://rustup.rs)",
    };
    let said = cargo.run(&project.dir, &ARGS)?;
    if !said.status.success() {
        said_why(&said);
        return Err(explained(cargo.failed(&ARGS[..4], &said), &said));
    }
    let module = module_of(&said, project)?;
    files::read(&module)
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
            Failure::mistake("cargo made no module: the crate has no `cdylib`")
                .with_hint("write `[lib]` and `crate-type = [\"cdylib\"]` into Cargo.toml"),
        ),
        _ => Err(Failure::mistake(format!(
            "cargo made {} modules, an app is one",
            modules.len()
        ))),
    }
}
