//! One seed from beginning to end: bring-up, times of trouble and of calm, and the judgement of the
//! histories.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crate::history::Done;
use crate::linear::{self, Verdict};
use crate::profile::Profile;
use crate::world::World;

const SECOND_US: u64 = 1_000_000;
/// The network must be up and open by then.
const UP_BY_US: u64 = 120 * SECOND_US;
/// In the calm every client must have a write acknowledged within this time.
pub const LIVE_WITHIN_S: u64 = 40;
/// A time of trouble lasts so long (seconds).
const TROUBLE_S: (u64, u64) = (15, 45);

thread_local! {
    /// What the newest panic of this thread said, and where.
    static PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// Panics of runs are told as failures of their seeds, and not printed besides.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| PANIC.set(Some(panic.to_string()))));
}

/// What a run is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed that decides everything.
    pub seed: u64,
    /// What goes wrong.
    pub profile: Profile,
    /// How long clients work and trouble strikes (virtual seconds).
    pub seconds: u64,
    /// Whether each event is printed.
    pub shown: bool,
    /// Counts events as they come, for a watchdog: a step that never returns shows as a count that
    /// stands still.
    pub pulse: Arc<AtomicU64>,
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The first violation.
    pub failure: Option<String>,
    /// The newest events before the end, if it failed.
    pub last_events: Vec<String>,
    /// The hash of all events.
    pub trace: u64,
    /// How many events there were.
    pub events: u64,
    /// Virtual time (seconds).
    pub virtual_s: f64,
    /// Real time (seconds).
    pub real_s: f64,
    /// How often what happened.
    pub counts: Vec<(String, u64)>,
}

/// Runs one seed.
pub fn run(plan: &Plan) -> Outcome {
    let began = Instant::now();
    let mut world = World::found(plan.seed, plan.profile.clone(), plan.shown);
    world.pulse = plan.pulse.clone();
    let driven = catch_unwind(AssertUnwindSafe(|| drive(&mut world, plan.seconds)));
    if driven.is_err() {
        let told = PANIC.take().unwrap_or_else(|| "see above".to_owned());
        world.fail(format!("panic: {told}"));
    }
    outcome(plan.seed, &world, began)
}

fn outcome(seed: u64, world: &World, began: Instant) -> Outcome {
    let failed = world.failure.is_some();
    let count = |name: &str, number: u64| (name.to_owned(), number);
    let answered = world
        .history
        .iter()
        .filter(|done| done.told.is_some())
        .count() as u64;
    let mut counts = vec![
        count("operations answered", answered),
        count("operations given up", world.history.len() as u64 - answered),
        count("blocks certified", world.checks.ledger.blocks() as u64),
        count("receipts verified", world.checks.receipts.verified),
        count("receipts renewed", world.checks.receipts.renewed),
        count("bytes searched for secrets", world.checks.secrets.searched),
    ];
    counts.extend(
        world
            .deeds
            .iter()
            .map(|(name, number)| count(name, *number)),
    );
    Outcome {
        seed,
        failure: world.failure.clone(),
        last_events: if failed {
            world.trace.newest().map(str::to_owned).collect()
        } else {
            Vec::new()
        },
        trace: world.trace.hash(),
        events: world.trace.events(),
        virtual_s: std::time::Duration::from_micros(world.now_us).as_secs_f64(),
        real_s: began.elapsed().as_secs_f64(),
        counts,
    }
}

fn drive(world: &mut World, seconds: u64) {
    while !world.members.open && world.failure.is_none() {
        if world.now_us > UP_BY_US {
            return world.fail("the network is not up and open in two minutes".to_owned());
        }
        world.run_until(world.now_us + SECOND_US / 10);
    }
    world.retire_spares();
    world.begin_clients();
    let end_us = world.now_us + seconds * SECOND_US;
    while world.now_us < end_us && world.failure.is_none() {
        world.round += 1;
        let lasts_us = world.random.between(TROUBLE_S.0, TROUBLE_S.1) * SECOND_US;
        world.begin_trouble(world.round);
        world.run_until((world.now_us + lasts_us).min(end_us));
        calm(world);
    }
    if world.failure.is_none() {
        judge(world);
    }
}

/// Everything is mended: every client must soon have a write acknowledged.
fn calm(world: &mut World) {
    world.end_trouble();
    world.calm_since_us = world.now_us;
    let until_us = world.now_us + LIVE_WITHIN_S * SECOND_US;
    while world.failure.is_none() && !world.clients.iter().all(|client| client.written_in_calm) {
        if world.now_us >= until_us {
            let waiting = world
                .clients
                .iter()
                .filter(|client| !client.written_in_calm)
                .count();
            return world.fail(format!(
                "not live: {waiting} clients have no write acknowledged after {LIVE_WITHIN_S} s of calm"
            ));
        }
        world.run_until(world.now_us + SECOND_US / 4);
    }
    world.run_until(world.now_us + 2 * SECOND_US);
}

/// The histories, receipts and markers at the end.
fn judge(world: &mut World) {
    if let Err(what) = world.checks.receipts.audit() {
        return world.fail(what);
    }
    let wrote_public = world.history.iter().any(|done| {
        done.partition % 2 == 1 && done.seqno.is_some() && !done.ask.values().is_empty()
    });
    if wrote_public && world.checks.secrets.public_found == 0 {
        return world.fail("the search for secrets does not even find what is public".to_owned());
    }
    let ledger: std::collections::BTreeSet<u64> = world.checks.ledger.values().collect();
    let pending = (0..world.clients.len()).filter_map(|number| world.pending_of(number));
    let all: Vec<Done> = world.history.iter().cloned().chain(pending).collect();
    // What was never answered and stands on no ledger has not happened, which keeps the search
    // short.
    let happened = |done: &&Done| {
        let values = done.ask.values();
        done.told.is_some()
            || !done.ask.leaves_a_value()
            || values.iter().any(|value| ledger.contains(value))
    };
    let partitions: std::collections::BTreeSet<u64> =
        all.iter().map(|done| done.partition).collect();
    for partition in partitions {
        let history: Vec<&Done> = all
            .iter()
            .filter(|done| done.partition == partition)
            .filter(happened)
            .collect();
        match linear::judge(&history) {
            Verdict::Linearizable => {}
            Verdict::Undecided => world.count("histories undecided"),
            Verdict::Violated => {
                return world.fail(format!(
                    "the history of partition {partition} is not linearizable"
                ));
            }
        }
    }
}
