//! One connection to one replica: TLS 1.3, HTTP/2, many requests at a time.
//!
//! A connection never reconnects and never repeats: it ends with the first fault. It shows the
//! certificate key that the replica proved to hold, which verification compares with the evidence,
//! and its TLS session, which the attested identity key must sign.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use synod_channel::Session;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::ClientError;
use crate::request::{Request, Response};
use crate::url::ReplicaUrl;

/// Longest answer that is read whole, in bytes (64 MiB). The ledger is streamed and has no such
/// bound.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest header section of an answer: that of an app, with a receipt, in bytes (64 KiB).
const ANSWER_HEADERS_BYTES_MAX: u32 = 64 * 1024;

/// An open connection. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Connection {
    url: ReplicaUrl,
    sender: http2::SendRequest<Full<Bytes>>,
    /// The end-entity certificate that the replica showed (DER).
    certificate: Bytes,
    session: Session,
}

impl Connection {
    /// Connects within `timeout`. `tls` decides whom to trust.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`]: nothing was sent.
    pub async fn open(
        url: &ReplicaUrl,
        tls: Arc<rustls::ClientConfig>,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let unreachable = |why: String| ClientError::Unreachable {
            url: url.clone(),
            why,
        };
        tokio::time::timeout(timeout, Self::handshake(url, tls))
            .await
            .map_err(|_| unreachable(format!("no connection within {timeout:?}")))?
            .map_err(|error| unreachable(reasons(&*error)))
    }

    async fn handshake(
        url: &ReplicaUrl,
        tls: Arc<rustls::ClientConfig>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let tcp = TcpStream::connect((url.host(), url.port())).await?;
        tcp.set_nodelay(true)?;
        let stream = TlsConnector::from(only_http2(&tls))
            .connect(url.server_name(), tcp)
            .await?;
        let certificate = shown_certificate(&stream).ok_or("it presented no certificate")?;
        let session = Session::of(stream.get_ref().1)?;
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(1024 * 1024)
            .initial_connection_window_size(8 * 1024 * 1024)
            .max_header_list_size(ANSWER_HEADERS_BYTES_MAX)
            .keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .handshake(TokioIo::new(stream))
            .await?;
        // The driver ends with the connection; each request in flight learns of it.
        tokio::spawn(async move { drop(driver.await) });
        Ok(Self {
            url: url.clone(),
            sender,
            certificate,
            session,
        })
    }

    /// The replica at the other end.
    pub fn url(&self) -> &ReplicaUrl {
        &self.url
    }

    /// The certificate that the replica showed (DER).
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its TLS session, for proofs of where it ends.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether it ended.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and reads the answer whole, within `timeout`.
    ///
    /// # Errors
    /// [`ClientError::Lost`] or [`ClientError::Timeout`]: the request may have taken effect.
    pub async fn exchange(
        &self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, ClientError> {
        let answer = async {
            let (head, body) = self.begin(request).await?.into_parts();
            let body = self.read_whole(body).await?;
            Ok(Response {
                url: self.url.clone(),
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        tokio::time::timeout(timeout, answer)
            .await
            .map_err(|_| ClientError::Timeout {
                url: self.url.clone(),
                after: timeout,
            })?
    }

    /// Sends a request, and gives the answer as soon as its headers are there.
    pub(crate) async fn begin(
        &self,
        request: &Request,
    ) -> Result<http::Response<Incoming>, ClientError> {
        let outgoing = self.outgoing(request)?;
        self.sender
            .clone()
            .send_request(outgoing)
            .await
            .map_err(|error| self.lost(&error))
    }

    fn outgoing(&self, request: &Request) -> Result<http::Request<Full<Bytes>>, ClientError> {
        let uri = format!("{}{}", self.url, request.path);
        let mut outgoing = http::Request::builder()
            .method(request.method.clone())
            .uri(uri)
            .body(Full::new(request.body.clone()))
            .map_err(|error| ClientError::BadRequest(error.to_string()))?;
        *outgoing.headers_mut() = request.headers.clone();
        Ok(outgoing)
    }

    async fn read_whole(&self, body: Incoming) -> Result<Bytes, ClientError> {
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::BadAnswer {
                url: self.url.clone(),
                what: format!("it is longer than {ANSWER_BYTES_MAX} bytes"),
            }),
            Err(error) => Err(self.lost(&*error)),
        }
    }

    pub(crate) fn lost(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        ClientError::Lost {
            url: self.url.clone(),
            why: reasons(error),
        }
    }
}

/// The same trust, and HTTP/2 as the only version of HTTP.
fn only_http2(tls: &rustls::ClientConfig) -> Arc<rustls::ClientConfig> {
    let mut config = tls.clone();
    config
        .alpn_protocols
        .retain(|protocol| protocol != b"http/1.1");
    Arc::new(config)
}

fn shown_certificate(stream: &TlsStream<TcpStream>) -> Option<Bytes> {
    let (_, session) = stream.get_ref();
    session
        .peer_certificates()?
        .first()
        .map(|der| Bytes::copy_from_slice(der))
}

/// An error with all that caused it, in one line.
fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}
