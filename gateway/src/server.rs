//! The server: one accepted stream in, requests answered until either side ends it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use synod_api::limits::{HEADER_BYTES_MAX, HEADER_FIELDS_MAX};
use synod_api::{ErrorCode, Limits, Problem};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch::Receiver;

use crate::body::{AnswerRoom, AnswerShare, Bounds, Budget, ReplyBody, drain, may_drain};
use crate::counts::Counts;
use crate::network;
use crate::place::Asked;
use crate::port::{Answer, Backend, Call, Caller, Reply};
use crate::reply::{held_bytes, render, render_own};
use crate::request::read_request;
use crate::watch::{Activity, Watched};

/// The HTTP server over a [`Backend`]. Clones share everything.
pub struct Gateway<B> {
    shared: Arc<Shared<B>>,
}

struct Shared<B> {
    backend: B,
    limits: Limits,
    budget: Arc<Budget>,
    answers: AnswerRoom,
    counts: Counts,
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
        let answers = AnswerRoom::new(limits.answers_bytes_max);
        Self {
            shared: Arc::new(Shared {
                backend,
                limits,
                budget,
                answers,
                counts: Counts::default(),
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
    pub async fn serve<I>(&self, stream: I, caller: Caller, stopping: Receiver<bool>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.serve_observed(stream, caller, Activity::new(), stopping)
            .await;
    }

    /// As [`Gateway::serve`]; `activity`, which is of this connection alone, tells others what it
    /// is at.
    pub async fn serve_observed<I>(
        &self,
        stream: I,
        caller: Caller,
        activity: Activity,
        mut stopping: Receiver<bool>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Arc::clone(activity.watch());
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
        let own_room = Arc::new(AnswerRoom::new(
            self.shared.limits.connection_answers_bytes_max,
        ));
        let service = service_fn(|request| {
            let in_work = watch.begin();
            let shared = Arc::clone(&self.shared);
            let own_room = Arc::clone(&own_room);
            // Boxed: the stream's task would otherwise be moved about with kilobytes of state.
            Box::pin(async move {
                let began = Instant::now();
                let answer = shared.answer(request, caller, in_work, &own_room).await;
                shared.counts.answered(answer.status(), began.elapsed());
                Ok::<_, Infallible>(answer)
            })
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

    /// Bytes that large answers on their way out take now, for metrics.
    pub fn answer_bytes_in_memory(&self) -> usize {
        self.shared.answers.taken()
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
        own_room: &AnswerRoom,
    ) -> Response<ReplyBody> {
        let (parts, mut body) = request.into_parts();
        let bounds = Bounds {
            limits: &self.limits,
            budget: &self.budget,
        };
        let arriving = in_work.arriving();
        let asked = read_request(&parts, &mut body, caller, bounds).await;
        if let Err(refused) = &asked
            && refused.0.code != ErrorCode::RequestTimeout
            && may_drain(&parts)
        {
            drain(body, &self.limits).await;
        }
        drop(arriving);
        let answer = match asked {
            Ok(Asked::Call(call)) => self.ask(caller, call).await,
            Ok(Asked::Own(own)) => return render_own(own, &parts.method, in_work),
            Err(refused) => Err(refused.0.into()),
        };
        let (answer, share) = self.make_room(answer, &parts.method, own_room).await;
        render(answer, &parts.method, &parts.uri, in_work, share)
    }

    /// Waits until the answer can be held until it is sent. Where that takes too long, the answer
    /// is that: of a read that it can be repeated, of anything else that nobody knows.
    async fn make_room(
        &self,
        answer: Answer<Reply>,
        method: &Method,
        own_room: &AnswerRoom,
    ) -> (Answer<Reply>, AnswerShare) {
        let share = AnswerShare::take(own_room, &self.answers, held_bytes(&answer));
        if let Ok(share) = tokio::time::timeout(self.limits.answer_timeout, share).await {
            return (answer, share);
        }
        let code = if method.is_safe() {
            ErrorCode::Overloaded
        } else {
            ErrorCode::AnswerTimeout
        };
        let problem = Problem::new(code).with_detail("too many answers wait for their readers");
        (Err(problem.into()), AnswerShare::default())
    }

    /// Adds what the door itself counts to the metrics of the replica.
    fn with_own_metrics(&self, reply: network::Reply) -> network::Reply {
        let network::Reply::Metrics(mut text) = reply else {
            return reply;
        };
        self.counts
            .write(&mut text, self.budget.taken(), self.answers.taken());
        network::Reply::Metrics(text)
    }

    async fn ask(&self, caller: Caller, call: Call) -> Answer<Reply> {
        let backend = &self.backend;
        let answer = async {
            match call {
                Call::Kv(call) => backend.kv(caller, call).await.map(Reply::Kv),
                Call::App(call) => backend.app(caller, call).await.map(Reply::App),
                Call::Ledger(call) => backend.ledger(caller, call).await.map(Reply::Ledger),
                Call::Governance(call) => {
                    let reply = backend.governance(caller, call).await;
                    reply.map(Reply::Governance)
                }
                Call::Network(call) => {
                    let reply = backend.network(caller, call).await;
                    reply.map(|reply| Reply::Network(self.with_own_metrics(reply)))
                }
            }
        };
        let in_time = tokio::time::timeout(self.limits.answer_timeout, answer).await;
        in_time.unwrap_or_else(|_| Err(ErrorCode::AnswerTimeout.into()))
    }
}
