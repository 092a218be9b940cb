//! The compiler of Debian's packages, unpacked into a folder of our own.
//!
//! Debian replaces versions in place, so none is named here: the packages are
//! found by their dependencies. A compiler that is older than the workspace
//! demands is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo::{TARGET, cargo};
use super::names;
use super::step::{Failure, Step, at, run};

const COMPILER: &str = "rustc-web";
const HOST_LIBRARY: &str = "libstd-rust-web-dev";
const SOURCES: &str = "rust-web-src";
/// A file that stands beside a library in which no name of a folder of this machine is.
const MARK: &str = "the-same-everywhere";
/// Name begins of the packages that those depend on and that are needed too.
const ALSO: [&str; 2] = ["libstd-rust-web-", "libllvm"];

/// The compiler in `folder`, after whatever is missing there has been made.
pub(super) fn compiler(folder: &Path, linker: &Path) -> Result<PathBuf, Failure> {
    let unpacked = folder.join("unpacked");
    let compiler = folder.join("rustc");
    let library = unpacked.join("usr/lib/rustlib").join(TARGET).join("lib");
    if library.join(MARK).is_file() {
        return Ok(compiler);
    }
    // Neither what an interrupted run left nor what was built with another
    // library is of use.
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    unpack(&download(&folder.join("packages"))?, &unpacked)?;
    write_wrapper(&compiler, &unpacked)?;
    check_version(&compiler)?;
    build_library(folder, &compiler, linker, &library)?;
    Ok(compiler)
}

fn download(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let step = Step::begin("downloading Debian's compiler (about 140 MB, once)");
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut apt = Command::new("apt-get");
    apt.current_dir(folder).arg("download").args(packages()?);
    run(&mut apt).map_err(|failure| {
        Failure::Missing(format!(
            "{failure}\nhint: `apt-get update`, or `rustup target add {TARGET}` where rustup has it"
        ))
    })?;
    step.end();
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let entries = entries.map(|entry| entry.map(|entry| entry.path()));
    entries.collect::<Result<_, _>>().map_err(at(folder))
}

/// The three, and what they need of the same build.
fn packages() -> Result<Vec<String>, Failure> {
    let mut wanted = vec![
        COMPILER.to_owned(),
        HOST_LIBRARY.to_owned(),
        SOURCES.to_owned(),
    ];
    let mut at = 0;
    while let Some(package) = wanted.get(at).cloned() {
        let mut apt = Command::new("apt-cache");
        let told = run(apt.args(["depends", "--important", &package]))
            .map_err(|failure| Failure::Missing(format!("{failure}\nhint: `apt-get update`")))?;
        for name in needed(&told) {
            if !wanted.iter().any(|known| known == name) {
                wanted.push(name.to_owned());
            }
        }
        at += 1;
    }
    Ok(wanted)
}

/// The dependencies that are needed, of what `apt-cache depends` tells.
fn needed(told: &str) -> impl Iterator<Item = &str> {
    told.lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .filter(|name| ALSO.iter().any(|begin| name.starts_with(begin)))
}

fn unpack(packages: &[PathBuf], folder: &Path) -> Result<(), Failure> {
    let step = Step::begin("unpacking it (once)");
    for package in packages {
        run(Command::new("dpkg").arg("-x").arg(package).arg(folder))?;
    }
    step.end();
    Ok(())
}

/// The compiler's own libraries stand where no loader looks. The wrapper finds
/// them beside itself, so that the folder can be moved.
fn write_wrapper(wrapper: &Path, unpacked: &Path) -> Result<(), Failure> {
    let library = unpacked.join("usr/lib");
    let folders = fs::read_dir(&library).map_err(at(&library))?;
    let folders = folders.filter_map(|entry| Some(entry.ok()?.path()));
    let libraries: Vec<String> = folders
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(format!("$usr/lib/{}", path.file_name()?.to_str()?)))
        .collect();
    let text = format!(
        "#!/bin/sh\nusr=$(dirname \"$0\")/unpacked/usr\n\
         LD_LIBRARY_PATH=\"{}\" exec \"$usr/bin/rustc\" \"$@\"\n",
        libraries.join(":"),
    );
    fs::write(wrapper, text).map_err(at(wrapper))?;
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).map_err(at(wrapper))
}

fn check_version(compiler: &Path) -> Result<(), Failure> {
    let told = run(Command::new(compiler).arg("--version"))?;
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let found = told.split(' ').nth(1).unwrap_or_default();
    if version(found) >= version(wanted) {
        return Ok(());
    }
    Err(Failure::Missing(format!(
        "Debian has Rust {found}, and {wanted} is needed\nhint: enable Debian's security updates"
    )))
}

/// Major and minor, to compare by.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Builds the standard library with an empty crate, and keeps what came out.
fn build_library(
    folder: &Path,
    compiler: &Path,
    linker: &Path,
    library: &Path,
) -> Result<(), Failure> {
    let step = Step::begin("building the standard library for wasm32 (once)");
    let empty = folder.join("empty");
    fs::create_dir_all(empty.join("src")).map_err(at(&empty))?;
    let manifest = empty.join("Cargo.toml");
    let text = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                [workspace]\n\n[profile.release]\npanic = \"abort\"\n";
    fs::write(&manifest, text).map_err(at(&manifest))?;
    fs::write(empty.join("src/lib.rs"), "").map_err(at(&empty))?;
    let built = folder.join("built");
    let sources = folder.join("unpacked/usr/lib/rustlib/src/rust");
    let flags = names::flags(&[(&sources, "/rust")])?;
    let wrapper = names::wrapper(folder)?;
    // Such flags belong to unstable compilers; this one is told to be one. The
    // library keeps its bitcode, so that it can be optimised with what uses it.
    let mut cargo = cargo("build");
    cargo
        .args([
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort",
        ])
        .arg("--manifest-path")
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&built)
        .env("RUSTC", compiler)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_WRAPPER", wrapper)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("-Cembed-bitcode=yes\x1f{flags}"),
        )
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    run(&mut cargo)?;
    keep(&built.join(TARGET).join("release/deps"), library)?;
    step.end();
    Ok(())
}

/// Copies the libraries to a folder that appears only when it is whole.
fn keep(built: &Path, library: &Path) -> Result<(), Failure> {
    let partial = library.with_file_name("partial");
    fs::create_dir_all(&partial).map_err(at(&partial))?;
    for entry in fs::read_dir(built).map_err(at(built))? {
        let path = entry.map_err(at(built))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_library = path
            .extension()
            .is_some_and(|extension| extension == "rlib");
        if is_library && !name.starts_with("libempty-") {
            fs::copy(&path, partial.join(&*name)).map_err(at(&path))?;
        }
    }
    fs::write(partial.join(MARK), "").map_err(at(&partial))?;
    fs::rename(&partial, library).map_err(at(library))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_the_same_build_are_found_whatever_their_version() {
        let told = "libstd-rust-web-dev\n  Depends: libc6\n  Depends: libstd-rust-web-1.99\n\
                    \x20 Conflicts: libstd-rust-dev\n |Depends: gcc\n  Depends: libllvm25\n";
        let found: Vec<&str> = needed(told).collect();
        assert_eq!(found, ["libstd-rust-web-1.99", "libllvm25"]);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("1.100.0") > version("1.99"));
        assert!(version("1.95.0") >= version("1.95"));
        assert!(version("nothing").is_none());
    }
}
