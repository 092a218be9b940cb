//! Metrics in the text format of Prometheus. Sizes and counts only: nothing of private state.

use std::fmt::Write;

use synod_governance::ReplicaStatus;
use synod_replica::{Gauges, NetworkView};

/// What a node that is no replica yet tells.
pub(crate) fn before_running() -> String {
    let mut text = String::new();
    gauge(
        &mut text,
        "synod_up",
        "Whether the node is a running replica.",
        0,
    );
    text
}

/// What a replica tells.
pub(crate) fn text(gauges: &Gauges, view: &NetworkView, ledger_bytes: u64) -> String {
    let voters = view
        .replicas
        .iter()
        .filter(|replica| replica.status == ReplicaStatus::Voter)
        .count();
    let mut text = String::with_capacity(2048);
    let rows: [(&str, &str, u64); 14] = [
        ("synod_up", "Whether the node is a running replica.", 1),
        (
            "synod_view",
            "The view (term) that the replica is in.",
            gauges.view,
        ),
        (
            "synod_leads",
            "Whether the replica leads.",
            gauges.leads.into(),
        ),
        (
            "synod_log_last_index",
            "Newest index in the log.",
            gauges.last_index,
        ),
        (
            "synod_certified_index",
            "Index of the newest certified block.",
            gauges.certified_index,
        ),
        (
            "synod_certified_seqno",
            "Newest certified transaction.",
            gauges.certified_seqno,
        ),
        (
            "synod_ledger_time_ms",
            "Ledger time of the newest certified block, Unix milliseconds.",
            view.certified.2,
        ),
        (
            "synod_calls_waiting",
            "Calls that wait to be carried out.",
            gauges.calls_waiting as u64,
        ),
        (
            "synod_voters",
            "Voters of the newest configuration.",
            voters as u64,
        ),
        (
            "synod_configuration",
            "Number of the newest configuration.",
            view.configuration.number(),
        ),
        (
            "synod_ledger_bytes",
            "Durable bytes of this replica's ledger files.",
            ledger_bytes,
        ),
        (
            "synod_disk_full",
            "Whether the disk does not take writes.",
            gauges.disk_full.into(),
        ),
        (
            "synod_halted",
            "Whether the replica has stopped for good.",
            gauges.halted.into(),
        ),
        (
            "synod_memory_bytes",
            "Resident memory of the process.",
            resident_bytes().unwrap_or(0),
        ),
    ];
    rows.iter()
        .for_each(|(name, help, value)| gauge(&mut text, name, help, *value));
    counter(
        &mut text,
        "synod_misbehaviours_total",
        "Messages that no honest peer sends.",
        gauges.misbehaviours,
    );
    counter(
        &mut text,
        "synod_refusals_total",
        "Messages that the engine refused.",
        gauges.refusals,
    );
    text
}

fn gauge(text: &mut String, name: &str, help: &str, value: u64) {
    row(text, name, help, "gauge", value);
}

fn counter(text: &mut String, name: &str, help: &str, value: u64) {
    row(text, name, help, "counter", value);
}

fn row(text: &mut String, name: &str, help: &str, kind: &str, value: u64) {
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
