//! The kinds of keys that sign reports.

use std::fmt;

/// The kind of key that signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Versioned Chip Endorsement Key: of one chip.
    Vcek,
    /// Versioned Loaded Endorsement Key: of a cloud provider's fleet.
    Vlek,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        })
    }
}
