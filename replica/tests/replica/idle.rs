//! What a replica does while nothing happens: as good as nothing.

use std::collections::BTreeMap;

use synod_attestation::Tee;
use synod_governance::Act;

use crate::cluster::Cluster;

/// How often each replica decoded the rows of all replicas.
fn decoded(cluster: &Cluster) -> BTreeMap<u64, u64> {
    let nodes = cluster.nodes.iter();
    nodes
        .map(|(id, node)| (*id, node.replica.rows_decoded()))
        .collect()
}

#[test]
fn ticks_of_an_idle_replica_decode_no_rows_whether_it_leads_or_not() {
    let mut cluster = Cluster::three(80);
    cluster.put("k", "v");
    cluster.run(3000);
    let before = decoded(&cluster);
    cluster.run(30_000);
    assert_eq!(decoded(&cluster), before);
}

#[test]
fn writes_decode_no_rows() {
    let mut cluster = Cluster::three(81);
    cluster.put("k", "v");
    cluster.run(3000);
    let before = decoded(&cluster);
    for n in 0..50 {
        cluster.put(&format!("k{n}"), "v");
    }
    assert_eq!(decoded(&cluster), before);
}

#[test]
fn a_change_of_governance_is_decoded_once_in_the_newest_state_and_once_in_the_certified_one() {
    let mut cluster = Cluster::three(82);
    cluster.run(3000);
    let before = decoded(&cluster);
    cluster.act(Act::SetUser {
        name: "another".to_owned(),
        fingerprint: [9; 32].into(),
        roles: ["read".to_owned()].into(),
    });
    cluster.run(3000);
    for (id, count) in decoded(&cluster) {
        let more = count - before[&id];
        assert!((1..=2).contains(&more), "replica {id}: {more}");
    }
}

#[test]
fn a_learner_is_promoted_by_rows_that_were_decoded_for_its_changes_alone() {
    let mut cluster = Cluster::three(83);
    cluster.run(3000);
    let leader = cluster.leader();
    let before = decoded(&cluster)[&leader];
    cluster.join(Tee::SevSnp);
    let more = decoded(&cluster)[&leader] - before;
    // Joined, learner, promoted, and blocks between them: each in two states.
    assert!(more <= 12, "{more}");
}
