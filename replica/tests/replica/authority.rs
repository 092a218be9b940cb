//! Which configuration speaks: receipts stand under the newest one, and another rule of diversity
//! is in force at once.

use synod_attestation::Tee;
use synod_consensus::Body;
use synod_governance::Act;
use synod_ledger::{Block, Chain, Head, Receipt, ReceiptError, ReceiptPolicy, TxId};
use synod_replica::governance::Recorded;
use synod_replica::{Envelope, Reply, Request, kv, ledger};

use crate::cluster::{Cluster, user};

/// The chain as replica `id` shows it.
fn chain_of(cluster: &Cluster, id: u64) -> Chain {
    crate::life::chain_of(&cluster.nodes[&id])
}

/// The receipt that replica `id` gives now.
fn receipt_of(cluster: &mut Cluster, id: u64, tx: TxId) -> Receipt {
    let call = cluster.send(id, Request::Ledger(ledger::Request::Receipt(tx)), user());
    match cluster.replies.remove(&call) {
        Some(Reply::Ledger(ledger::Reply::Receipt(file))) => {
            Receipt::decode(&file).expect("a receipt")
        }
        other => panic!("{other:?}"),
    }
}

fn named_by(receipt: &Receipt) -> synod_crypto::Digest {
    let (_, head) = Head::of_bytes(&receipt.header).expect("a header");
    head.configuration
}

fn write(cluster: &mut Cluster) -> Option<Reply> {
    let leader = cluster.leader();
    let call = cluster.send(leader, Cluster::put_request("records", "k", "v"), user());
    cluster.run(2000);
    cluster.replies.remove(&call)
}

/// Voters 1 and 2 of one vendor, 3 of another; both vendors are required.
fn two_and_one(seed: u8) -> Cluster {
    let mut cluster = Cluster::found(seed, 2);
    cluster.join(Tee::SevSnp);
    cluster.join(Tee::Tdx);
    cluster.open();
    cluster
}

#[test]
fn old_transactions_get_receipts_under_the_newest_configuration_from_every_replica() {
    let mut cluster = Cluster::found(101, 1);
    cluster.open();
    let old = cluster.put("k", "from the founder's days");
    let first = receipt_of(&mut cluster, 1, old);
    cluster.join(Tee::Tdx);
    cluster.join(Tee::Nitro);
    cluster.run(500);
    for id in [1, 2, 3] {
        let chain = chain_of(&cluster, id);
        let receipt = receipt_of(&mut cluster, id, old);
        assert_eq!(named_by(&receipt), chain.current().digest(), "replica {id}");
        assert_eq!(receipt.ending, None);
        let policy = ReceiptPolicy {
            signers_min: 2,
            vendors_min: 2,
            ..ReceiptPolicy::default()
        };
        let proven = receipt.verify(&chain, &policy).expect("it verifies");
        assert_eq!((proven.id(), proven.configuration), (old, 2));
        // What the founder alone signed is renewed, and is the same leaf.
        let refused = first.verify(&chain, &policy).expect_err("superseded");
        assert!(matches!(
            refused,
            ReceiptError::Superseded { number: 0, .. }
        ));
        assert_eq!(first.leaf, receipt.leaf);
    }
}

#[test]
fn an_idle_chain_names_a_new_configuration_at_once() {
    let mut cluster = Cluster::found(102, 2);
    cluster.join(Tee::Tdx);
    cluster.run(200);
    for node in cluster.nodes.values() {
        let sequence = node.replica.machine().sequence();
        assert!(sequence.pending().is_none());
        let newest = sequence.newest_configuration().digest();
        assert_eq!(sequence.certified().configuration, newest);
    }
}

/// Lets no block without transactions out, as the one that first names a new configuration.
fn withhold_empty_blocks(envelope: &mut Envelope) {
    let Some(message) = &envelope.message else {
        return;
    };
    if let Body::Append {
        entry: Some(entry), ..
    } = &message.body
    {
        let block = entry.payload.block();
        let block = block.map(|bytes| Block::decode(bytes.clone()).expect("a block"));
        if block.is_some_and(|block| block.header().count == 0) {
            envelope.message = None;
        }
    }
}

#[test]
fn until_a_block_names_the_new_configuration_receipts_hold_the_proof_for_the_end_of_the_old_one() {
    let mut cluster = Cluster::three(103);
    let tx = cluster.put("k", "v");
    cluster.run(500);
    let leader = cluster.leader();
    cluster.tamper(leader, withhold_empty_blocks);
    let reply = cluster.act(Act::SetRequiredVendors { n: 1 });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    for id in [1, 2, 3] {
        let sequence = cluster.nodes[&id].replica.machine().sequence();
        let newest = sequence.newest_configuration().digest();
        assert_ne!(
            sequence.certified().configuration,
            newest,
            "the window is open"
        );
        let chain = chain_of(&cluster, id);
        assert_eq!(chain.current().digest(), newest);
        let receipt = receipt_of(&mut cluster, id, tx);
        assert!(receipt.ending.is_some());
        let proven = receipt.verify(&chain, &ReceiptPolicy::default());
        assert_eq!(proven.expect("it verifies").id(), tx);
    }
}

#[test]
fn a_lowered_rule_is_in_force_at_once() {
    let mut cluster = two_and_one(104);
    let before = cluster.leader_node().replica.network_view().configuration;
    let reply = cluster.act(Act::SetRequiredVendors { n: 1 });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    let after = cluster.leader_node().replica.network_view().configuration;
    assert_eq!(
        (after.number(), after.required_vendors()),
        (before.number() + 1, 1)
    );
    assert_eq!(after.voters(), before.voters());
    cluster.run(500);
    // The second vendor falls silent: one is enough now, for certificates and for the engine alike.
    cluster.stop(3);
    cluster.await_leader();
    let reply = write(&mut cluster);
    assert!(
        matches!(reply, Some(Reply::Kv(kv::Reply::Answered { .. }))),
        "{reply:?}"
    );
    // It is replaced by votes of the vendor that is left.
    let fresh = cluster.start_again(3);
    cluster.await_voters(&[1, 2, fresh]);
}

#[test]
fn a_raised_rule_is_in_force_at_once() {
    let mut cluster = two_and_one(105);
    cluster.act(Act::SetRequiredVendors { n: 1 });
    let reply = cluster.act(Act::SetRequiredVendors { n: 2 });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    let raised = cluster.leader_node().replica.network_view().configuration;
    assert_eq!(raised.required_vendors(), 2);
    cluster.run(500);
    let reply = write(&mut cluster);
    assert!(
        matches!(reply, Some(Reply::Kv(kv::Reply::Answered { .. }))),
        "{reply:?}"
    );
    let Some(Reply::Kv(kv::Reply::Answered { tx: Some(tx), .. })) = reply else {
        panic!("no transaction")
    };
    let policy = ReceiptPolicy {
        signers_min: 2,
        vendors_min: 2,
        ..ReceiptPolicy::default()
    };
    let receipt = receipt_of(&mut cluster, 1, tx);
    let chain = chain_of(&cluster, 1);
    receipt.verify(&chain, &policy).expect("two vendors signed");
    cluster.stop(3);
    assert_eq!(
        write(&mut cluster).map(|reply| matches!(reply, Reply::Kv(kv::Reply::Answered { .. }))),
        None
    );
}

#[test]
fn a_rule_survives_the_loss_of_the_leader_that_proposed_it() {
    let mut cluster = two_and_one(106);
    let leader = cluster.leader();
    cluster.act(Act::SetRequiredVendors { n: 1 });
    cluster.stop(leader);
    cluster.await_leader();
    cluster.run(1000);
    let rule = cluster.leader_node().replica.network_view().configuration;
    assert_eq!(rule.required_vendors(), 1);
    let reply = write(&mut cluster);
    assert!(
        matches!(reply, Some(Reply::Kv(kv::Reply::Answered { .. }))),
        "{reply:?}"
    );
}
