//! Why a voter is not let go, or a replica does not take the place of another.

/// Why a voter is not let go, or a replica does not take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplacementRefusal {
    /// One replica after the other leaves: the second to last voter stays until a new one is
    /// promoted.
    #[error(
        "replica {id} cannot leave in the same way as replica {before}, because only one voter would remain; a new voter must join first"
    )]
    OneVoterLeft {
        /// The replica that wants to leave.
        id: u64,
        /// The one that left before and was not replaced.
        before: u64,
    },
    /// The joiner names a replica as its former self that runs on another machine, and is not out.
    #[error(
        "replica {id} is not the joiner's former self: it runs on another machine, has not left, and the members have not ordered its replacement"
    )]
    NotItsFormerSelf {
        /// The replica that it names.
        id: u64,
    },
    /// The replica did not join in the place of another.
    #[error("replica {id} does not replace any replica")]
    ReplacesNobody {
        /// The replica.
        id: u64,
    },
    /// The replica did not join in the place of this one.
    #[error("replica {id} does not replace replica {found}")]
    ReplacesAnother {
        /// The replica that joined.
        id: u64,
        /// The replica that should be replaced.
        found: u64,
    },
    /// A replica cannot take its own place.
    #[error("replica {id} cannot replace itself")]
    ReplacesItself {
        /// The replica.
        id: u64,
    },
    /// A voter that the others still hear from is replaced only by the members' order.
    #[error("the members have not ordered that voter {id} is replaced")]
    NotOrdered {
        /// The voter.
        id: u64,
    },
    /// Too few voters say that they have not heard from the voter.
    #[error(
        "{found} voters say that they have not heard from replica {id}, but a quorum of the other voters is {needed}"
    )]
    TooFewUnheard {
        /// The silent voter.
        id: u64,
        /// How many say so.
        found: usize,
        /// A quorum of the others.
        needed: usize,
    },
    /// The voters that have not heard from the voter have too few vendors.
    #[error(
        "voters of {found} vendors say that they have not heard from it, but {required} vendors are required"
    )]
    UnheardTooFewVendors {
        /// The vendors required.
        required: u8,
        /// The vendors of those who say so.
        found: usize,
    },
    /// The statements are listed by rising signer, each once.
    #[error("the statements are not in order of the replicas' ids: see replica {id}")]
    UnheardNotRising {
        /// The signer.
        id: u64,
    },
    /// The signer has heard from the voter too recently.
    #[error(
        "replica {id} has heard nothing for {found_ms} ms, but at least {least_ms} ms are needed"
    )]
    HeardLately {
        /// The signer.
        id: u64,
        /// How long it has heard nothing.
        found_ms: u64,
        /// For how long it must have.
        least_ms: u64,
    },
    /// The statement is not the signer's, or of another voter or network.
    #[error("the statement of replica {id} is not signed by it, or is about a different replica")]
    UnheardSignature {
        /// The signer.
        id: u64,
    },
}

impl ReplacementRefusal {
    /// A stable code, for problem details and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OneVoterLeft { .. } => "one-voter-left",
            Self::NotItsFormerSelf { .. } => "not-its-former-self",
            Self::ReplacesNobody { .. } => "replaces-nobody",
            Self::ReplacesAnother { .. } => "replaces-another",
            Self::ReplacesItself { .. } => "replaces-itself",
            Self::NotOrdered { .. } => "replacement-not-ordered",
            Self::TooFewUnheard { .. } => "too-few-unheard",
            Self::UnheardTooFewVendors { .. } => "unheard-too-few-vendors",
            Self::UnheardNotRising { .. } => "unheard-not-rising",
            Self::HeardLately { .. } => "heard-lately",
            Self::UnheardSignature { .. } => "bad-unheard-signature",
        }
    }
}
