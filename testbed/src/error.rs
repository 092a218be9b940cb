//! Why a synod in memory does not do what it is asked.

/// It cannot go on; nothing of it says anything about the app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestbedError {
    /// It could not be founded.
    #[error("the synod could not be founded: {0}")]
    Founding(String),
    /// The members' act was refused.
    #[error("the act was refused: {0}")]
    Refused(String),
    /// A call was not answered.
    #[error("a call was not answered within {0} steps")]
    Silent(u32),
}
