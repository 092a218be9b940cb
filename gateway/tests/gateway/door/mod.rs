//! A gateway over a backend that repeats what it was asked, and the means to knock at it: with
//! an HTTP client over an in-memory stream, or with raw bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use synod_api::{ErrorCode, Limits, Problem, TxId, TxStatus, WriteReply};
use synod_gateway::{Backend, Call, Caller, Gateway, Reply, app, governance, kv, ledger, network};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;

/// The transaction that every answer of the backend names.
pub(crate) const TRANSACTION: TxId = TxId { view: 2, seqno: 17 };

/// A caller with a certificate.
pub(crate) const USER: Caller = Caller {
    fingerprint: Some([7; 32]),
    session: Some([8; 32]),
    source: None,
};

/// What the backend says to a call.
pub(crate) type Said = synod_gateway::Answer<Reply>;

/// What the backend does with a call.
pub(crate) type Script = dyn Fn(&Call) -> Option<Said> + Send + Sync;

/// Notes the calls and answers as its script says; without an answer it stays silent for ever.
#[derive(Clone)]
pub(crate) struct Replica {
    script: Arc<Script>,
    calls: Arc<Mutex<VecDeque<(Caller, Call)>>>,
}

impl Replica {
    async fn answer(&self, caller: Caller, call: Call) -> Said {
        let answer = (self.script)(&call);
        self.calls
            .lock()
            .expect("no test panics in between")
            .push_back((caller, call));
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

impl Backend for Replica {
    async fn kv(&self, caller: Caller, call: kv::Call) -> synod_gateway::Answer<kv::Reply> {
        match self.answer(caller, Call::Kv(call)).await? {
            Reply::Kv(reply) => Ok(reply),
            other => panic!("the script answers in another domain: {other:?}"),
        }
    }

    async fn app(&self, caller: Caller, call: app::Call) -> synod_gateway::Answer<app::Reply> {
        match self.answer(caller, Call::App(call)).await? {
            Reply::App(reply) => Ok(reply),
            other => panic!("the script answers in another domain: {other:?}"),
        }
    }

    async fn ledger(
        &self,
        caller: Caller,
        call: ledger::Call,
    ) -> synod_gateway::Answer<ledger::Reply> {
        match self.answer(caller, Call::Ledger(call)).await? {
            Reply::Ledger(reply) => Ok(reply),
            other => panic!("the script answers in another domain: {other:?}"),
        }
    }

    async fn governance(
        &self,
        caller: Caller,
        call: governance::Call,
    ) -> synod_gateway::Answer<governance::Reply> {
        match self.answer(caller, Call::Governance(call)).await? {
            Reply::Governance(reply) => Ok(reply),
            other => panic!("the script answers in another domain: {other:?}"),
        }
    }

    async fn network(
        &self,
        caller: Caller,
        call: network::Call,
    ) -> synod_gateway::Answer<network::Reply> {
        match self.answer(caller, Call::Network(call)).await? {
            Reply::Network(reply) => Ok(reply),
            other => panic!("the script answers in another domain: {other:?}"),
        }
    }
}

/// Every write is committed, every read is answered with `value`.
#[allow(
    clippy::unnecessary_wraps,
    reason = "it is a script, and a script may be silent"
)]
pub(crate) fn obliging(call: &Call) -> Option<Said> {
    Some(match call {
        Call::Kv(kv::Call::Get { .. }) => Ok(Reply::Kv(kv::Reply::Value {
            value: Bytes::from_static(b"value"),
            version: 9,
            as_of: TRANSACTION,
        })),
        Call::Kv(kv::Call::Put { mode, .. } | kv::Call::Delete { mode, .. }) => {
            Ok(Reply::Kv(kv::Reply::Written(WriteReply {
                transaction_id: TRANSACTION,
                status: if mode.pending {
                    TxStatus::Pending
                } else {
                    TxStatus::Committed
                },
                version: TRANSACTION.seqno,
                receipt: None,
            })))
        }
        _ => Err(Problem::new(ErrorCode::NotReady).into()),
    })
}

/// A gateway, and what it heard.
pub(crate) struct Door {
    gateway: Gateway<Replica>,
    calls: Arc<Mutex<VecDeque<(Caller, Call)>>>,
    /// Set to true, it stops the gateway.
    pub(crate) stopping: watch::Sender<bool>,
}

impl Door {
    pub(crate) fn new(script: impl Fn(&Call) -> Option<Said> + Send + Sync + 'static) -> Self {
        Self::with_limits(Limits::default(), script)
    }

    pub(crate) fn with_limits(
        limits: Limits,
        script: impl Fn(&Call) -> Option<Said> + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::default();
        let replica = Replica {
            script: Arc::new(script),
            calls: Arc::clone(&calls),
        };
        let (stopping, _) = watch::channel(false);
        Self {
            gateway: Gateway::new(replica, limits),
            calls,
            stopping,
        }
    }

    /// The next call that the backend heard.
    pub(crate) fn heard(&self) -> Option<(Caller, Call)> {
        self.calls
            .lock()
            .expect("no test panics in between")
            .pop_front()
    }

    /// Bytes of answers that wait for their readers.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.gateway.answer_bytes_in_memory()
    }

    /// Bytes of bodies that are on their way in.
    pub(crate) fn body_bytes(&self) -> usize {
        self.gateway.body_bytes_in_memory()
    }

    /// Opens a connection as this caller.
    pub(crate) fn connect(&self, caller: Caller) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let gateway = self.gateway.clone();
        let stopping = self.stopping.subscribe();
        tokio::spawn(async move { gateway.serve(theirs, caller, stopping).await });
        ours
    }

    /// Sends one request over HTTP/1.1 on a connection of its own.
    pub(crate) async fn http1(&self, caller: Caller, request: Request<Full<Bytes>>) -> Answer {
        let io = TokioIo::new(self.connect(caller));
        let (mut client, connection) = hyper::client::conn::http1::handshake(io)
            .await
            .expect("a stream is there");
        tokio::spawn(connection);
        Answer::read(client.send_request(request).await.expect("an answer comes")).await
    }

    /// Opens an HTTP/2 connection.
    pub(crate) async fn http2(
        &self,
        caller: Caller,
    ) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.connect(caller));
        let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
            .await
            .expect("it opens");
        tokio::spawn(connection);
        client
    }

    /// Sends raw bytes, ends the sending side, and reads all that comes back.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect(USER);
        // The gateway may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn read(response: Response<hyper::body::Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .expect("the body comes whole")
            .to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("it is ASCII"))
    }

    /// The problem in the body; the status must be the problem's own.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem: Problem = serde_json::from_slice(&self.body).expect("it is a problem");
        assert_eq!(problem.status, self.status);
        problem
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, path: &str) -> Request<Full<Bytes>> {
    with_body(method, path, &[], "")
}

/// A request with headers and a body.
pub(crate) fn with_body(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "synod");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(body.into()))
        .expect("the request is well-formed")
}
