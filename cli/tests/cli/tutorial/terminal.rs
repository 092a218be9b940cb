//! The terminals in which somebody who follows the page types: one for commands, others for what
//! stays.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A service may take so long to come up.
const UP_TIMEOUT: Duration = Duration::from_mins(5);

/// Terminals of one person.
pub(crate) struct Terminals {
    /// Remembers in which folder the last command ended.
    place: PathBuf,
    path: String,
    port_base: u16,
    staying: Vec<Child>,
}

impl Terminals {
    pub(crate) fn open(home: &Path, path: &str, port_base: u16) -> Self {
        let place = home.join(".place");
        std::fs::write(&place, home.display().to_string()).unwrap();
        Self {
            place,
            path: path.to_owned(),
            port_base,
            staying: Vec::new(),
        }
    }

    /// Runs commands to their end, in the folder where the last ones ended. Gives all that they
    /// print.
    pub(crate) fn run(&self, commands: &str) -> Result<String, String> {
        let script = format!("exec 2>&1\n{commands}\npwd > '{}'\n", self.place.display());
        let output = self
            .shell(&script)
            .output()
            .map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        Err(format!("{}\n{commands}\n{printed}", output.status))
    }

    /// Starts commands that stay, and waits until they have printed `ready`.
    pub(crate) fn stay(&mut self, commands: &str, ready: &str) -> Result<String, String> {
        let mut shell = self.shell(&format!("exec 2>&1\nexec {}", commands.trim()));
        let mut child = shell
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let lines = child.stdout.take().expect("it is piped");
        self.staying.push(child);
        let (printed, all) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                if printed.send(line).is_err() {
                    break;
                }
            }
        });
        read_until(ready, &all).map_err(|why| format!("{why}\n{commands}"))
    }

    fn shell(&self, script: &str) -> Command {
        let folder = std::fs::read_to_string(&self.place).unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(folder.trim())
            .stdin(Stdio::null())
            .env("PATH", &self.path)
            .env("SYNOD_PORT_BASE", self.port_base.to_string())
            // Builds of the page are a stranger's: nothing of the build that runs this test counts
            // for them.
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("SYNOD_DIR")
            .env_remove("SYNOD_TRUST");
        shell
    }
}

fn read_until(ready: &str, lines: &mpsc::Receiver<String>) -> Result<String, String> {
    let deadline = Instant::now() + UP_TIMEOUT;
    let mut printed = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                printed.push_str(&line);
                printed.push('\n');
                if line.contains(ready) {
                    return Ok(printed);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("it never said `{ready}`:\n{printed}"));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("it ended before it said `{ready}`:\n{printed}"));
            }
        }
    }
}

impl Drop for Terminals {
    /// Ctrl-C in each.
    fn drop(&mut self) {
        for child in &mut self.staying {
            // The service stops when its standard input closes or a signal comes; the test has no
            // other way to it.
            let _ = Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status();
            let _ = child.wait();
        }
    }
}
