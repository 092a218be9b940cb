//! Part 7: the leader dies while writes go on; nothing that was acknowledged is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use synod_client::{ClientError, Listing, Service, WriteOptions};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::outcome::{Failure, Outcome};

/// The private map that is written meanwhile.
pub(crate) const MAP: &str = "failover";
const WRITERS: u64 = 8;
/// How long writes go on before and after.
const CALM: Duration = Duration::from_millis(500);
/// How long the service may take to go on.
const LIMIT: Duration = Duration::from_secs(30);

/// A write that was acknowledged as committed.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    key: String,
    value: String,
    view: u64,
    at: Instant,
}

/// Writers that go on until they are told to stop, whatever happens to the service.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    newest_view: Arc<AtomicU64>,
    tasks: JoinSet<Result<Vec<Acknowledged>, ClientError>>,
}

impl Writers {
    /// Starts them, and lets them write for a moment.
    pub(crate) async fn start(service: &Service) -> Self {
        let (stop, newest_view) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write(
                service.separate(),
                writer,
                stop.clone(),
                newest_view.clone(),
            ));
        }
        sleep(CALM).await;
        Self {
            stop,
            newest_view,
            tasks,
        }
    }

    /// Waits until a write is acknowledged in a view after `view`, and a moment more.
    pub(crate) async fn wait_past(&self, view: u64) -> Outcome {
        let deadline = Instant::now() + LIMIT;
        while self.newest_view.load(Ordering::Relaxed) <= view {
            if Instant::now() >= deadline {
                return Err(Failure::broken(format!(
                    "no write was acknowledged within {LIMIT:?} of the leader's death"
                )));
            }
            sleep(Duration::from_millis(5)).await;
        }
        sleep(CALM).await;
        Ok(())
    }

    /// Stops them; gives every write that was acknowledged.
    pub(crate) async fn finish(mut self) -> Outcome<Vec<Acknowledged>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            all.extend(done.map_err(Failure::broken)??);
        }
        Ok(all)
    }
}

async fn write(
    service: Service,
    writer: u64,
    stop: Arc<AtomicBool>,
    newest_view: Arc<AtomicU64>,
) -> Result<Vec<Acknowledged>, ClientError> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) = (
            format!("{writer}-{number}"),
            format!("write {number} of {writer}"),
        );
        let written = service
            .put(MAP, key.as_bytes(), value.clone(), &WriteOptions::default())
            .await?;
        let view = written.transaction_id.view;
        newest_view.fetch_max(view, Ordering::Relaxed);
        acknowledged.push(Acknowledged {
            key,
            value,
            view,
            at: Instant::now(),
        });
    }
    Ok(acknowledged)
}

/// How long after `death` the first write of a view after `view` was acknowledged, in milliseconds.
pub(crate) fn failover_ms(acknowledged: &[Acknowledged], view: u64, death: Instant) -> u64 {
    let later = acknowledged
        .iter()
        .filter(|one| one.view > view)
        .map(|one| one.at);
    later.min().map_or(u64::MAX, |first| {
        first.saturating_duration_since(death).as_millis() as u64
    })
}

/// How many acknowledged writes the service does not know any more.
pub(crate) async fn lost_writes(
    service: &Service,
    acknowledged: &[Acknowledged],
) -> Outcome<usize> {
    let mut present = std::collections::BTreeMap::new();
    let mut listing = Listing {
        limit: Some(1000),
        ..Listing::default()
    };
    loop {
        let page = service.list(MAP, &listing).await?;
        present.extend(
            page.entries
                .into_iter()
                .map(|entry| (entry.key.0, entry.value.0)),
        );
        listing.cursor = page.next_cursor;
        if listing.cursor.is_none() {
            break;
        }
    }
    let is_lost = |one: &&Acknowledged| {
        present
            .get(one.key.as_bytes())
            .is_none_or(|value| value[..] != *one.value.as_bytes())
    };
    Ok(acknowledged.iter().filter(is_lost).count())
}
