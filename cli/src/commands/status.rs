//! `synod status`: what the service says of itself, from a replica that was verified.

use clap::Args;
use synod_api::{Demotion, Departure, DepartureReason, NetworkReply, ReplicaInfo};

use crate::clock::now_ms;
use crate::connect::ServiceArgs;
use crate::outcome::Outcome;
use crate::output::Output;

/// Shows replicas, leader, configuration, alarms, and whose loss would stop the service
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod status
  synod status --trust service.toml --json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

pub(crate) async fn run(args: &StatusArgs, output: Output) -> Outcome {
    let network = args.service.service()?.network().await?;
    output.result(&network, || text(&network))
}

fn text(network: &NetworkReply) -> String {
    let mut lines = vec![
        format!(
            "network    {} (`{}`)",
            network.network_id.as_deref().unwrap_or("none yet"),
            network.name
        ),
        format!(
            "service    {}",
            if network.open {
                "open"
            } else {
                "closed: the members have not opened it"
            }
        ),
        format!(
            "committed  transaction {}, block {}",
            network.certified, network.certified_index
        ),
        format!(
            "view {}, configuration {}, vendors required {}",
            network.view, network.configuration, network.required_vendors
        ),
    ];
    lines.extend(
        network
            .replicas
            .iter()
            .map(|replica| replica_line(replica, network)),
    );
    lines.extend(
        network
            .departed
            .iter()
            .map(|gone| departure_line(gone, network.ledger_time_ms)),
    );
    lines.push(critical_line(&network.critical));
    lines.extend(network.alarms.iter().map(|alarm| format!("alarm: {alarm}")));
    lines.join("\n")
}

fn replica_line(replica: &ReplicaInfo, network: &NetworkReply) -> String {
    let standing = serde_json::to_value(replica.standing).ok();
    let standing = standing
        .as_ref()
        .and_then(|value| value.as_str())
        .unwrap_or("?");
    let leads = if network.leader == Some(replica.id) {
        ", leads"
    } else {
        ""
    };
    let simulated = if replica.simulated { ", SIMULATED" } else { "" };
    let reachable = match (replica.silent_ms, replica.reachable) {
        (Some(ms), _) => format!(", NOT HEARD FOR {}", span(ms / 1000)),
        (None, Some(false)) => ", NOT REACHABLE".to_owned(),
        (None, _) if replica.certifies == Some(false) => ", DOES NOT CERTIFY".to_owned(),
        (None, _) => String::new(),
    };
    let replaces = replica
        .replaces
        .map(|old| format!(", in the place of {old}"))
        .unwrap_or_default();
    let line = format!(
        "replica {}  {}  {} ({}{simulated})  {standing}{leads}{replaces}{reachable}",
        replica.id, replica.url, replica.tee, replica.vendor
    );
    let mut lines = vec![
        line,
        attestation_line(replica, network.ledger_time_ms, now_ms()),
    ];
    lines.extend(
        replica
            .demoted
            .as_ref()
            .map(|demotion| demotion_line(demotion, network.ledger_time_ms)),
    );
    lines.join("\n           ")
}

/// When it attested, and when it lapses, by the ledger's time; when it attests next, by the clocks of machines.
fn attestation_line(replica: &ReplicaInfo, ledger_ms: u64, now_ms: u64) -> String {
    format!(
        "attested {}, verdict {}, attests anew {}",
        when(replica.attested_ms, ledger_ms),
        if replica.verdict_expires_ms <= ledger_ms {
            format!("LAPSED {}", when(replica.verdict_expires_ms, ledger_ms))
        } else {
            format!("lapses {}", when(replica.verdict_expires_ms, ledger_ms))
        },
        when(replica.next_attestation_ms, now_ms),
    )
}

fn departure_line(gone: &Departure, ledger_ms: u64) -> String {
    let how = match (gone.reason, gone.replaced_by) {
        (DepartureReason::Removed, _) => "removed by the members".to_owned(),
        (DepartureReason::GaveWay, _) => {
            "waited for the members, and gave way to a newcomer".to_owned()
        }
        (DepartureReason::Lapsed, _) => "removed, its verdict had lapsed".to_owned(),
        (DepartureReason::Left, Some(by)) => format!("left, replica {by} came in its place"),
        (DepartureReason::Left, None) => "left".to_owned(),
        (DepartureReason::Replaced, Some(by)) => format!("replaced by replica {by}"),
        (DepartureReason::Replaced, None) => "replaced".to_owned(),
    };
    format!(
        "replica {}  {how} {}",
        gone.id,
        when(gone.since_ms, ledger_ms)
    )
}

fn demotion_line(demotion: &Demotion, ledger_ms: u64) -> String {
    let removal = demotion
        .removal_ms
        .map(|ms| format!("; it is removed {}", when(ms, ledger_ms)))
        .unwrap_or_default();
    let since = when(demotion.since_ms, ledger_ms);
    format!("DEMOTED {since}: {}{removal}", demotion.reason)
}

/// A time as seen from another, in the two largest units that matter.
fn when(at_ms: u64, now_ms: u64) -> String {
    let span = span(at_ms.abs_diff(now_ms) / 1000);
    match at_ms.cmp(&now_ms) {
        std::cmp::Ordering::Greater => format!("in {span}"),
        _ => format!("{span} ago"),
    }
}

fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn critical_line(critical: &[u64]) -> String {
    if critical.is_empty() {
        return "the loss of any one replica leaves the service running".to_owned();
    }
    let ids: Vec<String> = critical.iter().map(u64::to_string).collect();
    format!(
        "the loss of any of these replicas would stop the service: {}",
        ids.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_now_in_two_units_at_most() {
        assert_eq!(when(5_000, 0), "in 5 s");
        assert_eq!(when(0, 90_000), "1 min ago");
        assert_eq!(when(7_500_000, 0), "in 2 h 5 min");
        assert_eq!(when(0, 7 * 86_400_000), "7 d 0 h ago");
    }
}
