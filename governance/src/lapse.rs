//! What follows when the verdict on a replica expires, and when nothing may follow.
//!
//! A voter is demoted first: it continues as a learner, without a vote. A replica without a vote
//! and a valid verdict is removed once the manifest's grace period is over. The rules that keep
//! both steps from doing harm:
//!
//! - a voter is demoted only if, without it, the voters *with valid verdicts* are a quorum of the
//!   configuration in force, from as many vendors as are required. So expired verdicts alone never
//!   take the vote from a majority, never leave fewer than two voters, never end diversity; instead
//!   the obstacle is reported;
//! - removal takes no vote, so it needs no such rule.
//!
//! Everything is judged by the ledger's time and the rows of governance: the same on every machine.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::records::{GovernanceRecord, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;

/// The recorded cause of removal of a replica whose verdict expired.
pub(crate) const LAPSED_CAUSE: &str = "its verdict lapsed";

/// The leader states that the verdict on a replica has expired. The leader does not decide what
/// follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Lapse {
    /// The replica.
    #[n(0)]
    pub id: u64,
}

/// What an expired verdict leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LapseStep {
    /// The voter becomes a learner.
    Demote,
    /// The replica has no vote, and is removed for ever.
    Remove,
}

/// A replica whose verdict has expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// The replica.
    pub id: u64,
    /// The step that may be taken now, or what prevents it, which is an alarm if the replica votes.
    pub step: Result<LapseStep, Refusal>,
}

impl Lapsed {
    /// Those among `replicas`, which need not hold the removed ones, whose verdicts have expired at
    /// `time_ms` of the ledger.
    pub fn among(
        replicas: &[ReplicaRecord],
        governance: &GovernanceRecord,
        grace_ms: u64,
        time_ms: u64,
    ) -> Vec<Self> {
        lapsed(replicas, governance, grace_ms, time_ms)
    }
}

/// The replicas whose verdicts have expired at `time_ms` of the ledger.
pub(crate) fn lapsed(
    replicas: &[ReplicaRecord],
    governance: &GovernanceRecord,
    grace_ms: u64,
    time_ms: u64,
) -> Vec<Lapsed> {
    let gone = replicas
        .iter()
        .filter(|r| r.status != ReplicaStatus::Removed && !r.verdict_holds(time_ms));
    let step = |replica: &ReplicaRecord| Lapsed {
        id: replica.id,
        step: step(replica, replicas, governance, grace_ms, time_ms),
    };
    gone.map(step).collect()
}

/// What follows from the lapse of the verdict on `replica`.
pub(crate) fn step(
    replica: &ReplicaRecord,
    replicas: &[ReplicaRecord],
    governance: &GovernanceRecord,
    grace_ms: u64,
    time_ms: u64,
) -> Result<LapseStep, Refusal> {
    let (id, expires_ms) = (replica.id, replica.expires_ms);
    if replica.status == ReplicaStatus::Removed {
        return Err(Refusal::AlreadyRemoved { id });
    }
    if replica.verdict_holds(time_ms) {
        return Err(Refusal::VerdictHolds { id, expires_ms });
    }
    if replica.status == ReplicaStatus::Voter {
        return check_remaining(id, replicas, governance, time_ms).map(|()| LapseStep::Demote);
    }
    // A voter that was demoted late, because the rule forbade it earlier, still has the whole grace
    // period.
    let since_ms = expires_ms.max(replica.demoted_ms.unwrap_or(0));
    let until_ms = since_ms.saturating_add(grace_ms);
    if time_ms < until_ms {
        return Err(Refusal::GraceLasts { id, until_ms });
    }
    Ok(LapseStep::Remove)
}

/// Whether the voters with valid verdicts, without voter `id`, are a diverse quorum of the
/// configuration.
pub(crate) fn check_remaining(
    id: u64,
    replicas: &[ReplicaRecord],
    governance: &GovernanceRecord,
    time_ms: u64,
) -> Result<(), Refusal> {
    let voters: Vec<_> = replicas
        .iter()
        .filter(|replica| replica.status == ReplicaStatus::Voter)
        .collect();
    let holding: Vec<_> = voters
        .iter()
        .filter(|voter| voter.id != id && voter.verdict_holds(time_ms))
        .collect();
    let needed = voters.len() / 2 + 1;
    if holding.len() < needed {
        return Err(Refusal::BelowQuorum {
            id,
            holding: holding.len(),
            needed,
        });
    }
    let vendors: BTreeSet<_> = holding.iter().map(|voter| voter.vendor()).collect();
    let required = governance.vendors_required(vendors.len());
    if vendors.len() < usize::from(required) {
        let found = vendors.len();
        return Err(Refusal::TooFewVendors { required, found });
    }
    Ok(())
}
