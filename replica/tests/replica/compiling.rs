//! Who compiles versions of apps, and what becomes of those that cannot be compiled.

use std::cell::RefCell;
use std::rc::Rc;

use synod_attestation::Tee;
use synod_crypto::sha256;
use synod_governance::Act;
use synod_replica::Heard;
use synod_replica::app::CompileFault;

use crate::cluster::user;
use crate::versions::{
    active_number, app, bring, deploy, record, record_at, rows_at, set, three, version,
};

/// A look at the apps falls between the block that sets one and the block's certificate.
#[test]
fn a_version_that_was_set_but_not_yet_certified_when_looked_at_is_compiled() {
    let mut cluster = three(88);
    let version = version("bank", "1.0");
    let (leader, replicas) = (cluster.leader(), [1, 2, 3]);
    for other in replicas.into_iter().filter(|id| *id != leader) {
        cluster.cut(leader, other);
    }
    let sequence = cluster.leader_node().replica.governance_view();
    let signed = cluster.signed(version.act.clone(), sequence.governance.next_sequence);
    cluster.enqueue(leader, signed, user());
    cluster.run(300);
    assert_eq!(record_at(&cluster, leader, "bank"), None, "not certified");
    cluster.heal();
    cluster.run(1000);
    assert_eq!(cluster.leader(), leader, "it was not cut off for long");
    let number = record(&cluster, "bank").pending.expect("set").number;
    bring(&mut cluster, &version, "bank", number);
    cluster.run(2000);
    for id in replicas {
        assert_eq!(active_number(&cluster, id, "bank"), Some(number));
    }
}

#[test]
fn a_replica_that_cannot_compile_keeps_nobody_waiting_and_is_named() {
    let mut cluster = three(85);
    cluster.compiler = Box::new(|id, compile| match id {
        2 => Err(CompileFault::Refused("surroundings")),
        _ => compile.joined().map(drop),
    });
    let number = deploy(&mut cluster, "bank", "1.0");
    let heard = |replica, failed: Option<&str>| Heard {
        number,
        replica,
        failed: failed.map(str::to_owned),
    };
    let expected = [
        heard(1, None),
        heard(2, Some("not-compiled")),
        heard(3, None),
    ];
    for id in [1, 2, 3] {
        assert_eq!(active_number(&cluster, id, "bank"), Some(1));
        let view = cluster.nodes[&id]
            .replica
            .app_view(&app("bank"))
            .expect("an app");
        assert_eq!(view.heard, expected, "as replica {id} has it");
    }
}

#[test]
fn what_a_quorum_cannot_compile_fails() {
    let mut cluster = three(86);
    cluster.compiler = Box::new(|id, compile| match id {
        3 => compile.joined().map(drop),
        _ => Err(CompileFault::Refused("not-wasm")),
    });
    deploy(&mut cluster, "bank", "1.0");
    let record = record(&cluster, "bank");
    assert_eq!(record.active, None);
    assert_eq!(record.failed.expect("a failure").code, "not-compiled");
    assert!(rows_at(&cluster, 1, "public:app.bank:component").is_empty());
}

#[test]
fn a_component_of_another_digest_never_comes_into_force() {
    let mut cluster = three(87);
    let mut wrong = version("bank", "1.0");
    let Act::SetApp { component, .. } = &mut wrong.act else {
        unreachable!("an app is set");
    };
    *component = sha256(&[b"another component"]);
    let number = set(&mut cluster, &wrong, "bank");
    bring(&mut cluster, &wrong, "bank", number);
    cluster.run(2000);
    let record = record(&cluster, "bank");
    assert_eq!(record.active, None);
    assert_eq!(record.failed.expect("a failure").code, "digest");
}

#[test]
fn a_leader_that_cannot_compile_lets_another_lead() {
    let mut cluster = three(88);
    let leader = cluster.leader();
    cluster.compiler = Box::new(move |id, compile| {
        if id == leader {
            return Err(CompileFault::Refused("surroundings"));
        }
        compile.joined().map(drop)
    });
    deploy(&mut cluster, "bank", "1.0");
    cluster.run(5000);
    assert_ne!(cluster.leader(), leader);
    assert_eq!(active_number(&cluster, leader, "bank"), Some(1));
}

#[test]
fn a_joiner_has_the_active_versions_compiled() {
    let mut cluster = three(91);
    deploy(&mut cluster, "bank", "1.0");
    let compiled = Rc::new(RefCell::new(Vec::new()));
    let seen = compiled.clone();
    cluster.compiler = Box::new(move |id, compile| {
        seen.borrow_mut().push((id, compile.app.number));
        compile.joined().map(drop)
    });
    let joiner = cluster.join(Tee::Tdx);
    cluster.run(1000);
    assert_eq!(compiled.borrow().as_slice(), [(joiner, 1)]);
    assert_eq!(rows_at(&cluster, joiner, "app.bank.rows").len(), 1);
}
