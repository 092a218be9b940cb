//! `synod up`: a whole service on this machine, from nothing to a verified result, with one
//! command.
//!
//! It does what founders, members, users and auditors do, with the same code as their commands, and
//! says after each step what was shown. Replicas are processes of their own; they die with this
//! one, whatever happens to it.

mod acts;
mod apps;
mod args;
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
mod side_by_side;
mod stay;
mod tour;

use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::up::tour::Tour;

pub(crate) use crate::up::args::UpArgs;

pub(crate) async fn run(args: &UpArgs, output: Output) -> Outcome {
    let mut stop = stay::StopSignal::listen()?;
    let mut tour = Tour::begin(args)?;
    let outcome = tokio::select! {
        outcome = tour.go() => outcome,
        () = stop.received() => Err(Failure::mistake("stopped before the tour ended")),
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
