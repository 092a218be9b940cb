//! The maps of apps: of each its own, and read by others only as far as they are public.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::app::AppStatus;
use synod_ledger::CLAIMS_MAX;
use synod_replica::app::Completion;
use synod_replica::kv::{Compare, Condition, Expect, Operate, Operation, Page, Step};
use synod_replica::state::DetachedTransaction;
use synod_replica::{Reply, Request, kv};

use crate::cluster::{map, user};
use crate::versions::{completed, deploy, lifecycle, record, rows_at, three, value};

#[test]
fn apps_side_by_side_have_maps_of_their_own() {
    let mut cluster = three(96);
    deploy(&mut cluster, "bank", "1.0");
    deploy(&mut cluster, "shop", "1.0");
    deploy(&mut cluster, "shop", "2.0");
    assert_eq!(value(&cluster, "app.bank.rows", "migrated"), None);
    assert_eq!(
        value(&cluster, "app.shop.rows", "migrated").as_deref(),
        Some("1 rows of 1.0")
    );
    let view = cluster.leader_node().replica.apps_view();
    let names: Vec<_> = view.iter().map(|view| view.record.name.as_str()).collect();
    assert_eq!(names, ["bank", "shop"]);
    assert!(view.iter().all(|view| view.record.status == AppStatus::Set));
}

#[test]
fn an_executor_that_writes_elsewhere_costs_the_version_not_the_chain() {
    let mut cluster = three(97);
    cluster.executor = Box::new(|_, execution| {
        let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
        tx.put(&map("app.shop.rows"), "k".into(), "v".into())
            .expect("within limits");
        completed(tx)
    });
    deploy(&mut cluster, "bank", "1.0");
    assert_eq!(
        record(&cluster, "bank").failed.expect("a failure").code,
        "init-undeclared-map"
    );
    assert!(rows_at(&cluster, 1, "app.shop.rows").is_empty());
    cluster.executor = Box::new(|_, execution| {
        let claims = vec![Digest::ZERO; CLAIMS_MAX + 1];
        let completion = lifecycle(execution)?;
        Ok(Completion {
            claims,
            ..completion
        })
    });
    deploy(&mut cluster, "bank", "1.1");
    assert_eq!(
        record(&cluster, "bank").failed.expect("a failure").code,
        "init-bad-claims"
    );
}

/// Everything that the key-value interface can do with a map.
fn operations(name: &str) -> [(bool, Operation); 6] {
    let (map, key, value) = (map(name), Bytes::from("init"), Bytes::from("2"));
    let page = Page {
        map: map.clone(),
        prefix: Bytes::new(),
        from: None,
        to: None,
        after: None,
        limit: 10,
    };
    let compare = Compare {
        map: map.clone(),
        key: key.clone(),
        expect: Expect::Version(1),
    };
    let step = Step::Put {
        map: map.clone(),
        key: key.clone(),
        value: value.clone(),
    };
    let batch = |compares, steps| Operation::Batch { compares, steps };
    let condition = Condition::Always;
    [
        (
            false,
            Operation::Get {
                map: map.clone(),
                key: key.clone(),
            },
        ),
        (false, Operation::List(page)),
        (false, batch(vec![compare], vec![])),
        (true, batch(vec![], vec![step])),
        (
            true,
            Operation::Delete {
                map: map.clone(),
                key: key.clone(),
                condition,
            },
        ),
        (
            true,
            Operation::Put {
                map,
                key,
                value,
                condition,
            },
        ),
    ]
}

#[test]
fn the_key_value_interface_reads_public_maps_of_apps_and_writes_none() {
    let mut cluster = three(107);
    deploy(&mut cluster, "bank", "1.0");
    let names = [
        ("app.bank.rows", false),
        ("app.shop.rows", false),
        ("app.", false),
        ("synod.idempotency", false),
        ("public:app.bank.open", true),
        ("public:app.bank:component", true),
        ("public:synod.apps", true),
    ];
    for (name, readable) in names {
        for (writes, operation) in operations(name) {
            let request = Request::Kv(Operate {
                operation: operation.clone(),
                request: Digest::ZERO,
                wait: true,
                local: false,
                receipt: false,
                idempotency: None,
            });
            let reply = cluster.ask(request, user());
            let answered = matches!(reply, Reply::Kv(kv::Reply::Answered { .. }));
            assert_eq!(answered, readable && !writes, "{operation:?}: {reply:?}");
        }
    }
    assert_eq!(
        value(&cluster, "app.bank.rows", "init").as_deref(),
        Some("1")
    );
    assert_eq!(
        value(&cluster, "public:app.bank.open", "init").as_deref(),
        Some("1")
    );
}
