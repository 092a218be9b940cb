//! Running the tools of a language: their output is kept and shown only if they fail.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crate::outcome::{Failure, Outcome};
use crate::output::say;
use crate::waiting::Waiting;

/// How many bytes of a tool's output are kept; the rest is read and dropped.
const KEPT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Lines of a failed tool that are shown.
const LINES_SHOWN: usize = 40;

/// A tool, and what to do where it is missing.
pub(crate) struct Tool<'a> {
    /// The program, by name or path.
    pub(crate) program: &'a str,
    /// How to get it.
    pub(crate) hint: &'a str,
}

/// What a tool said before it ended.
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Tool<'_> {
    /// Runs it in a folder, and says so if that takes its time.
    pub(crate) fn run(&self, dir: &Path, args: &[&str]) -> Outcome<Said> {
        self.run_with(dir, args, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn run_with(
        &self,
        dir: &Path,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Outcome<Said> {
        let _waiting = Waiting::begin(format!("`{} {}`", self.name(), args.join(" ")));
        let mut child = Command::new(self.program)
            .args(args)
            .envs(environment.iter().copied())
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_started(error.kind(), &error))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stderr = thread::spawn(move || stderr.map(read_kept).unwrap_or_default());
        let stdout = stdout.map(read_kept).unwrap_or_default();
        let status = child
            .wait()
            .map_err(|error| Failure::broken(format!("`{}`: {error}", self.name())))?;
        Ok(Said {
            status,
            stdout,
            stderr: stderr.join().unwrap_or_default(),
        })
    }

    /// Runs it, and treats an exit with an error as the user's mistake.
    pub(crate) fn succeed(&self, dir: &Path, args: &[&str]) -> Outcome<Said> {
        let said = self.run(dir, args)?;
        if said.status.success() {
            return Ok(said);
        }
        said.show();
        Err(self.failed(args, &said))
    }

    /// The failure of a run that ended with an error.
    pub(crate) fn failed(&self, args: &[&str], said: &Said) -> Failure {
        Failure::mistake(format!(
            "`{} {}` failed: {}",
            self.name(),
            args.join(" "),
            said.status
        ))
    }

    fn name(&self) -> &str {
        let path = Path::new(self.program);
        path.file_name()
            .and_then(|name| name.to_str())
            .unwrap_or(self.program)
    }

    fn not_started(&self, kind: ErrorKind, error: &std::io::Error) -> Failure {
        if kind == ErrorKind::NotFound {
            return Failure::mistake(format!("`{}` is missing", self.name())).with_hint(self.hint);
        }
        Failure::broken(format!("cannot run `{}`: {error}", self.program))
    }
}

impl Said {
    /// Shows the end of what the tool said.
    pub(crate) fn show(&self) {
        for text in [&self.stdout, &self.stderr] {
            let text = String::from_utf8_lossy(text);
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
                say(format!("    {line}"));
            }
        }
    }

    /// Whether it spoke of this, on standard error.
    pub(crate) fn complains_of(&self, what: &str) -> bool {
        String::from_utf8_lossy(&self.stderr).contains(what)
    }
}

fn read_kept(mut pipe: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    // What cannot be read is not shown; how the tool ended says whether it did its work.
    let _ = pipe.by_ref().take(KEPT_BYTES_MAX).read_to_end(&mut kept);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(program: &str) -> Tool<'_> {
        Tool {
            program,
            hint: "get it",
        }
    }

    #[test]
    fn missing_tool_is_named_with_how_to_get_it() {
        let failure = tool("synod-no-such-tool")
            .run(Path::new("."), &[])
            .err()
            .unwrap();
        assert_eq!(failure.message, "`synod-no-such-tool` is missing");
        assert_eq!(failure.hint.as_deref(), Some("get it"));
    }

    #[test]
    fn tool_that_fails_is_the_users_mistake_and_output_is_kept() {
        let said = tool("sh")
            .run(Path::new("."), &["-c", "echo out; echo err >&2; exit 3"])
            .unwrap();
        assert_eq!(
            (&said.stdout[..], said.complains_of("err")),
            (&b"out\n"[..], true)
        );
        let failure = tool("sh").succeed(Path::new("."), &["-c", "exit 3"]);
        assert_eq!(failure.err().unwrap().exit, crate::outcome::Exit::Mistake);
    }

    #[test]
    fn what_a_tool_says_is_kept_within_bounds() {
        let said = tool("sh")
            .run(Path::new("."), &["-c", "head -c 6000000 /dev/zero"])
            .unwrap();
        assert_eq!(said.stdout.len() as u64, KEPT_BYTES_MAX);
    }
}
