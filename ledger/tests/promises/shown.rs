//! A shown block proves a fork only where its certificate holds, and only against a configuration
//! that is in force.

use synod_ledger::{
    Block, CertificateError, CertifyError, NotShown, QuorumError, ShownBlock, Standing,
};

use crate::network::{Network, altered, configuration_write};

/// Configuration 0 is {1}; configuration 1 is {1, 2}; a block of each is certified, and one of
/// configuration 1 after.
fn grown() -> Network {
    let mut network = Network::of(&["amd"], 1);
    network.elect(1);
    network.transact(2);
    network.certify(&[1]);
    let next = network.with_voter(2, "intel");
    network.propose(vec![configuration_write(&next)]);
    network.certify(&[1]);
    network.transact(2);
    network.certify(&[1, 2]);
    network
}

fn shown(network: &Network, block: &Block, signers: &[u64]) -> ShownBlock {
    ShownBlock {
        header: block.header_bytes().clone(),
        certificate: network.certificate(&block.head(), signers),
    }
}

fn standing(network: &Network, shown: &ShownBlock) -> Result<Standing, NotShown> {
    let ours = network.blocks.iter().rev();
    let ours = ours
        .map(Block::head)
        .find(|head| head.index <= shown.certificate.index);
    shown.standing(&network.sequence, ours.as_ref())
}

fn newest(network: &Network) -> Block {
    network.blocks.last().expect("a block").clone()
}

#[test]
fn an_own_block_is_on_the_chain_with_or_without_the_block_at_hand() {
    let network = grown();
    let own = shown(&network, &newest(&network), &[1, 2]);
    assert_eq!(standing(&network, &own), Ok(Standing::OnChain));
    assert_eq!(own.standing(&network.sequence, None), Ok(Standing::OnChain));
}

#[test]
fn another_block_that_the_configuration_in_force_certified_is_a_fork() {
    let network = grown();
    let other = altered(&newest(&network), |header| header.root = [9; 32].into());
    let other = shown(&network, &other, &[1, 2]);
    let index = newest(&network).header().index;
    assert_eq!(standing(&network, &other), Ok(Standing::Fork { index }));
    assert_eq!(
        other.standing(&network.sequence, None),
        Ok(Standing::Fork { index })
    );
    let again = ShownBlock::decode(&other.encode()).expect("its own encoding");
    assert_eq!(again, other);
}

#[test]
fn a_block_of_an_ended_configuration_is_no_fork_whatever_view_and_index_it_states() {
    let network = grown();
    let founded = network.blocks[1].clone();
    for (index, view) in [(2, 1), (3, 2), (4, 1_000)] {
        let other = altered(&founded, |header| {
            header.index = index;
            header.view = view;
            header.root = [9; 32].into();
        });
        assert_eq!(
            standing(&network, &shown(&network, &other, &[1])),
            Ok(Standing::Superseded { number: 0 })
        );
    }
}

#[test]
fn a_configuration_whose_end_is_not_certified_is_in_force() {
    let mut network = Network::of(&["amd"], 1);
    network.elect(1);
    network.transact(2);
    network.certify(&[1]);
    let other = altered(&newest(&network), |header| header.root = [9; 32].into());
    let next = network.with_voter(2, "intel");
    network.propose(vec![configuration_write(&next)]);
    let other = shown(&network, &other, &[1]);
    assert!(matches!(
        standing(&network, &other),
        Ok(Standing::Fork { .. })
    ));
    network.certify(&[1]);
    assert_eq!(
        standing(&network, &other),
        Ok(Standing::Superseded { number: 0 })
    );
}

#[test]
fn a_block_ahead_says_nothing_yet() {
    let network = grown();
    let ahead = altered(&newest(&network), |header| header.index += 1);
    let ahead = shown(&network, &ahead, &[1, 2]);
    assert_eq!(standing(&network, &ahead), Ok(Standing::Ahead));
}

#[test]
fn what_does_not_verify_is_no_fork() {
    let network = grown();
    let other = altered(&newest(&network), |header| header.root = [9; 32].into());
    let few = shown(&network, &other, &[1]);
    let too_few = QuorumError::TooFew {
        found: 1,
        needed: 2,
    };
    assert_eq!(
        standing(&network, &few),
        Err(NotShown::Certificate(too_few.into()))
    );
    let mut exchanged = shown(&network, &other, &[1, 2]);
    exchanged.header = newest(&network).header_bytes().clone();
    assert_eq!(
        standing(&network, &exchanged),
        Err(NotShown::Certificate(CertificateError::WrongBlock))
    );
    let foreign = altered(&other, |header| header.network = [1; 32].into());
    assert_eq!(
        standing(&network, &shown(&network, &foreign, &[1, 2])),
        Err(NotShown::Network)
    );
    let unknown = altered(&other, |header| header.configuration = [1; 32].into());
    assert_eq!(
        standing(&network, &shown(&network, &unknown, &[1, 2])),
        Err(NotShown::Configuration)
    );
    let mut cut = shown(&network, &other, &[1, 2]);
    cut.header.truncate(40);
    assert!(matches!(standing(&network, &cut), Err(NotShown::Header(_))));
    let certify = network.sequence.clone().certify(&few.certificate);
    assert!(matches!(certify, Err(CertifyError::OtherBlock { .. })));
}
