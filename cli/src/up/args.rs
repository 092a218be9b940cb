//! What a tour is told.

use std::path::PathBuf;

use clap::Args;

use crate::connect::DEFAULT_DIR;

/// Starts a service on this machine, proves what it does, and stays up
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod up                                   # three replicas, a tour, then stay until Ctrl-C
  synod up --once --json                     # stop after the tour; the last line is the result
  synod up --app notes --watch               # with an app of yours, set anew on every change
  synod up --dir /tmp/trial --port-base 9000 --import patients.csv

To stop it ends the service for good: the replicas' keys die with them, and from their folders members can rebuild
the records, not the service. On a terminal, Ctrl-C says so and asks once.

Every replica runs with SIMULATED evidence: the real formats, under roots whose keys are public. It shows how all
works, and protects nothing.")]
pub(crate) struct UpArgs {
    /// How many replicas; with three or more, one whose process ends is started again and takes its
    /// own place
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) replicas: u8,
    /// The folder for keys, ledgers and logs; it must be new
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    pub(crate) dir: PathBuf,
    /// Replica number i listens on port P + i, and for other replicas on P + 50 + i
    #[arg(long, value_name = "P", env = "SYNOD_PORT_BASE", default_value_t = 8000, value_parser = clap::value_parser!(u16).range(1024..=65_400))]
    pub(crate) port_base: u16,
    /// A data set to import, one record a line after the first; by default 569 patients of a public
    /// study
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) import: Option<PathBuf>,
    /// The folder of an app, which is built, set and called; can be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) app: Vec<PathBuf>,
    /// Build and set an app anew whenever its sources change
    #[arg(long, requires = "app", conflicts_with = "once")]
    pub(crate) watch: bool,
    /// Stop after the tour
    #[arg(long)]
    pub(crate) once: bool,
}
