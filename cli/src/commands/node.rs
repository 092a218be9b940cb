//! `synod node`: runs one replica in this process, until it is told to stop.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use synod_attestation::{Policy, Tee};
use synod_attester::Simulated;
use synod_node::{Beginning, Ended, NodeConfig};

use crate::outcome::{Exit, Failure, Outcome};
use crate::output::Output;

/// Runs one replica
#[derive(Args, Debug)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Subcommand, Debug)]
enum NodeCommand {
    /// Founds a new synod: waits for the members' approvals, then writes block 0
    Start(ConfigArgs),
    /// Joins an existing synod: attests, fetches and verifies the ledger, becomes a learner, then a
    /// voter
    Join(ConfigArgs),
    /// Prints an appraisal policy (TOML) for a manifest that accepts exactly this program in
    /// simulated TEEs
    #[command(after_help = "Example:
  synod node policy >> manifest.toml      # as its table `[policy]`")]
    Policy,
}

#[derive(Args, Debug)]
#[command(after_long_help = STOPPING)]
struct ConfigArgs {
    /// The node's configuration (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Never leave the network when stopping, as with `leave = false` in the configuration
    #[arg(long)]
    no_leave: bool,
}

const STOPPING: &str = "Examples:
  synod node start --config replica-1/node.toml
  synod node join --config replica-2/node.toml

Who makes the node's evidence, its configuration says:
  attester = \"simulated\"    with `tee` = \"sev-snp\", \"tdx\", \"nitro\" or \"sgx\"; for trials only
  attester = \"hardware\"     this machine's TEE; `tee` may name it, or be \"auto\"; its table
                             `[endorsements]` says where the vendor's word on it comes from

How a node stops:
  SIGTERM, SIGINT    it leaves the network first, so that nobody waits for it: the other voters go on without it. It
                     stops once it is out, when it is refused, or after `leave_max_s` (30 s); log and result say which.
                     A second signal makes it stop at once
  SIGQUIT            it stops without leaving and stays a voter that does not answer: for a stop of the whole service

To restart replicas, stop one, start it again with `synod node join`, wait until `synod status` shows it as a voter,
then go on with the next. Never stop all of them: the keys die with the last one.";

pub(crate) fn run(args: &NodeArgs, output: Output) -> Outcome {
    let (NodeCommand::Start(config_args) | NodeCommand::Join(config_args)) = &args.command else {
        return policy(output);
    };
    let mut config = NodeConfig::read(&config_args.config).map_err(Failure::mistake)?;
    config.leave &= !config_args.no_leave;
    match (&args.command, &config.beginning) {
        (NodeCommand::Start(_), Beginning::Join { .. }) => {
            return Err(Failure::mistake("the configuration says `[join]`")
                .with_hint("use `synod node join`"));
        }
        (NodeCommand::Join(_), Beginning::Start { .. }) => {
            return Err(Failure::mistake("the configuration says `[start]`")
                .with_hint("use `synod node start`"));
        }
        _ => {}
    }
    let ended = synod_node::run(config).map_err(|error| {
        let failure = Failure::new(Exit::of_node(error.fault()), &error);
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })?;
    tell(&ended, output)
}

/// Says on exit whether the replica has left.
fn tell(ended: &Ended, output: Output) -> Outcome {
    let data = match ended {
        Ended::Unbegun => json!({ "replica": null, "left": false }),
        Ended::Left { replica } => json!({ "replica": replica, "left": true }),
        Ended::Stayed { replica, why } => {
            json!({ "replica": replica, "left": false, "why": why })
        }
    };
    output.result(&data, || match ended {
        Ended::Unbegun => "stopped before it became a replica".to_owned(),
        Ended::Left { replica } => format!("replica {replica} has left the network"),
        Ended::Stayed { replica, why: None } => {
            format!("replica {replica} stopped without leaving")
        }
        Ended::Stayed {
            replica,
            why: Some(why),
        } => format!("replica {replica} stopped without leaving: {why}"),
    })
}

fn policy(output: Output) -> Outcome {
    let table = PolicyTable {
        policy: own_policy()?,
    };
    output.result(&table, || {
        toml::to_string(&table).expect("a policy is plain tables, strings and numbers")
    })
}

/// A policy as it stands in a manifest.
#[derive(Serialize)]
struct PolicyTable {
    policy: Policy,
}

/// Accepts this very program, in simulated TEEs of all vendors.
pub(crate) fn own_policy() -> Outcome<Policy> {
    let measurement = synod_identity::measurement().map_err(Failure::broken)?;
    let workloads = Tee::ALL.map(|tee| (tee, Simulated::measurement(tee, &measurement), "synod"));
    Ok(Policy::development(&workloads))
}
