//! The trace of a run: every event as one line, folded into a running hash, and printed if somebody
//! watches.
//!
//! What is left out: bytes that rest on ECDSA and RSA-PSS signatures (evidence, and with it the
//! hashes of blocks), since those schemes draw their own randomness. Nothing in the product is
//! ordered by them; a run that were would show another trace the second time.

use std::fmt::{Arguments, Write as _};

/// A line for every event.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    events: u64,
    shown: bool,
    /// The newest lines, for the report of a failure.
    newest: std::collections::VecDeque<String>,
}

/// So many of the newest lines are kept.
const NEWEST_MAX: usize = 40;
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Trace {
    /// Begins; `shown` prints each line to standard error.
    pub(crate) fn new(shown: bool) -> Self {
        Self {
            hash: FNV_OFFSET,
            events: 0,
            shown,
            newest: std::collections::VecDeque::new(),
        }
    }

    /// Takes note of an event.
    pub(crate) fn note(&mut self, now_us: u64, event: Arguments<'_>) {
        let mut line = if self.newest.len() == NEWEST_MAX {
            self.newest.pop_front().unwrap_or_default()
        } else {
            String::new()
        };
        line.clear();
        let (seconds, micros) = (now_us / 1_000_000, now_us % 1_000_000);
        write!(line, "{seconds:>5}.{micros:06} {event}").expect("a text grows");
        // FNV-1a: a change anywhere changes everything after it, and nobody attacks it.
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        self.events += 1;
        if self.shown {
            eprintln!("{line}");
        }
        self.newest.push_back(line);
    }

    /// The hash of all lines so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events were noted.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// The newest lines.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &str> {
        self.newest.iter().map(String::as_str)
    }
}
