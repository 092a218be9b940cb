//! The leader's `init` and `migrate`: they run again if others wrote what they read, and leaders
//! that are lost.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::View;
use synod_governance::app::map_in_store;
use synod_replica::app::{AppCall, AppFault, AppRequest, Completion, Execution, Task};
use synod_replica::state::DetachedTransaction;
use synod_replica::{CallError, Reply, Request, app};

use crate::adversary::followers;
use crate::cluster::{Work, map, user};
use crate::versions::{
    active_number, app, bring, completed, deploy, lifecycle, record, rows_at, set, three, value,
    version,
};

#[test]
fn another_leader_ends_what_one_began() {
    let mut cluster = three(89);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    bring(&mut cluster, &version, "bank", number);
    cluster.executor = Box::new(|_, _| Err(AppFault::NotInstalled));
    cluster.run(1000);
    assert_eq!(record(&cluster, "bank").active, None);
    let leader = cluster.leader();
    cluster.stop(leader);
    cluster.executor = Box::new(|_, execution| lifecycle(execution));
    cluster.await_leader();
    cluster.run(5000);
    assert_eq!(active_number(&cluster, cluster.leader(), "bank"), Some(1));
    assert_eq!(
        value(&cluster, "app.bank.rows", "init").as_deref(),
        Some("1")
    );
}

/// Lets a write come in between the snapshot of a preparation and its end; how often it ran.
fn runs_with_a_write_in_between(seed: u8, prepare: fn(&Execution) -> Completion) -> u32 {
    let mut cluster = three(seed);
    let runs = Rc::new(RefCell::new(0));
    let seen = runs.clone();
    cluster.executor = Box::new(move |_, execution| {
        *seen.borrow_mut() += 1;
        match *seen.borrow() {
            1 => Err(AppFault::Overloaded),
            _ => Ok(prepare(execution)),
        }
    });
    deploy(&mut cluster, "bank", "1.0");
    let begun = *runs.borrow();
    assert_eq!(active_number(&cluster, 1, "bank").is_some(), begun > 1);
    let version = version("bank", "2.0");
    *runs.borrow_mut() = 0;
    let number = set(&mut cluster, &version, "bank");
    bring(&mut cluster, &version, "bank", number);
    cluster.run(500);
    assert_eq!(*runs.borrow(), 1, "there is no room yet");
    cluster.lies = |_| true;
    cluster.run(2000);
    assert_eq!(cluster.work.len(), 1);
    cluster.put("k", "v");
    cluster.lies = |_| false;
    cluster.run(2000);
    assert_eq!(active_number(&cluster, 1, "bank"), Some(number));
    *runs.borrow() - 1
}

#[test]
fn a_preparation_runs_again_if_another_wrote_what_it_read() {
    let reads = |execution: &Execution| {
        let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
        tx.get(&map("records"), b"k").expect("the snapshot stands");
        completed(tx).expect("the snapshot stands")
    };
    assert_eq!(runs_with_a_write_in_between(90, reads), 2);
}

#[test]
fn a_preparation_runs_again_if_it_asked_for_an_id_that_another_took() {
    let asks = |execution: &Execution| Completion {
        asked_id: true,
        ..lifecycle(execution).expect("it runs")
    };
    assert_eq!(runs_with_a_write_in_between(105, asks), 2);
}

/// Whoever leads is cut off at another moment each time; nothing is lost, nothing happens twice,
/// all agree.
#[test]
fn versions_come_into_force_whenever_leaders_are_lost() {
    for seed in 0..6 {
        let mut cluster = three(120 + seed);
        let counts = |execution: &Execution| {
            let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
            let rows = map_in_store(&execution.app.name, "rows").expect("a map");
            let before = tx.get(&rows, b"versions");
            let before = before
                .map_err(|_| AppFault::StateMoved)?
                .map_or(0, |value| value[0]);
            let after = Bytes::from(vec![before + 1]);
            tx.put(&rows, "versions".into(), after)
                .expect("within limits");
            completed(tx)
        };
        cluster.executor = Box::new(move |_, execution| counts(execution));
        for number in 1..=3 {
            let version = version("bank", &number.to_string());
            assert_eq!(set(&mut cluster, &version, "bank"), number);
            bring(&mut cluster, &version, "bank", number);
            cluster.run(20 * (u64::from(seed) * 3 + number));
            let leader = cluster.leader();
            followers(&cluster)
                .into_iter()
                .for_each(|id| cluster.cut(leader, id));
            cluster.run(6000);
            cluster.heal();
            cluster.run(6000);
            for id in [1, 2, 3] {
                assert_eq!(
                    active_number(&cluster, id, "bank"),
                    Some(number),
                    "seed {seed}"
                );
                let rows = rows_at(&cluster, id, "app.bank.rows");
                let counted = u8::try_from(number).expect("few");
                assert_eq!(
                    rows,
                    [(Bytes::from("versions"), Bytes::from(vec![counted]))]
                );
            }
        }
    }
}

#[test]
fn a_preparation_that_read_nothing_of_it_runs_once() {
    let runs = |execution: &Execution| lifecycle(execution).expect("it runs");
    assert_eq!(runs_with_a_write_in_between(106, runs), 1);
}

/// A call of the app that writes a row.
fn call(name: &str) -> Request {
    Request::App(app::Request::Call(Box::new(AppCall {
        app: name.to_owned(),
        request: AppRequest {
            method: "POST".to_owned(),
            path: "/rows".to_owned(),
            query: None,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        digest: Digest::ZERO,
        local: false,
        receipt: false,
        idempotency: None,
    })))
}

fn migrates(work: &Work) -> bool {
    matches!(work, Work::Execute(execution) if matches!(execution.task, Task::Migrate { .. }))
}

#[test]
fn callers_are_asked_to_wait_if_they_keep_a_migration_from_its_end() {
    let mut cluster = three(108);
    let rows = Rc::new(RefCell::new(0));
    cluster.executor = Box::new(move |_, execution| {
        let Task::Handle { .. } = execution.task else {
            return lifecycle(execution);
        };
        *rows.borrow_mut() += 1;
        let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
        let (map, key) = (map("app.bank.rows"), format!("row {}", rows.borrow()));
        tx.put(&map, key.into(), "x".into()).expect("within limits");
        completed(tx)
    });
    deploy(&mut cluster, "bank", "1.0");
    let version = version("bank", "2.0");
    let number = set(&mut cluster, &version, "bank");
    bring(&mut cluster, &version, "bank", number);
    cluster.lies = migrates;
    let mut answered = 0;
    loop {
        cluster.run(1000);
        assert_eq!(cluster.work.len(), 1, "the migration runs");
        match cluster.ask(call("bank"), user()) {
            Reply::App(app::Reply::Called(_)) => answered += 1,
            Reply::Failed(CallError::AppNotReady) => break,
            other => panic!("{other:?}"),
        }
        let (id, work) = cluster.work.pop_front().expect("the migration");
        cluster.finish(id, work);
    }
    cluster.lies = |_| false;
    assert_eq!(answered, 3, "so often others may come in between");
    cluster.run(1000);
    assert_eq!(active_number(&cluster, 2, "bank"), Some(2));
    let migrated = value(&cluster, "app.bank.rows", "migrated");
    assert_eq!(migrated.as_deref(), Some("4 rows of 1.0"));
    assert!(
        matches!(
            cluster.ask(call("bank"), user()),
            Reply::App(app::Reply::Called(_))
        ),
        "it answers again"
    );
}

#[test]
fn a_migration_that_has_run_is_placed_at_once() {
    let mut cluster = three(110);
    deploy(&mut cluster, "bank", "1.0");
    let version = version("bank", "2.0");
    let number = set(&mut cluster, &version, "bank");
    bring(&mut cluster, &version, "bank", number);
    cluster.lies = migrates;
    cluster.run(1000);
    let (leader, work) = cluster.work.pop_front().expect("the migration");
    cluster.finish(leader, work);
    let machine = cluster.nodes[&leader].replica.machine();
    let newest = View::new(&machine.store().begin()).app(&app("bank"));
    let active = newest
        .expect("sound state")
        .and_then(|record| record.active);
    assert_eq!(
        active.map(|version| version.number),
        Some(number),
        "before any tick"
    );
}
