//! What a broken leader writes is noticed, whichever value it falsifies.

use synod_attestation::Tee;
use synod_governance::{
    Act, Input, Lapse, Learner, Leave, Malformed, Mismatch, REATTEST_INTERVAL_MS, Refusal, Unheard,
    UnheardStatement, is_reserved, map, recompute,
};
use synod_kv::{Bytes, MapName, WriteSet};

use crate::network::{Network, Node, genesis, manifest};

fn name(map: &str) -> MapName {
    MapName::new(map).expect("valid name")
}

fn check(network: &Network, recorded: &WriteSet) -> Result<(), Mismatch> {
    recompute(&mut network.store.begin(), recorded, &network.context()).map(|_| ())
}

/// What a broken leader records instead of one write.
enum Forged {
    Value(Bytes),
    Deletion,
    Nothing,
}

/// The set with one write forged.
fn with(set: &WriteSet, at: (&MapName, &Bytes), forged: &Forged) -> WriteSet {
    let mut changed = WriteSet::new();
    for (map, key, value) in set.iter() {
        let written = match (forged, (map, key) == at) {
            (Forged::Nothing, true) => continue,
            (Forged::Deletion, true) => None,
            (Forged::Value(forged), true) => Some(forged),
            (_, false) => value,
        };
        match written {
            Some(value) => changed.put(map, key.clone(), value.clone()),
            None => changed.delete(map, key.clone()),
        }
        .expect("within limits");
    }
    changed
}

/// Falsifies every written value, one at a time: another value, a deletion, or
/// nothing at all.
pub(crate) fn expect_every_falsification_noticed(network: &Network, input: &Input) {
    let (_, writes) = network.writes(input).expect("a sound input");
    assert_eq!(check(network, &writes), Ok(()));
    let inputs = name(map::INPUTS);
    for (map, key, value) in writes.iter().filter(|(map, ..)| **map != inputs) {
        let mut other = value.map_or_else(|| vec![0], |value| value.to_vec());
        *other.last_mut().expect("no empty rows") ^= 1;
        let differs = Mismatch::Differs {
            map: map.clone(),
            key: key.clone(),
        };
        let changed = with(&writes, (map, key), &Forged::Value(Bytes::from(other)));
        assert_eq!(
            check(network, &changed),
            Err(differs.clone()),
            "changed in {map}"
        );
        if value.is_some() {
            let deleted = with(&writes, (map, key), &Forged::Deletion);
            assert_eq!(check(network, &deleted), Err(differs), "deleted in {map}");
        }
        let missing = Mismatch::Missing {
            map: map.clone(),
            key: key.clone(),
        };
        assert_eq!(
            check(network, &with(&writes, (map, key), &Forged::Nothing)),
            Err(missing)
        );
    }
}

#[test]
fn every_write_of_genesis_is_checked() {
    let input = Input::Genesis(Box::new(genesis(&manifest())));
    expect_every_falsification_noticed(&Network::unfounded(), &input);
}

#[test]
fn every_write_of_a_reattestation_is_checked() {
    let mut network = Network::of_three();
    network.time_ms += REATTEST_INTERVAL_MS;
    network.end_block();
    let request = network.reattest_input(3, &Node::new(103, Tee::Nitro));
    expect_every_falsification_noticed(&network, &Input::Reattest(Box::new(request)));
}

#[test]
fn every_write_of_a_leave_is_checked() {
    let network = Network::of_three();
    let identity = &Node::new(103, Tee::Nitro).identity;
    let leave = Leave::sign(&network.id, 3, network.newest(), identity);
    expect_every_falsification_noticed(&network, &Input::Leave(leave));
}

#[test]
fn every_write_of_a_silence_is_checked() {
    let network = Network::of_three();
    let statements = [(1, 101, Tee::SevSnp), (2, 102, Tee::Tdx)].map(|(signer, seed, tee)| {
        let identity = &Node::new(seed, tee).identity;
        let for_ms = 3_600_000;
        UnheardStatement::sign(&network.id, 3, signer, network.newest(), for_ms, identity)
    });
    let unheard = Unheard {
        id: 3,
        statements: statements.into(),
        by: None,
    };
    expect_every_falsification_noticed(&network, &Input::Unheard(Box::new(unheard)));
}

#[test]
fn every_write_of_a_lapse_is_checked() {
    let mut network = Network::of_three();
    network.time_ms += 1_000_000;
    network.end_block();
    for (id, node) in [
        (1, Node::new(101, Tee::SevSnp)),
        (2, Node::new(102, Tee::Tdx)),
    ] {
        network.reattest(id, &node).expect("sound");
    }
    let replica = network.view(|view| view.replica(3));
    network.time_ms = replica.expect("sound").expect("recorded").expires_ms;
    expect_every_falsification_noticed(&network, &Input::Lapse(Lapse { id: 3 }));
}

#[test]
fn lapse_of_a_verdict_that_holds_is_noticed_whatever_it_writes() {
    let network = Network::of_three();
    let mut later = Network::of_three();
    let lapse = Input::Lapse(Lapse { id: 3 });
    later.time_ms += 1_000_000;
    later.end_block();
    for (id, node) in [
        (1, Node::new(101, Tee::SevSnp)),
        (2, Node::new(102, Tee::Tdx)),
    ] {
        later.reattest(id, &node).expect("sound");
    }
    let replica = later.view(|view| view.replica(3));
    later.time_ms = replica.expect("sound").expect("recorded").expires_ms;
    let (_, writes) = later.writes(&lapse).expect("lapsed by then");
    // A broken leader records now what would be right then.
    let inputs = name(map::INPUTS);
    let mut forged = WriteSet::new();
    for (map, key, value) in writes.iter().filter(|(map, ..)| **map != inputs) {
        let value = value.expect("a lapse deletes nothing").clone();
        forged.put(map, key.clone(), value).expect("within limits");
    }
    let key = network.context().seqno.to_be_bytes();
    forged
        .put(&inputs, key.to_vec(), lapse.encode())
        .expect("within limits");
    assert!(matches!(
        check(&network, &forged),
        Err(Mismatch::Refused(Refusal::VerdictHolds { id: 3, .. }))
    ));
}

#[test]
fn every_write_of_a_join_is_checked() {
    let network = Network::founded();
    let join = network.join_input(&Node::new(102, Tee::Nitro));
    expect_every_falsification_noticed(&network, &Input::Join(Box::new(join)));
}

#[test]
fn every_write_of_a_membership_change_is_checked() {
    let mut network = Network::founded();
    let node = Node::new(102, Tee::Tdx);
    let id = network.join(&node).expect("joins");
    expect_every_falsification_noticed(&network, &Input::Learner(Learner { id }));
    network.learn(id).expect("trusted");
    let promote = Input::Promote(network.promotion(id, &node));
    expect_every_falsification_noticed(&network, &promote);
    network.execute(&promote).expect("caught up");
    network
        .act(Act::SetRequiredVendors { n: 1 })
        .expect("members decide");
    let act = Act::RemoveReplica {
        id,
        cause: "test".to_owned(),
    };
    expect_every_falsification_noticed(&network, &network.signed(act, &[1, 2]));
}

fn remove_user() -> Act {
    Act::RemoveUser {
        name: "ursula".to_owned(),
    }
}

#[test]
fn every_write_of_an_action_is_checked() {
    let network = Network::of_three();
    for act in [network.open(), remove_user()] {
        expect_every_falsification_noticed(&network, &network.signed(act, &[1, 2]));
    }
}

#[test]
fn a_write_that_the_input_does_not_give_is_noticed() {
    let network = Network::founded();
    let (_, writes) = network
        .writes(&network.signed(remove_user(), &[1, 2]))
        .expect("sound");
    for map in [map::MEMBERS, "public:synod.invented", "public:app"] {
        let mut more = writes.clone();
        more.put(&name(map), "invented", "x")
            .expect("within limits");
        let extra = Mismatch::Extra {
            map: name(map),
            key: Bytes::from_static(b"invented"),
        };
        assert_eq!(check(&network, &more), Err(extra));
    }
}

#[test]
fn governance_maps_cannot_be_written_without_an_input() {
    let network = Network::founded();
    let mut writes = WriteSet::new();
    writes
        .put(&name(map::USERS), "mallory", "x")
        .expect("within limits");
    let no_input = Err(Mismatch::NoInput { seqno: 2 });
    assert_eq!(check(&network, &writes), no_input);

    let (_, sound) = network
        .writes(&network.signed(remove_user(), &[1, 2]))
        .expect("sound");
    let (inputs, seqno) = (
        name(map::INPUTS),
        Bytes::copy_from_slice(&2u64.to_be_bytes()),
    );
    assert_eq!(
        check(&network, &with(&sound, (&inputs, &seqno), &Forged::Nothing)),
        no_input
    );
    assert_eq!(
        check(
            &network,
            &with(&sound, (&inputs, &seqno), &Forged::Deletion)
        ),
        no_input
    );
}

#[test]
fn an_input_that_does_not_decode_is_noticed() {
    let network = Network::founded();
    let (_, sound) = network
        .writes(&network.signed(remove_user(), &[1, 2]))
        .expect("sound");
    let (inputs, seqno) = (
        name(map::INPUTS),
        Bytes::copy_from_slice(&2u64.to_be_bytes()),
    );
    let garbage = with(
        &sound,
        (&inputs, &seqno),
        &Forged::Value(Bytes::from_static(b"x")),
    );
    assert_eq!(
        check(&network, &garbage),
        Err(Mismatch::Input(Malformed::Shape))
    );
}

#[test]
fn an_input_that_is_not_acceptable_is_noticed() {
    let mut network = Network::founded();
    let input = network.signed(remove_user(), &[1, 2]);
    let (_, writes) = network.writes(&input).expect("sound");
    network.execute(&input).expect("sound");
    // The same block again: a replayed action, recorded under the next seqno.
    let (inputs, old) = (
        name(map::INPUTS),
        Bytes::copy_from_slice(&2u64.to_be_bytes()),
    );
    let mut replayed = with(&writes, (&inputs, &old), &Forged::Nothing);
    replayed
        .put(&inputs, 3u64.to_be_bytes().to_vec(), input.encode())
        .expect("within limits");
    let stale = Refusal::WrongSequence {
        expected: 2,
        found: 1,
    };
    assert_eq!(check(&network, &replayed), Err(Mismatch::Refused(stale)));
}

#[test]
fn an_app_that_leaves_governance_alone_is_left_alone() {
    let network = Network::founded();
    let mut writes = WriteSet::new();
    writes
        .put(&name("public:app"), "key", "value")
        .expect("within limits");
    let done = recompute(&mut network.store.begin(), &writes, &network.context());
    assert_eq!(done, Ok(None));
    assert!(is_reserved(&name("public:synod.x")) && !is_reserved(&name("public:synodx")));
}
