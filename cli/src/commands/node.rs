//! `synod node`: runs one replica in this process, until it is told to stop.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use synod_node::{Beginning, NodeConfig};

use crate::outcome::{Failure, Outcome};

/// Runs one replica
#[derive(Args, Debug)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    command: NodeCommand,
}

#[derive(Subcommand, Debug)]
enum NodeCommand {
    /// Founds a new synod: waits for the members' approvals, then writes block 0
    #[command(after_help = "Example:
  synod node start --config replica-1/node.toml")]
    Start(ConfigArgs),
    /// Joins a synod that stands: proves itself, fetches and verifies the ledger, learns, votes
    #[command(after_help = "Example:
  synod node join --config replica-2/node.toml")]
    Join(ConfigArgs),
}

#[derive(Args, Debug)]
struct ConfigArgs {
    /// The node's configuration (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &NodeArgs) -> Outcome {
    let (NodeCommand::Start(config_args) | NodeCommand::Join(config_args)) = &args.command;
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
    synod_node::run(config).map_err(Failure::broken)
}
