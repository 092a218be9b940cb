//! Replicas die and are started again, and the network has as many voters as before; nobody loses a
//! vote on one word.

use synod_attestation::Tee;
use synod_crypto::Signature;
use synod_governance::{Act, BlockRef, RemovalReason, ReplicaStatus, UnheardStatement};
use synod_ledger::TxStatus;
use synod_replica::governance::Recorded;
use synod_replica::{Envelope, Input, Reply, SILENT_MS, UNHEARD_WORDS_MAX, UnheardWord};

use crate::cluster::{Cluster, UNHEARD_MS};

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

/// The replica dies, as by SIGKILL, and is started again; its new id.
fn kill_and_start_again(cluster: &mut Cluster, id: u64) -> u64 {
    cluster.stop(id);
    cluster.await_leader();
    let before = voters(cluster);
    let fresh = cluster.start_again(id);
    let mut after: Vec<u64> = before.into_iter().filter(|voter| *voter != id).collect();
    after.push(fresh);
    cluster.await_voters(&after);
    fresh
}

#[test]
fn follower_that_is_killed_and_started_again_twice_leaves_three_voters_and_a_leader() {
    let mut cluster = Cluster::three(100);
    let mut id = followers(&cluster)[0];
    for _ in 0..2 {
        cluster.put("k", "v");
        id = kill_and_start_again(&mut cluster, id);
    }
    cluster.put("after", "v");
    assert_eq!(voters(&cluster).len(), 3);
    let other = *followers(&cluster)
        .iter()
        .find(|other| **other != id)
        .expect("another follower");
    cluster.stop(other);
    cluster.put("still", "one loss is borne");
}

#[test]
fn all_three_are_killed_and_started_again_one_after_the_other_and_nothing_is_lost() {
    let mut cluster = Cluster::three(101);
    let mut written = Vec::new();
    for round in 0..2 {
        for old in voters(&cluster) {
            written.push(cluster.put(&format!("{round}-{old}"), "v"));
            let fresh = kill_and_start_again(&mut cluster, old);
            let removal = cluster.record(old).removal.expect("it is out");
            assert_eq!(removal.reason, RemovalReason::Replaced);
            assert_eq!(cluster.record(fresh).replaces, Some(old));
        }
    }
    assert_eq!(voters(&cluster).len(), 3);
    let history = cluster.leader_node().replica.machine().history();
    for tx in written {
        assert_eq!(history.status(tx), TxStatus::Committed);
    }
    let folder = cluster.leader_node().disk.clone();
    let audited = cluster.import(&folder, None);
    audited.finish().expect("an audit recomputes every step");
}

#[test]
fn two_restarts_at_the_same_moment_of_five_are_borne() {
    let mut cluster = Cluster::three(102);
    cluster.join(Tee::SevSnp);
    cluster.join(Tee::Tdx);
    let [first, second, ..] = followers(&cluster)[..] else {
        panic!("four followers")
    };
    cluster.stop(first);
    cluster.stop(second);
    cluster.await_leader();
    let mut after = voters(&cluster);
    after.retain(|id| *id != first && *id != second);
    after.extend([cluster.start_again(first), cluster.start_again(second)]);
    cluster.await_voters(&after);
}

#[test]
fn silent_voter_is_demoted_when_the_others_say_so_and_votes_again_when_it_is_heard() {
    let mut cluster = Cluster::three(103);
    let silent = followers(&cluster)[0];
    for other in voters(&cluster) {
        if other != silent {
            cluster.cut(silent, other);
        }
    }
    cluster.run(UNHEARD_MS / 2);
    assert_eq!(voters(&cluster).len(), 3, "it is given time");
    cluster.run(UNHEARD_MS);
    assert_eq!(voters(&cluster).len(), 2);
    let record = cluster.record(silent);
    assert_eq!(record.status, ReplicaStatus::Learner);
    assert!(record.unheard_ms.is_some());
    cluster.put("k", "the two go on");
    cluster.heal();
    cluster.run(10_000);
    assert_eq!(cluster.record(silent).status, ReplicaStatus::Voter);
    assert_eq!(cluster.record(silent).unheard_ms, None);
}

#[test]
fn voter_that_the_leader_alone_does_not_hear_keeps_its_vote() {
    let mut cluster = Cluster::three(104);
    let leader = cluster.leader();
    let [unlucky, _] = followers(&cluster)[..] else {
        panic!("two followers")
    };
    cluster.cut(leader, unlucky);
    cluster.run(3 * UNHEARD_MS);
    assert_eq!(voters(&cluster).len(), 3);
    let record = cluster.record(unlucky);
    assert_eq!(
        (record.status, record.unheard_ms),
        (ReplicaStatus::Voter, None)
    );
}

#[test]
fn while_a_voter_is_silent_a_stranger_does_not_become_one() {
    let mut cluster = Cluster::three(105);
    let silent = followers(&cluster)[0];
    cluster.stop(silent);
    cluster.run(2 * SILENT_MS);
    let stranger = cluster.join_only(Tee::Tdx);
    cluster.run(UNHEARD_MS / 2);
    assert_eq!(cluster.record(stranger).status, ReplicaStatus::Learner);
    cluster.stop(stranger);
    cluster.put("k", "its loss costs nothing");
    let another = cluster.join_only(Tee::Tdx);
    cluster.run(2 * UNHEARD_MS);
    assert_eq!(cluster.record(silent).status, ReplicaStatus::Learner);
    assert_eq!(cluster.record(another).status, ReplicaStatus::Voter);
}

#[test]
fn members_let_a_voter_give_way_and_the_new_one_is_promoted_first() {
    let mut cluster = Cluster::three(106);
    for old in [followers(&cluster)[0], cluster.leader()] {
        let fresh = cluster.join_only(cluster.record(old).tee);
        let with = Some(fresh);
        let reply = cluster.act(Act::ReplaceReplica { id: old, with });
        assert!(
            matches!(reply, Reply::Governance(Recorded { .. })),
            "{reply:?}"
        );
        let mut least = 3;
        for _ in 0..100 {
            cluster.run(100);
            cluster.await_leader();
            least = least.min(voters(&cluster).len());
        }
        assert_eq!(least, 3, "never fewer than before");
        assert_eq!(cluster.record(old).status, ReplicaStatus::Removed);
        assert_eq!(cluster.record(fresh).status, ReplicaStatus::Voter);
        cluster.stop(old);
    }
    cluster.put("after", "v");
}

/// Words of this voter about a silence of another, as it would sign them.
fn words(cluster: &Cluster, by: u64, about: u64, for_ms: u64) -> Vec<UnheardWord> {
    let (index, hash, _) = cluster.leader_node().replica.network_view().certified;
    let identity = cluster.birth(by).keys().identity;
    let block = BlockRef { index, hash };
    let statement = UnheardStatement::sign(&cluster.network, about, by, block, for_ms, &identity);
    vec![UnheardWord { about, statement }]
}

#[test]
fn broken_voter_that_accuses_another_or_speaks_for_others_takes_nobodys_vote() {
    let mut cluster = Cluster::three(107);
    let leader = cluster.leader();
    let [broken, victim] = followers(&cluster)[..] else {
        panic!("two followers")
    };
    for _ in 0..20 {
        let own = words(&cluster, broken, victim, 10 * UNHEARD_MS);
        let mut of_the_leader = words(&cluster, leader, victim, 10 * UNHEARD_MS);
        let forged = Signature::try_from(&[7; 64][..]);
        of_the_leader[0].statement.signature = forged.expect("64 bytes");
        for unheard in [own, of_the_leader] {
            let envelope = Envelope {
                unheard: unheard.into(),
                ..Envelope::default()
            };
            let from = broken;
            cluster.step(leader, Input::Received { from, envelope });
        }
        cluster.run(1000);
    }
    assert_eq!(voters(&cluster).len(), 3);
    assert_eq!(cluster.record(victim).status, ReplicaStatus::Voter);
}

#[test]
fn words_about_silence_travel_whole_and_are_bounded() {
    let cluster = Cluster::three(108);
    let word = words(&cluster, 1, 2, 5000)[0];
    let envelope = |count| Envelope {
        unheard: vec![word; count].into(),
        ..Envelope::default()
    };
    let read = Envelope::decode(&envelope(UNHEARD_WORDS_MAX).encode()).expect("whole");
    assert_eq!(read.unheard[..], vec![word; UNHEARD_WORDS_MAX]);
    assert!(Envelope::decode(&envelope(UNHEARD_WORDS_MAX + 1).encode()).is_err());
}

#[test]
fn every_voter_knows_whom_it_does_not_hear() {
    let mut cluster = Cluster::three(109);
    let [silent, listening] = followers(&cluster)[..] else {
        panic!("two followers")
    };
    assert!(
        cluster.nodes[&listening]
            .replica
            .network_view()
            .silent
            .is_empty()
    );
    cluster.stop(silent);
    cluster.run(10_000);
    for id in [cluster.leader(), listening] {
        let heard_of = cluster.nodes[&id].replica.network_view().silent;
        let [(who, for_ms)] = heard_of[..] else {
            panic!("{heard_of:?}")
        };
        assert_eq!(who, silent);
        assert!((8_000..=11_500).contains(&for_ms), "{for_ms}");
    }
}
