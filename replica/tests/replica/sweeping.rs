//! How apps go: every row is swept, and only then is the name free.

use synod_governance::Act;
use synod_governance::app::map_in_store;
use synod_replica::governance::Recorded;
use synod_replica::state::DetachedTransaction;
use synod_replica::{CallError, Reply};

use crate::cluster::user;
use crate::versions::{active_number, app, completed, deploy, record_at, rows_at, three, version};

#[test]
fn removal_sweeps_every_row_and_frees_the_name() {
    let mut cluster = three(94);
    cluster.executor = Box::new(|_, execution| {
        let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
        for row in 0..1250 {
            for guest in ["rows", "public:open"] {
                let map = map_in_store(&execution.app.name, guest).expect("a map");
                tx.put(&map, format!("{row}").into(), "x".into())
                    .expect("within limits");
            }
        }
        completed(tx)
    });
    deploy(&mut cluster, "bank", "1.0");
    deploy(&mut cluster, "banks", "1.0");
    assert_eq!(rows_at(&cluster, 1, "app.bank.rows").len(), 1250);
    let reply = cluster.act(Act::RemoveApp { name: app("bank") });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    cluster.run(2000);
    for id in [1, 2, 3] {
        assert_eq!(record_at(&cluster, id, "bank"), None);
        for name in [
            "app.bank.rows",
            "public:app.bank.open",
            "public:app.bank:component",
        ] {
            assert!(rows_at(&cluster, id, name).is_empty(), "{name}");
        }
        assert_eq!(
            rows_at(&cluster, id, "app.banks.rows").len(),
            1250,
            "another app's stay"
        );
    }
    assert_eq!(deploy(&mut cluster, "bank", "3.0"), 2, "its numbers go on");
    assert_eq!(active_number(&cluster, 3, "bank"), Some(2));
}

#[test]
fn a_name_that_is_being_swept_cannot_be_set() {
    let mut cluster = three(95);
    deploy(&mut cluster, "bank", "1.0");
    let leader = cluster.leader();
    let call = cluster.send(
        leader,
        cluster.signed(Act::RemoveApp { name: app("bank") }, 3),
        user(),
    );
    let again = cluster.send(
        leader,
        cluster.signed(version("bank", "2.0").act, 4),
        user(),
    );
    cluster.run(300);
    assert!(matches!(
        cluster.replies.remove(&call),
        Some(Reply::Governance(Recorded { .. }))
    ));
    let refused = cluster.replies.remove(&again);
    assert!(
        matches!(&refused, Some(Reply::Failed(CallError::Governance(why))) if why.code() == "app-removing"),
        "{refused:?}"
    );
}
