//! A runtime, a state and an app, as tests need them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use synod_component::{ComponentError, Reservation, TICK_MS};
use synod_governance::app::{AppManifest, CallerIdentity};
use synod_kv::{Bytes, MapName, Store, WriteSet};
use synod_ledger::TxId;
use synod_replica::app::{
    AppFault, AppKey, AppRequest, Compile, Completion, Execution, ExecutionId, Task,
};
use synod_replica::state::StateHandle;
use synod_runtime::{LogLine, LogOrigin, LogSink, Runtime};

/// The lines of all calls.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<(LogOrigin, LogLine)>>);

impl LogSink for Lines {
    fn take(&self, origin: LogOrigin, lines: Vec<LogLine>) {
        let mut all = self.0.lock().expect("not poisoned");
        all.extend(lines.into_iter().map(|line| (origin.clone(), line)));
    }
}

impl Lines {
    /// The lines so far.
    pub(crate) fn all(&self) -> Vec<(LogOrigin, LogLine)> {
        self.0.lock().expect("not poisoned").clone()
    }

    /// The texts of the lines so far.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.all().into_iter().map(|(_, line)| line.text).collect()
    }
}

/// What stands on the bench.
pub(crate) struct Bench {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) state: StateHandle,
    pub(crate) manifest: Arc<AppManifest>,
    pub(crate) app: AppKey,
    component: Vec<u8>,
    running: Arc<AtomicBool>,
}

/// A manifest that admits everything, with one private and one public map.
pub(crate) const OPEN: &str = r#"
imports = ["maps", "map-writes", "caller", "transaction", "ledger-time", "claims", "random", "log"]
[maps]
private = ["m"]
public = ["p"]
"#;

impl Bench {
    /// Installs a component under the manifest [`OPEN`].
    pub(crate) fn open(component: Vec<u8>) -> Self {
        Self::with(component, OPEN)
    }

    /// Installs a component under a manifest, whose name and version are added.
    pub(crate) fn with(component: Vec<u8>, manifest: &str) -> Self {
        let bench = Self::without(component, manifest);
        bench.provide().expect("a component that can run");
        bench
    }

    /// Puts everything up, but does not compile the component yet.
    pub(crate) fn without(component: Vec<u8>, manifest: &str) -> Self {
        Self::reserving(Reservation::Wide, component, manifest)
    }

    /// Likewise, in slots of this kind.
    pub(crate) fn reserving(reservation: Reservation, component: Vec<u8>, manifest: &str) -> Self {
        let lines = Arc::new(Lines::default());
        let logs = Arc::clone(&lines) as Arc<dyn LogSink>;
        let runtime = Runtime::reserving(reservation, logs).expect("starts");
        let runtime = Arc::new(runtime);
        let text = format!("name = \"app\"\nversion = \"1\"\n{manifest}");
        let manifest = Arc::new(AppManifest::from_toml(&text).expect("a manifest"));
        let app = AppKey {
            name: manifest.name().clone(),
            number: 1,
            component: synod_crypto::sha256(&[&component]),
        };
        let running = Arc::new(AtomicBool::new(true));
        tick(Arc::clone(&runtime), Arc::clone(&running));
        Self {
            runtime,
            lines,
            state: StateHandle::new(Store::default()),
            manifest,
            app,
            component,
            running,
        }
    }

    /// Compiles the component and installs it.
    pub(crate) fn provide(&self) -> Result<(), ComponentError> {
        let chunks = self.component.chunks(512 * 1024);
        self.runtime.provide(&Compile {
            app: self.app.clone(),
            manifest: Arc::clone(&self.manifest),
            component: chunks.map(Bytes::copy_from_slice).collect(),
        })
    }

    /// What would be executed for a POST to `/`.
    pub(crate) fn execution(&self) -> Execution {
        Execution {
            id: ExecutionId::Call(7),
            app: self.app.clone(),
            manifest: Arc::clone(&self.manifest),
            task: Task::Handle {
                request: request(b""),
                route: "/".to_owned(),
                params: Vec::new(),
            },
            caller: CallerIdentity::anonymous(),
            state: self.state.clone(),
            snapshot: self.state.read().head(),
            tx: TxId { view: 2, seqno: 9 },
            time_ms: 1_700_000_000_000,
            seed: [7; 32],
            read_only: false,
        }
    }

    /// Executes it.
    pub(crate) fn run(&self, execution: Execution) -> Result<Completion, AppFault> {
        let executed = self.runtime.execute(execution);
        assert_eq!(executed.id, ExecutionId::Call(7));
        executed.result
    }

    /// Executes a POST to `/` with this body.
    pub(crate) fn post(&self, body: &[u8]) -> Result<Completion, AppFault> {
        let mut execution = self.execution();
        if let Task::Handle { request, .. } = &mut execution.task {
            request.body = Bytes::copy_from_slice(body);
        }
        self.run(execution)
    }

    /// Executes a POST to `/`.
    pub(crate) fn call(&self) -> Result<Completion, AppFault> {
        self.post(b"")
    }

    /// The fault in which a POST to `/` ends.
    pub(crate) fn fault(&self) -> AppFault {
        self.call().expect_err("a fault")
    }

    /// The fault in which this task ends, if it does.
    pub(crate) fn task(&self, task: Task) -> Result<Completion, AppFault> {
        let execution = Execution {
            task,
            caller: CallerIdentity::service(),
            ..self.execution()
        };
        self.run(execution)
    }

    /// Puts rows into the state, one after another.
    pub(crate) fn fill(&mut self, map: &str, rows: &[(&[u8], &[u8])]) {
        let map = MapName::new(map).expect("a map's name");
        let mut store = Store::default();
        for (seqno, (key, value)) in (1..).zip(rows) {
            let mut writes = WriteSet::new();
            let put = writes.put(&map, key.to_vec(), value.to_vec());
            put.expect("within limits");
            store.apply(seqno, &writes);
        }
        self.state = StateHandle::new(store);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
    }
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

/// A POST to `/`.
pub(crate) fn request(body: &'static [u8]) -> AppRequest {
    AppRequest {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: None,
        headers: Vec::new(),
        body: Bytes::from_static(body),
    }
}
