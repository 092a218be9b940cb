//! The way out of a watcher's events: what its reader has not taken yet is counted, for it and for
//! all watchers.
//!
//! Invariants
//! - room is taken before anything is rendered, and given back by the last one who holds the
//!   rendered bytes: the socket's writer, so what waits there counts as well;
//! - whoever waits for room holds none of what it waits for: an event that is longer than what was
//!   reserved is rendered again once there is room;
//! - a reader that takes nothing for [`LATE_AFTER`] is cut, so that others come to their room.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_gateway::Broken;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

/// What the events of one watcher may take until its reader has taken them. A longer event takes
/// all of it.
pub(crate) const WATCHER_BYTES_MAX: usize = 1 << 20;
/// A reader takes the next event of those that wait within this time, or the stream ends. So long a
/// watcher waits for room that others take, too.
pub(crate) const LATE_AFTER: Duration = Duration::from_secs(30);
/// Pieces of a stream that wait for a slow reader.
const PIECES_WAITING: usize = 2;
/// Room is counted in units of so many bytes.
const UNIT_BYTES: usize = 1024;

/// Room for rendered events.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    units: Arc<Semaphore>,
    units_max: u32,
}

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let units_max = units(bytes_max).max(1);
        Self {
            units: Arc::new(Semaphore::new(units_max as usize)),
            units_max,
        }
    }

    /// The bytes that are taken now.
    pub(crate) fn taken(&self) -> usize {
        (self.units_max as usize - self.units.available_permits()) * UNIT_BYTES
    }

    /// Waits for room for so many bytes; what is longer than all the room gets all of it.
    async fn take(&self, bytes: usize) -> OwnedSemaphorePermit {
        let wanted = units(bytes).min(self.units_max);
        let taken = self.units.clone().acquire_many_owned(wanted).await;
        taken.expect("the semaphore is never closed")
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

/// Room that was taken for events that are yet to be rendered.
#[derive(Debug)]
pub(crate) struct Reserved {
    bytes: usize,
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Reserved {
    /// The event together with its part of the room, which goes back when nobody holds the bytes
    /// any more. None, and nothing changed, where the rest of the room is too small for it.
    pub(crate) fn hold(&mut self, event: &Bytes) -> Option<Bytes> {
        let counted = event.len().div_ceil(UNIT_BYTES) * UNIT_BYTES;
        let left = self.bytes.checked_sub(counted)?;
        self.bytes = left;
        let held = Held {
            bytes: event.clone(),
            _own: part(&mut self.own, counted),
            _all: part(&mut self.all, counted),
        };
        Some(Bytes::from_owner(held))
    }
}

/// Splits off the room for so many bytes, or all there is: a long event has no more than all the
/// room.
fn part(of: &mut OwnedSemaphorePermit, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let units = (bytes / UNIT_BYTES).min(of.num_permits());
    of.split(units)
}

/// Rendered bytes and the room that they take.
struct Held {
    bytes: Bytes,
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a stream does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The reader is gone, or the node stops: nobody is left to be told.
    Over,
    /// The reader has not taken what came before in time.
    Late,
    /// Other watchers' readers have not, and take all the room.
    Full,
}

/// One watcher's way out.
#[derive(Debug)]
pub(crate) struct Flow {
    pieces: mpsc::Sender<Result<Bytes, Broken>>,
    stopped: watch::Receiver<bool>,
    own: Room,
    all: Room,
}

impl Flow {
    /// A way out that shares the room of `all`, and where it leads to.
    pub(crate) fn new(
        all: Room,
        stopped: watch::Receiver<bool>,
    ) -> (Self, mpsc::Receiver<Result<Bytes, Broken>>) {
        let (pieces, receiver) = mpsc::channel(PIECES_WAITING);
        let flow = Self {
            pieces,
            stopped,
            own: Room::new(WATCHER_BYTES_MAX),
            all,
        };
        (flow, receiver)
    }

    /// Waits for room for events of so many bytes together.
    ///
    /// # Errors
    /// [`Cut`].
    pub(crate) async fn reserve(&mut self, bytes: usize) -> Result<Reserved, Cut> {
        let bytes = bytes.div_ceil(UNIT_BYTES) * UNIT_BYTES;
        let (own, all) = (self.own.clone(), self.all.clone());
        // The watcher's own room first: who waits for that keeps nobody else waiting.
        let own = self.within(own.take(bytes), Cut::Late).await?;
        let all = self.within(all.take(bytes), Cut::Full).await?;
        Ok(Reserved { bytes, own, all })
    }

    /// Waits until the reader has taken enough of what came before.
    ///
    /// # Errors
    /// [`Cut`].
    pub(crate) async fn send(&mut self, piece: Bytes) -> Result<(), Cut> {
        let pieces = self.pieces.clone();
        let sent = self.within(pieces.send(Ok(piece)), Cut::Late).await?;
        sent.map_err(|_| Cut::Over)
    }

    /// Sends the last piece, however long the reader takes: only the door gives it up then.
    pub(crate) async fn end(mut self, piece: Bytes) {
        tokio::select! {
            // A reader that is gone needs no last word.
            _ = self.pieces.send(Ok(piece)) => {}
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    /// Waits until the node stops or the reader is gone.
    pub(crate) async fn over(&mut self) {
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
            () = self.pieces.closed() => {}
        }
    }

    async fn within<T>(&mut self, wait: impl Future<Output = T>, late: Cut) -> Result<T, Cut> {
        tokio::select! {
            biased;
            done = timeout(LATE_AFTER, wait) => done.map_err(|_| late),
            () = self.over() => Err(Cut::Over),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const KIB: usize = 1024;

    type Pieces = mpsc::Receiver<Result<Bytes, Broken>>;

    struct Node {
        all: Room,
        stop: watch::Sender<bool>,
    }

    impl Node {
        fn new(bytes_max: usize) -> Self {
            Self {
                all: Room::new(bytes_max),
                stop: watch::Sender::new(false),
            }
        }

        fn flow(&self) -> (Flow, Pieces) {
            Flow::new(self.all.clone(), self.stop.subscribe())
        }
    }

    impl Flow {
        /// Renders and sends an event of so many bytes.
        async fn event(&mut self, bytes: usize) -> Result<(), Cut> {
            let mut room = self.reserve(bytes).await?;
            let event = room.hold(&Bytes::from(vec![7; bytes]));
            drop(room);
            self.send(event.expect("room for it")).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_readers_have_not_taken_is_bounded_in_all() {
        let node = Node::new(1024 * KIB);
        let mut stuck: Vec<(Flow, Pieces)> = (0..4).map(|_| node.flow()).collect();
        for (flow, _) in &mut stuck {
            flow.event(256 * KIB).await.expect("room");
        }
        assert_eq!(node.all.taken(), 1024 * KIB);
        let (mut late, mut pieces) = node.flow();
        assert_eq!(late.event(1).await, Err(Cut::Full), "no room");
        assert_eq!(node.all.taken(), 1024 * KIB);
        // A piece that the writer holds still counts.
        let held = stuck[0].1.recv().await;
        assert_eq!(node.all.taken(), 1024 * KIB);
        drop(held);
        assert_eq!(node.all.taken(), 768 * KIB);
        late.event(256 * KIB).await.expect("room");
        assert!(pieces.recv().await.is_some());
        drop((stuck, late, pieces));
        assert_eq!(node.all.taken(), 0, "all of it comes back");
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_reader_has_not_taken_is_bounded() {
        let node = Node::new(64 << 20);
        let (mut flow, _pieces) = node.flow();
        flow.event(512 * KIB).await.expect("room");
        flow.event(512 * KIB).await.expect("room");
        assert_eq!(flow.event(1).await, Err(Cut::Late));
        assert_eq!(node.all.taken(), WATCHER_BYTES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_longer_than_all_room_takes_all_of_it_and_goes_out() {
        let node = Node::new(2048 * KIB);
        let (mut flow, mut pieces) = node.flow();
        flow.event(9 << 20).await.expect("it waits for nobody");
        assert_eq!(node.all.taken(), 2048 * KIB);
        let event = pieces.recv().await.expect("a piece").expect("whole");
        assert_eq!(event.len(), 9 << 20);
        drop(event);
        assert_eq!(node.all.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_gets_on_is_not_cut_and_one_that_stands_still_is_told() {
        let node = Node::new(64 << 20);
        let (mut flow, mut pieces) = node.flow();
        let reader = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(LATE_AFTER / 2).await;
                pieces.recv().await.expect("a piece").expect("whole");
            }
            pieces
        });
        let mut sent = 0;
        let cut = loop {
            match flow.event(KIB).await {
                Ok(()) => sent += 1,
                Err(cut) => break cut,
            }
        };
        assert_eq!((cut, sent), (Cut::Late, 10 + PIECES_WAITING));
        let mut pieces = reader.await.expect("it read");
        tokio::spawn(flow.end(Bytes::from_static(b"late")));
        let mut rest = Vec::new();
        while let Some(piece) = pieces.recv().await {
            rest.push(piece.expect("whole").len());
        }
        assert_eq!(rest, [KIB, KIB, 4], "what was sent, then the reason");
        assert_eq!(node.all.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_gone_and_a_node_that_stops_end_every_wait() {
        let node = Node::new(256 * KIB);
        let (mut stuck, _held) = node.flow();
        stuck.event(256 * KIB).await.expect("room");
        let (mut waiting, pieces) = node.flow();
        let waits = tokio::spawn(async move { waiting.event(1).await });
        sleep(Duration::from_secs(1)).await;
        drop(pieces);
        assert_eq!(waits.await.expect("it ends"), Err(Cut::Over));
        let (mut waiting, _pieces) = node.flow();
        let waits = tokio::spawn(async move { waiting.event(1).await });
        sleep(Duration::from_secs(1)).await;
        node.stop.send_replace(true);
        assert_eq!(waits.await.expect("it ends"), Err(Cut::Over));
    }
}
