//! What one call of an app may use.

use serde::Deserialize;

/// `init` and `migrate` may take this many times as long as a request.
pub const LIFECYCLE_FACTOR: u64 = 10;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A limit's default and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRange {
    /// Its key in the manifest's table `limits`.
    pub key: &'static str,
    /// The least that can be set.
    pub min: u64,
    /// What holds unless the manifest says otherwise.
    pub default: u64,
    /// The most that the service allows.
    pub max: u64,
}

/// What one call of an app may use. Every figure is within its [`LimitRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppLimits {
    /// Memory of an instance, in bytes.
    pub memory_bytes: u64,
    /// How long a request may take, in milliseconds.
    pub time_ms: u64,
    /// The body of a request, in bytes.
    pub request_bytes: u64,
    /// The body of a response, in bytes.
    pub response_bytes: u64,
    /// How often a call may read or write maps; each row of a page counts as well.
    pub map_operations: u64,
    /// How many lines a call may write to the log.
    pub log_lines: u64,
}

impl AppLimits {
    /// Memory of an instance.
    pub const MEMORY_BYTES: LimitRange = range("memory_bytes", 64 * KIB, 64 * MIB, 256 * MIB);
    /// Time of a request.
    pub const TIME_MS: LimitRange = range("time_ms", 1, 1_000, 10_000);
    /// Body of a request.
    pub const REQUEST_BYTES: LimitRange = range("request_bytes", 0, MIB, 4 * MIB);
    /// Body of a response.
    pub const RESPONSE_BYTES: LimitRange = range("response_bytes", 0, MIB, 4 * MIB);
    /// Uses of maps.
    pub const MAP_OPERATIONS: LimitRange = range("map_operations", 0, 10_000, 100_000);
    /// Lines of the log.
    pub const LOG_LINES: LimitRange = range("log_lines", 0, 100, 1_000);

    /// How long `init` and `migrate` may take, in milliseconds.
    pub fn lifecycle_time_ms(&self) -> u64 {
        self.time_ms.saturating_mul(LIFECYCLE_FACTOR)
    }
}

impl Default for AppLimits {
    fn default() -> Self {
        Self {
            memory_bytes: Self::MEMORY_BYTES.default,
            time_ms: Self::TIME_MS.default,
            request_bytes: Self::REQUEST_BYTES.default,
            response_bytes: Self::RESPONSE_BYTES.default,
            map_operations: Self::MAP_OPERATIONS.default,
            log_lines: Self::LOG_LINES.default,
        }
    }
}

const fn range(key: &'static str, min: u64, default: u64, max: u64) -> LimitRange {
    LimitRange {
        key,
        min,
        default,
        max,
    }
}

/// The table `limits` as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsFile {
    memory_bytes: Option<u64>,
    time_ms: Option<u64>,
    request_bytes: Option<u64>,
    response_bytes: Option<u64>,
    map_operations: Option<u64>,
    log_lines: Option<u64>,
}

impl LimitsFile {
    /// The limits, or the range that is left and what was found.
    pub(crate) fn checked(self) -> Result<AppLimits, (LimitRange, u64)> {
        Ok(AppLimits {
            memory_bytes: within(AppLimits::MEMORY_BYTES, self.memory_bytes)?,
            time_ms: within(AppLimits::TIME_MS, self.time_ms)?,
            request_bytes: within(AppLimits::REQUEST_BYTES, self.request_bytes)?,
            response_bytes: within(AppLimits::RESPONSE_BYTES, self.response_bytes)?,
            map_operations: within(AppLimits::MAP_OPERATIONS, self.map_operations)?,
            log_lines: within(AppLimits::LOG_LINES, self.log_lines)?,
        })
    }
}

fn within(range: LimitRange, found: Option<u64>) -> Result<u64, (LimitRange, u64)> {
    match found {
        None => Ok(range.default),
        Some(found) if (range.min..=range.max).contains(&found) => Ok(found),
        Some(found) => Err((range, found)),
    }
}
