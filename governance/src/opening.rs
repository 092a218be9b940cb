//! Why the members do not open the service.

/// Why the service cannot be opened by this act. The members, or whoever proposed their act, are at
/// fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningRefusal {
    /// The service is open already.
    #[error("the service is open already")]
    AlreadyOpen,
    /// The members name another configuration than the one in force.
    #[error(
        "configuration {in_force} is in force, but the members signed configuration {named}: they must verify the voters of the one in force and sign again"
    )]
    AnotherConfiguration {
        /// The number that they name.
        named: u64,
        /// The number of the one in force.
        in_force: u64,
    },
    /// Fewer replicas vote than the members demand.
    #[error(
        "{found} replicas vote, but the service needs {needed} to open (`open_voters` in the manifest)"
    )]
    TooFewVoters {
        /// How many vote.
        found: usize,
        /// How many must.
        needed: u8,
    },
}

impl OpeningRefusal {
    /// A stable code, for problem details and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadyOpen => "already-open",
            Self::AnotherConfiguration { .. } => "another-configuration",
            Self::TooFewVoters { .. } => "too-few-voters",
        }
    }
}
