//! What apps wrote to their logs, in this node's memory: it never goes to a disk or to standard
//! error, where the host could read it.
//!
//! Invariant: what is kept of each app is bounded in lines and in bytes; the oldest go first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use synod_api::AppLogLine;
use synod_governance::app::AppName;

/// What a line takes beside its text.
const LINE_BYTES: usize = 128;

/// The logs of all apps.
#[derive(Debug)]
pub(crate) struct AppLogs {
    lines_max: usize,
    bytes_max: usize,
    apps: Mutex<BTreeMap<AppName, Ring>>,
}

/// The log of one app.
#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<AppLogLine>,
    bytes: usize,
    /// The number of the newest line.
    newest: u64,
}

/// Some lines of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LogPage {
    /// The lines, oldest first.
    pub(crate) lines: Vec<AppLogLine>,
    /// The number of the last line that was looked at.
    pub(crate) next: u64,
    /// Lines that were asked for and are no longer kept.
    pub(crate) dropped: u64,
}

impl AppLogs {
    /// Empty logs, each of at most so many lines and bytes.
    pub(crate) fn new(lines_max: usize, bytes_max: usize) -> Self {
        Self {
            lines_max,
            bytes_max,
            apps: Mutex::default(),
        }
    }

    /// Takes lines; their numbers are given here.
    pub(crate) fn add(&self, app: &AppName, lines: impl IntoIterator<Item = AppLogLine>) {
        let mut apps = self.lock();
        let ring = apps.entry(app.clone()).or_default();
        for line in lines {
            ring.push(line, self.lines_max, self.bytes_max);
        }
    }

    /// At most `limit` lines after the one with the number `after`.
    pub(crate) fn page(&self, app: &AppName, after: u64, limit: usize) -> LogPage {
        let apps = self.lock();
        let Some(ring) = apps.get(app) else {
            let (lines, next, dropped) = (Vec::new(), 0, 0);
            return LogPage {
                lines,
                next,
                dropped,
            };
        };
        // A number from another replica, or from before this process began, is of another log.
        let after = if after > ring.newest { 0 } else { after };
        let oldest = ring.lines.front().map_or(ring.newest + 1, |line| line.line);
        let wanted = ring.lines.iter().filter(|line| line.line > after);
        let lines: Vec<_> = wanted.take(limit).cloned().collect();
        LogPage {
            next: lines.last().map_or(ring.newest, |line| line.line),
            dropped: oldest.saturating_sub(after + 1),
            lines,
        }
    }

    /// Forgets the logs of apps that are gone: another app of that name may have another owner.
    pub(crate) fn keep_only(&self, is_present: impl Fn(&AppName) -> bool) {
        self.lock().retain(|app, _| is_present(app));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AppName, Ring>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, mut line: AppLogLine, lines_max: usize, bytes_max: usize) {
        self.newest += 1;
        line.line = self.newest;
        self.bytes += weight(&line);
        self.lines.push_back(line);
        while self.lines.len() > lines_max || self.bytes > bytes_max {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= weight(&oldest);
        }
    }
}

fn weight(line: &AppLogLine) -> usize {
    LINE_BYTES + line.message.len() + line.route.len()
}

#[cfg(test)]
mod tests {
    use synod_api::TxId;

    use super::*;

    fn app(name: &str) -> AppName {
        AppName::new(name).expect("a name")
    }

    fn line(message: &str) -> AppLogLine {
        AppLogLine {
            line: 0,
            time_ms: 1,
            number: 1,
            route: "/x".to_owned(),
            transaction_id: TxId { view: 1, seqno: 1 },
            level: "info".to_owned(),
            of_host: false,
            message: message.to_owned(),
        }
    }

    fn messages(lines: &LogPage) -> Vec<&str> {
        lines.lines.iter().map(|line| &*line.message).collect()
    }

    #[test]
    fn oldest_lines_go_first_and_a_reader_learns_how_many() {
        let logs = AppLogs::new(3, 1 << 20);
        logs.add(&app("a"), ["1", "2", "3", "4", "5"].map(line));
        let page = logs.page(&app("a"), 0, 2);
        assert_eq!((messages(&page), page.next), (vec!["3", "4"], 4));
        assert_eq!(page.dropped, 2);
        let rest = logs.page(&app("a"), page.next, 2);
        assert_eq!((messages(&rest), rest.next), (vec!["5"], 5));
        let end = logs.page(&app("a"), 5, 2);
        assert_eq!((end.lines.len(), end.next, end.dropped), (0, 5, 0));
    }

    #[test]
    fn long_lines_push_others_out() {
        let logs = AppLogs::new(1000, 1000);
        logs.add(&app("a"), (0..100).map(|_| line(&"x".repeat(300))));
        assert_eq!(logs.page(&app("a"), 0, 1000).lines.len(), 2);
        logs.add(&app("a"), [line(&"x".repeat(5000))]);
        assert_eq!(logs.page(&app("a"), 0, 1000).lines.len(), 0);
    }

    #[test]
    fn logs_of_apps_are_apart_and_a_removed_one_leaves_nothing() {
        let logs = AppLogs::new(10, 1 << 20);
        logs.add(&app("a"), [line("of a")]);
        logs.add(&app("b"), [line("of b")]);
        assert_eq!(messages(&logs.page(&app("b"), 0, 10)), ["of b"]);
        logs.keep_only(|name| *name != app("a"));
        assert!(logs.page(&app("a"), 0, 10).lines.is_empty());
    }

    #[test]
    fn number_of_another_log_shows_this_one_from_its_beginning() {
        let logs = AppLogs::new(10, 1 << 20);
        logs.add(&app("a"), [line("1")]);
        assert_eq!(messages(&logs.page(&app("a"), 700, 10)), ["1"]);
    }
}
