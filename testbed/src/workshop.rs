//! Where components are compiled and calls of apps executed: the runtime that replicas use, with a
//! clock of its own.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use synod_component::TICK_MS;
use synod_crypto::Digest;
use synod_replica::app::{AppFault, AppKey, Compile, Compiled, Executed, Execution};
use synod_runtime::{EXECUTOR_STACK_BYTES, LogLine, LogOrigin, LogSink, Runtime, compile_fault};

use crate::error::TestbedError;

/// Lines of apps that are kept until they are taken; later ones are dropped.
const LINES_MAX: usize = 10_000;

/// A runtime that many synods can use, one after the other: what it compiled, it need not compile
/// again.
#[derive(Clone)]
pub struct Workshop {
    runtime: Arc<Runtime>,
    lines: Lines,
    /// What is installed, with the digest of the manifest under which it was compiled.
    installed: Arc<Mutex<BTreeMap<AppKey, Digest>>>,
}

/// The lines that apps wrote.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl LogSink for Lines {
    fn take(&self, _origin: LogOrigin, lines: Vec<LogLine>) {
        let mut all = held(&self.0);
        let room = LINES_MAX.saturating_sub(all.len());
        let told = lines.into_iter().map(|line| {
            let by = if line.of_host { "host" } else { "app" };
            format!("{by} {}: {}", line.level.name(), line.text)
        });
        all.extend(told.take(room));
    }
}

impl Workshop {
    /// Starts the runtime.
    ///
    /// # Errors
    /// [`TestbedError::Engine`].
    pub fn new() -> Result<Self, TestbedError> {
        let lines = Lines::default();
        let runtime = Runtime::new(Arc::new(lines.clone()))
            .map_err(|error| TestbedError::Engine(error.to_string()))?;
        Ok(Self {
            runtime: Arc::new(runtime),
            lines,
            installed: Arc::default(),
        })
    }

    /// The lines that apps have written since they were last taken.
    pub fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut held(&self.lines.0))
    }

    /// Compiles what a replica asks for, unless that was done before.
    pub(crate) fn compile(&self, compile: &Compile) -> Compiled {
        let (app, manifest) = (compile.app.clone(), compile.manifest.digest());
        if held(&self.installed).get(&app) == Some(&manifest) {
            return Compiled {
                app,
                result: Ok(()),
            };
        }
        let result = self
            .runtime
            .provide(compile)
            .map_err(|error| compile_fault(&error));
        if result.is_ok() {
            held(&self.installed).insert(app.clone(), manifest);
        }
        Compiled { app, result }
    }

    /// Executes a call on a thread of its own, and lets epochs pass until it has ended.
    pub(crate) fn execute(&self, execution: Execution) -> Executed {
        let id = execution.id;
        let runtime = Arc::clone(&self.runtime);
        let (done, end) = mpsc::channel();
        let executor = thread::Builder::new()
            .stack_size(EXECUTOR_STACK_BYTES)
            .spawn(move || {
                // Whoever waits for it has not gone away: it is the thread below.
                let _ = done.send(runtime.execute(execution));
            });
        let overloaded = || Executed {
            id,
            result: Err(AppFault::Overloaded),
        };
        if executor.is_err() {
            return overloaded();
        }
        loop {
            match end.recv_timeout(Duration::from_millis(TICK_MS)) {
                Ok(executed) => return executed,
                Err(RecvTimeoutError::Timeout) => self.runtime.tick(),
                Err(RecvTimeoutError::Disconnected) => return overloaded(),
            }
        }
    }
}

/// What a lock holds; a thread that failed while it held it has done no harm to it.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
