//! Bodies: how one is read within its limits, and how one is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use hyper::body::{Body, Frame, SizeHint};
use synod_api::limits::BODY_PROGRESS_BYTES;
use synod_api::{ErrorCode, Limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::refusal::{Refused, printable, refuse};
use crate::stream::{Broken, Records};
use crate::watch::{InWork, Sending};

/// Bodies up to this size are copied out of the connection's read buffer, so that a small value
/// that is kept for long does not keep a whole buffer with it.
const COPIED_BYTES_MAX: usize = 16 * 1024;

/// So much of what is wrong with a body is told.
const DETAIL_CHARS_MAX: usize = 400;
/// Answers up to this size are not counted: they cost little more than the request did.
const UNCOUNTED_BYTES_MAX: usize = 16 * 1024;
/// An answer is handed to the connection in pieces of at most so many bytes, so that the rest stays
/// here, counted, until the reader has taken what came before.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// What all bodies that are being gathered may take together.
#[derive(Debug)]
pub(crate) struct Budget {
    taken: AtomicUsize,
    bytes_max: usize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            bytes_max,
        })
    }

    /// The bytes taken now, for tests and metrics.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// A share of the budget, given back when dropped.
struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Share<'_> {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.bytes += bytes;
        let before = self.budget.taken.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.budget.bytes_max {
            return Err(refuse(
                ErrorCode::Overloaded,
                "too many large bodies are arriving",
            ));
        }
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What all answers that wait for their readers may take together, in units of [`UNIT_BYTES`].
pub(crate) struct AnswerRoom {
    units: Arc<Semaphore>,
    units_max: u32,
}

const UNIT_BYTES: usize = 1024;

impl AnswerRoom {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let units_max = u32::try_from(bytes_max / UNIT_BYTES)
            .unwrap_or(u32::MAX)
            .max(1);
        Self {
            units: Arc::new(Semaphore::new(units_max as usize)),
            units_max,
        }
    }

    /// Waits until there is room for an answer of so many bytes. One that is longer than all the
    /// room gets all of it.
    async fn take(&self, bytes: usize) -> OwnedSemaphorePermit {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let taken = self
            .units
            .clone()
            .acquire_many_owned(units.min(self.units_max));
        taken.await.expect("the semaphore is never closed")
    }

    /// The bytes that are taken now, for tests and metrics.
    pub(crate) fn taken(&self) -> usize {
        (self.units_max as usize - self.units.available_permits()) * UNIT_BYTES
    }
}

/// The room that one answer takes, of its connection and of all, given back when dropped. Short
/// answers take none.
#[derive(Default)]
pub(crate) struct AnswerShare {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl AnswerShare {
    /// Waits until there is room for an answer of so many bytes.
    pub(crate) async fn take(own: &AnswerRoom, all: &AnswerRoom, bytes: usize) -> Self {
        if bytes <= UNCOUNTED_BYTES_MAX {
            return Self::default();
        }
        // The connection's own room first: who waits for that keeps nobody else waiting.
        Self {
            _own: Some(own.take(bytes).await),
            _all: Some(all.take(bytes).await),
        }
    }
}

/// What every reading of a request needs.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) budget: &'a Budget,
}

/// Makes sure that no body follows.
pub(crate) fn expect_no_body<B: Body>(body: &B) -> Result<(), Refused> {
    if body.is_end_stream() {
        return Ok(());
    }
    Err(refuse(
        ErrorCode::MalformedRequest,
        "this method takes no body here",
    ))
}

/// Reads a body that may be as long as any.
pub(crate) async fn read_whole<B>(body: B, bounds: Bounds<'_>) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let max = bounds.limits.body_bytes_max;
    read_body(
        body,
        max,
        ErrorCode::BodyTooLarge,
        bounds.limits,
        bounds.budget,
    )
    .await
}

/// Reads a body of at most `bytes_max` bytes, for as long as it gets on.
pub(crate) async fn read_body<B>(
    body: B,
    bytes_max: usize,
    too_large: ErrorCode,
    limits: &Limits,
    budget: &Budget,
) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(too_long(too_large, bytes_max));
    }
    let arriving = Arriving::new(body, limits.body_progress_timeout);
    gather(arriving, bytes_max, too_large, budget).await
}

/// Whether the rest of a body that is refused is to be read. Over HTTP/2 an early answer resets the
/// stream, and some clients lose the answer by that. Whoever waits for leave to send is answered at
/// once.
pub(crate) fn may_drain(parts: &Parts) -> bool {
    parts.version == Version::HTTP_2 && !parts.headers.contains_key(EXPECT)
}

/// Reads what is left of a body, as far as a body may go at all, and drops it.
pub(crate) async fn drain<B>(body: B, limits: &Limits)
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() || body.size_hint().lower() > limits.body_bytes_max as u64 {
        return;
    }
    let mut arriving = Arriving::new(body, limits.body_progress_timeout);
    let mut bytes = 0;
    while let Ok(Some(piece)) = arriving.next().await {
        bytes += piece.len();
        if bytes > limits.body_bytes_max {
            return;
        }
    }
}

/// A body on its way in, which gets on: within each `window` so many bytes arrive, or the rest.
struct Arriving<B> {
    body: B,
    window: Duration,
    ends: Instant,
    /// Bytes that this window has brought.
    bytes: usize,
}

impl<B> Arriving<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    fn new(body: B, window: Duration) -> Self {
        Self {
            body,
            window,
            ends: Instant::now() + window,
            bytes: 0,
        }
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let piece = timeout_at(self.ends, next_piece(&mut self.body)).await;
        let piece = piece.map_err(|_| too_slow(self.window))??;
        self.bytes += piece.as_ref().map_or(0, Bytes::len);
        if self.bytes >= BODY_PROGRESS_BYTES {
            (self.bytes, self.ends) = (0, Instant::now() + self.window);
        }
        Ok(piece)
    }
}

fn too_slow(window: Duration) -> Refused {
    let (kib, seconds) = (BODY_PROGRESS_BYTES / 1024, window.as_secs_f32());
    let detail = format!("at least {kib} KiB of the body, or the rest, arrive in each {seconds} s");
    refuse(ErrorCode::RequestTimeout, detail)
}

async fn gather<B>(
    mut body: Arriving<B>,
    bytes_max: usize,
    too_large: ErrorCode,
    budget: &Budget,
) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Some(first) = body.next().await? else {
        return Ok(Bytes::new());
    };
    if body.body.is_end_stream() && first.len() <= bytes_max.min(COPIED_BYTES_MAX) {
        return Ok(Bytes::copy_from_slice(&first));
    }
    let mut share = Share { budget, bytes: 0 };
    let mut whole = BytesMut::new();
    let mut piece = Some(first);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > bytes_max {
            return Err(too_long(too_large, bytes_max));
        }
        share.grow(bytes.len())?;
        whole.extend_from_slice(&bytes);
        piece = body.next().await?;
    }
    Ok(whole.freeze())
}

async fn next_piece<B>(body: &mut B) -> Result<Option<Bytes>, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        match std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(_trailers) => {}
            },
            Some(Err(_)) => {
                return Err(refuse(
                    ErrorCode::MalformedRequest,
                    "the body broke off or is malformed",
                ));
            }
        }
    }
}

fn too_long(code: ErrorCode, bytes_max: usize) -> Refused {
    refuse(code, format!("at most {bytes_max} bytes are taken"))
}

/// The body of an answer. It counts as work of its connection until it is sent or given up.
pub(crate) struct ReplyBody {
    content: Content,
    sending: Sending,
    _share: AnswerShare,
}

/// What an answer brings.
pub(crate) enum Content {
    Whole(Bytes),
    Stream(Records),
}

impl ReplyBody {
    pub(crate) fn new(content: Content, in_work: InWork, share: AnswerShare) -> Self {
        Self {
            content,
            sending: in_work.sending(),
            _share: share,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        match &mut this.content {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Content::Stream(records) => {
                let polled = records.0.poll_recv(context);
                // While there is nothing to send, the reader is not late.
                this.sending.owe(polled.is_ready());
                let piece = ready!(polled);
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// Reads a body in JSON.
pub(crate) async fn read_json<T, B>(body: B, bounds: Bounds<'_>) -> Result<T, Refused>
where
    T: serde::de::DeserializeOwned,
    B: Body<Data = Bytes> + Unpin,
{
    let bytes = read_whole(body, bounds).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        if error.is_data() {
            // What does not fit, without the place that the library writes behind it.
            let whole = error.to_string();
            let what = whole
                .rsplit_once(" at line ")
                .map_or(&*whole, |(what, _)| what);
            let detail = format!("at {place}: {}", printable(what, DETAIL_CHARS_MAX));
            return refuse(ErrorCode::InvalidBody, detail);
        }
        refuse(
            ErrorCode::MalformedRequest,
            format!("the body is not JSON from {place} on"),
        )
    })
}
