//! How a client goes on when replicas redirect, fail and die, against scripted replicas over real
//! TLS and HTTP/2.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use synod_api::{ErrorCode, Problem};
use synod_channel::{Clock, PublicDoor, ServerTrust, ServiceCa, TlsKey};
use synod_client::{
    ClientError, Repeat, ReplicaUrl, Request, RetryPolicy, Service, Trust, WriteOptions,
};
use synod_crypto::{Digest, Secret};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const HOUR_MS: u64 = 3_600_000;

/// What a scripted replica does with a request.
#[derive(Clone, Debug)]
enum Act {
    Answer(u16, &'static str),
    Fail(ErrorCode),
    Redirect(String),
    /// Reads the request, then ends the connection.
    Vanish,
}

/// A request that a replica saw: method, path, idempotency key.
type Seen = (String, String, Option<String>);

/// A replica that follows a script; after its end it answers as the last act says.
#[derive(Clone)]
struct Replica {
    url: ReplicaUrl,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Replica {
    async fn start(ca: &ServiceCa, seed: u8, script: impl IntoIterator<Item = Act>) -> Self {
        let key = TlsKey::from_seed(&Secret::new([seed; 32]));
        let names = ["127.0.0.1".to_owned()];
        let certificate = ca
            .issue(
                key.spki(),
                &names,
                system_ms() - HOUR_MS,
                system_ms() + HOUR_MS,
            )
            .unwrap();
        let door = PublicDoor::new(&key, &certificate, &Clock::system()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let replica = Self {
            url,
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            seen: Arc::default(),
        };
        tokio::spawn(
            replica
                .clone()
                .serve(listener, TlsAcceptor::from(door.config())),
        );
        replica
    }

    async fn serve(self, listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, replica) = (acceptor.clone(), self.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let service = service_fn(move |request| replica.clone().answer(request));
                // The script may end the connection; the client is what is tested.
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(
        self,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<Full<Bytes>>, Gone> {
        let (head, body) = request.into_parts();
        let key = head
            .headers
            .get("idempotency-key")
            .map(|key| key.to_str().unwrap().to_owned());
        body.collect().await.map_err(|_| Gone)?;
        self.seen
            .lock()
            .unwrap()
            .push((head.method.to_string(), head.uri.path().to_owned(), key));
        let act = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 {
                script.pop_front().unwrap()
            } else {
                script[0].clone()
            }
        };
        let (status, body, location) = match act {
            Act::Answer(status, body) => (status, body.as_bytes().to_vec(), None),
            Act::Fail(code) => (code.status(), Problem::new(code).to_json(), None),
            Act::Redirect(url) => (
                307,
                Problem::new(ErrorCode::NotLeader).to_json(),
                Some(format!("{url}/x")),
            ),
            Act::Vanish => return Err(Gone),
        };
        let mut answer = http::Response::builder().status(status);
        if let Some(location) = location {
            answer = answer.header("location", location);
        }
        Ok(answer.body(Full::new(body.into())).unwrap())
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// The scripted end of a connection.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

const WRITTEN: &str = r#"{"transaction_id":"2.7","status":"committed","version":7}"#;

fn authority() -> ServiceCa {
    // Valid by the system's clock, which is what clients go by.
    ServiceCa::new(
        &Secret::new([1; 32]),
        Digest::default(),
        system_ms() - HOUR_MS,
    )
    .unwrap()
}

fn system_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64
}

fn service(ca: &ServiceCa, replicas: &[&Replica]) -> Service {
    let retry_policy = RetryPolicy {
        call: Duration::from_secs(5),
        attempt: Duration::from_secs(2),
        ..RetryPolicy::default()
    };
    let trust = Trust::Authority(ServerTrust::service_ca(ca.certificate().der().clone()));
    Service::new(
        replicas.iter().map(|replica| replica.url.clone()),
        trust,
        None,
        retry_policy,
    )
    .unwrap()
}

#[tokio::test]
async fn redirect_is_followed_and_the_leader_remembered() {
    let ca = authority();
    let leader = Replica::start(&ca, 11, [Act::Answer(200, WRITTEN)]).await;
    let follower = Replica::start(&ca, 12, [Act::Redirect(leader.url.to_string())]).await;
    let service = service(&ca, &[&follower]);
    for _ in 0..2 {
        let written = service
            .put("m", b"k", "v", &WriteOptions::default())
            .await
            .unwrap();
        assert_eq!(written.transaction_id.to_string(), "2.7");
    }
    assert_eq!((follower.seen().len(), leader.seen().len()), (1, 2));
    assert_eq!(service.replicas()[0], leader.url);
}

#[tokio::test]
async fn write_is_repeated_elsewhere_with_the_same_idempotency_key() {
    let ca = authority();
    let dying = Replica::start(&ca, 11, [Act::Vanish]).await;
    let other = Replica::start(
        &ca,
        12,
        [Act::Fail(ErrorCode::NoLeader), Act::Answer(200, WRITTEN)],
    )
    .await;
    let service = service(&ca, &[&dying, &other]);
    service
        .put("m", b"k", "v", &WriteOptions::default())
        .await
        .unwrap();
    let seen: Vec<_> = dying.seen().into_iter().chain(other.seen()).collect();
    assert!(seen.len() >= 3, "{seen:?}");
    assert!(
        seen[0].2.is_some() && seen.iter().all(|one| one.2 == seen[0].2),
        "{seen:?}"
    );
}

#[tokio::test]
async fn request_that_may_not_be_repeated_is_sent_once() {
    let ca = authority();
    let dying = Replica::start(&ca, 11, [Act::Vanish]).await;
    let other = Replica::start(&ca, 12, [Act::Answer(200, "{}")]).await;
    let service = service(&ca, &[&dying, &other]);
    let act = Request::post_json("/v1/governance/actions", &"act", Repeat::Never);
    let error = service.call(&act).await.unwrap_err();
    assert!(matches!(error, ClientError::Lost { .. }), "{error}");
    assert!(!error.nothing_was_sent());
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn replica_that_is_not_there_is_passed_over() {
    let ca = authority();
    let there = Replica::start(&ca, 11, [Act::Answer(200, WRITTEN)]).await;
    let service = service(&ca, &[&there]);
    let gone: ReplicaUrl = "https://127.0.0.1:9".parse().unwrap();
    service.remove_replica(&there.url);
    assert_eq!(
        service.replicas(),
        std::slice::from_ref(&there.url),
        "the only replica is not forgotten"
    );
    service.add_replica(&gone);
    service.remove_replica(&there.url);
    service.add_replica(&there.url);
    assert_eq!(service.replicas()[0], gone);
    let act = Request::post_json("/v1/governance/actions", &"act", Repeat::Never);
    assert_eq!(service.call(&act).await.unwrap().status, 200);
}

#[tokio::test]
async fn answer_of_the_service_is_no_reason_to_ask_elsewhere() {
    let ca = authority();
    let replica = Replica::start(&ca, 11, [Act::Fail(ErrorCode::PreconditionFailed)]).await;
    let other = Replica::start(&ca, 12, [Act::Answer(200, WRITTEN)]).await;
    let service = service(&ca, &[&replica, &other]);
    let error = service
        .put("m", b"k", "v", &WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PreconditionFailed));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn patience_ends() {
    let ca = authority();
    let replica = Replica::start(&ca, 11, [Act::Fail(ErrorCode::NoLeader)]).await;
    let trust = Trust::Authority(ServerTrust::service_ca(ca.certificate().der().clone()));
    let retry_policy = RetryPolicy {
        call: Duration::from_millis(300),
        ..RetryPolicy::default()
    };
    let service = Service::new([replica.url.clone()], trust, None, retry_policy).unwrap();
    let error = service
        .put("m", b"k", "v", &WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoLeader));
    assert!(replica.seen().len() > 1);
}

#[tokio::test]
async fn replicas_that_redirect_to_each_other_do_not_hold_a_client_for_ever() {
    let ca = authority();
    let one = Replica::start(&ca, 11, [Act::Answer(200, "")]).await;
    let two = Replica::start(&ca, 12, [Act::Redirect(one.url.to_string())]).await;
    one.script.lock().unwrap()[0] = Act::Redirect(two.url.to_string());
    let trust = Trust::Authority(ServerTrust::service_ca(ca.certificate().der().clone()));
    let retry_policy = RetryPolicy {
        call: Duration::from_millis(300),
        ..RetryPolicy::default()
    };
    let service = Service::new([one.url.clone()], trust, None, retry_policy).unwrap();
    let error = service
        .put("m", b"k", "v", &WriteOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoLeader));
}

#[tokio::test]
async fn certificate_of_another_authority_is_refused_before_anything_is_sent() {
    let ca = authority();
    let replica = Replica::start(&ca, 11, [Act::Answer(200, WRITTEN)]).await;
    let other = ServiceCa::new(
        &Secret::new([2; 32]),
        Digest::default(),
        system_ms() - HOUR_MS,
    )
    .unwrap();
    let trust = Trust::Authority(ServerTrust::service_ca(other.certificate().der().clone()));
    let retry_policy = RetryPolicy {
        call: Duration::from_millis(200),
        ..RetryPolicy::default()
    };
    let service = Service::new([replica.url.clone()], trust, None, retry_policy).unwrap();
    let error = service
        .put("m", b"k", "secret", &WriteOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(replica.seen().is_empty());
}

#[tokio::test]
async fn answers_that_are_not_of_the_interface_are_named() {
    let ca = authority();
    let replica = Replica::start(&ca, 11, [Act::Answer(200, "{\"status\":\"perhaps\"}")]).await;
    let error = service(&ca, &[&replica])
        .put("m", b"k", "v", &WriteOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::BadAnswer { .. }), "{error}");
    let replica = Replica::start(&ca, 12, [Act::Answer(500, "<html>")]).await;
    let error = service(&ca, &[&replica])
        .put("m", b"k", "v", &WriteOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::BadAnswer { .. }), "{error}");
}
