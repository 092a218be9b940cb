//! `synod app inspect`: what a component can and cannot do, in sentences, from its imports and
//! manifest alone.

use std::path::{Path, PathBuf};

use clap::Args;
use synod_client::{ComponentFailure, ReplicaUrl};
use synod_component::{Capabilities, inspect};
use synod_crypto::sha256;
use synod_governance::app::{AppManifest, AppName};

use crate::app::component::refused;
use crate::app::project::{MANIFEST, Project};
use crate::connect::ServiceArgs;
use crate::files;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output::{Output, say};

/// Shows what a component can and cannot do, from its imports and manifest alone; does not run it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app inspect .                                   # the app in this folder, as it was built last
  synod app inspect notes.wasm --allow maps,map-writes  # exit code 3 if it imports more
  synod app inspect notes.wasm --manifest app.toml --json
  synod app inspect https://127.0.0.1:8001/app/notes    # what runs there, held against the ledger")]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// A component, the folder of an app, or the address of a running app:
    /// `https://HOST:PORT/app/NAME`
    #[arg(value_name = "FILE|DIR|URL")]
    target: String,
    /// The manifest that goes with a component in a file
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The imports that you allow, by their short names, separated by commas; any other import is
    /// an error
    #[arg(long, value_name = "IMPORTS", value_delimiter = ',')]
    allow: Option<Vec<String>>,
}

pub(crate) async fn run(args: &InspectArgs, output: Output) -> Outcome {
    let at = app_address(&args.target)?;
    let (component, manifest, simulated) = if let Some((url, name)) = at {
        running(&args.service, url, &name).await?
    } else {
        let (component, manifest) = material(Path::new(&args.target), args.manifest.as_deref())?;
        (component, manifest, None)
    };
    let found = inspect(&component, manifest.as_ref()).map_err(|error| Failure {
        exit: Exit::NotVerified,
        ..refused(&error)
    })?;
    match simulated {
        Some(simulated) => output.result_marked(simulated, &found, || statement(&found))?,
        None => output.result(&found, || statement(&found))?,
    }
    match &args.allow {
        Some(allowed) => demand(&found, allowed),
        None => Ok(()),
    }
}

/// The replica and the app that an address names; none for a path of a file.
fn app_address(target: &str) -> Outcome<Option<(ReplicaUrl, String)>> {
    if !target.contains("://") {
        return Ok(None);
    }
    let wrong = || {
        Failure::mistake(format!("`{target}` does not name an app"))
            .with_hint("write `https://HOST:PORT/app/NAME`")
    };
    let (base, name) = target.split_once("/app/").ok_or_else(wrong)?;
    let name = AppName::new(name.trim_end_matches('/')).map_err(|_| wrong())?;
    Ok(Some((base.parse()?, name.as_str().to_owned())))
}

/// What runs: the component that the service gives, if it has the digest that certified state
/// holds.
async fn running(
    at: &ServiceArgs,
    url: ReplicaUrl,
    name: &str,
) -> Outcome<(Vec<u8>, Option<AppManifest>, Option<bool>)> {
    let mut at = at.clone();
    at.url = vec![url];
    let service = at.service()?;
    let app = service.app(name).info().await?;
    let active = app.active.ok_or_else(|| {
        Failure::mistake(format!("no version of `{name}` is in force"))
            .with_hint("`synod app list` shows its state")
    })?;
    let component = service.app(name).component().await.map_err(of_component)?;
    if sha256(&[&component]).to_string() != active.component {
        return Err(Failure::broken(format!(
            "`{name}` was replaced by a new version during this command"
        ))
        .with_hint("run the command again"));
    }
    let toml = active.manifest.unwrap_or_default();
    let manifest = AppManifest::from_toml(&toml).map_err(|error| {
        Failure::not_verified(format!("the service's manifest of `{name}`: {error}"))
    })?;
    say(format!(
        "the component has the digest that is on the ledger for `{name}` (number {}, set by transaction {})",
        active.number, active.set_by
    ));
    Ok((component.to_vec(), Some(manifest), service.simulated()))
}

fn of_component(failure: ComponentFailure) -> Failure {
    match failure {
        ComponentFailure::Client(error) => error.into(),
        other => Failure::not_verified(other),
    }
}

/// The component, and the manifest that binds it, if there is one.
fn material(target: &Path, manifest: Option<&Path>) -> Outcome<(Vec<u8>, Option<AppManifest>)> {
    if target.is_dir() || target.file_name().is_some_and(|name| name == MANIFEST) {
        let dir = if target.is_dir() {
            target
        } else {
            target.parent().unwrap_or(Path::new("."))
        };
        let project = Project::open(dir)?;
        return Ok((project.component()?, Some(project.manifest)));
    }
    let manifest = match manifest {
        Some(path) => Some(
            AppManifest::from_toml(&files::read_text(path)?)
                .map_err(|error| Failure::mistake(format!("`{}`: {error}", path.display())))?,
        ),
        None => None,
    };
    Ok((files::read(target)?, manifest))
}

/// Refuses imports beyond those that are allowed.
pub(super) fn demand(found: &Capabilities, allowed: &[String]) -> Outcome {
    let beyond = found.beyond(allowed);
    if beyond.is_empty() {
        return Ok(());
    }
    Err(Failure::not_verified(format!(
        "the component imports more than you allow: {}",
        beyond.join(", ")
    )))
}

/// The statement, for people.
pub(super) fn statement(found: &Capabilities) -> String {
    let mut lines = Vec::new();
    if let Some(manifest) = &found.manifest {
        lines.push(format!("{} {}", manifest.name, manifest.version));
    }
    lines.push(format!(
        "component {} of {} bytes, for {}",
        found.digest, found.bytes, found.wit
    ));
    lines.push("it can".to_owned());
    lines.extend(found.can.iter().map(|one| format!("  + {}", one.text)));
    lines.push("it cannot".to_owned());
    lines.extend(found.cannot.iter().map(|one| format!("  - {}", one.text)));
    lines.join("\n")
}
