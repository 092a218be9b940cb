//! What a writer may ask of the value that it replaces.

/// What must hold of a key before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// Its value was written by the transaction with this seqno.
    Version(u64),
    /// It has a value.
    Present,
    /// It has no value.
    Absent,
}

impl Condition {
    /// Whether it holds of a key whose value has this version; `None` where it has no value.
    pub fn holds(self, version: Option<u64>) -> bool {
        match self {
            Self::Always => true,
            Self::Version(wanted) => version == Some(wanted),
            Self::Present => version.is_some(),
            Self::Absent => version.is_none(),
        }
    }
}
