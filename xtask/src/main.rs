//! Tasks of the workspace that are written in Rust.
//!
//! `cargo xtask tidy` checks the rules of the house that a machine can check and prints each
//! breach with its place. It reads files and asks `cargo metadata`; it changes nothing.

mod circles;
mod dependencies;
mod finding;
mod floors;
mod imports;
mod sans_io;
mod shape;
mod sources;
mod workspace;

use std::process::ExitCode;

use finding::Finding;
use workspace::Workspace;

const USAGE: &str = "usage: cargo xtask tidy

  tidy    check floors, module circles, sans-IO rules, sizes, names and reasons of dependencies";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["tidy"] {
        return tidy();
    }
    eprintln!("{USAGE}");
    ExitCode::from(1)
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
    findings.extend(floors::check(&workspace.packages));
    findings.extend(dependencies::check(workspace));
    findings.extend(sans_io::check(workspace));
    for package in &workspace.packages {
        findings.extend(circles::check(package));
        findings.extend(shape::check(package));
    }
    findings.sort();
    findings
}
