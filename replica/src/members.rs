//! Who belongs to the service, as governance's rows in the state say.

use std::collections::{BTreeMap, BTreeSet};

use synod_consensus::Groups;
use synod_crypto::PublicKey;
use synod_governance::{CorruptState, ReplicaRecord, ReplicaStatus, ServiceRecord, View};
use synod_kv::{Read, Store};

/// Who is in the engine, by the state's newest rows.
pub(crate) struct Members {
    pub(crate) voters: Vec<u64>,
    pub(crate) learners: Vec<u64>,
    pub(crate) groups: Groups,
}

/// Voters, learners and groups as the newest block leaves them.
pub(crate) fn members(store: &Store, required_vendors: u8) -> Members {
    let replicas = replicas(store);
    let with = |status: ReplicaStatus| {
        replicas
            .iter()
            .filter(move |replica| replica.status == status)
    };
    let vendors: BTreeSet<&str> = replicas.iter().map(ReplicaRecord::vendor).collect();
    let group = |vendor: &str| {
        vendors
            .iter()
            .position(|known| *known == vendor)
            .map_or(0, |at| at as u64 + 1)
    };
    // Those that are out as well: whoever applies several changes at once still meets them on the
    // way.
    let of: BTreeMap<u64, u64> = replicas
        .iter()
        .map(|replica| (replica.id, group(replica.vendor())))
        .collect();
    Members {
        voters: with(ReplicaStatus::Voter)
            .map(|replica| replica.id)
            .collect(),
        learners: with(ReplicaStatus::Learner)
            .map(|replica| replica.id)
            .collect(),
        groups: Groups {
            of,
            required: required_vendors,
        },
    }
}

/// All replicas in the newest state.
fn replicas(store: &Store) -> Vec<ReplicaRecord> {
    let snapshot = store
        .snapshot(store.head())
        .expect("the newest state is at hand");
    replicas_in(&snapshot)
}

/// All replicas in one state.
pub(crate) fn replicas_in(reader: &impl Read) -> Vec<ReplicaRecord> {
    sound(View::new(reader).replicas())
}

/// The service's row.
pub(crate) fn service(reader: &impl Read) -> ServiceRecord {
    sound(View::new(reader).service()).expect("a founded network has its row")
}

/// The identity key of a replica in the newest state.
pub(crate) fn identity_of(store: &Store, id: u64) -> Option<PublicKey> {
    let snapshot = store
        .snapshot(store.head())
        .expect("the newest state is at hand");
    sound(View::new(&snapshot).replica(id)).map(|replica| replica.identity())
}

/// Governance state was written by governance and recomputed; if it does not read back, this memory
/// is corrupt.
pub(crate) fn sound<T>(read: Result<T, CorruptState>) -> T {
    read.unwrap_or_else(|corrupt| panic!("own state is corrupt: {corrupt}"))
}
