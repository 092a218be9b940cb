//! A watchdog over runs: a step that never returns ends the program, with the seed named.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One event may take so long. Usual are microseconds, on a busy machine milliseconds.
const EVENT_MAX: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The runs that are under way.
#[derive(Debug, Default)]
pub struct Watchdog {
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
    pub fn begin(&self, seed: u64, now: Instant) -> Arc<AtomicU64> {
        let pulse = Arc::new(AtomicU64::new(0));
        self.lock().push(Watched {
            seed,
            pulse: pulse.clone(),
            seen: (0, now),
        });
        pulse
    }

    /// The run of this seed has ended.
    pub fn end(&self, seed: u64) {
        self.lock().retain(|run| run.seed != seed);
    }

    /// The seed of a run that has stood still for too long, if there is one.
    fn stuck(&self, now: Instant) -> Option<u64> {
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
    pub fn watch(self: Arc<Self>, bark: impl FnOnce(u64) + Send + 'static) {
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                if let Some(seed) = self.stuck(Instant::now()) {
                    return bark(seed);
                }
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Watched>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_is_stuck_once_its_count_has_stood_still_for_too_long() {
        let (watchdog, began) = (Watchdog::default(), Instant::now());
        let [first, second] = [7, 8].map(|seed| watchdog.begin(seed, began));
        let after = |looks: u32| began + EVENT_MAX / 2 * looks;
        assert_eq!(watchdog.stuck(after(1)), None);
        first.fetch_add(1, Ordering::Relaxed);
        second.fetch_add(1, Ordering::Relaxed);
        assert_eq!(watchdog.stuck(after(2)), None);
        second.fetch_add(1, Ordering::Relaxed);
        assert_eq!(watchdog.stuck(after(4)), None, "exactly a minute is borne");
        assert_eq!(watchdog.stuck(after(5)), Some(7));
        watchdog.end(7);
        assert_eq!(watchdog.stuck(after(5)), None);
        assert_eq!(watchdog.stuck(after(7)), Some(8));
    }
}
