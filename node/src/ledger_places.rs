//! Places of those who read the ledger as a stream: joiners, auditors, anybody.
//!
//! Replicas, such as those that join, have places of their own, so that no stranger keeps a joiner
//! out. A stream that is slow, and has been for a while, gives way to a newcomer; a fast one does
//! not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use synod_crypto::Digest;
use synod_gateway::{Broken, Source};
use tokio::sync::mpsc::Sender;

use crate::config::NodeLimits;
use crate::places::{Bounds, Place, Places, Silence};

/// A stream that began less long ago never gives way.
const GRACE: Duration = Duration::from_secs(30);
/// A stream that takes so many bytes a second, on average, never gives way (256 KiB/s).
const SLOW_BYTES_PER_S: u64 = 256 * 1024;
/// So many streams one replica may have: one, and another that it has given up and that has not
/// ended here.
const STREAMS_PER_REPLICA_MAX: usize = 2;

/// The places of all streams of the ledger.
pub(crate) struct LedgerPlaces {
    replicas: Arc<Places<Digest>>,
    others: Arc<Places<Option<Source>>>,
}

/// A place of one stream.
pub(crate) struct StreamPlace {
    place: PlaceOf,
    pace: Arc<Pace>,
}

enum PlaceOf {
    Replica(Place<Digest>),
    Other(Place<Option<Source>>),
}

/// How fast a stream is read.
struct Pace {
    begun: Instant,
    bytes: AtomicU64,
}

impl LedgerPlaces {
    /// As many as the limits say.
    pub(crate) fn new(limits: &NodeLimits) -> Self {
        let places_max = limits.ledger_streams_max;
        Self {
            replicas: Places::new(Bounds {
                places_max,
                per_key_max: STREAMS_PER_REPLICA_MAX,
            }),
            others: Places::new(Bounds {
                places_max,
                per_key_max: limits.ledger_streams_per_source_max,
            }),
        }
    }

    /// A place for the replica with this key, or for somebody else from this source.
    pub(crate) fn take(
        &self,
        replica: Option<Digest>,
        source: Option<Source>,
    ) -> Option<StreamPlace> {
        let pace = Arc::new(Pace {
            begun: Instant::now(),
            bytes: AtomicU64::new(0),
        });
        let place = match replica {
            Some(key) => PlaceOf::Replica(self.replicas.take(key, pace.silence())?),
            None => PlaceOf::Other(self.others.take(source, pace.silence())?),
        };
        Some(StreamPlace { place, pace })
    }
}

impl StreamPlace {
    /// Sends a piece; false if the reader is gone, or has to give way to another.
    pub(crate) async fn send(&self, pieces: &Sender<Result<Bytes, Broken>>, piece: Bytes) -> bool {
        let length = piece.len() as u64;
        let asked_to_leave = async {
            match &self.place {
                PlaceOf::Replica(place) => place.asked_to_leave().await,
                PlaceOf::Other(place) => place.asked_to_leave().await,
            }
        };
        let sent = tokio::select! {
            sent = pieces.send(Ok(piece)) => sent.is_ok(),
            () = asked_to_leave => false,
        };
        self.pace.bytes.fetch_add(length, Ordering::Relaxed);
        sent
    }
}

impl Pace {
    fn silence(self: &Arc<Self>) -> Silence {
        let pace = self.clone();
        Box::new(move || {
            let elapsed = pace.begun.elapsed();
            let bytes = pace.bytes.load(Ordering::Relaxed);
            is_slow(elapsed, bytes).then_some((false, elapsed))
        })
    }
}

fn is_slow(elapsed: Duration, bytes: u64) -> bool {
    elapsed >= GRACE && bytes < elapsed.as_secs().saturating_mul(SLOW_BYTES_PER_S)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(last: u8) -> Source {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn stranger(places: &LedgerPlaces, last: u8) -> Option<StreamPlace> {
        places.take(None, Some(source(last)))
    }

    #[test]
    fn strangers_keep_no_replica_from_reading_the_ledger() {
        let places = LedgerPlaces::new(&NodeLimits::default());
        let held: Vec<_> = (0..12).map(|last| stranger(&places, last)).collect();
        assert_eq!(held.iter().flatten().count(), 4);
        let joiner = Some(Digest::from([1; 32]));
        assert!(places.take(joiner, Some(source(0))).is_some());
    }

    #[test]
    fn one_source_takes_no_more_than_its_share_of_streams() {
        let places = LedgerPlaces::new(&NodeLimits::default());
        let held: Vec<_> = (0..12).map(|_| stranger(&places, 1)).collect();
        assert_eq!(held.iter().flatten().count(), 2);
        assert!(stranger(&places, 2).is_some());
    }

    #[test]
    fn stream_is_slow_only_after_its_grace_and_below_the_rate() {
        let (young, old) = (Duration::from_secs(29), Duration::from_secs(100));
        assert!(!is_slow(young, 0));
        assert!(is_slow(old, 100 * SLOW_BYTES_PER_S - 1));
        assert!(!is_slow(old, 100 * SLOW_BYTES_PER_S));
    }
}
