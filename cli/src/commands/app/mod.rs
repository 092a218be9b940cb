//! `synod app`: writing apps, testing them, setting them, calling them, and saying what they can
//! do.

mod build;
mod call;
mod inspect;
pub(crate) mod list;
mod logs;
mod new;
mod set;
mod test;

use clap::{Args, Subcommand};

use crate::outcome::Outcome;
use crate::output::Output;

/// Makes, tests, deploys, calls and inspects apps
#[derive(Args, Debug)]
pub(crate) struct AppArgs {
    #[command(subcommand)]
    command: AppCommand,
}

#[derive(Subcommand, Debug)]
enum AppCommand {
    New(new::NewArgs),
    Build(build::BuildArgs),
    Test(test::TestArgs),
    Inspect(inspect::InspectArgs),
    Set(set::SetArgs),
    Remove(set::RemoveArgs),
    List(list::ListArgs),
    Call(call::CallArgs),
    Logs(logs::LogsArgs),
}

pub(crate) async fn run(args: &AppArgs, output: Output) -> Outcome {
    match &args.command {
        AppCommand::New(args) => new::run(args, output),
        AppCommand::Build(args) => build::run(args, output),
        AppCommand::Test(args) => test::run(args, output),
        AppCommand::Inspect(args) => inspect::run(args, output).await,
        AppCommand::Set(args) => set::set(args, output).await,
        AppCommand::Remove(args) => set::remove(args, output).await,
        AppCommand::List(args) => list::run(args, output).await,
        AppCommand::Call(args) => call::run(args, output).await,
        AppCommand::Logs(args) => logs::run(args, output).await,
    }
}
