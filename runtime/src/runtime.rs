//! The runtime: versions of apps that are installed, and calls of them, each in an instance of its
//! own.
//!
//! Everything here is synchronous and may be called from many threads at once. Nothing here reads a
//! clock: time is bounded in epochs, which whoever holds the runtime lets pass with
//! [`Runtime::tick`].
//!
//! Invariants
//! - Only code that this process compiled, from bytes with the digest that governance recorded, is
//!   ever run.
//! - A fault ends its own call only, and leaves nothing of it behind but lines in the app's log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use synod_component::{
    COMPONENT_BYTES_MAX, ComponentError, EngineError, Reservation, start_engine, start_engine_with,
};
use synod_crypto::sha256;
use synod_governance::app::AppManifest;
use synod_kv::WriteSet;
use synod_replica::app::{
    AppFault, AppKey, AppResponse, Compile, CompileFault, Completion, Executed, Execution, Task,
};
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::counters::{Counters, RuntimeCounts};
use crate::host::{Call, Host};
use crate::instance::{Live, NotBegun};
use crate::interfaces::linker;
use crate::logs::{LogOrigin, LogSink};
use crate::prepare::{Prepared, prepare};

/// How much stack a thread must have that calls [`Runtime::execute`], in bytes (4 MiB).
pub const EXECUTOR_STACK_BYTES: usize = 4 << 20;
/// Most instances of one app that are kept for their next call.
pub const INSTANCES_KEPT_PER_APP_MAX: usize = 8;

/// Compiles components and runs them.
pub struct Runtime {
    engine: Engine,
    reservation: Reservation,
    linker: Linker<Host>,
    installed: RwLock<BTreeMap<AppKey, Arc<Installed>>>,
    counters: Counters,
    logs: Arc<dyn LogSink>,
}

/// What a replica is told of a component that cannot be run.
pub fn compile_fault(error: &ComponentError) -> CompileFault {
    match error {
        ComponentError::WrongDigest { .. } => CompileFault::WrongDigest,
        other => CompileFault::Refused(other.code()),
    }
}

/// A version that can be called.
struct Installed {
    prepared: Prepared,
    /// Instances that have answered and wait for their next call. Empty unless the manifest says
    /// `reuse`.
    kept: Mutex<Vec<Live>>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("reservation", &self.reservation)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts the engine. Log lines of apps go to `logs`.
    pub fn new(logs: Arc<dyn LogSink>) -> Result<Self, EngineError> {
        let (engine, reservation) = start_engine()?;
        Self::on(engine, reservation, logs)
    }

    /// Starts the engine with these reservations, whatever the system would give.
    pub fn reserving(
        reservation: Reservation,
        logs: Arc<dyn LogSink>,
    ) -> Result<Self, EngineError> {
        Self::on(start_engine_with(reservation)?, reservation, logs)
    }

    fn on(
        engine: Engine,
        reservation: Reservation,
        logs: Arc<dyn LogSink>,
    ) -> Result<Self, EngineError> {
        let linker = linker(&engine).map_err(|error| EngineError(format!("{error:#}")))?;
        Ok(Self {
            engine,
            reservation,
            linker,
            installed: RwLock::default(),
            counters: Counters::default(),
            logs,
        })
    }

    /// How much address space is reserved.
    pub fn reservation(&self) -> Reservation {
        self.reservation
    }

    /// Lets an epoch pass. To be called every [`TICK_MS`](synod_component::TICK_MS) milliseconds
    /// for as long as anything runs: a call that takes too long ends only by this.
    pub fn tick(&self) {
        self.engine.increment_epoch();
    }

    /// Compiles a component. Takes milliseconds to seconds: not for a thread that others wait for.
    pub fn compile(
        &self,
        component: &[u8],
        manifest: &AppManifest,
    ) -> Result<Prepared, ComponentError> {
        prepare(&self.engine, &self.linker, component, manifest)
    }

    /// Compiles what a replica asks for, if it is what governance recorded, and installs it.
    pub fn provide(&self, compile: &Compile) -> Result<(), ComponentError> {
        let component = joined(compile)?;
        let found = sha256(&[&component]);
        if found != compile.app.component {
            return Err(ComponentError::WrongDigest {
                found: found.to_string(),
                expected: compile.app.component.to_string(),
            });
        }
        let prepared = self.compile(&component, &compile.manifest)?;
        self.install(compile.app.clone(), prepared);
        Ok(())
    }

    /// Makes a version callable under its key.
    pub fn install(&self, app: AppKey, prepared: Prepared) {
        let kept = Mutex::default();
        let installed = Arc::new(Installed { prepared, kept });
        let mut all = self
            .installed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(app, installed);
    }

    /// Forgets a version. Calls of it that are under way go on.
    pub fn uninstall(&self, app: &AppKey) -> bool {
        let mut all = self
            .installed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.remove(app).is_some()
    }

    /// Whether a version is installed.
    pub fn has(&self, app: &AppKey) -> bool {
        self.find(app).is_some()
    }

    /// Runs one call to its end, on the caller's thread, which must have a stack of
    /// [`EXECUTOR_STACK_BYTES`].
    pub fn execute(&self, execution: Execution) -> Executed {
        let id = execution.id;
        let result = match self.find(&execution.app) {
            Some(installed) => self.run(&installed, execution),
            None => Err(AppFault::NotInstalled),
        };
        self.counters.executed(result.as_ref().err());
        Executed { id, result }
    }

    /// What was done so far.
    pub fn counts(&self) -> RuntimeCounts {
        let all = self
            .installed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let kept: usize = all.values().map(|installed| installed.kept().len()).sum();
        self.counters.look(all.len() as u64, kept as u64)
    }

    fn find(&self, app: &AppKey) -> Option<Arc<Installed>> {
        let all = self
            .installed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        all.get(app).cloned()
    }

    fn run(&self, installed: &Installed, execution: Execution) -> Result<Completion, AppFault> {
        let is_request = matches!(execution.task, Task::Handle { .. });
        let mut live = match self.instance(installed, execution, is_request) {
            Ok(live) => live,
            Err((call, fault)) => return self.conclude(*call, Err(fault)),
        };
        let outcome = live.run(&installed.prepared);
        let Some(call) = live.end() else {
            return Err(AppFault::Trapped);
        };
        // Its slot is free before its lines are handed on.
        if outcome.is_ok() && is_request {
            installed.keep(live);
        } else {
            drop(live);
        }
        self.conclude(call, outcome)
    }

    /// An instance for this call: one that was kept, or a fresh one.
    fn instance(
        &self,
        installed: &Installed,
        execution: Execution,
        is_request: bool,
    ) -> Result<Live, (Box<Call>, AppFault)> {
        let call = Call::new(Arc::new(execution));
        if is_request && let Some(mut live) = installed.kept().pop() {
            live.take_up(call);
            return Ok(live);
        }
        self.counters.begun();
        match Live::begin(&installed.prepared, call) {
            Ok(live) => Ok(live),
            Err(NotBegun::Fault(call, fault)) => Err((call, fault)),
            Err(NotBegun::NoRoom(call)) => self.begin_again(installed, &call),
        }
    }

    /// Begins an instance once more, in the room of those that only wait.
    fn begin_again(
        &self,
        installed: &Installed,
        call: &Call,
    ) -> Result<Live, (Box<Call>, AppFault)> {
        self.drop_kept();
        let call = Call::new(Arc::clone(&call.execution));
        Live::begin(&installed.prepared, call).map_err(|refused| match refused {
            NotBegun::Fault(call, fault) => (call, fault),
            NotBegun::NoRoom(call) => (call, AppFault::Overloaded),
        })
    }

    fn drop_kept(&self) {
        let all = self
            .installed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for installed in all.values() {
            let kept = std::mem::take(&mut *installed.kept());
            drop(kept);
        }
    }

    /// Makes of a call what the replica is told, and hands its lines on.
    fn conclude(
        &self,
        mut call: Call,
        outcome: Result<AppResponse, AppFault>,
    ) -> Result<Completion, AppFault> {
        let lines = std::mem::take(&mut call.lines);
        let execution = Arc::clone(&call.execution);
        let concluded = completed(call, outcome);
        if !matches!(concluded, Err(AppFault::StateMoved)) && !lines.is_empty() {
            self.logs.take(origin_of(&execution), lines);
        }
        concluded
    }
}

impl Installed {
    fn kept(&self) -> MutexGuard<'_, Vec<Live>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an instance for its next call, if the manifest says so and it is fit.
    fn keep(&self, live: Live) {
        if !self.prepared.reuse || !live.is_fit() {
            return;
        }
        let mut kept = self.kept();
        if kept.len() < INSTANCES_KEPT_PER_APP_MAX {
            kept.push(live);
        }
    }
}

/// What came of a call. An answer from 400 on keeps nothing unless the app asked for it.
fn completed(call: Call, outcome: Result<AppResponse, AppFault>) -> Result<Completion, AppFault> {
    let (reads, mut writes) = call
        .transaction
        .finish()
        .map_err(|_| AppFault::StateMoved)?;
    let response = outcome?;
    let mut claims = call.claims;
    if response.status >= 400 && !call.keep {
        writes = WriteSet::new();
        claims.clear();
    }
    Ok(Completion {
        response,
        reads,
        writes,
        claims,
        asked_id: call.asked_id,
        keep: call.keep,
    })
}

fn origin_of(execution: &Execution) -> LogOrigin {
    let route = match &execution.task {
        Task::Handle { route, .. } => route.clone(),
        Task::Init => "init".to_owned(),
        Task::Migrate { .. } => "migrate".to_owned(),
    };
    LogOrigin {
        app: execution.app.clone(),
        route,
        view: execution.tx.view,
        seqno: execution.tx.seqno,
        time_ms: execution.time_ms,
    }
}

/// The component in one piece.
fn joined(compile: &Compile) -> Result<Vec<u8>, ComponentError> {
    let bytes = compile.component.iter().map(bytes::Bytes::len).sum();
    if bytes > COMPONENT_BYTES_MAX {
        let max = COMPONENT_BYTES_MAX;
        return Err(ComponentError::TooLarge { bytes, max });
    }
    let mut component = Vec::with_capacity(bytes);
    for chunk in &compile.component {
        component.extend_from_slice(chunk);
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use synod_component::INSTANCES_MAX;
    use synod_governance::app::CallerIdentity;
    use synod_ledger::TxId;
    use synod_replica::app::{AppRequest, ExecutionId};
    use synod_replica::state::StateHandle;

    use super::*;
    use crate::logs::LogLine;

    struct Nowhere;

    impl LogSink for Nowhere {
        fn take(&self, _: LogOrigin, _: Vec<LogLine>) {}
    }

    fn execution(app: &AppKey, manifest: &Arc<AppManifest>) -> Execution {
        let request = AppRequest {
            method: "GET".to_owned(),
            path: "/time".to_owned(),
            query: None,
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        Execution {
            id: ExecutionId::Call(1),
            app: app.clone(),
            manifest: Arc::clone(manifest),
            task: Task::Handle {
                request,
                route: "/time".to_owned(),
                params: Vec::new(),
            },
            caller: CallerIdentity::anonymous(),
            state: StateHandle::default(),
            snapshot: 0,
            tx: TxId { view: 1, seqno: 1 },
            time_ms: 0,
            seed: [0; 32],
            read_only: true,
        }
    }

    #[test]
    fn calls_without_room_are_refused_and_those_that_only_wait_make_room() {
        let component = include_bytes!("../tests/fixtures/kv.wasm");
        let imports = synod_governance::app::IMPORTS;
        let text = format!("name = \"a\"\nversion = \"1\"\nreuse = true\nimports = {imports:?}");
        let manifest = Arc::new(AppManifest::from_toml(&text).expect("a manifest"));
        let runtime = Runtime::new(Arc::new(Nowhere)).expect("starts");
        let key = |number| AppKey {
            name: manifest.name().clone(),
            number,
            component: sha256(&[component]),
        };
        for number in [1, 2] {
            let prepared = runtime.compile(component, &manifest).expect("an app");
            runtime.install(key(number), prepared);
        }
        let first = runtime.find(&key(1)).expect("installed");
        let live = |_| {
            let call = Call::new(Arc::new(execution(&key(1), &manifest)));
            Live::begin(&first.prepared, call).ok().expect("room")
        };
        let mut at_work: Vec<Live> = (0..INSTANCES_MAX).map(live).collect();
        let call = || runtime.execute(execution(&key(2), &manifest)).result;
        assert_eq!(call().expect_err("no room"), AppFault::Overloaded);
        first.kept().extend(at_work.pop());
        assert_eq!(call().expect("room").response.status, 200);
        assert_eq!(first.kept().len(), 0, "what only waited made room");
    }
}
