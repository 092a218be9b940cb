//! What a leader says of a voter that wants to go.

/// Whether a voter may go now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It may.
    Now,
    /// In a moment, if no other write comes in between.
    Hold,
    /// Not yet; it asks again.
    NotYet,
    /// It stays.
    Never(String),
}
