//! `synod attest verify` and `explain`: is this evidence to be trusted, and why.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use synod_attestation::{Appraisal, Evidence, Outcome as Verdict};

use crate::commands::attest::material::{self, Material};
use crate::commands::attest::settings::{JudgeArgs, SourceArgs, others};
use crate::commands::attest::{judge, vectors};
use crate::instant;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output::Output;

/// Appraises evidence: exit code 0 trusted, 1 user error, 2 internal failure, 3 not trusted
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod attest verify quote.bin --collateral ./collateral --policy baseline --at 2026-06-30
  synod attest verify report.bin --policy mine.toml --nonce 5c1f…
  synod attest verify --vectors ../shared/vectors")]
pub(super) struct VerifyArgs {
    /// Evidence; an event log belongs to the evidence named before it
    #[arg(value_name = "FILE", required_unless_present = "vectors")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Appraise every set of real evidence in DIR, and compare with the result that the set expects
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "policy", "at", "nonce", "report_data", "collateral"])]
    vectors: Option<PathBuf>,
}

/// Appraises evidence and explains the result: claims, rules, and the result under other policies
#[derive(Args, Debug)]
#[command(after_help = "Example:
  synod attest explain quote.bin --collateral ./collateral --at 2026-06-30")]
pub(super) struct ExplainArgs {
    /// Evidence; an event log belongs to the evidence named before it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    source: SourceArgs,
}

pub(super) fn run(args: &VerifyArgs, output: Output) -> Outcome {
    match &args.vectors {
        Some(folder) => vectors::run(folder, output),
        None => judge_files(&args.files, &args.judge, &args.source, output, short),
    }
}

pub(super) fn explain(args: &ExplainArgs, output: Output) -> Outcome {
    judge_files(
        &args.files,
        &args.judge,
        &args.source,
        output,
        |_, appraisal| appraisal.to_string().trim_end().to_owned(),
    )
}

/// What became of one file.
type Judged = Result<Appraisal, Failure>;

fn judge_files(
    paths: &[PathBuf],
    args: &JudgeArgs,
    source: &SourceArgs,
    output: Output,
    tell: impl Fn(&Path, &Appraisal) -> String,
) -> Outcome {
    args.policy()?;
    let cases = read_cases(paths)?;
    let judged: Vec<(PathBuf, Judged)> = cases
        .into_iter()
        .map(|(path, evidence)| (path, judge_one(evidence, args, source)))
        .collect();
    let data: Vec<Value> = judged
        .iter()
        .map(|(path, judged)| to_json(path, judged))
        .collect();
    output.result(&data, || {
        let told = judged.iter().map(|(path, judged)| match judged {
            Ok(appraisal) => tell(path, appraisal),
            Err(failure) => format!("{}: NOT TRUSTED\n  {}", path.display(), failure.message),
        });
        told.collect::<Vec<_>>().join("\n")
    })?;
    conclude(judged)
}

fn judge_one(evidence: Outcome<Evidence>, args: &JudgeArgs, source: &SourceArgs) -> Judged {
    let evidence = evidence?;
    let policy = args.policy()?;
    let candidates = source.candidates(&evidence, policy.anchors(), args.at_ms())?;
    let against = others(&policy);
    judge::best(
        &policy,
        &evidence,
        &candidates,
        args.binding(),
        args.at_ms(),
        &against,
    )
    .ok_or_else(|| Failure::mistake("there are no endorsements for this evidence"))
}

/// The files, with event logs joined to the evidence before them. What no TEE makes is not trusted,
/// and no mistake.
fn read_cases(paths: &[PathBuf]) -> Outcome<Vec<(PathBuf, Outcome<Evidence>)>> {
    let mut cases: Vec<(PathBuf, Outcome<Evidence>)> = Vec::new();
    for path in paths {
        match material::read(path) {
            Ok(Material::Evidence(evidence)) => cases.push((path.clone(), Ok(*evidence))),
            Ok(Material::Log(kind, bytes)) => {
                let mistake =
                    |what: String| Failure::mistake(format!("`{}` {what}", path.display()));
                let Some((of, Ok(evidence))) = cases.pop() else {
                    return Err(mistake(
                        "is an event log without evidence before it".to_owned(),
                    ));
                };
                let joined = evidence.with_log(kind, bytes).map_err(|error| {
                    mistake(format!("cannot be combined with its event log: {error}"))
                })?;
                cases.push((of, Ok(joined)));
            }
            Ok(other) => {
                let what = format!("`{}` is {}, not evidence", path.display(), other.name());
                return Err(Failure::mistake(what)
                    .with_hint("name endorsements by their folder: `--collateral DIR`"));
            }
            Err(failure) if failure.exit == Exit::NotVerified => {
                cases.push((path.clone(), Err(failure)));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(cases)
}

/// The worst of what happened decides the exit code: our failure, a mistake, no trust.
fn conclude(judged: Vec<(PathBuf, Judged)>) -> Outcome {
    let all = judged.len();
    let mut untrusted: Vec<Failure> = judged
        .into_iter()
        .filter_map(|(path, judged)| refused(&path, judged))
        .collect();
    untrusted.sort_by_key(|failure| match failure.exit {
        Exit::Broken => 0,
        Exit::Mistake => 1,
        _ => 2,
    });
    let count = untrusted.len();
    match untrusted.into_iter().next() {
        None => Ok(()),
        Some(failure) if all == 1 => Err(failure),
        Some(failure) => {
            Err(failure.during(format!("{count} of {all} are not trusted; the first")))
        }
    }
}

fn refused(path: &Path, judged: Judged) -> Option<Failure> {
    let path = path.display();
    match judged {
        Err(failure) => Some(failure.during(path)),
        Ok(appraisal) if appraisal.is_trusted() => None,
        Ok(appraisal) => {
            let failure = Failure::not_verified(format!(
                "{path} is not trusted by policy `{}`",
                appraisal.policy
            ));
            let hint = appraisal
                .broken()
                .next()
                .map(|check| check.mend.to_string());
            Some(match hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            })
        }
    }
}

fn to_json(path: &Path, judged: &Judged) -> Value {
    match judged {
        Ok(appraisal) => {
            json!({ "file": path, "trusted": appraisal.is_trusted(), "appraisal": appraisal })
        }
        Err(failure) => json!({
            "file": path, "trusted": false, "error": failure.message, "hint": failure.hint,
        }),
    }
}

/// The judgement in a few lines: what it is, and each broken rule.
fn short(path: &Path, appraisal: &Appraisal) -> String {
    let lead = appraisal.parts.first();
    let tee = lead
        .map(|part| format!(", {}", part.tee))
        .unwrap_or_default();
    let word = if appraisal.is_trusted() {
        "TRUSTED"
    } else {
        "NOT TRUSTED"
    };
    let mark = if appraisal.simulated {
        ", SIMULATED: no hardware vouches for it"
    } else {
        ""
    };
    let until = match appraisal.outcome {
        Verdict::Trusted { until_ms } => format!(" until {}", instant::in_utc(until_ms)),
        Verdict::Refused { .. } => String::new(),
    };
    let mut lines = vec![format!(
        "{}: {word} by policy `{}`{until}{tee}{mark}",
        path.display(),
        appraisal.policy
    )];
    for name in ["measurement", "hardware-id", "tcb"] {
        let claims = lead.iter().flat_map(|part| &part.claims);
        lines.extend(
            claims
                .filter(|claim| claim.name == name)
                .map(|claim| format!("  {name}: {}", claim.value)),
        );
    }
    if !appraisal.bound {
        lines.push("  note: no nonce was checked, so this may be a copy of older evidence (`--nonce`, `--report-data`)".to_owned());
    }
    for check in appraisal.broken() {
        lines.push(format!("  {check}"));
        lines.extend(check.place().map(|place| format!("      rule: {place}")));
        lines.extend(
            check
                .behind
                .iter()
                .map(|behind| format!("      behind: {behind}")),
        );
        lines.push(format!("      hint: {}", check.mend));
    }
    lines.extend(
        appraisal
            .against
            .iter()
            .map(|other| format!("  under `{}`: {}", other.policy, other.outcome)),
    );
    lines.join("\n")
}
