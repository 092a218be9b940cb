//! How the log spreads: the bugs that other engines had with stale rejections, over-eager
//! acknowledgements and early commits do not happen here.

use crate::cluster;

use cluster::{Cluster, Faults};
use synod_consensus::{Body, Input, Message, Payload, Refused, Role, Tuning};

fn is_rejection(message: &Message) -> bool {
    matches!(message.body, Body::Rejected { .. })
}

fn is_append(message: &Message) -> bool {
    matches!(message.body, Body::Append { .. })
}

/// Leader 1 with some blocks, which replica 3 got only in part.
fn with_a_lagging_follower(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed, 3);
    cluster.elect(1);
    cluster.commit("everybody has it");
    cluster.partition(&[&[1, 2], &[3]]);
    for text in ["a", "b", "c"] {
        cluster.propose(text);
        cluster.run_for(50);
    }
    cluster
}

#[test]
fn blocks_reach_everybody_in_order() {
    let mut cluster = Cluster::new(1, 5);
    cluster.settle();
    for number in 0..50 {
        cluster.commit(&format!("block {number}"));
    }
    for node in cluster.nodes.values() {
        let indices: Vec<u64> = node.committed.iter().map(|entry| entry.index).collect();
        assert!(indices.windows(2).all(|pair| pair[1] == pair[0] + 1));
        let blocks = node
            .committed
            .iter()
            .filter_map(|entry| entry.payload.block());
        assert_eq!(blocks.count(), 50);
    }
}

#[test]
fn rejection_never_lowers_what_a_follower_is_known_to_hold() {
    let mut cluster = with_a_lagging_follower(3);
    cluster.capture(is_rejection);
    cluster.heal();
    cluster.run_until(2000, |c| !c.captured.is_empty());
    let stale = cluster.take_captured(is_rejection).remove(0);
    cluster.stop_capturing();
    cluster.deliver(stale.clone()).unwrap();
    let last = cluster.engine(1).last_index();
    cluster.run_until(1000, |c| c.engine(1).matched(3) == Some(last));
    let refused = cluster.deliver(stale).unwrap_err();
    assert!(
        matches!(refused, Refused::StaleRejection { .. }),
        "{refused}"
    );
    assert_eq!(cluster.engine(1).matched(3), Some(last));
}

#[test]
fn leader_never_sends_again_from_below_what_a_follower_holds() {
    // A delayed rejection arrives while the leader probes at the match: followed, it would set
    // the next index at or below the match.
    let mut cluster = Cluster::new(5, 3);
    cluster.elect(1);
    let matched = cluster.commit("everybody has it");
    cluster.run_for(100);
    cluster.partition(&[&[1, 2], &[3]]);
    let last = cluster.propose("3 lacks it").index;
    cluster.run_for(50);
    cluster.input(1, Input::Unreachable(3)).unwrap();
    let stale = Message {
        from: 3,
        to: 1,
        term: cluster.engine(1).term(),
        body: Body::Rejected {
            index: matched,
            hint: 1,
            hint_term: 1,
            commit: 1,
        },
    };
    let _refused = cluster.deliver(stale);
    let peers = cluster.engine(1).peers();
    let peer = peers.iter().find(|peer| peer.id == 3).unwrap();
    assert_eq!((peer.matched, peer.next), (matched, matched + 1));
    cluster.heal();
    cluster.expect_committed(last);
}

#[test]
fn stale_rejections_and_appends_truncate_nothing_committed() {
    // Everything that was ever sent to or from replica 3 comes again, late and out of order.
    let mut cluster = with_a_lagging_follower(7);
    cluster.capture(|message| {
        (message.from == 3 || message.to == 3) && (is_append(message) || is_rejection(message))
    });
    cluster.heal();
    cluster.run_for(1500);
    let mut old = cluster.take_captured(|_| true);
    cluster.stop_capturing();
    let last = cluster.engine(1).last_index();
    cluster.expect_committed(last);
    old.reverse();
    for message in old {
        let _refused_or_ignored = cluster.deliver(message);
    }
    cluster.run_for(1000);
    assert_eq!(cluster.engine(3).last_index(), last);
    let index = cluster.commit("goes on");
    assert_eq!(cluster.engine(1).matched(3), Some(index));
}

#[test]
fn acknowledgement_ends_at_the_tail_of_the_append_it_answers() {
    // Replica 3 has a longer tail of a dead leader; a heartbeat-like append acknowledges only
    // what it shares with the new leader.
    let mut cluster = Cluster::new(9, 3);
    cluster.elect(3);
    let common = cluster.commit("common");
    cluster.partition(&[&[3], &[1, 2]]);
    for text in ["x", "y", "z"] {
        cluster.propose_at(3, text).unwrap();
    }
    let long = cluster.engine(3).last_index();
    cluster.run_until(5000, |c| {
        [1, 2].iter().any(|id| c.engine(*id).role() == Role::Leader)
    });
    let new = cluster.settle();
    let empty_append = Message {
        from: new,
        to: 3,
        term: cluster.engine(new).term(),
        body: Body::Append {
            index: common,
            log_term: cluster.engine(new).term_at(common).unwrap(),
            commit: common,
            entry: None,
        },
    };
    let effects = cluster.deliver(empty_append).unwrap();
    assert_eq!(
        cluster.engine(3).last_index(),
        long,
        "no conflict is proven yet"
    );
    let answers: Vec<_> = effects
        .send
        .iter()
        .filter_map(Message::acknowledges)
        .collect();
    assert_eq!(answers, [common]);
}

#[test]
fn append_of_an_index_that_is_committed_already_is_acknowledged_again() {
    let mut cluster = Cluster::new(11, 3);
    cluster.elect(1);
    cluster.capture(|message| message.to == 3 && is_append(message) && message.entry().is_some());
    let index = cluster.propose("twice").index;
    cluster.run_for(50);
    cluster.stop_capturing();
    let copy = cluster.captured.clone();
    cluster.run_for(500);
    cluster.expect_committed(index);
    for message in copy {
        let effects = cluster.deliver(message).unwrap();
        assert_eq!(effects.persist, None);
        let answers: Vec<_> = effects
            .send
            .iter()
            .filter_map(Message::acknowledges)
            .collect();
        assert_eq!(
            answers,
            [index],
            "the stored signature of this index rides on it"
        );
    }
}

#[test]
fn follower_progress_resumes_after_lost_appends() {
    let mut cluster = with_a_lagging_follower(13);
    let last = cluster.engine(1).last_index();
    cluster.heal();
    let took = cluster.run_until(2000, |c| c.engine(3).commit() >= last);
    assert!(took < 500, "took {took} ms");
}

#[test]
fn entry_of_an_earlier_term_is_not_committed_by_counting_its_copies() {
    // Figure 8 of the Raft paper. 1 leads; its block reaches only 2. 5 leads next, and appends
    // what reaches nobody. 1 leads again and copies its old block to 3, which makes a majority.
    // It must not count as committed, because 5 can still win and replace it; and does.
    let mut cluster = Cluster::new(17, 5);
    cluster.elect(1);
    cluster.commit("base");
    cluster.run_for(100);
    cluster.partition(&[&[1, 2], &[3, 4, 5]]);
    let contested = cluster.propose_at(1, "old term").unwrap();
    cluster.capture(|message| message.from == 5 && is_append(message));
    cluster.lead(5);
    cluster.partition(&[&[1, 2, 3, 4], &[5]]);
    cluster.capture(move |message| {
        let entry = message.entry();
        message.from == 1 && entry.is_some_and(|entry| entry.index > contested.index)
    });
    cluster.lead(1);
    // Only replica 3 hears the probes, without the leader's own entry, and so asks for the old.
    for _ in 0..20 {
        cluster.run_for(20);
        for mut probe in cluster.take_captured(|message| message.to == 3) {
            if let (Body::Append { entry, .. }, None) =
                (&mut probe.body, cluster.engine(3).term_at(contested.index))
            {
                *entry = None;
                cluster.deliver(probe).unwrap();
            }
        }
    }
    for holder in [1, 2, 3] {
        assert_eq!(
            cluster.engine(holder).term_at(contested.index),
            Some(contested.term)
        );
    }
    assert!(
        cluster.engine(1).commit() < contested.index,
        "three copies, no commit"
    );
    cluster.stop(1);
    cluster.stop_capturing();
    cluster.partition(&[&[2], &[3], &[4], &[5]]);
    cluster.run_for(2000);
    cluster.heal();
    cluster.lead(5);
    let last = cluster.engine(5).last_index();
    cluster.expect_committed(last);
    assert_ne!(
        cluster.engine(3).term_at(contested.index),
        Some(contested.term)
    );
}

#[test]
fn new_leader_commits_older_entries_only_together_with_its_own() {
    let mut cluster = Cluster::new(19, 3);
    cluster.elect(1);
    cluster.commit("base");
    cluster.run_for(100);
    // The block reaches 2, but no acknowledgement comes back.
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    cluster.cut(1, 3);
    let index = cluster.propose("copied, not committed").index;
    cluster.run_for(30);
    assert_eq!(cluster.engine(2).last_index(), index);
    cluster.stop(1);
    cluster.heal();
    // 2 leads; its appends of the older entry are acknowledged, those of its own entry are not.
    cluster.capture(move |message| {
        message.to == 2 && message.acknowledges().is_some_and(|acked| acked > index)
    });
    cluster.run_until(5000, |c| c.engine(2).role() == Role::Leader);
    cluster.run_until(1000, |c| c.engine(2).matched(3) == Some(index));
    cluster.run_for(100);
    assert!(
        cluster.engine(2).commit() < index,
        "counting copies is not enough"
    );
    cluster.stop_capturing();
    for acknowledgement in cluster.take_captured(|_| true) {
        let _maybe_repeated = cluster.deliver(acknowledgement);
    }
    cluster.expect_committed(index + 1);
    assert_eq!(
        cluster.engine(2).entry(index + 1).unwrap().payload,
        Payload::Empty
    );
}

#[test]
fn every_append_carries_one_entry_at_most() {
    let mut cluster = with_a_lagging_follower(23);
    cluster.capture(|message| message.to == 3 && is_append(message));
    cluster.heal();
    for text in ["d", "e", "f"] {
        cluster.propose(text);
    }
    cluster.run_for(300);
    assert!(!cluster.captured.is_empty());
    for message in &cluster.captured {
        if let (Some(entry), Body::Append { index, .. }) = (message.entry(), &message.body) {
            assert_eq!(entry.index, index + 1);
        }
    }
}

#[test]
fn slow_peer_is_served_from_the_disk_what_memory_has_dropped() {
    let tuning = Tuning {
        entries_in_memory_max: 4,
        fetch_max: 5,
        ..Tuning::default()
    };
    let mut cluster = Cluster::with_tuning(29, 3, tuning);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    for number in 0..40 {
        cluster.propose(&format!("block {number}"));
        cluster.run_for(20);
    }
    let last = cluster.engine(1).last_index();
    assert!(cluster.engine(1).entry(5).is_none(), "memory is bounded");
    assert_eq!(
        cluster.engine(1).term_at(5),
        Some(2),
        "terms are remembered"
    );
    cluster.heal();
    cluster.expect_committed(last);
    cluster.run_for(100);
    assert!(
        cluster.node(1).fetches >= 7,
        "{} fetches",
        cluster.node(1).fetches
    );
    let blocks = cluster
        .node(3)
        .committed
        .iter()
        .filter(|e| e.payload != Payload::Empty);
    assert_eq!(blocks.count(), 40);
}

#[test]
fn memory_is_bounded_by_bytes_too() {
    let tuning = Tuning {
        bytes_in_memory_max: 1000,
        ..Tuning::default()
    };
    let mut cluster = Cluster::with_tuning(31, 3, tuning);
    cluster.elect(1);
    for _ in 0..20 {
        cluster.commit(&"x".repeat(300));
    }
    let last = cluster.engine(1).last_index();
    assert!(cluster.engine(1).entry(last).is_some());
    assert!(cluster.engine(1).entry(last - 4).is_none());
}

#[test]
fn fetched_entries_that_were_not_asked_for_or_do_not_fit_are_refused() {
    let tuning = Tuning {
        entries_in_memory_max: 2,
        ..Tuning::default()
    };
    let mut cluster = Cluster::with_tuning(37, 3, tuning);
    cluster.elect(1);
    let entry = cluster.node(1).committed[0].clone();
    let unasked = cluster.input(1, Input::Fetched(vec![entry])).unwrap_err();
    assert!(matches!(unasked, Refused::NotFetched { .. }));
    cluster.partition(&[&[1, 2], &[3]]);
    for _ in 0..10 {
        cluster.propose("block");
        cluster.run_for(20);
    }
    cluster.faults.disk_ms = (5000, 5000);
    cluster.heal();
    cluster.run_until(2000, |c| c.node(1).fetches > 0);
    let mut wrong = cluster
        .node(1)
        .disk
        .stored
        .values()
        .cloned()
        .collect::<Vec<_>>();
    wrong.retain(|entry| (3..6).contains(&entry.index));
    wrong[0].term = 1;
    let refused = cluster.input(1, Input::Fetched(wrong)).unwrap_err();
    assert!(matches!(refused, Refused::NotFetched { .. }));
}

#[test]
fn peer_older_than_the_history_gets_nothing_and_harms_nothing() {
    let mut cluster = Cluster::new(41, 3);
    cluster.elect(1);
    for _ in 0..5 {
        cluster.commit("block");
    }
    cluster.change(synod_consensus::Change::AddLearner(4));
    // 4 claims that it has nothing below the genesis block.
    let index = cluster.engine(1).last_index();
    let claim = Message {
        from: 4,
        to: 1,
        term: cluster.engine(1).term(),
        body: Body::Rejected {
            index,
            hint: 0,
            hint_term: 0,
            commit: 0,
        },
    };
    cluster.deliver(claim).unwrap();
    cluster.run_for(1000);
    cluster.commit("goes on");
}

#[test]
fn full_pipeline_to_a_dead_follower_holds_up_nobody() {
    let mut cluster = Cluster::new(43, 3);
    cluster.elect(1);
    cluster.stop(3);
    for _ in 0..200 {
        cluster.propose("block");
        cluster.run_for(1);
    }
    let last = cluster.engine(1).last_index();
    cluster.expect_committed(last);
}

#[test]
fn reordered_and_repeated_messages_change_nothing() {
    let mut cluster = Cluster::new(47, 3);
    cluster.elect(1);
    cluster.faults = Faults {
        delay_ms: (1, 200),
        duplicate_percent: 50,
        ..Faults::calm()
    };
    let taken = cluster.busy_for(3000, 10);
    assert!(taken > 100);
    cluster.faults = Faults::calm();
    let last = cluster.engine(cluster.leader().unwrap()).last_index();
    cluster.expect_committed(last);
}
