//! A replica's process.
//!
//! It never outlives this one: the node watches its standard input, which closes with this process
//! however that ends, and stops.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use synod_attestation::Tee;
use synod_client::ReplicaUrl;
use synod_node::NodeConfig;
use tokio::process::Command;
use tokio::time::timeout;

use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};

/// How long a node may take to stop by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of a dead node's log that are shown.
const LOG_LINES: usize = 5;

/// A running replica.
#[derive(Debug)]
pub(crate) struct Child {
    number: u8,
    tee: Tee,
    url: ReplicaUrl,
    folder: PathBuf,
    process: tokio::process::Child,
}

impl Child {
    /// Writes the configuration and starts `synod node <verb>` of this very program.
    pub(crate) fn start(
        verb: &str,
        number: u8,
        url: ReplicaUrl,
        folder: &Path,
        config: &NodeConfig,
    ) -> Outcome<Self> {
        files::make_folder(folder)?;
        let config_path = folder.join("node.toml");
        files::replace(
            &config_path,
            config.to_toml().as_bytes(),
            Readers::Everybody,
        )?;
        let failed = |error| Failure::broken(format!("cannot start replica {number}: {error}"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("node.log"))
            .map_err(failed)?;
        let program = std::env::current_exe().map_err(failed)?;
        let process = Command::new(program)
            .args(["node", verb, "--config"])
            .arg(&config_path)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // Ctrl-C at the terminal is for this process, which stops the replicas in its own
            // order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        Ok(Self {
            number,
            tee: config.attester.tee().expect("the tour names every TEE"),
            url,
            folder: folder.to_owned(),
            process,
        })
    }

    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    pub(crate) fn tee(&self) -> Tee {
        self.tee
    }

    pub(crate) fn url(&self) -> &ReplicaUrl {
        &self.url
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// An error with the end of its log, if the process has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Outcome {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::broken(format!(
                "replica {} ended: {status}{}",
                self.number,
                self.log_end()
            ))),
            Err(error) => Err(Failure::broken(format!(
                "replica {} cannot be watched: {error}",
                self.number
            ))),
        }
    }

    /// Kills it as a loss of power would: SIGKILL, no farewell.
    pub(crate) async fn kill(&mut self) -> Outcome {
        self.process.kill().await.map_err(|error| {
            Failure::broken(format!("cannot kill replica {}: {error}", self.number))
        })
    }

    /// Asks it to stop with the whole service, so without leaving, and kills it if it does not.
    pub(crate) async fn stop(&mut self) {
        if let Some(pid) = self
            .process
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
        {
            // It may have ended in between; then there is nothing to stop.
            let _ = kill_process(pid, Signal::QUIT);
        }
        drop(self.process.stdin.take());
        if timeout(STOP_TIMEOUT, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }

    fn log_end(&self) -> String {
        let path = self.folder.join("node.log");
        let text = std::fs::read(&path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n    ");
        format!("; the end of {}:\n    {end}", path.display())
    }
}
