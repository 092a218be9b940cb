//! `synod status`: what the service says of itself, from all its replicas, each of which was
//! verified.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use synod_api::{Demotion, Departure, DepartureReason, ReplicaInfo};

use crate::clock::now_ms;
use crate::connect::ServiceArgs;
use crate::network_status::{Alarm, Asked, Leadership, NetworkStatus};
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Shows replicas, leader, configuration, alarms, and the replicas whose loss would stop the
/// service
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod status
  synod status --trust service.toml --json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

pub(crate) async fn run(args: &StatusArgs, output: Output) -> Outcome {
    let service = args.service.service()?;
    let status = NetworkStatus::ask(&service).await?;
    output.result_of(&service, &json(&status), || text(&status, now_ms()))?;
    match status.leadership {
        Leadership::Known(_) => Ok(()),
        Leadership::Unanswered(id) => Err(Failure::broken(format!(
            "replica {id} is reported as leader but does not answer: it is unknown whether the service works"
        ))
        .with_hint("ask again in a few seconds: if the leader is dead, the other replicas elect a new one")),
        Leadership::None => Err(Failure::broken(
            "there is no leader: the service does not accept writes",
        )
        .with_hint("a majority of the voters, from enough vendors, must run and reach each other")),
    }
}

/// What the newest replica says, with what all of them together know in its place.
fn json(status: &NetworkStatus) -> Value {
    let mut data = serde_json::to_value(&status.newest).expect("a reply is plain data");
    data["leader"] = match status.leadership {
        Leadership::Known(id) => json!(id),
        Leadership::Unanswered(_) | Leadership::None => Value::Null,
    };
    data["leadership"] = json!(status.leadership);
    data["critical"] = json!(status.critical);
    data["alarms"] = status
        .alarms
        .iter()
        .map(|alarm| json!(alarm.text))
        .collect();
    data["alarms_of"] = json!(status.alarms);
    data["asked"] = json!(status.asked);
    data
}

fn text(status: &NetworkStatus, now_ms: u64) -> String {
    let network = &status.newest;
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
        format!("leader     {}", leader_text(status.leadership)),
        format!(
            "view {}, configuration {}, vendors required {}",
            network.view, network.configuration, network.required_vendors
        ),
    ];
    let replicas = network.replicas.iter();
    lines.extend(replicas.map(|replica| replica_lines(replica, status, now_ms)));
    let departed = network.departed.iter();
    lines.extend(departed.map(|gone| departure_line(gone, now_ms)));
    lines.push(critical_line(status.critical.as_deref()));
    lines.extend(status.alarms.iter().map(alarm_line));
    lines.join("\n")
}

fn leader_text(leadership: Leadership) -> String {
    match leadership {
        Leadership::Known(id) => format!("replica {id}"),
        Leadership::Unanswered(id) => {
            format!("UNKNOWN: replica {id} is reported as leader but does not answer")
        }
        Leadership::None => "NO LEADER: the service does not accept writes".to_owned(),
    }
}

fn alarm_line(alarm: &Alarm) -> String {
    let of: Vec<String> = alarm.of.iter().map(u64::to_string).collect();
    format!(
        "alarm: {} (reported by replica {})",
        alarm.text,
        of.join(", ")
    )
}

fn replica_lines(replica: &ReplicaInfo, status: &NetworkStatus, now_ms: u64) -> String {
    let simulated = if replica.simulated { ", SIMULATED" } else { "" };
    let reachable = match (replica.silent_ms, replica.reachable) {
        (Some(ms), _) => format!(", NOT HEARD FOR {}", span(ms / 1000)),
        (None, Some(false)) => ", NOT HEARD by the leader".to_owned(),
        (None, _) if replica.certifies == Some(false) => ", DOES NOT CERTIFY".to_owned(),
        (None, _) => String::new(),
    };
    let replaces = replica
        .replaces
        .map(|old| format!(", in the place of {old}"))
        .unwrap_or_default();
    let line = format!(
        "replica {}  {}  {} ({}{simulated})  {}, {}{replaces}{reachable}",
        replica.id,
        replica.url,
        replica.tee,
        replica.vendor,
        word(replica.standing),
        answer_text(status.answer_of(replica.id)),
    );
    let ledger_ms = status.newest.ledger_time_ms;
    let mut lines = vec![line, attestation_line(replica, ledger_ms, now_ms)];
    lines.extend(
        replica
            .demoted
            .as_ref()
            .map(|demotion| demotion_line(demotion, now_ms)),
    );
    lines.join("\n           ")
}

/// What the replica answered for itself, in a few words.
fn answer_text(answer: Option<&Asked>) -> String {
    match answer {
        Some(Asked {
            role: Some(role),
            certified_index,
            ..
        }) => {
            let role = word(role);
            format!("{role} at block {}", certified_index.unwrap_or_default())
        }
        Some(Asked {
            failure: Some(why), ..
        }) => format!("NO ANSWER ({why})"),
        _ => "NO ANSWER".to_owned(),
    }
}

/// The interface's word for a value.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or("?")
        .to_owned()
}

/// When it attested and when it does so next, by this machine's clock, which goes on while nothing
/// is written. A verdict expires by the ledger's time.
fn attestation_line(replica: &ReplicaInfo, ledger_ms: u64, now_ms: u64) -> String {
    let expires_ms = replica.verdict_expires_ms;
    let verdict = if expires_ms <= ledger_ms {
        format!("LAPSED {}", when(expires_ms, now_ms.max(ledger_ms)))
    } else if expires_ms <= now_ms {
        "EXPIRES with the next block".to_owned()
    } else {
        format!("expires {}", when(expires_ms, now_ms))
    };
    format!(
        "attested {}, verdict {verdict}, attests again {}",
        when(replica.attested_ms, now_ms),
        when(replica.next_attestation_ms, now_ms),
    )
}

fn departure_line(gone: &Departure, now_ms: u64) -> String {
    let how = match (gone.reason, gone.replaced_by) {
        (DepartureReason::Removed, _) => "removed by the members".to_owned(),
        (DepartureReason::GaveWay, _) => {
            "was waiting for the members, and a new replica took its place".to_owned()
        }
        (DepartureReason::Lapsed, _) => "removed because its verdict had expired".to_owned(),
        (DepartureReason::Left, Some(by)) => format!("left and was replaced by replica {by}"),
        (DepartureReason::Left, None) => "left".to_owned(),
        (DepartureReason::Replaced, Some(by)) => format!("replaced by replica {by}"),
        (DepartureReason::Replaced, None) => "replaced".to_owned(),
    };
    format!("replica {}  {how} {}", gone.id, when(gone.since_ms, now_ms))
}

fn demotion_line(demotion: &Demotion, now_ms: u64) -> String {
    let removal = demotion
        .removal_ms
        .map(|ms| format!("; it is removed {}", when(ms, now_ms)))
        .unwrap_or_default();
    let since = when(demotion.since_ms, now_ms);
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

fn critical_line(critical: Option<&[u64]>) -> String {
    let Some(critical) = critical else {
        return "it is UNKNOWN which replica's loss would stop the service: no leader answers"
            .to_owned();
    };
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

    fn replica(attested_ms: u64, verdict_expires_ms: u64) -> ReplicaInfo {
        serde_json::from_value(json!({
            "id": 1, "url": "", "tee": "tdx", "vendor": "intel", "simulated": true, "standing": "voter",
            "identity": "", "attested_ms": attested_ms, "verdict_expires_ms": verdict_expires_ms,
            "next_attestation_ms": 0, "demoted": null, "reachable": null,
        }))
        .unwrap()
    }

    #[test]
    fn age_of_evidence_grows_while_the_ledger_stands_still() {
        let replica = replica(10_000, 3_600_000);
        let seen = |now_ms| attestation_line(&replica, 18_000, now_ms);
        assert!(seen(18_000).starts_with("attested 8 s ago, verdict expires in"));
        assert!(seen(48_000).starts_with("attested 38 s ago, verdict expires in"));
        assert!(seen(3_600_000).contains("EXPIRES with the next block"));
    }

    #[test]
    fn age_of_departures_and_demotions_goes_by_the_clock_of_this_machine() {
        let gone = Departure {
            id: 1,
            reason: DepartureReason::Left,
            since_ms: 10_000,
            replaced_by: None,
        };
        assert_eq!(departure_line(&gone, 48_000), "replica 1  left 38 s ago");
        let demotion = Demotion {
            since_ms: 10_000,
            reason: "its verdict lapsed".to_owned(),
            removal_ms: Some(108_000),
        };
        assert_eq!(
            demotion_line(&demotion, 48_000),
            "DEMOTED 38 s ago: its verdict lapsed; it is removed in 1 min"
        );
    }

    #[test]
    fn nobody_is_called_dispensable_without_a_leaders_word() {
        assert!(critical_line(None).contains("UNKNOWN"));
        assert!(critical_line(Some(&[])).contains("leaves the service running"));
        assert!(critical_line(Some(&[1, 2])).contains("would stop the service: 1, 2"));
    }

    #[test]
    fn times_are_told_from_now_in_two_units_at_most() {
        assert_eq!(when(5_000, 0), "in 5 s");
        assert_eq!(when(0, 90_000), "1 min ago");
        assert_eq!(when(7_500_000, 0), "in 2 h 5 min");
        assert_eq!(when(0, 7 * 86_400_000), "7 d 0 h ago");
    }
}
