//! `cargo xtask mutations`: known faults are switched on, one after the other, and the simulator
//! must find each.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::simulator;

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
    mutation("certificate-view-unchecked", "broken-replica", 100),
    mutation("unconfirmed-reads", "partitions", 60),
    mutation("vote-twice", "partitions", 200),
    mutation("vote-for-shorter-logs", "partitions", 60),
    mutation("answer-before-certified", "calm", 5),
    mutation("refuse-from-the-past", "partitions", 60),
    mutation("tally-without-check", "broken-replica", 20),
    mutation("certificate-quorum-unchecked", "broken-replica", 60),
    mutation("signer-counts-twice", "broken-replica", 40),
    mutation("commit-index-believed", "calm", 5),
    mutation("superseded-certificate-halts", "broken-replica", 20),
    mutation("own-signature-before-persist", "calm", 5),
    mutation("sealed-in-clear", "calm", 5),
    mutation("condition-ignored", "calm", 5),
    mutation("compares-ignored", "calm", 5),
    mutation("idempotency-forgotten", "lossy", 20),
    mutation("read-uncertified-state", "lossy", 20),
    mutation("keys-for-the-removed", "churn", 20),
    mutation("recalled-unverified", "crashes", 100),
    mutation("reading-follows-the-wall", "clocks", 20),
    mutation("append-without-certificate", "churn", 60),
    mutation("receipt-under-the-first-root", "churn", 20),
    mutation("pending-kept-when-deposed", "partitions", 60),
    mutation("execution-unvalidated", "calm", 5),
    mutation("follower-reads-at-once", "calm", 5),
];

/// A checker of the simulator failed, as its exit code says.
const FOUND: i32 = 3;

/// Has the simulator find the named mutations, or all.
pub(crate) fn run(names: &[&str]) -> ExitCode {
    let unknown = names
        .iter()
        .find(|name| !MUTATIONS.iter().any(|known| known.name == **name));
    if let Some(unknown) = unknown {
        eprintln!("error: there is no mutation `{unknown}`");
        return ExitCode::from(1);
    }
    let simulator = match product_refuses().and_then(|()| simulator::build()) {
        Ok(simulator) => simulator,
        Err(what) => {
            eprintln!("error: {what}");
            return ExitCode::from(2);
        }
    };
    let chosen = MUTATIONS
        .iter()
        .filter(|it| names.is_empty() || names.contains(&it.name));
    let mut missed = 0;
    for mutation in chosen {
        match find(&simulator, mutation) {
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

/// Whether the simulator finds the fault: a seed fails with it, and passes without it.
fn find(simulator: &Path, mutation: &Mutation) -> Result<bool, String> {
    let seeds = mutation.seeds.to_string();
    let many = ["--seeds", &seeds, "--until-failure"];
    let with = ["--mutation", mutation.name];
    let Some(failed) = failure(simulator, mutation.profile, &[&with[..], &many].concat())? else {
        return Ok(false);
    };
    println!("{}: {failed}", mutation.name);
    let seed = seed_of(&failed).ok_or("the simulator names no seed")?;
    let control = failure(simulator, mutation.profile, &["--seed", seed])?;
    match control {
        None => Ok(true),
        Some(_) => Err(format!("seed {seed} fails without the fault as well")),
    }
}

/// The line that tells of the first failure, if there is one.
fn failure(simulator: &Path, profile: &str, options: &[&str]) -> Result<Option<String>, String> {
    let output = Command::new(simulator)
        .args(["--profile", profile])
        .args(options)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().find(|line| line.contains(" failed: "));
    match output.status.code() {
        Some(FOUND) => Ok(failed.map(str::to_owned)),
        Some(0) => Ok(None),
        _ => Err(format!("the simulator ended with {}", output.status)),
    }
}

/// The seed in a line such as `calm seed 1 failed: …`.
fn seed_of(failed: &str) -> Option<&str> {
    let mut words = failed.split(' ').skip_while(|word| *word != "seed");
    words.nth(1)
}

/// A program with the faults in it must not even compile.
fn product_refuses() -> Result<(), String> {
    let arguments = ["check", "--quiet", "--package", "synod-cli"];
    let output = simulator::cargo(arguments)?.output();
    let output = output.map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !told.contains("is not built with the faults") {
        return Err(format!(
            "a product with `--cfg {}` compiles",
            simulator::CFG
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::simulator::root;

    #[test]
    fn the_seed_of_a_failure_is_read_from_its_line() {
        assert_eq!(seed_of("calm seed 12 failed: seed 3"), Some("12"));
        assert_eq!(seed_of("calm: 5 seeds, 0 failed"), None);
    }

    #[test]
    fn every_mutation_is_in_the_protocol_and_described() {
        let document = fs::read_to_string(root().join("docs/simulator.md")).expect("the document");
        let placed = placed();
        let listed: BTreeSet<String> = MUTATIONS.iter().map(|it| it.name.to_owned()).collect();
        assert_eq!(
            placed, listed,
            "those in the protocol are those in the list"
        );
        for name in listed {
            let line = format!("| `{name}` |");
            assert!(document.contains(&line), "{name} in docs/simulator.md");
        }
    }

    /// The names that the protocol asks for.
    fn placed() -> BTreeSet<String> {
        let crates = ["consensus", "kv", "ledger", "governance", "replica"];
        let mut found = BTreeSet::new();
        let mut folders: Vec<_> = crates.map(|name| root().join(name).join("src")).into();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(path).expect("a source");
                    let asked = text.split("mutation!(\"").skip(1);
                    let names = asked.filter_map(|rest| rest.split('"').next());
                    found.extend(names.map(str::to_owned));
                }
            }
        }
        found
    }
}
