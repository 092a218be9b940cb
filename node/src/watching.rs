//! Watching: the committed changes of a map as server-sent events, for as long as the caller may
//! see them.
//!
//! Invariants
//! - a watcher holds a position, and rendered events for which there is room, its own and that of
//!   all ([`crate::watch_flow`]); what its reader has not taken stays where the replica keeps it;
//! - whether it may see what comes is judged anew whenever governance has changed, in the newest
//!   certified state;
//! - a stream that cannot go on says why in its last event, unless the node stops.

use std::collections::BTreeMap;
use std::convert::Infallible;
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
use crate::watch_flow::{Cut, Flow, Reserved, Room};
use crate::watch_right::may_watch;

/// Events are rendered until they have so many bytes together; then they must be taken first.
const RENDERED_BYTES_MAX: usize = 256 * 1024;
/// The most transactions that are looked at together: old ones are opened again on the thread that
/// orders.
const LOOKED_AT_MAX: usize = 128;
/// A watcher that is behind waits so long between two looks.
const BREATH: Duration = Duration::from_millis(2);
/// A watcher that has seen all waits so long before it looks again, so that many transactions make
/// one look.
const PAUSE: Duration = Duration::from_millis(20);
/// A watcher that comes from another replica may be so far ahead of this one.
const BEHIND_MAX: Duration = Duration::from_secs(3);
/// So often a silent stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// The watchers of this node.
#[derive(Debug)]
pub(crate) struct Watchers {
    max: usize,
    per_caller_max: usize,
    /// What rendered events may take until their readers have taken them, all together.
    room: Room,
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
    /// Nobody yet, and at most so many, in all and of one caller, with so many bytes of events in
    /// memory.
    pub(crate) fn new(max: usize, per_caller_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            per_caller_max,
            room: Room::new(bytes_max),
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

    /// The bytes of events that readers have not taken yet.
    pub(crate) fn bytes_in_memory(&self) -> usize {
        self.room.taken()
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
        let mut certified = self.certified.subscribe();
        if let Some(from) = from {
            reach(&core, &mut certified, from).await?;
        }
        let asked = watched.clone();
        let (position, seen) = core
            .look(move |replica| begin(replica, &asked, from))
            .await??;
        let (flow, receiver) = Flow::new(self.room.clone(), self.stopped.subscribe());
        let stream = Stream {
            core,
            watched,
            position,
            seen,
            certified,
            _place: place,
        };
        tokio::spawn(stream.run(flow));
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

/// Waits until this replica has certified what the watcher has seen elsewhere.
async fn reach(
    core: &Core,
    certified: &mut watch::Receiver<u64>,
    from: u64,
) -> Result<(), Box<Problem>> {
    let newest = |replica: &mut Replica| replica.machine().history().certified_seqno();
    if from <= core.look(newest).await? {
        return Ok(());
    }
    let reached = certified.wait_for(|seqno| *seqno >= from);
    if let Ok(Ok(_)) = tokio::time::timeout(BEHIND_MAX, reached).await {
        return Ok(());
    }
    let newest = core.look(newest).await?;
    let detail =
        format!("no transaction has the sequence number {from} yet, {newest} is the newest here");
    Err(Problem::new(ErrorCode::InvalidParameter)
        .with_detail(detail)
        .into())
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

/// What follows the position, if the caller may see it. Nothing where this replica is not so far
/// yet: a watcher that comes from another one may be ahead.
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
    _place: Place,
}

/// Why a stream ends.
enum End {
    Cut(Cut),
    Problem(Problem),
}

impl From<Cut> for End {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// What a look came to.
enum Seen {
    /// These events; the list may be empty.
    Events(Vec<Bytes>),
    /// The next event is longer than the room that was reserved: so many bytes.
    TooLong(usize),
}

impl Stream {
    async fn run(mut self, mut flow: Flow) {
        let Err(end) = self.follow(&mut flow).await;
        let problem = match end {
            // Nobody is left to be told.
            End::Cut(Cut::Over) => return,
            End::Cut(Cut::Late) => ErrorCode::WatchTooSlow.into(),
            End::Cut(Cut::Full) => Problem::new(ErrorCode::Overloaded)
                .with_detail("events of other watchers take all the room"),
            End::Problem(problem) => problem,
        };
        flow.end(last(&problem)).await;
    }

    async fn follow(&mut self, flow: &mut Flow) -> Result<Infallible, End> {
        flow.send(alive(self.position)).await?;
        let mut spoke = Instant::now();
        loop {
            let due = spoke.elapsed() >= ALIVE;
            let spoken = self.tell(flow).await?;
            if due && !spoken {
                flow.send(alive(self.position)).await?;
            }
            if due || spoken {
                spoke = Instant::now();
            }
            if self.position < *self.certified.borrow_and_update() {
                tokio::time::sleep(BREATH).await;
            } else {
                self.wait(flow, spoke + ALIVE).await?;
            }
        }
    }

    /// Sends what follows the position, as much of it as is rendered together; whether there was
    /// anything. Where nothing is new, only the right to watch is judged anew, and no room is
    /// taken.
    async fn tell(&mut self, flow: &mut Flow) -> Result<bool, End> {
        let mut wanted = RENDERED_BYTES_MAX;
        if self.position >= *self.certified.borrow() {
            self.changes(0).await?;
            return Ok(false);
        }
        loop {
            let mut room = flow.reserve(wanted).await?;
            let seen = self.look(&mut room).await?;
            // What is left of it serves others while this reader takes its time.
            drop(room);
            match seen {
                Seen::TooLong(bytes) => wanted = bytes,
                Seen::Events(events) => {
                    let spoken = !events.is_empty();
                    for event in events {
                        flow.send(event).await?;
                    }
                    return Ok(spoken);
                }
            }
        }
    }

    /// The events after the position, which moves past them.
    async fn look(&mut self, room: &mut Reserved) -> Result<Seen, End> {
        let mut events = Vec::new();
        for change in self.changes(LOOKED_AT_MAX).await? {
            if let Some(event) = event(&self.watched, change.tx, &change.writes) {
                match room.hold(&event) {
                    Some(held) => events.push(held),
                    None if events.is_empty() => return Ok(Seen::TooLong(event.len())),
                    None => break,
                }
            }
            self.position = change.tx.seqno;
        }
        Ok(Seen::Events(events))
    }

    /// What follows the position, at most so many transactions.
    async fn changes(&mut self, max: usize) -> Result<Vec<Change>, End> {
        let (watched, position, mut seen) = (self.watched.clone(), self.position, self.seen);
        let look = move |replica: &mut Replica| {
            let found = changes(replica, &watched, &mut seen, position, max);
            found.map(|changes| (changes, seen))
        };
        match self.core.look(look).await.map_err(|_| Cut::Over)? {
            Ok((changes, seen)) => {
                self.seen = seen;
                Ok(changes)
            }
            Err(problem) => Err(End::Problem(ended(*problem))),
        }
    }

    /// Waits for something new, or until `until`.
    async fn wait(&mut self, flow: &mut Flow, until: Instant) -> Result<(), Cut> {
        tokio::time::sleep(PAUSE).await;
        let wanted = self.position;
        tokio::select! {
            newer = self.certified.wait_for(|certified| *certified > wanted) => newer.map(drop).map_err(|_| Cut::Over),
            () = tokio::time::sleep_until(until) => Ok(()),
            () = flow.over() => Err(Cut::Over),
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
        let watchers = Watchers::new(3, 2, 1 << 20);
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
