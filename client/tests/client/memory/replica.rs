//! A replica of a test network behind a real socket: attested, and as honest as the test lets it
//! be.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use synod_api::{AttestationReply, CertifiedBlock, SessionProof, SessionReply, freshness_message};
use synod_attestation::{NodeStatement, Role, Tee};
use synod_attester::{Attester as _, Simulated};
use synod_channel::{Clock, End, Party, PublicDoor, ServiceCa, Session, SessionClaim, TlsKey};
use synod_client::ReplicaUrl;
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::memory::network::{MEASUREMENT, Network, key};

const HOUR_MS: u64 = 3_600_000;
pub(crate) const WRITTEN: &str = r#"{"transaction_id":"2.7","status":"committed","version":7}"#;

/// What a replica shows and does; the test changes it while it runs.
pub(crate) struct Shown {
    pub(crate) network: Network,
    /// The voters of its table, by address.
    pub(crate) table: Vec<String>,
    /// Where it sends who writes; it answers itself without it.
    pub(crate) redirect: Option<String>,
    /// Paths that were asked for.
    pub(crate) asked: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) url: ReplicaUrl,
    pub(crate) shown: Arc<Mutex<Shown>>,
    identity: Arc<SigningKey>,
    statement: NodeStatement,
    evidence: (Bytes, Bytes),
}

impl Replica {
    /// Replica `id` of a network, which shows it as it is now and names nobody.
    pub(crate) async fn start(id: u8, network: &Network) -> Self {
        let tls = TlsKey::from_seed(&Secret::new([0x40 + id; 32]));
        let identity = key(id.into());
        let statement = NodeStatement {
            identity: identity.public(),
            tls: tls.spki().as_der().to_vec(),
            hpke: HpkeSecretKey::from_seed(&Secret::new([0x60 + id; 32])).public(),
            role: Role::Replica,
            context: network.id(),
            nonce: Digest::from([4; 32]),
        };
        let mut attester = Simulated::new(Tee::SevSnp, MEASUREMENT, [id; 32]).unwrap();
        let (evidence, endorsements) = attester.collect(&statement, system_ms()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let replica = Self {
            url: url.parse().unwrap(),
            shown: Arc::new(Mutex::new(Shown {
                network: network.clone(),
                table: Vec::new(),
                redirect: None,
                asked: Vec::new(),
            })),
            identity: Arc::new(identity),
            statement,
            evidence: (evidence.encode().into(), endorsements.encode().into()),
        };
        tokio::spawn(replica.clone().serve(listener, acceptor(&tls)));
        replica
    }

    pub(crate) fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap());
    }

    /// How often a write was asked of it.
    pub(crate) fn writes(&self) -> usize {
        let shown = self.shown.lock().unwrap();
        let writes = shown
            .asked
            .iter()
            .filter(|path| path.starts_with("/v1/kv/"));
        writes.count()
    }

    async fn serve(self, listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, replica) = (acceptor.clone(), self.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let session = Session::of(stream.get_ref().1).unwrap();
                let service = service_fn(move |request| replica.clone().answer(request, session));
                // The client ends the connection when it likes.
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(
        self,
        request: http::Request<Incoming>,
        session: Session,
    ) -> Result<http::Response<Full<Bytes>>, std::convert::Infallible> {
        let (head, body) = request.into_parts();
        drop(body.collect().await);
        let mut shown = self.shown.lock().unwrap();
        shown.asked.push(head.uri.path().to_owned());
        let nonce = head
            .uri
            .query()
            .and_then(|query| query.strip_prefix("nonce="));
        let nonce = nonce.map(|hex| *hex.parse::<Digest>().unwrap().as_bytes());
        let answer = http::Response::builder();
        let (answer, body) = match (head.uri.path(), nonce) {
            ("/v1/attestation", Some(nonce)) => {
                let reply = self.attestation(&shown.network, nonce, &session);
                (answer, serde_json::to_vec(&reply).unwrap().into())
            }
            ("/v1/session", Some(nonce)) => {
                let reply = SessionReply {
                    context: shown.network.id().to_string(),
                    session: Some(self.proof(shown.network.id(), nonce, &session)),
                };
                (answer, serde_json::to_vec(&reply).unwrap().into())
            }
            ("/v1/chain", _) => (answer, shown.network.chain_file()),
            ("/v1/network", _) => (answer, network_reply(&shown).to_string().into()),
            _ => match &shown.redirect {
                Some(to) => (answer.status(307).header("location", to), Bytes::new()),
                None => (answer, WRITTEN.into()),
            },
        };
        Ok(answer.body(Full::new(body)).unwrap())
    }

    fn attestation(
        &self,
        network: &Network,
        nonce: [u8; 32],
        session: &Session,
    ) -> AttestationReply {
        let message = freshness_message(network.id().as_bytes(), &nonce);
        AttestationReply {
            context: network.id().to_string(),
            statement: self.statement.encode().into(),
            evidence: self.evidence.0.clone().into(),
            endorsements: self.evidence.1.clone().into(),
            nonce: hex::encode(nonce),
            signature: self.identity.sign(&message).as_bytes().to_vec().into(),
            session: Some(self.proof(network.id(), nonce, session)),
            collected_ms: system_ms(),
            membership: None,
            configuration: None,
            certified: network
                .certified()
                .map(|(header, certificate)| CertifiedBlock {
                    header: header.into(),
                    certificate: certificate.into(),
                }),
        }
    }

    fn proof(&self, network: Digest, nonce: [u8; 32], session: &Session) -> SessionProof {
        let claim = SessionClaim {
            network,
            end: End::Acceptor,
            from: Party::Key(self.identity.public().digest()),
            to: Party::Anybody,
            nonce: Some(nonce),
        };
        let proof = claim.prove(&self.identity, session);
        SessionProof {
            binding: proof.binding,
            signature: proof.signature.as_bytes().to_vec().into(),
        }
    }
}

fn acceptor(tls: &TlsKey) -> TlsAcceptor {
    let (from, to) = (system_ms() - HOUR_MS, system_ms() + HOUR_MS);
    let ca = ServiceCa::new(&Secret::new([1; 32]), Digest::default(), from).unwrap();
    let names = ["127.0.0.1".to_owned()];
    let certificate = ca.issue(tls.spki(), &names, from, to).unwrap();
    let door = PublicDoor::new(tls, &certificate, &Clock::system()).unwrap();
    TlsAcceptor::from(door.config())
}

fn network_reply(shown: &Shown) -> Value {
    let replica = |(place, url): (usize, &String)| {
        json!({
            "id": place + 1, "url": url, "tee": "sev-snp", "vendor": "amd", "simulated": true,
            "standing": "voter", "identity": "", "attested_ms": 0, "verdict_expires_ms": 0,
            "next_attestation_ms": 0,
        })
    };
    let replicas: Vec<Value> = shown.table.iter().enumerate().map(replica).collect();
    json!({
        "network_id": shown.network.id().to_string(), "name": "test", "open": true, "software": "0",
        "replica": 1, "role": "follower", "view": 1, "leader": null, "certified": "1.1",
        "certified_index": 1, "certified_hash": "", "ledger_time_ms": 0, "configuration": 0,
        "required_vendors": 1, "replicas": replicas, "critical": [], "alarms": [],
    })
}

fn system_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64
}
