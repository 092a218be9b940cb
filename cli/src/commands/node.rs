//! `synod node`: runs one replica in this process, until it is told to stop.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use synod_attestation::{Policy, Tee};
use synod_attester::Simulated;
use synod_node::{Beginning, NodeConfig};

use crate::outcome::{Failure, Outcome};
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
    #[command(after_help = "Who makes the node's evidence, its configuration says:
  attester = \"simulated\"    with `tee` = \"sev-snp\", \"tdx\", \"nitro\" or \"sgx\"; for trials only
  attester = \"hardware\"     this machine's TEE; `tee` may name it, or be \"auto\"; its table
                             `[endorsements]` says where the vendor's word on it comes from

Example:
  synod node start --config replica-1/node.toml")]
    Start(ConfigArgs),
    /// Joins a synod that stands: proves itself, fetches and verifies the ledger, learns, votes
    #[command(after_help = "Example:
  synod node join --config replica-2/node.toml")]
    Join(ConfigArgs),
    /// Prints an appraisal policy (TOML) that accepts this very program in simulated TEEs, for a manifest
    #[command(after_help = "Example:
  synod node policy >> manifest.toml      # as its table `[policy]`")]
    Policy,
}

#[derive(Args, Debug)]
struct ConfigArgs {
    /// The node's configuration (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &NodeArgs, output: Output) -> Outcome {
    let (NodeCommand::Start(config_args) | NodeCommand::Join(config_args)) = &args.command else {
        return policy(output);
    };
    let config = NodeConfig::read(&config_args.config).map_err(Failure::mistake)?;
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
    synod_node::run(config).map_err(|error| {
        let failure = Failure::broken(&error);
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
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
    let measurement = synod_node::measurement().map_err(Failure::broken)?;
    let workloads = Tee::ALL.map(|tee| (tee, Simulated::measurement(tee, &measurement), "synod"));
    Ok(Policy::development(&workloads))
}
