//! Data to standard output, talk to standard error.

use std::io::Write as _;

use serde::Serialize;

use crate::outcome::{Failure, Outcome};

/// Where a command's words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether data are written as one JSON object on one line.
    pub(crate) json: bool,
}

impl Output {
    /// Writes a command's result: `data` as JSON, or else `text`.
    pub(crate) fn result(self, data: &impl Serialize, text: impl FnOnce() -> String) -> Outcome {
        let line = if self.json {
            serde_json::to_string(data).expect("results are plain data")
        } else {
            text()
        };
        write_line(line.as_bytes())
    }

    /// Tells why a command failed.
    pub(crate) fn fail(self, failure: &Failure) {
        if self.json {
            let data = serde_json::json!({ "error": failure.message, "hint": failure.hint });
            let _ = write_line(data.to_string().as_bytes());
        }
        say(failure);
    }
}

/// Says something to the person at the terminal.
pub(crate) fn say(text: impl std::fmt::Display) {
    // Talk that nobody can hear is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes one line to standard output.
pub(crate) fn write_line(line: &[u8]) -> Outcome {
    write_bytes(&[line, b"\n"].concat())
}

/// Writes bytes to standard output as they are. A reader that has gone away is no error of ours.
pub(crate) fn write_bytes(bytes: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::broken(
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}
