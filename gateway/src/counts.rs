//! What the door has answered and how long that took, for metrics. Says nothing of who asked what.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

/// Upper bounds of the histogram's buckets, in milliseconds, with their labels in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (1, "0.001"),
    (2, "0.002"),
    (5, "0.005"),
    (10, "0.01"),
    (20, "0.02"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (5_000, "5"),
    (10_000, "10"),
];
/// The classes of statuses that a final answer can have, by their first digit.
const CLASSES: [(u16, &str); 4] = [(2, "2xx"), (3, "3xx"), (4, "4xx"), (5, "5xx")];

/// Requests that were answered.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    by_class: [AtomicU64; CLASSES.len()],
    /// How many took no longer than each bound, and longer than the one before.
    by_duration: [AtomicU64; BUCKETS.len()],
    /// How many took longer than every bound.
    longer: AtomicU64,
    micros: AtomicU64,
}

impl Counts {
    /// A request got its answer's head after so long.
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let class = status.as_u16() / 100;
        if let Some(at) = CLASSES.iter().position(|(first, _)| *first == class) {
            self.by_class[at].fetch_add(1, Ordering::Relaxed);
        }
        let fits = |(bound_ms, _): &(u64, &str)| took <= Duration::from_millis(*bound_ms);
        let bucket = match BUCKETS.iter().position(fits) {
            Some(at) => &self.by_duration[at],
            None => &self.longer,
        };
        bucket.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Appends the metrics in the text format of Prometheus; the bytes that bodies and answers take
    /// in memory come along.
    pub(crate) fn write(&self, text: &mut String, body_bytes: usize, answer_bytes: usize) {
        self.write_all(text, body_bytes, answer_bytes)
            .expect("writing to a string cannot fail");
    }

    fn write_all(
        &self,
        text: &mut String,
        body_bytes: usize,
        answer_bytes: usize,
    ) -> std::fmt::Result {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        text.push_str(
            "# HELP synod_http_requests_total Requests that were answered, by the class of their status.\n\
             # TYPE synod_http_requests_total counter\n",
        );
        for ((_, class), count) in CLASSES.iter().zip(&self.by_class) {
            writeln!(
                text,
                "synod_http_requests_total{{class=\"{class}\"}} {}",
                read(count)
            )?;
        }
        let name = "synod_http_request_duration_seconds";
        writeln!(
            text,
            "# HELP {name} How long requests took until their answers began.\n# TYPE {name} histogram"
        )?;
        let mut below = 0;
        for ((_, label), count) in BUCKETS.iter().zip(&self.by_duration) {
            below += read(count);
            writeln!(text, "{name}_bucket{{le=\"{label}\"}} {below}")?;
        }
        let all = below + read(&self.longer);
        let micros = read(&self.micros);
        writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}")?;
        writeln!(
            text,
            "{name}_sum {}.{:06}\n{name}_count {all}",
            micros / 1_000_000,
            micros % 1_000_000
        )?;
        for (name, help, bytes) in [
            (
                "synod_http_request_body_bytes",
                "Bytes that bodies on their way in take in memory.",
                body_bytes,
            ),
            (
                "synod_http_answer_bytes",
                "Bytes that large answers on their way out take in memory.",
                answer_bytes,
            ),
        ] {
            writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {bytes}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let counts = Counts::default();
        for (status, ms) in [(200, 1), (201, 3), (404, 50), (503, 60_000)] {
            let status = StatusCode::from_u16(status).expect("a status");
            counts.answered(status, Duration::from_millis(ms));
        }
        let mut text = String::new();
        counts.write(&mut text, 7, 8);
        for line in [
            "synod_http_requests_total{class=\"2xx\"} 2",
            "synod_http_requests_total{class=\"4xx\"} 1",
            "synod_http_requests_total{class=\"5xx\"} 1",
            "synod_http_request_duration_seconds_bucket{le=\"0.001\"} 1",
            "synod_http_request_duration_seconds_bucket{le=\"0.002\"} 1",
            "synod_http_request_duration_seconds_bucket{le=\"0.005\"} 2",
            "synod_http_request_duration_seconds_bucket{le=\"10\"} 3",
            "synod_http_request_duration_seconds_bucket{le=\"+Inf\"} 4",
            "synod_http_request_duration_seconds_sum 60.054000",
            "synod_http_request_duration_seconds_count 4",
            "synod_http_request_body_bytes 7",
            "synod_http_answer_bytes 8",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
