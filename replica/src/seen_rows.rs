//! Governance's rows as certified state has them, and as the newest one has, decoded once for each
//! change of governance.
//!
//! Anybody may ask for views of the service, as often as he likes, a leader looks at each tick what
//! is due, and rows of replicas are kept for ever. So what a look costs the thread that orders must
//! depend neither on how often there is one nor on how many rows there are.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use synod_governance::{
    GovernanceRecord, Lapsed, ReplicaRecord, ReplicaStatus, ServiceRecord, View,
};
use synod_kv::Read;

use crate::apps::GovernanceMark;
use crate::governance_view::{GovernanceView, governance};
use crate::machine::Machine;
use crate::members::{self, sound};
use crate::state::StateAt;

/// Rows are kept of so many states: the newest certified one, and the newest.
const STATES_MAX: usize = 2;

/// The rows of the states that somebody looked at last, the last one first.
#[derive(Debug, Default)]
pub(crate) struct SeenRows {
    states: RefCell<Vec<Rows>>,
    decoded: Cell<u64>,
}

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
        self.look(machine, &machine.certified_state(), |rows, _| {
            rows.network()
        })
    }

    /// The rows of the network in the newest state, certified or not.
    pub(crate) fn newest(&self, machine: &Machine) -> NetworkRows {
        self.look(machine, &machine.newest_state(), |rows, _| rows.network())
    }

    /// How often rows were decoded.
    pub(crate) fn decoded(&self) -> u64 {
        self.decoded.get()
    }

    /// The members' side in the certified state.
    pub(crate) fn members(&self, machine: &Machine) -> Arc<GovernanceView> {
        self.look(machine, &machine.certified_state(), |rows, state| {
            let members = &mut rows.members;
            let seen = members.get_or_insert_with(|| Arc::new(governance(state)));
            seen.clone()
        })
    }

    fn look<T>(
        &self,
        machine: &Machine,
        state: &StateAt<'_>,
        take: impl FnOnce(&mut Rows, &StateAt<'_>) -> T,
    ) -> T {
        let mark = machine.governance_mark(state);
        let mut seen = self.states.borrow_mut();
        if let Some(at) = seen.iter().position(|rows| rows.mark == mark) {
            seen.swap(0, at);
        } else {
            self.decoded.set(self.decoded.get() + 1);
            seen.insert(0, Rows::read(mark, state));
            seen.truncate(STATES_MAX);
        }
        take(&mut seen[0], state)
    }
}

impl Rows {
    fn read(mark: GovernanceMark, state: &impl Read) -> Self {
        let replicas = members::replicas_in(state);
        let present = replicas
            .iter()
            .filter(|replica| replica.status != ReplicaStatus::Removed);
        let governance = sound(View::new(state).governance());
        Self {
            mark,
            service: Arc::new(members::service(state)),
            governance: governance.expect("a founded network has its row"),
            present: present.cloned().collect(),
            replicas: replicas.into(),
            members: None,
        }
    }

    fn network(&self) -> NetworkRows {
        NetworkRows {
            service: self.service.clone(),
            replicas: self.replicas.clone(),
            governance: self.governance,
            present: self.present.clone(),
        }
    }
}

impl NetworkRows {
    /// Of how many vendors the voters of the next configuration must be, if they are of `vendors`.
    pub(crate) fn vendors_required(&self, vendors: usize) -> u8 {
        self.governance.vendors_required(vendors)
    }

    /// The replicas whose verdicts have lapsed at `time_ms`, and what follows.
    pub(crate) fn lapsed(&self, time_ms: u64) -> Vec<Lapsed> {
        let grace_ms = self.service.removal_grace_ms();
        Lapsed::among(&self.present, &self.governance, grace_ms, time_ms)
    }
}
