//! `synod app build`: from sources to a component that the manifest admits.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::app::build::build;
use crate::app::project::Project;
use crate::outcome::Outcome;
use crate::output::Output;

/// Builds the component of an app with the tools of its language, and checks it against the
/// manifest
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app build                # the app in this folder
  synod app build notes --json")]
pub(crate) struct BuildArgs {
    /// The app's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(args: &BuildArgs, output: Output) -> Outcome {
    let project = Project::open(&args.dir)?;
    let built = build(&project)?;
    let manifest = &project.manifest;
    let data = json!({
        "app": manifest.name().as_str(),
        "version": manifest.version(),
        "component": project.component_path(),
        "digest": built.digest.to_string(),
        "bytes": built.component.len(),
        "milliseconds": built.milliseconds,
    });
    output.result(&data, || {
        format!(
            "built {} {}: {} ({} bytes, in {} ms)\ndigest {}",
            manifest.name().as_str(),
            manifest.version(),
            project.component_path().display(),
            built.component.len(),
            built.milliseconds,
            built.digest
        )
    })
}
