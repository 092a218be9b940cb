//! A small load generator: many writes at once, for a time, and how long each took.
//!
//! It writes private values of one size under fresh keys, or calls an app; it waits for every
//! answer, and counts only writes that were acknowledged as committed and calls that were answered
//! with success. Connections are its own; each carries several requests at a time.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use synod_api::{TxStatus, headers};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::apps::AppRequest;
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
    /// How long to measure.
    pub duration: Duration,
    /// What is asked.
    pub target: Target,
}

/// What a load asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Values are written under fresh keys.
    Map {
        /// The map.
        map: String,
        /// Bytes of each value.
        value_bytes: usize,
    },
    /// An app is called. In path and body, `{key}` stands for a key that no other call has,
    /// `{lane}` for one that the calls of one lane share.
    App {
        /// The app.
        app: String,
        /// The method.
        method: Method,
        /// The path below the app, with its query.
        path: String,
        /// The body, as JSON; none for an empty one.
        body: Option<String>,
    },
}

impl Default for Load {
    fn default() -> Self {
        Self {
            connections: 8,
            in_flight: 64,
            duration: Duration::from_secs(10),
            target: Target::Map {
                map: "bench".to_owned(),
                value_bytes: 256,
            },
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
    /// Writes that were acknowledged as committed, or calls that were answered with success.
    pub answers: u64,
    /// Those that were not.
    pub errors: u64,
    /// The first error, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// Milliseconds from the first request to the last answer.
    pub elapsed_ms: u64,
    /// Answers in a second.
    pub answers_per_second: u64,
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
    load.target.ask(service, "warm-up", 0).await?;
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
    for number in 0_u64.. {
        if began.elapsed() >= load.duration {
            break;
        }
        let sent = Instant::now();
        match load.target.ask(&service, &lane, number).await {
            Ok(None) => tally
                .latencies
                .push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX)),
            Ok(Some(failure)) => tally.error(failure),
            Err(error) => tally.error(error.to_string()),
        }
    }
    tally
}

impl Target {
    /// Asks once; a text where the answer is not a success.
    async fn ask(
        &self,
        service: &Service,
        lane: &str,
        number: u64,
    ) -> Result<Option<String>, ClientError> {
        let key = format!("{lane}-{number}");
        match self {
            Self::Map { map, value_bytes } => {
                let value = stamped(*value_bytes, number);
                let options = WriteOptions::default();
                let written = service.put(map, key.as_bytes(), value, &options).await?;
                let committed = written.status == TxStatus::Committed;
                Ok((!committed).then(|| "an answer was not committed".to_owned()))
            }
            Self::App {
                app,
                method,
                path,
                body,
            } => {
                let filled = |text: &str| text.replace("{key}", &key).replace("{lane}", lane);
                let request = request(method, &filled(path), body.as_deref().map(filled));
                let answer = service.app(app).call(&request).await?;
                let failed = !answer.status.is_success();
                Ok(failed.then(|| format!("the app answered {}", answer.status)))
            }
        }
    }
}

fn request(method: &Method, target: &str, body: Option<String>) -> AppRequest {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    AppRequest {
        query,
        content_type: body.as_ref().map(|_| headers::JSON.to_owned()),
        body: body.unwrap_or_default().into(),
        ..AppRequest::new(method.clone(), path)
    }
}

/// A value of this length that begins with the number, as far as it fits.
fn stamped(length: usize, number: u64) -> Bytes {
    let mut value = vec![b'x'; length];
    let stamp = number.to_be_bytes();
    let fits = stamp.len().min(length);
    value[..fits].copy_from_slice(&stamp[..fits]);
    value.into()
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
    let answers = tally.latencies.len() as u64;
    let elapsed_ms = elapsed.as_millis() as u64;
    LoadReport {
        connections: load.connections,
        in_flight: load.in_flight,
        answers,
        errors: tally.errors,
        first_error: tally.first_error,
        elapsed_ms,
        answers_per_second: answers * 1000 / elapsed_ms.max(1),
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
