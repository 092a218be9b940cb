//! What an operator tells a node of the apps that it runs: the table `[apps]` of the configuration.
//!
//! It bounds what apps take of this machine. What one call may take, each app's manifest says.

use serde::{Deserialize, Serialize};

/// The bounds of what apps take of a node. Past each comes a clear refusal, and nothing half-done
/// remains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppsConfig {
    /// Threads that execute calls of apps, 2 to 64; default: one more than this machine has
    /// processors, at least 3. One app takes at most all but one, so that another always finds a
    /// thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executors: Option<usize>,
    /// Lines of each app's log that are kept in memory; default 1000, 0 to 100000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines_max: Option<usize>,
    /// Bytes of each app's log that are kept in memory; default 256 KiB, 4 KiB to 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes_max: Option<usize>,
    /// Watchers at the same time; default 256, 1 to 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchers_max: Option<usize>,
    /// Watchers of one caller at the same time; default 16, 1 to 65536. Those without a certificate
    /// count as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watchers_per_caller_max: Option<usize>,
    /// Bytes of events that watchers have not taken yet, all together; default 64 MiB, 1 MiB to 16
    /// GiB. One watcher has at most 1 MiB of it, or one event; who takes nothing of it for 30 s is
    /// ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_bytes_max: Option<usize>,
}

/// A key of the table, what it is set to, and its bounds.
type Row = (&'static str, Option<usize>, usize, usize);

impl AppsConfig {
    /// Threads that execute calls.
    pub fn executors(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(2, usize::from);
        self.executors.unwrap_or_else(|| (processors() + 1).max(3))
    }

    /// Lines of each app's log that are kept.
    pub fn log_lines_max(&self) -> usize {
        self.log_lines_max.unwrap_or(1000)
    }

    /// Bytes of each app's log that are kept.
    pub fn log_bytes_max(&self) -> usize {
        self.log_bytes_max.unwrap_or(256 * 1024)
    }

    /// Watchers at the same time.
    pub fn watchers_max(&self) -> usize {
        self.watchers_max.unwrap_or(256)
    }

    /// Watchers of one caller at the same time.
    pub fn watchers_per_caller_max(&self) -> usize {
        self.watchers_per_caller_max.unwrap_or(16)
    }

    /// Bytes of events that watchers have not taken yet.
    pub fn watch_bytes_max(&self) -> usize {
        self.watch_bytes_max.unwrap_or(64 << 20)
    }

    /// The key that is out of its bounds, and what must hold of it.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let rows: [Row; 6] = [
            ("apps.executors", self.executors, 2, 64),
            ("apps.log_lines_max", self.log_lines_max, 0, 100_000),
            ("apps.log_bytes_max", self.log_bytes_max, 4096, 64 << 20),
            ("apps.watchers_max", self.watchers_max, 1, 65_536),
            (
                "apps.watchers_per_caller_max",
                self.watchers_per_caller_max,
                1,
                65_536,
            ),
            (
                "apps.watch_bytes_max",
                self.watch_bytes_max,
                1 << 20,
                16 << 30,
            ),
        ];
        rows.into_iter().find_map(|(key, value, least, most)| {
            let value = value.filter(|value| !(least..=most).contains(value))?;
            Some((key, format!("is {value}, must be {least} to {most}")))
        })
    }
}
