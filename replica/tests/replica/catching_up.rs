//! Replicas that fall behind: across changes of membership, views and lost messages they reach the
//! others again.

use bytes::Bytes;
use synod_attestation::Tee;
use synod_governance::{Act, ReplicaStatus};
use synod_ledger::Certificate;
use synod_replica::governance::Recorded;
use synod_replica::{Envelope, Input, Reply};

use crate::adversary::followers;
use crate::cluster::{Cluster, user};

/// Writes that nobody waits for, while time passes.
fn load(cluster: &mut Cluster, ms: u64) {
    let until = cluster.now_ms + ms;
    let mut n = 0;
    while cluster.now_ms < until {
        let leader = cluster.leader();
        for _ in 0..3 {
            n += 1;
            let request = Cluster::put_request("load", &format!("k{}", n % 100), "v");
            cluster.send(leader, request, user());
        }
        cluster.run(20);
    }
}

fn certified(cluster: &Cluster, id: u64) -> u64 {
    cluster.nodes[&id].replica.gauges().certified_index
}

/// Waits until `id` has certified what the leader had certified when this began; false if it does
/// not.
fn catches_up(cluster: &mut Cluster, id: u64) -> bool {
    let newest = certified(cluster, cluster.leader());
    (0..100).any(|_| {
        load(cluster, 40);
        certified(cluster, id) >= newest
    })
}

/// A fourth replica becomes a voter while a load runs.
fn join_under_load(cluster: &mut Cluster) -> u64 {
    let id = cluster.join_only(Tee::SevSnp);
    for _ in 0..200 {
        load(cluster, 40);
        let configuration = cluster.leader_node().replica.network_view().configuration;
        if configuration.voter(id).is_some() {
            return id;
        }
    }
    panic!("replica {id} did not become a voter");
}

#[test]
fn a_follower_that_slept_through_a_change_of_membership_catches_up_and_bears_the_next_loss() {
    let mut cluster = Cluster::three(80);
    cluster.put("k", "v");
    let sleeper = followers(&cluster)[0];
    cluster.isolate(sleeper);
    load(&mut cluster, 400);
    join_under_load(&mut cluster);
    load(&mut cluster, 400);
    cluster.heal();
    assert!(catches_up(&mut cluster, sleeper), "it never catches up");
    let dead = cluster.leader();
    cluster.stop(dead);
    assert_ne!(cluster.await_leader(), dead);
    cluster.put("after", "v");
}

#[test]
fn a_follower_that_slept_through_changes_and_elections_catches_up_with_a_leader_that_once_joined() {
    let mut cluster = Cluster::three(81);
    cluster.join(Tee::SevSnp);
    cluster.join(Tee::Tdx);
    let sleeper = followers(&cluster)[0];
    cluster.isolate(sleeper);
    load(&mut cluster, 200);
    let removed = followers(&cluster)
        .into_iter()
        .find(|id| *id != sleeper)
        .expect("another follower");
    cluster.act(Act::RemoveReplica {
        id: removed,
        cause: "test".to_owned(),
    });
    cluster.stop(removed);
    load(&mut cluster, 200);
    let newest = cluster.join_only(Tee::Nitro);
    cluster.cut(sleeper, newest);
    for _ in 0..100 {
        load(&mut cluster, 40);
    }
    // The newest leads: what it knows of older blocks it knows from a ledger's files.
    for _ in 0..20 {
        if cluster.leader() == newest {
            break;
        }
        let leader = cluster.leader();
        cluster.isolate(leader);
        cluster.run(4000);
        cluster.heal();
        cluster.isolate(sleeper);
        cluster.await_leader();
    }
    assert_eq!(cluster.leader(), newest, "the seed lets the newest lead");
    load(&mut cluster, 200);
    cluster.heal();
    assert!(catches_up(&mut cluster, sleeper), "it never catches up");
}

/// Every envelope that carries nothing but a certificate is lost.
fn lose_announcements(envelope: &mut Envelope) {
    if envelope.message.is_none() {
        envelope.certificate = None;
    }
}

#[test]
fn lost_announcements_cost_time_and_nothing_else() {
    let mut cluster = Cluster::three(82);
    let leader = cluster.leader();
    cluster.tamper(leader, lose_announcements);
    load(&mut cluster, 400);
    let joined = join_under_load(&mut cluster);
    assert!(catches_up(&mut cluster, joined));
    cluster.run(500);
    let newest = certified(&cluster, cluster.leader());
    for id in followers(&cluster) {
        assert_eq!(certified(&cluster, id), newest, "replica {id}");
    }
}

/// A certificate of no signatures over a block that does not exist.
fn forged_certificate(index: u64) -> Bytes {
    Certificate {
        header_hash: synod_crypto::Digest::ZERO,
        view: 1,
        index,
        signatures: Vec::new(),
    }
    .encode()
}

#[test]
fn forged_certificates_ahead_of_the_log_keep_no_follower_from_certifying() {
    let mut cluster = Cluster::three(83);
    let leader = cluster.leader();
    let follower = followers(&cluster)[0];
    let last = cluster.nodes[&follower].replica.gauges().last_index;
    for index in (last + 1..last + 100).chain([1 << 61, u64::MAX]) {
        let envelope = Envelope {
            certificate: Some(forged_certificate(index)),
            ..Envelope::default()
        };
        let from = leader;
        cluster.step(follower, Input::Received { from, envelope });
    }
    cluster.put("k", "v");
    cluster.run(200);
    let newest = certified(&cluster, leader);
    assert!(newest > last);
    assert_eq!(certified(&cluster, follower), newest);
}

/// Whatever would let replica 3 certify is lost.
fn lose_certificates_of_three(envelope: &mut Envelope) {
    if envelope
        .message
        .as_ref()
        .is_none_or(|message| message.to == 3)
    {
        envelope.certificate = None;
    }
}

#[test]
fn a_voter_that_does_not_certify_is_named_until_it_does() {
    let mut cluster = Cluster::three(84);
    let leader = cluster.leader();
    assert_ne!(leader, 3);
    let behind = |cluster: &Cluster| cluster.leader_node().replica.behind();
    cluster.put("k", "v");
    cluster.run(12_000);
    assert!(behind(&cluster).is_empty(), "an idle network is level");
    cluster.tamper(leader, lose_certificates_of_three);
    cluster.put("k", "w");
    cluster.run(5_000);
    assert!(behind(&cluster).is_empty(), "five seconds are no lag yet");
    cluster.run(10_000);
    assert_eq!(behind(&cluster), [3]);
    assert_eq!(cluster.leader_node().replica.gauges().voters_behind, 1);
    assert!(!cluster.leader_node().replica.is_stalled());
    cluster.tamper(leader, |_| {});
    cluster.run(200);
    assert!(behind(&cluster).is_empty());
    let follower = followers(&cluster)[0];
    assert!(
        cluster.nodes[&follower].replica.behind().is_empty(),
        "only the leader can tell"
    );
}

#[test]
fn a_leader_whose_blocks_nobody_signs_says_so() {
    let mut cluster = Cluster::three(85);
    cluster.put("k", "v");
    let leader = cluster.leader();
    for id in followers(&cluster) {
        cluster.nodes.get_mut(&id).expect("a node").disk_works = false;
    }
    let stalled = |cluster: &Cluster| cluster.nodes[&leader].replica.is_stalled();
    cluster.send(leader, Cluster::put_request("records", "k", "w"), user());
    cluster.run(5_000);
    assert!(!stalled(&cluster));
    cluster.run(10_000);
    assert!(stalled(&cluster));
    for id in followers(&cluster) {
        cluster.nodes.get_mut(&id).expect("a node").disk_works = true;
    }
    cluster.run(500);
    assert!(!stalled(&cluster));
}

#[test]
fn every_replica_tells_of_certified_governance_and_not_only_of_who_votes() {
    let mut cluster = Cluster::three(86);
    cluster.run(500);
    let told = |cluster: &Cluster| -> Vec<usize> {
        let nodes = cluster.nodes.values();
        nodes.map(|node| node.membership_told).collect()
    };
    let before = told(&cluster);
    cluster.put("k", "v");
    cluster.run(500);
    assert_eq!(told(&cluster), before, "a write tells nothing");
    let done = cluster.act(Act::RemoveUser {
        name: "user".to_owned(),
    });
    assert!(
        matches!(done, Reply::Governance(Recorded { .. })),
        "{done:?}"
    );
    cluster.run(500);
    let after = told(&cluster);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| after > before),
        "{before:?} {after:?}"
    );
}

/// Its disk comes back when several changes are certified already, and it applies them at once. The
/// state that it has by then knows the first of those removed no more.
#[test]
fn follower_whose_disk_hung_across_two_removals_applies_both() {
    let mut cluster = Cluster::three(95);
    cluster.join(Tee::SevSnp);
    cluster.join(Tee::Tdx);
    let others = followers(&cluster);
    let (slow, gone) = (others[0], [others[1], others[2]]);
    cluster.nodes.get_mut(&slow).expect("a node").disk_works = false;
    for id in gone {
        cluster.act(Act::RemoveReplica {
            id,
            cause: "two at once".to_owned(),
        });
        cluster.stop(id);
        cluster.put("after", &id.to_string());
    }
    cluster.nodes.get_mut(&slow).expect("a node").disk_works = true;
    assert!(catches_up(&mut cluster, slow));
    let view = cluster.nodes[&slow].replica.network_view();
    assert!(
        gone.iter()
            .all(|id| view.configuration.voter(*id).is_none())
    );
}

/// The learner waits while a voter is silent, and dies meanwhile. Its signature is still recent
/// when the voter is back.
#[test]
fn learner_that_died_is_not_promoted_on_what_it_signed_before() {
    let mut cluster = Cluster::three(96);
    cluster.isolate(followers(&cluster)[0]);
    cluster.run(3000);
    let learner = cluster.join_only(Tee::SevSnp);
    cluster.run(3000);
    cluster.put("signed", "by the learner as well");
    cluster.run(1000);
    assert_eq!(cluster.record(learner).status, ReplicaStatus::Learner);
    cluster.stop(learner);
    cluster.run(3000);
    cluster.heal();
    cluster.run(5000);
    assert_eq!(cluster.record(learner).status, ReplicaStatus::Learner);
}
