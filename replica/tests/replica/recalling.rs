//! Followers that are so far behind that the leader has forgotten what they need.

use synod_governance::{Act, Input};
use synod_ledger::Record;
use synod_replica::governance::Recorded;
use synod_replica::{Notice, Reply, Request, governance};

use synod_attestation::Tee;

use crate::cluster::{Cluster, manifest, user};

/// Three replicas that keep next to nothing in memory.
fn forgetful(seed: u8) -> Cluster {
    remembering(seed, 4)
}

/// Three replicas that keep few blocks in memory, and so many entries of the engine's.
fn remembering(seed: u8, entries: usize) -> Cluster {
    let mut cluster = Cluster::found_on(seed, &manifest(2));
    cluster.history_bytes_max = Some(16 * 1024);
    cluster.tuning.entries_in_memory_max = entries;
    // The founder was born before that: it leaves, and the others are as they should be.
    let joined = [Tee::Tdx, Tee::Nitro, Tee::SevSnp].map(|tee| cluster.join(tee));
    cluster.open();
    assert_eq!(joined.len(), 3);
    for _ in 0..20 {
        if cluster.leader() != 1 {
            break;
        }
        cluster.act(Act::RemoveReplica {
            id: 1,
            cause: "rotation".to_owned(),
        });
        cluster.await_leader();
    }
    cluster.act(Act::RemoveReplica {
        id: 1,
        cause: "rotation".to_owned(),
    });
    cluster.stop(1);
    cluster.put("first", "v");
    cluster
}

/// Cuts a follower off, lets the others write much, and gives it back.
fn left_behind(cluster: &mut Cluster) -> u64 {
    let leader = cluster.leader();
    let ids: Vec<u64> = cluster.nodes.keys().copied().collect();
    let behind = ids.iter().copied().find(|id| *id != leader);
    let behind = behind.expect("a follower");
    for id in ids.iter().filter(|id| **id != behind) {
        cluster.cut(behind, *id);
    }
    for n in 0..150 {
        cluster.put(&format!("k{n}"), &"v".repeat(1000));
    }
    cluster.heal();
    behind
}

fn accused(cluster: &Cluster) -> bool {
    let mut notices = cluster.nodes.values().flat_map(|node| &node.notices);
    notices.any(|notice| matches!(notice, Notice::Misbehaved { .. }))
}

fn certified(cluster: &Cluster, id: u64) -> u64 {
    cluster.nodes[&id].replica.gauges().certified_index
}

#[test]
fn follower_that_needs_forgotten_blocks_gets_them_from_the_leaders_files() {
    let mut cluster = forgetful(70);
    let behind = left_behind(&mut cluster);
    cluster.run(10_000);
    cluster.put("after", "v");
    cluster.run(500);
    let leader = cluster.leader();
    assert_eq!(certified(&cluster, behind), certified(&cluster, leader));
    assert!(!accused(&cluster), "nobody is accused of another chain");
}

/// The engine still has the entries in memory, so nothing is read from files: what certifies the
/// change must come from elsewhere.
#[test]
fn follower_gets_the_certificate_of_a_change_that_the_leaders_memory_has_dropped() {
    let mut cluster = remembering(73, 8192);
    let leader = cluster.leader();
    let ids: Vec<u64> = cluster.nodes.keys().copied().collect();
    let behind = ids.iter().copied().find(|id| *id != leader);
    let behind = behind.expect("a follower");
    for id in ids.iter().filter(|id| **id != behind) {
        cluster.cut(behind, *id);
    }
    cluster.act(Act::SetRequiredVendors { n: 1 });
    for n in 0..150 {
        cluster.put(&format!("k{n}"), &"v".repeat(1000));
    }
    cluster.heal();
    // Nothing is written any more: nothing but the missing blocks brings it on.
    cluster.run(10_000);
    let leader = cluster.leader();
    assert_eq!(certified(&cluster, behind), certified(&cluster, leader));
}

/// What is wrong with the files is never sent on, and ends with them.
fn expect_nothing_sent_on(seed: u8, misread: fn(&mut Vec<Record>)) {
    let mut cluster = forgetful(seed);
    cluster.misread = misread;
    let behind = left_behind(&mut cluster);
    let before = certified(&cluster, behind);
    cluster.run(5000);
    assert_eq!(certified(&cluster, behind), before, "it got nothing");
    assert!(!accused(&cluster));
    let call = cluster.send(
        cluster.leader(),
        Cluster::put_request("records", "k", "v"),
        user(),
    );
    cluster.run(200);
    assert!(cluster.replies.contains_key(&call), "the service goes on");
    cluster.misread = |_| {};
    cluster.run(10_000);
    assert_eq!(
        certified(&cluster, behind),
        certified(&cluster, cluster.leader())
    );
}

#[test]
fn files_without_a_block_are_not_sent_on_and_nobody_is_accused() {
    expect_nothing_sent_on(71, |records| {
        records.remove(0);
    });
}

/// The header of each block is as it was, and with it the block's hash: only the root of the tree
/// tells.
#[test]
fn files_with_a_changed_bit_in_each_frame_are_not_sent_on_and_nobody_is_accused() {
    expect_nothing_sent_on(74, |records| {
        for record in records {
            let Record::Block(bytes) = record else {
                continue;
            };
            let mut changed = bytes.to_vec();
            let last = changed.len() - 1;
            changed[last] ^= 1;
            *bytes = changed.into();
        }
    });
}

/// What a block does to governance follows from the ledger alone, not from how much of it one
/// replica keeps in memory.
#[test]
fn follower_that_forgot_a_block_judges_evidence_made_from_it_as_the_leader_does() {
    let mut cluster = Cluster::found_on(72, &manifest(2));
    cluster.history_bytes_max = Some(16 * 1024);
    cluster.join(Tee::Tdx);
    cluster.join(Tee::Nitro);
    cluster.open();
    assert_eq!(
        cluster.leader(),
        1,
        "the founder leads, and forgets nothing"
    );
    let (_, request) = cluster.join_request(Tee::SevSnp);
    let named = request.block.index;
    for n in 0..50 {
        cluster.put(&format!("k{n}"), &"v".repeat(1000));
    }
    for (id, node) in &cluster.nodes {
        let kept = node.replica.machine().history().block(named).is_some();
        assert_eq!(kept, *id == 1, "replica {id}");
    }
    let request = Request::Governance(governance::Request::Join(
        Input::Join(Box::new(request)).encode().into(),
    ));
    let reply = cluster.ask(request, user());
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    cluster.put("after", "v");
    assert!(
        !accused(&cluster),
        "nobody is accused of an input that is sound"
    );
}

/// The block is larger than all that a replica keeps, and is retracted: the chain goes on from the
/// newest certified block, which must be at hand.
#[test]
fn newest_certified_block_is_kept_beside_a_large_one_that_is_retracted() {
    let mut cluster = forgetful(76);
    let deposed = cluster.leader();
    let others: Vec<u64> = cluster.nodes.keys().copied().collect();
    for other in others.iter().filter(|other| **other != deposed) {
        cluster.cut(deposed, *other);
    }
    let large = "v".repeat(32 * 1024);
    cluster.send(
        deposed,
        Cluster::put_request("records", "large", &large),
        user(),
    );
    cluster.run(100);
    let newest = |cluster: &Cluster| {
        cluster.nodes[&deposed]
            .replica
            .machine()
            .sequence()
            .last()
            .index
    };
    let uncertified = newest(&cluster);
    assert!(
        uncertified > certified(&cluster, deposed),
        "it is in its log"
    );
    cluster.run(5_000);
    cluster.heal();
    cluster.put("after", "v");
    cluster.run(2_000);
    assert!(
        certified(&cluster, deposed) >= uncertified,
        "it follows the others"
    );
    assert!(!accused(&cluster));
}
