//! What waits for the disk and what does not.

use crate::cluster;

use bytes::Bytes;
use cluster::Cluster;
use synod_consensus::{Body, Entry, Input, Message, Payload, Refused, Role};

fn block(text: &'static str) -> Payload {
    Payload::Block(Bytes::from_static(text.as_bytes()))
}

/// A leader's append to replica 2, after `index`.
fn append(
    term: u64,
    (index, log_term): (u64, u64),
    entry_term: u64,
    text: &'static str,
) -> Message {
    Message {
        from: 1,
        to: 2,
        term,
        body: Body::Append {
            index,
            log_term,
            commit: 1,
            entry: Some(Entry {
                index: index + 1,
                term: entry_term,
                payload: block(text),
            }),
        },
    }
}

#[test]
fn acknowledgement_waits_for_the_disk() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    let effects = cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    let batch = effects.persist.expect("the entry goes to the disk");
    assert_eq!(effects.send, [], "nothing is acknowledged yet");
    let effects = cluster.input(2, Input::Persisted(batch.number)).unwrap();
    assert_eq!(effects.send.len(), 1);
    assert_eq!(effects.send[0].acknowledges(), Some(2));
}

#[test]
fn one_report_covers_all_earlier_batches_in_order() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    cluster.deliver(append(2, (2, 2), 2, "b")).unwrap();
    let third = cluster.deliver(append(2, (3, 2), 2, "c")).unwrap();
    let number = third.persist.unwrap().number;
    let effects = cluster.input(2, Input::Persisted(number)).unwrap();
    let acknowledged: Vec<_> = effects.send.iter().map(Message::acknowledges).collect();
    assert_eq!(acknowledged, [Some(2), Some(3), Some(4)]);
    assert_eq!(cluster.engine(2).persisted(), 4);
}

#[test]
fn report_of_an_earlier_batch_does_not_cover_later_ones() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    let first = cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    cluster.deliver(append(2, (2, 2), 2, "b")).unwrap();
    let number = first.persist.unwrap().number;
    let effects = cluster.input(2, Input::Persisted(number)).unwrap();
    let acknowledged: Vec<_> = effects.send.iter().map(Message::acknowledges).collect();
    assert_eq!(acknowledged, [Some(2)]);
    assert_eq!(cluster.engine(2).persisted(), 2);
}

#[test]
fn batch_is_reported_once_and_only_if_it_exists() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    let number = cluster
        .deliver(append(2, (1, 1), 2, "a"))
        .unwrap()
        .persist
        .unwrap()
        .number;
    let unknown = cluster.input(2, Input::Persisted(number + 1)).unwrap_err();
    assert_eq!(unknown, Refused::NotInFlight { number: number + 1 });
    cluster.input(2, Input::Persisted(number)).unwrap();
    let again = cluster.input(2, Input::Persisted(number)).unwrap_err();
    assert_eq!(again, Refused::NotInFlight { number });
}

#[test]
fn heartbeat_replies_leave_while_the_disk_hangs() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    let beat = Message {
        from: 1,
        to: 2,
        term: 2,
        body: Body::Heartbeat {
            commit: 1,
            read: Some(7),
        },
    };
    let effects = cluster.deliver(beat).unwrap();
    assert_eq!(effects.send.len(), 1);
    let reply = Body::HeartbeatReply {
        commit: 1,
        read: Some(7),
    };
    assert_eq!(effects.send[0].body, reply);
}

#[test]
fn slow_disks_on_a_quorum_depose_nobody_and_lose_nothing() {
    let mut cluster = Cluster::new(3, 3);
    cluster.elect(1);
    let term = cluster.engine(1).term();
    cluster.disk_hangs(2);
    cluster.disk_hangs(3);
    let waiting = cluster.propose("waits for the disks").index;
    cluster.expect_uncommitted(waiting, 10_000);
    assert_eq!(cluster.engine(1).role(), Role::Leader);
    assert_eq!(cluster.engine(1).term(), term);
    cluster.disk_works(2);
    cluster.disk_works(3);
    cluster.expect_committed(waiting);
}

#[test]
fn leader_replicates_while_its_own_disk_is_slow_but_does_not_count_itself() {
    let mut cluster = Cluster::new(3, 3);
    cluster.elect(1);
    cluster.disk_hangs(1);
    cluster.partition(&[&[1, 2], &[3]]);
    let index = cluster.propose("on the disk of 2 only").index;
    cluster.run_for(300);
    assert_eq!(
        cluster.engine(1).matched(2),
        Some(index),
        "sent without waiting"
    );
    assert!(
        cluster.engine(1).commit() < index,
        "one disk of three is no quorum"
    );
    cluster.disk_works(1);
    cluster.run_for(100);
    assert!(cluster.engine(1).commit() >= index);
}

#[test]
fn vote_waits_for_the_entries_before_it() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    let number = cluster
        .deliver(append(2, (1, 1), 2, "a"))
        .unwrap()
        .persist
        .unwrap()
        .number;
    let vote = Message {
        from: 3,
        to: 2,
        term: 3,
        body: Body::Vote {
            pre: false,
            last_index: 9,
            last_term: 2,
            transfer: true,
        },
    };
    assert_eq!(cluster.deliver(vote).unwrap().send, []);
    let effects = cluster.input(2, Input::Persisted(number)).unwrap();
    assert_eq!(effects.send[0].acknowledges(), Some(2));
    let granted = Body::VoteReply {
        pre: false,
        granted: true,
    };
    assert_eq!(effects.send[1].body, granted);
    assert_eq!(
        (effects.send[0].term, effects.send[1].term),
        (2, 3),
        "each in its own term"
    );
}

#[test]
fn call_for_votes_waits_for_the_disk_and_only_the_newest_is_kept() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    cluster.stop(1);
    cluster.stop(3);
    cluster.run_for(20_000);
    assert_eq!(cluster.engine(2).role(), Role::PreCandidate);
    let number = cluster.node(2).disk.waiting[0].number;
    let effects = cluster.input(2, Input::Persisted(number)).unwrap();
    let calls = effects
        .send
        .iter()
        .filter(|message| matches!(message.body, Body::Vote { .. }));
    assert_eq!(
        calls.count(),
        2,
        "one for each other voter, not one for each timeout"
    );
}

#[test]
fn replaced_entries_are_reported_so_that_the_disk_drops_them() {
    let mut cluster = Cluster::new(1, 3);
    cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    cluster.run_for(10);
    cluster.deliver(append(2, (2, 2), 2, "b")).unwrap();
    cluster.run_for(10);
    let effects = cluster.deliver(append(4, (1, 1), 4, "c")).unwrap();
    let batch = effects.persist.unwrap();
    assert_eq!(batch.truncate_from, Some(2));
    assert_eq!(batch.entries.len(), 1);
    cluster.run_for(10);
    let stored = &cluster.node(2).disk.stored;
    assert_eq!(stored.keys().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(stored[&2].term, 4);
}

#[test]
fn replacement_of_an_entry_still_on_its_way_to_the_disk_is_acknowledged_once_it_is_written() {
    let mut cluster = Cluster::new(1, 3);
    cluster.disk_hangs(2);
    let first = cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    let second = cluster.deliver(append(4, (1, 1), 4, "b")).unwrap();
    let first = first.persist.unwrap().number;
    let effects = cluster.input(2, Input::Persisted(first)).unwrap();
    assert_eq!(
        effects.send[0].term, 2,
        "the old leader's answer, too late to matter"
    );
    assert_eq!(
        cluster.engine(2).persisted(),
        1,
        "the replaced entry does not count"
    );
    let second = second.persist.unwrap().number;
    let effects = cluster.input(2, Input::Persisted(second)).unwrap();
    assert_eq!(
        (effects.send[0].term, effects.send[0].acknowledges()),
        (4, Some(2))
    );
    assert_eq!(cluster.engine(2).persisted(), 2);
}

#[test]
fn leader_commits_by_its_followers_disks_and_hands_out_only_what_its_own_holds() {
    let mut cluster = Cluster::new(3, 3);
    cluster.elect(1);
    cluster.disk_hangs(1);
    let index = cluster.propose("on 2 and 3").index;
    cluster.run_for(300);
    assert!(cluster.engine(1).commit() >= index);
    assert!(cluster.node(1).committed.last().unwrap().index < index);
    cluster.disk_works(1);
    cluster.run_for(50);
    assert_eq!(cluster.node(1).committed.last().unwrap().index, index);
}

#[test]
fn follower_whose_disk_is_far_behind_refuses_more() {
    let tuning = synod_consensus::Tuning {
        unpersisted_max: 2,
        ..synod_consensus::Tuning::default()
    };
    let mut cluster = Cluster::with_tuning(1, 3, tuning);
    cluster.disk_hangs(2);
    cluster.deliver(append(2, (1, 1), 2, "a")).unwrap();
    cluster.deliver(append(2, (2, 2), 2, "b")).unwrap();
    let refused = cluster.deliver(append(2, (3, 2), 2, "c")).unwrap_err();
    assert_eq!(refused, Refused::DiskBehind { waiting: 2 });
    assert_eq!(cluster.engine(2).refusals()["disk_behind"], 1);
    cluster.disk_works(2);
    cluster.run_for(10);
    cluster.deliver(append(2, (3, 2), 2, "c")).unwrap();
}
