//! A certificate certifies only what a diverse quorum signed.

use std::sync::Arc;

use synod_ledger::{
    BlockSignature, Certificate, CertificateError, Certified, CertifyError, Configuration,
    QuorumError, Tally,
};

use crate::network::{Network, voter};

fn verify(network: &Network, certificate: &Certificate) -> Result<Certified, CertificateError> {
    let head = network.sequence.last();
    certificate.verify(&network.network(), head, network.sequence.configuration())
}

fn prepared() -> (Network, Certificate) {
    let mut network = Network::usual();
    network.transact(3);
    let certificate = network.certificate(network.sequence.last(), &[1, 2]);
    (network, certificate)
}

#[test]
fn a_diverse_quorum_certifies() {
    let (network, certificate) = prepared();
    let certified = verify(&network, &certificate).expect("valid");
    assert_eq!(certified.header_hash(), network.sequence.last().hash);
    assert_eq!(Certificate::decode(&certificate.encode()), Ok(certificate));
}

#[test]
fn a_minority_does_not_certify() {
    let (network, mut certificate) = prepared();
    certificate.signatures.pop();
    assert_eq!(
        verify(&network, &certificate),
        Err(QuorumError::TooFew {
            found: 1,
            needed: 2
        }
        .into())
    );
}

#[test]
fn a_quorum_of_one_vendor_does_not_certify_where_two_are_required() {
    let mut network = Network::of(&["amd", "amd", "intel"], 2);
    network.transact(1);
    let certificate = network.certificate(network.sequence.last(), &[1, 2]);
    assert_eq!(
        verify(&network, &certificate),
        Err(QuorumError::TooFewVendors {
            found: 1,
            needed: 2
        }
        .into())
    );
}

#[test]
fn a_signer_counts_once() {
    let (network, mut certificate) = prepared();
    certificate.signatures[1] = certificate.signatures[0];
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::DuplicateSigner { signer: 1 })
    );
}

#[test]
fn a_stranger_does_not_count() {
    let (network, _) = prepared();
    let certificate = network.certificate(network.sequence.last(), &[1, 2, 9]);
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::UnknownSigner { signer: 9 })
    );
}

#[test]
fn a_certificate_of_another_view_is_refused() {
    let (network, mut certificate) = prepared();
    certificate.view += 1;
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::WrongView {
            expected: 1,
            found: 2
        })
    );
}

#[test]
fn a_certificate_of_another_index_is_refused() {
    let (network, mut certificate) = prepared();
    certificate.index += 1;
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::WrongIndex {
            expected: 2,
            found: 3
        })
    );
}

#[test]
fn a_certificate_over_another_block_is_refused() {
    let (network, mut certificate) = prepared();
    certificate.header_hash = network.blocks[0].hash();
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::WrongBlock)
    );
}

#[test]
fn a_certificate_is_judged_only_by_the_configuration_that_the_header_names() {
    let (network, certificate) = prepared();
    let other = network.with_voter(4, "amd");
    let head = network.sequence.last();
    assert_eq!(
        certificate.verify(&network.network(), head, &other),
        Err(CertificateError::WrongConfiguration)
    );
}

#[test]
fn a_flipped_signature_is_refused() {
    let (network, mut certificate) = prepared();
    let mut bytes = *certificate.signatures[1].signature.as_bytes();
    bytes[9] ^= 1;
    certificate.signatures[1].signature = bytes.into();
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::BadSignature { signer: 2 })
    );
}

#[test]
fn a_signature_for_another_network_is_refused() {
    let (network, mut certificate) = prepared();
    let head = network.sequence.last();
    let foreign = network.blocks[0].header().root;
    certificate.signatures[0] = BlockSignature::sign(&network.keys[&1], 1, &foreign, head);
    assert_eq!(
        verify(&network, &certificate),
        Err(CertificateError::BadSignature { signer: 1 })
    );
}

#[test]
fn a_tally_completes_once_and_only_with_a_diverse_quorum() {
    let mut network = Network::of(&["amd", "amd", "intel"], 2);
    network.transact(1);
    let head = *network.sequence.last();
    let configuration: Arc<Configuration> = network.sequence.configuration().clone();
    let mut tally = Tally::new(network.network(), head, configuration).expect("named");
    let sign = |id: u64| BlockSignature::sign(&network.keys[&id], id, &network.network(), &head);
    assert_eq!(tally.add_own(sign(1)), None);
    assert_eq!(tally.add(sign(2)), Ok(None));
    assert_eq!(tally.add(sign(2)), Ok(None));
    let forged = BlockSignature {
        signer: 3,
        ..sign(2)
    };
    assert_eq!(
        tally.add(forged),
        Err(CertificateError::BadSignature { signer: 3 })
    );
    let (certificate, witness) = tally.add(sign(3)).expect("valid").expect("complete");
    assert_eq!(verify(&network, &certificate), Ok(witness));
    assert_eq!(tally.add(sign(3)), Ok(None));
}

#[test]
fn a_tally_starts_only_under_the_named_configuration() {
    let (network, _) = prepared();
    let other = Arc::new(network.next_configuration(vec![voter(1, "amd")], 1));
    let tally = Tally::new(network.network(), *network.sequence.last(), other);
    assert_eq!(tally.err(), Some(CertificateError::WrongConfiguration));
}

#[test]
fn certifying_moves_the_certified_position_and_never_back() {
    let mut network = Network::usual();
    let first = network.transact(1).head();
    let second = network.transact(1).head();
    let early = network.certificate(&first, &[1, 2]);
    network.certify(&[1, 3]);
    assert_eq!(*network.sequence.certified(), second);
    network
        .sequence
        .certify(&early)
        .expect("valid, though late");
    assert_eq!(*network.sequence.certified(), second);
    assert_eq!(network.sequence.uncertified().len(), 0);
}

#[test]
fn a_certificate_over_another_block_at_a_certified_index_is_told_apart() {
    let mut network = Network::usual();
    network.transact(1);
    let mut certificate = network.certify(&[1, 2]);
    certificate.header_hash = network.network();
    assert_eq!(
        network.sequence.certify(&certificate),
        Err(CertifyError::OtherBlock {
            index: 2,
            certified: true
        })
    );
    certificate.index = 77;
    assert_eq!(
        network.sequence.certify(&certificate),
        Err(CertifyError::NotAtHand { index: 77 })
    );
}
