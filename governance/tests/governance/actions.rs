//! Members act together, once, on their own network.

use synod_crypto::{Digest, cose::CoseError};
use synod_governance::{Act, Action, Input, Refusal, SignatureError, SignedAction, View};

use crate::network::{Network, fingerprint, key};

fn set_user(name: &str, certificate: &str) -> Act {
    let roles = ["user".to_owned(), "auditor".to_owned()].into();
    Act::SetUser {
        name: name.to_owned(),
        fingerprint: fingerprint(certificate),
        roles,
    }
}

fn signatures(refusal: Refusal) -> SignatureError {
    match refusal {
        Refusal::Signatures(cause) => cause,
        other => panic!("{other}"),
    }
}

#[test]
fn an_action_counts_once() {
    let mut network = Network::founded();
    let input = network.signed(set_user("ada", "ada"), &[1, 2]);
    network.execute(&input).expect("fresh");
    assert_eq!(
        network.refused(&input),
        Refusal::WrongSequence {
            expected: 2,
            found: 1
        }
    );
}

#[test]
fn an_action_before_its_turn_is_refused() {
    let network = Network::founded();
    let action = Action {
        sequence: 2,
        ..network.action(network.open())
    };
    let signed = SignedAction::combine([action.sign(&key(1)), action.sign(&key(2))]);
    let refusal = network.refused(&Input::Action(signed));
    assert_eq!(
        refusal,
        Refusal::WrongSequence {
            expected: 1,
            found: 2
        }
    );
}

#[test]
fn an_action_for_another_network_is_refused() {
    let network = Network::founded();
    let found = Digest::from([1; 32]);
    let action = Action {
        network: found,
        ..network.action(network.open())
    };
    let signed = SignedAction::combine([action.sign(&key(1)), action.sign(&key(2))]);
    let refusal = network.refused(&Input::Action(signed));
    assert_eq!(
        refusal,
        Refusal::WrongNetwork {
            expected: network.id,
            found
        }
    );
}

#[test]
fn fewer_signatures_than_the_threshold_are_refused() {
    let network = Network::founded();
    let one = signatures(network.refused(&network.signed(network.open(), &[2])));
    assert_eq!(
        one,
        SignatureError::TooFew {
            needed: 2,
            found: 1
        }
    );
    let none = signatures(network.refused(&network.signed(network.open(), &[])));
    assert_eq!(
        none,
        SignatureError::TooFew {
            needed: 2,
            found: 0
        }
    );
}

#[test]
fn a_member_counts_once() {
    let network = Network::founded();
    let signature = network.action(network.open()).sign(&key(1));
    let twice = SignedAction {
        signatures: vec![signature.clone(), signature.clone()],
    };
    assert_eq!(
        signatures(network.refused(&Input::Action(twice))),
        SignatureError::Repeated
    );
    let combined = SignedAction::combine([signature.clone(), signature]);
    assert_eq!(combined.signatures.len(), 1);
}

#[test]
fn strangers_do_not_count() {
    let network = Network::founded();
    let refusal = signatures(network.refused(&network.signed(network.open(), &[1, 2, 9])));
    let kid = key(9).public().digest();
    assert_eq!(refusal, SignatureError::Cose(CoseError::UnknownKey { kid }));
}

#[test]
fn a_falsified_signature_is_refused() {
    let network = Network::founded();
    let mut signature = network.action(network.open()).sign(&key(2));
    *signature.last_mut().expect("not empty") ^= 1;
    let good = network.action(network.open()).sign(&key(1));
    let signed = SignedAction {
        signatures: vec![good, signature],
    };
    let refusal = signatures(network.refused(&Input::Action(signed)));
    let kid = key(2).public().digest();
    assert_eq!(
        refusal,
        SignatureError::Cose(CoseError::BadSignature { kid })
    );
}

#[test]
fn members_must_sign_the_same() {
    let network = Network::founded();
    let (open, set) = (
        network.action(network.open()),
        network.action(set_user("ada", "ada")),
    );
    let signed = SignedAction::combine([open.sign(&key(1)), set.sign(&key(2))]);
    let refusal = signatures(network.refused(&Input::Action(signed)));
    assert_eq!(refusal, SignatureError::PayloadsDiffer);
}

#[test]
fn more_signatures_than_members_can_be_are_not_looked_at() {
    let network = Network::founded();
    let signed = SignedAction {
        signatures: vec![vec![0]; 65],
    };
    assert_eq!(
        signatures(network.refused(&Input::Action(signed))),
        SignatureError::TooMany(65)
    );
}

#[test]
fn a_signature_for_something_else_is_no_action() {
    let network = Network::founded();
    let payload = network.action(network.open()).encode();
    let sign =
        |n| synod_crypto::cose::sign1(&key(n), synod_governance::APPROVAL_CONTENT_TYPE, &payload);
    let signed = SignedAction {
        signatures: vec![sign(1), sign(2)],
    };
    let refusal = signatures(network.refused(&Input::Action(signed)));
    assert!(matches!(
        refusal,
        SignatureError::Cose(CoseError::WrongContentType { .. })
    ));
    let garbage =
        |n| synod_crypto::cose::sign1(&key(n), synod_governance::ACTION_CONTENT_TYPE, b"x");
    let signed = SignedAction {
        signatures: vec![garbage(1), garbage(2)],
    };
    assert!(matches!(
        network.refused(&Input::Action(signed)),
        Refusal::Malformed(_)
    ));
}

#[test]
fn signatures_from_several_files_come_together() {
    let network = Network::founded();
    let action = network.action(network.open());
    let files = [1, 2, 3].map(|n| SignedAction::combine([action.sign(&key(n))]).encode());
    let parts = files.map(|file| SignedAction::decode(&file).expect("reads back").signatures);
    let whole = SignedAction::combine(parts.into_iter().flatten());
    let members = network.view(|view| view.members()).expect("sound");
    assert_eq!(whole.verify(&members, 3), Ok(action));
}

#[test]
fn users_are_set_and_removed() {
    let mut network = Network::founded();
    let user_of = |network: &Network, certificate: &str| {
        let found = network.view(|view| view.user_by_fingerprint(&fingerprint(certificate)));
        found
            .expect("sound")
            .map(|user| (user.name, user.roles.len()))
    };
    network.act(set_user("ada", "old")).expect("a new user");
    assert_eq!(user_of(&network, "old"), Some(("ada".to_owned(), 2)));
    network
        .act(set_user("ada", "new"))
        .expect("another certificate");
    assert_eq!(
        (user_of(&network, "old"), user_of(&network, "new").is_some()),
        (None, true)
    );
    network.act(set_user("ada", "new")).expect("the same again");
    assert!(user_of(&network, "new").is_some());
    network
        .act(Act::RemoveUser {
            name: "ada".to_owned(),
        })
        .expect("removed");
    assert_eq!(user_of(&network, "new"), None);
    assert_eq!(
        network.act(Act::RemoveUser {
            name: "ada".to_owned()
        }),
        Err(Refusal::UserNotFound("ada".to_owned()))
    );
}

#[test]
fn a_certificate_is_one_users_or_members() {
    let mut network = Network::founded();
    let taken = network.act(set_user("ada", "ursula"));
    assert_eq!(taken, Err(Refusal::FingerprintInUse("ursula".to_owned())));
    let taken = network.act(set_user("ada", "member2"));
    assert_eq!(taken, Err(Refusal::FingerprintInUse("member2".to_owned())));
}

#[test]
fn names_and_roles_of_users_are_checked() {
    let mut network = Network::founded();
    assert!(matches!(
        network.act(set_user("", "ada")),
        Err(Refusal::Entry(_))
    ));
    let roles = [String::new()].into();
    let act = Act::SetUser {
        name: "ada".to_owned(),
        fingerprint: fingerprint("ada"),
        roles,
    };
    assert!(matches!(network.act(act), Err(Refusal::Entry(_))));
}

#[test]
fn a_refused_action_does_not_use_up_its_number() {
    let mut network = Network::founded();
    network
        .act(Act::RemoveUser {
            name: "nobody".to_owned(),
        })
        .expect_err("no such user");
    let snapshot = network
        .store
        .snapshot(network.store.head())
        .expect("the head");
    assert_eq!(View::new(&snapshot).next_sequence(), Ok(1));
}

#[test]
fn only_one_or_two_vendors_can_be_required() {
    let mut network = Network::founded();
    for n in [0, 3] {
        assert_eq!(
            network.act(Act::SetRequiredVendors { n }),
            Err(Refusal::RequiredVendors(n))
        );
    }
}
