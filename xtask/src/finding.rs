//! One breach of a rule, with its place.

use std::fmt;
use std::path::{Path, PathBuf};

/// A breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: PathBuf,
    line: usize,
    message: String,
}

impl Finding {
    /// A breach at a line, counted from 1; 0 for the whole file.
    pub(crate) fn at(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message: message.into(),
        }
    }

    /// Says more about the breach.
    pub(crate) fn append(&mut self, more: &str) {
        self.message.push_str(more);
    }

    /// A breach by a whole file.
    pub(crate) fn of(file: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::at(file.as_ref(), 0, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.message),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.message),
        }
    }
}
