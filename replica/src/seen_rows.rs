//! Governance's rows as certified state has them, decoded once for each change of governance.
//!
//! Anybody may ask for views of the service, as often as he likes, and rows of replicas are kept for ever. So what a
//! view costs the thread that orders must depend neither on how often somebody asks nor on how many rows there are.

use std::cell::RefCell;
use std::sync::Arc;

use synod_governance::{
    GovernanceRecord, Lapsed, ReplicaRecord, ReplicaStatus, ServiceRecord, View,
};
use synod_kv::Read;

use crate::apps::GovernanceMark;
use crate::governance_view::{GovernanceView, governance};
use crate::machine::Machine;
use crate::roll::{self, sound};

/// The rows of the newest certified state that somebody looked at.
#[derive(Debug, Default)]
pub(crate) struct SeenRows(RefCell<Option<Rows>>);

#[derive(Debug)]
struct Rows {
    mark: GovernanceMark,
    service: Arc<ServiceRecord>,
    governance: GovernanceRecord,
    replicas: Arc<[ReplicaRecord]>,
    /// Those that are not removed: few.
    present: Arc<[ReplicaRecord]>,
    members: Option<Arc<GovernanceView>>,
}

/// What views of the network are made of; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct NetworkRows {
    pub(crate) service: Arc<ServiceRecord>,
    pub(crate) replicas: Arc<[ReplicaRecord]>,
    governance: GovernanceRecord,
    present: Arc<[ReplicaRecord]>,
}

impl SeenRows {
    /// The rows of the network in the certified state.
    pub(crate) fn network(&self, machine: &Machine) -> NetworkRows {
        self.look(machine, |rows, _| NetworkRows {
            service: rows.service.clone(),
            replicas: rows.replicas.clone(),
            governance: rows.governance,
            present: rows.present.clone(),
        })
    }

    /// The members' side in the certified state.
    pub(crate) fn members(&self, machine: &Machine) -> Arc<GovernanceView> {
        self.look(machine, |rows, state| {
            let members = &mut rows.members;
            let seen = members.get_or_insert_with(|| Arc::new(governance(state)));
            seen.clone()
        })
    }

    fn look<T>(
        &self,
        machine: &Machine,
        take: impl FnOnce(&mut Rows, &crate::state::StateAt<'_>) -> T,
    ) -> T {
        let state = machine.certified_state();
        let mark = machine.governance_mark(&state);
        let mut seen = self.0.borrow_mut();
        let rows = match seen.take() {
            Some(rows) if rows.mark == mark => rows,
            _ => Rows::read(mark, &state),
        };
        take(seen.insert(rows), &state)
    }
}

impl Rows {
    fn read(mark: GovernanceMark, state: &impl Read) -> Self {
        let replicas = roll::replicas_in(state);
        let present = replicas
            .iter()
            .filter(|replica| replica.status != ReplicaStatus::Removed);
        let governance = sound(View::new(state).governance());
        Self {
            mark,
            service: Arc::new(roll::service(state)),
            governance: governance.expect("a founded network has its row"),
            present: present.cloned().collect(),
            replicas: replicas.into(),
            members: None,
        }
    }
}

impl NetworkRows {
    /// The replicas whose verdicts have lapsed at `time_ms`, and what follows.
    pub(crate) fn lapsed(&self, time_ms: u64) -> Vec<Lapsed> {
        let grace_ms = self.service.removal_grace_ms();
        Lapsed::among(&self.present, &self.governance, grace_ms, time_ms)
    }
}
