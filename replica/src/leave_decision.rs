//! What a leader answers to a voter that wants to leave.

/// Whether a voter may go now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LeaveDecision {
    /// It may.
    Now,
    /// In a moment, if no other write comes in between.
    Hold,
    /// Not yet; it asks again.
    NotYet,
    /// It stays.
    Never(String),
}
