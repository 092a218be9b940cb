//! A watchdog over runs: a step that never returns ends the program, with the seed named.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One event may take so long. Usual are microseconds, on a busy machine milliseconds.
const EVENT_MAX: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The runs that are under way.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    runs: Mutex<Vec<Watched>>,
}

#[derive(Debug)]
struct Watched {
    seed: u64,
    pulse: Arc<AtomicU64>,
    /// The newest count, and since when it stands there.
    seen: (u64, Instant),
}

impl Watchdog {
    /// A run begins; gives what it counts its events with.
    pub(crate) fn begin(&self, seed: u64) -> Arc<AtomicU64> {
        let pulse = Arc::new(AtomicU64::new(0));
        self.lock().push(Watched {
            seed,
            pulse: pulse.clone(),
            seen: (0, Instant::now()),
        });
        pulse
    }

    /// The run of this seed has ended.
    pub(crate) fn end(&self, seed: u64) {
        self.lock().retain(|run| run.seed != seed);
    }

    /// The seed of a run that has stood still for too long, if there is one.
    pub(crate) fn stuck(&self) -> Option<u64> {
        let now = Instant::now();
        let mut runs = self.lock();
        runs.iter_mut().find_map(|run| {
            let count = run.pulse.load(Ordering::Relaxed);
            if count != run.seen.0 {
                run.seen = (count, now);
            }
            (now.duration_since(run.seen.1) > EVENT_MAX).then_some(run.seed)
        })
    }

    /// Looks from time to time, until a run stands still: then `bark` is called with its seed.
    pub(crate) fn watch(self: Arc<Self>, bark: impl FnOnce(u64) + Send + 'static) {
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                if let Some(seed) = self.stuck() {
                    return bark(seed);
                }
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Watched>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
