//! The watch over one connection: how long it may rest, and how long it may stand still.
//!
//! * Until its first request is whole, a connection lives `header_read_timeout`.
//! * Without a request in work it lives `idle_timeout`.
//! * With requests in work it lives as long as bytes move, and `answer_timeout` plus
//!   `send_timeout` beyond the last one.
//! * While an answer waits for its reader, the reader takes [`SEND_PROGRESS_BYTES`] or all of it
//!   within each `send_timeout`: who takes a byte now and then is given up.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use synod_api::Limits;
use synod_api::limits::SEND_PROGRESS_BYTES;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What is known of a connection's life. Times are milliseconds since it was accepted.
#[derive(Debug)]
pub(crate) struct Watch {
    accepted: Instant,
    requests_in_work: AtomicUsize,
    first_arrived: AtomicBool,
    rested_since_ms: AtomicU64,
    bytes_moved: AtomicU64,
    bytes_sent: AtomicU64,
    /// Requests whose bodies have not come in.
    arriving: AtomicUsize,
    /// Since when some request has been arriving.
    arriving_since_ms: AtomicU64,
    /// Answers with bytes that wait for the reader.
    owed: AtomicUsize,
    /// How often no answer was owed any more.
    paid: AtomicU64,
    /// Answers that are being sent.
    sending: AtomicUsize,
    /// Since when some answer has been on its way.
    sending_since_ms: AtomicU64,
}

/// What a connection is at, for whoever must choose which one gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// For so long nothing has been asked, or a request has not come in whole.
    Idle(Duration),
    /// For so long answers have been on their way to the client, and nothing else is in work.
    Sending(Duration),
    /// A request waits for the replica.
    Working,
}

/// A view of one connection's activity; clones share it.
#[derive(Clone, Debug)]
pub struct Activity(Arc<Watch>);

impl Activity {
    /// Of a connection that begins now.
    #[expect(clippy::new_without_default, reason = "it begins to count time")]
    pub fn new() -> Self {
        Self(Watch::new())
    }

    /// What the connection is at.
    pub fn standing(&self) -> Standing {
        self.0.standing()
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.0
    }
}

impl Watch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            accepted: Instant::now(),
            requests_in_work: AtomicUsize::new(0),
            first_arrived: AtomicBool::new(false),
            rested_since_ms: AtomicU64::new(0),
            bytes_moved: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            arriving: AtomicUsize::new(0),
            arriving_since_ms: AtomicU64::new(0),
            owed: AtomicUsize::new(0),
            paid: AtomicU64::new(0),
            sending: AtomicUsize::new(0),
            sending_since_ms: AtomicU64::new(0),
        })
    }

    /// Counts a request as in work until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InWork {
        self.first_arrived.store(true, Ordering::Relaxed);
        self.requests_in_work.fetch_add(1, Ordering::Relaxed);
        InWork(Arc::clone(self))
    }

    /// Waits until the connection has outlived its time.
    pub(crate) async fn outlived(&self, limits: &Limits) {
        let mut moved = self.bytes_moved.load(Ordering::Relaxed);
        let mut moved_at = Instant::now();
        let mut owing = Owing::default();
        loop {
            let now_moved = self.bytes_moved.load(Ordering::Relaxed);
            if now_moved != moved {
                (moved, moved_at) = (now_moved, Instant::now());
            }
            owing.look(self);
            let mut deadline = self.deadline(limits, moved_at);
            if let Some(since) = owing.since {
                deadline = deadline.min(since + limits.send_timeout);
            }
            if deadline <= Instant::now() {
                return;
            }
            // An answer that begins to be owed meanwhile is noticed in time.
            let next = deadline.min(Instant::now() + limits.send_timeout);
            tokio::time::sleep_until(next).await;
        }
    }

    fn deadline(&self, limits: &Limits, moved_at: Instant) -> Instant {
        if self.requests_in_work.load(Ordering::Relaxed) > 0 {
            return moved_at + limits.answer_timeout + limits.send_timeout;
        }
        if !self.first_arrived.load(Ordering::Relaxed) {
            return self.accepted + limits.header_read_timeout;
        }
        let rested_since = Duration::from_millis(self.rested_since_ms.load(Ordering::Relaxed));
        self.accepted + rested_since + limits.idle_timeout
    }

    fn now_ms(&self) -> u64 {
        self.accepted.elapsed().as_millis() as u64
    }

    fn since(&self, ms: &AtomicU64) -> Duration {
        let since = Duration::from_millis(ms.load(Ordering::Relaxed));
        self.accepted.elapsed().saturating_sub(since)
    }

    fn standing(&self) -> Standing {
        let in_work = self.requests_in_work.load(Ordering::Relaxed);
        let (arriving, sending) = (
            self.arriving.load(Ordering::Relaxed),
            self.sending.load(Ordering::Relaxed),
        );
        if in_work > arriving + sending {
            Standing::Working
        } else if sending > 0 {
            Standing::Sending(self.since(&self.sending_since_ms))
        } else if arriving > 0 {
            Standing::Idle(self.since(&self.arriving_since_ms))
        } else {
            Standing::Idle(self.since(&self.rested_since_ms))
        }
    }
}

/// Since when the reader has taken too little of what it is owed.
#[derive(Default)]
struct Owing {
    since: Option<Instant>,
    sent: u64,
    paid: u64,
}

impl Owing {
    fn look(&mut self, watch: &Watch) {
        let (sent, paid) = (
            watch.bytes_sent.load(Ordering::Relaxed),
            watch.paid.load(Ordering::Relaxed),
        );
        let owed = watch.owed.load(Ordering::Relaxed) > 0;
        let goes_on = self.since.is_some()
            && paid == self.paid
            && sent - self.sent < SEND_PROGRESS_BYTES as u64;
        if !owed {
            self.since = None;
        } else if !goes_on {
            (self.since, self.sent, self.paid) = (Some(Instant::now()), sent, paid);
        }
    }
}

/// A request in work.
#[derive(Debug)]
pub(crate) struct InWork(Arc<Watch>);

impl InWork {
    /// The request's body is on its way in, until the returned value is dropped.
    pub(crate) fn arriving(&self) -> Arriving<'_> {
        if self.0.arriving.fetch_add(1, Ordering::Relaxed) == 0 {
            let now_ms = self.0.now_ms();
            self.0.arriving_since_ms.store(now_ms, Ordering::Relaxed);
        }
        Arriving(&self.0)
    }

    /// The answer is on its way out, until the returned value is dropped.
    pub(crate) fn sending(self) -> Sending {
        if self.0.sending.fetch_add(1, Ordering::Relaxed) == 0 {
            let now_ms = self.0.now_ms();
            self.0.sending_since_ms.store(now_ms, Ordering::Relaxed);
        }
        let mut sending = Sending {
            in_work: self,
            owed: false,
        };
        sending.owe(true);
        sending
    }
}

/// A request that is coming in.
pub(crate) struct Arriving<'a>(&'a Watch);

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.0.arriving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that is going out.
pub(crate) struct Sending {
    in_work: InWork,
    owed: bool,
}

impl Sending {
    /// Whether bytes of the answer wait for the reader now, or the reader waits for them.
    pub(crate) fn owe(&mut self, owed: bool) {
        let watch = &self.in_work.0;
        match (self.owed, owed) {
            (false, true) => {
                watch.owed.fetch_add(1, Ordering::Relaxed);
            }
            (true, false) if watch.owed.fetch_sub(1, Ordering::Relaxed) == 1 => {
                watch.paid.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        self.owed = owed;
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.owe(false);
        self.in_work.0.sending.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0
            .rested_since_ms
            .store(self.0.now_ms(), Ordering::Relaxed);
        self.0.requests_in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose movement is watched.
pub(crate) struct Watched<I> {
    stream: I,
    watch: Arc<Watch>,
}

impl<I> Watched<I> {
    pub(crate) fn new(stream: I, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }

    fn moved(&self, bytes: usize) {
        self.watch
            .bytes_moved
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn sent(&self, bytes: usize) {
        self.moved(bytes);
        self.watch
            .bytes_sent
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(context, into));
        self.moved(into.filled().len() - before);
        Poll::Ready(result)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.sent(*result.as_ref().unwrap_or(&0));
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, pieces));
        self.sent(*result.as_ref().unwrap_or(&0));
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
