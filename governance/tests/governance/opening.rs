//! The members open one configuration, the one in force, with the voters that they demand.

use synod_attestation::Tee;
use synod_crypto::Digest;
use synod_governance::{
    Act, Manifest, ManifestError, ManifestFile, Opening, OpeningRefusal, Refusal,
};

use crate::network::{Network, Node, manifest_file};

/// What opens the newest configuration, with another number or digest.
fn opening(network: &Network, change: impl FnOnce(&mut u64, &mut Digest)) -> Act {
    let Act::Open {
        mut configuration,
        mut digest,
    } = network.open()
    else {
        panic!("it opens");
    };
    change(&mut configuration, &mut digest);
    Act::Open {
        configuration,
        digest,
    }
}

fn refused(network: &Network, act: Act) -> Refusal {
    network.refused(&network.signed(act, &[1, 2]))
}

fn founded(open_voters: u8, required_vendors: u8) -> Network {
    let file = ManifestFile {
        open_voters,
        required_vendors,
        ..manifest_file()
    };
    Network::founded_on(&Manifest::try_from(file).expect("a valid manifest"))
}

#[test]
fn members_open_the_service_once() {
    let mut network = Network::of_three();
    assert_eq!(network.view(|view| view.is_open()), Ok(false));
    assert_eq!(network.view(|view| view.opening_action()), Ok(None));
    let open = network.open();
    network.act(open.clone()).expect("two of three members");
    assert_eq!(network.view(|view| view.is_open()), Ok(true));
    assert_eq!(network.act(open), Err(OpeningRefusal::AlreadyOpen.into()));
}

#[test]
fn record_of_the_opening_names_configuration_and_signed_action() {
    let mut network = Network::of_three();
    let (open, seqno) = (network.open(), network.store.head() + 1);
    network.act(open.clone()).expect("two of three members");
    let (record, signed, members) = network.view(|view| {
        let service = view.service().expect("sound").expect("founded");
        let signed = view.opening_action().expect("sound").expect("it is open");
        (service.opening, signed, view.members().expect("sound"))
    });
    let Act::Open { digest, .. } = open else {
        panic!("it opens");
    };
    let expected = Opening {
        configuration: 2,
        digest,
        seqno,
    };
    assert_eq!(record, Some(expected));
    let action = signed.verify(&members, 2).expect("as it was signed");
    assert_eq!(action.act, open);
}

#[test]
fn another_configuration_than_the_one_in_force_is_not_opened() {
    let network = Network::of_three();
    let earlier = opening(&network, |number, _| *number = 1);
    let (named, in_force) = (1, 2);
    let refusal = OpeningRefusal::AnotherConfiguration { named, in_force }.into();
    assert_eq!(refused(&network, earlier), refusal);
    let later = opening(&network, |number, _| *number = 3);
    let (named, in_force) = (3, 2);
    let refusal = OpeningRefusal::AnotherConfiguration { named, in_force }.into();
    assert_eq!(refused(&network, later), refusal);
}

#[test]
fn configuration_with_another_digest_is_not_opened() {
    let network = Network::of_three();
    let other = opening(&network, |_, digest| *digest = Digest::from([7; 32]));
    let (named, in_force) = (2, 2);
    let refusal = OpeningRefusal::AnotherConfiguration { named, in_force }.into();
    assert_eq!(refused(&network, other), refusal);
}

#[test]
fn nothing_is_opened_while_a_change_is_under_way() {
    let mut network = Network::of_three();
    network.settles = false;
    network.add_voter(&Node::new(104, Tee::Tdx));
    let (newest, in_force) = (3, 2);
    let refusal = Refusal::ChangeInFlight { newest, in_force };
    assert_eq!(refused(&network, network.open()), refusal);
}

#[test]
fn fewer_voters_than_the_manifest_demands_are_not_opened() {
    let mut network = founded(3, 1);
    network.add_voter(&Node::new(102, Tee::Tdx));
    let (found, needed) = (2, 3);
    let refusal = OpeningRefusal::TooFewVoters { found, needed }.into();
    assert_eq!(refused(&network, network.open()), refusal);
    network.add_voter(&Node::new(103, Tee::Tdx));
    let open = network.open();
    network.act(open).expect("three vote");
}

#[test]
fn voters_of_fewer_vendors_than_demanded_are_not_opened() {
    let mut network = founded(1, 2);
    let (found, required) = (1, 2);
    let refusal = Refusal::TooFewVendors { required, found };
    assert_eq!(refused(&network, network.open()), refusal);
    network.add_voter(&Node::new(102, Tee::Tdx));
    let open = network.open();
    network.act(open).expect("of two vendors");
}

#[test]
fn service_stays_open_when_its_voters_become_fewer() {
    let mut network = Network::of_three();
    let open = network.open();
    network.act(open).expect("three vote");
    let cause = "spare".to_owned();
    network
        .act(Act::RemoveReplica { id: 3, cause })
        .expect("two are left, of two vendors");
    assert_eq!(network.view(|view| view.is_open()), Ok(true));
}

#[test]
fn open_voters_of_a_manifest_are_one_to_as_many_as_can_vote() {
    let with = |open_voters| {
        Manifest::try_from(ManifestFile {
            open_voters,
            ..manifest_file()
        })
    };
    for open_voters in [1, 15] {
        assert!(with(open_voters).is_ok(), "{open_voters}");
    }
    for open_voters in [0, 16] {
        assert_eq!(
            with(open_voters),
            Err(ManifestError::OpenVoters(open_voters))
        );
    }
}

#[test]
fn manifest_that_says_nothing_of_open_voters_demands_three() {
    let text = Manifest::try_from(manifest_file())
        .expect("valid")
        .to_toml();
    let silent = text.replace("open_voters = 3\n", "");
    assert_ne!(silent, text);
    let read = Manifest::from_toml(silent.as_bytes()).expect("valid");
    assert_eq!(
        read.file().open_voters,
        synod_governance::OPEN_VOTERS_DEFAULT
    );
    assert_eq!(read.file().open_voters, 3);
}
