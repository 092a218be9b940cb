//! What an app gets of its host, and what the replica is told of it.

use synod_component::Reservation;
use synod_governance::app::{CallerIdentity, CallerKind};
use synod_kv::Bytes;
use synod_replica::app::{AppFault, AppRequest, Completion, Execution, Task};
use synod_replica::state::StateHandle;
use synod_runtime::{LogLevel, PAGE_BYTES_MAX};

use crate::components::bench::{Bench, OPEN};
use crate::components::guest::{
    GET, ID, KEY, M, P, PREFIX, PUT, RANGE, VALUE, answer, app, component, doing, import, module,
    put, respond,
};

const KV: &[u8] = include_bytes!("../../fixtures/kv.wasm");

/// The fixture, with all that it needs.
fn kv() -> Bench {
    let imports = OPEN.lines().nth(1).expect("the imports");
    let maps = "[maps]\nprivate = [\"rows\"]\npublic = [\"versions\"]";
    Bench::with(KV.to_vec(), &format!("{imports}\n{maps}"))
}

/// A request to the fixture.
fn asked(bench: &Bench, method: &str, path: &str, body: &str) -> Execution {
    let request = AppRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: None,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let route = match path.strip_prefix("/kv/") {
        Some(_) => "/kv/{key}",
        None => path,
    };
    let route = match path.strip_prefix("/harm/") {
        Some(_) => "/harm/{how}",
        None => route,
    };
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    let name = if route.ends_with("{how}") {
        "how"
    } else {
        "key"
    };
    Execution {
        task: Task::Handle {
            request,
            route: route.to_owned(),
            params: vec![(name.to_owned(), last)],
        },
        ..bench.execution()
    }
}

fn ask(bench: &Bench, method: &str, path: &str, body: &str) -> Completion {
    bench
        .run(asked(bench, method, path, body))
        .expect("an answer")
}

fn text(completion: &Completion) -> String {
    String::from_utf8(completion.response.body.to_vec()).expect("text")
}

/// The rows that a call wrote, as text.
fn written(completion: &Completion) -> Vec<(String, String, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let rows = completion.writes.iter();
    rows.map(|(map, key, value)| (map.to_string(), text(key), value.map(|value| text(value))))
        .collect()
}

#[test]
fn a_map_of_an_app_is_its_own_in_the_store() {
    let both = format!("{} (call $map-writes.put {P} {KEY} {VALUE})", put());
    let bench = Bench::open(doing(&import(&[PUT]), &both));
    let rows = written(&bench.call().expect("an answer"));
    let row = |map: &str| (map.to_owned(), "key".to_owned(), Some("value".to_owned()));
    assert_eq!(rows, [row("app.app.m"), row("public:app.app.p")]);
}

#[test]
fn an_app_reads_what_is_in_the_state_and_what_it_wrote_itself() {
    let mut bench = kv();
    bench.fill("app.app.rows", &[(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]);
    assert_eq!(text(&ask(&bench, "GET", "/kv/b", "")), "2");
    assert_eq!(
        text(&ask(&bench, "GET", "/kv", "")),
        r#"[["a","b","c"],false]"#
    );
    assert_eq!(ask(&bench, "GET", "/kv/z", "").response.status, 404);
    let deleted = written(&ask(&bench, "DELETE", "/kv/a", ""));
    assert_eq!(deleted, [("app.app.rows".to_owned(), "a".to_owned(), None)]);
}

#[test]
fn an_answer_of_refusal_keeps_nothing_unless_it_is_put_on_record() {
    let bench = kv();
    let refused = ask(&bench, "POST", "/refuse", "x");
    assert_eq!(
        (refused.response.status, refused.writes.len(), refused.keep),
        (409, 0, false)
    );
    let recorded = ask(&bench, "POST", "/record", "x");
    assert_eq!(
        (
            recorded.response.status,
            recorded.writes.len(),
            recorded.keep
        ),
        (409, 1, true)
    );
}

#[test]
fn the_caller_is_who_the_replica_says() {
    let bench = kv();
    let mut execution = asked(&bench, "GET", "/me", "");
    execution.caller = CallerIdentity {
        kind: CallerKind::User,
        id: "anna".to_owned(),
        roles: vec!["bank".to_owned()],
        claims: vec![("key".to_owned(), "ab12".to_owned())],
    };
    let told = text(&bench.run(execution).expect("an answer"));
    assert_eq!(
        told,
        r#"{"kind":"user","id":"anna","roles":["bank"],"key":"ab12"}"#
    );
    let told = text(&ask(&bench, "GET", "/me", ""));
    assert_eq!(
        told,
        r#"{"kind":"anonymous","id":"","roles":[],"key":null}"#
    );
}

#[test]
fn time_id_and_randomness_are_those_of_the_execution() {
    let bench = kv();
    assert_eq!(text(&ask(&bench, "GET", "/time", "")), "1700000000000");
    let id = ask(&bench, "GET", "/transaction", "");
    assert_eq!((text(&id).as_str(), id.asked_id), ("2.9", true));
    let random = ask(&bench, "GET", "/random", "");
    assert!(!random.asked_id);
    assert_eq!(text(&random), text(&ask(&bench, "GET", "/random", "")));
    let mut other = asked(&bench, "GET", "/random", "");
    other.seed = [8; 32];
    assert_ne!(text(&random), text(&bench.run(other).expect("an answer")));
}

#[test]
fn claims_come_in_their_order() {
    let bench = kv();
    let claimed = ask(&bench, "POST", "/claim", "words");
    assert_eq!(claimed.claims, [synod_crypto::sha256(&[b"words"])]);
    assert_eq!(claimed.response.body.as_ref(), claimed.claims[0].as_ref());
}

#[test]
fn lines_of_the_log_say_where_they_come_from() {
    let bench = kv();
    ask(&bench, "POST", "/log", "all is well");
    let all = bench.lines.all();
    let (origin, line) = &all[0];
    assert_eq!(
        (line.level, line.text.as_str(), line.of_host),
        (LogLevel::Info, "all is well", false)
    );
    assert_eq!(
        (origin.route.as_str(), origin.view, origin.seqno),
        ("/log", 2, 9)
    );
    assert_eq!(origin.app, bench.app);
}

#[test]
fn whatever_harm_a_rust_app_does_ends_by_name() {
    let bench = kv();
    let fault = |how: &str| {
        bench
            .run(asked(&bench, "POST", &format!("/harm/{how}"), "x"))
            .expect_err(how)
    };
    assert!(matches!(
        fault("loop"),
        AppFault::TimeExceeded { max_ms: 1_000 }
    ));
    assert!(matches!(fault("memory"), AppFault::MemoryExceeded { .. }));
    // Rust keeps part of its stack in the linear memory, whose end may come first.
    let recursion = fault("recursion");
    assert!(matches!(
        recursion,
        AppFault::StackExceeded | AppFault::Trapped
    ));
    assert!(matches!(
        fault("response"),
        AppFault::ResponseTooLarge { .. }
    ));
    assert!(matches!(fault("status"), AppFault::BadResponse(_)));
    assert!(matches!(fault("header"), AppFault::BadResponse(_)));
    assert_eq!(
        fault("undeclared"),
        AppFault::UndeclaredMap("undeclared".to_owned())
    );
    assert!(matches!(
        fault("operations"),
        AppFault::MapOperationsExceeded { .. }
    ));
    assert_eq!(fault("claims"), AppFault::TooManyClaims);
    assert_eq!(fault("random"), AppFault::RandomTooMuch);
    assert_eq!(ask(&bench, "GET", "/time", "").response.status, 200);
    let counts = bench.runtime.counts();
    assert_eq!(counts.executions, 11);
    assert_eq!(
        counts.faults.iter().map(|(_, count)| count).sum::<u64>(),
        10
    );
    assert!(counts.faults.contains(&("bad_response", 2)));
}

#[test]
fn a_lifecycle_in_rust_writes_its_maps_or_nothing() {
    let bench = kv();
    let set = bench.task(Task::Init).expect("an end");
    let row = |value: &str| {
        (
            "public:app.app.versions".to_owned(),
            "1.0.0".to_owned(),
            Some(value.to_owned()),
        )
    };
    assert_eq!(written(&set), [row("set")]);
    let from = |from: &str| Task::Migrate {
        from: from.to_owned(),
    };
    let migrated = bench.task(from("0.9")).expect("an end");
    assert_eq!(written(&migrated), [row("from 0.9")]);
    let broken = bench.task(from("0.0.0-broken")).expect_err("a fault");
    assert!(matches!(broken, AppFault::LifecycleRefused(_)));
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let mut bench = kv();
    let keys: Vec<String> = (0..25).map(|number| format!("k{number:02}")).collect();
    let rows: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (key.as_bytes(), &b"v"[..])).collect();
    bench.fill("app.app.rows", &rows);
    let page = |query: &str| {
        let mut execution = asked(&bench, "GET", "/kv", "");
        if let Task::Handle { request, .. } = &mut execution.task {
            request.query = Some(query.to_owned());
        }
        text(&bench.run(execution).expect("an answer"))
    };
    assert_eq!(page("prefix=k0&limit=2"), r#"[["k00","k01"],true]"#);
    assert_eq!(
        page("prefix=k0&after=k07&limit=2"),
        r#"[["k08","k09"],false]"#
    );
    assert_eq!(
        page("prefix=k2&after=k07&limit=9"),
        r#"[["k20","k21","k22","k23","k24"],false]"#
    );
    assert_eq!(page("limit=0"), "[[],true]");
}

/// An app that answers with how many rows a page has (status 200 and so many) and whether more
/// follow (100 added).
fn paging(imports: &[&str], call: &str) -> Vec<u8> {
    let counted = "(i32.add (i32.const 200) (i32.add
        (i32.load (i32.const 2052)) (i32.mul (i32.const 100) (i32.load8_u (i32.const 2056)))))";
    let response = answer(200).replace("(i32.const 200)", counted);
    app(&import(imports), &format!("{call} {response}"))
}

#[test]
fn a_page_has_no_more_rows_and_bytes_than_a_page_may() {
    let none = "(i32.const 0) (i32.const 0)";
    let range = |limit: i32| {
        format!(
            "(call $maps.range {M} {none} (i32.const 0) {none} (i32.const {limit}) (i32.const 2048))"
        )
    };
    let limits = "[limits]\nmap_operations = 100000\nmemory_bytes = 268435456";
    let mut bench = Bench::with(paging(&[RANGE], &range(-1)), &format!("{OPEN}{limits}"));
    let large = vec![7; 1 << 20];
    let keys: Vec<[u8; 1]> = (0..9).map(|key| [key]).collect();
    let rows: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &large[..])).collect();
    bench.fill("app.app.m", &rows);
    let fitting = (PAGE_BYTES_MAX / ((1 << 20) + 1)) as u16;
    assert_eq!(
        bench.call().expect("an answer").response.status,
        300 + fitting
    );
    let keys: Vec<[u8; 2]> = (0..1_050_u16).map(u16::to_be_bytes).collect();
    let rows: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &b""[..])).collect();
    bench.fill("app.app.m", &rows);
    // 200 + 1000 + 100 is no status; that much is known then.
    assert!(matches!(bench.fault(), AppFault::BadResponse(_)));
    let prefix = format!(
        "(call $maps.prefix {M} {none} (i32.const 0) {none} (i32.const 50) (i32.const 2048))"
    );
    let mut bench = Bench::with(paging(&[PREFIX], &prefix), &format!("{OPEN}{limits}"));
    bench.fill("app.app.m", &rows);
    assert_eq!(bench.call().expect("an answer").response.status, 350);
}

#[test]
fn a_read_is_remembered_for_validation_even_if_nothing_is_there() {
    let get = format!("(call $maps.get {M} {KEY} (i32.const 2048))");
    let mut bench = Bench::open(doing(&import(&[GET]), &get));
    let reads = bench.call().expect("an answer").reads;
    bench.fill("app.app.m", &[(b"key", b"1")]);
    assert!(bench.state.read().validate(&reads).is_err());
}

#[test]
fn an_app_whose_snapshot_is_gone_is_told_of_to_the_replica_alone() {
    let get = format!("(call $maps.get {M} {KEY} (i32.const 2048))");
    for statements in [get, String::new()] {
        let bench = Bench::open(doing(&import(&[GET]), &statements));
        let mut execution = bench.execution();
        execution.snapshot = 5;
        assert_eq!(
            bench.run(execution).expect_err("a fault"),
            AppFault::StateMoved
        );
        assert_eq!(bench.lines.all(), []);
    }
}

/// An app that counts its calls in a global, and answers with status 200 and so many.
fn counting() -> Vec<u8> {
    let counted = "(i32.add (i32.const 200) (global.get $calls))";
    let response = respond(
        200,
        "(i32.const 0) (i32.const 0)",
        "(i32.const 0) (i32.const 0)",
    );
    let response = response.replace("(i32.const 200)", counted);
    let trapping = "(if (i32.ne (local.get $body-length) (i32.const 0)) (then unreachable))";
    let growing = "(if (i32.eq (global.get $calls) (i32.const 50)) (then (drop (memory.grow (i32.const 600)))))";
    let counts = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
    let fields = module(
        "",
        "(global $calls (mut i32) (i32.const 0))",
        &format!("{trapping} {counts} {growing} {response}"),
    );
    component("app", &fields)
}

fn status(bench: &Bench) -> u16 {
    bench.call().expect("an answer").response.status
}

#[test]
fn each_call_begins_in_fresh_memory_unless_the_manifest_says_reuse() {
    let fresh = Bench::with(counting(), "");
    assert_eq!([status(&fresh), status(&fresh), status(&fresh)], [201; 3]);
    assert_eq!(fresh.runtime.counts().instances_kept, 0);
    let reused = Bench::with(counting(), "reuse = true");
    assert_eq!(
        [status(&reused), status(&reused), status(&reused)],
        [201, 202, 203]
    );
    let counts = reused.runtime.counts();
    assert_eq!((counts.instances_begun, counts.instances_kept), (1, 1));
}

#[test]
fn an_instance_is_thrown_away_after_a_fault_and_once_it_is_swollen() {
    let bench = Bench::with(counting(), "reuse = true");
    assert_eq!([status(&bench), status(&bench)], [201, 202]);
    assert_eq!(bench.post(b"trap").expect_err("a fault"), AppFault::Trapped);
    assert_eq!(status(&bench), 201);
    for _ in 2..=50 {
        status(&bench);
    }
    assert_eq!(status(&bench), 201, "the fiftieth call made it swell");
}

#[test]
fn a_reused_instance_knows_nothing_of_the_call_before_through_its_host() {
    let bench = Bench::with(
        doing(
            &import(&[PUT, ID]),
            &format!("{} (call $transaction.id (i32.const 2048))", put()),
        ),
        &format!("reuse = true{OPEN}"),
    );
    for _ in 0..3 {
        let completion = bench.call().expect("an answer");
        assert_eq!((completion.writes.len(), completion.asked_id), (1, true));
    }
    assert_eq!(bench.runtime.counts().instances_begun, 1);
    let mut query = bench.execution();
    query.read_only = true;
    assert_eq!(
        bench.run(query).expect_err("a fault"),
        AppFault::WriteInQuery
    );
}

#[test]
fn init_never_runs_in_an_instance_that_serves_requests() {
    let bench = Bench::with(counting(), "reuse = true");
    assert_eq!(status(&bench), 201);
    bench.task(Task::Init).expect("an end");
    assert_eq!(bench.runtime.counts().instances_begun, 2);
    assert_eq!(status(&bench), 202);
}

#[test]
fn the_state_is_shared_and_never_written_by_an_app() {
    let bench = Bench::open(doing(&import(&[PUT]), &put()));
    let state: StateHandle = bench.state.clone();
    bench.call().expect("an answer");
    assert_eq!(state.read().head(), 0);
}

#[test]
fn addresses_are_held_within_memory_in_slots_of_either_kind() {
    let reading = "(drop (i32.load (local.get $body-length)))
        (drop (i32.load offset=131072 (i32.mul (local.get $body-length) (i32.const 65536))))";
    let component = doing("", reading);
    for reservation in [Reservation::Wide, Reservation::Narrow] {
        let bench = Bench::reserving(reservation, component.clone(), "");
        bench.provide().expect("an app");
        assert_eq!(bench.runtime.reservation(), reservation);
        for body in [&b""[..], b"x", &[0; 9_000]] {
            assert_eq!(
                bench.post(body).expect_err("beyond memory"),
                AppFault::Trapped
            );
        }
    }
}

#[test]
fn each_call_of_a_reused_instance_has_its_own_time() {
    let looping = "(if (i32.eq (local.get $body-length) (i32.const 4)) (then (loop $l (br $l))))";
    let bench = Bench::with(doing("", looping), "reuse = true\n[limits]\ntime_ms = 60");
    for _ in 0..4 {
        assert_eq!(status(&bench), 200);
        std::thread::sleep(std::time::Duration::from_millis(40));
    }
    assert_eq!(bench.runtime.counts().instances_begun, 1);
    let fault = bench.post(b"loop").expect_err("a fault");
    assert_eq!(fault, AppFault::TimeExceeded { max_ms: 60 });
}
