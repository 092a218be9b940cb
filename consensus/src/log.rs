//! The log in memory, as raft-rs's `Storage`.
//!
//! Invariants
//! - Every entry above the applied index is held; raft-rs reads those and must not wait.
//! - The term of every index from `base` to the last is known, held or not.
//! - Applied entries beyond the bound are dropped. When raft-rs wants to send one of those, the
//!   log notes it, answers "temporarily unavailable", and serves it once it was fetched.

use std::cell::RefCell;
use std::collections::VecDeque;

use raft::eraftpb::{ConfState, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError, eraftpb};

use crate::convert::entry_to_raft;
use crate::entry::Entry;
use crate::interface::{Fetch, Start, TermRun};
use crate::refused::StartError;

/// Sends that wait for a fetch; more are forgotten, since every heartbeat tries again.
const WAITING_MAX: usize = 64;

pub(crate) struct Log {
    /// The oldest index whose term is known; entries after it may be asked for.
    base: u64,
    /// Terms from `base` on, at least one run.
    runs: Vec<TermRun>,
    /// The entries held, contiguous, ending at the last index; empty if none is held.
    held: VecDeque<eraftpb::Entry>,
    /// The last index.
    last: u64,
    /// Bytes of the blocks held.
    held_bytes: usize,
    /// Old entries that were fetched for slow peers, contiguous.
    fetched: Vec<eraftpb::Entry>,
    /// Sends that found their entry neither held nor fetched.
    waiting: RefCell<Vec<(u64, GetEntriesContext)>>,
    initial: RaftState,
}

impl Log {
    /// The log that `start` describes: committed and persisted up to `start.index`.
    pub(crate) fn new(start: &Start) -> std::result::Result<Self, StartError> {
        let wrong = StartError::History {
            index: start.index,
            term: start.term,
        };
        let runs = known_terms(start).ok_or(wrong.clone())?;
        let mut log = Self {
            base: runs[0].first,
            runs,
            held: VecDeque::new(),
            last: start.index,
            held_bytes: 0,
            fetched: Vec::new(),
            waiting: RefCell::default(),
            initial: initial_state(start),
        };
        for entry in &start.tail {
            if log.term_at(entry.index) != Some(entry.term) || !entry.payload.is_well_formed() {
                return Err(wrong);
            }
            log.hold(entry_to_raft(entry));
        }
        Ok(log)
    }

    /// The last index.
    pub(crate) fn last_index(&self) -> u64 {
        self.last
    }

    /// The term of the entry at `index`, if it is in the log and not older than the history.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        if index < self.base || index > self.last {
            return None;
        }
        let later = self.runs.partition_point(|run| run.first <= index);
        Some(self.runs[later - 1].term)
    }

    /// The entry at `index`, if memory holds it.
    pub(crate) fn entry(&self, index: u64) -> Option<&eraftpb::Entry> {
        let at = index.checked_sub(self.first_held())?;
        self.held.get(usize::try_from(at).ok()?)
    }

    /// Appends entries, replacing what stood at or after the first. Returns the index from
    /// which older entries were replaced, if any.
    pub(crate) fn append(&mut self, entries: &[eraftpb::Entry]) -> Option<u64> {
        let from = entries.first()?.index;
        let replaced = (from <= self.last).then_some(from);
        if replaced.is_some() {
            self.truncate(from);
        }
        for entry in entries {
            assert_eq!(entry.index, self.last + 1, "the log has no gaps");
            self.last = entry.index;
            if self.runs.last().is_none_or(|run| run.term != entry.term) {
                self.runs.push(TermRun {
                    first: entry.index,
                    term: entry.term,
                });
            }
            self.hold(entry.clone());
        }
        replaced
    }

    /// Drops the oldest entries beyond the bounds, but none above `applied`.
    pub(crate) fn compact(&mut self, applied: u64, entries_max: usize, bytes_max: usize) {
        while self.held.len() > entries_max || self.held_bytes > bytes_max {
            match self.held.front() {
                Some(oldest) if oldest.index <= applied => self.drop_oldest(),
                _ => return,
            }
        }
    }

    /// The oldest range that sends wait for, of at most `max` entries.
    pub(crate) fn wanted(&self, max: u64) -> Option<Fetch> {
        let from = self.waiting.borrow().iter().map(|(low, _)| *low).min()?;
        let before_held = self.first_held() - 1;
        let to = before_held.min(from.saturating_add(max - 1));
        (from <= to).then_some(Fetch { from, to })
    }

    /// Forgets what was fetched and asked for: this replica does not lead any more.
    pub(crate) fn forget_fetches(&mut self) {
        self.fetched = Vec::new();
        self.waiting.borrow_mut().clear();
    }

    /// Takes fetched entries and gives back the sends to try again. Entries that do not fit the
    /// log are refused and change nothing.
    pub(crate) fn take_fetched(
        &mut self,
        from: u64,
        entries: &[Entry],
    ) -> Option<Vec<GetEntriesContext>> {
        let fits = entries.iter().zip(from..).all(|(entry, index)| {
            entry.index == index
                && self.term_at(index) == Some(entry.term)
                && entry.payload.is_well_formed()
        });
        if !fits {
            return None;
        }
        self.fetched = entries.iter().map(entry_to_raft).collect();
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        Some(waiting.into_iter().map(|(_, context)| context).collect())
    }

    fn first_held(&self) -> u64 {
        self.held.front().map_or(self.last + 1, |entry| entry.index)
    }

    /// Panics where the log is not what raft-rs was promised.
    pub(crate) fn check_invariants(&self, applied: u64) {
        assert!(
            self.first_held() <= applied + 1,
            "every entry above the applied index is held"
        );
        let newest = self.held.back().map(|entry| entry.index);
        assert!(
            newest.is_none_or(|index| index == self.last),
            "what is held ends at the last index"
        );
        let span = self.last + 1 - self.first_held();
        assert_eq!(self.held.len() as u64, span, "what is held has no gaps");
        let rises = |pair: &[TermRun]| pair[0].first < pair[1].first && pair[0].term < pair[1].term;
        assert!(
            self.runs[0].first == self.base && self.runs.windows(2).all(rises),
            "terms are known from the base on, and rise"
        );
    }

    fn hold(&mut self, entry: eraftpb::Entry) {
        self.held_bytes += bytes_of(&entry);
        self.held.push_back(entry);
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.held.pop_front() {
            self.held_bytes -= bytes_of(&entry);
        }
    }

    fn truncate(&mut self, from: u64) {
        assert!(
            from >= self.first_held(),
            "applied entries are never replaced"
        );
        while self.last >= from {
            let entry = self
                .held
                .pop_back()
                .expect("entries from `from` on are held");
            self.held_bytes -= bytes_of(&entry);
            self.last -= 1;
        }
        self.runs.retain(|run| run.first < from);
    }

    fn fetched_from(&self, low: u64) -> &[eraftpb::Entry] {
        let first = self.fetched.first().map_or(u64::MAX, |entry| entry.index);
        let skip = low.checked_sub(first).and_then(|n| usize::try_from(n).ok());
        skip.and_then(|n| self.fetched.get(n..)).unwrap_or_default()
    }
}

/// The runs of `start`, checked: rising, ending at `start.index` with `start.term`, and reaching
/// back to the entry before the tail. `None` if history and tail cannot be right.
fn known_terms(start: &Start) -> Option<Vec<TermRun>> {
    let contiguous = start
        .tail
        .iter()
        .rev()
        .zip((1..=start.index).rev())
        .all(|(entry, index)| entry.index == index);
    let rising = start
        .history
        .windows(2)
        .all(|pair| pair[0].first < pair[1].first && pair[0].term < pair[1].term);
    if !contiguous || !rising || start.tail.len() as u64 >= start.index {
        return None;
    }
    let tail_first = start.tail.first().map_or(start.index, |entry| entry.index);
    let Some(newest) = start.history.last() else {
        return runs_of_tail(start);
    };
    let ends_right = newest.first <= start.index && newest.term == start.term;
    let begins_right = start.history[0].first >= 1
        && start.history[0].term >= 1
        && start.history[0].first <= tail_first;
    (ends_right && begins_right).then(|| start.history.clone())
}

/// Without a history only the tail's terms are known, or the last entry's.
fn runs_of_tail(start: &Start) -> Option<Vec<TermRun>> {
    let mut runs: Vec<TermRun> = Vec::new();
    for entry in &start.tail {
        match runs.last() {
            Some(run) if run.term > entry.term => return None,
            Some(run) if run.term == entry.term => {}
            _ => runs.push(TermRun {
                first: entry.index,
                term: entry.term,
            }),
        }
    }
    if runs.is_empty() {
        runs.push(TermRun {
            first: start.index,
            term: start.term,
        });
    }
    let ends_right = runs.last().is_some_and(|run| run.term == start.term);
    (ends_right && runs[0].term >= 1).then_some(runs)
}

fn initial_state(start: &Start) -> RaftState {
    let hard_state = HardState {
        term: start.term,
        commit: start.index,
        ..HardState::default()
    };
    let conf_state = ConfState {
        voters: start.voters.clone(),
        learners: start.learners.clone(),
        ..ConfState::default()
    };
    RaftState::new(hard_state, conf_state)
}

fn bytes_of(entry: &eraftpb::Entry) -> usize {
    entry.data.len() + entry.context.len()
}

/// As many entries as raft-rs asks for: with a limit of 0 it wants exactly one.
fn limited<'a>(
    entries: impl Iterator<Item = &'a eraftpb::Entry>,
    max_size: Option<u64>,
) -> Vec<eraftpb::Entry> {
    let count = if max_size == Some(0) { 1 } else { usize::MAX };
    entries.take(count).cloned().collect()
}

impl Storage for Log {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(self.initial.clone())
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> Result<Vec<eraftpb::Entry>> {
        let max_size = max_size.into();
        if low <= self.base {
            return Err(Error::Store(StorageError::Compacted));
        }
        let want = usize::try_from(high.saturating_sub(low)).unwrap_or(usize::MAX);
        if let Some(skip) = low.checked_sub(self.first_held()) {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            return Ok(limited(self.held.iter().skip(skip).take(want), max_size));
        }
        let fetched = self.fetched_from(low);
        if !fetched.is_empty() {
            return Ok(limited(fetched.iter().take(want), max_size));
        }
        assert!(context.can_async(), "unapplied entries are always held");
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < WAITING_MAX {
            waiting.push((low, context));
        }
        Err(Error::Store(StorageError::LogTemporarilyUnavailable))
    }

    fn term(&self, index: u64) -> Result<u64> {
        let unknown = if index < self.base {
            StorageError::Compacted
        } else {
            StorageError::Unavailable
        };
        self.term_at(index).ok_or(Error::Store(unknown))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.base + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last)
    }

    /// There are no snapshots: a peer that is too far behind is replaced.
    fn snapshot(&self, _request_index: u64, _to: u64) -> Result<Snapshot> {
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}
