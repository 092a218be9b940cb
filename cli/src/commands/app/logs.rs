//! `synod app logs`: what an app wrote to its log, from the memory of each replica.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use synod_api::{AppLogLine, Standing};
use synod_client::{ClientError, ReplicaUrl, Service};

use crate::connect::ServiceArgs;
use crate::instant::in_utc;
use crate::outcome::Outcome;
use crate::output::{Output, say, write_line};

/// Lines of one answer.
const LINES_MAX: u32 = 1000;
const POLL: Duration = Duration::from_millis(500);

/// Prints the log of an app, from the memory of each replica; for members and the app's owner
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app logs notes
  synod app logs notes --follow
  synod app logs notes --cert alice.tls.pem --cert-key alice.tls.key   # as a member")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The app
    name: String,
    /// Go on printing new lines until Ctrl-C
    #[arg(long)]
    follow: bool,
}

pub(crate) async fn run(args: &LogsArgs, output: Output) -> Outcome {
    let service = args.service.clone().into_member().service()?;
    let urls = every_replica(&service).await?;
    let simulated = service.simulated();
    output.say_simulated(simulated == Some(true));
    let mut seen = BTreeMap::new();
    loop {
        let mut lines = Vec::new();
        for url in &urls {
            let after = seen.entry(url.to_string()).or_insert(0);
            match service.app(&args.name).logs(url, *after, LINES_MAX).await {
                Ok(reply) => {
                    *after = reply.next;
                    if reply.dropped > 0 {
                        say(format!(
                            "replica {} no longer has {} lines in memory",
                            reply.replica, reply.dropped
                        ));
                    }
                    lines.extend(reply.lines.into_iter().map(|line| (reply.replica, line)));
                }
                Err(
                    error @ (ClientError::Unreachable { .. }
                    | ClientError::NotVerified { .. }
                    | ClientError::Timeout { .. }
                    | ClientError::Lost { .. }),
                ) if urls.len() > 1 => {
                    say(error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        lines.sort_by_key(|(replica, line)| (line.time_ms, *replica, line.line));
        for (replica, line) in &lines {
            print(*replica, line, simulated, output)?;
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn every_replica(service: &Service) -> Outcome<Vec<ReplicaUrl>> {
    let network = service.network().await?;
    let present = network
        .replicas
        .iter()
        .filter(|replica| replica.standing != Standing::Removed);
    Ok(present
        .filter_map(|replica| replica.url.parse().ok())
        .collect())
}

fn print(replica: u64, line: &AppLogLine, simulated: Option<bool>, output: Output) -> Outcome {
    if output.json {
        let data = json!({ "simulated": simulated, "replica": replica, "line": line });
        return write_line(data.to_string().as_bytes());
    }
    let message: String = line.message.chars().flat_map(escaped).collect();
    write_line(
        format!(
            "{} replica {replica} {:5} {message}",
            in_utc(line.time_ms),
            line.level
        )
        .as_bytes(),
    )
}

/// What an app wrote must not steer a terminal.
fn escaped(c: char) -> Vec<char> {
    if c.is_control() {
        c.escape_default().collect()
    } else {
        vec![c]
    }
}
