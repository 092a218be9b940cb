//! This machine's clocks. The ledger never believes one machine's alone.

use synod_identity::now_ms;
use synod_replica::Now;

/// Both clocks.
pub(crate) fn now() -> Now {
    Now {
        wall_ms: now_ms(),
        monotonic_ms: monotonic_ms(),
    }
}

/// Milliseconds since the machine started, sleep included: a laptop that slept must not find its
/// ledger hours behind.
#[cfg(target_os = "linux")]
fn monotonic_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    // Neither is ever negative on this clock.
    time.tv_sec.cast_unsigned() * 1000 + time.tv_nsec.cast_unsigned() / 1_000_000
}

/// Milliseconds since this was first asked.
#[cfg(not(target_os = "linux"))]
fn monotonic_ms() -> u64 {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST
        .get_or_init(std::time::Instant::now)
        .elapsed()
        .as_millis() as u64
}
