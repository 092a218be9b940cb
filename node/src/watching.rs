//! Watching: the committed changes of a map as server-sent events, for as long as the caller may see them.
//!
//! Invariants
//! - a watcher holds a position, and rendered events of at most [`RENDERED_BYTES_MAX`] and one more; what it has not
//!   taken stays where the replica keeps it;
//! - whether it may see what comes is judged anew whenever governance has changed, in the newest certified state;
//! - a stream that cannot go on says why in its last event, unless the node stops.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use synod_api::{Blob, ErrorCode, Problem, WatchChange, WatchEvent};
use synod_crypto::Digest;
use synod_gateway::Broken;
use synod_kv::{MapName, WriteSet};
use synod_ledger::TxId;
use synod_replica::changes::{Change, ChangesError};
use synod_replica::{Caller, Replica};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::core::Core;
use crate::governance_news::GovernanceSeen;
use crate::watch_right::may_watch;

/// Pieces of a stream that wait for a slow reader.
const PIECES_WAITING: usize = 2;
/// Events are rendered until they have so many bytes together; then they must be taken first.
const RENDERED_BYTES_MAX: usize = 256 * 1024;
/// The most transactions that are looked at together: old ones are opened again on the thread that orders.
const LOOKED_AT_MAX: usize = 128;
/// A watcher that is behind waits so long between two looks.
const BREATH: Duration = Duration::from_millis(2);
/// A watcher that has seen all waits so long before it looks again, so that many transactions make one look.
const PAUSE: Duration = Duration::from_millis(20);
/// So often a silent stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// The watchers of this node.
#[derive(Debug)]
pub(crate) struct Watchers {
    max: usize,
    per_caller_max: usize,
    /// How many watch, by the key of their certificate.
    open: Mutex<BTreeMap<Option<Digest>, usize>>,
    certified: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
}

/// What is watched, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) caller: Caller,
    pub(crate) map: MapName,
    pub(crate) prefix: Bytes,
}

/// A place among the watchers, given back when dropped.
#[derive(Debug)]
struct Place {
    watchers: Arc<Watchers>,
    caller: Option<Digest>,
}

impl Watchers {
    /// Nobody yet, and at most so many, in all and of one caller.
    pub(crate) fn new(max: usize, per_caller_max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            per_caller_max,
            open: Mutex::default(),
            certified: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
        })
    }

    /// Transactions up to `seqno` are certified.
    pub(crate) fn certified(&self, seqno: u64) {
        self.certified.send_if_modified(|known| {
            let newer = seqno > *known;
            *known = seqno.max(*known);
            newer
        });
    }

    /// Where to learn of newly certified transactions.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.certified.subscribe()
    }

    /// Ends all streams.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.lock().values().sum()
    }

    /// Begins to watch after `from`, or without it from now on.
    ///
    /// # Errors
    /// The problem to answer with.
    pub(crate) async fn watch(
        self: &Arc<Self>,
        core: Core,
        watched: Watched,
        from: Option<u64>,
    ) -> Result<mpsc::Receiver<Result<Bytes, Broken>>, Box<Problem>> {
        let place = self.enter(watched.caller.fingerprint)?;
        let (certified, stopped) = (self.certified.subscribe(), self.stopped.subscribe());
        let asked = watched.clone();
        let (position, seen) = core
            .look(move |replica| begin(replica, &asked, from))
            .await
            .ok_or_else(|| Problem::new(ErrorCode::ShuttingDown))??;
        let (pieces, receiver) = mpsc::channel(PIECES_WAITING);
        let stream = Stream {
            core,
            watched,
            position,
            seen,
            certified,
            stopped,
            pieces,
            _place: place,
        };
        tokio::spawn(stream.run());
        Ok(receiver)
    }

    fn enter(self: &Arc<Self>, caller: Option<Digest>) -> Result<Place, Box<Problem>> {
        let too_many = |detail: &str| Problem::new(ErrorCode::Overloaded).with_detail(detail);
        let mut open = self.lock();
        if open.values().sum::<usize>() >= self.max {
            return Err(too_many("too many watch at once").into());
        }
        let own = open.entry(caller).or_default();
        if *own >= self.per_caller_max {
            return Err(too_many("this caller watches too often at once").into());
        }
        *own += 1;
        drop(open);
        let watchers = self.clone();
        Ok(Place { watchers, caller })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<Digest>, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.watchers.lock();
        let left = open.get_mut(&self.caller).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            open.remove(&self.caller);
        }
    }
}

/// Where a watcher begins.
fn begin(
    replica: &mut Replica,
    watched: &Watched,
    from: Option<u64>,
) -> Result<(u64, GovernanceSeen), Box<Problem>> {
    let newest = replica.machine().history().certified_seqno();
    let position = from.unwrap_or(newest);
    let mut seen = GovernanceSeen::default();
    changes(replica, watched, &mut seen, position, 1).map(|_| (position, seen))
}

/// What follows the position, if the caller may see it. Nothing where this replica is not so far yet: a watcher that
/// comes from another one may be ahead.
fn changes(
    replica: &mut Replica,
    watched: &Watched,
    seen: &mut GovernanceSeen,
    position: u64,
    max: usize,
) -> Result<Vec<Change>, Box<Problem>> {
    if replica.gauges().halted {
        return Err(Problem::new(ErrorCode::Halted).into());
    }
    if seen.is_news(replica) {
        may_watch(replica, watched.caller, &watched.map, &watched.prefix)?;
    }
    match replica.changes_since(position, max) {
        Ok(changes) => Ok(changes),
        Err(ChangesError::Ahead { .. }) => Ok(Vec::new()),
        Err(gone @ ChangesError::Gone { .. }) => {
            let problem = Problem::new(ErrorCode::WatchExpired);
            Err(problem.with_detail(gone.to_string()).into())
        }
    }
}

/// One watcher's stream.
struct Stream {
    core: Core,
    watched: Watched,
    /// All up to this transaction was sent.
    position: u64,
    /// What it may see was judged by this governance.
    seen: GovernanceSeen,
    certified: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    _place: Place,
}

/// The stream is over: the reader is gone, or the node stops.
struct Over;

impl Stream {
    async fn run(mut self) {
        // Over is no failure: nobody is left to be told.
        let _ = self.follow().await;
    }

    async fn follow(&mut self) -> Result<(), Over> {
        self.send(alive(self.position)).await?;
        let mut spoke = Instant::now();
        loop {
            let due = spoke.elapsed() >= ALIVE;
            match self.look().await? {
                Ok(events) => {
                    let silent = events.is_empty();
                    for event in events {
                        self.send(event).await?;
                    }
                    if silent && due {
                        self.send(alive(self.position)).await?;
                    }
                    if !silent || due {
                        spoke = Instant::now();
                    }
                }
                Err(problem) => return self.send(last(&problem)).await,
            }
            if self.position < *self.certified.borrow_and_update() {
                tokio::time::sleep(BREATH).await;
            } else {
                self.wait(spoke + ALIVE).await?;
            }
        }
    }

    /// The events after the position, which moves past them.
    async fn look(&mut self) -> Result<Result<Vec<Bytes>, Problem>, Over> {
        let (watched, position, mut seen) = (self.watched.clone(), self.position, self.seen);
        let look = move |replica: &mut Replica| {
            let found = changes(replica, &watched, &mut seen, position, LOOKED_AT_MAX);
            found.map(|changes| (changes, seen))
        };
        let changes = match self.core.look(look).await.ok_or(Over)? {
            Ok((changes, seen)) => {
                self.seen = seen;
                changes
            }
            Err(problem) => return Ok(Err(ended(*problem))),
        };
        let (mut events, mut bytes) = (Vec::new(), 0);
        for change in changes {
            if bytes >= RENDERED_BYTES_MAX {
                break;
            }
            self.position = change.tx.seqno;
            if let Some(event) = event(&self.watched, change.tx, &change.writes) {
                bytes += event.len();
                events.push(event);
            }
        }
        Ok(Ok(events))
    }

    /// Waits for something new, or until `until`.
    async fn wait(&mut self, until: Instant) -> Result<(), Over> {
        tokio::time::sleep(PAUSE).await;
        let wanted = self.position;
        tokio::select! {
            newer = self.certified.wait_for(|certified| *certified > wanted) => newer.map(drop).map_err(|_| Over),
            () = tokio::time::sleep_until(until) => Ok(()),
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Over),
            () = self.pieces.closed() => Err(Over),
        }
    }

    /// Waits until the reader has taken enough of what came before.
    async fn send(&mut self, piece: Bytes) -> Result<(), Over> {
        tokio::select! {
            sent = self.pieces.send(Ok(piece)) => sent.map_err(|_| Over),
            _ = self.stopped.wait_for(|stopped| *stopped) => Err(Over),
        }
    }
}

/// Of one who was let in before, a refusal is an end.
fn ended(problem: Problem) -> Problem {
    match problem.code {
        ErrorCode::Forbidden | ErrorCode::CertificateRequired | ErrorCode::ServiceNotOpen => {
            Problem::new(ErrorCode::WatchEnded)
        }
        _ => problem,
    }
}

/// What a transaction changed of what is watched; none if nothing.
fn event(watched: &Watched, tx: TxId, writes: &WriteSet) -> Option<Bytes> {
    let changes: Vec<_> = writes
        .iter()
        .filter(|(map, key, _)| **map == watched.map && key.starts_with(&watched.prefix))
        .map(|(_, key, value)| WatchChange {
            key: Blob(key.clone()),
            value: value.map(|value| Blob(value.clone())),
        })
        .collect();
    if changes.is_empty() {
        return None;
    }
    let event = WatchEvent {
        transaction_id: tx,
        map: watched.map.to_string(),
        changes,
    };
    let json = serde_json::to_string(&event).expect("events hold string keys only");
    // JSON has no line breaks but escaped ones, so it is one line of an event.
    let seqno = tx.seqno;
    Some(format!("id: {seqno}\nevent: change\ndata: {json}\n\n").into())
}

/// A sign of life, from which a reader also learns how far it is.
fn alive(position: u64) -> Bytes {
    format!(": at {position}\nid: {position}\n\n").into()
}

fn last(problem: &Problem) -> Bytes {
    let json = String::from_utf8(problem.to_json()).expect("JSON is text");
    format!("event: problem\ndata: {json}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(map: &str, prefix: &'static [u8]) -> Watched {
        Watched {
            caller: Caller::default(),
            map: MapName::new(map).expect("a name"),
            prefix: Bytes::from_static(prefix),
        }
    }

    #[test]
    fn event_holds_what_is_watched_and_nothing_else() {
        let mut writes = WriteSet::new();
        for (map, key, value) in [
            ("a", "p/1", Some("line\nbreak")),
            ("a", "p/2", None),
            ("a", "q/1", Some("other prefix")),
            ("b", "p/1", Some("other map")),
        ] {
            let map = MapName::new(map).expect("a name");
            match value {
                Some(value) => writes.put(&map, key, value).expect("small"),
                None => writes.delete(&map, key).expect("small"),
            }
        }
        let tx = TxId { view: 2, seqno: 17 };
        let text = event(&watched("a", b"p/"), tx, &writes).expect("changes");
        let wanted = concat!(
            "id: 17\nevent: change\n",
            r#"data: {"transaction_id":"2.17","map":"a","changes":[{"key":"p/1","value":"line\nbreak"},"#,
            r#"{"key":"p/2","value":null}]}"#,
            "\n\n"
        );
        assert_eq!(text, wanted);
        assert_eq!(event(&watched("c", b""), tx, &writes), None);
    }

    #[test]
    fn places_are_bounded_in_all_and_by_caller_and_given_back() {
        let watchers = Watchers::new(3, 2);
        let (anna, nobody) = (Some(Digest::from([1; 32])), None);
        let code = |caller| watchers.enter(caller).unwrap_err().code;
        let first = watchers.enter(anna).unwrap();
        let _second = watchers.enter(anna).unwrap();
        assert_eq!(code(anna), ErrorCode::Overloaded);
        let _third = watchers.enter(nobody).unwrap();
        assert_eq!(code(Some(Digest::from([2; 32]))), ErrorCode::Overloaded);
        drop(first);
        assert_eq!(watchers.count(), 2);
        let _fourth = watchers.enter(anna).unwrap();
    }
}
