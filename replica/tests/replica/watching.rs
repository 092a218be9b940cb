//! What changed: certified write sets in order, on every replica, from the ring or from the kept
//! blocks.

use synod_replica::changes::{CHANGES_ASKED_BYTES_MAX, CHANGES_BYTES_MAX, Change, ChangesError};
use synod_replica::{Reply, kv};

use crate::cluster::{Cluster, map, user};

fn changes(cluster: &mut Cluster, id: u64, since: u64) -> Vec<Change> {
    let node = cluster.nodes.get_mut(&id).expect("the replica");
    let found = node.replica.changes_since(since, 100);
    found.expect("changes that are kept")
}

fn value_of(change: &Change, key: &str) -> Option<Vec<u8>> {
    let written = change.writes.get(&map("records"), key.as_bytes())?;
    written.map(|value| value.to_vec())
}

#[test]
fn every_replica_tells_the_same_changes_in_order() {
    let mut cluster = Cluster::three(70);
    let first = cluster.put("a", "1");
    let second = cluster.put("b", "2");
    cluster.run(500);
    let ids: Vec<u64> = cluster.nodes.keys().copied().collect();
    for id in ids {
        let found = changes(&mut cluster, id, first.seqno - 1);
        let seen: Vec<_> = found.iter().map(|change| change.tx).collect();
        assert_eq!(seen, [first, second], "replica {id}");
        assert_eq!(value_of(&found[0], "a"), Some(b"1".to_vec()));
        assert_eq!(value_of(&found[1], "b"), Some(b"2".to_vec()));
        assert!(changes(&mut cluster, id, second.seqno).is_empty());
    }
}

#[test]
fn nothing_that_is_not_certified_is_told() {
    let mut cluster = Cluster::three(71);
    let written = cluster.put("a", "1");
    let leader = cluster.leader();
    let others: Vec<u64> = cluster.nodes.keys().copied().collect();
    others.iter().for_each(|id| cluster.cut(leader, *id));
    cluster.send(leader, Cluster::put_request("records", "b", "2"), user());
    cluster.run(200);
    assert!(changes(&mut cluster, leader, written.seqno).is_empty());
    let node = cluster.nodes.get_mut(&leader).expect("the replica");
    let ahead = node.replica.changes_since(written.seqno + 1, 10);
    let newest = written.seqno;
    assert_eq!(ahead.err(), Some(ChangesError::Ahead { newest }));
}

#[test]
fn what_fell_out_of_the_ring_is_read_from_the_blocks() {
    let mut cluster = Cluster::found(72, 1);
    cluster.open();
    let value = "v".repeat(1 << 20);
    let first = cluster.put("key0", &value);
    for n in 1..CHANGES_BYTES_MAX / value.len() + 2 {
        let request = Cluster::put_request("records", &format!("key{n}"), &value);
        let reply = cluster.ask(request, user());
        assert!(matches!(reply, Reply::Kv(kv::Reply::Answered { .. })));
    }
    let leader = cluster.leader();
    let found = changes(&mut cluster, leader, first.seqno - 1);
    assert_eq!(found[0].tx, first);
    assert_eq!(value_of(&found[0], "key0"), Some(value.into_bytes()));
}

#[test]
fn one_answer_is_bounded_in_bytes_and_the_rest_follows() {
    let mut cluster = Cluster::found(73, 1);
    cluster.open();
    let value = "v".repeat(CHANGES_ASKED_BYTES_MAX / 4);
    let first = cluster.put("key0", &value);
    for n in 1..10 {
        cluster.put(&format!("key{n}"), &value);
    }
    let leader = cluster.leader();
    let mut since = first.seqno - 1;
    let mut counts = Vec::new();
    while counts.iter().sum::<usize>() < 10 {
        let found = changes(&mut cluster, leader, since);
        counts.push(found.len());
        since = found.last().expect("the rest").tx.seqno;
    }
    assert_eq!(counts, [4, 4, 2]);
}
