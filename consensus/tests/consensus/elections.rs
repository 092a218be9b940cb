//! Who leads: at most one a term, soon after the last one died, and nobody who lacks a commit.

use crate::cluster;

use cluster::{Cluster, Faults};
use synod_consensus::{Body, Change, DroppedReason, Input, Payload, Refused, Role};

#[test]
fn killed_leader_is_replaced_within_two_seconds() {
    for seed in 0..20 {
        let mut cluster = Cluster::new(seed, 3);
        let leader = cluster.settle();
        let index = cluster.commit("before");
        cluster.stop(leader);
        let took = cluster.run_until(2000, |c| c.leader().is_some());
        assert!(took <= 1600, "took {took} ms");
        let after = cluster.commit("after");
        assert!(after > index);
    }
}

#[test]
fn calm_cluster_keeps_its_leader() {
    let mut cluster = Cluster::new(3, 5);
    let leader = cluster.settle();
    let term = cluster.engine(leader).term();
    cluster.run_for(60_000);
    assert_eq!(cluster.leader(), Some(leader));
    assert_eq!(cluster.engine(leader).term(), term);
}

#[test]
fn late_heartbeats_of_half_a_second_depose_nobody() {
    let mut cluster = Cluster::new(4, 3);
    let leader = cluster.settle();
    let term = cluster.engine(leader).term();
    cluster.faults = Faults {
        delay_ms: (100, 500),
        ..Faults::calm()
    };
    cluster.run_for(30_000);
    assert_eq!(cluster.engine(leader).term(), term);
    assert_eq!(cluster.leader(), Some(leader));
}

#[test]
fn sole_voter_leads_as_soon_as_it_campaigns() {
    let mut cluster = Cluster::new(1, 1);
    cluster.input(1, Input::Campaign).unwrap();
    assert_eq!(cluster.engine(1).role(), Role::Leader);
    cluster.run_for(10);
    let index = cluster.commit("first");
    assert_eq!(index, 3, "genesis is 1 and the empty entry is 2");
}

#[test]
fn sole_voter_waits_for_its_disk_before_it_leads_again() {
    let mut cluster = Cluster::new(1, 1);
    cluster.input(1, Input::Campaign).unwrap();
    cluster.run_for(50);
    cluster.disk_hangs(1);
    cluster.propose("waits for the disk");
    // A replica that once was a member speaks with a higher term.
    cluster
        .deliver(synod_consensus::Message {
            from: 9,
            to: 1,
            term: 40,
            body: Body::Heartbeat {
                commit: 0,
                read: None,
            },
        })
        .unwrap();
    assert_eq!(cluster.engine(1).role(), Role::Follower);
    let dropped = cluster.input(1, Input::Campaign).unwrap().dropped;
    assert_eq!(dropped, Some(DroppedReason::NotSettled));
    cluster.run_for(5000);
    assert_eq!(cluster.engine(1).role(), Role::Follower);
    cluster.disk_works(1);
    cluster.settle();
}

#[test]
fn minority_leader_cannot_commit_and_steps_down() {
    let mut cluster = Cluster::new(7, 5);
    let old = cluster.settle();
    let others: Vec<u64> = (1..=5).filter(|id| *id != old).collect();
    let (friend, majority) = others.split_first().unwrap();
    cluster.partition(&[&[old, *friend], majority]);
    let lost = cluster.propose_at(old, "never").unwrap();
    cluster.run_for(3000);
    assert_ne!(
        cluster.engine(old).role(),
        Role::Leader,
        "no quorum, no leader"
    );
    assert!(cluster.engine(old).commit() < lost.index);
    let new = cluster.settle();
    assert!(majority.contains(&new));
    let kept = cluster.propose_at(new, "kept").unwrap();
    cluster.run_for(500);
    cluster.heal();
    cluster.expect_committed(kept.index);
    let entry = cluster.engine(old).entry(lost.index).unwrap();
    assert_ne!(entry.term, lost.term, "the minority's block is gone");
}

#[test]
fn replica_that_was_cut_off_does_not_disturb_on_its_return() {
    let mut cluster = Cluster::new(11, 3);
    let leader = cluster.settle();
    let term = cluster.engine(leader).term();
    let outcast = (1..=3).find(|id| *id != leader).unwrap();
    let rest: Vec<u64> = (1..=3).filter(|id| *id != outcast).collect();
    cluster.partition(&[&[outcast], &rest]);
    cluster.run_for(20_000);
    assert_eq!(
        cluster.engine(outcast).term(),
        term,
        "pre-votes raise no term"
    );
    cluster.heal();
    let index = cluster.commit("goes on");
    cluster.expect_committed(index);
    assert_eq!(cluster.leader(), Some(leader));
    assert_eq!(cluster.engine(leader).term(), term);
}

#[test]
fn candidate_with_a_shorter_log_gets_no_vote() {
    let mut cluster = Cluster::new(5, 3);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    let index = cluster.propose("only on 1 and 2").index;
    cluster.run_for(200);
    assert!(cluster.engine(2).commit() >= index);
    cluster.heal();
    cluster.stop(1);
    cluster.cut(1, 3);
    cluster.cut(2, 3);
    cluster.input(3, Input::Campaign).unwrap();
    cluster.heal();
    assert_eq!(cluster.settle(), 2, "only 2 has the committed block");
}

#[test]
fn election_appends_an_empty_entry_that_carries_no_block() {
    let mut cluster = Cluster::new(2, 3);
    let leader = cluster.settle();
    let entry = cluster.engine(leader).entry(2).unwrap();
    assert_eq!(entry.payload, Payload::Empty);
    assert!(entry.payload.block().is_none());
    cluster.expect_committed(2);
    for node in cluster.nodes.values() {
        assert_eq!(node.committed[0].payload, Payload::Empty);
    }
}

#[test]
fn leadership_moves_when_it_is_handed_over_and_no_block_is_lost() {
    let mut cluster = Cluster::new(13, 3);
    let old = cluster.settle();
    let to = (1..=3).find(|id| *id != old).unwrap();
    let index = cluster.propose("in flight").index;
    cluster.input(old, Input::Transfer(to)).unwrap();
    assert_eq!(cluster.engine(old).transferring_to(), Some(to));
    assert_eq!(
        cluster.propose_at(old, "too late"),
        Err(DroppedReason::Transferring)
    );
    let took = cluster.run_until(1000, |c| c.engine(to).role() == Role::Leader);
    assert!(took < 100, "no timeout was waited for, but {took} ms");
    cluster.expect_committed(index);
}

#[test]
fn handing_over_to_a_stranger_or_to_oneself_is_dropped() {
    let mut cluster = Cluster::new(13, 3);
    let leader = cluster.settle();
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    for unfit in [leader, 77] {
        let effects = cluster.input(leader, Input::Transfer(unfit)).unwrap();
        assert_eq!(effects.dropped, Some(DroppedReason::PeerUnfit));
    }
    let effects = cluster.input(follower, Input::Transfer(leader)).unwrap();
    assert_eq!(effects.dropped, Some(DroppedReason::WrongRole));
}

#[test]
fn only_the_leader_proposes_and_nothing_is_forwarded() {
    let mut cluster = Cluster::new(17, 3);
    let leader = cluster.settle();
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    let sent_before = cluster.trace.len();
    let outcome = cluster.propose_at(follower, "not mine to propose");
    assert_eq!(outcome, Err(DroppedReason::WrongRole));
    assert!(!cluster.trace[sent_before].contains("send: [Message"));
}

#[test]
fn unapplied_change_keeps_a_replica_from_campaigning() {
    let mut cluster = Cluster::new(19, 1);
    cluster.apply_by_itself = false;
    cluster.input(1, Input::Campaign).unwrap();
    cluster.run_for(50);
    let change = cluster.propose_change(1, Change::AddLearner(2)).unwrap();
    cluster.run_for(50);
    assert_eq!(
        cluster.engine(1).pending_change(),
        Some((change.index, Change::AddLearner(2)))
    );
    let beat = synod_consensus::Message {
        from: 9,
        to: 1,
        term: 40,
        body: Body::Heartbeat {
            commit: 0,
            read: None,
        },
    };
    // The replica applies as soon as it does not lead, so the engine is asked directly.
    cluster
        .node_mut(1)
        .engine
        .step(Input::Received(beat))
        .unwrap();
    let effects = cluster.node_mut(1).engine.step(Input::Campaign).unwrap();
    assert_eq!(effects.dropped, Some(DroppedReason::NotSettled));
    cluster.apply(1, change.index).unwrap();
    assert_eq!(cluster.input(1, Input::Campaign).unwrap().dropped, None);
    assert_eq!(cluster.engine(1).role(), Role::Leader);
}

#[test]
fn learner_never_campaigns() {
    let mut cluster = Cluster::new(23, 1);
    cluster.input(1, Input::Campaign).unwrap();
    cluster.run_for(50);
    cluster.change(Change::AddLearner(2));
    cluster.join(2, &[1], &[2]);
    cluster.run_for(500);
    cluster.stop(1);
    cluster.run_for(10_000);
    assert_eq!(cluster.engine(2).role(), Role::Follower);
    let dropped = cluster.input(2, Input::Campaign).unwrap().dropped;
    assert_eq!(dropped, Some(DroppedReason::WrongRole));
}

#[test]
fn replica_that_may_not_stand_asks_for_no_votes_and_gives_its_own() {
    for seed in 0..10 {
        let mut cluster = Cluster::new(seed, 3);
        cluster.elect(1);
        cluster.run_for(100);
        cluster.input(2, Input::MayStand(false)).unwrap();
        cluster.stop(1);
        for _ in 0..300 {
            cluster.run_for(10);
            assert_eq!(cluster.engine(2).role(), Role::Follower, "seed {seed}");
        }
        assert_eq!(cluster.leader(), Some(3), "elected by the vote of 2");
        cluster.input(2, Input::MayStand(true)).unwrap();
        cluster.lead(2);
    }
}

#[test]
fn replica_that_may_not_stand_takes_no_leadership_that_is_handed_to_it() {
    let mut cluster = Cluster::new(3, 3);
    cluster.elect(1);
    cluster.run_for(100);
    cluster.input(2, Input::MayStand(false)).unwrap();
    cluster.input(1, Input::Transfer(2)).unwrap();
    cluster.run_for(3000);
    assert_eq!(cluster.leader(), Some(1));
    assert_eq!(cluster.engine(2).refusals()["may_not_stand"], 1);
    let dropped = cluster.input(2, Input::Campaign).unwrap().dropped;
    assert_eq!(dropped, Some(DroppedReason::MayNotStand));
    cluster.commit("goes on");
}

#[test]
fn candidate_that_may_no_longer_stand_withdraws() {
    let mut cluster = Cluster::new(3, 3);
    cluster.elect(1);
    cluster.run_for(100);
    cluster.partition(&[&[1, 3], &[2]]);
    cluster.run_until(5000, |c| c.engine(2).role() == Role::PreCandidate);
    cluster.input(2, Input::MayStand(false)).unwrap();
    assert_eq!(cluster.engine(2).role(), Role::Follower);
    cluster.run_for(5000);
    assert_eq!(cluster.engine(2).role(), Role::Follower);
    cluster.input(2, Input::MayStand(true)).unwrap();
    cluster.run_until(5000, |c| c.engine(2).role() == Role::PreCandidate);
}

#[test]
fn second_leader_of_a_term_is_refused() {
    let mut cluster = Cluster::new(29, 3);
    cluster.elect(1);
    let term = cluster.engine(1).term();
    cluster.run_for(200);
    for to in [1, 2] {
        let claim = synod_consensus::Message {
            from: 3,
            to,
            term,
            body: Body::Heartbeat {
                commit: 0,
                read: None,
            },
        };
        let refused = cluster.deliver(claim).unwrap_err();
        assert!(matches!(
            refused,
            Refused::RivalLeader {
                from: 3,
                leader: 1,
                ..
            }
        ));
    }
}
