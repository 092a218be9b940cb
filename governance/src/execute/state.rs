//! What all inputs after genesis work on.

use synod_kv::Transaction;

use crate::facts::Context;
use crate::records::{GovernanceRecord, ReplicaRecord, ReplicaStatus, ServiceRecord};
use crate::refusal::Refusal;
use crate::tables::{self, CorruptState, GOVERNANCE, SERVICE, map};
use crate::view::View;

/// A change of the engine's membership that goes with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipChange {
    /// Add this replica without weight.
    AddLearner(u64),
    /// Give this learner a vote.
    Promote(u64),
    /// Take this voter's vote; it continues as a learner.
    Demote(u64),
    /// Take this replica out.
    Remove(u64),
}

/// What an executed input means beyond its writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The engine's membership changes with the block of this input.
    pub change: Option<MembershipChange>,
    /// The number of the configuration that was written.
    pub configuration: Option<u64>,
    /// The replica that the input is about; for a join its new id.
    pub replica: Option<u64>,
}

impl Outcome {
    pub(super) fn about(id: u64) -> Self {
        Self {
            replica: Some(id),
            ..Self::default()
        }
    }
}

/// A founded network within a transaction.
pub(super) struct State<'a, 's> {
    pub(super) tx: &'a mut Transaction<'s>,
    pub(super) ctx: &'a Context<'a>,
    pub(super) service: ServiceRecord,
    pub(super) governance: GovernanceRecord,
}

impl<'a, 's> State<'a, 's> {
    pub(super) fn load(tx: &'a mut Transaction<'s>, ctx: &'a Context<'a>) -> Result<Self, Refusal> {
        let view = View::new(&*tx);
        let service = view.service()?.ok_or(Refusal::NotFounded)?;
        let governance = view
            .governance()?
            .ok_or(CorruptState::missing(map::GOVERNANCE))?;
        Ok(Self {
            tx,
            ctx,
            service,
            governance,
        })
    }

    /// Writes back the two rows that were loaded, if they changed.
    pub(super) fn store(self) -> Result<(), Refusal> {
        let view = View::new(&*self.tx);
        let service_changed = view.service()?.as_ref() != Some(&self.service);
        let governance_changed = view.governance()?.as_ref() != Some(&self.governance);
        if service_changed {
            tables::write(self.tx, map::SERVICE, SERVICE, &self.service)?;
        }
        if governance_changed {
            tables::write(self.tx, map::GOVERNANCE, GOVERNANCE, &self.governance)?;
        }
        Ok(())
    }

    pub(super) fn view(&self) -> View<'_, Transaction<'s>> {
        View::new(&*self.tx)
    }

    pub(super) fn replica(&self, id: u64) -> Result<ReplicaRecord, Refusal> {
        self.view()
            .replica(id)?
            .ok_or(Refusal::ReplicaNotFound { id })
    }

    /// Writes a replica's row.
    pub(super) fn write(&mut self, replica: &ReplicaRecord) -> Result<(), Refusal> {
        write_replica(self.tx, replica)
    }

    /// Moves a replica to another status and writes its row.
    pub(super) fn set_status(
        &mut self,
        mut replica: ReplicaRecord,
        status: ReplicaStatus,
    ) -> Result<(), Refusal> {
        replica.status = status;
        replica.since_index = self.ctx.index;
        write_replica(self.tx, &replica)
    }
}

pub(super) fn write_replica(
    tx: &mut Transaction<'_>,
    replica: &ReplicaRecord,
) -> Result<(), Refusal> {
    Ok(tables::write(
        tx,
        map::REPLICAS,
        &replica.id.to_be_bytes(),
        replica,
    )?)
}
