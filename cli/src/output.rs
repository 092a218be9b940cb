//! Data to standard output, talk to standard error.

use std::io::Write as _;

use serde::Serialize;
use synod_client::Service;

use crate::network_evidence::SIMULATED;
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

    /// Writes a result that a service gave, and what vouches for that service: `simulated` in a
    /// JSON object (`null` if nothing was verified), a line on standard error beside text.
    pub(crate) fn result_of(
        self,
        service: &Service,
        data: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Outcome {
        let simulated = service.simulated();
        self.say_simulated(simulated == Some(true));
        self.result(&Marked { simulated, data }, text)
    }

    /// Writes a result of a ledger or a file, and whether only simulated hardware vouches for it.
    pub(crate) fn result_marked(
        self,
        simulated: bool,
        data: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Outcome {
        self.say_simulated(simulated);
        let simulated = Some(simulated);
        self.result(&Marked { simulated, data }, text)
    }

    /// Says beside text that nothing but simulated hardware vouches; JSON says so itself.
    pub(crate) fn say_simulated(self, simulated: bool) {
        if simulated && !self.json {
            say(SIMULATED);
        }
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

/// Data with what vouches for them.
#[derive(Serialize)]
struct Marked<'a, T> {
    simulated: Option<bool>,
    #[serde(flatten)]
    data: &'a T,
}

/// Says something to the person at the terminal.
pub(crate) fn say(text: impl std::fmt::Display) {
    // A message that cannot be written is not a reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes one line to standard output.
pub(crate) fn write_line(line: &[u8]) -> Outcome {
    write_bytes(&[line, b"\n"].concat())
}

/// Writes bytes to standard output as they are. A reader that has gone away is not an error of
/// ours.
pub(crate) fn write_bytes(bytes: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::broken(
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}
