//! The engine that runs apps, and where their lines go.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synod_api::{AppLogLine, TxId};
use synod_component::{ComponentError, EngineError, TICK_MS};
use synod_governance::app::AppName;
use synod_replica::app::{AppKey, Compile, CompileFault, Executed, Execution};
use synod_runtime::{
    EXECUTOR_STACK_BYTES, LogLine, LogOrigin, LogSink, Runtime, RuntimeCounts, compile_fault,
    cut_log_line,
};

use crate::app_logs::AppLogs;
use crate::executors::Engine;
use synod_identity::now_ms;

/// The engine of this node.
pub(crate) struct AppEngine {
    runtime: Runtime,
    logs: Arc<AppLogs>,
    provided: Mutex<BTreeSet<AppKey>>,
}

impl AppEngine {
    /// Starts the engine; lines of apps go to `logs`.
    ///
    /// # Errors
    /// [`EngineError`]: this machine cannot run apps.
    pub(crate) fn new(logs: Arc<AppLogs>) -> Result<Self, EngineError> {
        Ok(Self {
            runtime: Runtime::new(Arc::new(Sink(logs.clone())))?,
            logs,
            provided: Mutex::default(),
        })
    }

    /// What was done so far.
    pub(crate) fn counts(&self) -> RuntimeCounts {
        self.runtime.counts()
    }

    /// Forgets the versions of which none follows: those before the oldest that `oldest` names of
    /// an app, but for the one right before it, of which calls may still wait. Calls that are under
    /// way go on.
    pub(crate) fn forget_old(&self, oldest: impl Fn(&AppName) -> Option<u64>) {
        let mut provided = self.lock();
        let old = |app: &AppKey| oldest(&app.name).is_none_or(|oldest| app.number < oldest);
        // Keys are ordered by name, then by number: whatever old one is followed by another old one
        // is gone for good.
        let gone: Vec<AppKey> = provided
            .iter()
            .filter(|app| old(app))
            .filter(|app| {
                let next = provided.range((Excluded(*app), Unbounded)).next();
                let followed = next.is_some_and(|next| next.name == app.name && old(next));
                followed || oldest(&app.name).is_none()
            })
            .cloned()
            .collect();
        for app in gone {
            self.runtime.uninstall(&app);
            provided.remove(&app);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<AppKey>> {
        self.provided.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for AppEngine {
    const STACK_BYTES: usize = EXECUTOR_STACK_BYTES;
    const TICK: Duration = Duration::from_millis(TICK_MS);

    fn provide(&self, compile: &Compile) -> Result<(), CompileFault> {
        if let Err(error) = self.runtime.provide(compile) {
            self.logs.add(&compile.app.name, [refusal(compile, &error)]);
            return Err(compile_fault(&error));
        }
        self.lock().insert(compile.app.clone());
        Ok(())
    }

    fn execute(&self, execution: Execution) -> Executed {
        self.runtime.execute(execution)
    }

    fn tick(&self) {
        self.runtime.tick();
    }
}

/// What the compiler said, for those who may read the app's log: it may quote the component.
fn refusal(compile: &Compile, error: &ComponentError) -> AppLogLine {
    AppLogLine {
        line: 0,
        time_ms: now_ms(),
        number: compile.app.number,
        route: "compile".to_owned(),
        // No transaction compiles.
        transaction_id: TxId { view: 0, seqno: 0 },
        level: "error".to_owned(),
        of_host: true,
        message: cut_log_line(&error.to_string()),
    }
}

/// Takes lines into this node's memory, and nowhere else.
struct Sink(Arc<AppLogs>);

impl LogSink for Sink {
    fn take(&self, origin: LogOrigin, lines: Vec<LogLine>) {
        let line = |line: LogLine| AppLogLine {
            line: 0,
            time_ms: origin.time_ms,
            number: origin.app.number,
            route: origin.route.clone(),
            transaction_id: TxId {
                view: origin.view,
                seqno: origin.seqno,
            },
            level: line.level.name().to_owned(),
            of_host: line.of_host,
            message: line.text,
        };
        self.0.add(&origin.app.name, lines.into_iter().map(line));
    }
}
