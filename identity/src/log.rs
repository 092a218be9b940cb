//! The log of a process: one line on standard error for each thing an operator should know.
//!
//! A line is `time_ms level area message`. Callers put no secret, no user data and no value of a
//! private map in.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

use crate::clock;

/// How much is told on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Only what stops something.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what changes.
    #[default]
    Info,
    /// And every dropped message.
    Debug,
}

static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Info as u8);

/// Tells no more than `level` from now on, in this whole process.
pub fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Something stops.
pub fn error(area: &str, message: impl Display) {
    line(LogLevel::Error, "error", area, &message);
}

/// An operator should look at this.
pub fn warn(area: &str, message: impl Display) {
    line(LogLevel::Warn, "warn", area, &message);
}

/// Something changed.
pub fn info(area: &str, message: impl Display) {
    line(LogLevel::Info, "info", area, &message);
}

/// For whoever looks for a fault.
pub fn debug(area: &str, message: impl Display) {
    line(LogLevel::Debug, "debug", area, &message);
}

fn line(level: LogLevel, name: &str, area: &str, message: &dyn Display) {
    if level as u8 <= LEVEL.load(Ordering::Relaxed) {
        let text = format!(
            "{} {name} {area} {}\n",
            clock::now_ms(),
            one_line(&message.to_string())
        );
        // Standard error may be closed; the process goes on without it.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// What others sent may stand in a message: it must not be able to fake a line.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LINE_CHARS_MAX)
        .collect()
}

const LINE_CHARS_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_cannot_fake_a_line() {
        assert_eq!(one_line("a\n1 error disk b\x1b[0m"), "a 1 error disk b [0m");
        assert_eq!(one_line(&"x".repeat(9000)).len(), LINE_CHARS_MAX);
    }
}
