//! `synod attest policy`: the policies that are built in, and how policies differ.

use clap::{Args, Subcommand};
use serde_json::json;
use synod_attestation::Policy;

use crate::commands::attest::settings::{BUILT_IN, named_policy};
use crate::outcome::Outcome;
use crate::output::Output;

/// Shows and compares appraisal policies
#[derive(Args, Debug)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand, Debug)]
enum PolicyCommand {
    /// Shows a policy: the commented text of a built-in one, or a file with every default written
    /// out
    #[command(after_help = "Examples:
  synod attest policy show                       # which are built in
  synod attest policy show production > mine.toml
  synod attest policy show mine.toml")]
    Show(ShowArgs),
    /// Lists the keys in which two policies differ, and which policy is stricter
    #[command(after_help = "Example:
  synod attest policy diff production mine.toml")]
    Diff(DiffArgs),
    /// Writes the JSON Schema of policies, for editors and checkers
    #[command(after_help = "Example:
  synod attest policy schema > policy.schema.json")]
    Schema,
}

#[derive(Args, Debug)]
struct ShowArgs {
    /// A built-in policy or a TOML file
    #[arg(value_name = "POLICY")]
    policy: Option<String>,
}

#[derive(Args, Debug)]
struct DiffArgs {
    /// A built-in policy or a TOML file
    #[arg(value_name = "POLICY")]
    first: String,
    /// The other policy: a built-in one or a TOML file
    #[arg(value_name = "POLICY")]
    second: String,
}

pub(super) fn run(args: &PolicyArgs, output: Output) -> Outcome {
    match &args.command {
        PolicyCommand::Show(ShowArgs { policy: None }) => names(output),
        PolicyCommand::Show(ShowArgs { policy: Some(name) }) => show(name, output),
        PolicyCommand::Diff(args) => diff(args, output),
        PolicyCommand::Schema => crate::output::write_bytes(SCHEMA.as_bytes()),
    }
}

/// The JSON Schema of policies.
const SCHEMA: &str = include_str!("../../../../spec/policy.schema.json");

fn names(output: Output) -> Outcome {
    let policies: Vec<Policy> = BUILT_IN
        .iter()
        .filter_map(|name| Policy::by_name(name))
        .collect();
    let data: Vec<_> = policies
        .iter()
        .map(|policy| json!({ "name": policy.name(), "kind": policy.kind(), "digest": policy.digest().to_string() }))
        .collect();
    output.result(&data, || {
        let line = |policy: &Policy| {
            format!(
                "{:<16} {:<12} {}",
                policy.name(),
                policy.kind().name(),
                policy.digest()
            )
        };
        policies.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn show(name: &str, output: Output) -> Outcome {
    let policy = named_policy(name)?;
    let data = json!({
        "name": policy.name(), "kind": policy.kind(), "digest": policy.digest().to_string(), "rules": policy.rules(),
    });
    output.result(&data, || {
        let text = Policy::text_of(name).map_or_else(|| policy.to_toml(), str::to_owned);
        format!("{}\n\n# digest {}", text.trim_end(), policy.digest())
    })
}

fn diff(args: &DiffArgs, output: Output) -> Outcome {
    let (first, second) = (named_policy(&args.first)?, named_policy(&args.second)?);
    let differences = Policy::diff(&first, &second);
    let data =
        json!({ "first": first.name(), "second": second.name(), "differences": differences });
    output.result(&data, || {
        if differences.is_empty() {
            return format!("`{}` and `{}` have the same rules", args.first, args.second);
        }
        let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}
