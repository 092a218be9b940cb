//! What one request costs the gateway: an HTTP/2 client with many requests in flight over
//! loopback, a backend that answers at once, and the processor time of the server's thread.
//!
//! `cargo run --release -p synod-gateway --example throughput`

use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use synod_api::{ErrorCode, Limits, TxId, TxStatus, WriteReply};
use synod_gateway::{Answer, Backend, Caller, Gateway, app, governance, kv, ledger, network};

const REQUESTS_PER_CLIENT: usize = 3_000;
const CLIENTS: usize = 64;

struct Immediate;

impl Backend for Immediate {
    async fn kv(&self, _caller: Caller, call: kv::Call) -> Answer<kv::Reply> {
        // As with a real replica, the answer comes from elsewhere and a moment later.
        tokio::task::yield_now().await;
        let transaction_id = TxId { view: 2, seqno: 17 };
        match call {
            kv::Call::Put { .. } => Ok(kv::Reply::Written(WriteReply {
                transaction_id,
                status: TxStatus::Committed,
                version: 17,
                receipt: None,
            })),
            _ => Err(ErrorCode::NotReady.into()),
        }
    }

    async fn app(&self, _caller: Caller, _call: app::Call) -> Answer<app::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn ledger(&self, _caller: Caller, _call: ledger::Call) -> Answer<ledger::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn governance(
        &self,
        _caller: Caller,
        _call: governance::Call,
    ) -> Answer<governance::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn network(&self, _caller: Caller, _call: network::Call) -> Answer<network::Reply> {
        Err(ErrorCode::NotReady.into())
    }
}

fn main() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let server = std::thread::Builder::new().name("gateway".to_owned());
    server
        .spawn(move || serve(listener))
        .expect("a thread can be started");
    let begin = Instant::now();
    runtime().block_on(load(address));
    let requests = (REQUESTS_PER_CLIENT * CLIENTS) as u128;
    let elapsed_ns = begin.elapsed().as_nanos();
    println!("{} requests/s", requests * 1_000_000_000 / elapsed_ns);
    if let Some(busy_ns) = busy_ns_of("gateway") {
        println!(
            "{} ns of processor time each in the gateway",
            busy_ns / requests
        );
    }
}

/// The processor time of a thread of this process, where the system tells it (Linux).
fn busy_ns_of(thread: &str) -> Option<u128> {
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).ok();
        if read("comm")?.trim() == thread {
            return read("schedstat")?.split(' ').next()?.parse().ok();
        }
    }
    None
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

fn serve(listener: std::net::TcpListener) {
    listener
        .set_nonblocking(true)
        .expect("a socket can be made non-blocking");
    runtime().block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("it is a socket");
        let gateway = Gateway::new(Immediate, Limits::default());
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        let caller = Caller {
            source: None,
            fingerprint: Some([7; 32]),
            session: None,
        };
        while let Ok((stream, _)) = listener.accept().await {
            stream
                .set_nodelay(true)
                .expect("a socket can be made prompt");
            let (gateway, stopping) = (gateway.clone(), stopping.clone());
            tokio::spawn(async move { gateway.serve(stream, caller, stopping).await });
        }
    });
}

async fn load(address: std::net::SocketAddr) {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("the server listens");
    stream
        .set_nodelay(true)
        .expect("a socket can be made prompt");
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("the server speaks HTTP/2");
    tokio::spawn(connection);
    let workers: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(put_many(client.clone(), n)))
        .collect();
    for worker in workers {
        worker.await.expect("no worker panics");
    }
}

async fn put_many(mut client: hyper::client::conn::http2::SendRequest<Full<Bytes>>, worker: usize) {
    let value = Bytes::from(vec![b'x'; 256]);
    for n in 0..REQUESTS_PER_CLIENT {
        let request = Request::put(format!("http://synod/v1/kv/load/{worker}-{n}"))
            .body(Full::new(value.clone()))
            .expect("the request is well-formed");
        let response = client.send_request(request).await.expect("an answer comes");
        assert!(response.status().is_success());
        response
            .into_body()
            .collect()
            .await
            .expect("the body comes whole");
    }
}
