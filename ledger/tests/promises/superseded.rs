//! A configuration that ended signs nothing any more: only what its last certified tree holds
//! counts.

use synod_crypto::{Digest, sha256};
use synod_ledger::{
    Block, Chain, Committed, ProofError, Receipt, ReceiptError, ReceiptPolicy, Recorder,
    Transaction, TxId,
};

use crate::network::{Network, altered, block_of, configuration_write, no_writes};

/// Founded by replica 1 alone; replica 2 of another vendor joined, and both are needed since.
/// Transactions 2 and 3 are the founder's, 4 is the change, 5 and 6 are of both.
fn grown() -> Network {
    let mut network = Network::of(&["amd"], 1);
    network.transact(2);
    network.certify(&[1]);
    change(&mut network);
    network.certify(&[1]);
    network.transact(2);
    network.certify(&[1, 2]);
    network
}

fn change(network: &mut Network) {
    let mut voters = network.sequence.newest_configuration().voters().to_vec();
    voters.push(crate::network::voter(2, "intel"));
    let next = network.next_configuration(voters, 2);
    network.propose(vec![configuration_write(&next)]);
}

/// As if the members had opened the newest configuration of the chain.
fn opened(mut chain: Chain) -> Chain {
    let (number, digest) = (chain.current().number(), chain.current().digest());
    chain.open(number, &digest).expect("the chain has it");
    chain
}

fn verify(receipt: &Receipt, chain: &Chain) -> Result<Committed<Transaction>, ReceiptError> {
    let read = Receipt::decode(&receipt.encode()).expect("it reads back");
    read.verify(chain, &ReceiptPolicy::default())
}

/// A receipt for transaction `seqno` under the founder's block before the change, with the proof
/// that a replica attaches.
fn old_receipt(network: &Network, seqno: u64) -> Receipt {
    let mut receipt = network.receipt_under(&network.blocks[1], seqno, &[1]);
    let ended = network.blocks[2].header().tree_size;
    receipt.ending = network.sequence.tree().prove(seqno - 1, ended);
    receipt
}

/// The refusal of [`old_receipt`] for transaction 2 after `change`.
fn refusal(change: impl FnOnce(&mut Receipt)) -> ReceiptError {
    let network = grown();
    let mut receipt = old_receipt(&network, 2);
    change(&mut receipt);
    receipt
        .verify(&network.chain(), &ReceiptPolicy::default())
        .expect_err("must be refused")
}

/// A block that the founder's key signs after the fact: of this view and index, over transactions
/// that never were.
fn forged(network: &Network, view: u64, index: u64, count: usize) -> (Block, Receipt) {
    let founder = network.blocks[0].header().configuration;
    let mut frames = network.blocks[1].frames().to_vec();
    frames[0].public = crate::network::write_set("public:accounts", b"mallory", Some(b"1000000"));
    frames.resize(count, frames[0].clone());
    let mut header = network.blocks[1].header().clone();
    header.count = count as u32;
    header.tree_size = header.first_seqno - 1 + count as u64;
    (header.view, header.index, header.configuration) = (view, index, founder);
    let block = block_of(&header, &frames).expect("well-formed");
    let mut tree = network.sequence.tree().clone();
    tree.retract(header.first_seqno - 1);
    tree.extend(block.leaves().iter().map(synod_ledger::Leaf::hash));
    let block = altered(&block, |h| h.root = tree.root());
    let certificate = network.certificate(&block.head(), &[1]);
    let issuer = synod_ledger::ReceiptIssuer::new(
        &network.network(),
        block.header_bytes().clone(),
        block.head(),
        &certificate,
        network.sequence.configurations().next().expect("number 0"),
    );
    let leaf = block.leaf(0).expect("a leaf");
    let proof = tree.prove(leaf.seqno - 1, tree.size()).expect("a proof");
    let mut receipt = issuer.issue(leaf, &proof, None, Some(frames[0].public.clone()));
    receipt.ending = Some(proof);
    (block, receipt)
}

#[test]
fn the_founders_key_alone_proves_nothing_once_a_second_voter_stands() {
    let network = grown();
    let chain = network.chain();
    for view in [1, 2, 1000] {
        for index in [2, 3, 4, 5, 1 << 40] {
            for count in [1, 2, 3, 5] {
                let (_, mut receipt) = forged(&network, view, index, count);
                verify(&receipt, &chain).expect_err("the proof is for a tree of the attacker's");
                receipt.ending = None;
                let refused = verify(&receipt, &chain).expect_err("there is no proof");
                assert_eq!(refused, ReceiptError::Superseded { number: 0, at: 3 });
            }
        }
    }
}

#[test]
fn an_old_receipt_counts_by_its_leaf_in_the_tree_that_ended_its_configuration() {
    let network = grown();
    let chain = network.chain();
    for seqno in 1..=3 {
        let proven = verify(&old_receipt(&network, seqno), &chain).expect("valid");
        assert_eq!(proven.id(), TxId { view: 1, seqno });
        assert_eq!(
            proven.head,
            network.blocks[2].head(),
            "the record's, not its own"
        );
        assert_eq!(
            (proven.configuration, &proven.signers[..]),
            (0, &[(1, "amd".to_owned())][..])
        );
    }
    // Under the record's very header no proof is attached: its own serves.
    for seqno in 1..=4 {
        let receipt = network.receipt_under(&network.blocks[2], seqno, &[1]);
        assert_eq!(receipt.ending, None);
        verify(&receipt, &chain).expect("valid");
    }
}

#[test]
fn what_an_old_header_claims_of_itself_is_not_told() {
    let network = grown();
    let mut receipt = old_receipt(&network, 2);
    let claimed = altered(&network.blocks[1], |h| {
        (h.view, h.index, h.time_ms) = (77, 99, 1 << 40);
    });
    receipt.header = claimed.header_bytes().clone();
    let proven = verify(&receipt, &network.chain()).expect("the leaf is proven all the same");
    assert_eq!(proven.head, network.blocks[2].head());
}

#[test]
fn a_receipt_without_the_proof_is_to_be_renewed() {
    let error = refusal(|r| r.ending = None);
    assert_eq!(error, ReceiptError::Superseded { number: 0, at: 3 });
    assert!(
        error.to_string().contains("`synod receipt renew FILE`"),
        "{error}"
    );
}

#[test]
fn the_same_file_verifies_with_the_chain_of_its_day() {
    let network = grown();
    let mut receipt = old_receipt(&network, 2);
    receipt.ending = None;
    let block0 = network.blocks[0].bytes().clone();
    let chain = opened(Chain::start(network.network(), block0).expect("block 0"));
    let proven = verify(&receipt, &chain).expect("valid");
    assert_eq!(proven.head, network.blocks[1].head());
}

#[test]
fn a_proof_for_another_tree_size_is_refused() {
    let error = refusal(|r| r.ending.as_mut().expect("a proof").tree_size -= 1);
    assert_eq!(error, ReceiptError::Superseded { number: 0, at: 3 });
}

#[test]
fn a_proof_for_another_leaf_is_refused() {
    let place = ReceiptError::EndingPlace { number: 0 };
    assert_eq!(
        refusal(|r| r.ending.as_mut().expect("a proof").leaf_index += 1),
        place
    );
    let network = grown();
    let other = old_receipt(&network, 3).ending;
    assert_eq!(refusal(|r| r.ending = other), place);
    assert_eq!(
        refusal(|r| r.ending.as_mut().expect("a proof").leaf_index = u64::MAX),
        place
    );
}

#[test]
fn a_swapped_sibling_is_refused() {
    let siblings = old_receipt(&grown(), 2).ending.expect("a proof").path.len();
    for at in 0..siblings {
        let error = refusal(|r| r.ending.as_mut().expect("a proof").path[at] = Digest::default());
        let wrong = ReceiptError::Ending {
            number: 0,
            error: ProofError::WrongRoot,
        };
        assert_eq!(error, wrong);
    }
}

#[test]
fn a_changed_leaf_is_refused_under_an_ended_configuration_too() {
    let wrong = ReceiptError::Ending {
        number: 0,
        error: ProofError::WrongRoot,
    };
    assert_eq!(refusal(|r| r.leaf.sealed = sha256(&[b"other"])), wrong);
    assert_eq!(refusal(|r| r.leaf.view = 0), wrong);
    assert_eq!(refusal(|r| r.leaf.view = 2), ReceiptError::Leaf);
    assert_eq!(refusal(|r| r.leaf.version = 2), ReceiptError::Leaf);
    assert_eq!(
        refusal(|r| r.leaf.seqno = 3),
        ReceiptError::EndingPlace { number: 0 }
    );
    assert_eq!(
        refusal(|r| r.opening =
            None::<synod_ledger::ReplyPreimage>.or(Some(crate::network::preimage(3)))),
        ReceiptError::Opening
    );
}

#[test]
fn a_transaction_after_the_end_is_not_proven_by_what_ended() {
    let network = grown();
    let mut receipt = network.receipt(5, &[1, 2]);
    verify(&receipt, &network.chain()).expect("valid under both");
    receipt.header = network.blocks[2].header_bytes().clone();
    let refused = verify(&receipt, &network.chain()).expect_err("not in that tree");
    assert_eq!(refused, ReceiptError::EndingPlace { number: 0 });
}

#[test]
fn the_policy_judges_the_signers_of_the_record() {
    let network = grown();
    let receipt = old_receipt(&network, 2);
    let policy = ReceiptPolicy {
        signers_min: 2,
        vendors_min: 2,
        ..ReceiptPolicy::default()
    };
    let refused = receipt
        .verify(&network.chain(), &policy)
        .expect_err("one signed the end");
    assert_eq!(
        refused,
        ReceiptError::PolicySigners {
            found: 1,
            needed: 2
        }
    );
}

/// One change, recorded by two replicas: by the certificate of the change block, and by that of the
/// opening block of the next view, which holds `count` transactions.
fn recorded_twice(count: usize) -> (Network, [Chain; 2], [Block; 2]) {
    let mut network = Network::of(&["amd"], 1);
    network.transact(2);
    network.certify(&[1]);
    change(&mut network);
    let mut late = (network.recorder.clone(), network.sequence.clone());
    let change_block = network.blocks[2].clone();
    let early = network.certificate(&change_block.head(), &[1]);
    // The certificate of the change block reaches one replica only.
    network.elect(1);
    let opening_block = network.propose(vec![no_writes(); count]);
    let appended = late.1.append(&opening_block).expect("it follows");
    late.0.appended(&opening_block, &appended);
    let certificate = network.certificate(&opening_block.head(), &[1]);
    late.1.certify(&certificate).expect("valid");
    late.0.certified(&certificate, &late.1);
    network.sequence.certify(&early).expect("valid");
    network.recorder.certified(&early, &network.sequence);
    let chain = |recorder: &Recorder| {
        let block0 = network.blocks[0].bytes().clone();
        let mut chain = opened(Chain::start(network.network(), block0).expect("block 0"));
        chain.follow(&recorder.records()[0]).expect("valid");
        chain
    };
    let chains = [chain(&network.recorder), chain(&late.0)];
    assert_ne!(network.recorder.records(), late.0.records());
    (network, chains, [change_block, opening_block])
}

#[test]
fn a_receipt_under_either_certificate_of_one_change_verifies_for_both_followers() {
    let (network, chains, blocks) = recorded_twice(0);
    for block in &blocks {
        for seqno in 1..=4 {
            let receipt = network.receipt_under(block, seqno, &[1]);
            for chain in &chains {
                verify(&receipt, chain).expect("it is the same tree");
            }
        }
    }
}

#[test]
fn where_the_opening_block_holds_transactions_the_other_follower_renews() {
    let (network, chains, blocks) = recorded_twice(2);
    let ends = blocks.each_ref().map(|b| b.header().index);
    for (at, block) in blocks.iter().enumerate() {
        let receipt = network.receipt_under(block, 2, &[1]);
        verify(&receipt, &chains[at]).expect("its own tree");
        let other = verify(&receipt, &chains[1 - at]).expect_err("another tree");
        assert_eq!(
            other,
            ReceiptError::Superseded {
                number: 0,
                at: ends[1 - at]
            }
        );
    }
    // A proof attached for the other tree does not keep the own one from counting.
    let mut receipt = network.receipt_under(&blocks[1], 2, &[1]);
    receipt.ending = network
        .sequence
        .tree()
        .prove(1, blocks[0].header().tree_size);
    for chain in &chains {
        verify(&receipt, chain).expect("one of the two proofs is for its tree");
    }
}

#[test]
fn no_byte_of_leaf_opening_writes_or_proof_can_be_changed_unnoticed() {
    let network = grown();
    let (chain, receipt) = (network.chain(), old_receipt(&network, 2));
    let honest = verify(&receipt, &chain).expect("valid");
    let bytes = receipt.encode();
    for at in 0..bytes.len() {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= 0x10;
        let Ok(read) = Receipt::decode(&wrong) else {
            continue;
        };
        if let Ok(proven) = read.verify(&chain, &ReceiptPolicy::default()) {
            // Header and signatures of its own prove nothing, so nothing of them is told either.
            assert_eq!(proven, honest, "byte {at}");
        }
    }
}
