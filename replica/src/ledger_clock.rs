//! A replica's part in the ledger's clock: what it reads, and what it was told by others.
//!
//! The host sets the wall clock, so a reading never follows it at once. A replica keeps an
//! *estimate* of the time that runs with its monotonic clock and is steered towards the wall clock:
//! never faster than [`FASTEST`] times the monotonic clock, never slower than the [`SLOWEST`]th
//! part of it. A reading is the earlier one of estimate and wall clock.
//!
//! A certified block whose time moved was timed by a majority of the voters. It corrects the
//! estimate: no earlier than that time, no later than [`LEAD_MAX_MS`] after it. The allowance is
//! needed: under load the newest certified block is some milliseconds old, and readings that began
//! at its time would never get ahead of the ledger.
//!
//! Invariants
//! - the estimate gains at most `FASTEST` × what the monotonic clock has run, wherever the wall
//!   clock jumps;
//! - a reading is never later than the newest certified time + `LEAD_MAX_MS` + `FASTEST` × what the
//!   monotonic clock has run since that time was certified here;
//! - one reading of each voter is kept, its newest, for as long as a block may use it.

use std::collections::BTreeMap;

use synod_crypto::{Digest, SigningKey};
use synod_ledger::{ClockReading, Head, VerifiedClockReading, WINDOW};
use synod_mutation::mutation;

/// A look at this machine's two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, Unix milliseconds. The host may set it to anything.
    pub wall_ms: u64,
    /// Milliseconds since any fixed moment. Never goes back, and nobody sets it.
    pub monotonic_ms: u64,
}

/// The estimate runs at most so many times as fast as the monotonic clock.
pub const FASTEST: u64 = 2;
/// And at least so many times slower.
pub const SLOWEST: u64 = 2;
/// The estimate is at most this far ahead of the newest certified time when that is learnt
/// (milliseconds).
pub const LEAD_MAX_MS: u64 = 2000;
/// A ledger that is further than this behind the wall clock is an alarm (milliseconds).
pub const BEHIND_MAX_MS: u64 = 2000;
/// But only once it has been so for this long, over blocks with transactions (milliseconds of the
/// monotonic clock).
const BEHIND_FOR_MS: u64 = 1000;
/// A replica reads its clock for the ledger this often (milliseconds of the monotonic clock),
const READING_EVERY_MS: u64 = 100;
/// or when its newest reading names a block that so many others have followed: it can soon not be
/// used any more.
const READING_EVERY_BLOCKS: u64 = WINDOW as u64 / 4;

/// Clock, estimate, and the readings at hand.
#[derive(Debug)]
pub(crate) struct LedgerClock {
    now: Now,
    /// The estimate, and the monotonic time for which it was made.
    estimate_ms: u64,
    estimated_at_ms: u64,
    /// The newest certified block that was looked at.
    certified: Head,
    /// When this replica last read its clock, and the index of the block that the reading names.
    last_reading: Option<(u64, u64)>,
    /// The newest reading of each voter; a leader's.
    readings: BTreeMap<u64, VerifiedClockReading>,
    /// How far behind the wall clock the newest certified block was when it came.
    behind_ms: u64,
    /// Since when blocks with transactions are too far behind.
    behind_since_ms: Option<u64>,
    alarm: bool,
}

impl LedgerClock {
    /// Begins at the newest certified block.
    pub(crate) fn new(certified: Head, now: Now) -> Self {
        Self {
            now,
            estimate_ms: certified.time_ms,
            estimated_at_ms: now.monotonic_ms,
            certified,
            last_reading: None,
            readings: BTreeMap::new(),
            behind_ms: 0,
            behind_since_ms: None,
            alarm: false,
        }
    }

    /// Looks at the clocks.
    pub(crate) fn look(&mut self, now: Now) {
        self.now = Now {
            wall_ms: now.wall_ms,
            monotonic_ms: now.monotonic_ms.max(self.now.monotonic_ms),
        };
        let ran = self.now.monotonic_ms - self.estimated_at_ms;
        // Less cannot be divided.
        if ran >= SLOWEST {
            let slowest = self.estimate_ms.saturating_add(ran / SLOWEST);
            let fastest = self.estimate_ms.saturating_add(ran.saturating_mul(FASTEST));
            self.estimate_ms = if mutation!("reading-follows-the-wall") {
                now.wall_ms
            } else {
                now.wall_ms.clamp(slowest, fastest)
            };
            self.estimated_at_ms = self.now.monotonic_ms;
        }
    }

    /// Takes note of the newest certified block; `level` says whether it is about the newest that
    /// there is, and not one that a replica takes up which fell behind. True if the ledger begins
    /// or ends to be too far behind.
    pub(crate) fn certified(&mut self, head: &Head, level: bool) -> bool {
        if head.index <= self.certified.index {
            return false;
        }
        if head.time_ms > self.certified.time_ms {
            let latest = head.time_ms.saturating_add(LEAD_MAX_MS);
            if !mutation!("reading-follows-the-wall") {
                self.estimate_ms = self.estimate_ms.clamp(head.time_ms, latest);
            }
        }
        let carries = head.tree_size > self.certified.tree_size;
        self.certified = *head;
        self.judge_lag(carries, level)
    }

    /// An empty block may end the alarm but not begin it: the time of an idle ledger stands still.
    /// Nor do old blocks.
    fn judge_lag(&mut self, carries_transactions: bool, level: bool) -> bool {
        let now_ms = self.now.monotonic_ms;
        self.behind_ms = self.now.wall_ms.saturating_sub(self.certified.time_ms);
        let counts = level || self.alarm;
        if self.behind_ms <= BEHIND_MAX_MS || !counts {
            self.behind_since_ms = None;
        } else if carries_transactions {
            self.behind_since_ms.get_or_insert(now_ms);
        }
        let long = |since| now_ms >= since + BEHIND_FOR_MS;
        let alarm = self.behind_since_ms.is_some_and(long);
        std::mem::replace(&mut self.alarm, alarm) != alarm
    }

    /// How far the ledger is behind this machine's wall clock (milliseconds), if that is too far.
    pub(crate) fn too_far_behind(&self) -> Option<u64> {
        self.alarm.then_some(self.behind_ms)
    }

    /// How far the newest certified block was behind this machine's wall clock when it came
    /// (milliseconds).
    pub(crate) fn behind_ms(&self) -> u64 {
        self.behind_ms
    }

    /// What this replica would say that the time is, Unix milliseconds.
    pub(crate) fn time_ms(&self) -> u64 {
        self.estimate_ms.min(self.now.wall_ms)
    }

    /// The time, signed together with the newest block; not more often than is useful.
    pub(crate) fn read(
        &mut self,
        key: &SigningKey,
        network: &Digest,
        replica: u64,
        newest: &Head,
    ) -> Option<ClockReading> {
        let now_ms = self.now.monotonic_ms;
        let due = self.last_reading.is_none_or(|(read_ms, index)| {
            now_ms >= read_ms + READING_EVERY_MS
                || newest.index < index
                || newest.index >= index + READING_EVERY_BLOCKS
        });
        let time_ms = self.time_ms();
        if !due || time_ms <= newest.time_ms {
            return None;
        }
        self.last_reading = Some((now_ms, newest.index));
        Some(ClockReading::sign(
            key,
            network,
            replica,
            time_ms,
            newest.hash,
        ))
    }

    /// Keeps a voter's newest reading.
    pub(crate) fn keep(&mut self, reading: VerifiedClockReading) {
        self.readings.insert(reading.reading().replica, reading);
    }

    /// The readings that `usable` lets the next block have; the others are dropped.
    pub(crate) fn for_block(
        &mut self,
        usable: impl Fn(&VerifiedClockReading) -> bool,
    ) -> Vec<VerifiedClockReading> {
        self.readings.retain(|_, reading| usable(reading));
        self.readings.values().cloned().collect()
    }

    /// Forgets what others read: they said it to another leader, or in another view.
    pub(crate) fn forget_readings(&mut self) {
        self.readings.clear();
    }
}

#[cfg(test)]
mod tests {
    use synod_crypto::Secret;

    use super::*;

    const START_MS: u64 = 1_800_000_000_000;

    fn head(index: u64, time_ms: u64) -> Head {
        Head {
            index,
            view: 1,
            hash: synod_crypto::sha256(&[&index.to_be_bytes()]),
            tree_size: index,
            root: Digest::ZERO,
            configuration: Digest::ZERO,
            time_ms,
        }
    }

    fn now(wall_ms: u64, monotonic_ms: u64) -> Now {
        Now {
            wall_ms: START_MS + wall_ms,
            monotonic_ms,
        }
    }

    fn clock() -> LedgerClock {
        LedgerClock::new(head(1, START_MS), now(0, 0))
    }

    #[test]
    fn reading_gains_no_more_than_twice_what_the_monotonic_clock_runs() {
        let mut clock = clock();
        for at in 0..=1000 {
            // One step takes no time, so that steps are no way to gain any.
            clock.look(now(u64::from(u32::MAX), at));
            clock.look(now(u64::from(u32::MAX), at));
        }
        assert_eq!(clock.time_ms(), START_MS + FASTEST * 1000);
    }

    #[test]
    fn reading_follows_a_wall_clock_that_is_right_to_the_millisecond() {
        let mut clock = clock();
        for at in (0..10_000).step_by(7) {
            clock.look(now(at, at));
        }
        assert_eq!(clock.time_ms(), START_MS + 9996);
    }

    #[test]
    fn monotonic_clock_that_goes_back_gains_nothing() {
        let mut clock = clock();
        for _ in 0..100 {
            clock.look(now(1 << 40, 1000));
            clock.look(now(1 << 40, 0));
        }
        assert_eq!(clock.time_ms(), START_MS + FASTEST * 1000);
    }

    #[test]
    fn certified_time_limits_what_was_gained_while_nothing_was_certified() {
        let mut clock = clock();
        clock.look(now(1 << 40, 1_000_000));
        assert_eq!(clock.time_ms(), START_MS + 2_000_000);
        // A block whose time stood still says nothing.
        clock.certified(&head(2, START_MS), true);
        assert_eq!(clock.time_ms(), START_MS + 2_000_000);
        clock.certified(&head(3, START_MS + 1_000_000), true);
        assert_eq!(clock.time_ms(), START_MS + 1_000_000 + LEAD_MAX_MS);
    }

    #[test]
    fn old_blocks_do_not_begin_the_alarm() {
        let (mut clock, mut index) = (clock(), 1);
        let mut alarm = |level| {
            // For two seconds the blocks are three seconds old.
            for _ in 0..20 {
                index += 1;
                clock.look(now(3000 + index * 100, index * 100));
                clock.certified(&head(index, START_MS + index * 100), level);
            }
            clock.too_far_behind().is_some()
        };
        assert!(!alarm(false));
        assert!(alarm(true));
        assert!(alarm(false), "they do not end it either");
    }

    #[test]
    fn readings_are_not_given_oftener_than_is_useful() {
        let key = SigningKey::from_seed(&Secret::new([1; 32]));
        let mut clock = clock();
        let mut read = |at, index| {
            clock.look(now(at, at));
            let newest = head(index, START_MS);
            clock.read(&key, &Digest::ZERO, 1, &newest).is_some()
        };
        assert!(!read(0, 1), "not later than the newest block");
        assert!(read(10, 1));
        assert!(!read(10 + READING_EVERY_MS - 1, 1));
        assert!(read(10 + READING_EVERY_MS, 1));
        assert!(!read(11 + READING_EVERY_MS, READING_EVERY_BLOCKS));
        assert!(read(12 + READING_EVERY_MS, 1 + READING_EVERY_BLOCKS));
    }
}
