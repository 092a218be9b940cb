//! `synod status`: what the service says of itself, from a replica that was verified.

use clap::Args;
use synod_api::{NetworkReply, ReplicaInfo};

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
    let reachable = match replica.reachable {
        Some(false) => ", NOT REACHABLE",
        _ => "",
    };
    format!(
        "replica {}  {}  {} ({}{simulated})  {standing}{leads}{reachable}",
        replica.id, replica.url, replica.tee, replica.vendor
    )
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
