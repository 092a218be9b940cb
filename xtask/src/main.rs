//! Tasks of the workspace that are written in Rust.
//!
//! `cargo xtask tidy` checks the rules of the house that a machine can check and prints each
//! breach with its place. It reads files and asks `cargo metadata`; it changes nothing.
//!
//! `cargo xtask guests` builds the components of the apps in Rust, and compares them with those
//! that are committed.
//!
//! `cargo xtask wasm` builds the verifier for wasm32 and tests it; it writes below `target` alone.
//!
//! `cargo xtask sim` builds the simulator with what only simulations may have, and runs it;
//! `cargo xtask mutations` has it find known faults in the protocol. Both write below `target`
//! alone.

mod circles;
mod dependencies;
mod error_codes;
mod finding;
mod guests;
mod imports;
mod layers;
mod methods;
mod mutations;
mod sans_io;
mod shape;
mod simulator;
mod sources;
mod wasm;
mod workspace;

use std::process::ExitCode;

use finding::Finding;
use wasm::step::Failure;
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask tidy
       cargo xtask guests [--bless]
       cargo xtask wasm [--compare]
       cargo xtask sim [OPTION...]
       cargo xtask mutations [NAME...]

  tidy    check layers, circles of modules and of methods, sans-IO rules, error codes, sizes, names and reasons of dependencies
  guests  build the components of the apps in Rust, and compare them with those that are
          committed; with `--bless`, write those anew
  wasm    build the verifier for wasm32 and run recorded evidence through it under Node;
          with `--compare`, also natively, with the times of both
  sim     run simulated networks; `cargo xtask sim --help` lists the options
  mutations
          switch each known fault of the protocol on, and have the simulator find it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tidy"] => tidy(),
        ["guests"] => told(guests::run_guests(false)),
        ["guests", "--bless"] => told(guests::run_guests(true)),
        ["wasm"] => told(wasm::run(false)),
        ["wasm", "--compare"] => told(wasm::run(true)),
        ["sim", ref options @ ..] => simulator::run(options),
        ["mutations", ref names @ ..] => mutations::run(names),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(1)
        }
    }
}

fn told(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn tidy() -> ExitCode {
    let workspace = match Workspace::read() {
        Ok(workspace) => workspace,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::from(2);
        }
    };
    let findings = check(&workspace);
    for finding in &findings {
        eprintln!("{finding}");
    }
    let files = workspace
        .packages
        .iter()
        .map(|package| package.sources.len())
        .sum::<usize>();
    if findings.is_empty() {
        println!(
            "tidy: {files} files of {} packages are in order",
            workspace.packages.len()
        );
        return ExitCode::SUCCESS;
    }
    eprintln!("tidy: {} breaches in {files} files", findings.len());
    ExitCode::from(1)
}

fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = workspace.findings.clone();
    findings.extend(layers::check(&workspace.packages));
    findings.extend(dependencies::check(workspace));
    findings.extend(sans_io::check(workspace));
    findings.extend(error_codes::check(&workspace.packages));
    for package in &workspace.packages {
        findings.extend(circles::check(package));
        findings.extend(methods::check(package));
        findings.extend(shape::check(package));
    }
    findings.sort();
    findings
}
