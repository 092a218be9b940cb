//! What a leader keeps of the leave that is at hand, and what it says of it.

/// What a leader keeps of the leave that is at hand.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    /// Since when writes wait until those who remain have caught up.
    pub(crate) held_since: Option<u64>,
}

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
