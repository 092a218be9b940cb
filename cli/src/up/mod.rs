//! `synod up`: a whole service on this machine, from nothing to a verified result, with one command.
//!
//! It does what founders, members, users and auditors do, with the same code as their commands, and says after
//! each step what was shown. Replicas are processes of their own; they die with this one, whatever happens to it.

mod acts;
mod child;
mod dataset;
mod failover;
mod found;
mod import;
mod join;
mod layout;
mod open;
mod ports;
mod prepare;
mod progress;
mod prove;
mod receipts;
mod search;
mod stay;
mod tour;

use std::path::PathBuf;

use clap::Args;

use crate::connect::DEFAULT_DIR;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::up::tour::Tour;

/// Starts a service on this machine, proves what it does, and stays up
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod up                                   # three replicas, a tour, then stay until Ctrl-C
  synod up --once --json                     # stop after the tour; the last line is the result
  synod up --dir /tmp/trial --port-base 9000 --import patients.csv

Every replica runs with SIMULATED evidence: the real formats, under roots whose keys are public. It shows how all
works, and protects nothing.")]
pub(crate) struct UpArgs {
    /// How many replicas; one that dies is replaced if there are at least three
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) replicas: u8,
    /// The folder for keys, ledgers and logs; it must be new
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    pub(crate) dir: PathBuf,
    /// Replica number i listens on port P + i, and for other replicas on P + 50 + i
    #[arg(long, value_name = "P", default_value_t = 8000, value_parser = clap::value_parser!(u16).range(1024..=65_400))]
    pub(crate) port_base: u16,
    /// A data set to import, one record a line after the first; by default 569 patients of a public study
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) import: Option<PathBuf>,
    /// Stop after the tour
    #[arg(long)]
    pub(crate) once: bool,
}

pub(crate) async fn run(args: &UpArgs, output: Output) -> Outcome {
    let mut stop = stay::StopSignal::listen()?;
    let mut tour = Tour::begin(args, output)?;
    let outcome = tokio::select! {
        outcome = tour.go() => outcome,
        () = stop.received() => Err(Failure::mistake("stopped before the tour was over")),
    };
    if outcome.is_ok() {
        tour.tell_result(output)?;
        if !args.once {
            stay::tell_how_to_go_on(&tour);
            stay::until_stopped(&mut tour, &mut stop).await;
        }
    }
    tour.stop_all().await;
    stay::tell_what_remains(&tour);
    outcome
}
