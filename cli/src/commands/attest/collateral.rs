//! `synod attest collateral`: what the vendors say of platforms, fetched and kept.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use synod_attestation::{Anchors, VendorRoots};
use synod_endorser::folder;

use crate::clock::now_ms;
use crate::commands::attest::material;
use crate::commands::attest::settings::{CacheArgs, ServicesArgs, of_endorser};
use crate::instant::{self, Instant};
use crate::outcome::Outcome;
use crate::output::{Output, say};

/// Fetches endorsements and lists the cached ones
#[derive(Args, Debug)]
pub(super) struct CollateralArgs {
    #[command(subcommand)]
    command: CollateralCommand,
}

#[derive(Subcommand, Debug)]
enum CollateralCommand {
    /// Fetches, verifies and caches the endorsements that some evidence needs
    #[command(after_help = "Examples:
  synod attest collateral fetch quote.bin
  synod attest collateral fetch report.bin --out ./collateral      # to carry to a machine without network")]
    Fetch(FetchArgs),
    /// Lists the cached answers
    #[command(after_help = "Example:
  synod attest collateral list --json")]
    List(ListArgs),
}

#[derive(Args, Debug)]
struct FetchArgs {
    /// The evidence
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    services: ServicesArgs,
    /// A folder to write the endorsements to, for `--collateral`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The time at which they must be valid: Unix seconds or UTC [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Instant>,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    cache: CacheArgs,
}

pub(super) fn run(args: &CollateralArgs, output: Output) -> Outcome {
    match &args.command {
        CollateralCommand::Fetch(args) => fetch(args, output),
        CollateralCommand::List(args) => list(args, output),
    }
}

fn fetch(args: &FetchArgs, output: Output) -> Outcome {
    let evidence = material::read_evidence(&args.file)?;
    let at_ms = args.at.map_or_else(now_ms, |at| at.0);
    let endorser = args.services.endorser(anchors())?;
    let fetched = endorser
        .endorsements_for(&evidence, at_ms)
        .map_err(|error| of_endorser(&error))?;
    fetched
        .notes
        .iter()
        .for_each(|note| say(format_args!("note: {note}")));
    let written = match &args.out {
        Some(out) => {
            folder::write(out, &fetched.endorsements).map_err(|error| of_endorser(&error))?
        }
        None => Vec::new(),
    };
    let data = json!({
        "tee": evidence.tee().to_string(),
        "source": fetched.source.to_string(),
        "fetched_ms": fetched.fetched_ms,
        "next_update_ms": fetched.next_update_ms,
        "files": written,
    });
    output.result(&data, || {
        let until = fetched
            .next_update_ms
            .map_or("no end stated".to_owned(), instant::in_utc);
        let mut lines = vec![format!(
            "endorsements of {}, verified, from {}; valid until: {until}",
            evidence.tee(),
            fetched.source
        )];
        lines.extend(written.iter().map(|path| format!("  {}", path.display())));
        lines.join("\n")
    })
}

fn list(args: &ListArgs, output: Output) -> Outcome {
    let offline = ServicesArgs {
        cache: args.cache.clone(),
        offline: true,
        pccs: None,
    };
    let entries = offline
        .endorser(anchors())?
        .list()
        .map_err(|error| of_endorser(&error))?;
    let data: Vec<_> = entries
        .iter()
        .map(|entry| json!({ "url": entry.url, "fetched_ms": entry.fetched_ms, "bytes": entry.bytes }))
        .collect();
    output.result(&data, || {
        if entries.is_empty() {
            return "the cache is empty".to_owned();
        }
        let line = |entry: &synod_endorser::Entry| {
            format!(
                "{}  {:>7} bytes  {}",
                instant::in_utc(entry.fetched_ms),
                entry.bytes,
                entry.url
            )
        };
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn anchors() -> Anchors {
    Anchors::Vendor(VendorRoots::built_in())
}
