//! `synod replica`: what members order about single replicas.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use synod_client::ReplicaUrl;
use synod_governance::Act;

use crate::commands::member::{Signing, sign_act};
use crate::connect::ServiceArgs;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Orders the replacement of a replica
#[derive(Args, Debug)]
pub(crate) struct ReplicaArgs {
    #[command(subcommand)]
    command: ReplicaCommand,
}

#[derive(Subcommand, Debug)]
enum ReplicaCommand {
    /// Signs the act that replaces a replica by another; the old one is removed once the new one
    /// votes, or at once if it does not answer
    #[command(
        after_help = "A node that is started again on the same machine replaces its former self without this, \
and one that was stopped by SIGTERM has left. The members' word is needed where the new replica runs on another machine.

Examples:
  synod replica replace 2 --with https://127.0.0.1:8004 --key alice.key --out replace.alice
  synod replica replace 2 --key alice.key --out replace.alice    # whichever joins with `replaces = 2`
  synod member submit replace.alice replace.bob                  # once enough members have signed"
    )]
    Replace {
        /// The replica to replace
        id: u64,
        /// The address of the replica that takes its place; without it, the next one that joins
        /// with `replaces = ID`
        #[arg(long, value_name = "URL")]
        with: Option<ReplicaUrl>,
        #[command(flatten)]
        service: ServiceArgs,
        /// Your key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The file for the signature
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The sequence number of the act [default: the next one, which the service states]
        #[arg(long, value_name = "N")]
        sequence: Option<u64>,
    },
}

pub(crate) async fn run(args: &ReplicaArgs, output: Output) -> Outcome {
    let ReplicaCommand::Replace {
        id,
        with,
        service,
        key,
        out,
        sequence,
    } = &args.command;
    let with = match with {
        Some(url) => Some(id_at(service, url).await?),
        None => None,
    };
    let signing = Signing {
        service,
        key,
        out,
        sequence: *sequence,
    };
    let act = Act::ReplaceReplica { id: *id, with };
    sign_act(&signing, act, "replace-replica", output).await
}

/// The id of the replica at this address.
async fn id_at(service: &ServiceArgs, url: &ReplicaUrl) -> Outcome<u64> {
    let network = service.service()?.network().await?;
    let mut there = network
        .replicas
        .iter()
        .filter(|replica| replica.url.parse::<ReplicaUrl>().as_ref() == Ok(url));
    let newest = there.next_back();
    newest.map(|replica| replica.id).ok_or_else(|| {
        Failure::mistake(format!("the network knows no replica at {url}"))
            .with_hint("start it first with `synod node join`; `synod status` lists the replicas")
    })
}
