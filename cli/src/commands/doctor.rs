//! `synod doctor`: what this machine can attest, what is missing, and how to get it.

use clap::Args;
use synod_attester::{SystemProbe, detect};

use crate::outcome::Outcome;
use crate::output::Output;

/// Shows what this machine can attest, what is missing, and how to get it
#[derive(Args, Debug)]
#[command(after_help = "Example:
  synod doctor --json")]
pub(crate) struct DoctorArgs {}

pub(crate) fn run(_: &DoctorArgs, output: Output) -> Outcome {
    let detection = detect(&SystemProbe);
    output.result(&detection, || detection.to_string().trim_end().to_owned())
}
