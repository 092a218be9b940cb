//! Faults of the ordinary kind: cut networks, full disks, wrong clocks, torn files, impatient
//! clients.

use bytes::Bytes;
use synod_attestation::Tee;
use synod_governance::Act;
use synod_ledger::{Scanner, TxStatus};
use synod_replica::governance::Recorded;
use synod_replica::kv::{Answer, Condition, Operation};
use synod_replica::{CallError, Input, LedgerImport, Reply, Request, kv};

use crate::cluster::{Cluster, user};

fn idempotent(key: &str, value: &str) -> Request {
    match Cluster::put_request("records", key, value) {
        Request::Kv(mut operate) => {
            operate.idempotency = Some(Bytes::from_static(b"once"));
            Request::Kv(operate)
        }
        other => other,
    }
}

#[test]
fn a_leader_without_a_quorum_answers_nothing_and_steps_down() {
    let mut cluster = Cluster::three(20);
    let old = cluster.leader();
    let others: Vec<u64> = cluster
        .nodes
        .keys()
        .copied()
        .filter(|id| *id != old)
        .collect();
    others.iter().for_each(|id| cluster.cut(old, *id));
    let call = cluster.send(old, Cluster::put_request("records", "lost", "v"), user());
    cluster.run(300);
    assert!(
        !cluster.replies.contains_key(&call),
        "nothing leaves before commit"
    );
    cluster.run(4000);
    let reply = cluster
        .replies
        .remove(&call)
        .expect("an answer once leadership is lost");
    let Reply::Failed(CallError::Interrupted { tx }) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(
        cluster.nodes[&old].replica.machine().history().status(tx),
        TxStatus::Pending
    );
    cluster.heal();
    cluster.await_leader();
    cluster.put("other", "v");
    cluster.run(1000);
    assert_eq!(
        cluster.nodes[&old].replica.machine().history().status(tx),
        TxStatus::Invalid
    );
}

/// A write on the condition that the key has a value.
fn put_if_present(key: &str) -> Request {
    let Request::Kv(mut operate) = Cluster::put_request("records", key, "again") else {
        panic!("a put is an operation")
    };
    if let Operation::Put { condition, .. } = &mut operate.operation {
        *condition = Condition::Present;
    }
    Request::Kv(operate)
}

/// That a condition does not hold is read from the state, so it is answered like a read: by a
/// leader that a quorum confirms.
#[test]
fn consistency_is_proven_up_to_what_is_certified_and_no_further() {
    let mut cluster = Cluster::three(150);
    cluster.put("a", "v");
    cluster.run(500);
    let leader = cluster.leader();
    let certified = |cluster: &Cluster| {
        let machine = cluster.nodes[&leader].replica.machine();
        machine.sequence().certified().tree_size
    };
    let size = certified(&cluster);
    cluster.isolate(leader);
    cluster.send(leader, Cluster::put_request("records", "b", "v"), user());
    let replica = &cluster.nodes[&leader].replica;
    let uncertified = replica.machine().sequence().tree().size();
    assert!(uncertified > size, "a block is on its way");
    assert_eq!(replica.consistency(1, Some(uncertified)), None);
    assert_eq!(replica.consistency(1, None).expect("a proof").0, size);
}

#[test]
fn a_leader_that_was_replaced_refuses_no_condition_by_its_old_state() {
    let mut cluster = Cluster::three(23);
    let old = cluster.leader();
    let refused = cluster.ask(put_if_present("k"), user());
    assert!(
        matches!(
            &refused,
            Reply::Kv(kv::Reply::Answered {
                answer: Answer::ConditionFailed { .. },
                ..
            })
        ),
        "{refused:?}"
    );
    let others: Vec<u64> = cluster
        .nodes
        .keys()
        .copied()
        .filter(|id| *id != old)
        .collect();
    others.iter().for_each(|id| cluster.cut(old, *id));
    // To the one that is alone, the key has no value; the others may have another leader at any
    // time.
    let call = cluster.send(old, put_if_present("k"), user());
    cluster.run(300);
    assert!(
        !cluster.replies.contains_key(&call),
        "nobody confirmed that it leads"
    );
    cluster.run(4000);
    let reply = cluster
        .replies
        .remove(&call)
        .expect("an answer once leadership is lost");
    assert!(
        matches!(reply, Reply::Failed(CallError::Retry)),
        "{reply:?}"
    );
}

#[test]
fn a_follower_names_the_leader() {
    let mut cluster = Cluster::three(21);
    let leader = cluster.leader();
    let follower = cluster
        .nodes
        .keys()
        .copied()
        .find(|id| *id != leader)
        .expect("a follower");
    let call = cluster.send(follower, Cluster::put_request("records", "k", "v"), user());
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Failed(CallError::NotLeader { leader: Some(id) })) if id == leader),
        "{reply:?}"
    );
}

#[test]
fn a_local_read_is_answered_by_a_follower_and_refused_without_a_leader() {
    let mut cluster = Cluster::three(22);
    cluster.put("k", "v");
    cluster.run(500);
    let leader = cluster.leader();
    let follower = cluster
        .nodes
        .keys()
        .copied()
        .find(|id| *id != leader)
        .expect("a follower");
    let call = cluster.send(follower, Cluster::get_request("records", "k", true), user());
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(
            reply,
            Some(Reply::Kv(kv::Reply::Answered {
                answer: Answer::Found(_),
                ..
            }))
        ),
        "{reply:?}"
    );
    let others: Vec<u64> = cluster
        .nodes
        .keys()
        .copied()
        .filter(|id| *id != follower)
        .collect();
    others.into_iter().for_each(|id| cluster.cut(follower, id));
    cluster.run(7000);
    let call = cluster.send(follower, Cluster::get_request("records", "k", true), user());
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Failed(CallError::Stale))),
        "{reply:?}"
    );
}

#[test]
fn an_idempotency_key_runs_once_even_across_leaders() {
    let mut cluster = Cluster::three(23);
    let first = cluster.ask(idempotent("k", "v"), user());
    let Reply::Kv(kv::Reply::Answered {
        tx: Some(tx),
        repeated: false,
        ..
    }) = first
    else {
        panic!("{first:?}")
    };
    let dead = cluster.leader();
    cluster.stop(dead);
    cluster.await_leader();
    let again = cluster.ask(idempotent("k", "v"), user());
    let Reply::Kv(kv::Reply::Answered {
        tx: Some(same),
        repeated: true,
        ..
    }) = again
    else {
        panic!("{again:?}")
    };
    assert_eq!(same, tx);
    let reused = cluster.ask(idempotent("k", "another"), user());
    assert!(
        matches!(reused, Reply::Failed(CallError::KeyReused)),
        "{reused:?}"
    );
}

#[test]
fn a_full_disk_refuses_writes_and_serves_reads_until_space_returns() {
    let mut cluster = Cluster::found(24, 1);
    cluster.open();
    cluster.put("k", "v");
    let leader = cluster.leader();
    cluster
        .nodes
        .get_mut(&leader)
        .expect("the leader")
        .disk_works = false;
    cluster.step(leader, Input::DiskFull(true));
    let reply = cluster.ask(Cluster::put_request("records", "k", "w"), user());
    assert!(
        matches!(reply, Reply::Failed(CallError::DiskFull)),
        "{reply:?}"
    );
    let reply = cluster.ask(Cluster::get_request("records", "k", false), user());
    assert!(
        matches!(
            reply,
            Reply::Kv(kv::Reply::Answered {
                answer: Answer::Found(_),
                ..
            })
        ),
        "{reply:?}"
    );
    cluster
        .nodes
        .get_mut(&leader)
        .expect("the leader")
        .disk_works = true;
    cluster.step(leader, Input::DiskFull(false));
    cluster.put("k", "w");
}

fn fill_disk(cluster: &mut Cluster, id: u64, full: bool) {
    cluster.nodes.get_mut(&id).expect("the node").disk_works = !full;
    cluster.step(id, Input::DiskFull(full));
}

#[test]
fn a_leader_whose_disk_alone_is_full_hands_over_and_writes_go_on() {
    let mut cluster = Cluster::three(32);
    cluster.put("k", "v");
    let leader = cluster.leader();
    fill_disk(&mut cluster, leader, true);
    let call = cluster.send(leader, Cluster::put_request("records", "k", "w"), user());
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Failed(CallError::Retry))),
        "it is asked to come again: {reply:?}"
    );
    cluster.run(1000);
    let heir = cluster.await_leader();
    assert_ne!(heir, leader);
    cluster.put("k", "w");
    // The full one does not lead again, whatever becomes of the others' leadership.
    cluster.run(5000);
    assert_eq!(cluster.leader(), heir);
    fill_disk(&mut cluster, leader, false);
    cluster.put("k", "x");
    cluster.run(500);
    let certified = |id: &u64| cluster.nodes[id].replica.gauges().certified_index;
    assert_eq!(certified(&leader), certified(&heir), "it is level again");
}

#[test]
fn leadership_is_not_handed_to_a_voter_whose_disk_is_full() {
    let mut cluster = Cluster::found(33, 2);
    for tee in [Tee::Tdx, Tee::Nitro, Tee::SevSnp, Tee::Tdx] {
        cluster.join(tee);
    }
    cluster.open();
    cluster.put("k", "v");
    cluster.run(300);
    let leader = cluster.leader();
    // Of several heirs that are level the last one would be taken.
    let full = *crate::adversary::followers(&cluster).last().unwrap();
    fill_disk(&mut cluster, full, true);
    cluster.run(300);
    fill_disk(&mut cluster, leader, true);
    // A full heir would hand over in turn, so each moment counts.
    for _ in 0..100 {
        cluster.run(10);
        assert!(!cluster.nodes[&full].replica.leads(), "a full disk leads");
    }
    assert_ne!(cluster.await_leader(), leader);
    cluster.put("k", "w");
}

#[test]
fn a_full_leader_stays_where_the_others_alone_certify_nothing() {
    let mut cluster = Cluster::three(34);
    cluster.put("k", "v");
    cluster.run(300);
    let leader = cluster.leader();
    let others = crate::adversary::followers(&cluster);
    fill_disk(&mut cluster, others[0], true);
    cluster.run(300);
    fill_disk(&mut cluster, leader, true);
    cluster.run(2000);
    assert_eq!(cluster.leader(), leader, "nobody could do more");
    let reply = cluster.ask(Cluster::put_request("records", "k", "w"), user());
    assert!(
        matches!(reply, Reply::Failed(CallError::DiskFull)),
        "{reply:?}"
    );
    fill_disk(&mut cluster, others[0], false);
    cluster.run(1000);
    assert_ne!(cluster.await_leader(), leader);
    cluster.put("k", "w");
}

#[test]
fn a_replica_whose_disk_takes_no_writes_does_not_stand_for_election() {
    for seed in 35..41 {
        let mut cluster = Cluster::three(seed);
        cluster.put("k", "v");
        cluster.run(300);
        let others = crate::adversary::followers(&cluster);
        let (full, sound) = (others[0], others[1]);
        fill_disk(&mut cluster, full, true);
        let dead = cluster.leader();
        cluster.stop(dead);
        for _ in 0..300 {
            cluster.run(10);
            assert!(!cluster.nodes[&full].replica.leads(), "a full disk leads");
        }
        // Nothing waits for the full disk, so its replica gave its vote.
        assert_eq!(cluster.leader(), sound);
        fill_disk(&mut cluster, full, false);
        cluster.put("k", "w");
    }
}

#[test]
fn a_replica_stands_for_election_once_its_disk_takes_writes_again() {
    let mut cluster = Cluster::three(41);
    cluster.put("k", "v");
    cluster.run(300);
    let others = crate::adversary::followers(&cluster);
    let dead = cluster.leader();
    others
        .iter()
        .for_each(|id| fill_disk(&mut cluster, *id, true));
    cluster.stop(dead);
    cluster.run(5000);
    assert!(
        others.iter().all(|id| !cluster.nodes[id].replica.leads()),
        "neither could write a block"
    );
    fill_disk(&mut cluster, others[1], false);
    cluster.run(3000);
    assert_eq!(cluster.leader(), others[1]);
}

#[test]
fn a_quorum_of_slow_disks_does_not_depose_the_leader() {
    let mut cluster = Cluster::three(25);
    let leader = cluster.leader();
    for (_, node) in cluster.nodes.iter_mut().filter(|(id, _)| **id != leader) {
        node.disk_works = false;
    }
    let call = cluster.send(leader, Cluster::put_request("records", "k", "v"), user());
    cluster.run(5000);
    assert_eq!(cluster.leader(), leader);
    assert!(
        !cluster.replies.contains_key(&call),
        "nothing is acknowledged before a quorum has it on disk"
    );
    cluster
        .nodes
        .values_mut()
        .for_each(|node| node.disk_works = true);
    cluster.run(200);
    assert!(matches!(
        cluster.replies.remove(&call),
        Some(Reply::Kv(kv::Reply::Answered { .. }))
    ));
}

#[test]
fn the_ledger_time_outvotes_a_clock_that_is_set_back_or_forward() {
    for skew in [-3_600_000, 3_600_000] {
        let mut cluster = Cluster::three(26);
        let leader = cluster.leader();
        cluster
            .nodes
            .get_mut(&leader)
            .expect("the leader")
            .clock_skew_ms = skew;
        let mut before = 0;
        for n in 0..20 {
            cluster.put(&format!("k{n}"), "v");
            cluster.run(400);
            let (_, _, time) = cluster.leader_node().replica.network_view().certified;
            assert!(time >= before, "ledger time is monotone");
            assert!(
                time <= cluster.now_ms,
                "one fast clock does not move the ledger's"
            );
            before = time;
        }
        assert!(
            cluster.now_ms - before < 2000,
            "one slow clock does not stop the ledger's: {}",
            cluster.now_ms - before
        );
    }
}

#[test]
fn a_leader_that_is_removed_hands_over_first() {
    let mut cluster = Cluster::three(27);
    cluster.put("k", "v");
    cluster.join(Tee::SevSnp);
    let leader = cluster.leader();
    let act = Act::RemoveReplica {
        id: leader,
        cause: "rotation".to_owned(),
    };
    for _ in 0..20 {
        match cluster.act(act.clone()) {
            Reply::Governance(Recorded { .. }) => break,
            Reply::Failed(CallError::Retry | CallError::NotLeader { .. }) => {}
            other => panic!("{other:?}"),
        }
        cluster.await_leader();
    }
    assert_ne!(cluster.await_leader(), leader);
    assert!(
        cluster
            .leader_node()
            .replica
            .network_view()
            .configuration
            .voter(leader)
            .is_none()
    );
    cluster.put("after", "v");
}

#[test]
fn a_folder_with_a_flipped_bit_is_refused() {
    let mut cluster = Cluster::three(28);
    cluster.put("k", "v");
    let disk = cluster.leader_node().disk.clone();
    for at in (0..disk.len()).step_by(disk.len() / 40) {
        let mut broken = disk.clone();
        broken[at] ^= 1;
        let Ok(scanner) = Scanner::new(Bytes::from(broken)) else {
            continue;
        };
        let mut import = LedgerImport::new(cluster.network, None);
        let sound = scanner
            .into_iter()
            .all(|placed| placed.is_ok_and(|placed| import.feed(&placed.record).is_ok()));
        assert!(!sound || at < 60, "a flip at byte {at} went unseen");
    }
}

#[test]
fn a_folder_cut_anywhere_still_gives_its_certified_prefix() {
    let mut cluster = Cluster::three(29);
    cluster.put("k", "v");
    let disk = cluster.leader_node().disk.clone();
    for end in (60..disk.len()).step_by(disk.len() / 50) {
        let mut import = LedgerImport::new(cluster.network, None);
        let Ok(scanner) = Scanner::new(Bytes::copy_from_slice(&disk[..end])) else {
            continue;
        };
        for placed in scanner {
            let Ok(placed) = placed else { break };
            import.feed(&placed.record).expect("what is whole is sound");
        }
        if let Ok(machine) = import.finish() {
            assert!(machine.sequence().certified().index >= 1);
        }
    }
}

#[test]
fn a_leader_counts_itself_only_once_its_own_disk_has_the_block() {
    let mut cluster = Cluster::three(30);
    let leader = cluster.leader();
    let away = cluster
        .nodes
        .keys()
        .copied()
        .find(|id| *id != leader)
        .expect("a follower");
    cluster.stop(away);
    cluster
        .nodes
        .get_mut(&leader)
        .expect("the leader")
        .disk_works = false;
    let call = cluster.send(leader, Cluster::put_request("records", "k", "v"), user());
    cluster.run(1000);
    assert!(!cluster.replies.contains_key(&call));
    cluster
        .nodes
        .get_mut(&leader)
        .expect("the leader")
        .disk_works = true;
    cluster.run(200);
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Kv(kv::Reply::Answered { .. }))),
        "{reply:?}"
    );
}

#[test]
fn answers_are_remembered_for_a_bounded_number_of_transactions() {
    let mut cluster = Cluster::three(31);
    let first = cluster.ask(idempotent("k", "v"), user());
    let Reply::Kv(kv::Reply::Answered {
        tx: Some(first), ..
    }) = first
    else {
        panic!("{first:?}")
    };
    let leader = cluster.leader();
    let plain = |n: u64| Cluster::put_request("filler", &format!("{}", n % 64), "v");
    // All transactions up to the one before that which takes the first one's slot.
    for n in 0..synod_replica::REMEMBERED_MAX - 1 {
        cluster.enqueue(leader, without_receipt(plain(n)), user());
        if n % 512 == 511 {
            cluster.run(40);
        }
    }
    cluster.run(1000);
    let again = cluster.ask(idempotent("k", "v"), user());
    assert!(
        matches!(again, Reply::Kv(kv::Reply::Answered { repeated: true, .. })),
        "{again:?}"
    );
    let mut other = idempotent("other", "v");
    if let Request::Kv(operate) = &mut other {
        operate.idempotency = Some(Bytes::from_static(b"another"));
    }
    let taker = cluster.ask(other, user());
    let Reply::Kv(kv::Reply::Answered {
        tx: Some(taker), ..
    }) = taker
    else {
        panic!("{taker:?}")
    };
    assert_eq!(taker.seqno, first.seqno + synod_replica::REMEMBERED_MAX);
    let forgotten = cluster.ask(idempotent("k", "v"), user());
    assert!(
        matches!(
            forgotten,
            Reply::Kv(kv::Reply::Answered {
                repeated: false,
                ..
            })
        ),
        "{forgotten:?}"
    );
}

fn without_receipt(request: Request) -> Request {
    match request {
        Request::Kv(mut operate) => {
            operate.receipt = false;
            Request::Kv(operate)
        }
        other => other,
    }
}
