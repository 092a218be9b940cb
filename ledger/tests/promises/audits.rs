//! The audit finds the first fault and says where it lies.

use bytes::Bytes;
use synod_crypto::sha256;
use synod_ledger::{
    AuditError, AuditFault, BlockSignature, CertifyError, Record, Report, RetractsCertified,
    SEGMENT_HEADER_LEN, SegmentHeader, SequenceError, SignedAt, audit_segments,
};

use crate::network::{Network, altered, configuration_write};

fn prepared() -> Network {
    let mut network = Network::usual();
    for count in [3, 1, 0] {
        network.transact(count);
        network.certify(&[1, 3]);
    }
    network
}

fn audit(network: &Network) -> Result<Report, AuditError> {
    let segment = Bytes::from(network.segment());
    audit_segments(network.network(), [segment]).map(|(_, report)| report)
}

fn fault(network: &Network) -> AuditFault {
    audit(network).expect_err("must be refused").fault
}

#[test]
fn a_ledger_in_order_is_reported() {
    let mut network = prepared();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    network.certify(&[1, 2]);
    network.transact(2);
    let report = audit(&network).expect("in order");
    assert_eq!(report.blocks, 6);
    assert_eq!(report.transactions, 8);
    assert_eq!(report.certificates, 4);
    assert_eq!(report.configurations, 2);
    assert_eq!(report.uncertified, 1);
    assert_eq!(report.last, *network.sequence.last());
    assert_eq!(report.certified, *network.sequence.certified());
    assert_eq!(report.torn, None);
}

#[test]
fn the_audit_makes_the_records_that_a_client_follows() {
    let mut network = prepared();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    network.certify(&[1, 2]);
    let segment = Bytes::from(network.segment());
    let (audit, _) = audit_segments(network.network(), [segment]).expect("in order");
    assert_eq!(audit.chain_records(), network.recorder.records());
    assert_eq!(audit.chain_records().len(), 1);
}

#[test]
fn an_uncertified_tail_may_be_replaced_and_a_certified_block_may_not() {
    let mut network = prepared();
    let fork = network.sequence.clone();
    network.transact(2);
    network.sequence = fork;
    network.elect(2);
    network.transact(1);
    network.certify(&[2, 3]);
    let report = audit(&network).expect("in order");
    assert_eq!(
        (report.replaced, report.blocks, report.uncertified),
        (1, 5, 0)
    );

    let mut early = Network::usual();
    early.transact(1);
    let mut network = prepared();
    early.elect(2);
    network
        .records
        .push(Record::Block(early.transact(0).bytes().clone()));
    assert_eq!(
        fault(&network),
        AuditFault::ContradictsCertified(RetractsCertified { certified: 4 })
    );
}

#[test]
fn another_pin_is_refused() {
    let network = prepared();
    let pin = sha256(&[b"other"]);
    let error = audit_segments(pin, [Bytes::from(network.segment())]).expect_err("refused");
    assert_eq!(
        error.fault,
        AuditFault::Network {
            found: network.network()
        }
    );
}

#[test]
fn a_ledger_begins_with_block_0() {
    let mut network = prepared();
    network.records.remove(0);
    assert!(matches!(
        fault(&network),
        AuditFault::Sequence(SequenceError::Pin { .. })
    ));
    network.records.remove(0);
    assert_eq!(fault(&network), AuditFault::NoBlockZero);
    network.records.clear();
    assert_eq!(fault(&network), AuditFault::NoBlockZero);
}

#[test]
fn a_changed_or_missing_block_is_refused_where_it_lies() {
    let mut network = prepared();
    let forged = altered(&network.blocks[2], |h| h.proposer = 9);
    network.records[3] = Record::Block(forged.bytes().clone());
    let error = audit(&network).expect_err("refused");
    assert_eq!(error.fault, SequenceError::Proposer { proposer: 9 }.into());
    assert!(error.at > SEGMENT_HEADER_LEN as u64);

    let mut network = prepared();
    network.records.drain(3..=4);
    assert!(matches!(
        fault(&network),
        AuditFault::Sequence(SequenceError::Previous)
    ));
}

#[test]
fn malformed_records_are_refused() {
    let mut network = prepared();
    network.records[1] = Record::Block(Bytes::from_static(b"\x82"));
    assert!(matches!(fault(&network), AuditFault::Block(_)));
    let mut network = prepared();
    network.records[2] = Record::Certificate(Bytes::from_static(b"\x84"));
    assert!(matches!(fault(&network), AuditFault::CertificateBytes(_)));
}

#[test]
fn a_certificate_that_does_not_hold_is_refused() {
    let mut network = prepared();
    let certificate = network.certificate(&network.blocks[1].head(), &[1]);
    network.records[2] = Record::Certificate(certificate.encode());
    assert!(matches!(
        fault(&network),
        AuditFault::Certificate(CertifyError::Invalid(_))
    ));
}

#[test]
fn a_signature_is_judged_if_it_can_be() {
    let mut network = prepared();
    let head = network.transact(1).head();
    let mut sign = |id: u64, over: &synod_ledger::Head| {
        let signature = BlockSignature::sign(&network.keys[&id], id, &network.network(), over);
        let signed = SignedAt {
            index: head.index,
            header_hash: head.hash,
            signature,
        };
        network.records.push(Record::Signature(signed));
    };
    sign(1, &head);
    // A learner has no vote yet, so nothing here knows its key.
    sign(9, &head);
    let other = synod_ledger::Head { view: 7, ..head };
    sign(2, &other);
    assert_eq!(
        fault(&network),
        AuditFault::Signature {
            signer: 2,
            index: head.index
        }
    );
    network.records.pop();
    assert_eq!(audit(&network).expect("in order").signatures, 2);
}

#[test]
fn only_the_last_segment_may_be_torn() {
    let network = prepared();
    let whole = network.segment();
    let torn = Bytes::copy_from_slice(&whole[..whole.len() - 3]);
    let (_, report) = audit_segments(network.network(), [torn.clone()]).expect("in order");
    assert!(
        report
            .torn
            .is_some_and(|(segment, at)| segment == 0 && at < torn.len() as u64)
    );
    let second = SegmentHeader {
        network: network.network(),
        first_index: 5,
    }
    .encode();
    let both = [torn, Bytes::copy_from_slice(&second)];
    let error = audit_segments(network.network(), both).expect_err("refused");
    assert!(matches!(error.fault, AuditFault::Damage(_)));
}

#[test]
fn a_segment_states_its_first_index() {
    let network = prepared();
    let mut wrong = SegmentHeader {
        network: network.network(),
        first_index: 2,
    }
    .encode()
    .to_vec();
    wrong.extend_from_slice(&network.segment()[SEGMENT_HEADER_LEN..]);
    let error = audit_segments(network.network(), [Bytes::from(wrong)]).expect_err("refused");
    assert_eq!(
        error.fault,
        AuditFault::FirstIndex {
            stated: 2,
            found: 1
        }
    );
}
