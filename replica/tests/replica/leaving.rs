//! Replicas that are told to stop leave first, and nobody waits for them.

use bytes::Bytes;
use synod_attestation::Tee;
use synod_governance::{
    BlockRef, Input as GovernanceInput, Leave, RemovalReason, ReplicaRecord, ReplicaStatus,
};
use synod_ledger::TxStatus;
use synod_replica::governance::Recorded;
use synod_replica::{CallError, Caller, Envelope, Input, Notice, Reply, Request, governance};

use crate::cluster::{Cluster, LIFETIME_MS};

/// A leave of this replica, as it would sign it now.
fn leave_of(cluster: &Cluster, id: u64) -> Bytes {
    let (index, hash, _) = cluster.nodes[&id].replica.network_view().certified;
    let identity = cluster.birth(id).keys().identity;
    let leave = Leave::sign(&cluster.network, id, BlockRef { index, hash }, &identity);
    GovernanceInput::Leave(leave).encode().into()
}

/// What the replica hears when it asks to leave, as often as nobody could answer.
fn leave(cluster: &mut Cluster, id: u64) -> Reply {
    for _ in 0..3 {
        let request = Request::Governance(governance::Request::Leave(leave_of(cluster, id)));
        let call = cluster.send(id, request, Caller::default());
        for _ in 0..600 {
            match cluster.replies.remove(&call) {
                Some(Reply::Failed(CallError::Retry)) => break,
                Some(reply) => return reply,
                None => cluster.run(20),
            }
        }
    }
    Reply::Failed(CallError::Retry)
}

/// The replica leaves and stops.
fn leave_and_stop(cluster: &mut Cluster, id: u64) {
    let reply = leave(cluster, id);
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    cluster.stop(id);
}

fn refusal(reply: Reply) -> String {
    match reply {
        Reply::Failed(error) => error.refusal().expect("it is refused for good"),
        other => panic!("{other:?}"),
    }
}

fn followers(cluster: &Cluster) -> Vec<u64> {
    let leader = cluster.leader();
    let ids = cluster.nodes.keys().copied();
    ids.filter(|id| *id != leader).collect()
}

fn voters(cluster: &Cluster) -> Vec<u64> {
    let configuration = cluster.leader_node().replica.network_view().configuration;
    let voters = configuration.voters().iter();
    voters.map(|voter| voter.id).collect()
}

fn own_record(cluster: &Cluster, id: u64) -> ReplicaRecord {
    let replicas = cluster.nodes[&id].replica.network_view().replicas;
    let own = replicas.iter().find(|record| record.id == id);
    own.cloned().expect("it knows itself")
}

#[test]
fn follower_that_leaves_sees_itself_out_and_the_others_go_on_alone() {
    let mut cluster = Cluster::three(80);
    cluster.put("k", "v");
    let leaving = followers(&cluster)[0];
    let reply = leave(&mut cluster, leaving);
    let Reply::Governance(Recorded { tx, replica }) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(replica, Some(leaving));
    let record = own_record(&cluster, leaving);
    assert_eq!(record.status, ReplicaStatus::Removed);
    let removal = record.removal.expect("it is said how");
    assert_eq!(
        (removal.reason, removal.seqno),
        (RemovalReason::Left, tx.seqno)
    );
    cluster.stop(leaving);
    assert_eq!(voters(&cluster).len(), 2);
    cluster.put("after", "v");
    let folder = cluster.leader_node().disk.clone();
    let audited = cluster.import(&folder, None);
    audited.finish().expect("an audit recomputes the leave");
}

#[test]
fn leader_that_leaves_hands_over_first() {
    let mut cluster = Cluster::three(81);
    let tx = cluster.put("k", "v");
    let leader = cluster.leader();
    leave_and_stop(&mut cluster, leader);
    let next = cluster.await_leader();
    assert_ne!(next, leader);
    assert!(!voters(&cluster).contains(&leader));
    let history = cluster.leader_node().replica.machine().history();
    assert_eq!(history.status(tx), TxStatus::Committed);
    cluster.put("after", "v");
}

#[test]
fn all_three_are_restarted_one_after_the_other_again_and_again() {
    let mut cluster = Cluster::three(82);
    let mut written = Vec::new();
    for round in 0..3 {
        for old in voters(&cluster) {
            written.push(cluster.put(&format!("{round}-{old}"), "v"));
            let tee = cluster.record(old).tee;
            leave_and_stop(&mut cluster, old);
            cluster.await_leader();
            written.push(cluster.put(&format!("{round}-{old}-between"), "v"));
            cluster.join(tee);
        }
    }
    assert_eq!(voters(&cluster), [10, 11, 12]);
    let history = cluster.leader_node().replica.machine().history();
    for tx in written {
        assert_eq!(history.status(tx), TxStatus::Committed);
    }
}

#[test]
fn voter_whose_leave_would_end_diversity_stays_one() {
    let mut cluster = Cluster::found(83, 2);
    let intel = cluster.join(Tee::Tdx);
    for id in [1, intel] {
        let why = refusal(leave(&mut cluster, id));
        assert!(why.contains("2 are required"), "{why}");
    }
    assert_eq!(voters(&cluster), [1, intel]);
}

#[test]
fn sole_voter_hears_at_once_that_it_cannot_leave() {
    let mut cluster = Cluster::found(84, 1);
    let why = refusal(leave(&mut cluster, 1));
    assert!(why.contains("no voter would remain"), "{why}");
}

#[test]
fn replicas_that_all_leave_at_once_do_not_leave_one_voter_behind() {
    let mut cluster = Cluster::three(85);
    let calls: Vec<u64> = voters(&cluster)
        .into_iter()
        .map(|id| {
            let request = Request::Governance(governance::Request::Leave(leave_of(&cluster, id)));
            cluster.send(id, request, Caller::default())
        })
        .collect();
    cluster.run(12_000);
    let replies = calls.iter().map(|call| cluster.replies.remove(call));
    let replies: Vec<_> = replies.collect();
    let left = replies
        .iter()
        .filter(|reply| matches!(reply, Some(Reply::Governance(Recorded { .. }))));
    assert_eq!(left.count(), 1, "{replies:?}");
    assert_eq!(voters(&cluster).len(), 2);
    cluster.put("after", "v");
}

#[test]
fn voter_stays_while_the_others_that_are_heard_are_no_quorum() {
    let mut cluster = Cluster::three(86);
    let [dead, leaving] = followers(&cluster)[..] else {
        panic!("two followers")
    };
    cluster.stop(dead);
    cluster.run(5_000);
    let why = refusal(leave(&mut cluster, leaving));
    assert!(why.contains("no quorum of those that remain"), "{why}");
    assert!(voters(&cluster).contains(&leaving));
    cluster.put("after", "the service still stands on its vote");
}

#[test]
fn voter_does_not_go_before_those_who_remain_hold_what_was_acknowledged() {
    let mut cluster = Cluster::three(87);
    let [slow, leaving] = followers(&cluster)[..] else {
        panic!("two followers")
    };
    cluster.nodes.get_mut(&slow).expect("a node").disk_works = false;
    let tx = cluster.put("k", "on two disks of three");
    let reply = leave(&mut cluster, leaving);
    assert!(
        matches!(reply, Reply::Failed(CallError::Retry)),
        "{reply:?}"
    );
    assert!(voters(&cluster).contains(&leaving));
    cluster.put("between", "writes go on meanwhile");
    cluster.nodes.get_mut(&slow).expect("a node").disk_works = true;
    leave_and_stop(&mut cluster, leaving);
    let leader = cluster.leader();
    cluster.stop(leader);
    let audited = cluster.import(&cluster.nodes[&slow].disk, None);
    let machine = audited.finish().expect("a sound ledger");
    assert_eq!(machine.history().status(tx), TxStatus::Committed);
}

#[test]
fn nobody_takes_another_replica_out_by_its_own_word() {
    let mut cluster = Cluster::three(88);
    let leader = cluster.leader();
    let [broken, victim] = followers(&cluster)[..] else {
        panic!("two followers")
    };
    // A leave that the victim signed but did not send, and one that it did not sign.
    let genuine = leave_of(&cluster, victim);
    let (index, hash, _) = cluster.leader_node().replica.network_view().certified;
    let identity = cluster.birth(broken).keys().identity;
    let forged = Leave::sign(
        &cluster.network,
        victim,
        BlockRef { index, hash },
        &identity,
    );
    let forged = Bytes::from(GovernanceInput::Leave(forged).encode());
    for submission in [genuine, forged] {
        let envelope = Envelope {
            submission: Some(submission),
            ..Envelope::default()
        };
        let from = broken;
        cluster.step(leader, Input::Received { from, envelope });
        cluster.run(1000);
    }
    let dropped = cluster.nodes[&leader].notices.iter().filter(|notice| {
        matches!(notice, Notice::Dropped { peer, why } if *peer == broken && why.contains("not its own"))
    });
    assert_eq!(dropped.count(), 2);
    assert_eq!(voters(&cluster).len(), 3);
}

#[test]
fn leave_takes_the_place_of_evidence_that_waits() {
    let mut cluster = Cluster::short_lived(89, &[Tee::Tdx, Tee::Nitro]);
    // Newer evidence is taken once a sixteenth of the lifetime is over.
    cluster.run(LIFETIME_MS / 16);
    let leaving = followers(&cluster)[0];
    let leader = cluster.leader();
    cluster.cut(leaving, leader);
    let attesting = cluster.reattest(leaving);
    let request = Request::Governance(governance::Request::Leave(leave_of(&cluster, leaving)));
    let call = cluster.send(leaving, request, Caller::default());
    let interrupted = cluster.replies.remove(&attesting);
    assert!(matches!(interrupted, Some(Reply::Failed(CallError::Retry))));
    cluster.heal();
    cluster.run(3000);
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Governance(Recorded { .. }))),
        "{reply:?}"
    );
}
