//! Who belongs: one change at a time, learners first, in order, and never by accident.

use crate::cluster;

use std::collections::BTreeMap;

use cluster::Cluster;
use synod_consensus::{
    Body, Change, DroppedReason, Groups, Input, Message, Payload, Refused, Role,
};

/// Replica 1 alone, leading.
fn founder(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(seed, 1);
    cluster.input(1, Input::Campaign).unwrap();
    cluster.run_for(50);
    cluster
}

#[test]
fn cluster_grows_from_one_to_three_through_learners() {
    let mut cluster = founder(1);
    cluster.commit("alone");
    for (id, voters) in [(2, vec![1]), (3, vec![1, 2])] {
        cluster.change(Change::AddLearner(id));
        cluster.join(id, &voters, &[id]);
        cluster.commit("the learner has it, too");
        cluster.change(Change::Promote(id));
    }
    assert_eq!(cluster.engine(1).voters(), [1, 2, 3]);
    assert_eq!(cluster.engine(1).learners(), [] as [u64; 0]);
    cluster.stop(1);
    cluster.settle();
    cluster.commit("the founder is not needed");
}

#[test]
fn joiner_may_start_before_the_entry_that_names_it() {
    let mut cluster = founder(2);
    cluster.commit("a");
    cluster.join(2, &[1], &[]);
    cluster.change(Change::AddLearner(2));
    let index = cluster.commit("b");
    cluster.expect_committed(index);
    assert_eq!(cluster.engine(2).learners(), [2]);
}

#[test]
fn learner_has_no_weight_in_a_quorum() {
    let mut cluster = Cluster::new(3, 3);
    cluster.elect(1);
    cluster.change(Change::AddLearner(4));
    cluster.join(4, &[1, 2, 3], &[4]);
    cluster.commit("all four");
    cluster.partition(&[&[1, 4], &[2, 3]]);
    let index = cluster
        .propose_at(1, "one voter and a learner")
        .unwrap()
        .index;
    cluster.run_for(400);
    assert_eq!(cluster.engine(1).matched(4), Some(index));
    assert!(cluster.engine(1).commit() < index);
}

#[test]
fn change_is_counted_in_the_old_configuration_until_it_is_applied() {
    let mut cluster = Cluster::new(5, 3);
    cluster.elect(1);
    cluster.change(Change::AddLearner(4));
    cluster.join(4, &[1, 2, 3], &[4]);
    cluster.commit("caught up");
    cluster.apply_by_itself = false;
    cluster.run_for(100);
    let change = cluster.propose_change(1, Change::Promote(4)).unwrap();
    cluster.run_for(100);
    assert!(cluster.engine(1).commit() >= change.index);
    assert_eq!(
        cluster.engine(1).voters(),
        [1, 2, 3],
        "committed, not applied"
    );
    assert_eq!(
        cluster.engine(2).voters(),
        [1, 2, 3, 4],
        "a follower applies at once"
    );
    assert_eq!(
        cluster.engine(1).pending_change(),
        Some((change.index, Change::Promote(4)))
    );
    cluster.apply(1, change.index).unwrap();
    assert_eq!(cluster.engine(1).voters(), [1, 2, 3, 4]);
    assert_eq!(cluster.engine(1).pending_change(), None);
}

#[test]
fn second_change_is_dropped_while_the_first_is_not_applied() {
    let mut cluster = founder(7);
    cluster.apply_by_itself = false;
    let first = cluster.propose_change(1, Change::AddLearner(2)).unwrap();
    let too_early = cluster.propose_change(1, Change::AddLearner(3));
    assert_eq!(too_early, Err(DroppedReason::ChangePending));
    cluster.run_for(100);
    assert!(cluster.engine(1).commit() >= first.index);
    let still = cluster.propose_change(1, Change::AddLearner(3));
    assert_eq!(still, Err(DroppedReason::ChangePending));
    cluster.apply(1, first.index).unwrap();
    cluster.propose_change(1, Change::AddLearner(3)).unwrap();
}

#[test]
fn blocks_flow_while_a_change_waits_and_none_is_replaced_by_an_empty_entry() {
    let mut cluster = founder(8);
    cluster.apply_by_itself = false;
    cluster.propose_change(1, Change::AddLearner(2)).unwrap();
    let index = cluster.propose("a block").index;
    cluster.run_for(100);
    assert!(cluster.engine(1).commit() >= index);
    let carried: Vec<_> = cluster
        .node(1)
        .committed
        .iter()
        .map(|e| &e.payload)
        .collect();
    assert!(matches!(carried[1], Payload::Change { .. }));
    assert!(matches!(carried[2], Payload::Block(_)));
    assert!(cluster.engine(1).applied() < cluster.engine(1).commit());
}

#[test]
fn new_leader_drops_changes_until_everything_before_it_is_applied() {
    let mut cluster = Cluster::new(9, 3);
    cluster.elect(1);
    cluster.capture(|message| message.acknowledges().is_some());
    cluster.propose("reaches everybody, its acknowledgements nobody");
    cluster.run_for(20);
    cluster.stop(1);
    cluster.lead(2);
    let outcome = cluster.propose_change(2, Change::AddLearner(4));
    assert_eq!(outcome, Err(DroppedReason::ChangePending));
    cluster.stop_capturing();
    cluster.run_for(500);
    cluster.propose_change(2, Change::AddLearner(4)).unwrap();
}

#[test]
fn changes_that_do_not_fit_the_membership_are_dropped() {
    let mut cluster = Cluster::new(11, 3);
    cluster.elect(1);
    cluster.change(Change::AddLearner(4));
    let unfit = [
        Change::AddLearner(2),
        Change::AddLearner(4),
        Change::Promote(2),
        Change::Promote(9),
        Change::Remove(9),
        Change::Remove(1),
        Change::Demote(1),
        Change::Demote(4),
        Change::Demote(9),
    ];
    for change in unfit {
        let outcome = cluster.propose_change(1, change);
        assert_eq!(outcome, Err(DroppedReason::ChangeUnfit), "{change:?}");
    }
}

#[test]
fn demoted_voter_follows_without_weight_and_gets_its_vote_again() {
    let mut cluster = Cluster::new(41, 4);
    cluster.elect(1);
    cluster.commit("four vote");
    cluster.change(Change::Demote(4));
    for id in 1..=4 {
        assert_eq!(cluster.engine(id).voters(), [1, 2, 3]);
        assert_eq!(cluster.engine(id).learners(), [4]);
    }
    cluster.partition(&[&[1, 4], &[2, 3]]);
    let index = cluster
        .propose_at(1, "a voter and a learner")
        .unwrap()
        .index;
    cluster.run_for(400);
    assert_eq!(cluster.engine(1).matched(4), Some(index), "it follows");
    assert!(cluster.engine(1).commit() < index, "it has no weight");
    cluster.heal();
    cluster.settle();
    cluster.change(Change::Promote(4));
    cluster.stop(2);
    cluster.settle();
    cluster.commit("4 votes again");
    assert_eq!(cluster.engine(4).voters(), [1, 2, 3, 4]);
}

#[test]
fn demoted_voter_calls_no_elections() {
    let mut cluster = Cluster::new(43, 4);
    cluster.elect(1);
    cluster.change(Change::Demote(4));
    let term = cluster.engine(1).term();
    cluster.partition(&[&[1, 2, 3], &[4]]);
    cluster.run_for(5000);
    assert_eq!(cluster.engine(4).role(), Role::Follower);
    let cannot = cluster.input(4, Input::Campaign).unwrap();
    assert_eq!(cannot.dropped, Some(DroppedReason::WrongRole));
    cluster.heal();
    cluster.run_for(2000);
    assert_eq!(cluster.engine(1).term(), term);
}

#[test]
fn last_voter_is_not_demoted() {
    let mut cluster = founder(47);
    let outcome = cluster.propose_change(1, Change::Demote(1));
    assert_eq!(outcome, Err(DroppedReason::ChangeUnfit));
}

#[test]
fn payloads_that_are_no_block_are_dropped() {
    let mut cluster = founder(12);
    let none = Payload::Block(bytes::Bytes::new());
    let no_reason = Payload::Change {
        change: Change::AddLearner(2),
        block: bytes::Bytes::new(),
    };
    let nobody = Payload::Change {
        change: Change::AddLearner(0),
        block: bytes::Bytes::from_static(b"x"),
    };
    for payload in [Payload::Empty, none, no_reason, nobody] {
        let outcome = cluster.propose_payload(1, payload);
        assert_eq!(outcome, Err(DroppedReason::PayloadUnfit));
    }
}

#[test]
fn changes_are_applied_in_order_and_once() {
    let mut cluster = founder(13);
    cluster.apply_by_itself = false;
    let change = cluster.propose_change(1, Change::AddLearner(2)).unwrap();
    let before_commit = cluster.apply(1, change.index).unwrap_err();
    assert_eq!(
        before_commit,
        Refused::NotTheNextChange {
            index: change.index
        }
    );
    cluster.run_for(100);
    let other = change.index + 1;
    assert_eq!(
        cluster.apply(1, other).unwrap_err(),
        Refused::NotTheNextChange { index: other }
    );
    cluster.apply(1, change.index).unwrap();
    let again = cluster.apply(1, change.index).unwrap_err();
    assert_eq!(
        again,
        Refused::NotTheNextChange {
            index: change.index
        }
    );
}

#[test]
fn removed_follower_is_not_needed_and_cannot_disturb() {
    let mut cluster = Cluster::new(17, 4);
    cluster.elect(1);
    cluster.change(Change::Remove(4));
    assert_eq!(cluster.engine(1).voters(), [1, 2, 3]);
    let term = cluster.engine(1).term();
    cluster.run_for(10_000);
    assert_eq!(
        cluster.engine(1).term(),
        term,
        "4 campaigns in vain, if at all"
    );
    let index = cluster.propose("without 4").index;
    cluster.run_until(1000, |c| {
        [1, 2, 3].iter().all(|id| c.engine(*id).commit() >= index)
    });
    assert_eq!(cluster.engine(1).matched(4), None);
    let stranger = Message {
        from: 4,
        to: 1,
        term: term + 5,
        body: Body::Accepted {
            index: 3,
            commit: 3,
        },
    };
    assert_eq!(
        cluster.deliver(stranger).unwrap_err(),
        Refused::UnknownPeer { from: 4 }
    );
}

#[test]
fn leader_is_removed_after_it_handed_over() {
    let mut cluster = Cluster::new(19, 3);
    cluster.elect(1);
    cluster.input(1, Input::Transfer(2)).unwrap();
    cluster.run_until(2000, |c| c.leader() == Some(2));
    cluster.settle();
    let index = cluster.change(Change::Remove(1));
    assert!(cluster.engine(2).commit() >= index);
    assert_eq!(cluster.engine(2).voters(), [2, 3]);
    cluster.run_for(5000);
    assert_eq!(
        cluster.leader(),
        Some(2),
        "1 is gone and calls no elections"
    );
}

#[test]
fn leader_that_finds_itself_removed_steps_down_when_it_applies() {
    // 1 proposes to remove 2, the entry reaches 2 but no commit; 2 wins the next election and
    // thereby commits its own removal.
    let mut cluster = Cluster::new(23, 3);
    cluster.elect(1);
    cluster.commit("base");
    cluster.run_for(100);
    cluster.apply_by_itself = false;
    cluster.capture(|message| message.acknowledges().is_some());
    let change = cluster.propose_change(1, Change::Remove(2)).unwrap();
    cluster.run_for(20);
    cluster.stop(1);
    cluster.stop_capturing();
    cluster.elect(2);
    assert!(
        cluster.engine(2).commit() > change.index,
        "its own entry brought it along"
    );
    let effects = cluster.apply(2, change.index).unwrap();
    assert_eq!(effects.role.unwrap().role, Role::Follower);
    assert_eq!(cluster.engine(2).voters(), [1, 3]);
    cluster.run_for(5000);
    assert_ne!(cluster.engine(2).role(), Role::Leader);
}

#[test]
fn leader_that_finds_itself_demoted_steps_down_when_it_applies() {
    let mut cluster = Cluster::new(53, 3);
    cluster.elect(1);
    cluster.commit("base");
    cluster.run_for(100);
    cluster.apply_by_itself = false;
    cluster.capture(|message| message.acknowledges().is_some());
    let change = cluster.propose_change(1, Change::Demote(2)).unwrap();
    cluster.run_for(20);
    cluster.stop(1);
    cluster.stop_capturing();
    cluster.elect(2);
    let effects = cluster.apply(2, change.index).unwrap();
    assert_eq!(effects.role.unwrap().role, Role::Follower);
    assert_eq!(cluster.engine(2).voters(), [1, 3]);
    assert_eq!(cluster.engine(2).learners(), [2]);
    cluster.run_for(5000);
    assert_ne!(cluster.engine(2).role(), Role::Leader);
}

#[test]
fn committed_change_that_does_not_fit_is_refused_and_stays_pending() {
    // A broken leader could append what a sound one never proposes.
    let mut cluster = Cluster::new(29, 3);
    let change = Payload::Change {
        change: Change::AddLearner(3),
        block: bytes::Bytes::from_static(b"demotes a voter"),
    };
    let append = Message {
        from: 1,
        to: 2,
        term: 2,
        body: Body::Append {
            index: 1,
            log_term: 1,
            commit: 2,
            entry: Some(synod_consensus::Entry {
                index: 2,
                term: 2,
                payload: change,
            }),
        },
    };
    let engine = &mut cluster.node_mut(2).engine;
    let number = engine
        .step(Input::Received(append))
        .unwrap()
        .persist
        .unwrap()
        .number;
    engine.step(Input::Persisted(number)).unwrap();
    let apply = Input::Apply {
        index: 2,
        groups: Groups::none(),
    };
    assert_eq!(
        engine.step(apply).unwrap_err(),
        Refused::ChangeUnfit { index: 2 }
    );
    assert_eq!(engine.voters(), [1, 2, 3]);
    assert!(engine.pending_change().is_some());
}

#[test]
fn replacement_of_a_dead_voter_keeps_the_cluster_at_three() {
    let mut cluster = Cluster::new(31, 3);
    cluster.elect(1);
    cluster.stop(3);
    cluster.commit("two of three");
    cluster.change(Change::AddLearner(4));
    cluster.join(4, &[1, 2, 3], &[4]);
    cluster.commit("4 learns");
    cluster.change(Change::Promote(4));
    cluster.change(Change::Remove(3));
    assert_eq!(cluster.engine(4).voters(), [1, 2, 4]);
    cluster.stop(1);
    cluster.settle();
    cluster.commit("2 and 4");
}

#[test]
fn groups_of_an_applied_change_must_span_what_is_required() {
    let mut cluster = founder(37);
    cluster.apply_by_itself = false;
    let change = cluster.propose_change(1, Change::AddLearner(2)).unwrap();
    cluster.run_for(50);
    let groups = Groups {
        of: BTreeMap::from([(1, 1)]),
        required: 2,
    };
    let index = change.index;
    let refused = cluster
        .input(1, Input::Apply { index, groups })
        .unwrap_err();
    assert_eq!(refused, Refused::GroupsTooFew { required: 2 });
    assert!(
        cluster.engine(1).pending_change().is_some(),
        "nothing happened"
    );
}
