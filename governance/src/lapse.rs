//! What follows when the verdict on a replica lapses, and when nothing may.
//!
//! A voter is demoted first: it follows on without a vote. Whoever has no vote and no verdict is removed once
//! the manifest's grace is over. The rule that keeps both from doing harm:
//!
//! - a voter is demoted only if the voters *whose verdicts hold* are without it a quorum of the configuration in
//!   force, of as many vendors as are required. So lapses alone never take the vote from a majority, never leave
//!   fewer than two voters, never end diversity; what stands in the way is told instead;
//! - removal takes nobody's vote, so it needs no such rule.
//!
//! Everything is judged by the ledger's time and the rows of governance: the same on every machine.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::records::{GovernanceRecord, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;

/// The cause that stands with a replica that was removed because its verdict lapsed.
pub(crate) const LAPSED_CAUSE: &str = "its verdict lapsed";

/// The leader says that the verdict on a replica has lapsed. What follows is not the leader's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Lapse {
    /// The replica.
    #[n(0)]
    pub id: u64,
}

/// What a lapsed verdict leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LapseStep {
    /// The voter becomes a learner.
    Demote,
    /// The replica, which has no vote, is out for ever.
    Remove,
}

/// A replica whose verdict has lapsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    /// The replica.
    pub id: u64,
    /// What may be done now, or what keeps it from being done: an alarm, if the replica votes.
    pub step: Result<LapseStep, Refusal>,
}

impl Lapsed {
    /// Those among `replicas`, which need not hold the removed ones, whose verdicts have lapsed at `time_ms` of the
    /// ledger.
    pub fn among(
        replicas: &[ReplicaRecord],
        governance: &GovernanceRecord,
        grace_ms: u64,
        time_ms: u64,
    ) -> Vec<Self> {
        lapsed(replicas, governance, grace_ms, time_ms)
    }
}

/// The replicas whose verdicts have lapsed at `time_ms` of the ledger.
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
    // One that was demoted late, because the rule forbade it sooner, has the whole grace all the same.
    let since_ms = expires_ms.max(replica.demoted_ms.unwrap_or(0));
    let until_ms = since_ms.saturating_add(grace_ms);
    if time_ms < until_ms {
        return Err(Refusal::GraceLasts { id, until_ms });
    }
    Ok(LapseStep::Remove)
}

/// Whether the voters whose verdicts hold are a diverse quorum of the configuration without voter `id`.
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
