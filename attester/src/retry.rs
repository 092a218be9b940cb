//! Trying again what the kernel says is busy: boundedly, with pauses that double.

use std::{io, thread, time::Duration};

use crate::os_error::OsError;

/// How often a call is tried before it counts as busy for good.
pub const TRIES_MAX: u32 = 8;
/// The first pause; each further one is twice as long, so all of them together
/// take 1.27 s.
pub const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Lets time pass: the seam to the clock.
pub trait Pause: Send {
    /// Returns after about `length`.
    fn pause(&mut self, length: Duration);
}

/// Sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadPause;

impl Pause for ThreadPause {
    fn pause(&mut self, length: Duration) {
        thread::sleep(length);
    }
}

/// Tries `attempt` until it succeeds, fails for good, or was busy
/// [`TRIES_MAX`] times; then its last error is returned, which is still a
/// transient one.
pub(crate) fn with_retries<T>(
    pause: &mut dyn Pause,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Result<T, OsError> {
    let mut length = FIRST_PAUSE;
    for _ in 1..TRIES_MAX {
        match attempt().map_err(OsError::from) {
            Err(error) if error.is_transient() => pause.pause(length),
            done => return done,
        }
        length *= 2;
    }
    attempt().map_err(OsError::from)
}
