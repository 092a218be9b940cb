//! `synod attest`: looks into evidence, judges it, explains the judgement, and makes evidence on
//! this machine.

mod collateral;
mod inspect;
mod judge;
mod material;
mod policy;
mod quote;
mod set;
mod settings;
mod vectors;
mod verify;

use clap::{Args, Subcommand};

use crate::outcome::Outcome;
use crate::output::Output;

/// Inspects, verifies, explains and generates evidence of TEEs
#[derive(Args, Debug)]
pub(crate) struct AttestArgs {
    #[command(subcommand)]
    command: AttestCommand,
}

#[derive(Subcommand, Debug)]
enum AttestCommand {
    Inspect(inspect::InspectArgs),
    Verify(verify::VerifyArgs),
    Explain(verify::ExplainArgs),
    Quote(quote::QuoteArgs),
    Collateral(collateral::CollateralArgs),
    Policy(policy::PolicyArgs),
}

pub(crate) fn run(args: &AttestArgs, output: Output) -> Outcome {
    match &args.command {
        AttestCommand::Inspect(args) => inspect::run(args, output),
        AttestCommand::Verify(args) => verify::run(args, output),
        AttestCommand::Explain(args) => verify::explain(args, output),
        AttestCommand::Quote(args) => quote::run(args, output),
        AttestCommand::Collateral(args) => collateral::run(args, output),
        AttestCommand::Policy(args) => policy::run(args, output),
    }
}
