//! `synod-sim`: runs seeds, tells what failed, and how to see it again.
//!
//! Results go to standard output, progress to standard error. Exit codes: 0 all seeds passed, 1
//! wrong usage, 3 a checker failed.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Parser;
use clap::error::ErrorKind;
use serde_json::{Value, json};
use synod_sim::{Outcome, Plan, Profile, Watchdog, named, profiles};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WRONG_USAGE: u8 = 1;
const CHECKER_FAILED: u8 = 3;
/// Whoever waits longer than this is told how far it is, and again after as long; in a file, not so
/// often.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
const PROGRESS_IN_FILES_EVERY: Duration = Duration::from_secs(30);
/// The most virtual minutes of a run: histories are kept whole.
const MINUTES_MAX: u64 = 600;
const SEEDS_MAX: u64 = 10_000_000;

/// Simulates whole networks of replicas, with clients, members and hostile hosts, each from one
/// seed.
///
/// Equal seeds, minutes and profiles give equal runs. Every step is checked: one leader in a view,
/// one block at an index, what is certified is durable on a quorum of enough vendors, what is
/// acknowledged stays, what is read is current, receipts verify, nothing private leaves, and in the
/// calm after trouble clients are served again.
#[derive(Clone, Parser)]
#[command(name = "synod-sim", version, after_help = after_help())]
struct Options {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other from the first on.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: u64,
    /// Virtual minutes of each run, after the network was brought up.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MINUTES_MAX))]
    minutes: u64,
    /// What goes wrong; `all` takes each profile that must pass, one after the other.
    #[arg(long, default_value = "everything")]
    profile: String,
    /// Begin no further seed once one has failed.
    #[arg(long)]
    until_failure: bool,
    /// Print every event of the run to standard error. For one seed.
    #[arg(long)]
    trace: bool,
    /// How many seeds run at the same time [default: one on each core].
    #[arg(long)]
    jobs: Option<usize>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Sign with the product's own algorithm instead of the stand-in.
    #[cfg(synod_simulation)]
    #[arg(long)]
    real_signatures: bool,
    /// Switch a known fault on; docs/simulator.md lists them.
    #[cfg(synod_simulation)]
    #[arg(long)]
    mutation: Option<String>,
}

#[cfg(synod_simulation)]
impl Options {
    /// What holds for the whole process.
    fn switch(&self) {
        if !self.real_signatures {
            synod_crypto::simulation::use_stand_in_signatures();
        }
        if let Some(name) = self.mutation.clone() {
            synod_mutation::active::activate(name);
        }
    }

    /// How this program is started, and the options that make a run what it is beside seed, minutes
    /// and profile.
    fn command(&self) -> (&'static str, String) {
        let real = if self.real_signatures {
            " --real-signatures"
        } else {
            ""
        };
        let mutation = self.mutation.as_ref();
        let mutation = mutation.map_or_else(String::new, |name| format!(" --mutation {name}"));
        ("cargo xtask sim", format!("{real}{mutation}"))
    }
}

#[cfg(not(synod_simulation))]
impl Options {
    /// How this program is started, and the options that make a run what it is beside seed, minutes
    /// and profile.
    #[allow(
        clippy::unused_self,
        reason = "the simulator's own build has more options"
    )]
    fn command(&self) -> (&'static str, String) {
        ("cargo run --profile sim -p synod-sim --", String::new())
    }
}

fn after_help() -> String {
    let mut help = "Profiles:\n".to_owned();
    for profile in profiles() {
        let fails = if profile.expected_to_fail.is_some() {
            " (expected to fail)"
        } else {
            ""
        };
        let line = [
            &format!("  {:<18} ", profile.name),
            profile.about,
            fails,
            "\n",
        ]
        .concat();
        help.push_str(&line);
    }
    help + "\nExit codes: 0 all seeds passed, 1 wrong usage, 3 a checker failed."
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return ExitCode::from(if asked { 0 } else { WRONG_USAGE });
        }
    };
    let chosen = match chosen(&options) {
        Ok(chosen) => chosen,
        Err(what) => {
            eprintln!("error: {what}");
            eprintln!("hint: `synod-sim --help` lists the profiles");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    synod_sim::keep_panics_quiet();
    #[cfg(synod_simulation)]
    options.switch();
    let mut failed = false;
    let mut documents = Vec::new();
    for profile in chosen {
        let outcomes = run_all(&options, &profile);
        failed |= outcomes.iter().any(|outcome| outcome.failure.is_some());
        if options.json {
            documents.push(document(&options, &profile, &outcomes));
        } else {
            tell(&options, &profile, &outcomes);
        }
    }
    if options.json {
        println!("{}", json!({ "profiles": documents }));
    }
    ExitCode::from(if failed { CHECKER_FAILED } else { 0 })
}

fn chosen(options: &Options) -> Result<Vec<Profile>, String> {
    if options.trace && options.seeds > 1 {
        return Err("`--trace` is for one seed".to_owned());
    }
    if options.seed.checked_add(options.seeds).is_none() {
        return Err("the last seed is above what a seed can be".to_owned());
    }
    if options.jobs == Some(0) {
        return Err("`--jobs` must be 1 at least".to_owned());
    }
    if options.profile == "all" {
        let must_pass = profiles().iter().filter(|it| it.expected_to_fail.is_none());
        return Ok(must_pass.cloned().collect());
    }
    let found = named(&options.profile).map(|profile| vec![profile]);
    found.ok_or_else(|| format!("there is no profile `{}`", options.profile))
}

/// Runs the seeds on as many threads as there are jobs; outcomes come in the order of the seeds.
fn run_all(options: &Options, profile: &Profile) -> Vec<Outcome> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or(cores);
    let watchdog = watch(options, profile);
    let next = AtomicU64::new(options.seed);
    let failed = AtomicBool::new(false);
    let end = options.seed + options.seeds;
    let (sender, receiver) = channel();
    let mut outcomes = std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next, failed) = (sender.clone(), &next, &failed);
            let watchdog = &*watchdog;
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || (options.until_failure && failed.load(Ordering::Relaxed)) {
                        return;
                    }
                    let plan = Plan {
                        seed,
                        profile: profile.clone(),
                        seconds: options.minutes * 60,
                        shown: options.trace,
                        pulse: watchdog.begin(seed, Instant::now()),
                    };
                    let outcome = synod_sim::run(&plan);
                    watchdog.end(seed);
                    failed.fetch_or(outcome.failure.is_some(), Ordering::Relaxed);
                    // The receiver lives as long as this scope.
                    let _ = sender.send(outcome);
                }
            });
        }
        drop(sender);
        gather(options, profile, &receiver)
    });
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

/// A step that never returns is a failure as well, and nothing can end it but the end of the
/// program.
fn watch(options: &Options, profile: &Profile) -> Arc<Watchdog> {
    let watchdog = Arc::new(Watchdog::default());
    let name = profile.name;
    let (options, profile) = (options.clone(), profile.clone());
    watchdog.clone().watch(move |seed| {
        println!("{name} seed {seed} failed: a step does not return");
        println!("  replay: {}", replay(&options, &profile, seed));
        std::process::exit(i32::from(CHECKER_FAILED));
    });
    watchdog
}

fn gather(
    options: &Options,
    profile: &Profile,
    receiver: &std::sync::mpsc::Receiver<Outcome>,
) -> Vec<Outcome> {
    let began = Instant::now();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut told = Instant::now();
    let every = if std::io::stderr().is_terminal() {
        PROGRESS_EVERY
    } else {
        PROGRESS_IN_FILES_EVERY
    };
    loop {
        match receiver.recv_timeout(PROGRESS_EVERY) {
            Ok(outcome) => outcomes.push(outcome),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= every && !options.trace {
            told = Instant::now();
            let failed = outcomes
                .iter()
                .filter(|outcome| outcome.failure.is_some())
                .count();
            progress(&format!(
                "{}: {} of {} seeds, {failed} failed, {} s",
                profile.name,
                outcomes.len(),
                options.seeds,
                began.elapsed().as_secs()
            ));
        }
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    outcomes
}

/// One line that is overwritten on a terminal; a line of its own elsewhere.
fn progress(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    } else {
        eprintln!("{line}");
    }
}

/// The command that runs one seed again.
fn replay(options: &Options, profile: &Profile, seed: u64) -> String {
    let (program, switches) = options.command();
    format!(
        "{program} --seed {seed} --minutes {} --profile {}{switches} --trace",
        options.minutes, profile.name
    )
}

fn tell(options: &Options, profile: &Profile, outcomes: &[Outcome]) {
    let failed: Vec<&Outcome> = outcomes.iter().filter(|it| it.failure.is_some()).collect();
    for outcome in &failed {
        let what = outcome.failure.as_deref().unwrap_or_default();
        println!("{} seed {} failed: {what}", profile.name, outcome.seed);
        for line in &outcome.last_events {
            println!("    {line}");
        }
        println!("  replay: {}", replay(options, profile, outcome.seed));
    }
    if let Some(why) = profile.expected_to_fail {
        println!(
            "{}: seeds of this profile are expected to fail: {why}",
            profile.name
        );
    }
    let sum = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>();
    let (virtual_s, real_s) = (sum(|it| it.virtual_s), sum(|it| it.real_s));
    println!(
        "{}: {} seeds, {} failed; {virtual_s:.0} virtual seconds in {real_s:.1} s of one core, {:.0} times real time",
        profile.name,
        outcomes.len(),
        failed.len(),
        virtual_s / real_s.max(f64::EPSILON)
    );
    let totals = totals(outcomes);
    let words: Vec<String> = totals
        .iter()
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    println!("  {}", words.join(", "));
    if let [outcome] = outcomes {
        println!(
            "  trace {:016x} of {} events",
            outcome.trace, outcome.events
        );
    }
}

fn totals(outcomes: &[Outcome]) -> std::collections::BTreeMap<&str, u64> {
    let mut totals = std::collections::BTreeMap::new();
    for (name, number) in outcomes.iter().flat_map(|outcome| &outcome.counts) {
        *totals.entry(&name[..]).or_default() += number;
    }
    totals
}

fn document(options: &Options, profile: &Profile, outcomes: &[Outcome]) -> Value {
    let one = |outcome: &Outcome| {
        json!({
            "seed": outcome.seed,
            "passed": outcome.failure.is_none(),
            "failure": outcome.failure,
            "trace": format!("{:016x}", outcome.trace),
            "events": outcome.events,
            "virtual_s": outcome.virtual_s,
            "real_s": outcome.real_s,
            "counts": outcome.counts.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "replay": replay(options, profile, outcome.seed),
        })
    };
    json!({
        "profile": profile.name,
        "expected_to_fail": profile.expected_to_fail,
        "minutes": options.minutes,
        "seeds": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}
