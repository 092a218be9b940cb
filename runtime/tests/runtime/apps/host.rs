//! A host of one committed app: routes, roles and limits by its manifest, and a state that keeps
//! what its calls wrote.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use synod_component::{TICK_MS, inspect};
use synod_crypto::Digest;
use synod_governance::app::{AppManifest, AppPath, CallerIdentity, CallerKind, RouteKind};
use synod_kv::{Bytes, Store, WriteSet};
use synod_ledger::TxId;
use synod_replica::app::{AppKey, AppRequest, Compile, Completion, Execution, ExecutionId, Task};
use synod_replica::state::StateHandle;
use synod_runtime::{LogLine, LogOrigin, LogSink, Runtime};

/// Nobody reads the logs here.
struct NoLog;

impl LogSink for NoLog {
    fn take(&self, _: LogOrigin, _: Vec<LogLine>) {}
}

/// An app that is called.
pub(crate) struct Host {
    runtime: Arc<Runtime>,
    running: Arc<AtomicBool>,
    manifest: Arc<AppManifest>,
    app: AppKey,
    /// What each call wrote, in order.
    writes: Vec<WriteSet>,
    calls: u8,
    /// What the last call bound.
    pub(crate) claims: Vec<Digest>,
}

impl Host {
    /// Compiles the committed component of this name under its manifest.
    pub(crate) fn of(name: &str) -> Self {
        let read =
            |file: &str| std::fs::read(folder(name).join(file)).expect("the file is committed");
        let component = read(&format!("{name}.wasm"));
        let text = String::from_utf8(read("app.toml")).expect("UTF-8");
        let manifest = Arc::new(AppManifest::from_toml(&text).expect("a sound manifest"));
        let stated = inspect(&component, Some(&manifest)).expect("a sound component");
        let admitted: Vec<&str> = manifest.imports().iter().copied().collect();
        assert_eq!(stated.beyond(&admitted), Vec::<String>::new());
        let imports = stated
            .imports
            .iter()
            .filter(|name| !name.contains("/http@"));
        assert_eq!(
            imports.count(),
            admitted.len(),
            "the manifest admits what is imported, no more"
        );
        let app = AppKey {
            name: manifest.name().clone(),
            number: 1,
            component: synod_crypto::sha256(&[&component]),
        };
        let runtime = Arc::new(Runtime::new(Arc::new(NoLog)).expect("starts"));
        let chunks = component.chunks(512 * 1024);
        let compile = Compile {
            app: app.clone(),
            manifest: Arc::clone(&manifest),
            component: chunks.map(Bytes::copy_from_slice).collect(),
        };
        runtime.provide(&compile).expect("a component that can run");
        let running = Arc::new(AtomicBool::new(true));
        tick(Arc::clone(&runtime), Arc::clone(&running));
        Host {
            runtime,
            running,
            manifest,
            app,
            writes: Vec::new(),
            calls: 0,
            claims: Vec::new(),
        }
    }

    /// Sends JSON.
    pub(crate) fn send(
        &mut self,
        who: &str,
        method: &str,
        target: &str,
        body: &Value,
    ) -> (u16, Value) {
        self.send_bytes(who, method, target, serde_json::to_vec(body).expect("JSON"))
    }

    /// Sends a request. The caller is `role:name`; 403 if the route is not for it.
    pub(crate) fn send_bytes(
        &mut self,
        who: &str,
        method: &str,
        target: &str,
        body: Vec<u8>,
    ) -> (u16, Value) {
        let (role, id) = who.split_once(':').expect("`role:name`");
        let caller = CallerIdentity {
            kind: CallerKind::User,
            id: id.to_owned(),
            roles: vec![role.to_owned()],
            claims: Vec::new(),
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let manifest = Arc::clone(&self.manifest);
        let parsed = AppPath::parse(path).expect("a sound path");
        let routed = manifest.route(method, &parsed).expect("a declared route");
        if !routed.admits(&caller) {
            return (403, Value::Null);
        }
        assert!(body.len() as u64 <= manifest.limits().request_bytes);
        let request = AppRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            headers: Vec::new(),
            body: body.into(),
        };
        let task = Task::Handle {
            request,
            route: routed.pattern.as_str().to_owned(),
            params: routed.params.clone(),
        };
        let completion = self.execute(caller, task, routed.kind == RouteKind::Read);
        let answer =
            serde_json::from_slice(&completion.response.body).expect("every answer is JSON");
        (completion.response.status, answer)
    }

    fn execute(&mut self, caller: CallerIdentity, task: Task, read_only: bool) -> Completion {
        let mut store = Store::default();
        for (writes, seqno) in self.writes.iter().zip(1..) {
            store.apply(seqno, writes);
        }
        self.calls = self.calls.wrapping_add(1);
        let snapshot = store.head();
        let execution = Execution {
            id: ExecutionId::Call(1),
            app: self.app.clone(),
            manifest: Arc::clone(&self.manifest),
            task,
            caller,
            state: StateHandle::new(store),
            snapshot,
            tx: TxId {
                view: 1,
                seqno: snapshot + 1,
            },
            time_ms: 1_790_000_000_000,
            seed: [self.calls; 32],
            read_only,
        };
        let completion = self.runtime.execute(execution).result.expect("no fault");
        assert!(!read_only || completion.writes.is_empty());
        self.claims.clone_from(&completion.claims);
        if !completion.writes.is_empty() {
            self.writes.push(completion.writes.clone());
        }
        completion
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
    }
}

/// The folder of an app.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../apps")
        .join(name)
}

/// Lets epochs pass.
fn tick(runtime: Arc<Runtime>, running: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        while running.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(TICK_MS));
            runtime.tick();
        }
    });
}
