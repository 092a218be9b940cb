//! The log of an app: lines that leave the runtime through a port of the node, for members and the
//! app's owner.
//!
//! Lines wait in the call and go out together when it ends, whatever its end. A call that is
//! executed again, since another took its place, has its lines twice. A call whose snapshot is gone
//! leaves none.

use synod_replica::app::AppKey;

use crate::wire::Level;

/// Longest line, in bytes; what is longer is cut.
pub const LOG_LINE_BYTES_MAX: usize = 1024;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Of interest to the author alone.
    Debug,
    /// How it goes.
    Info,
    /// It goes on, but not as it should.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// The level in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How grave it is.
    pub level: LogLevel,
    /// Whether the runtime wrote it, of an end that the app did not foresee; else the app did.
    pub of_host: bool,
    /// At most [`LOG_LINE_BYTES_MAX`] bytes.
    pub text: String,
}

/// Where the lines of one call come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOrigin {
    /// The app and its version.
    pub app: AppKey,
    /// The pattern of the request's route; `init` or `migrate` otherwise.
    pub route: String,
    /// With `seqno`, the transaction, as the app itself could have asked for it.
    pub view: u64,
    /// See `view`.
    pub seqno: u64,
    /// The ledger's time, Unix milliseconds.
    pub time_ms: u64,
}

/// Takes lines. Called at the end of a call, on the executor's thread, and only if there are any.
pub trait LogSink: Send + Sync {
    /// Takes the lines of one call, in their order.
    fn take(&self, origin: LogOrigin, lines: Vec<LogLine>);
}

/// A line cut to [`LOG_LINE_BYTES_MAX`], at the border of a character.
pub fn cut(text: &str) -> String {
    let mut end = text.len().min(LOG_LINE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let text = format!("{}é", "a".repeat(LOG_LINE_BYTES_MAX - 1));
        assert_eq!(cut(&text).len(), LOG_LINE_BYTES_MAX - 1);
        assert_eq!(cut(&"a".repeat(5000)).len(), LOG_LINE_BYTES_MAX);
    }
}
