//! What a node tells of itself, in the words of the HTTP interface.

use std::collections::BTreeSet;

use synod_api::{
    ChainFile, Demotion, Departure, DepartureReason, GovernanceReply, MemberInfo, NetworkReply,
    ReplicaInfo, Role, Standing, UserInfo,
};
use synod_consensus::Peer;
use synod_crypto::Digest;
use synod_governance::{Input, RemovalReason, ReplicaRecord, ReplicaStatus, View};
use synod_ledger::{Configuration, TxId};
use synod_replica::{ChainParts, Gauges, GovernanceView, NetworkView, Replica};

use crate::founder::Waiting;
use crate::reattester::{Progress, two_thirds_ms};

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
        departed: Vec::new(),
        critical: Vec::new(),
        alarms: Vec::new(),
    }
}

/// A running replica's network.
pub(crate) fn network(
    view: &NetworkView,
    gauges: &Gauges,
    attesting: &Progress,
    disk_trouble: Option<&str>,
    authority_pem: &str,
) -> NetworkReply {
    let (certified_index, certified_hash, ledger_time_ms) = view.certified;
    let present = view
        .replicas
        .iter()
        .filter(|replica| replica.status != ReplicaStatus::Removed);
    NetworkReply {
        network_id: Some(view.network.to_string()),
        name: view.service.name.clone(),
        open: view.service.is_open(),
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
        replicas: present
            .filter_map(|replica| info(replica, view, attesting))
            .collect(),
        departed: departed(view),
        critical: critical(&view.configuration, &of_no_use(view)),
        alarms: alarms(view, gauges, attesting, disk_trouble),
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

fn info(replica: &ReplicaRecord, view: &NetworkView, attesting: &Progress) -> Option<ReplicaInfo> {
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
        attested_ms: replica.attested_ms,
        verdict_expires_ms: replica.expires_ms,
        next_attestation_ms: if replica.id == view.id && attesting.next_ms != 0 {
            attesting.next_ms
        } else {
            replica.attested_ms.saturating_add(two_thirds_ms(replica))
        },
        demoted: demotion(replica, view),
        reachable: reachable(replica.id, view),
        certifies: certifies(replica, view),
        replaces: replica.replaces,
        silent_ms: view
            .silent
            .iter()
            .find(|(id, _)| *id == replica.id)
            .map(|(_, for_ms)| *for_ms),
    })
}

/// The replicas that are out, newest first.
fn departed(view: &NetworkView) -> Vec<Departure> {
    let mut departed: Vec<Departure> = view
        .replicas
        .iter()
        .filter_map(|replica| {
            let removal = replica.removal?;
            let mut others = view.replicas.iter();
            Some(Departure {
                id: replica.id,
                reason: match removal.reason {
                    RemovalReason::Members => DepartureReason::Removed,
                    RemovalReason::Lapsed => DepartureReason::Lapsed,
                    RemovalReason::Left => DepartureReason::Left,
                    RemovalReason::GaveWay => DepartureReason::GaveWay,
                    RemovalReason::Replaced => DepartureReason::Replaced,
                },
                since_ms: removal.time_ms,
                replaced_by: others
                    .find(|other| other.replaces == Some(replica.id))
                    .map(|other| other.id),
            })
        })
        .collect();
    departed.sort_by_key(|gone| std::cmp::Reverse((gone.since_ms, gone.id)));
    departed.truncate(DEPARTED_MAX);
    departed
}

/// Most replicas that are out and still told of.
const DEPARTED_MAX: usize = 16;

/// How the replica lost its vote, if it did.
fn demotion(replica: &ReplicaRecord, view: &NetworkView) -> Option<Demotion> {
    if let Some(since_ms) = replica.unheard_ms {
        return Some(Demotion {
            since_ms,
            reason:
                "the others had not heard of it; it votes again once it is heard and has caught up"
                    .to_owned(),
            removal_ms: None,
        });
    }
    let since_ms = replica.demoted_ms?;
    let (_, _, now_ms) = view.certified;
    let grace_ms = view.service.removal_grace_ms();
    let (reason, removal_ms) = if replica.verdict_holds(now_ms) {
        let reason = "its verdict had lapsed; it has attested anew and is to be promoted";
        (reason, None)
    } else {
        let until_ms = since_ms.max(replica.expires_ms).saturating_add(grace_ms);
        ("its verdict lapsed", Some(until_ms))
    };
    Some(Demotion {
        since_ms,
        reason: reason.to_owned(),
        removal_ms,
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

/// Whether a leader saw the voter certify what itself had certified ten seconds ago; others do not
/// know.
fn certifies(replica: &ReplicaRecord, view: &NetworkView) -> Option<bool> {
    let known = !view.peers.is_empty() && replica.status == ReplicaStatus::Voter;
    known.then(|| !view.behind.contains(&replica.id))
}

/// The voters that sign nothing: those that are not heard, and those that do not certify.
fn of_no_use(view: &NetworkView) -> BTreeSet<u64> {
    let mut lost = unreachable(view);
    lost.extend(&view.behind);
    lost
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

fn alarms(
    view: &NetworkView,
    gauges: &Gauges,
    attesting: &Progress,
    disk_trouble: Option<&str>,
) -> Vec<String> {
    let mut alarms = Vec::new();
    if gauges.halted {
        alarms.push(
            "this replica has halted: a certificate contradicts what it knows to be certified"
                .to_owned(),
        );
    }
    if gauges.disk_full || disk_trouble.is_some() {
        let why = disk_trouble.map_or_else(String::new, |why| format!(": {why}"));
        alarms.push(format!(
            "the disk of this replica does not take writes{why}"
        ));
    }
    if let Some(behind_ms) = gauges.ledger_too_far_behind_ms {
        alarms.push(format!(
            "the ledger's time is {behind_ms} ms behind this machine's clock: that clock is wrong, or voters do not give the time"
        ));
    }
    if gauges.misbehaviours > 0 {
        let count = gauges.misbehaviours;
        alarms.push(format!("peers sent {count} messages that no honest replica sends; proofs are in the ledger's files"));
    }
    alarms.extend(
        unreachable(view)
            .iter()
            .filter(|id| view.silent.iter().all(|(silent, _)| silent != *id))
            .map(|id| format!("replica {id} votes and was not heard of lately")),
    );
    alarms.extend(
        view.behind
            .iter()
            .filter(|id| reachable(**id, view) == Some(true))
            .map(|id| format!("replica {id} votes and does not certify: it has not taken up what was certified 10 s ago")),
    );
    if view.stalled {
        let (index, ..) = view.certified;
        alarms.push(format!("nothing has been certified for 10 s though blocks wait: too few voters sign; the newest certified block is {index}"));
    }
    alarms.extend(unheard(view));
    if let Some(trouble) = &attesting.trouble {
        alarms.push(format!("this replica could not attest anew: {trouble}"));
    }
    alarms.extend(lapses(view));
    alarms
}

/// What there is to say of voters that this replica has not heard for long.
fn unheard(view: &NetworkView) -> impl Iterator<Item = String> {
    view.silent.iter().map(|(id, for_ms)| {
        let (seconds, limit) = (for_ms / 1000, view.service.unheard_s);
        format!(
            "replica {id} votes and has not been heard for {seconds} s; it loses its vote after {limit} s if the others \
             suffice, or as soon as a replica joins in its place: start its node again"
        )
    })
}

/// What there is to say of verdicts that have lapsed, or soon will though they were to be renewed
/// by now.
fn lapses(view: &NetworkView) -> impl Iterator<Item = String> {
    let (_, _, now_ms) = view.certified;
    let voters = view
        .replicas
        .iter()
        .filter(|replica| replica.status == ReplicaStatus::Voter);
    let hindrance = |id| {
        let found = view.lapsed.iter().find(|found| found.id == id)?;
        found.step.as_ref().err().map(ToString::to_string)
    };
    voters.filter_map(move |replica| {
        let (id, expires_ms) = (replica.id, replica.expires_ms);
        if !replica.verdict_holds(now_ms) {
            return Some(match hindrance(id) {
                Some(why) => format!("the verdict on replica {id} has lapsed, and it keeps its vote: {why}"),
                None => format!(
                    "the verdict on replica {id} has lapsed: it loses its vote as soon as the others suffice"
                ),
            });
        }
        let late = now_ms >= replica.attested_ms.saturating_add(late_ms(replica));
        late.then(|| format!("replica {id} has not attested anew; its verdict lapses at {expires_ms} (Unix milliseconds)"))
    })
}

/// A replica that has not attested anew for so long is late.
fn late_ms(replica: &ReplicaRecord) -> u64 {
    replica.expires_ms.saturating_sub(replica.attested_ms) / 6 * 5
}

/// What clients follow the configurations with.
pub(crate) fn chain_file(parts: ChainParts) -> ChainFile {
    ChainFile {
        block0: parts.block0,
        opening: parts.opening,
        records: parts.records,
    }
}

/// The members' side.
pub(crate) fn governance(network: Digest, view: &GovernanceView) -> GovernanceReply {
    GovernanceReply {
        network_id: network.to_string(),
        open: view.service.is_open(),
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
    let store = replica.machine().store();
    let snapshot = store.snapshot(tx.seqno).ok()?;
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
        _ if gauges.disk_full => (false, "its disk does not take writes"),
        Role::Leader if view.serves => (true, "leading"),
        Role::Leader => (false, "taking up the lead"),
        Role::Follower => (true, "following"),
        Role::Candidate => (false, "without a leader"),
        Role::Learner => (false, "learning"),
        Role::Founder | Role::Joiner => (false, "joining"),
    }
}
