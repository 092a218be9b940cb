//! A compiler that can make wasm32, and a linker for it.
//!
//! The compiler at hand serves if it has the target's standard library
//! (`rustup target add wasm32-unknown-unknown`). Otherwise Debian's packages of
//! the compiler and of the library's sources are unpacked into a folder of our
//! own, and the library is built there, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo::{TARGET, cargo};
use super::debian;
use super::step::{Failure, run};

/// What `cargo` is told.
pub(crate) struct Toolchain {
    /// The compiler, if it is not the one that `cargo` finds.
    pub(crate) compiler: Option<PathBuf>,
    /// The linker, if it is not the compiler's own.
    pub(crate) linker: Option<PathBuf>,
}

impl Toolchain {
    /// A `cargo` that builds with it.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = cargo(subcommand);
        if let Some(compiler) = &self.compiler {
            cargo.env("RUSTC", compiler);
        }
        if let Some(linker) = &self.linker {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }
}

/// Finds a tool chain, or makes one in `folder`.
pub(crate) fn find(folder: &Path) -> Result<Toolchain, Failure> {
    let sysroot = PathBuf::from(run(Command::new("rustc").args(["--print", "sysroot"]))?.trim());
    if sysroot
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir()
    {
        return Ok(Toolchain {
            compiler: None,
            linker: None,
        });
    }
    let linker = linker(&sysroot)?;
    let compiler = debian::compiler(folder, &linker)?;
    Ok(Toolchain {
        compiler: Some(compiler),
        linker: Some(linker),
    })
}

/// The linker that comes with every Rust of rustup, whatever its targets.
fn linker(sysroot: &Path) -> Result<PathBuf, Failure> {
    let version = run(Command::new("rustc").args(["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let linker = sysroot
        .join("lib/rustlib")
        .join(host.unwrap_or_default())
        .join("bin/rust-lld");
    if linker.is_file() {
        return Ok(linker);
    }
    Err(Failure::Missing(format!(
        "no linker for wasm32 in {}\nhint: `rustup target add {TARGET}`",
        linker.display()
    )))
}
