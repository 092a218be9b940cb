//! A load of writes that goes on while a test does something to the service. Each write must be
//! acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use synod_api::Consistency;
use synod_client::{ClientError, Service, WriteOptions};
use tokio::task::JoinHandle;

use crate::processes::synod::{PATIENCE, Synod};

/// A client that writes on and on; every write must be acknowledged, however often it is repeated
/// on the way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    writing: JoinHandle<Result<(), ClientError>>,
}

impl Load {
    pub(crate) fn start(service: Service) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicU64::new(0));
        let writing = tokio::spawn(write(service, stop.clone(), written.clone()));
        Self {
            stop,
            written,
            writing,
        }
    }

    /// Waits until so many more writes were acknowledged.
    pub(crate) async fn await_more(&self, more: u64) {
        let begun = Instant::now();
        let enough = self.written.load(Ordering::Relaxed) + more;
        while self.written.load(Ordering::Relaxed) < enough {
            assert!(
                !self.writing.is_finished() && begun.elapsed() < PATIENCE,
                "writes do not go on"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The load went on without a failure, and its newest write is there.
    pub(crate) async fn expect_all(self, synod: &Synod) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.writing.await.expect("the writer ran to its end");
        ended.expect("no write failed");
        let written = self.written.load(Ordering::Relaxed);
        assert!(written > 0, "there was a load");
        let last = key(written - 1);
        let service = synod.service();
        let found = service.get("load", last.as_bytes(), Consistency::Linearizable);
        let found = found.await.expect("an answer");
        assert!(found.is_some(), "{last} is there");
    }
}

async fn write(
    service: Service,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
) -> Result<(), ClientError> {
    while !stop.load(Ordering::Relaxed) {
        let key = key(written.load(Ordering::Relaxed));
        let options = WriteOptions::default();
        service.put("load", key.as_bytes(), "v", &options).await?;
        written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn key(number: u64) -> String {
    format!("load-{number}")
}
