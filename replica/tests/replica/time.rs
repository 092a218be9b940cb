//! The ledger's clock: wall clocks that their hosts set wrong, and a ledger under load.

use std::cell::Cell;

use synod_attestation::Tee;
use synod_consensus::{Body, Message};
use synod_governance::{Act, ReplicaStatus};
use synod_replica::governance::Recorded;
use synod_replica::{BEHIND_MAX_MS, Envelope, FASTEST, Notice};

use crate::cluster::{Cluster, user};

/// About 49 years.
const LONG_MS: i64 = 49 * 365 * 24 * 3600 * 1000;
/// Ledger time is this close to the real one with three voters and no load.
const NEAR_MS: u64 = 300;

fn ledger_time(cluster: &Cluster) -> u64 {
    let (_, _, time_ms) = cluster.leader_node().replica.network_view().certified;
    time_ms
}

fn skew(cluster: &mut Cluster, ids: &[u64], ms: i64) {
    for id in ids {
        let node = cluster.nodes.get_mut(id).expect("the node");
        node.clock_skew_ms = ms;
    }
}

/// So many blocks a tick for so long; the largest distance of the ledger's time from the real one.
fn load(cluster: &mut Cluster, blocks_a_tick: u32, ms: u64) -> u64 {
    let mut furthest = 0;
    let until = cluster.now_ms + ms;
    while cluster.now_ms < until {
        for n in 0..blocks_a_tick {
            let leader = cluster.leader();
            let value = format!("{n}");
            cluster.send(leader, Cluster::put_request("records", "k", &value), user());
            cluster.deliver();
        }
        cluster.run(20);
        furthest = furthest.max(cluster.now_ms.abs_diff(ledger_time(cluster)));
    }
    furthest
}

#[test]
fn wrong_clocks_move_the_ledger_by_at_most_twice_the_real_time() {
    for ids in [&[2, 3][..], &[1, 2, 3]] {
        let mut cluster = Cluster::three(90);
        load(&mut cluster, 1, 2000);
        let before = cluster.now_ms;
        skew(&mut cluster, ids, LONG_MS);
        load(&mut cluster, 2, 2000);
        let elapsed = cluster.now_ms - before;
        let moved = ledger_time(&cluster) - before;
        assert!(moved <= FASTEST * elapsed, "{ids:?}: {moved} in {elapsed}");
        skew(&mut cluster, ids, 0);
        load(&mut cluster, 2, 4000);
        let near = cluster.now_ms.abs_diff(ledger_time(&cluster));
        assert!(near <= NEAR_MS, "{ids:?}: it finds back, but is {near} off");
        let view = cluster.leader_node().replica.network_view();
        assert!(view.lapsed.is_empty(), "every verdict stands");
        let status = |id: &u64| cluster.record(*id).status;
        assert!(
            [1, 2, 3]
                .iter()
                .all(|id| status(id) == ReplicaStatus::Voter)
        );
        cluster.join(Tee::SevSnp);
    }
}

#[test]
fn clocks_that_are_set_back_on_all_hosts_cost_half_of_the_time_that_they_are_wrong() {
    let mut cluster = Cluster::three(91);
    load(&mut cluster, 1, 2000);
    skew(&mut cluster, &[1, 2, 3], -3_600_000);
    load(&mut cluster, 1, 2000);
    skew(&mut cluster, &[1, 2, 3], 0);
    load(&mut cluster, 1, 200);
    let behind = cluster.now_ms - ledger_time(&cluster);
    assert!(behind <= 1000 + NEAR_MS, "{behind} ms behind");
    load(&mut cluster, 1, 2000);
    let behind = cluster.now_ms - ledger_time(&cluster);
    assert!(behind <= NEAR_MS, "it catches up: {behind} ms behind");
}

#[test]
fn a_clock_that_jumped_ahead_and_back_goes_on_giving_readings() {
    let mut cluster = Cluster::three(92);
    load(&mut cluster, 1, 1000);
    skew(&mut cluster, &[2], LONG_MS);
    load(&mut cluster, 1, 1000);
    skew(&mut cluster, &[2], 0);
    // Now the time rests on the clock that jumped and on one other.
    let leader = cluster.leader();
    let other = [1, 2, 3].into_iter().find(|id| *id != leader && *id != 2);
    cluster.stop(other.expect("a follower"));
    let furthest = load(&mut cluster, 1, 3000);
    assert!(furthest <= 1500, "{furthest}");
    let near = cluster.now_ms.abs_diff(ledger_time(&cluster));
    assert!(near <= NEAR_MS, "{near}");
}

#[test]
fn ledger_time_keeps_up_under_hundreds_of_blocks_a_second() {
    for (blocks_a_tick, dead) in [(10, false), (10, true), (20, true)] {
        let mut cluster = Cluster::three(93);
        load(&mut cluster, 1, 1000);
        if dead {
            let leader = cluster.leader();
            let follower = [1, 2, 3].into_iter().find(|id| *id != leader);
            cluster.stop(follower.expect("a follower"));
        }
        let first = cluster.leader_node().replica.gauges().certified_index;
        let furthest = load(&mut cluster, blocks_a_tick, 1000);
        let blocks = cluster.leader_node().replica.gauges().certified_index - first;
        assert!(blocks >= u64::from(blocks_a_tick) * 50, "{blocks} blocks");
        assert!(
            furthest <= NEAR_MS,
            "{furthest} ms off, {blocks_a_tick} blocks a tick, one dead: {dead}"
        );
    }
}

#[test]
fn ledger_that_lags_is_an_alarm_until_it_has_caught_up() {
    let mut cluster = Cluster::three(94);
    load(&mut cluster, 1, 1000);
    // Clocks that are slow for ten seconds cost five.
    skew(&mut cluster, &[1, 2, 3], -3_600_000);
    load(&mut cluster, 1, 10_000);
    skew(&mut cluster, &[1, 2, 3], 0);
    load(&mut cluster, 1, 1500);
    let gauges = cluster.leader_node().replica.gauges();
    let behind = gauges.ledger_too_far_behind_ms.expect("an alarm");
    assert!(behind > BEHIND_MAX_MS, "{behind}");
    load(&mut cluster, 1, 5000);
    let gauges = cluster.leader_node().replica.gauges();
    assert_eq!(gauges.ledger_too_far_behind_ms, None);
    let told: Vec<bool> = cluster
        .leader_node()
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::LedgerTime { behind_ms } => Some(behind_ms.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [true, false], "told once, and once when it is over");
}

thread_local! {
    /// How many blocks may still reach the replica that `trickle` holds up.
    static BLOCKS_LEFT: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
}

/// Loses the blocks for one replica once as many have passed as may.
fn trickle(envelope: &mut Envelope) {
    let (held_up, left) = BLOCKS_LEFT.get();
    let for_it = |message: &Message| {
        message.to == held_up && matches!(message.body, Body::Append { entry: Some(_), .. })
    };
    if envelope.message.as_ref().is_some_and(for_it) {
        BLOCKS_LEFT.set((held_up, left.saturating_sub(1)));
        if left == 0 {
            envelope.message = None;
        }
    }
}

#[test]
fn replica_that_was_cut_off_blames_no_clock_while_it_catches_up() {
    let mut cluster = Cluster::three(97);
    load(&mut cluster, 1, 1000);
    let leader = cluster.leader();
    let follower = [1, 2, 3].into_iter().find(|id| *id != leader);
    let follower = follower.expect("a follower");
    cluster.isolate(follower);
    load(&mut cluster, 1, 10_000);
    cluster.heal();
    cluster.tamper(leader, trickle);
    let certified = |cluster: &Cluster, id| cluster.nodes[&id].replica.gauges().certified_index;
    let mut ms = 0;
    while certified(&cluster, follower) + 5 < certified(&cluster, leader) {
        BLOCKS_LEFT.set((follower, 5));
        cluster.run(20);
        ms += 20;
        assert!(ms < 60_000, "it never catches up");
    }
    assert!(ms > 3000, "it takes its time: {ms} ms");
    assert_eq!(cluster.leader(), leader);
    let mut notices = cluster.nodes[&follower].notices.iter();
    assert!(!notices.any(|notice| matches!(notice, Notice::LedgerTime { .. })));
}

#[test]
fn idle_ledger_is_no_alarm_and_one_block_brings_its_time_up_to_date() {
    let mut cluster = Cluster::three(95);
    cluster.put("k", "v");
    cluster.run(60_000);
    assert!(cluster.now_ms - ledger_time(&cluster) > 50_000, "it rests");
    assert!(matches!(
        cluster.act(Act::RemoveUser {
            name: "user".to_owned()
        }),
        synod_replica::Reply::Governance(Recorded { .. })
    ));
    let behind = cluster.now_ms - ledger_time(&cluster);
    assert!(behind <= 1000, "{behind}");
    let node = cluster.leader_node();
    assert_eq!(node.replica.gauges().ledger_too_far_behind_ms, None);
    assert!(
        !node
            .notices
            .iter()
            .any(|n| matches!(n, Notice::LedgerTime { .. }))
    );
}

#[test]
fn joiner_of_an_idle_ledger_reads_the_right_time_soon() {
    let mut cluster = Cluster::three(96);
    cluster.put("k", "v");
    cluster.run(60_000);
    let id = cluster.join(Tee::SevSnp);
    load(&mut cluster, 1, 1000);
    // Of four voters three must give readings: without the leader's two followers the joiner's
    // counts.
    let leader = cluster.leader();
    let gone = [1, 2, 3].into_iter().find(|n| *n != leader && *n != id);
    cluster.stop(gone.expect("a follower"));
    let furthest = load(&mut cluster, 1, 2000);
    assert!(furthest <= NEAR_MS, "{furthest}");
}
