//! Many seeds against a network that drops, delays, repeats and parts, disks that hang, and
//! replicas that die and are replaced. The oracle checks every step; after peace is made, the
//! cluster must go on. And a seed is a trace: twice the same, line by line.

use crate::cluster;

use cluster::{Cluster, Faults, Random};
use synod_consensus::{Change, Groups, Input, Tuning};

/// A stormy half minute; returns how many blocks were proposed.
fn storm(cluster: &mut Cluster, seed: u64, size: u64) -> usize {
    let mut random = Random::new(seed ^ 0xfeed);
    let mut proposed = 0;
    cluster.faults = Faults::hostile();
    for _ in 0..12 {
        match random.between((0, 5)) {
            0 => part(cluster, &mut random, size),
            1 => {
                let from = random.between((1, size));
                let to = random.between((1, size));
                cluster.cut(from, to);
            }
            2 => cluster.disk_hangs(random.between((1, size))),
            3 => {
                if let Some(leader) = cluster.leader() {
                    let to = random.between((1, size));
                    cluster.input(leader, Input::Transfer(to)).unwrap();
                }
            }
            4 => {
                if let Some(leader) = cluster.leader() {
                    cluster.read(leader, random.next());
                }
            }
            _ => cluster.heal(),
        }
        proposed += cluster.busy_for(random.between((500, 2500)), 40);
        for id in 1..=size {
            if cluster.node(id).disk.stuck && random.percent(60) {
                cluster.disk_works(id);
            }
        }
    }
    proposed
}

fn part(cluster: &mut Cluster, random: &mut Random, size: u64) {
    let (mut one, mut other) = (vec![], vec![]);
    for id in 1..=size {
        if random.percent(50) {
            one.push(id);
        } else {
            other.push(id);
        }
    }
    cluster.partition(&[&one, &other]);
}

fn make_peace(cluster: &mut Cluster, size: u64) {
    cluster.faults = Faults::calm();
    cluster.heal();
    for id in 1..=size {
        cluster.disk_works(id);
    }
    cluster.run_for(3000);
    cluster.settle();
    let index = cluster.commit("peace");
    cluster.run_for(200);
    for id in 1..=size {
        assert_eq!(cluster.engine(id).commit(), index);
        assert!(
            cluster
                .node(id)
                .committed
                .iter()
                .all(|entry| entry.index <= index)
        );
    }
}

#[test]
fn three_replicas_keep_their_promises_under_fire() {
    for seed in 0..12 {
        let mut cluster = Cluster::new(seed, 3);
        let proposed = storm(&mut cluster, seed, 3);
        assert!(proposed > 20, "seed {seed} let nothing through");
        make_peace(&mut cluster, 3);
    }
}

#[test]
fn five_replicas_of_two_vendors_keep_their_promises_under_fire() {
    let groups = Groups {
        of: [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)].into(),
        required: 2,
    };
    for seed in 100..106 {
        let mut cluster = Cluster::with_groups(seed, 5, groups.clone());
        storm(&mut cluster, seed, 5);
        make_peace(&mut cluster, 5);
    }
}

#[test]
fn promises_hold_when_memory_is_short_and_disks_must_serve() {
    let tuning = Tuning {
        entries_in_memory_max: 3,
        fetch_max: 4,
        inflight_max: 4,
        ..Tuning::default()
    };
    for seed in 200..206 {
        let mut cluster = Cluster::with_tuning(seed, 3, tuning);
        storm(&mut cluster, seed, 3);
        make_peace(&mut cluster, 3);
    }
}

#[test]
fn members_are_replaced_one_by_one_on_a_bad_network() {
    for seed in 300..306 {
        let mut cluster = Cluster::new(seed, 3);
        let mut voters = vec![1, 2, 3];
        for new in 4..=7 {
            replace(&mut cluster, &mut voters, new);
        }
        cluster.faults = Faults::calm();
        cluster.settle();
        cluster.commit("nobody of the first three is left");
        let leader = cluster.leader().unwrap();
        assert_eq!(cluster.engine(leader).voters(), voters);
        assert!(voters.iter().all(|id| *id > 3), "{voters:?}");
    }
}

/// The oldest voter dies, `new` learns, votes, and the dead one is removed.
fn replace(cluster: &mut Cluster, voters: &mut Vec<u64>, new: u64) {
    cluster.faults = Faults {
        delay_ms: (1, 60),
        drop_percent: 5,
        duplicate_percent: 5,
        ..Faults::calm()
    };
    let dead = voters.remove(0);
    cluster.stop(dead);
    insist(cluster, Change::AddLearner(new));
    let mut all = voters.clone();
    all.insert(0, dead);
    cluster.join(new, &all, &[new]);
    insist(cluster, Change::Promote(new));
    insist(cluster, Change::Remove(dead));
    voters.push(new);
}

/// Proposes the change to whoever leads until a leader has applied it.
fn insist(cluster: &mut Cluster, change: Change) {
    for _ in 0..2000 {
        if let Some(leader) = cluster.leader() {
            if is_done(cluster, leader, change) {
                return;
            }
            let _maybe_pending = cluster.propose_change(leader, change);
        }
        cluster.run_for(10);
    }
    panic!("{change:?} was not taken up");
}

fn is_done(cluster: &Cluster, leader: u64, change: Change) -> bool {
    let engine = cluster.engine(leader);
    match change {
        Change::AddLearner(id) => engine.learners().contains(&id),
        Change::Promote(id) => engine.voters().contains(&id),
        Change::Demote(id) | Change::Remove(id) => !engine.voters().contains(&id),
    }
}

#[test]
fn same_seed_gives_the_same_trace() {
    for seed in [1, 7, 42] {
        let run = || {
            let mut cluster = Cluster::new(seed, 3);
            storm(&mut cluster, seed, 3);
            cluster.trace
        };
        let (first, second) = (run(), run());
        assert!(first.len() > 1000);
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!(differs, None, "the runs part at that line");
        assert_eq!(first.len(), second.len());
    }
}

#[test]
fn another_seed_gives_another_trace() {
    let run = |seed| {
        let mut cluster = Cluster::new(seed, 3);
        cluster.run_for(5000);
        cluster.trace
    };
    assert_ne!(run(1), run(2));
}
