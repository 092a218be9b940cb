//! Receipts count from the configuration on that the members opened: what voters signed before
//! proves nothing.

use synod_crypto::sha256;
use synod_ledger::{
    Chain, ChainError, Committed, Receipt, ReceiptError, ReceiptPolicy, Transaction,
};

use crate::network::{Network, configuration_write, voter};

const LENIENT: ReceiptPolicy = ReceiptPolicy {
    signers_min: 1,
    vendors_min: 1,
    before_opening: true,
};

/// Founded by replica 1 alone, which committed transactions 2 and 3; replica 2 joined in 4, and
/// replica 3 in 6.
fn grown() -> Network {
    let mut network = Network::of(&["amd"], 1);
    network.transact(2);
    network.certify(&[1]);
    add(&mut network, 2, "intel");
    network.certify(&[1]);
    network.transact(1);
    network.certify(&[1, 2]);
    add(&mut network, 3, "aws");
    network.certify(&[1, 2]);
    network.transact(1);
    network.certify(&[1, 3]);
    network
}

fn add(network: &mut Network, id: u64, vendor: &str) {
    let mut voters = network.sequence.newest_configuration().voters().to_vec();
    voters.push(voter(id, vendor));
    let next = network.next_configuration(voters, 2);
    network.propose(vec![configuration_write(&next)]);
}

/// The whole chain, with the configuration of this number opened.
fn chain_opened_at(network: &Network, number: u64) -> Chain {
    let mut chain = network.unopened_chain();
    let opened = chain.configurations().nth(number as usize);
    let digest = opened.expect("the chain has it").digest();
    chain.open(number, &digest).expect("the chain has it");
    chain
}

/// For transaction `seqno`, signed before configuration 1 began, with the proof that a replica
/// attaches.
fn old_receipt(network: &Network, seqno: u64) -> Receipt {
    let mut receipt = network.receipt_under(&network.blocks[1], seqno, &[1]);
    let ended = network.blocks[2].header().tree_size;
    receipt.ending = network.sequence.tree().prove(seqno - 1, ended);
    receipt
}

fn verify(receipt: &Receipt, chain: &Chain) -> Result<Committed<Transaction>, ReceiptError> {
    receipt.verify(chain, &ReceiptPolicy::default())
}

#[test]
fn receipt_of_a_network_that_nobody_opened_is_refused() {
    let network = grown();
    let receipt = network.receipt(5, &[1, 3]);
    let (number, opened) = (2, None);
    let refused = verify(&receipt, &network.unopened_chain());
    assert_eq!(refused, Err(ReceiptError::BeforeOpening { number, opened }));
}

#[test]
fn receipt_signed_before_the_opened_configuration_is_refused() {
    let network = grown();
    let receipt = old_receipt(&network, 2);
    verify(&receipt, &chain_opened_at(&network, 0)).expect("the founder alone was opened");
    for opened in [1, 2] {
        let refused = verify(&receipt, &chain_opened_at(&network, opened));
        let (number, opened) = (0, Some(opened));
        assert_eq!(refused, Err(ReceiptError::BeforeOpening { number, opened }));
    }
}

#[test]
fn receipts_count_from_the_opened_configuration_on() {
    let network = grown();
    let under = |block: usize, seqno, signers: &[u64]| {
        let mut receipt = network.receipt_under(&network.blocks[block], seqno, signers);
        let ended = network.blocks[4].header().tree_size;
        receipt.ending = network.sequence.tree().prove(seqno - 1, ended);
        receipt
    };
    let chain = chain_opened_at(&network, 1);
    let at_opening = verify(&under(3, 5, &[1, 2]), &chain).expect("configuration 1 was opened");
    assert_eq!(
        (at_opening.configuration, at_opening.before_opening),
        (1, false)
    );
    let later = verify(&network.receipt(5, &[1, 3]), &chain).expect("configuration 2 follows it");
    assert_eq!((later.configuration, later.before_opening), (2, false));
}

#[test]
fn old_transaction_counts_once_an_opened_configuration_vouches_for_it() {
    let network = grown();
    let renewed = network.receipt(2, &[1, 3]);
    verify(&renewed, &chain_opened_at(&network, 2))
        .expect("its leaf is in a tree of configuration 2");
}

#[test]
fn what_was_made_before_the_opening_says_so_where_it_is_let_count() {
    let network = grown();
    let receipt = old_receipt(&network, 2);
    let shown = receipt.verify(&chain_opened_at(&network, 1), &LENIENT);
    assert!(shown.expect("it is let count").before_opening);
    let shown = receipt.verify(&network.unopened_chain(), &LENIENT);
    assert!(shown.expect("it is let count").before_opening);
}

#[test]
fn configuration_that_the_chain_does_not_have_cannot_be_opened() {
    let network = grown();
    let mut chain = network.unopened_chain();
    let (first, second) = {
        let mut all = chain.configurations().map(|c| c.digest());
        (all.next().expect("0"), all.next().expect("1"))
    };
    for (number, digest) in [
        (1, first),
        (0, second),
        (9, second),
        (1, sha256(&[b"other"])),
    ] {
        let refused = chain.open(number, &digest);
        assert_eq!(refused, Err(ChainError::Opening { number }));
        assert_eq!(chain.opening(), None, "a refused opening changes nothing");
    }
    chain.open(1, &second).expect("it has this one");
    assert_eq!(chain.opening(), Some(1));
}
