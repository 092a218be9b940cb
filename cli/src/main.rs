//! `synod`: one program for all sides of a service: it runs replicas, speaks for members and users,
//! verifies and audits, and gives a tour of all of it on one machine (`synod up`).
//!
//! Data go to standard output, talk to standard error. Exit codes: 0 done and verified, 1 the
//! user's mistake, 2 our failure, 3 not verified.

mod act_text;
mod app;
mod clock;
mod commands;
mod connect;
mod files;
mod founding;
mod idle_options;
mod instant;
mod ledger_folder;
mod member_key;
mod network_evidence;
mod network_status;
mod opening;
mod outcome;
mod output;
mod receipt_files;
mod recovery;
mod up;
mod waiting;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::outcome::{Exit, Failure, Outcome};
use crate::output::Output;

/// Blocks and requests come and go in many sizes on several threads: the system's allocator gives
/// each back to the kernel and asks for it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A confidential, replicated and provable service
#[derive(Parser, Debug)]
#[command(
    name = "synod",
    version,
    arg_required_else_help = true,
    after_help = "Begin with:
  synod up             # starts a service of three replicas on this machine, and proves what it does
  synod status
  synod kv put notes hello 'a private value'

Exit codes: 0 done and verified, 1 your mistake, 2 our failure, 3 not verified"
)]
struct Cli {
    /// Write results as JSON, one object on one line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Up(up::UpArgs),
    Verify(commands::verify::VerifyArgs),
    Attest(commands::attest::AttestArgs),
    Doctor(commands::doctor::DoctorArgs),
    App(commands::app::AppArgs),
    Kv(commands::kv::KvArgs),
    Receipt(commands::receipt::ReceiptArgs),
    Status(commands::status::StatusArgs),
    Ledger(commands::ledger::LedgerArgs),
    Member(commands::member::MemberArgs),
    Replica(commands::replica::ReplicaArgs),
    User(commands::user::UserArgs),
    Node(commands::node::NodeArgs),
    Bench(commands::bench::BenchArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
}

fn main() -> ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no mistakes; clap prints them to standard output.
            let exit = if error.use_stderr() {
                Exit::Mistake
            } else {
                Exit::Done
            };
            let _ = error.print();
            return exit.into();
        }
    };
    let output = Output { json: cli.json };
    match idle_options::refuse(&matches).and_then(|()| run(&cli.command, output)) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            output.fail(&failure);
            failure.exit.into()
        }
    }
}

fn run(command: &Command, output: Output) -> Outcome {
    match command {
        // A node makes its own threads and runtime.
        Command::Node(args) => commands::node::run(args, output),
        Command::User(args) => commands::user::run(args, output),
        Command::Completions(args) => commands::completions::run(Cli::command(), args, output),
        Command::Man(args) => commands::man::run(Cli::command(), args, output),
        Command::Ledger(args) => commands::ledger::run(args, output),
        Command::Attest(args) => commands::attest::run(args, output),
        Command::Doctor(args) => commands::doctor::run(args, output),
        Command::App(args) => block_on(commands::app::run(args, output)),
        Command::Up(args) => block_on(up::run(args, output)),
        Command::Verify(args) => block_on(commands::verify::run(args, output)),
        Command::Kv(args) => block_on(commands::kv::run(args, output)),
        Command::Receipt(args) => block_on(commands::receipt::run(args, output)),
        Command::Status(args) => block_on(commands::status::run(args, output)),
        Command::Member(args) => block_on(commands::member::run(args, output)),
        Command::Replica(args) => block_on(commands::replica::run(args, output)),
        Command::Bench(args) => block_on(commands::bench::run(args, output)),
    }
}

fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::broken(format!("cannot start threads: {error}")))?
        .block_on(work)
}

#[cfg(test)]
mod tests;
