//! How versions of apps come into force and follow each other, or never do.

use std::cell::RefCell;
use std::rc::Rc;

use synod_governance::app::{chunk_key, component_map, map_in_store};
use synod_governance::{Act, View};
use synod_kv::WRITES_MAX;
use synod_replica::Notice;
use synod_replica::app::{AppFault, Task};
use synod_replica::state::DetachedTransaction;

use crate::versions::{
    active_number, app, completed, deploy, lifecycle, record, rows_at, three, value,
};

#[test]
fn an_app_comes_into_force_by_itself_and_is_prepared_once() {
    let mut cluster = three(80);
    let runs = Rc::new(RefCell::new(Vec::new()));
    let seen = runs.clone();
    cluster.executor = Box::new(move |id, execution| {
        seen.borrow_mut().push((id, execution.task.clone()));
        lifecycle(execution)
    });
    let compiled = Rc::new(RefCell::new(Vec::new()));
    let seen = compiled.clone();
    cluster.compiler = Box::new(move |id, compile| {
        seen.borrow_mut().push(id);
        compile.joined().map(drop)
    });
    assert_eq!(deploy(&mut cluster, "bank", "1.0"), 1);
    cluster.run(10_000);
    for id in [1, 2, 3] {
        assert_eq!(active_number(&cluster, id, "bank"), Some(1));
        assert_eq!(rows_at(&cluster, id, "app.bank.rows").len(), 1);
        assert_eq!(rows_at(&cluster, id, "public:app.bank.open").len(), 1);
    }
    assert_eq!(runs.borrow().as_slice(), [(cluster.leader(), Task::Init)]);
    compiled.borrow_mut().sort_unstable();
    assert_eq!(
        compiled.borrow().as_slice(),
        [1, 2, 3],
        "each replica compiled once"
    );
}

#[test]
fn an_upgrade_migrates_in_the_transaction_that_brings_it_into_force() {
    let mut cluster = three(82);
    deploy(&mut cluster, "bank", "1.0");
    let before = component_map(&app("bank"));
    assert_eq!(rows_at(&cluster, 1, before.as_str()).len(), 2);
    assert_eq!(deploy(&mut cluster, "bank", "2.0"), 2);
    assert_eq!(active_number(&cluster, cluster.leader(), "bank"), Some(2));
    let migrated = value(&cluster, "app.bank.rows", "migrated");
    assert_eq!(migrated.as_deref(), Some("1 rows of 1.0"));
    let chunks = rows_at(&cluster, 1, before.as_str());
    let keys: Vec<_> = chunks.iter().map(|(key, _)| key.to_vec()).collect();
    assert_eq!(
        keys,
        [chunk_key(2, 0), chunk_key(2, 1)],
        "the old version's chunks are gone"
    );
}

#[test]
fn a_migration_that_fails_halfway_leaves_the_old_version_untouched() {
    let mut cluster = three(83);
    deploy(&mut cluster, "bank", "1.0");
    let names = [
        "app.bank.rows",
        "public:app.bank.open",
        "public:app.bank:component",
    ];
    let before: Vec<_> = names
        .iter()
        .map(|name| rows_at(&cluster, 1, name))
        .collect();
    let active = record(&cluster, "bank").active;
    cluster.executor = Box::new(|_, execution| {
        let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
        let rows = map_in_store(&execution.app.name, "rows").expect("a map");
        tx.delete(&rows, "init".into()).expect("within limits");
        Err(AppFault::LifecycleRefused(
            "account 4711 is overdrawn".to_owned(),
        ))
    });
    deploy(&mut cluster, "bank", "2.0");
    let after = record(&cluster, "bank");
    assert_eq!(after.active, active);
    assert_eq!(after.pending, None);
    let failed = after.failed.expect("a failure");
    assert_eq!(
        (failed.number, failed.code.as_str()),
        (2, "migrate-refused")
    );
    for id in [1, 2, 3] {
        let rows: Vec<_> = names
            .iter()
            .map(|name| rows_at(&cluster, id, name))
            .collect();
        assert_eq!(rows, before, "rows of replica {id}");
    }
    let told = |notice: &Notice| matches!(notice, Notice::AppFailed { code, .. } if code == "migrate-refused");
    assert!(
        cluster.leader_node().notices.iter().any(told),
        "the operator is told"
    );
    for id in [1, 2, 3] {
        let notices = format!("{:?}", cluster.nodes[&id].notices);
        assert!(
            !notices.contains("4711"),
            "the host reads what becomes of notices: {notices}"
        );
    }
    let disk = &cluster.leader_node().disk;
    assert!(
        !disk.windows(4).any(|window| window == b"4711"),
        "the ledger is not"
    );
    cluster.executor = Box::new(|_, execution| lifecycle(execution));
    assert_eq!(deploy(&mut cluster, "bank", "2.1"), 3);
    assert_eq!(
        active_number(&cluster, 2, "bank"),
        Some(3),
        "the next one comes into force"
    );
}

#[test]
fn faults_of_init_have_public_codes() {
    let faults = [
        (AppFault::Trapped, "init-trapped"),
        (AppFault::TimeExceeded { max_ms: 1 }, "init-time-exceeded"),
        (
            AppFault::UndeclaredMap("x".to_owned()),
            "init-undeclared-map",
        ),
    ];
    let mut cluster = three(84);
    for (fault, code) in faults {
        cluster.executor = Box::new(move |_, _| Err(fault.clone()));
        deploy(&mut cluster, "bank", "1.0");
        let record = record(&cluster, "bank");
        assert_eq!((record.active, record.pending), (None, None));
        assert_eq!(record.failed.expect("a failure").code, code);
    }
}

#[test]
fn an_app_that_writes_more_than_a_transaction_holds_never_comes_into_force() {
    let mut cluster = three(109);
    cluster.executor = Box::new(|_, execution| {
        let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
        let map = map_in_store(&execution.app.name, "rows").expect("a map");
        for row in 0..WRITES_MAX {
            tx.put(&map, format!("{row}").into(), "x".into())
                .expect("within limits");
        }
        completed(tx)
    });
    deploy(&mut cluster, "bank", "1.0");
    assert_eq!(
        record(&cluster, "bank").failed.expect("a failure").code,
        "init-too-large"
    );
}

#[test]
fn an_audit_without_secrets_follows_apps_from_beginning_to_end() {
    let mut cluster = three(98);
    deploy(&mut cluster, "bank", "1.0");
    deploy(&mut cluster, "bank", "2.0");
    cluster.act(Act::RemoveApp { name: app("bank") });
    deploy(&mut cluster, "shop", "1.0");
    cluster.run(2000);
    let import = cluster.import(&cluster.leader_node().disk, None);
    let machine = import.finish().expect("a machine");
    let store = machine.store();
    let apps = View::new(&store.begin()).apps().expect("sound state");
    let names: Vec<_> = apps
        .iter()
        .map(|app| app.name.as_str().to_owned())
        .collect();
    assert_eq!(names, ["shop"]);
}
