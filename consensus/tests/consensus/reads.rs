//! Linearizable reads: an index is told only after a quorum confirmed the leader.

use crate::cluster;

use cluster::Cluster;
use synod_consensus::{Body, DroppedReason, Input, Payload, ReadReady, Role};

#[test]
fn read_covers_everything_committed_before_it() {
    let mut cluster = Cluster::new(1, 3);
    cluster.elect(1);
    let index = cluster.commit("before the read");
    assert_eq!(cluster.read(1, 7), None);
    cluster.run_for(20);
    assert_eq!(cluster.node(1).reads, [ReadReady { ctx: 7, index }]);
}

#[test]
fn leader_that_was_deposed_unknowingly_answers_no_read() {
    let mut cluster = Cluster::new(2, 3);
    cluster.elect(1);
    cluster.commit("base");
    cluster.partition(&[&[1], &[2, 3]]);
    assert_eq!(cluster.read(1, 8), None, "it believes that it leads");
    cluster.run_for(5000);
    assert_eq!(cluster.node(1).reads, []);
    assert_ne!(cluster.engine(1).role(), Role::Leader);
}

#[test]
fn read_before_the_first_commit_of_the_term_is_dropped_not_forgotten() {
    let mut cluster = Cluster::new(3, 3);
    cluster.capture(|message| message.acknowledges().is_some());
    cluster.run_until(5000, |c| c.leader().is_some());
    let leader = cluster.leader().unwrap();
    let reason = cluster.read(leader, 9);
    assert_eq!(reason, Some(DroppedReason::NothingCommittedInTerm));
}

#[test]
fn read_may_stand_on_an_empty_entry() {
    let mut cluster = Cluster::new(4, 3);
    let leader = cluster.settle();
    cluster.read(leader, 1);
    cluster.run_for(20);
    let index = cluster.node(leader).reads[0].index;
    let entry = cluster.engine(leader).entry(index).unwrap();
    assert_eq!(entry.payload, Payload::Empty);
}

#[test]
fn followers_answer_no_reads_and_forward_none() {
    let mut cluster = Cluster::new(5, 3);
    cluster.elect(1);
    let effects = cluster.input(2, Input::ReadIndex(3)).unwrap();
    assert_eq!(effects.dropped, Some(DroppedReason::WrongRole));
    assert_eq!(effects.send, []);
}

#[test]
fn many_reads_share_their_heartbeats_and_each_is_answered_once() {
    let mut cluster = Cluster::new(6, 3);
    cluster.elect(1);
    for ctx in 0..50 {
        cluster.read(1, ctx);
    }
    cluster.run_for(50);
    let mut answered: Vec<u64> = cluster.node(1).reads.iter().map(|read| read.ctx).collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..50).collect::<Vec<_>>());
}

#[test]
fn lost_heartbeat_of_a_read_is_made_up_by_the_next_one() {
    let mut cluster = Cluster::new(7, 3);
    cluster.elect(1);
    cluster.capture(|message| matches!(message.body, Body::Heartbeat { read: Some(_), .. }));
    cluster.read(1, 5);
    cluster.run_for(10);
    assert_eq!(cluster.captured.len(), 2);
    cluster.stop_capturing();
    cluster.run_for(200);
    assert_eq!(cluster.node(1).reads.len(), 1);
}

#[test]
fn sole_voter_confirms_itself() {
    let mut cluster = Cluster::new(8, 1);
    cluster.input(1, Input::Campaign).unwrap();
    cluster.run_for(50);
    cluster.read(1, 4);
    assert_eq!(cluster.node(1).reads.len(), 1);
}

#[test]
fn reads_go_on_while_the_disks_of_a_quorum_hang() {
    let mut cluster = Cluster::new(9, 3);
    cluster.elect(1);
    for id in 1..=3 {
        cluster.disk_hangs(id);
    }
    cluster.propose("cannot be written");
    cluster.run_for(5000);
    cluster.read(1, 6);
    cluster.run_for(50);
    assert_eq!(cluster.node(1).reads.len(), 1);
}
