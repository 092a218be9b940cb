//! The watch over one connection: how long it may rest, and how long it may stand still.
//!
//! * Until its first request is whole, a connection lives `header_read_timeout`.
//! * Without a request in work it lives `idle_timeout`.
//! * With requests in work it lives as long as bytes move, and `answer_timeout` plus
//!   `send_timeout` beyond the last one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use synod_api::Limits;
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
}

impl Watch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            accepted: Instant::now(),
            requests_in_work: AtomicUsize::new(0),
            first_arrived: AtomicBool::new(false),
            rested_since_ms: AtomicU64::new(0),
            bytes_moved: AtomicU64::new(0),
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
        loop {
            let now_moved = self.bytes_moved.load(Ordering::Relaxed);
            if now_moved != moved {
                (moved, moved_at) = (now_moved, Instant::now());
            }
            let deadline = self.deadline(limits, moved_at);
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
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
}

/// A request in work.
#[derive(Debug)]
pub(crate) struct InWork(Arc<Watch>);

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
        self.moved(*result.as_ref().unwrap_or(&0));
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, pieces));
        self.moved(*result.as_ref().unwrap_or(&0));
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
