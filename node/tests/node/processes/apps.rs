//! Claims about apps at a real door: set by members, called, proven, read anywhere, watched and
//! logged.

use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use synod_api::{AppInfo, AppStatus, ErrorCode};
use synod_channel::KeyFiles;
use synod_client::{
    App, AppPin, AppRequest, ClientError, Request, RetryPolicy, Service, Trust, Verifier,
};
use synod_crypto::{Digest, Secret, sha256};
use synod_governance::Act;
use synod_ledger::ReceiptPolicy;

use crate::processes::synod::{Node, PATIENCE, Synod};

/// Components are compiled by a thread that gives way to everything else on the machine.
const COMPILE_PATIENCE: Duration = Duration::from_mins(2);

const COMPONENT: &[u8] = include_bytes!("../../../../runtime/tests/fixtures/kv.wasm");

const MANIFEST: &str = r#"
name = "kv"
version = "1.0.0"
owner = "user"
imports = ["maps", "map-writes", "caller", "transaction", "ledger-time", "claims", "random", "log"]
[maps]
private = ["rows"]
public = ["versions"]
[[routes]]
path = "/kv/{key}"
methods = ["GET", "PUT", "DELETE"]
who = ["user"]
[[routes]]
path = "/me"
who = ["any"]
[[routes]]
path = "/log"
methods = ["POST"]
who = ["user"]
[[routes]]
path = "/record"
methods = ["POST"]
who = ["user"]
[[routes]]
path = "/harm/{how}"
methods = ["POST"]
who = ["user"]
[[watches]]
map = "rows"
who = ["user"]
prefix = "shared-"
"#;

impl Synod {
    /// Two members set the app, somebody brings its component, and it answers.
    async fn set_kv(&mut self) -> App {
        let app = self.bring_kv(COMPONENT, 1).await;
        self.await_app(&app, |info| info.active.is_some()).await;
        app
    }

    /// Two members set the version of this number with this component, and somebody brings that.
    async fn bring_kv(&mut self, component: &[u8], number: u64) -> App {
        self.act(Act::SetApp {
            manifest: MANIFEST.to_owned(),
            component: sha256(&[component]),
            size: component.len() as u64,
            chunks: component
                .chunks(512 * 1024)
                .map(|chunk| sha256(&[chunk]))
                .collect(),
            openapi: Some("{\"openapi\":\"3.1.0\"}".to_owned()),
        })
        .await;
        let app = self.service().app("kv");
        let info = app.info().await.expect("the record");
        let pending = info.pending.expect("a version that waits");
        assert_eq!(pending.version.number, number);
        assert_eq!(info.status == AppStatus::Pending, number == 1);
        let wrong = app.put_chunk(number, 0, Bytes::from_static(b"else")).await;
        assert_eq!(code(wrong), Some(ErrorCode::ChunkRefused));
        for index in pending.chunks_missing {
            let at = index as usize * 512 * 1024;
            let end = component.len().min(at + 512 * 1024);
            let chunk = Bytes::copy_from_slice(&component[at..end]);
            app.put_chunk(number, index, chunk)
                .await
                .expect("it is taken");
        }
        app
    }

    async fn await_app(&self, app: &App, holds: impl Fn(&AppInfo) -> bool) -> AppInfo {
        let begun = Instant::now();
        loop {
            let info = app.info().await;
            match info {
                Ok(info) if holds(&info) => return info,
                other if begun.elapsed() > COMPILE_PATIENCE => {
                    let logs: Vec<String> = self.nodes.iter().map(Node::log).collect();
                    panic!("the app does not come: {other:?}; {}", logs.join("\n---\n"))
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// A client with a certificate that no user has.
    fn unknown(&self) -> Service {
        let keys = KeyFiles::generate(&Secret::new([9; 32]), "who", 0, 4_000_000_000_000);
        let identity = keys.expect("keys").identity().expect("an identity");
        let trust = Trust::Verified(Box::new(Verifier::new(self.network, None)));
        let urls = self.nodes.iter().map(Node::url);
        Service::new(urls, trust, Some(identity), RetryPolicy::default()).expect("a client")
    }
}

fn put(key: &str, value: &'static str) -> AppRequest {
    AppRequest {
        body: Bytes::from_static(value.as_bytes()),
        ..AppRequest::new(Method::PUT, format!("/kv/{key}"))
    }
}

fn post(path: &str, body: &'static str) -> AppRequest {
    AppRequest {
        body: Bytes::from_static(body.as_bytes()),
        ..AppRequest::new(Method::POST, path)
    }
}

fn code<T>(outcome: Result<T, ClientError>) -> Option<ErrorCode> {
    outcome.err().and_then(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn app_that_members_set_is_called_proven_and_read_anywhere() {
    let mut synod = Synod::three().await;
    let app = synod.set_kv().await;
    proofs(&synod, &app).await;
    reads(&synod, &app).await;
    refusals(&synod, &app).await;
    harm(&synod, &app).await;
    logs(&synod, &app).await;
    curl(&synod).await;
}

/// The receipt of a call proves request and answer, inline or fetched; that of another call does
/// not.
async fn proofs(synod: &Synod, app: &App) {
    let service = synod.service();
    let chain = service.chain(synod.network).await.expect("a chain");
    let policy = ReceiptPolicy::default();
    let mut request = put("a", "1");
    request.receipt = true;
    let inline = app.call(&request).await.expect("an answer");
    assert_eq!(inline.status, 204);
    assert!(inline.receipt.is_some(), "the receipt came along");
    app.prove(&inline, &chain, &policy).await.expect("proven");
    let fetched = app.call(&post("/record", "said")).await;
    let fetched = fetched.expect("an answer");
    assert!(fetched.receipt.is_none());
    let (_, committed) = app.prove(&fetched, &chain, &policy).await.expect("proven");
    let reply = committed.reply.as_ref().expect("it is opened");
    assert_eq!(
        (reply.status, reply.response),
        (409, sha256(&[&fetched.body]))
    );
    let mut other = inline.clone();
    other.bound.request = Digest::ZERO;
    let refused = app.prove(&other, &chain, &policy).await;
    assert!(refused.is_err(), "another request was proven");
    let mut other = fetched.clone();
    other.bound.response = sha256(&[b"another answer"]);
    assert!(app.prove(&other, &chain, &policy).await.is_err());
    let mut again = put("b", "1");
    again.idempotency_key = Some("once".to_owned());
    let first = app.call(&again).await.expect("an answer");
    let second = app.call(&again).await.expect("an answer");
    assert_eq!(first.transaction_id, second.transaction_id);
}

/// Asks one replica, once it has compiled the app: a quorum had when the app came into force, and
/// others follow.
async fn ask_compiled(service: &Service, node: &Node, path: &str) -> Bytes {
    let begun = Instant::now();
    loop {
        match service.ask(&node.url(), &Request::get(path)).await {
            Ok(answer) => return answer.body,
            Err(error) => {
                let compiles = error.code() == Some(ErrorCode::AppNotReady);
                assert!(compiles && begun.elapsed() < COMPILE_PATIENCE, "{error}");
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every replica answers a read, fresh or from its own state; writes go to the leader.
async fn reads(synod: &Synod, app: &App) {
    app.call(&put("everywhere", "here")).await.expect("written");
    let service = synod.service();
    let leader = synod.leader().await;
    for (place, node) in synod.nodes.iter().enumerate() {
        let answer = ask_compiled(&service, node, "/app/kv/kv/everywhere").await;
        assert_eq!(answer, "here", "replica {place}");
        let local = Request::get("/app/kv/kv/everywhere?consistency=local");
        assert!(service.ask(&node.url(), &local).await.is_ok());
        let connection = service.connection(&node.url()).await.expect("a connection");
        let mut write = Request::get("/app/kv/kv/x");
        write.method = Method::PUT;
        let answer = connection.exchange(&write, PATIENCE).await.expect("one");
        let expected = if place == leader { 204 } else { 307 };
        assert_eq!(answer.status, expected, "replica {place}");
    }
    let component = app.component().await.expect("the component");
    assert_eq!(component, COMPONENT);
    let pin = AppPin {
        name: "kv".to_owned(),
        component: Some(sha256(&[COMPONENT])),
        imports: None,
    };
    app.check(&pin).await.expect("the pinned app");
    let narrow = AppPin {
        imports: Some(vec!["maps".to_owned()]),
        ..pin
    };
    let refused = app.check(&narrow).await.expect_err("it may use more");
    assert!(refused.to_string().contains("map-writes"), "{refused}");
}

/// What leads nowhere, and who may not.
async fn refusals(synod: &Synod, app: &App) {
    for (request, expected) in [
        (AppRequest::get("/nowhere"), ErrorCode::AppRouteNotFound),
        (
            AppRequest::new(Method::DELETE, "/me"),
            ErrorCode::AppMethodNotAllowed,
        ),
        (AppRequest::get("/kv/../me"), ErrorCode::AppPathInvalid),
        (AppRequest::get("/kv/%2e%2e"), ErrorCode::AppPathInvalid),
        (AppRequest::get("/kv/a%2Fb"), ErrorCode::AppPathInvalid),
        (AppRequest::get("/kv//a"), ErrorCode::AppPathInvalid),
        (AppRequest::get("/kv/%00"), ErrorCode::AppPathInvalid),
        (AppRequest::get("/kv/%ff"), ErrorCode::AppPathInvalid),
    ] {
        let found = code(app.call(&request).await);
        assert_eq!(found, Some(expected), "{request:?}");
    }
    let service = synod.service();
    let none = service.app("none").call(&AppRequest::get("/x")).await;
    assert_eq!(code(none), Some(ErrorCode::AppNotFound));
    let stranger = synod.unknown();
    let forbidden = stranger.app("kv").call(&AppRequest::get("/kv/a")).await;
    assert_eq!(code(forbidden), Some(ErrorCode::AppForbidden));
    let me = stranger.app("kv").call(&AppRequest::get("/me")).await;
    let me = String::from_utf8(me.expect("for anybody").body.to_vec()).expect("text");
    assert!(me.contains("anonymous"), "{me}");
    let map = service
        .get("app.kv.rows", b"a", synod_api::Consistency::Linearizable)
        .await;
    assert_eq!(code(map), Some(ErrorCode::Forbidden));
}

/// Each harm is its own request's alone: it has its code, leaves nothing, and others go on
/// meanwhile.
async fn harm(synod: &Synod, app: &App) {
    let endless = {
        let app = app.clone();
        tokio::spawn(async move { app.call(&post("/harm/loop", "x")).await })
    };
    for number in 0..5 {
        synod.put(&format!("meanwhile-{number}"), "1").await;
        app.call(&put("meanwhile", "1")).await.expect("written");
    }
    let ended = endless.await.expect("no panic");
    assert_eq!(code(ended), Some(ErrorCode::AppTimeExceeded));
    for (how, expected) in [
        ("trap", ErrorCode::AppTrapped),
        ("memory", ErrorCode::AppMemoryExceeded),
        ("response", ErrorCode::AppResponseTooLarge),
        ("status", ErrorCode::AppResponseInvalid),
        ("header", ErrorCode::AppResponseInvalid),
        ("undeclared", ErrorCode::AppMapUndeclared),
        ("operations", ErrorCode::AppMapOperationsExceeded),
        ("claims", ErrorCode::AppClaimInvalid),
        ("random", ErrorCode::AppRandomExceeded),
    ] {
        let found = app.call(&post(&format!("/harm/{how}"), "x")).await;
        assert_eq!(code(found), Some(expected), "{how}");
    }
    // A component in Rust keeps a stack of its own in its memory, and may leave that before the
    // engine's.
    let recursion = code(app.call(&post("/harm/recursion", "x")).await);
    let ends = [ErrorCode::AppStackExceeded, ErrorCode::AppTrapped].map(Some);
    assert!(ends.contains(&recursion), "{recursion:?}");
    let harmed = app.call(&AppRequest::get("/kv/harmed")).await;
    assert_eq!(harmed.expect("an answer").status, 404);
    let recorded = app.call(&post("/record", "kept")).await.expect("an answer");
    assert_eq!(recorded.status, 409);
    let kept = app.call(&AppRequest::get("/kv/recorded")).await;
    assert_eq!(kept.expect("an answer").body, "kept");
}

/// The owner reads the log, others do not, and no line of it is in the nodes' own logs.
async fn logs(synod: &Synod, app: &App) {
    const SECRET: &str = "what only the owner may read";
    app.call(&post("/log", SECRET)).await.expect("written");
    let leader = synod.nodes[synod.leader().await].url();
    let lines = app.logs(&leader, 0, 1000).await.expect("the log").lines;
    let line = lines.iter().find(|line| line.message == SECRET);
    assert_eq!(line.expect("the line").route, "/log");
    let refused = synod.unknown().app("kv").logs(&leader, 0, 10).await;
    assert_eq!(code(refused), Some(ErrorCode::Forbidden));
    for node in &synod.nodes {
        assert!(!node.log().contains(SECRET), "the host reads along");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_compiler_says_is_for_the_apps_log_alone() {
    // The name of an import that no host offers, of the same length as ours.
    const SECRET: &str = "plan9:app/maps@";
    let mut component = COMPONENT.to_vec();
    let ours = b"synod:app/maps@";
    while let Some(at) = component.windows(ours.len()).position(|part| part == ours) {
        component[at..at + ours.len()].copy_from_slice(SECRET.as_bytes());
    }
    let mut synod = Synod::alone().await;
    synod.set_kv().await;
    let app = synod.bring_kv(&component, 2).await;
    let info = synod.await_app(&app, |info| info.failure.is_some()).await;
    assert_eq!(info.failure.expect("a failure").code, "not-compiled");
    let log = synod.nodes[0].log();
    let digest = sha256(&[&component]).to_string();
    assert!(
        log.contains("unknown-imports") && log.contains(&digest),
        "{log}"
    );
    assert!(!log.contains(SECRET), "the host reads along: {log}");
    let lines = app
        .logs(&synod.nodes[0].url(), 0, 10)
        .await
        .expect("the log");
    let line = lines.lines.iter().find(|line| line.route == "compile");
    assert!(line.expect("a line").message.contains(SECRET));
    let refused = synod
        .unknown()
        .app("kv")
        .logs(&synod.nodes[0].url(), 0, 10)
        .await;
    assert_eq!(code(refused), Some(ErrorCode::Forbidden));
}

/// A client that is not ours.
async fn curl(synod: &Synod) {
    let network = synod.service().network().await.expect("an answer");
    let authority = synod.dir.path().join("ca.pem");
    std::fs::write(&authority, network.service_ca.expect("an authority")).expect("a file");
    let url = synod.nodes[0].url().to_string();
    let ask = |arguments: &[&str], path: &str| {
        let output = Command::new("curl")
            .args(["--silent", "--path-as-is", "--max-time", "20", "--cacert"])
            .arg(&authority)
            .args(arguments)
            .arg(format!("{url}{path}"))
            .output();
        let output = output.expect("curl is there");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(ask(&[], "/app/kv/me").contains("anonymous"));
    let head = ask(&["--head"], "/app/kv/me");
    assert!(head.contains("synod-transaction-id: "), "{head}");
    assert!(ask(&[], "/v1/apps").contains("\"name\":\"kv\""));
    assert!(ask(&[], "/v1/apps/kv/openapi.json").contains("3.1.0"));
    assert!(ask(&[], "/app/kv/../../v1/network").contains("app_path_invalid"));
    assert!(ask(&[], "/app/kv/kv/a").contains("certificate_required"));
    assert!(ask(&[], "/v1/watch?map=public:synod.apps").contains("certificate_required"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_goes_on_at_another_replica_where_it_was() {
    let mut synod = Synod::three().await;
    let app = synod.set_kv().await;
    let service = synod.service();
    let mut watch = service.watch("app.kv.rows", b"shared-", None);
    let mut elsewhere = service.watch("app.kv.rows", b"", None);
    assert_eq!(code(elsewhere.next().await), Some(ErrorCode::Forbidden));
    let begun = app.call(&put("shared-0", "0")).await.expect("written");
    let mut from_before = service.watch(
        "app.kv.rows",
        b"shared-",
        Some(begun.transaction_id.seqno - 1),
    );
    assert_eq!(
        from_before.next().await.expect("a change").transaction_id,
        begun.transaction_id
    );
    let reached = tokio::time::timeout(Duration::from_secs(1), watch.next()).await;
    drop(reached);
    app.call(&put("private", "1")).await.expect("written");
    app.call(&put("shared-1", "1")).await.expect("written");
    let change = from_before.next().await.expect("a change");
    assert_eq!(change.changes[0].key, "shared-1".into());
    let leader = synod.leader().await;
    synod.nodes[leader].kill();
    let last = app.call(&put("shared-2", "2")).await.expect("written");
    let change = tokio::time::timeout(PATIENCE, from_before.next()).await;
    let change = change.expect("in time").expect("a change");
    assert_eq!(change.transaction_id, last.transaction_id);
    assert_eq!(change.changes[0].value, Some("2".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_ends_with_the_right_to_it() {
    let mut synod = Synod::alone().await;
    let service = synod.service();
    let mut watch = service.watch("records", b"", None);
    let first = synod.put("k", "v").await;
    let mut watch_before = service.watch("records", b"", Some(first.transaction_id.seqno - 1));
    let change = watch_before.next().await.expect("a change");
    assert_eq!(change.transaction_id, first.transaction_id);
    let _ = tokio::time::timeout(Duration::from_millis(300), watch.next()).await;
    synod
        .act(Act::RemoveUser {
            name: "user".to_owned(),
        })
        .await;
    for watch in [&mut watch, &mut watch_before] {
        let ended = tokio::time::timeout(PATIENCE, watch.next()).await;
        let ended = code(ended.expect("in time"));
        assert_eq!(ended, Some(ErrorCode::WatchEnded));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_from_a_number_that_no_transaction_has_is_refused_and_not_silent() {
    let synod = Synod::alone().await;
    let newest = synod.put("k", "v").await.transaction_id.seqno;
    let mut watch = synod.service().watch("records", b"", Some(newest + 1000));
    let refused = tokio::time::timeout(PATIENCE, watch.next()).await;
    let refused = code(refused.expect("in time"));
    assert_eq!(refused, Some(ErrorCode::InvalidParameter));
    // One that is about to exist is waited for.
    let mut watch = synod.service().watch("records", b"", Some(newest + 1));
    let (_, change) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            synod.put("k", "w").await;
            synod.put("k", "x").await
        },
        tokio::time::timeout(PATIENCE, watch.next())
    );
    let change = change.expect("in time").expect("a change");
    assert_eq!(change.transaction_id.seqno, newest + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted_with_how_long_they_took() {
    let synod = Synod::alone().await;
    let before = synod
        .gauge("synod_http_request_duration_seconds_count")
        .await;
    synod.put("k", "v").await;
    let after = synod
        .gauge("synod_http_request_duration_seconds_count")
        .await;
    assert!(after >= before + 2, "{before} and {after}");
    let answered = synod
        .gauge("synod_http_requests_total{class=\"2xx\"}")
        .await;
    assert!(answered > 0);
}

impl Synod {
    /// What this metric of the founder says.
    async fn gauge(&self, name: &str) -> u64 {
        let metrics = Request::get("/metrics");
        let answer = self.service().ask(&self.nodes[0].url(), &metrics).await;
        let text = String::from_utf8(answer.expect("metrics").body.to_vec()).expect("text");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.expect("the metric").parse().expect("a number")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_nobody_reads_are_bounded_and_those_who_read_get_theirs() {
    const MIB: u64 = 1 << 20;
    let synod = Synod::alone().await;
    let first = synod.put("k", "v").await.transaction_id.seqno;
    // With what is around it in an event, no more than one watcher may have.
    let value = "v".repeat((1 << 20) - 1024);
    for n in 0..24 {
        synod.put(&format!("k{n}"), &value).await;
    }
    let from_before = || {
        let service = synod.service();
        service.watch("records", b"", Some(first - 1))
    };
    let mut stuck = Vec::new();
    for _ in 0..4 {
        let mut watch = from_before();
        watch.next().await.expect("the first change");
        stuck.push(watch);
    }
    while synod.gauge("synod_watch_bytes").await < 4 * MIB {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut reader = from_before();
    for n in 0..25 {
        let change = tokio::time::timeout(PATIENCE, reader.next()).await;
        change.expect("in time").expect("a change");
        let waiting = synod.gauge("synod_watch_bytes").await;
        assert!(waiting <= 5 * MIB, "{waiting} bytes after change {n}");
    }
    drop((stuck, reader));
    while synod.gauge("synod_watch_bytes").await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
