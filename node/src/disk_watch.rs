//! Whether the disk takes writes, told in one order: it refuses, it hangs, it takes them again.
//!
//! A write or a sync that does not return holds up the disk thread itself, so another thread looks
//! at it from beside.
//!
//! Invariants
//! - both threads tell under one lock, so whoever listens hears what happened in the order in which
//!   it happened;
//! - that the disk takes no writes is told once, whether it refuses or hangs, and once that it
//!   takes them again;
//! - a hang ends when the call returns; what the call returned then decides.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::disk_trouble::DiskTrouble;
use synod_identity::log;

/// A call that has not returned for so long hangs. Busy disks of virtual machines take a second or
/// two for a sync now and then, and the price of a false alarm is a change of leader.
pub(crate) const HANG_MAX: Duration = Duration::from_secs(5);
/// The disk thread is looked at so many times within the longest time that a call may take.
const LOOKS: u32 = 5;

/// What is told of the disk thread's work; shared between that thread and the one that watches it.
pub(crate) struct DiskWatch<F> {
    trouble: DiskTrouble,
    hang_max: Duration,
    tell: F,
    state: Mutex<State>,
}

/// What calls of the disk came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything that was handed over is durable.
    Durable,
    /// Everything is with the system. Whether the disk takes it is seen at the next sync.
    Written,
    /// The disk refused, or the files are not at their place.
    Failed(std::io::Error),
}

#[derive(Default)]
struct State {
    /// When the call that is under way began.
    began: Option<Instant>,
    /// Whether that call was told to hang.
    hangs: bool,
    /// Whether calls failed, or hung, and nothing was durable since.
    refuses: bool,
}

impl<F: Fn(bool)> DiskWatch<F> {
    /// Tells whether the disk takes no writes through `tell`, and why through `trouble`.
    pub(crate) fn new(trouble: DiskTrouble, hang_max: Duration, tell: F) -> Arc<Self> {
        Arc::new(Self {
            trouble,
            hang_max,
            tell,
            state: Mutex::default(),
        })
    }

    /// Calls of the disk begin.
    pub(crate) fn begin(&self, now: Instant) {
        self.state().began = Some(now);
    }

    /// They returned, with this. `settled` is called first, under the same lock, where all is
    /// durable.
    pub(crate) fn end(&self, outcome: &Outcome, settled: impl FnOnce()) {
        let mut state = self.state();
        let told = state.hangs || state.refuses;
        state.began = None;
        if std::mem::take(&mut state.hangs) {
            log::info("disk", "the call that hung has returned");
        }
        match outcome {
            Outcome::Durable => {
                settled();
                state.refuses = false;
                if told {
                    self.trouble.set(None);
                    log::info("disk", "the disk takes writes again");
                    (self.tell)(false);
                }
            }
            Outcome::Written => state.refuses = told,
            Outcome::Failed(error) => {
                self.trouble.set(Some(error.to_string()));
                if !std::mem::replace(&mut state.refuses, true) {
                    log::error(
                        "disk",
                        format_args!(
                            "the disk refuses writes, they are kept and tried again: {error}"
                        ),
                    );
                }
                if !told {
                    (self.tell)(true);
                }
            }
        }
    }

    /// Looks at the disk thread until `ends` is dropped.
    pub(crate) fn watch(&self, ends: &Receiver<()>) {
        while ends.recv_timeout(self.hang_max / LOOKS) == Err(RecvTimeoutError::Timeout) {
            self.look(Instant::now());
        }
    }

    fn look(&self, now: Instant) {
        let mut state = self.state();
        let long = |began| now.saturating_duration_since(began) >= self.hang_max;
        if state.hangs || !state.began.is_some_and(long) {
            return;
        }
        state.hangs = true;
        let seconds = self.hang_max.as_secs_f32();
        let why = format!("a write or a sync has not returned for {seconds} s");
        log::error("disk", format_args!("the disk hangs: {why}"));
        self.trouble.set(Some(why));
        if !state.refuses {
            (self.tell)(true);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::sync::mpsc::channel;

    use super::*;

    type Watch = Arc<DiskWatch<Box<dyn Fn(bool)>>>;

    fn watch() -> (Watch, DiskTrouble, Receiver<bool>) {
        let (told, tidings) = channel();
        let trouble = DiskTrouble::default();
        let tell: Box<dyn Fn(bool)> = Box::new(move |full| told.send(full).unwrap());
        let watch = DiskWatch::new(trouble.clone(), HANG_MAX, tell);
        (watch, trouble, tidings)
    }

    fn refused() -> Outcome {
        Outcome::Failed(Error::from(ErrorKind::StorageFull))
    }

    #[test]
    fn a_call_that_does_not_return_is_told_once_and_its_return_ends_it() {
        let (watch, trouble, tidings) = watch();
        let began = Instant::now();
        watch.begin(began);
        watch.look(began + HANG_MAX / 2);
        assert_eq!(trouble.now(), None, "it may still return");
        watch.look(began + HANG_MAX);
        watch.look(began + HANG_MAX * 3);
        let why = trouble.now().expect("a reason");
        assert!(why.contains("has not returned for 5 s"), "{why}");
        watch.end(&Outcome::Durable, || {});
        assert_eq!(trouble.now(), None);
        watch.look(began + HANG_MAX * 9);
        assert_eq!(tidings.try_iter().collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_hang_that_ends_in_an_error_goes_on_as_one_trouble() {
        let (watch, trouble, tidings) = watch();
        let began = Instant::now();
        watch.begin(began);
        watch.look(began + HANG_MAX);
        watch.end(&refused(), || panic!("nothing is settled"));
        let why = Error::from(ErrorKind::StorageFull).to_string();
        assert_eq!(trouble.now(), Some(why));
        watch.begin(began);
        watch.look(began + HANG_MAX);
        watch.end(&refused(), || panic!("nothing is settled"));
        watch.begin(began);
        watch.end(&Outcome::Durable, || {});
        assert_eq!(trouble.now(), None);
        assert_eq!(tidings.try_iter().collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_hang_is_over_only_once_everything_is_durable() {
        let (watch, trouble, tidings) = watch();
        let began = Instant::now();
        watch.begin(began);
        watch.look(began + HANG_MAX);
        watch.end(&Outcome::Written, || panic!("nothing is settled"));
        assert!(trouble.now().is_some());
        assert_eq!(tidings.try_iter().collect::<Vec<_>>(), [true]);
        watch.begin(began);
        watch.end(&Outcome::Durable, || {});
        assert_eq!(trouble.now(), None);
        assert_eq!(tidings.try_iter().collect::<Vec<_>>(), [false]);
    }

    #[test]
    fn calls_that_return_in_time_and_rest_between_them_are_no_hang() {
        let (watch, trouble, tidings) = watch();
        let began = Instant::now();
        watch.begin(began);
        watch.end(&Outcome::Durable, || {});
        watch.look(began + HANG_MAX * 9);
        watch.begin(began + HANG_MAX * 9);
        watch.look(began + HANG_MAX * 9);
        assert_eq!(trouble.now(), None);
        assert_eq!(tidings.try_iter().count(), 0);
    }
}
