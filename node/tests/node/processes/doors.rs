//! Claims about who is believed at a real door, and who is told what.

use std::sync::Arc;
use std::time::{Duration, Instant};

use synod_api::ErrorCode;
use synod_attestation::Tee;
use synod_channel::{Certificate, Clock, PublicDoor, TlsKey, dangerous_observe_config};
use synod_client::{
    ClientError, Connection, Repeat, ReplicaUrl, Request, RetryPolicy, Service, Trust, Verifier,
    WriteOptions,
};
use synod_crypto::Secret;
use synod_node::NodeLimits;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::processes::synod::{Node, PATIENCE, Synod};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stranger_with_a_policy_knows_founder_and_joiner_by_the_evidence_in_their_certificates() {
    let mut synod = Synod::found().await;
    synod.join(Tee::Tdx).await;
    synod.open().await;
    let stranger = synod.stranger();
    for node in &synod.nodes {
        let answer = stranger
            .ask(&node.url(), &Request::get("/v1/network"))
            .await;
        assert!(answer.is_ok(), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_not_sealed_for_a_caller_who_does_not_hold_the_joiner_s_tls_key() {
    let synod = Synod::found().await;
    let service = synod.service();
    let network = service.network().await.expect("an answer");
    let identity = hex::decode(&network.replicas[0].identity).expect("a key");
    let body = minicbor::to_vec(minicbor::bytes::ByteVec::from(identity)).expect("encodes");
    let request = Request::post_cbor("/v1/join/keys", body, Repeat::Freely);
    let refused = service.ask(&synod.nodes[0].url(), &request).await;
    let code = refused.expect_err("the user is no replica").code();
    assert_eq!(code, Some(ErrorCode::Forbidden));
}

/// Terminates TLS with a key of its own, and has a TLS session of its own with the replica: passes
/// on in clear whatever either side says.
async fn man_in_the_middle(replica: ReplicaUrl) -> ReplicaUrl {
    let key = TlsKey::from_seed(&Secret::new([66; 32]));
    let certificate = Certificate::self_signed(&key, "nobody", 0, 4_000_000_000_000).unwrap();
    let door = PublicDoor::new(&key, &certificate, &Clock::system()).unwrap();
    let acceptor = TlsAcceptor::from(door.config());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, replica) = (acceptor.clone(), replica.clone());
            tokio::spawn(relay(stream, acceptor, replica));
        }
    });
    url.parse().unwrap()
}

async fn relay(stream: TcpStream, acceptor: TlsAcceptor, replica: ReplicaUrl) {
    let Ok(mut victim) = acceptor.accept(stream).await else {
        return;
    };
    let mut config = (*dangerous_observe_config(&Clock::system())).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let onward = TcpStream::connect((replica.host(), replica.port()))
        .await
        .unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut onward = connector.connect(name, onward).await.unwrap();
    // Ends when either side has enough of it.
    let _ = tokio::io::copy_bidirectional(&mut victim, &mut onward).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_through_a_man_in_the_middle_is_refused_by_whoever_verifies() {
    let synod = Synod::found().await;
    let middle = man_in_the_middle(synod.nodes[0].url()).await;
    // He passes everything on: who does not verify notices nothing.
    let trusting = dangerous_observe_config(&Clock::system());
    let open = Connection::open(&middle, trusting, PATIENCE).await;
    let answer = open
        .expect("a connection")
        .exchange(&Request::get("/livez"), PATIENCE)
        .await;
    assert!(answer.expect("an answer").status.is_success());

    let verifier = Verifier::new(synod.network, None);
    let service = Service::new(
        [middle.clone()],
        Trust::Verified(Box::new(verifier)),
        None,
        RetryPolicy::default(),
    );
    let refused = service
        .expect("a client")
        .ask(&middle, &Request::get("/v1/network"))
        .await
        .expect_err("it is refused");
    let ClientError::NotVerified { why, .. } = refused else {
        panic!("{refused}");
    };
    let last = why.checks.last().expect("a check");
    assert_eq!((last.name, last.passed), ("tls-key", false));
}

/// Connections to the public door that say nothing.
async fn silent(node: &Node, count: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(
            TcpStream::connect(node.config.listen)
                .await
                .expect("a connection"),
        );
    }
    held
}

/// Connections of nobody that ask for the ledger and read nothing of it.
async fn ledger_readers(
    node: &Node,
    count: usize,
) -> Vec<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut config = (*dangerous_observe_config(&Clock::system())).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let mut held = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(node.config.listen)
            .await
            .expect("a connection");
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.expect("TLS");
        let asked = b"GET /v1/ledger HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(asked).await.expect("it is heard");
        stream.flush().await.expect("it is heard");
        held.push(stream);
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_keep_no_client_out() {
    let limits = NodeLimits {
        connections_max: 64,
        strangers_max: 16,
        ..NodeLimits::default()
    };
    let synod = Synod::alone_within(limits, "true").await;
    let held = silent(&synod.nodes[0], 400).await;
    let begun = Instant::now();
    for number in 0..5 {
        // Each is a client of its own.
        synod.put(&format!("key {number}"), "value").await;
    }
    // Less than a silent connection is waited for.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_of_the_ledger_keep_no_joiner_out() {
    let mut synod = Synod::alone_within(NodeLimits::default(), "true").await;
    // More than what sockets hold.
    for number in 0..24 {
        synod.put(&number.to_string(), &"x".repeat(1 << 20)).await;
    }
    let held = ledger_readers(&synod.nodes[0], 12).await;
    synod.join(Tee::Tdx).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_leave_file_descriptors_for_the_disk() {
    let limits = NodeLimits {
        segment_bytes: 1 << 20,
        ..NodeLimits::default()
    };
    let synod = Synod::alone_within(limits, "ulimit -n 700").await;
    let connected = synod.service();
    let options = WriteOptions::default();
    let value = "x".repeat(1 << 20);
    let put = |key: &'static str| connected.put("records", key.as_bytes(), value.clone(), &options);
    put("before").await.expect("it is written");
    let held = silent(&synod.nodes[0], 900).await;
    for key in ["a", "b", "c", "d"] {
        // Each is longer than a file of the ledger, so each opens one.
        put(key).await.expect("it is written");
    }
    assert!(
        synod.nodes[0]
            .log()
            .contains("this process may open 700 files")
    );
    drop(held);
}
