//! `cargo xtask guests`: builds the components of the workspace in `apps`, and holds the committed
//! ones against them.
//!
//! * Whatever package there has `package.metadata.synod.component` is an app; the value is where
//!   its component stands, from the repository's root.
//! * The same sources give the same bytes with the same compiler, wherever they lie.
//!   `apps/compiler.txt` tells which compiler made what is committed; with another one nothing is
//!   compared, and that is said.

mod packages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use synod_componentize::component;

use crate::wasm::cargo::TARGET;
use crate::wasm::step::{Failure, Step, at, run};
use crate::wasm::toolchain::{self, Toolchain};
use crate::wasm::{names, root, target_folder};
use packages::Package;

const MANIFEST: &str = "apps/Cargo.toml";
const COMPILER: &str = "apps/compiler.txt";
const HINT: &str = "hint: `cargo xtask guests --bless`, and commit what it wrote";

/// Builds all. `bless`: also writes what is to be committed.
pub(crate) fn run_guests(bless: bool) -> Result<(), Failure> {
    let root = root();
    let target = target_folder(&root);
    let toolchain = toolchain::find(&target.join("wasm"))?;
    let packages = packages::list(&root.join(MANIFEST))?;
    let modules = build(&root, &target.join("guests"), &toolchain, &packages)?;
    let compiler = compiler(&toolchain)?;
    let record = root.join(COMPILER);
    let recorded = fs::read_to_string(&record).unwrap_or_default();
    let comparable = recorded.trim() == compiler;
    let mut stale = Vec::new();
    for (package, module) in packages.iter().zip(&modules) {
        let made = make(module)?;
        let path = root.join(&package.component);
        let same = fs::read(&path).is_ok_and(|committed| committed == made);
        let shown = package.component.display().to_string();
        println!("guests: {shown}: {} bytes", made.len());
        if bless && !same {
            fs::write(&path, &made).map_err(at(&path))?;
            println!("guests: {shown} is written");
        } else if !same {
            stale.push(shown);
        }
    }
    if bless {
        return fs::write(&record, compiler + "\n").map_err(at(&record));
    }
    judge(&stale, comparable, recorded.trim(), &compiler)
}

/// Bytes count only if the same compiler made them; a component that is not there at all is one too
/// few.
fn judge(
    stale: &[String],
    comparable: bool,
    recorded: &str,
    compiler: &str,
) -> Result<(), Failure> {
    if stale.is_empty() {
        println!("guests: what is committed is what its sources give");
        return Ok(());
    }
    if !comparable {
        println!("guests: not compared: `{recorded}` made what is committed, here is `{compiler}`");
        return Ok(());
    }
    Err(Failure::Stale(format!(
        "not what their sources give: {}\n{HINT}",
        stale.join(", ")
    )))
}

fn compiler(toolchain: &Toolchain) -> Result<String, Failure> {
    let program = toolchain.compiler.clone();
    let program = program.unwrap_or_else(|| PathBuf::from("rustc"));
    let told = run(Command::new(program).arg("--version"))?;
    Ok(told.trim().to_owned())
}

/// The modules, in the order of the packages.
fn build(
    root: &Path,
    target: &Path,
    toolchain: &Toolchain,
    packages: &[Package],
) -> Result<Vec<PathBuf>, Failure> {
    let step = Step::begin("building the apps for wasm32");
    fs::create_dir_all(target).map_err(at(target))?;
    let mut cargo = toolchain.cargo("build");
    cargo
        .args(["--release", "--locked", "--target", TARGET])
        .arg("--manifest-path")
        .arg(root.join(MANIFEST))
        .arg("--target-dir")
        .arg(target)
        .env("RUSTC_WRAPPER", names::wrapper(target)?)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            names::flags(&[(root, "/synod")])?,
        );
    for package in packages {
        cargo.args(["--package", &package.name]);
    }
    run(&mut cargo)?;
    step.end();
    let folder = target.join(TARGET).join("release");
    let modules = packages.iter().map(|package| {
        let file = package.name.replace('-', "_") + ".wasm";
        folder.join(file)
    });
    Ok(modules.collect())
}

fn make(module: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(module).map_err(at(module))?;
    component(&bytes).map_err(|error| Failure::Broken(format!("{}: {error}", module.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_an_error_only_with_the_same_compiler() {
        let stale = ["apps/a.wasm".to_owned()];
        let told = judge(&stale, true, "rustc 1", "rustc 1").unwrap_err();
        assert!(told.to_string().contains("apps/a.wasm") && told.code() == 1);
        assert!(judge(&stale, false, "rustc 1", "rustc 2").is_ok());
        assert!(judge(&[], true, "rustc 1", "rustc 1").is_ok());
    }
}
