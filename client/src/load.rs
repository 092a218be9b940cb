//! A small load generator: many writes at once, for a time, and how long each took.
//!
//! It writes private values of one size under fresh keys, waits for every commit, and counts only writes that
//! were acknowledged as committed. Connections are its own; each carries several requests at a time.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use synod_api::TxStatus;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::ClientError;
use crate::kv::WriteOptions;
use crate::service::Service;

/// What load to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Connections to the leader, at least 1.
    pub connections: usize,
    /// Requests in flight on each, at least 1.
    pub in_flight: usize,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// For how long.
    pub duration: Duration,
    /// The map that is written.
    pub map: String,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            connections: 8,
            in_flight: 64,
            value_bytes: 256,
            duration: Duration::from_secs(10),
            map: "bench".to_owned(),
        }
    }
}

/// What came of it. Latencies are in microseconds, from sending to the committed answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Connections.
    pub connections: usize,
    /// Requests in flight on each.
    pub in_flight: usize,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Writes that were acknowledged as committed.
    pub writes: u64,
    /// Writes that were not.
    pub errors: u64,
    /// The first error, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// Milliseconds from the first request to the last answer.
    pub elapsed_ms: u64,
    /// Committed writes in a second.
    pub writes_per_second: u64,
    /// The latencies.
    pub latency_us: Percentiles,
}

/// Percentiles of a set of latencies, in microseconds; zero if there were none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// The least.
    pub min: u32,
    /// Half were faster.
    pub p50: u32,
    /// 90 of 100 were faster.
    pub p90: u32,
    /// 99 of 100 were faster.
    pub p99: u32,
    /// 999 of 1000 were faster.
    pub p999: u32,
    /// The greatest.
    pub max: u32,
}

impl Percentiles {
    /// Of these latencies, in any order.
    pub fn of(mut latencies: Vec<u32>) -> Self {
        latencies.sort_unstable();
        let at = |permille: usize| {
            let rank = (permille * latencies.len()).div_ceil(1000);
            latencies
                .get(rank.saturating_sub(1))
                .copied()
                .unwrap_or_default()
        };
        Self {
            min: at(0),
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p999: at(999),
            max: at(1000),
        }
    }
}

/// What one task saw.
#[derive(Default)]
struct Tally {
    latencies: Vec<u32>,
    errors: u64,
    first_error: Option<String>,
}

/// Makes the load on the service and reports.
///
/// # Errors
/// [`ClientError`], if not even a first write is answered.
pub async fn run_load(service: &Service, load: &Load) -> Result<LoadReport, ClientError> {
    // Finds the leader, so that the time does not count redirects.
    service
        .put(
            &load.map,
            b"warm-up",
            Bytes::new(),
            &WriteOptions::default(),
        )
        .await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in 0..load.connections {
        let own = service.separate();
        for lane in 0..load.in_flight {
            tasks.spawn(drive(
                own.clone(),
                load.clone(),
                format!("{connection}-{lane}"),
                began,
            ));
        }
    }
    let mut total = Tally::default();
    while let Some(done) = tasks.join_next().await {
        total.add(done.expect("no task panics, and none is cancelled"));
    }
    Ok(report(load, total, began.elapsed()))
}

async fn drive(service: Service, load: Load, lane: String, began: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut value = vec![b'x'; load.value_bytes];
    for number in 0_u64.. {
        if began.elapsed() >= load.duration {
            break;
        }
        let stamp = number.to_be_bytes();
        let length = stamp.len().min(value.len());
        value[..length].copy_from_slice(&stamp[..length]);
        let sent = Instant::now();
        let key = format!("{lane}-{number}");
        let outcome = service
            .put(
                &load.map,
                key.as_bytes(),
                value.clone(),
                &WriteOptions::default(),
            )
            .await;
        match outcome {
            Ok(written) if written.status == TxStatus::Committed => {
                tally
                    .latencies
                    .push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok(_) => tally.error("an answer was not committed".to_owned()),
            Err(error) => tally.error(error.to_string()),
        }
    }
    tally
}

impl Tally {
    fn error(&mut self, what: String) {
        self.errors += 1;
        self.first_error.get_or_insert(what);
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

fn report(load: &Load, tally: Tally, elapsed: Duration) -> LoadReport {
    let writes = tally.latencies.len() as u64;
    let elapsed_ms = elapsed.as_millis() as u64;
    LoadReport {
        connections: load.connections,
        in_flight: load.in_flight,
        value_bytes: load.value_bytes,
        writes,
        errors: tally.errors,
        first_error: tally.first_error,
        elapsed_ms,
        writes_per_second: writes * 1000 / elapsed_ms.max(1),
        latency_us: Percentiles::of(tally.latencies),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let found = Percentiles::of((1..=1000).rev().collect());
        assert_eq!(
            (found.min, found.p50, found.p90, found.p99),
            (1, 500, 900, 990)
        );
        assert_eq!((found.p999, found.max), (999, 1000));
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }
}
