//! What a call of an app costs, and what apps cost in memory:
//! `cargo run --release -p synod-runtime --example speed`.
//!
//! Takes components as arguments, or the fixture. Each is called with `PUT /kv/key` and 128 bytes,
//! which the fixture answers with one write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_governance::app::{AppManifest, CallerIdentity, IMPORTS};
use synod_kv::Bytes;
use synod_ledger::TxId;
use synod_replica::app::{AppKey, AppRequest, Execution, Task};
use synod_replica::state::StateHandle;
use synod_runtime::{LogLine, LogOrigin, LogSink, Runtime};

const FIXTURE: &str = "runtime/tests/fixtures/kv.wasm";
/// How often each figure is taken; the fastest counts.
const ROUNDS: u32 = 20;
/// Calls of one round.
const CALLS: u32 = 500;
/// Apps of the set whose memory is taken.
const APPS: u64 = 100;

struct Nowhere;

impl LogSink for Nowhere {
    fn take(&self, origin: LogOrigin, lines: Vec<LogLine>) {
        println!("{} {}: {lines:?}", origin.app.name, origin.route);
    }
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let files = if given.is_empty() {
        vec![FIXTURE.to_owned()]
    } else {
        given
    };
    for file in files {
        let component = std::fs::read(&file).expect("a file");
        println!("{file}: {} bytes", component.len());
        measure(&component);
    }
}

fn measure(component: &[u8]) {
    let runtime = Runtime::new(Arc::new(Nowhere)).expect("starts");
    let fresh = manifest(false);
    let load = fastest(5, || {
        drop(runtime.compile(component, &fresh).expect("an app"));
    });
    let code = runtime
        .compile(component, &fresh)
        .expect("an app")
        .code_bytes();
    println!("  checked, compiled and linked in {load:?}, to {code} bytes of code");
    for (words, manifest) in [
        ("fresh instance and call", fresh),
        ("call of a reused one", manifest(true)),
    ] {
        let app = key(1);
        let prepared = runtime.compile(component, &manifest).expect("an app");
        runtime.install(app.clone(), prepared);
        let manifest = Arc::new(manifest);
        let round = || {
            for _ in 0..CALLS {
                let executed = runtime.execute(execution(&app, &manifest));
                executed.result.expect("an answer");
            }
        };
        println!("  {words}: {:?}", fastest(ROUNDS, round) / CALLS);
    }
    set(component);
}

/// The memory of many apps that have each been called.
fn set(component: &[u8]) {
    let before = resident();
    let runtime = Runtime::new(Arc::new(Nowhere)).expect("starts");
    let manifest = Arc::new(manifest(true));
    for number in 0..APPS {
        let prepared = runtime.compile(component, &manifest).expect("an app");
        runtime.install(key(number), prepared);
        for _ in 0..3 {
            runtime
                .execute(execution(&key(number), &manifest))
                .result
                .expect("an answer");
        }
    }
    let kept = runtime.counts().instances_kept;
    println!(
        "  {APPS} apps with {kept} instances kept: {} MiB resident",
        (resident() - before) >> 20
    );
}

/// The fastest of so many rounds.
fn fastest(rounds: u32, mut round: impl FnMut()) -> Duration {
    let timed = (0..rounds).map(|_| {
        let begun = Instant::now();
        round();
        begun.elapsed()
    });
    timed.min().expect("a round")
}

/// What of this process is in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    figure
        .and_then(|figure| figure.parse::<u64>().ok())
        .expect("a figure")
        << 10
}

fn manifest(reuse: bool) -> AppManifest {
    let text = format!(
        "name = \"app\"\nversion = \"1\"\nreuse = {reuse}\nimports = {IMPORTS:?}\n[maps]\nprivate = [\"rows\"]\npublic = [\"versions\"]"
    );
    AppManifest::from_toml(&text).expect("a manifest")
}

fn key(number: u64) -> AppKey {
    AppKey {
        name: manifest(false).name().clone(),
        number,
        component: synod_crypto::Digest::default(),
    }
}

fn execution(app: &AppKey, manifest: &Arc<AppManifest>) -> Execution {
    let request = AppRequest {
        method: "PUT".to_owned(),
        path: "/kv/key".to_owned(),
        query: None,
        headers: vec![(
            "content-type".to_owned(),
            "application/octet-stream".to_owned(),
        )],
        body: Bytes::from_static(&[b'a'; 128]),
    };
    Execution {
        id: synod_replica::app::ExecutionId::Call(1),
        app: app.clone(),
        manifest: Arc::clone(manifest),
        task: Task::Handle {
            request,
            route: "/kv/{key}".to_owned(),
            params: vec![("key".to_owned(), "key".to_owned())],
        },
        caller: CallerIdentity::anonymous(),
        state: StateHandle::default(),
        snapshot: 0,
        tx: TxId { view: 1, seqno: 1 },
        time_ms: 0,
        seed: [0; 32],
        read_only: false,
    }
}
