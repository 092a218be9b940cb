//! How apps come into force and go: set by members, compiled by a quorum, prepared by the leader, swept in the end.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use synod_attestation::Tee;
use synod_crypto::{Digest, sha256};
use synod_governance::app::{
    AppName, AppRecord, AppStatus, CHUNK_BYTES, chunk_key, component_map, map_in_store,
};
use synod_governance::{Act, View};
use synod_kv::{KeyRange, Read, WRITES_MAX};
use synod_ledger::CLAIMS_MAX;
use synod_replica::guest::{
    AppCall, AppRequest, AppResponse, CompileFault, Completion, Execution, GuestFault, Task,
};
use synod_replica::state::DetachedTransaction;
use synod_replica::{
    AppChunk, CallError, Caller, Compare, Condition, Expect, Heard, Notice, Operate, Operation,
    Page, Reply, Request, Step,
};

use crate::adversary::followers;
use crate::cluster::{Cluster, Work, map, user};

/// A version as members sign it.
pub(crate) struct Version {
    act: Act,
    pub(crate) component: Vec<u8>,
}

pub(crate) fn app(name: &str) -> AppName {
    AppName::new(name).expect("a name")
}

/// A version whose component is of two chunks.
pub(crate) fn version(name: &str, version: &str) -> Version {
    let mut component = vec![0; CHUNK_BYTES];
    component.extend_from_slice(format!("{name} {version}").as_bytes());
    Version {
        act: Act::SetApp {
            manifest: format!(
                "name = \"{name}\"\nversion = \"{version}\"\nimports = [\"maps\", \"map-writes\"]\n\
                 [maps]\nprivate = [\"rows\"]\npublic = [\"open\"]\n\
                 [[routes]]\npath = \"/rows\"\nmethods = [\"POST\"]\nwho = [\"user\"]"
            ),
            component: sha256(&[&component]),
            size: component.len() as u64,
            chunks: component
                .chunks(CHUNK_BYTES)
                .map(|chunk| sha256(&[chunk]))
                .collect(),
            openapi: None,
        },
        component,
    }
}

/// `init` writes one row into each map; `migrate` counts the private rows and writes how many there were.
fn lifecycle(execution: &Execution) -> Result<Completion, GuestFault> {
    let state = execution.state.clone();
    let mut tx = DetachedTransaction::new(state, execution.snapshot);
    let name = &execution.app.name;
    let at = |guest: &str| map_in_store(name, guest).expect("a map");
    let written = match &execution.task {
        Task::Init => {
            tx.put(&at("public:open"), "init".into(), "1".into())
                .expect("within limits");
            tx.put(&at("rows"), "init".into(), "1".into())
        }
        Task::Migrate { from } => {
            let rows = tx.range(&at("rows"), &KeyRange::all(), 10_000);
            let rows = rows.map_err(|_| GuestFault::StateMoved)?.len();
            let value = format!("{rows} rows of {from}");
            tx.put(&at("rows"), "migrated".into(), value.into())
        }
        Task::Handle { .. } => unreachable!("nobody calls the app"),
    };
    written.expect("within limits");
    completed(tx)
}

fn completed(tx: DetachedTransaction) -> Result<Completion, GuestFault> {
    let (reads, writes) = tx.finish().map_err(|_| GuestFault::StateMoved)?;
    Ok(Completion {
        response: AppResponse {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        reads,
        writes,
        claims: Vec::new(),
        asked_id: false,
        keep: false,
    })
}

pub(crate) fn three(seed: u8) -> Cluster {
    let mut cluster = Cluster::three(seed);
    cluster.executor = Box::new(|_, execution| lifecycle(execution));
    cluster
}

/// The app's record, as replica `id` has it certified.
fn record_at(cluster: &Cluster, id: u64, name: &str) -> Option<AppRecord> {
    let view = cluster.nodes[&id].replica.app_view(&app(name));
    view.map(|view| view.record)
}

pub(crate) fn record(cluster: &Cluster, name: &str) -> AppRecord {
    record_at(cluster, cluster.leader(), name).expect("a record")
}

/// The members set the version; its number.
pub(crate) fn set(cluster: &mut Cluster, version: &Version, name: &str) -> u64 {
    let reply = cluster.act(version.act.clone());
    assert!(matches!(reply, Reply::Governed { .. }), "{reply:?}");
    record(cluster, name)
        .pending
        .expect("it is on its way")
        .number
}

fn chunk_of(version: &Version, name: &str, number: u64, index: u32) -> AppChunk {
    let at = index as usize * CHUNK_BYTES;
    let end = version.component.len().min(at + CHUNK_BYTES);
    AppChunk {
        app: app(name),
        number,
        index,
        bytes: Bytes::copy_from_slice(&version.component[at..end]),
    }
}

pub(crate) fn bring(cluster: &mut Cluster, version: &Version, name: &str, number: u64) {
    for index in 0..2 {
        let chunk = chunk_of(version, name, number, index);
        let reply = cluster.ask(Request::AppChunk(chunk), user());
        assert!(
            matches!(reply, Reply::Answered { tx: Some(_), .. }),
            "{reply:?}"
        );
    }
}

/// Sets a version, brings its chunks, and lets it take its course.
pub(crate) fn deploy(cluster: &mut Cluster, name: &str, text: &str) -> u64 {
    let version = version(name, text);
    let number = set(cluster, &version, name);
    bring(cluster, &version, name, number);
    cluster.run(2000);
    number
}

/// All rows of a map, as replica `id` has them certified.
fn rows_at(cluster: &Cluster, id: u64, name: &str) -> Vec<(Bytes, Bytes)> {
    let machine = cluster.nodes[&id].replica.machine();
    let store = machine.store();
    let state = store
        .snapshot(machine.history().certified_seqno())
        .expect("certified");
    let rows = state.range(&map(name), &KeyRange::all(), usize::MAX);
    rows.into_iter()
        .map(|(key, found)| (key, found.value))
        .collect()
}

fn value(cluster: &Cluster, name: &str, key: &str) -> Option<String> {
    let rows = rows_at(cluster, cluster.leader(), name);
    let found = rows.into_iter().find(|(found, _)| found == key.as_bytes());
    found.map(|(_, value)| String::from_utf8(value.to_vec()).expect("text"))
}

pub(crate) fn active_number(cluster: &Cluster, id: u64, name: &str) -> Option<u64> {
    Some(record_at(cluster, id, name)?.active?.number)
}

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
fn nothing_happens_before_the_last_chunk_is_certified() {
    let mut cluster = three(81);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    let first = Request::AppChunk(chunk_of(&version, "bank", number, 0));
    cluster.ask(first, user());
    cluster.lies = |_| true;
    cluster.run(1000);
    assert!(cluster.work.is_empty());
    let last = Request::AppChunk(chunk_of(&version, "bank", number, 1));
    cluster.ask(last, user());
    cluster.run(1000);
    assert_eq!(cluster.work.len(), 3, "each replica has it compiled");
    assert_eq!(active_number(&cluster, 1, "bank"), None);
    cluster.lies = |_| false;
    cluster.run(2000);
    assert_eq!(active_number(&cluster, 1, "bank"), Some(1));
}

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
        Err(GuestFault::LifecycleRefused(
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
        (GuestFault::Trapped, "init-trapped"),
        (GuestFault::TimeExceeded { max_ms: 1 }, "init-time-exceeded"),
        (
            GuestFault::UndeclaredMap("x".to_owned()),
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
fn another_leader_ends_what_one_began() {
    let mut cluster = three(89);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    bring(&mut cluster, &version, "bank", number);
    cluster.executor = Box::new(|_, _| Err(GuestFault::NotInstalled));
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
            1 => Err(GuestFault::Overloaded),
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

/// Whoever leads is cut off at another moment each time; nothing is lost, nothing happens twice, all agree.
#[test]
fn versions_come_into_force_whenever_leaders_are_lost() {
    for seed in 0..6 {
        let mut cluster = three(120 + seed);
        let counts = |execution: &Execution| {
            let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
            let rows = map_in_store(&execution.app.name, "rows").expect("a map");
            let before = tx.get(&rows, b"versions");
            let before = before
                .map_err(|_| GuestFault::StateMoved)?
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
    Request::App(Box::new(AppCall {
        app: name.to_owned(),
        request: AppRequest {
            method: "POST".to_owned(),
            path: "/rows".to_owned(),
            query: None,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        digest: Digest::ZERO,
        wait: true,
        local: false,
        receipt: false,
        idempotency: None,
    }))
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
            Reply::App(_) => answered += 1,
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
        matches!(cluster.ask(call("bank"), user()), Reply::App(_)),
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

#[test]
fn only_bytes_that_the_members_signed_are_taken_and_only_from_those_who_are_known() {
    let mut cluster = three(92);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    let chunk = || chunk_of(&version, "bank", number, 1);
    let mut ask = |chunk, caller| cluster.ask(Request::AppChunk(chunk), caller);
    let failed = |reply: Reply| match reply {
        Reply::Failed(error) => error,
        other => panic!("taken: {other:?}"),
    };
    let stranger = Caller {
        fingerprint: Some(sha256(&[b"stranger"])),
    };
    assert_eq!(
        failed(ask(chunk(), Caller::default())),
        CallError::UnknownCaller
    );
    assert_eq!(failed(ask(chunk(), stranger)), CallError::UnknownCaller);
    let wrong = AppChunk {
        bytes: "other bytes".into(),
        ..chunk()
    };
    assert!(matches!(
        failed(ask(wrong, user())),
        CallError::Malformed(_)
    ));
    let elsewhere = AppChunk {
        index: 0,
        ..chunk()
    };
    assert!(matches!(
        failed(ask(elsewhere, user())),
        CallError::Malformed(_)
    ));
    let beyond = AppChunk {
        index: 2,
        ..chunk()
    };
    assert_eq!(failed(ask(beyond, user())), CallError::NotFound);
    let later = AppChunk {
        number: 2,
        ..chunk()
    };
    assert_eq!(failed(ask(later, user())), CallError::NotFound);
    let unknown = AppChunk {
        app: app("shop"),
        ..chunk()
    };
    assert_eq!(failed(ask(unknown, user())), CallError::AppNotFound);
    let long = AppChunk {
        bytes: vec![0; CHUNK_BYTES + 1].into(),
        ..chunk()
    };
    assert!(matches!(failed(ask(long, user())), CallError::Malformed(_)));
    assert!(matches!(
        ask(chunk(), user()),
        Reply::Answered { tx: Some(_), .. }
    ));
    assert!(
        matches!(ask(chunk(), user()), Reply::Answered { tx: None, .. }),
        "it is there"
    );
}

#[test]
fn chunks_that_wait_are_bounded_and_answered_when_leadership_is_lost() {
    let mut cluster = three(93);
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    let leader = cluster.leader();
    followers(&cluster)
        .into_iter()
        .for_each(|id| cluster.cut(leader, id));
    let chunk = chunk_of(&version, "bank", number, 1);
    let mut calls = Vec::new();
    for index in 0..40 {
        let chunk = AppChunk {
            index,
            ..chunk.clone()
        };
        calls.push(cluster.send(leader, Request::AppChunk(chunk), user()));
    }
    cluster.run(20_000);
    let answered = calls
        .iter()
        .filter(|call| cluster.replies.contains_key(call));
    assert_eq!(answered.count(), calls.len(), "nobody waits for ever");
    let other = followers(&cluster)[0];
    let call = cluster.send(other, Request::AppChunk(chunk), user());
    let reply = cluster.replies.remove(&call);
    assert!(
        matches!(reply, Some(Reply::Failed(CallError::NotLeader { .. }))),
        "{reply:?}"
    );
}

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
    assert!(matches!(reply, Reply::Governed { .. }), "{reply:?}");
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
        Some(Reply::Governed { .. })
    ));
    let refused = cluster.replies.remove(&again);
    assert!(
        matches!(&refused, Some(Reply::Failed(CallError::Refused(why))) if why.contains("being removed")),
        "{refused:?}"
    );
}

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
    let intake = cluster.intake(&cluster.leader_node().disk, None);
    let machine = intake.finish().expect("a machine");
    let store = machine.store();
    let apps = View::new(&store.begin()).apps().expect("sound state");
    let names: Vec<_> = apps
        .iter()
        .map(|app| app.name.as_str().to_owned())
        .collect();
    assert_eq!(names, ["shop"]);
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
    let condition = Condition::Any;
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
            let request = Request::Operate(Operate {
                operation: operation.clone(),
                request: Digest::ZERO,
                wait: true,
                local: false,
                receipt: false,
                idempotency: None,
            });
            let reply = cluster.ask(request, user());
            let answered = matches!(reply, Reply::Answered { .. });
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
