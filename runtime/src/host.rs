//! The host's side of one call: what is left of its limits, and what it has done so far.
//!
//! Whatever breaks a rule ends the call with a [`Halt`]; so the functions that a guest calls return
//! no errors, and a guest cannot go on after one.

use std::sync::Arc;

use synod_component::TABLE_ELEMENTS_MAX;
use synod_crypto::{Digest, Entropy, Secret};
use synod_kv::{KEY_MAX, MapName, VALUE_MAX};
use synod_replica::app::{AppFault, Execution};
use synod_replica::state::{DetachedTransaction, StateMoved};
use wasmtime::ResourceLimiter;

use crate::logs::{LogLevel, LogLine, cut};
use crate::scope::Scope;

/// Most claims of one transaction.
pub const CLAIMS_MAX: usize = 16;
/// Most rows of one page of a map.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// A page of a map ends before it grows over so many bytes (4 MiB), but it has one row at least.
pub const PAGE_BYTES_MAX: usize = 4 << 20;
/// Most random bytes at once.
pub const RANDOM_BYTES_MAX: u32 = 65_536;
/// Most random bytes in one call of an app (1 MiB).
pub const RANDOM_BYTES_PER_CALL_MAX: u64 = 1 << 20;
/// So many bytes read from maps count as one more use of a map (16 KiB).
pub const BYTES_PER_MAP_OPERATION: u64 = 16 << 10;
/// Most bytes that a guest hands to the host at once (16 MiB).
pub const CROSSING_BYTES_MAX: usize = 16 << 20;
/// How much of a wrong name is told.
const NAME_SHOWN_MAX: usize = 80;

/// Ends a call from within a function of the host.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Halt(pub(crate) AppFault);

impl From<StateMoved> for Halt {
    fn from(_: StateMoved) -> Self {
        Self(AppFault::StateMoved)
    }
}

/// What a store carries.
pub(crate) struct Host {
    pub(crate) scope: Arc<Scope>,
    pub(crate) memory: MemoryGauge,
    /// The call in work. An instance that waits for its next call has none.
    pub(crate) call: Option<Call>,
}

impl Host {
    pub(crate) fn new(scope: Arc<Scope>, call: Call) -> Self {
        let limit = scope.limits.memory_bytes as usize;
        Self {
            scope,
            memory: MemoryGauge::new(limit),
            call: Some(call),
        }
    }

    /// The call in work.
    pub(crate) fn call(&mut self) -> Result<&mut Call, Halt> {
        self.call.as_mut().ok_or(Halt(AppFault::Trapped))
    }

    /// The map of that name, for one use of it.
    pub(crate) fn map(&self, guest_name: &str) -> Result<MapName, Halt> {
        let shown = || guest_name.chars().take(NAME_SHOWN_MAX).collect();
        self.scope
            .map(guest_name)
            .ok_or_else(|| Halt(AppFault::UndeclaredMap(shown())))
    }
}

/// One call in work.
pub(crate) struct Call {
    pub(crate) transaction: DetachedTransaction,
    pub(crate) execution: Arc<Execution>,
    pub(crate) claims: Vec<Digest>,
    pub(crate) asked_id: bool,
    pub(crate) keep: bool,
    pub(crate) lines: Vec<LogLine>,
    entropy: Entropy,
    random_left: u64,
    map_operations_left: u64,
    bytes_read: u64,
}

impl Call {
    pub(crate) fn new(execution: Arc<Execution>) -> Self {
        Self {
            transaction: DetachedTransaction::new(execution.state.clone(), execution.snapshot),
            entropy: Entropy::from_seed(Secret::new(execution.seed)),
            map_operations_left: execution.manifest.limits().map_operations,
            execution,
            claims: Vec::new(),
            asked_id: false,
            keep: false,
            lines: Vec::new(),
            random_left: RANDOM_BYTES_PER_CALL_MAX,
            bytes_read: 0,
        }
    }

    /// Counts uses of maps; each row of a page is one.
    pub(crate) fn used_map(&mut self, times: u64) -> Result<(), Halt> {
        let max = self.execution.manifest.limits().map_operations;
        self.map_operations_left = self
            .map_operations_left
            .checked_sub(times)
            .ok_or(Halt(AppFault::MapOperationsExceeded { max }))?;
        Ok(())
    }

    /// Counts bytes that were read from maps.
    pub(crate) fn read_bytes(&mut self, bytes: usize) -> Result<(), Halt> {
        let before = self.bytes_read / BYTES_PER_MAP_OPERATION;
        self.bytes_read = self.bytes_read.saturating_add(bytes as u64);
        self.used_map(self.bytes_read / BYTES_PER_MAP_OPERATION - before)
    }

    /// Whether this call may write at all.
    pub(crate) fn may_write(&self) -> Result<(), Halt> {
        if self.execution.read_only {
            return Err(Halt(AppFault::WriteInQuery));
        }
        Ok(())
    }

    /// Binds a claim.
    pub(crate) fn bind(&mut self, claim: [u8; 32]) -> Result<(), Halt> {
        if self.claims.len() == CLAIMS_MAX {
            return Err(Halt(AppFault::TooManyClaims));
        }
        self.claims.push(Digest::from(claim));
        Ok(())
    }

    /// The next random bytes.
    pub(crate) fn random(&mut self, length: u32) -> Result<Vec<u8>, Halt> {
        let left = self.random_left.checked_sub(u64::from(length));
        let left = left.filter(|_| length <= RANDOM_BYTES_MAX);
        self.random_left = left.ok_or(Halt(AppFault::RandomTooMuch))?;
        let mut bytes = vec![0; length as usize];
        self.entropy.fill(&mut bytes);
        Ok(bytes)
    }

    /// The next random number.
    pub(crate) fn random_u64(&mut self) -> Result<u64, Halt> {
        let left = self.random_left.checked_sub(8);
        self.random_left = left.ok_or(Halt(AppFault::RandomTooMuch))?;
        Ok(u64::from_le_bytes(self.entropy.take()))
    }

    /// Adds a line of the app's, if it may still write one. Lines past the limit are dropped, with
    /// a word about it.
    pub(crate) fn line(&mut self, level: LogLevel, text: String) {
        let max = self.execution.manifest.limits().log_lines;
        let written = self.lines.len() as u64;
        if written < max {
            self.push_line(level, false, text);
        } else if written == max {
            self.host_line(LogLevel::Warn, "further lines of this call are not kept");
        }
    }

    /// Adds a line of the host's.
    pub(crate) fn host_line(&mut self, level: LogLevel, text: &str) {
        self.push_line(level, true, cut(text));
    }

    fn push_line(&mut self, level: LogLevel, of_host: bool, text: String) {
        self.lines.push(LogLine {
            level,
            of_host,
            text,
        });
    }
}

/// A key within its bounds.
pub(crate) fn key(bytes: &[u8]) -> Result<&[u8], Halt> {
    within("key", bytes, KEY_MAX)
}

/// A value within its bounds.
pub(crate) fn value(bytes: &[u8]) -> Result<&[u8], Halt> {
    within("value", bytes, VALUE_MAX)
}

fn within<'a>(what: &str, bytes: &'a [u8], max: usize) -> Result<&'a [u8], Halt> {
    if bytes.len() > max {
        let found = bytes.len();
        let text = format!("{what} of {found} bytes is longer than {max}");
        return Err(Halt(AppFault::KeyOrValueTooLarge(text)));
    }
    Ok(bytes)
}

/// Counts the memory of an instance: that of all its linear memories together.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    limit: usize,
    used: usize,
    /// What the last growth was about to add.
    last: usize,
    /// Whether the guest was refused more: what goes wrong afterwards goes wrong for that reason.
    pub(crate) refused: bool,
}

impl MemoryGauge {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            last: 0,
            refused: false,
        }
    }

    /// Whether so much is in use that an instance had better not be kept.
    pub(crate) fn is_swollen(&self) -> bool {
        self.used > self.limit / 2
    }
}

impl ResourceLimiter for MemoryGauge {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let used = self.used.saturating_add(more);
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        self.last = more;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        self.used -= std::mem::take(&mut self.last);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}
