//! Metrics in the text format of Prometheus. Sizes and counts only: nothing of private state.

use std::fmt::{self, Write};

use synod_governance::ReplicaStatus;
use synod_replica::{Gauges, NetworkView};
use synod_runtime::RuntimeCounts;

use Value::{Number, Seconds};

use crate::executors::ExecutorCounts;
use crate::reattester::Progress;

/// The value of a metric.
#[derive(Clone, Copy)]
enum Value {
    /// As it is.
    Number(u64),
    /// Milliseconds, written as seconds.
    Seconds(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number(number) => write!(f, "{number}"),
            Seconds(ms) => write!(f, "{}.{:03}", ms / 1000, ms % 1000),
        }
    }
}

/// The metrics of a node that is not a replica yet.
pub(crate) fn before_running() -> String {
    let mut text = String::new();
    gauge(&mut text, UP.0, UP.1, Number(0));
    text
}

/// What a replica tells.
pub(crate) fn text(
    gauges: &Gauges,
    view: &NetworkView,
    attesting: &Progress,
    ledger_bytes: u64,
    apps: &AppMetrics,
) -> String {
    let own = view.replicas.iter().find(|replica| replica.id == view.id);
    let voters = view
        .replicas
        .iter()
        .filter(|replica| replica.status == ReplicaStatus::Voter);
    let values = [
        Number(1),
        Number(gauges.view),
        Number(gauges.leads.into()),
        Number(gauges.last_index),
        Number(gauges.certified_index),
        Number(gauges.certified_seqno),
        Seconds(view.certified.2),
        Seconds(gauges.ledger_behind_ms),
        Number(gauges.calls_waiting as u64),
        Number(voters.count() as u64),
        Number(view.configuration.number()),
        Number(ledger_bytes),
        Number(gauges.disk_full.into()),
        Number(gauges.halted.into()),
        Number(resident_bytes().unwrap_or(0)),
        Seconds(own.map_or(0, |replica| replica.expires_ms)),
        Number(view.lapsed.len() as u64),
        Number(gauges.voters_behind as u64),
        Number(view.stalled.into()),
    ];
    let mut text = String::with_capacity(2048);
    for ((name, help), value) in GAUGES.iter().zip(values) {
        gauge(&mut text, name, help, value);
    }
    let counts = [gauges.misbehaviours, gauges.refusals, attesting.failures];
    for ((name, help), value) in COUNTERS.iter().zip(counts) {
        counter(&mut text, name, help, Number(value));
    }
    write_silence(&mut text, view);
    write_apps(&mut text, apps);
    text
}

/// For how long each other voter has not been heard; 0 until that is long.
fn write_silence(text: &mut String, view: &NetworkView) {
    const NAME: &str = "synod_voter_silent_seconds";
    const HELP: &str = "For how long this replica has not heard a voter; 0 until that is long.";
    writeln!(text, "# HELP {NAME} {HELP}\n# TYPE {NAME} gauge")
        .expect("writing to a string cannot fail");
    let voters = view.configuration.voters().iter();
    for voter in voters.filter(|voter| voter.id != view.id) {
        let silent = view.silent.iter().find(|(id, _)| *id == voter.id);
        let value = Seconds(silent.map_or(0, |(_, ms)| *ms));
        writeln!(text, "{NAME}{{replica=\"{}\"}} {value}", voter.id)
            .expect("writing to a string cannot fail");
    }
}

/// What there is to count of apps. Says nothing of which app does what.
pub(crate) struct AppMetrics {
    /// What the engine did.
    pub(crate) runtime: RuntimeCounts,
    /// What its threads did.
    pub(crate) executors: ExecutorCounts,
    /// Who watches.
    pub(crate) watchers: usize,
    /// Bytes of events that they have not taken yet.
    pub(crate) watch_bytes: usize,
}

fn write_apps(text: &mut String, apps: &AppMetrics) {
    let (runtime, executors) = (&apps.runtime, &apps.executors);
    let gauges = [
        runtime.installed,
        runtime.instances_kept,
        executors.waiting,
        executors.running,
        apps.watchers as u64,
        apps.watch_bytes as u64,
    ];
    for ((name, help), value) in APP_GAUGES.iter().zip(gauges) {
        gauge(text, name, help, Number(value));
    }
    let counts = [
        Number(runtime.executions),
        Number(runtime.instances_begun),
        Number(executors.compilations),
        Seconds(executors.compile_ms),
        Number(executors.panics),
    ];
    for ((name, help), value) in APP_COUNTERS.iter().zip(counts) {
        counter(text, name, help, value);
    }
    let (name, help) = APP_FAULTS;
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter")
        .expect("writing to a string cannot fail");
    for (kind, count) in &runtime.faults {
        writeln!(text, "{name}{{kind=\"{kind}\"}} {count}")
            .expect("writing to a string cannot fail");
    }
}

/// Names and meanings, in the order of the values in [`write_apps`].
const APP_GAUGES: [(&str, &str); 6] = [
    (
        "synod_app_versions",
        "Versions of apps that this replica has compiled and can run.",
    ),
    (
        "synod_app_instances_kept",
        "Instances of apps that wait for their next call.",
    ),
    (
        "synod_app_calls_waiting",
        "Calls of apps that wait for a thread.",
    ),
    (
        "synod_app_calls_running",
        "Calls of apps that threads execute.",
    ),
    ("synod_watchers", "Streams of changes that are open."),
    (
        "synod_watch_bytes",
        "Bytes of events that watchers have not taken yet.",
    ),
];
const APP_COUNTERS: [(&str, &str); 5] = [
    (
        "synod_app_executions_total",
        "Executions of calls; one that met others counts again.",
    ),
    (
        "synod_app_instances_total",
        "Instances of apps that were begun.",
    ),
    (
        "synod_app_compilations_total",
        "Components that were compiled or refused.",
    ),
    (
        "synod_app_compile_seconds_total",
        "Time that compiling took.",
    ),
    (
        "synod_app_panics_total",
        "Executions and compilations that failed in our own code.",
    ),
];
const APP_FAULTS: (&str, &str) = (
    "synod_app_faults_total",
    "Executions that came to no answer, by kind; `state_moved` ones are made again.",
);

/// Names and meanings, in the order of the values in [`text`].
const GAUGES: [(&str, &str); 19] = [
    UP,
    ("synod_view", "The view (term) that the replica is in."),
    ("synod_leads", "Whether the replica leads."),
    ("synod_log_last_index", "Newest index in the log."),
    (
        "synod_certified_index",
        "Index of the newest certified block.",
    ),
    ("synod_certified_seqno", "Newest certified transaction."),
    (
        "synod_ledger_timestamp_seconds",
        "Ledger time of the newest certified block, Unix time.",
    ),
    (
        "synod_ledger_time_behind_seconds",
        "How far the newest certified block was behind this machine's clock when it came.",
    ),
    ("synod_calls_waiting", "Calls that wait to be carried out."),
    ("synod_voters", "Voters of the newest configuration."),
    ("synod_configuration", "Number of the newest configuration."),
    (
        "synod_ledger_bytes",
        "Durable bytes of this replica's ledger files.",
    ),
    ("synod_disk_full", "Whether the disk does not take writes."),
    ("synod_halted", "Whether the replica has stopped for good."),
    ("synod_memory_bytes", "Resident memory of the process."),
    (
        "synod_verdict_expiry_timestamp_seconds",
        "When the verdict on this replica lapses, Unix time.",
    ),
    (
        "synod_verdicts_lapsed",
        "Replicas whose verdicts have lapsed and that are not removed.",
    ),
    (
        "synod_voters_behind",
        "Voters that have not certified what the leader had certified 10 s ago; only the leader knows.",
    ),
    (
        "synod_stalled",
        "Whether a block that the leader proposed 10 s ago is not certified.",
    ),
];
const COUNTERS: [(&str, &str); 3] = [
    (
        "synod_misbehaviours_total",
        "Messages that no honest peer sends.",
    ),
    ("synod_refusals_total", "Messages that the engine refused."),
    (
        "synod_attestation_failures_total",
        "Times that this replica could not attest anew.",
    ),
];
const UP: (&str, &str) = ("synod_up", "Whether the node is a running replica.");

fn gauge(text: &mut String, name: &str, help: &str, value: Value) {
    row(text, name, help, "gauge", value);
}

fn counter(text: &mut String, name: &str, help: &str, value: Value) {
    row(text, name, help, "counter", value);
}

fn row(text: &mut String, name: &str, help: &str, kind: &str, value: Value) {
    writeln!(
        text,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
    )
    .expect("writing to a string cannot fail");
}

/// The second field of `/proc/self/statm` counts pages.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
