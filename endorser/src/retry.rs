//! When to ask again, and how long to wait before.
//!
//! Pure: the clock belongs to the caller. What is final and what passes is
//! decided by [`FetchError::passes`].

use crate::fetch_error::FetchError;

/// How often to ask, and how long to wait in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Questions at most, the first included.
    pub attempts_max: u32,
    /// Wait before the second question, in milliseconds; doubled each time.
    pub first_wait_ms: u64,
    /// Longest wait between two questions, in milliseconds.
    pub wait_max_ms: u64,
    /// Longest wait that a service may ask for (`Retry-After`), in
    /// milliseconds. If it asks for more, it is not waited for at all.
    pub asked_wait_max_ms: u64,
    /// Longest time for one answer with all its attempts, in milliseconds.
    pub total_max_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts_max: 4,
            first_wait_ms: 500,
            wait_max_ms: 8_000,
            asked_wait_max_ms: 30_000,
            total_max_ms: 120_000,
        }
    }
}

impl Retry {
    /// How long to wait before asking again, in milliseconds; `None` to give
    /// up. `attempts` have been made in `elapsed_ms`; the last failed with
    /// `error`; `chance` is any number.
    pub fn wait_ms(
        &self,
        error: &FetchError,
        attempts: u32,
        elapsed_ms: u64,
        chance: u64,
    ) -> Option<u64> {
        if !error.passes() || attempts >= self.attempts_max {
            return None;
        }
        let own = self.own_wait_ms(attempts, chance);
        let wait = match error.asked_wait_ms() {
            Some(asked) if asked > self.asked_wait_max_ms => return None,
            Some(asked) => asked.max(own),
            None => own,
        };
        (elapsed_ms.saturating_add(wait) < self.total_max_ms).then_some(wait)
    }

    /// Doubled with each attempt; the upper half of it is left to chance.
    fn own_wait_ms(&self, attempts: u32, chance: u64) -> u64 {
        let doublings = attempts.saturating_sub(1).min(32);
        let whole = self
            .first_wait_ms
            .saturating_mul(1 << doublings)
            .min(self.wait_max_ms);
        let half = whole / 2;
        half + chance % (whole - half + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: FetchError = FetchError::Unavailable { status: 503 };

    fn limited(seconds: u64) -> FetchError {
        FetchError::RateLimited {
            retry_after_s: Some(seconds),
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_jittered() {
        let retry = Retry {
            attempts_max: 10,
            ..Retry::default()
        };
        for (attempts, whole) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (9, 8000)] {
            for chance in [0, 1, 77_777, u64::MAX] {
                let wait = retry.wait_ms(&BUSY, attempts, 0, chance);
                let wait = wait.expect("there are attempts left");
                assert!((whole / 2..=whole).contains(&wait), "{attempts}: {wait}");
            }
        }
    }

    #[test]
    fn what_the_service_asks_for_is_waited() {
        assert_eq!(Retry::default().wait_ms(&limited(7), 1, 0, 5), Some(7000));
    }

    #[test]
    fn a_service_that_asks_for_too_long_is_not_waited_for() {
        assert_eq!(Retry::default().wait_ms(&limited(31), 1, 0, 5), None);
    }

    #[test]
    fn attempts_end() {
        assert_eq!(Retry::default().wait_ms(&BUSY, 4, 0, 5), None);
    }

    #[test]
    fn the_total_time_ends() {
        assert_eq!(Retry::default().wait_ms(&BUSY, 1, 119_999, 5), None);
    }

    #[test]
    fn final_answers_are_not_asked_for_again() {
        for error in [
            FetchError::NotFound,
            FetchError::Refused { status: 400 },
            FetchError::TooLong { bytes_max: 1 },
            FetchError::RedirectElsewhere { to: "x".to_owned() },
        ] {
            assert_eq!(Retry::default().wait_ms(&error, 1, 0, 0), None, "{error}");
        }
    }
}
