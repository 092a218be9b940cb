//! The server: one accepted stream in, requests answered until either side ends it.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use synod_api::limits::{HEADER_BYTES_MAX, HEADER_FIELDS_MAX};
use synod_api::{ErrorCode, Limits, Problem};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch::Receiver;

use crate::body::{Bounds, Budget, ReplyBody};
use crate::port::{Backend, Caller, Reply};
use crate::reply::{render, render_openapi};
use crate::request::{Asked, read_request};
use crate::watch::{Watch, Watched};

/// The HTTP server over a [`Backend`]. Clones share everything.
pub struct Gateway<B> {
    shared: Arc<Shared<B>>,
}

struct Shared<B> {
    backend: B,
    limits: Limits,
    budget: Arc<Budget>,
    http: auto::Builder<TokioExecutor>,
}

impl<B> Clone for Gateway<B> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<B: Backend> Gateway<B> {
    /// A server that asks `backend`, within `limits`.
    pub fn new(backend: B, limits: Limits) -> Self {
        let http = http_builder(&limits);
        let budget = Budget::new(limits.bodies_bytes_max);
        Self {
            shared: Arc::new(Shared {
                backend,
                limits,
                budget,
                http,
            }),
        }
    }

    /// Serves one accepted stream, HTTP/1.1 or HTTP/2 as the peer begins, until it ends.
    ///
    /// `caller` says who the peer proved to be. When `stopping` turns true, or its sender is
    /// gone, the requests in work are answered and the connection is closed. Faults of the peer
    /// end the connection and concern nobody else, so nothing is returned. Must be called within
    /// a tokio runtime with timers.
    pub async fn serve<I>(&self, stream: I, caller: Caller, mut stopping: Receiver<bool>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Watch::new();
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
        let service = service_fn(|request| {
            let in_work = watch.begin();
            let shared = Arc::clone(&self.shared);
            // Boxed: the stream's task would otherwise be moved about with kilobytes of state.
            Box::pin(
                async move { Ok::<_, Infallible>(shared.answer(request, caller, in_work).await) },
            )
        });
        let mut connection = std::pin::pin!(self.shared.http.serve_connection(io, service));
        let mut stop_asked = false;
        loop {
            tokio::select! {
                _ended = connection.as_mut() => return,
                () = watch.outlived(&self.shared.limits) => return,
                _ = stopping.wait_for(|stop| *stop), if !stop_asked => {
                    stop_asked = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// Bytes that bodies on their way in take now, for metrics.
    pub fn body_bytes_in_memory(&self) -> usize {
        self.shared.budget.taken()
    }
}

fn http_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_headers(HEADER_FIELDS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .max_concurrent_streams(limits.concurrent_streams_max)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_send_buf_size(limits.send_buffer_bytes_max);
    builder
}

impl<B: Backend> Shared<B> {
    async fn answer(
        &self,
        request: Request<Incoming>,
        caller: Caller,
        in_work: crate::watch::InWork,
    ) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        let bounds = Bounds {
            limits: &self.limits,
            budget: &self.budget,
        };
        let reply = match read_request(&parts, body, caller, bounds).await {
            Ok(Asked::Call(call)) => self.ask(caller, call).await,
            Ok(Asked::OpenApi) => return render_openapi(in_work),
            Err(refused) => Reply::Problem(refused.0),
        };
        render(reply, &parts.method, &parts.uri, in_work)
    }

    async fn ask(&self, caller: Caller, call: crate::port::Call) -> Reply {
        let answer = self.backend.call(caller, call);
        match tokio::time::timeout(self.limits.answer_timeout, answer).await {
            Ok(reply) => reply,
            Err(_) => Problem::new(ErrorCode::AnswerTimeout).into(),
        }
    }
}
