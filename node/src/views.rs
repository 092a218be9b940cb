//! What a node tells of itself, in the words of the HTTP interface.

use std::collections::BTreeSet;

use synod_api::{GovernanceReply, MemberInfo, NetworkReply, ReplicaInfo, Role, Standing, UserInfo};
use synod_consensus::Peer;
use synod_crypto::Digest;
use synod_governance::{Input, ReplicaRecord, ReplicaStatus, ServiceStatus, View};
use synod_ledger::{Configuration, TxId};
use synod_replica::{Gauges, GovernanceView, NetworkView, Replica};

use crate::founder::Waiting;

/// A verdict that lapses within this time is worth an alarm.
const LAPSE_SOON_MS: u64 = 3600 * 1000;

/// A founder that waits for the members.
pub(crate) fn founder(waiting: &Waiting) -> NetworkReply {
    NetworkReply {
        network_id: None,
        name: waiting.manifest().file().name.clone(),
        open: false,
        software: software(),
        replica: 0,
        role: Role::Founder,
        view: 0,
        leader: None,
        certified: TxId { view: 0, seqno: 0 },
        certified_index: 0,
        certified_hash: Digest::ZERO.to_string(),
        ledger_time_ms: 0,
        configuration: 0,
        required_vendors: waiting.manifest().file().required_vendors,
        service_ca: None,
        replicas: Vec::new(),
        critical: Vec::new(),
        alarms: Vec::new(),
    }
}

/// A running replica's network.
pub(crate) fn network(view: &NetworkView, gauges: &Gauges, authority_pem: &str) -> NetworkReply {
    let (certified_index, certified_hash, ledger_time_ms) = view.certified;
    let present = view
        .replicas
        .iter()
        .filter(|replica| replica.status != ReplicaStatus::Removed);
    NetworkReply {
        network_id: Some(view.network.to_string()),
        name: view.service.name.clone(),
        open: view.service.status == ServiceStatus::Open,
        software: software(),
        replica: view.id,
        role: role(view, gauges),
        view: view.view,
        leader: view.leader,
        certified: view.newest,
        certified_index,
        certified_hash: certified_hash.to_string(),
        ledger_time_ms,
        configuration: view.configuration.number(),
        required_vendors: view.configuration.required_vendors(),
        service_ca: Some(authority_pem.to_owned()),
        replicas: present.filter_map(|replica| info(replica, view)).collect(),
        critical: critical(&view.configuration, &unreachable(view)),
        alarms: alarms(view, gauges),
    }
}

fn software() -> String {
    concat!("synod ", env!("CARGO_PKG_VERSION")).to_owned()
}

fn role(view: &NetworkView, gauges: &Gauges) -> Role {
    let own = view
        .replicas
        .iter()
        .find(|replica| replica.id == view.id)
        .map(|replica| replica.status);
    match own {
        _ if gauges.halted => Role::Halted,
        Some(ReplicaStatus::Removed) => Role::Removed,
        _ if gauges.leads => Role::Leader,
        Some(ReplicaStatus::Voter) if view.leader.is_none() => Role::Candidate,
        Some(ReplicaStatus::Voter) => Role::Follower,
        Some(ReplicaStatus::Learner) => Role::Learner,
        _ => Role::Joiner,
    }
}

fn info(replica: &ReplicaRecord, view: &NetworkView) -> Option<ReplicaInfo> {
    let standing = match replica.status {
        ReplicaStatus::Pending => return None,
        ReplicaStatus::Trusted => Standing::Trusted,
        ReplicaStatus::Learner => Standing::Learner,
        ReplicaStatus::Voter => Standing::Voter,
        ReplicaStatus::Removed => Standing::Removed,
    };
    Some(ReplicaInfo {
        id: replica.id,
        url: replica.address.public_url.clone(),
        tee: replica.tee.name().to_owned(),
        vendor: replica.vendor().to_owned(),
        simulated: replica.simulated,
        standing,
        identity: replica.identity().to_string(),
        verdict_expires_ms: replica.expires_ms,
        reachable: reachable(replica.id, view),
    })
}

/// Whether a leader heard from the replica lately; others do not know.
fn reachable(id: u64, view: &NetworkView) -> Option<bool> {
    if view.peers.is_empty() {
        return None;
    }
    Some(
        id == view.id
            || view
                .peers
                .iter()
                .any(|peer: &Peer| peer.id == id && peer.active),
    )
}

fn unreachable(view: &NetworkView) -> BTreeSet<u64> {
    let voters = view.configuration.voters().iter().map(|voter| voter.id);
    voters
        .filter(|id| reachable(*id, view) == Some(false))
        .collect()
}

/// The voters whose loss, each alone, would stop the service, given those that are lost already.
fn critical(configuration: &Configuration, lost: &BTreeSet<u64>) -> Vec<u64> {
    let standing: BTreeSet<u64> = configuration
        .voters()
        .iter()
        .map(|voter| voter.id)
        .filter(|id| !lost.contains(id))
        .collect();
    let suffices_without = |id: u64| {
        let rest = standing
            .iter()
            .copied()
            .filter(|other| *other != id)
            .collect();
        configuration.is_quorum_and_diverse(&rest).is_ok()
    };
    standing
        .iter()
        .copied()
        .filter(|id| !suffices_without(*id))
        .collect()
}

fn alarms(view: &NetworkView, gauges: &Gauges) -> Vec<String> {
    let mut alarms = Vec::new();
    if gauges.halted {
        alarms.push(
            "this replica has halted: a certificate contradicts what it knows to be certified"
                .to_owned(),
        );
    }
    if gauges.disk_full {
        alarms.push("the disk of this replica does not take writes".to_owned());
    }
    if gauges.misbehaviours > 0 {
        let count = gauges.misbehaviours;
        alarms.push(format!("peers sent {count} messages that no honest replica sends; proofs are in the ledger's files"));
    }
    alarms.extend(
        unreachable(view)
            .iter()
            .map(|id| format!("replica {id} votes and was not heard of lately")),
    );
    let (_, _, now) = view.certified;
    let voters = view
        .replicas
        .iter()
        .filter(|replica| replica.status == ReplicaStatus::Voter);
    alarms.extend(
        voters
            .filter(|replica| replica.expires_ms < now + LAPSE_SOON_MS)
            .map(|replica| {
                format!(
                    "the verdict on replica {} lapses at {} (Unix milliseconds)",
                    replica.id, replica.expires_ms
                )
            }),
    );
    alarms
}

/// The members' side.
pub(crate) fn governance(network: Digest, view: &GovernanceView) -> GovernanceReply {
    GovernanceReply {
        network_id: network.to_string(),
        open: view.service.status == ServiceStatus::Open,
        next_sequence: view.governance.next_sequence,
        threshold: view.service.threshold,
        recovery_threshold: view.service.recovery_threshold,
        required_vendors: view.governance.vendors_demanded,
        policy: view.policy.to_string(),
        members: view
            .members
            .iter()
            .map(|member| MemberInfo {
                name: member.name.clone(),
                key: member.key.to_string(),
            })
            .collect(),
        users: view
            .users
            .iter()
            .map(|user| UserInfo {
                name: user.name.clone(),
                fingerprint: user.fingerprint.to_string(),
                roles: user.roles.iter().cloned().collect(),
            })
            .collect(),
    }
}

/// The sequence number that the act of a committed transaction bore.
pub(crate) fn sequence_of(replica: &mut Replica, tx: TxId) -> Option<u64> {
    let snapshot = replica.machine().store().snapshot(tx.seqno).ok()?;
    let view = View::new(&snapshot);
    let acted = matches!(view.input(tx.seqno), Ok(Some(Input::Action(_))));
    // An action that counted raised the next number by one in its own transaction.
    view.next_sequence()
        .ok()
        .filter(|_| acted)
        .and_then(|next| next.checked_sub(1))
}

/// Whether this replica can serve, and what it does.
pub(crate) fn readiness(gauges: &Gauges, view: &NetworkView) -> (bool, &'static str) {
    match role(view, gauges) {
        Role::Halted => (false, "halted"),
        Role::Removed => (false, "removed"),
        Role::Leader if view.serves => (true, "leading"),
        Role::Leader => (false, "taking up the lead"),
        Role::Follower => (true, "following"),
        Role::Candidate => (false, "without a leader"),
        Role::Learner => (false, "learning"),
        Role::Founder | Role::Joiner => (false, "joining"),
    }
}
