//! The threads that run apps, beside the one that orders: some execute calls, one compiles, one
//! lets time pass.
//!
//! Invariants
//! - a call that runs for ever, or panics in our own code, holds up one thread for a bounded time
//!   and nobody else;
//! - one app takes all threads but one at most, and apps that wait take turns;
//! - every execution and every compilation is reported exactly once.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use synod_governance::app::AppName;
use synod_replica::app::{AppFault, AppKey, Compile, CompileFault, Compiled, Executed, Execution};

use synod_identity::{log, spawn_critical};

/// The name of the threads that run what others wrote.
const EXECUTOR: &str = "executor";
/// How much lower than the others the compiling thread stands in the system's queue.
const COMPILER_NICENESS: i32 = 10;

/// Compiles components and executes calls: `runtime`, or what stands for it in a test.
pub(crate) trait Engine: Send + Sync + 'static {
    /// The stack that a thread needs that executes, in bytes.
    const STACK_BYTES: usize;
    /// How long an epoch lasts; calls end after a number of them.
    const TICK: Duration;

    /// Compiles a component, to be executed from then on.
    ///
    /// # Errors
    /// Why it cannot run here; a sentence for the operator.
    fn provide(&self, compile: &Compile) -> Result<(), CompileFault>;
    /// Executes one call to its end.
    fn execute(&self, execution: Execution) -> Executed;
    /// Lets an epoch pass.
    fn tick(&self);
}

/// What the threads report.
#[derive(Debug)]
pub(crate) enum Report {
    /// A call came to its end.
    Executed(Executed),
    /// A component was compiled, or cannot be.
    Compiled(Compiled),
}

/// The threads; they end when this is dropped, each after what it does now.
#[derive(Debug)]
pub(crate) struct Executors {
    shared: Arc<Shared>,
    compilations: Sender<Compile>,
}

/// What was done so far, and what waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExecutorCounts {
    /// Calls that wait for a thread.
    pub(crate) waiting: u64,
    /// Calls that a thread executes.
    pub(crate) running: u64,
    /// Panics of our own code while it executed or compiled.
    pub(crate) panics: u64,
    /// Components compiled, or refused.
    pub(crate) compilations: u64,
    /// Milliseconds that this took, all together.
    pub(crate) compile_ms: u64,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something waits that may be taken, or all is over.
    work: Condvar,
    /// Something runs, or all is over.
    busy: Condvar,
    panics: AtomicU64,
    compilations: AtomicU64,
    compile_ms: AtomicU64,
}

/// Looks at what the threads did.
#[derive(Debug, Clone)]
pub(crate) struct Counted(Arc<Shared>);

impl Executors {
    /// Starts `threads` executors, a compiler and a ticker.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub(crate) fn start<E: Engine>(
        engine: &Arc<E>,
        threads: usize,
        report: impl Fn(Report) + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
        hide_what_panics_say();
        let shared = Arc::new(Shared::default());
        shared.lock().per_app_max = threads.saturating_sub(1).max(1);
        let (compilations, to_compile) = channel();
        for _ in 0..threads {
            let (engine, shared, report) = (engine.clone(), shared.clone(), report.clone());
            Builder::new()
                .name(EXECUTOR.to_owned())
                .stack_size(E::STACK_BYTES)
                .spawn(move || execute_all(&*engine, &shared, &report))?;
        }
        let (compiler, counts) = (engine.clone(), shared.clone());
        spawn_critical("compiler", move || {
            compile_all(&*compiler, &counts, &to_compile, &report);
        })?;
        let (engine, ticks) = (engine.clone(), shared.clone());
        spawn_critical("ticker", move || let_time_pass(&*engine, &ticks))?;
        Ok(Self {
            shared,
            compilations,
        })
    }

    /// Has calls executed, in turns between apps. The replica bounds how many are under way.
    pub(crate) fn execute(&self, executions: Vec<Execution>) {
        let mut queue = self.shared.lock();
        for execution in executions {
            queue.add(execution);
            self.shared.work.notify_one();
        }
    }

    /// Has components compiled, one after another.
    pub(crate) fn compile(&self, compilations: Vec<Compile>) {
        for compile in compilations {
            // The thread lives as long as this does: its end is the end of the process.
            let _ = self.compilations.send(compile);
        }
    }

    /// Where to look at what was done.
    pub(crate) fn counted(&self) -> Counted {
        Counted(self.shared.clone())
    }
}

impl Drop for Executors {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        self.shared.busy.notify_all();
    }
}

impl Counted {
    /// What was done so far.
    pub(crate) fn look(&self) -> ExecutorCounts {
        let (waiting, running) = {
            let queue = self.0.lock();
            (queue.waiting(), queue.running as u64)
        };
        ExecutorCounts {
            waiting,
            running,
            panics: self.0.panics.load(Ordering::Relaxed),
            compilations: self.0.compilations.load(Ordering::Relaxed),
            compile_ms: self.0.compile_ms.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that could panic runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call; None when all is over.
    fn next(&self) -> Option<Execution> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(execution) = queue.take() {
                self.busy.notify_one();
                return Some(execution);
            }
            let woken = self.work.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, app: &AppName) {
        self.lock().done(app);
        // An app that had all its threads may have one again.
        self.work.notify_one();
    }
}

/// Calls that wait, by app.
#[derive(Debug, Default)]
struct Queue {
    lanes: BTreeMap<AppName, Lane>,
    /// The apps of which calls wait, each once, the next one first.
    turns: VecDeque<AppName>,
    /// Calls that threads execute, of all apps.
    running: usize,
    /// Threads that one app may have.
    per_app_max: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Execution>,
    running: usize,
}

impl Queue {
    fn add(&mut self, execution: Execution) {
        let app = execution.app.name.clone();
        let lane = self.lanes.entry(app.clone()).or_default();
        if lane.waiting.is_empty() {
            self.turns.push_back(app);
        }
        lane.waiting.push_back(execution);
    }

    /// The first call of the first app that may have another thread.
    fn take(&mut self) -> Option<Execution> {
        for _ in 0..self.turns.len() {
            let app = self.turns.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&app) else {
                continue;
            };
            let taken = if lane.running < self.per_app_max {
                lane.waiting.pop_front()
            } else {
                None
            };
            if taken.is_some() {
                lane.running += 1;
                self.running += 1;
            }
            if !lane.waiting.is_empty() {
                self.turns.push_back(app);
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    fn done(&mut self, app: &AppName) {
        self.running = self.running.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(app) {
            lane.running = lane.running.saturating_sub(1);
            if lane.running == 0 && lane.waiting.is_empty() {
                self.lanes.remove(app);
            }
        }
    }

    fn waiting(&self) -> u64 {
        self.lanes
            .values()
            .map(|lane| lane.waiting.len() as u64)
            .sum()
    }
}

fn execute_all<E: Engine>(engine: &E, shared: &Shared, report: &impl Fn(Report)) {
    while let Some(execution) = shared.next() {
        let (id, app) = (execution.id, execution.app.name.clone());
        // What a panic leaves behind belongs to this call alone: the engine gives each its own
        // instance.
        let ended = catch_unwind(AssertUnwindSafe(|| engine.execute(execution)));
        let executed = ended.unwrap_or_else(|_| {
            shared.panics.fetch_add(1, Ordering::Relaxed);
            log::error(
                "apps",
                format_args!("a call of `{app}` failed in our own code"),
            );
            let result = Err(AppFault::Trapped);
            Executed { id, result }
        });
        shared.done(&app);
        report(Report::Executed(executed));
    }
}

fn compile_all<E: Engine>(
    engine: &E,
    shared: &Shared,
    to_compile: &Receiver<Compile>,
    report: &impl Fn(Report),
) {
    stand_back();
    while let Ok(compile) = to_compile.recv() {
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| engine.provide(&compile)));
        let result = ended.unwrap_or_else(|_| {
            shared.panics.fetch_add(1, Ordering::Relaxed);
            Err(CompileFault::Refused("compiler-failed"))
        });
        let took_ms = begun.elapsed().as_millis() as u64;
        shared.compilations.fetch_add(1, Ordering::Relaxed);
        shared.compile_ms.fetch_add(took_ms, Ordering::Relaxed);
        tell(&compile, &result, took_ms);
        let app = compile.app;
        report(Report::Compiled(Compiled { app, result }));
    }
}

/// The host's log has the digest of the component and a code. What the compiler says may quote the
/// component.
fn tell(compile: &Compile, result: &Result<(), CompileFault>, took_ms: u64) {
    let AppKey {
        name,
        number,
        component,
    } = &compile.app;
    match result {
        Ok(()) => log::info(
            "apps",
            format_args!("compiled `{name}` number {number} in {took_ms} ms"),
        ),
        Err(fault) => log::warn(
            "apps",
            format_args!("cannot compile `{name}` number {number}, component {component}: {fault}"),
        ),
    }
}

/// Epochs pass only while something runs: an idle node wakes for nothing.
fn let_time_pass<E: Engine>(engine: &E, shared: &Shared) {
    let mut queue = shared.lock();
    loop {
        if queue.closed {
            return;
        }
        if queue.running == 0 {
            let woken = shared.busy.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(queue);
        std::thread::sleep(E::TICK);
        engine.tick();
        queue = shared.lock();
    }
}

/// Lets the other threads of this process go first.
fn stand_back() {
    let this = rustix::thread::gettid();
    // Where the system does not allow it, compiling is as good as the others.
    let _ = rustix::process::setpriority_process(Some(this), COMPILER_NICENESS);
}

/// Threads that hold private state: those that execute and compile apps, the one that orders, and
/// those that speak with callers.
const PRIVATE_THREADS: [&str; 4] = [EXECUTOR, "compiler", "consensus", "tokio-rt-worker"];

/// A panic's message could hold what an app or a caller works on, and standard error is the host's:
/// of threads that hold private state only the place is told.
fn hide_what_panics_say() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            if !PRIVATE_THREADS.contains(&name) {
                before(panic);
            } else if let Some(place) = panic.location() {
                log::error(
                    "node",
                    format_args!("the thread `{name}` panicked at {place}"),
                );
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::RecvTimeoutError;

    use synod_crypto::Digest;
    use synod_governance::app::{AppManifest, CallerIdentity};
    use synod_ledger::TxId;
    use synod_replica::app::{AppKey, ExecutionId, Task};
    use synod_replica::state::StateHandle;

    use super::*;

    /// Executes `slow` until it is released, panics over `broken`, and does all else at once.
    #[derive(Default)]
    struct Scripted {
        released: Mutex<bool>,
        release: Condvar,
        ticks: AtomicU64,
    }

    impl Engine for Scripted {
        const STACK_BYTES: usize = 256 * 1024;
        const TICK: Duration = Duration::from_millis(1);

        fn provide(&self, compile: &Compile) -> Result<(), CompileFault> {
            assert_ne!(compile.app.name.as_str(), "broken", "a component of ours");
            Ok(())
        }

        fn execute(&self, execution: Execution) -> Executed {
            assert_ne!(execution.app.name.as_str(), "broken", "a call of ours");
            if execution.app.name.as_str() == "slow" {
                let released = self.released.lock().unwrap();
                let all = self.release.wait_while(released, |released| !*released);
                drop(all.unwrap());
            }
            let (id, result) = (execution.id, Err(AppFault::NotInstalled));
            Executed { id, result }
        }

        fn tick(&self) {
            self.ticks.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Scripted {
        fn release(&self) {
            *self.released.lock().unwrap() = true;
            self.release.notify_all();
        }
    }

    struct Bench {
        engine: Arc<Scripted>,
        executors: Executors,
        reports: Receiver<Report>,
    }

    impl Bench {
        fn new(threads: usize) -> Self {
            let engine = Arc::new(Scripted::default());
            let (sender, reports) = channel();
            let report = move |report| sender.send(report).expect("the test listens");
            let executors = Executors::start(&engine, threads, report).expect("threads");
            Self {
                engine,
                executors,
                reports,
            }
        }

        fn execute(&self, app: &str, ids: impl IntoIterator<Item = u64>) {
            let executions = ids.into_iter().map(|id| execution(app, id));
            self.executors.execute(executions.collect());
        }

        /// The next execution that ended, and whether it trapped.
        fn ended(&self) -> (u64, bool) {
            match self.reports.recv_timeout(Duration::from_secs(10)) {
                Ok(Report::Executed(executed)) => {
                    let trapped = matches!(executed.result, Err(AppFault::Trapped));
                    (number(executed.id), trapped)
                }
                other => panic!("no execution ended: {other:?}"),
            }
        }
    }

    fn manifest(app: &str) -> Arc<AppManifest> {
        let text = format!(
            "name = \"{app}\"\nversion = \"1\"\ncomponent = \"c.wasm\"\nimports = []\n\
             [[routes]]\npath = \"/x\"\nwho = [\"any\"]\n"
        );
        Arc::new(AppManifest::from_toml(&text).expect("a manifest"))
    }

    fn key(app: &str) -> AppKey {
        AppKey {
            name: AppName::new(app).expect("a name"),
            number: 1,
            component: Digest::ZERO,
        }
    }

    fn number(id: ExecutionId) -> u64 {
        match id {
            ExecutionId::Call(number) | ExecutionId::Preparation(number) => number,
        }
    }

    fn execution(app: &str, id: u64) -> Execution {
        Execution {
            id: ExecutionId::Call(id),
            app: key(app),
            manifest: manifest(app),
            task: Task::Init,
            caller: CallerIdentity::service(),
            state: StateHandle::default(),
            snapshot: 0,
            tx: TxId { view: 1, seqno: 1 },
            time_ms: 0,
            seed: [0; 32],
            read_only: false,
        }
    }

    #[test]
    fn app_whose_calls_never_end_leaves_a_thread_for_others() {
        let bench = Bench::new(3);
        bench.execute("slow", 0..20);
        for id in 100..110 {
            bench.execute("quick", [id]);
            assert_eq!(bench.ended(), (id, false));
        }
        let counts = bench.executors.counted().look();
        assert_eq!((counts.running, counts.waiting), (2, 18));
        bench.engine.release();
        let mut ended: Vec<_> = (0..20).map(|_| bench.ended().0).collect();
        ended.sort_unstable();
        assert_eq!(ended, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn apps_that_wait_take_turns() {
        let mut queue = Queue {
            per_app_max: 9,
            ..Queue::default()
        };
        for id in 0..4 {
            queue.add(execution("a", id));
        }
        queue.add(execution("b", 10));
        queue.add(execution("b", 11));
        let order: Vec<_> = std::iter::from_fn(|| queue.take())
            .map(|execution| number(execution.id))
            .collect();
        assert_eq!(order, [0, 10, 1, 11, 2, 3]);
        for app in ["a", "a", "a", "a", "b", "b"] {
            queue.done(&AppName::new(app).expect("a name"));
        }
        assert!(queue.lanes.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn panic_is_reported_as_a_trap_and_the_threads_go_on() {
        let bench = Bench::new(2);
        bench.execute("broken", 0..10);
        for _ in 0..10 {
            assert!(bench.ended().1);
        }
        bench.execute("quick", [10]);
        assert_eq!(bench.ended(), (10, false));
        let compile = |app| Compile {
            app: key(app),
            manifest: manifest(app),
            component: Vec::new(),
        };
        bench
            .executors
            .compile(vec![compile("broken"), compile("quick")]);
        for good in [false, true] {
            let report = bench.reports.recv_timeout(Duration::from_secs(10));
            let Ok(Report::Compiled(compiled)) = report else {
                panic!("{report:?}")
            };
            assert_eq!(compiled.result.is_ok(), good);
        }
        assert_eq!(bench.executors.counted().look().panics, 11);
    }

    #[test]
    fn time_passes_only_while_something_runs() {
        let bench = Bench::new(2);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(bench.engine.ticks.load(Ordering::Relaxed), 0);
        bench.execute("slow", [1]);
        while bench.engine.ticks.load(Ordering::Relaxed) < 5 {
            std::thread::yield_now();
        }
        bench.engine.release();
        bench.ended();
        std::thread::sleep(Duration::from_millis(20));
        let then = bench.engine.ticks.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(bench.engine.ticks.load(Ordering::Relaxed), then);
    }

    #[test]
    fn threads_end_with_their_owner() {
        let bench = Bench::new(2);
        drop(bench.executors);
        let ended = bench.reports.recv_timeout(Duration::from_secs(10));
        assert_eq!(ended.unwrap_err(), RecvTimeoutError::Disconnected);
    }
}
