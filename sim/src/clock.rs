//! The two clocks of a host, as its operator may set them.
//!
//! Invariants
//! - the monotonic clock never goes back; the wall clock may show anything.

use synod_replica::Now;

/// The wall clock shows this (Unix milliseconds) when virtual time begins.
pub(crate) const START_MS: u64 = 1_800_000_000_000;
pub(crate) const PER_MILLE: u64 = 1000;
/// A clock runs at most so fast, in thousandths.
pub(crate) const RATE_MAX: u64 = 1250;

/// A host's clocks against virtual time.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// Ahead of or behind virtual time (milliseconds).
    offset_ms: i64,
    /// How fast both clocks run, in thousandths of virtual time.
    rate: u64,
    /// What the wall clock shows for as long as it stands still.
    frozen_ms: Option<u64>,
    /// Monotonic time at the last change of the rate, and the virtual time of that.
    base_ms: u64,
    base_us: u64,
}

impl Clock {
    /// A clock that shows virtual time, off by `offset_ms`.
    pub(crate) fn new(now_us: u64, offset_ms: i64) -> Self {
        Self {
            offset_ms,
            rate: PER_MILLE,
            frozen_ms: None,
            base_ms: now_us / 1000,
            base_us: now_us,
        }
    }

    /// What the replica sees.
    pub(crate) fn now(&self, now_us: u64) -> Now {
        let monotonic_ms = self.monotonic_ms(now_us);
        let wall_ms = self.frozen_ms.unwrap_or_else(|| {
            START_MS
                .saturating_add(monotonic_ms)
                .saturating_add_signed(self.offset_ms)
        });
        Now {
            wall_ms,
            monotonic_ms,
        }
    }

    /// Sets the wall clock off by so much from now on.
    pub(crate) fn jump(&mut self, offset_ms: i64) {
        self.offset_ms = offset_ms;
    }

    /// Both clocks run at `rate` thousandths from now on.
    pub(crate) fn drift(&mut self, now_us: u64, rate: u64) {
        assert!((1..=RATE_MAX).contains(&rate), "a monotonic clock runs");
        (self.base_ms, self.base_us) = (self.monotonic_ms(now_us), now_us);
        self.rate = rate;
    }

    /// The wall clock stands still from now on.
    pub(crate) fn freeze(&mut self, now_us: u64) {
        self.frozen_ms = Some(self.now(now_us).wall_ms);
    }

    /// The wall clock shows virtual time again, and both run with it.
    pub(crate) fn heal(&mut self, now_us: u64) {
        self.drift(now_us, PER_MILLE);
        self.frozen_ms = None;
        let (right_ms, shown_ms) = (now_us / 1000, self.base_ms);
        self.offset_ms = right_ms.checked_signed_diff(shown_ms).unwrap_or(0);
    }

    /// How long a span of this host's monotonic clock takes in virtual time.
    pub(crate) fn span_us(&self, span_ms: u64) -> u64 {
        (span_ms * 1000 * PER_MILLE / self.rate).max(1)
    }

    fn monotonic_ms(&self, now_us: u64) -> u64 {
        self.base_ms + now_us.saturating_sub(self.base_us) * self.rate / PER_MILLE / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, START_MS};

    #[test]
    fn monotonic_time_survives_every_change_and_a_healed_clock_is_right() {
        let mut clock = Clock::new(0, 0);
        clock.drift(1_000_000, 1250);
        clock.jump(-86_400_000);
        assert_eq!(clock.now(3_000_000).monotonic_ms, 3500);
        assert_eq!(clock.now(3_000_000).wall_ms, START_MS + 3500 - 86_400_000);
        clock.freeze(3_000_000);
        assert_eq!(clock.now(3_000_000), clock.now(3_000_000));
        let frozen = clock.now(3_000_000).wall_ms;
        assert_eq!(clock.now(9_000_000).wall_ms, frozen);
        let before = clock.now(9_000_000).monotonic_ms;
        clock.heal(9_000_000);
        let healed = clock.now(9_000_000);
        assert_eq!(
            (healed.monotonic_ms, healed.wall_ms),
            (before, START_MS + 9000)
        );
    }
}
