//! What the operating system said, as a value that can be compared.

use std::{fmt, io};

/// An error of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OsError {
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl OsError {
    /// What sort of error it is.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// The system's number (`errno`), if it gave one.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// Whether the same call may succeed a little later: the resource is busy,
    /// the call would block, or a signal interrupted it.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            io::ErrorKind::ResourceBusy | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        )
    }
}

impl From<&io::Error> for OsError {
    fn from(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.raw_os_error(),
        }
    }
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (errno {code})", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}
