//! A block commits only when replicas of two vendors hold it, if the configuration asks for it.

use crate::cluster;

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::Cluster;
use synod_consensus::{
    Body, Change, Engine, Entry, Groups, Input, Message, Payload, Refused, Role, Start, StartError,
    Tuning,
};

fn vendors(of: &[(u64, u64)]) -> Groups {
    Groups {
        of: of.iter().copied().collect(),
        required: 2,
    }
}

/// Five replicas, 1 to 4 of one vendor, 5 of another.
fn lopsided(seed: u64) -> Cluster {
    Cluster::with_groups(seed, 5, vendors(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]))
}

#[test]
fn majority_of_one_vendor_commits_nothing() {
    let mut cluster = lopsided(1);
    cluster.elect(1);
    cluster.partition(&[&[1, 2, 3, 4], &[5]]);
    let index = cluster.propose("four of one vendor").index;
    cluster.run_for(5000);
    assert_eq!(cluster.engine(1).matched(4), Some(index));
    assert!(cluster.engine(1).commit() < index);
    cluster.heal();
    cluster.expect_committed(index);
}

#[test]
fn majority_of_two_vendors_commits() {
    let mut cluster = lopsided(2);
    cluster.elect(1);
    cluster.stop(3);
    cluster.stop(4);
    cluster.commit("three replicas, two vendors");
}

#[test]
fn rule_holds_under_the_next_leader_too() {
    let mut cluster = lopsided(3);
    cluster.elect(1);
    cluster.commit("base");
    cluster.stop(1);
    cluster.elect(2);
    cluster.partition(&[&[2, 3, 4], &[5]]);
    let index = cluster.propose_at(2, "one vendor").unwrap().index;
    cluster.run_for(3000);
    assert!(cluster.engine(2).commit() < index);
    cluster.heal();
    cluster.expect_committed(index);
}

#[test]
fn any_one_of_three_vendors_may_fail() {
    for dead in 1..=3 {
        let groups = vendors(&[(1, 1), (2, 2), (3, 3)]);
        let mut cluster = Cluster::with_groups(dead, 3, groups);
        cluster.settle();
        cluster.stop(dead);
        cluster.settle();
        cluster.commit("two vendors are left");
    }
}

#[test]
fn promoted_learner_counts_for_its_vendor_at_once() {
    let mut cluster = Cluster::with_groups(5, 3, vendors(&[(1, 1), (2, 1), (3, 2), (4, 2)]));
    cluster.elect(1);
    cluster.change(Change::AddLearner(4));
    cluster.join(4, &[1, 2, 3], &[4]);
    cluster.commit("4 learns");
    cluster.change(Change::Promote(4));
    cluster.stop(3);
    cluster.commit("1, 2 and 4");
    assert_eq!(cluster.engine(4).groups().required, 2);
}

#[test]
fn added_voter_without_a_group_never_holds_up_or_loosens_the_rule() {
    let known = vendors(&[(1, 1), (2, 1), (3, 2)]);
    let all = vendors(&[(1, 1), (2, 1), (3, 2), (4, 1)]);
    let mut cluster = Cluster::with_groups(7, 3, known.clone());
    cluster.elect(1);
    cluster.groups = all;
    cluster.change(Change::AddLearner(4));
    cluster.join(4, &[1, 2, 3], &[4]);
    cluster.commit("4 learns");
    cluster.apply_by_itself = false;
    cluster.run_for(100);
    let change = cluster.propose_change(1, Change::Promote(4)).unwrap();
    cluster.run_for(100);
    let index = change.index;
    let nameless = Input::Apply {
        index,
        groups: known,
    };
    let refused = cluster.input(1, nameless).unwrap_err();
    assert_eq!(refused, Refused::GroupsTooFew { required: 2 });
    cluster.apply(1, index).unwrap();
    cluster.partition(&[&[1, 2, 4], &[3]]);
    let index = cluster.propose("one vendor").index;
    cluster.run_for(300);
    assert!(cluster.engine(1).commit() < index);
}

#[test]
fn rule_begins_and_ends_with_the_groups_in_force() {
    let mut cluster = Cluster::with_groups(11, 3, vendors(&[(1, 1), (2, 1), (3, 2)]));
    cluster.elect(1);
    cluster.stop(3);
    let index = cluster.propose("waits for the other vendor").index;
    cluster.run_for(500);
    assert!(cluster.engine(1).commit() < index);
    // The members lower the rule.
    cluster.groups = Groups::none();
    for id in [1, 2] {
        cluster.input(id, Input::Groups(Groups::none())).unwrap();
    }
    cluster.expect_committed(index);
}

#[test]
fn rule_begins_with_the_change_that_brings_the_second_vendor() {
    let mut of_one = vendors(&[(1, 1), (2, 1)]);
    of_one.required = 1;
    let mut cluster = Cluster::with_groups(13, 2, of_one.clone());
    cluster.elect(1);
    cluster.commit("one vendor is enough");
    cluster.change(Change::AddLearner(3));
    cluster.join(3, &[1, 2], &[3]);
    cluster.commit("3 learns");
    cluster.groups = vendors(&[(1, 1), (2, 1), (3, 2)]);
    cluster.change(Change::Promote(3));
    cluster.partition(&[&[1, 2], &[3]]);
    let index = cluster.propose("no more").index;
    cluster.run_for(500);
    assert!(cluster.engine(1).commit() < index);
}

#[test]
fn rule_ends_with_the_change_whose_configuration_lowers_it() {
    let groups = vendors(&[(1, 1), (2, 1), (3, 2), (4, 1)]);
    let mut cluster = Cluster::with_groups(17, 4, groups);
    cluster.elect(1);
    cluster.commit("two vendors");
    cluster.groups = vendors(&[(1, 1), (2, 1), (3, 2)]);
    cluster.groups.required = 1;
    cluster.change(Change::Remove(4));
    cluster.stop(4);
    cluster.stop(3);
    cluster.commit("two replicas of one vendor are enough now");
}

#[test]
fn vendor_of_a_demoted_voter_counts_no_more() {
    let groups = vendors(&[(1, 1), (2, 1), (3, 2), (4, 2)]);
    let mut cluster = Cluster::with_groups(19, 4, groups);
    cluster.elect(1);
    cluster.commit("two and two");
    cluster.change(Change::Demote(4));
    cluster.partition(&[&[1, 2, 4], &[3]]);
    let index = cluster
        .propose("a learner of the other vendor is there")
        .index;
    cluster.run_for(500);
    assert_eq!(cluster.engine(1).matched(4), Some(index));
    assert!(cluster.engine(1).commit() < index);
    cluster.heal();
    cluster.settle();
    cluster.expect_committed(index);
}

#[test]
fn demotion_of_the_last_of_a_required_vendor_is_not_applied() {
    let groups = vendors(&[(1, 1), (2, 1), (3, 2)]);
    let mut cluster = Cluster::with_groups(23, 3, groups.clone());
    let change = Payload::Change {
        change: Change::Demote(3),
        block: Bytes::from_static(b"a broken leader's"),
    };
    let append = Message {
        from: 1,
        to: 2,
        term: 2,
        body: Body::Append {
            index: 1,
            log_term: 1,
            commit: 2,
            entry: Some(Entry {
                index: 2,
                term: 2,
                payload: change,
            }),
        },
    };
    let engine = &mut cluster.node_mut(2).engine;
    let effects = engine.step(Input::Received(append)).unwrap();
    engine
        .step(Input::Persisted(effects.persist.unwrap().number))
        .unwrap();
    let refused = engine.step(Input::Apply { index: 2, groups }).unwrap_err();
    assert_eq!(refused, Refused::GroupsTooFew { required: 2 });
    assert_eq!(engine.voters(), [1, 2, 3]);
}

#[test]
fn configuration_with_too_few_vendors_is_refused_at_start_and_later() {
    let start = |of: &[(u64, u64)]| Start {
        id: 1,
        voters: vec![1, 2, 3],
        learners: vec![],
        groups: vendors(of),
        index: 1,
        term: 1,
        seed: 0,
        history: vec![],
        tail: vec![],
    };
    for of in [
        &[(1, 1), (2, 1), (3, 1)][..],
        &[(1, 1), (2, 2)],
        &[(1, 0), (2, 1), (3, 2)],
        &[],
    ] {
        let refused = Engine::new(start(of), Tuning::default()).err();
        assert_eq!(
            refused,
            Some(StartError::GroupsTooFew { required: 2 }),
            "{of:?}"
        );
    }
    let mut engine = Engine::new(start(&[(1, 1), (2, 1), (3, 2)]), Tuning::default()).unwrap();
    for required in [0, 3] {
        let groups = Groups {
            of: BTreeMap::from([(1, 1), (2, 2), (3, 3)]),
            required,
        };
        let refused = engine.step(Input::Groups(groups)).unwrap_err();
        assert_eq!(refused, Refused::GroupsTooFew { required });
    }
    assert_eq!(engine.groups().required, 2);
    assert_eq!(engine.role(), Role::Follower);
}
