//! `synod app list`: the apps of a service, and how each stands.

use clap::Args;
use synod_api::{AppInfo, AppStatus};

use crate::connect::ServiceArgs;
use crate::outcome::Outcome;
use crate::output::Output;

/// Lists the apps of a service: versions, digests, imports, and the result of the newest deployment
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app list
  synod app list --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

pub(crate) async fn run(args: &ListArgs, output: Output) -> Outcome {
    let service = args.service.service()?;
    let reply = service.apps().await?;
    output.result_of(&service, &reply, || {
        if reply.apps.is_empty() {
            return "no app is set; `synod app set DIR` sets one".to_owned();
        }
        let apps: Vec<String> = reply.apps.iter().map(told).collect();
        apps.join("\n")
    })
}

/// How an app stands, in a few lines.
pub(crate) fn told(app: &AppInfo) -> String {
    let status = match app.status {
        AppStatus::Pending => "on its way",
        AppStatus::Active => "in force",
        AppStatus::Failed => "failed",
        AppStatus::Removing => "being removed",
    };
    let mut lines = vec![format!("{}  {status}", app.name)];
    if let Some(active) = &app.active {
        lines.push(format!(
            "  version {} (number {}), component {} of {} bytes",
            active.version, active.number, active.component, active.size
        ));
        lines.push(format!("  may import {}", active.imports.join(", ")));
    }
    if let Some(pending) = &app.pending {
        lines.push(format!(
            "  being deployed: version {} (number {}), {} chunks missing, compiled by {:?}",
            pending.version.version,
            pending.version.number,
            pending.chunks_missing.len(),
            pending.compiled_by
        ));
    }
    if let Some(failure) = &app.failure {
        lines.push(format!(
            "  number {} never took effect: {}",
            failure.number, failure.code
        ));
    }
    lines.join("\n")
}
