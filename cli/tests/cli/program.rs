//! The program, run as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

/// `synod` with these arguments in this folder, and nothing of the caller's own environment that it
/// would follow.
pub(crate) fn command<'a>(dir: &Path, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command
        .args(args)
        .current_dir(dir)
        .env("SYNOD_CACHE", dir.join("cache"))
        .env_remove("SYNOD_DIR")
        .env_remove("SYNOD_PCCS")
        .env_remove("SYNOD_TRUST")
        .env_remove("SYNOD_STATE");
    command
}

/// What `synod` did with these arguments.
pub(crate) fn synod(dir: &Path, args: &[&str]) -> Output {
    let args = args.iter().copied();
    command(dir, args).output().expect("the program runs")
}

/// What it printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it said to the terminal.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
