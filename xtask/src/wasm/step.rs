//! Steps that tell how long they took, and how they fail.

use std::fmt;
use std::process::Command;
use std::time::Instant;

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This machine lacks something that cannot be had from here.
    Missing(String),
    /// Something that should work did not.
    Broken(String),
    /// Some evidence came out otherwise than recorded; it has been said which.
    Judged,
    /// What is committed is not what its sources give.
    Stale(String),
}

impl Failure {
    /// The exit code: 1 what was checked is wrong, 2 our own fault, 4 nothing was checked.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Judged | Self::Stale(_) => 1,
            Self::Broken(_) => 2,
            Self::Missing(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(reason) | Self::Broken(reason) | Self::Stale(reason) => {
                f.write_str(reason)
            }
            Self::Judged => f.write_str("not all evidence came out as recorded"),
        }
    }
}

/// A step under way.
pub(crate) struct Step {
    what: String,
    begun: Instant,
}

impl Step {
    /// Announces it.
    pub(crate) fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        println!("wasm: {what} …");
        let begun = Instant::now();
        Self { what, begun }
    }

    /// Tells how long it took.
    pub(crate) fn end(self) {
        println!(
            "wasm: {}: {:.1} s",
            self.what,
            self.begun.elapsed().as_secs_f64()
        );
    }
}

/// Runs a command to its end; what it says is shown only if it fails.
pub(crate) fn run(command: &mut Command) -> Result<String, Failure> {
    let shown = format!("`{}`", command.get_program().to_string_lossy());
    let output = command
        .output()
        .map_err(|error| Failure::Missing(format!("{shown} cannot be started: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Broken(format!("{shown} failed: {}", said.trim())))
}

/// An error of the file system, with its place.
pub(crate) fn at(path: &std::path::Path) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| Failure::Broken(format!("{}: {error}", path.display()))
}
