//! The ordinary life of a synod: found, join, write, read, fail over, replace.

use std::sync::Arc;

use synod_attestation::Tee;
use synod_governance::Act;
use synod_ledger::{Chain, ChainRecord, Receipt, ReceiptPolicy, TxStatus};
use synod_replica::governance::Recorded;
use synod_replica::kv::Answer;
use synod_replica::{Reply, Request, kv, ledger};

use crate::cluster::{Cluster, Node, user};

/// The chain of configurations, as a client follows it offline.
pub(crate) fn chain(cluster: &Cluster) -> Chain {
    chain_of(cluster.leader_node())
}

/// The chain as this replica shows it, with the opening.
pub(crate) fn chain_of(node: &Node) -> Chain {
    let parts = node.replica.chain();
    let network = node.replica.network_view().network;
    let mut chain = Chain::start(network, parts.block0).expect("block 0");
    for record in parts.records {
        let record = ChainRecord::decode(&record).expect("a record");
        chain.follow(&record).expect("it follows");
    }
    if let Some(opening) = node.replica.network_view().service.opening {
        assert!(parts.opening.is_some(), "the members' act is shown");
        chain
            .open(opening.configuration, &opening.digest)
            .expect("the chain has it");
    }
    chain
}

#[test]
fn a_founder_alone_certifies_its_blocks() {
    let cluster = Cluster::found(1, 2);
    let view = cluster.leader_node().replica.network_view();
    assert!(view.serves && view.certified.0 > 1);
}

#[test]
fn replicas_of_three_vendors_join_and_vote() {
    let cluster = Cluster::three(2);
    let configuration = cluster.leader_node().replica.network_view().configuration;
    let vendors: Vec<_> = configuration
        .voters()
        .iter()
        .map(|voter| voter.vendor.as_str())
        .collect();
    assert_eq!(
        (vendors, configuration.required_vendors()),
        (vec!["amd", "intel", "aws"], 2)
    );
}

#[test]
fn a_write_is_answered_with_a_receipt_that_verifies_offline() {
    let mut cluster = Cluster::three(3);
    let reply = cluster.ask(Cluster::put_request("records", "k", "secret value"), user());
    let Reply::Kv(kv::Reply::Answered {
        tx: Some(tx),
        receipt: Some(receipt),
        ..
    }) = reply
    else {
        panic!("{reply:?}")
    };
    let receipt = Receipt::decode(&receipt).expect("a receipt");
    let policy = ReceiptPolicy {
        signers_min: 2,
        vendors_min: 2,
        ..ReceiptPolicy::default()
    };
    let committed = receipt
        .verify(&chain(&cluster), &policy)
        .expect("it verifies");
    assert_eq!(committed.id(), tx);
}

#[test]
fn a_read_sees_the_write_before_it() {
    let mut cluster = Cluster::three(4);
    cluster.put("k", "one");
    let reply = cluster.ask(Cluster::get_request("records", "k", false), user());
    let Reply::Kv(kv::Reply::Answered {
        answer: Answer::Found(item),
        ..
    }) = reply
    else {
        panic!("{reply:?}")
    };
    assert_eq!(&item.value[..], b"one");
}

#[test]
fn acknowledged_writes_outlive_the_leader() {
    let mut cluster = Cluster::three(5);
    let txs: Vec<_> = (0..20)
        .map(|n| cluster.put(&format!("k{n}"), "value"))
        .collect();
    let dead = cluster.leader();
    cluster.stop(dead);
    let leader = cluster.await_leader();
    assert_ne!(leader, dead);
    for tx in txs {
        assert_eq!(
            cluster.nodes[&leader]
                .replica
                .machine()
                .history()
                .status(tx),
            TxStatus::Committed
        );
    }
    cluster.put("after", "the failure");
}

#[test]
fn a_dead_replica_is_removed_and_replaced() {
    let mut cluster = Cluster::three(6);
    cluster.put("k", "value");
    let dead = cluster.leader();
    cluster.stop(dead);
    cluster.await_leader();
    let reply = cluster.act(Act::RemoveReplica {
        id: dead,
        cause: "it died".to_owned(),
    });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    let fresh = cluster.join(Tee::SevSnp);
    assert_eq!(fresh, 4);
    cluster.put("after", "the replacement");
    let view = cluster.leader_node().replica.network_view();
    assert_eq!(view.configuration.voters().len(), 3);
}

#[test]
fn a_folder_is_a_complete_ledger_that_audits() {
    let mut cluster = Cluster::three(7);
    cluster.put("k", "value");
    cluster.run(500);
    for node in cluster.nodes.values() {
        let import = cluster.import(&node.disk, None);
        assert!(import.counts().certificates > 0);
        let machine = import.finish().expect("a machine");
        assert_eq!(
            machine.sequence().certified().index,
            node.replica.gauges().certified_index
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut cluster = Cluster::three(8);
        cluster.put("k", "value");
        let dead = cluster.leader();
        cluster.stop(dead);
        cluster.await_leader();
        cluster.trace
    };
    assert_eq!(run(), run());
}

#[test]
fn users_wait_until_the_members_open_the_service() {
    let mut cluster = Cluster::found(9, 1);
    let reply = cluster.ask(Cluster::put_request("records", "k", "v"), user());
    assert!(
        matches!(reply, Reply::Failed(synod_replica::CallError::NotOpen)),
        "{reply:?}"
    );
}

#[test]
fn a_receipt_of_a_stranger_opens_nothing() {
    let mut cluster = Cluster::three(10);
    let tx = cluster.put("k", "value");
    let reply = cluster.ask(
        Request::Ledger(ledger::Request::Receipt(tx)),
        synod_replica::Caller::default(),
    );
    let Reply::Ledger(ledger::Reply::Receipt(bytes)) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(Receipt::decode(&bytes).expect("a receipt").opening, None);
}

#[test]
fn a_removed_user_is_refused_at_once() {
    let mut cluster = Cluster::three(11);
    cluster.put("k", "value");
    let reply = cluster.act(Act::RemoveUser {
        name: "user".to_owned(),
    });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    let reply = cluster.ask(Cluster::put_request("records", "k", "v"), user());
    assert!(
        matches!(
            reply,
            Reply::Failed(synod_replica::CallError::UnknownCaller)
        ),
        "{reply:?}"
    );
}

#[test]
fn views_share_decoded_rows_until_governance_changes() {
    let mut cluster = Cluster::three(91);
    let replicas = |cluster: &Cluster| cluster.leader_node().replica.network_view().replicas;
    let members = |cluster: &Cluster| cluster.leader_node().replica.governance_view();
    let (before, people) = (replicas(&cluster), members(&cluster));
    cluster.put("k", "v");
    assert!(Arc::ptr_eq(&before, &replicas(&cluster)));
    assert!(Arc::ptr_eq(&people, &members(&cluster)));
    let joined = cluster.join(Tee::Tdx);
    assert!(
        replicas(&cluster)
            .iter()
            .any(|replica| replica.id == joined)
    );
    assert!(!Arc::ptr_eq(&people, &members(&cluster)));
}
