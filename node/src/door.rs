//! The public door: HTTPS in front of whatever this node is at the moment, a waiting founder, a joiner, or a
//! running replica.
//!
//! Invariants
//! - before the network exists a founder answers for its attestation and takes approvals, and nothing else;
//! - what is not the leader's to answer is answered here, what is, by the leader: a follower names its address;
//! - nothing of private state, and no key, passes through here but in the answers that the replica gives.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use synod_api::{
    ActionReply, AttestationReply, Base64, CertifiedBlock, ErrorCode, HealthReply, Problem,
    SessionReply, freshness_message,
};
use synod_channel::{End, Party, Session, SessionClaim};
use synod_crypto::{Digest, SigningKey, sha256};
use synod_gateway::{Backend, Broken, Call, Caller, Records, Reply};
use synod_governance::{AttestedStatement, Refusal as Refused, ReplicaRecord, SignedAction};
use synod_ledger::TxId;
use synod_replica::{CallError, Caller as Who, FoundError, LawError, Replica, Request};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::answers;
use crate::app_door::{AppDoor, Refusal};
use crate::begun::Begun;
use crate::catalog::Catalog;
use crate::core::Core;
use crate::disk_trouble::DiskTrouble;
use crate::evidence::Evidence;
use crate::founder::{self, FounderError, Waiting};
use crate::joiner;
use crate::known::Known;
use crate::ledger_places::LedgerPlaces;
use crate::ledger_reader::read_ledger;
use crate::log;
use crate::metrics;
use crate::reattester::Told;
use crate::views;

/// Pieces of the ledger that wait for a slow reader.
const PIECES_WAITING: usize = 4;

/// What this node is at the moment.
pub(crate) enum Stage {
    /// It waits for the members' approvals.
    Founding(Arc<Founding>),
    /// It joins; it has nothing to say yet.
    Joining,
    /// It is a replica.
    Running(Arc<Running>),
}

/// A founder that waits, and where to hand what comes of it.
pub(crate) struct Founding {
    pub(crate) waiting: std::sync::Mutex<Waiting>,
    /// Takes the founded network; answers once it runs.
    pub(crate) begun: mpsc::Sender<(Begun, oneshot::Sender<()>)>,
}

/// A running replica, as the door sees it.
pub(crate) struct Running {
    pub(crate) core: Core,
    pub(crate) network: Digest,
    pub(crate) identity: Arc<SigningKey>,
    /// The newest evidence on the ledger about this node.
    pub(crate) evidence: Evidence,
    /// Why the disk takes no writes.
    pub(crate) disk_trouble: DiskTrouble,
    /// How attesting anew goes.
    pub(crate) attesting: Told,
    pub(crate) catalog: Catalog,
    /// Whom certified governance knows.
    pub(crate) known: Known,
    pub(crate) streams: LedgerPlaces,
    pub(crate) authority_pem: String,
    /// Public addresses of the replicas, for redirects.
    pub(crate) urls: RwLock<BTreeMap<u64, String>>,
    /// Calls that may wait for the replica at the same time.
    pub(crate) calls: tokio::sync::Semaphore,
    /// Joins that may wait for the replica at the same time: one.
    pub(crate) joins: tokio::sync::Semaphore,
    pub(crate) apps: AppDoor,
}

/// The backend of the gateway; clones share the stage.
#[derive(Clone)]
pub(crate) struct Door {
    stage: Arc<RwLock<Stage>>,
}

impl Door {
    /// A door that opens on `stage`.
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage: Arc::new(RwLock::new(stage)),
        }
    }

    /// The node has become something else.
    pub(crate) fn enter(&self, stage: Stage) {
        *self.stage.write().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Whether the key is that of a user, a member or a replica of the network.
    pub(crate) fn knows(&self, key: &Digest) -> bool {
        self.running()
            .is_some_and(|running| running.known.knows(key))
    }

    fn running(&self) -> Option<Arc<Running>> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Running(running) => Some(running.clone()),
            _ => None,
        }
    }

    fn founding(&self) -> Option<Arc<Founding>> {
        match &*self.stage.read().unwrap_or_else(PoisonError::into_inner) {
            Stage::Founding(founding) => Some(founding.clone()),
            _ => None,
        }
    }
}

impl Backend for Door {
    async fn call(&self, caller: Caller, call: Call) -> Reply {
        let answer = match (self.running(), self.founding()) {
            (Some(running), _) => running.answer(caller, call).await,
            (None, Some(founding)) => founding.answer(caller, call).await,
            (None, None) => early(&call, "joining"),
        };
        answer.unwrap_or_else(Reply::Problem)
    }
}

/// The answers of a node that is no replica yet.
fn early(call: &Call, state: &str) -> Result<Reply, Box<Problem>> {
    let health = |ok| {
        Reply::Health(HealthReply {
            ok,
            state: state.to_owned(),
        })
    };
    match call {
        Call::Live => Ok(health(true)),
        Call::Ready => Ok(health(false)),
        Call::Metrics => Ok(Reply::Metrics(metrics::before_running())),
        _ => Err(Problem::new(ErrorCode::NotReady)
            .with_detail(format!("this node is {state}"))
            .into()),
    }
}

impl Founding {
    async fn answer(&self, caller: Caller, call: Call) -> Result<Reply, Box<Problem>> {
        match call {
            Call::Attest { nonce } => {
                let reply = self.attestation(caller, nonce);
                Ok(Reply::Attestation(Box::new(reply)))
            }
            Call::Session { nonce } => Ok(Reply::Session(self.session(caller, nonce))),
            Call::Bootstrap(approvals) => self.found(approvals).await,
            Call::Network => Ok(Reply::Network(Box::new(views::founder(&self.lock())))),
            other => early(&other, "waiting for the members' approvals"),
        }
    }

    fn attestation(&self, caller: Caller, nonce: [u8; 32]) -> AttestationReply {
        let waiting = self.lock();
        let asked = Asked {
            context: waiting.manifest().digest(),
            caller,
            nonce,
        };
        attestation(
            waiting.attested(),
            waiting.identity(),
            &asked,
            waiting.collected_ms(),
        )
    }

    fn session(&self, caller: Caller, nonce: [u8; 32]) -> SessionReply {
        let waiting = self.lock();
        let asked = Asked {
            context: waiting.manifest().digest(),
            caller,
            nonce,
        };
        session(waiting.identity(), &asked)
    }

    async fn found(&self, approvals: Bytes) -> Result<Reply, Box<Problem>> {
        let begun = self
            .lock()
            .found(&approvals)
            .map_err(|error| founding_problem(&error))?;
        let network = begun.network;
        let (runs, running) = oneshot::channel();
        let gone = |()| Problem::new(ErrorCode::ShuttingDown);
        self.begun.send((begun, runs)).await.map_err(|_| gone(()))?;
        running.await.map_err(|_| gone(()))?;
        Ok(Reply::Cbor(founder::answer(&network)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn founding_problem(error: &FounderError) -> Problem {
    let code = match error {
        FounderError::MalformedApprovals => ErrorCode::InvalidBody,
        FounderError::Found(FoundError::Law(LawError::Refused(
            Refused::Signatures(_) | Refused::ApprovalOfAnother | Refused::Malformed(_),
        ))) => ErrorCode::ApprovalsRefused,
        FounderError::Found(_) => ErrorCode::EvidenceRefused,
        FounderError::AlreadyFounded => ErrorCode::AlreadyDone,
        _ => ErrorCode::Internal,
    };
    Problem::new(code).with_detail(error.to_string())
}

/// Who asks for proof, and of what.
struct Asked {
    /// The network id, or the manifest's digest.
    context: Digest,
    caller: Caller,
    nonce: [u8; 32],
}

impl Asked {
    /// Proof that the caller's TLS session ends at this identity key.
    fn proof(&self, identity: &SigningKey) -> Option<synod_api::SessionProof> {
        let session = Session::from_exporter(self.caller.session?);
        let to = |fingerprint| Party::Key(Digest::from(fingerprint));
        let claim = SessionClaim {
            network: self.context,
            end: End::Acceptor,
            from: Party::Key(identity.public().digest()),
            to: self.caller.fingerprint.map_or(Party::Anybody, to),
            nonce: Some(self.nonce),
        };
        let proof = claim.prove(identity, &session);
        Some(synod_api::SessionProof {
            binding: proof.binding,
            signature: base64(proof.signature.as_bytes().to_vec()),
        })
    }
}

fn session(identity: &SigningKey, asked: &Asked) -> SessionReply {
    SessionReply {
        context: asked.context.to_string(),
        session: asked.proof(identity),
    }
}

fn attestation(
    attested: &AttestedStatement,
    identity: &SigningKey,
    asked: &Asked,
    collected_ms: u64,
) -> AttestationReply {
    let message = freshness_message(asked.context.as_bytes(), &asked.nonce);
    let signature = identity.sign(&message);
    AttestationReply {
        context: asked.context.to_string(),
        statement: base64(attested.statement.encode()),
        evidence: base64(attested.evidence.encode()),
        endorsements: base64(attested.endorsements.encode()),
        nonce: Digest::from(asked.nonce).to_string(),
        signature: base64(signature.as_bytes().to_vec()),
        session: asked.proof(identity),
        collected_ms,
        membership: None,
        configuration: None,
        certified: None,
    }
}

fn base64(bytes: Vec<u8>) -> Base64 {
    Base64(bytes.into())
}

impl Running {
    async fn answer(&self, caller: Caller, call: Call) -> Result<Reply, Box<Problem>> {
        let who = Who {
            fingerprint: caller.fingerprint.map(Digest::from),
        };
        let _place = self
            .calls
            .try_acquire()
            .map_err(|_| Problem::new(ErrorCode::Overloaded))?;
        match call {
            Call::Get { .. }
            | Call::Put { .. }
            | Call::Delete { .. }
            | Call::List { .. }
            | Call::Transact { .. } => self.operate(who, call).await,
            Call::Status(tx) => match self.ask(who, Request::Status(tx)).await? {
                synod_replica::Reply::Status(status) => Ok(answers::status(tx, status)),
                other => self.failed(other),
            },
            Call::Receipt(tx) => self.receipt(who, tx).await,
            Call::Act {
                signatures,
                receipt,
            } => self.act(who, signatures, receipt).await,
            Call::Join(request) => self.join(who, request).await,
            Call::JoinKeys(identity) => self.keys(who, &identity).await,
            Call::Bootstrap(_) => Err(Problem::new(ErrorCode::AlreadyDone).into()),
            app @ (Call::App(_)
            | Call::Apps
            | Call::AppInfo { .. }
            | Call::AppComponent { .. }
            | Call::AppChunk { .. }
            | Call::AppDescription { .. }
            | Call::AppLogs { .. }
            | Call::Watch(_)) => match self.apps.answer(who, app).await {
                Ok(reply) => Ok(reply),
                Err(Refusal::Call(error)) => self.refused(&error),
                Err(Refusal::Problem(problem)) => Err(problem),
            },
            other => self.tell(caller, other).await,
        }
    }

    /// Answers what the node tells of itself and of the ledger.
    async fn tell(&self, caller: Caller, call: Call) -> Result<Reply, Box<Problem>> {
        match call {
            Call::Attest { nonce } => self.attest(caller, nonce).await,
            Call::Session { nonce } => {
                let asked = self.asked(caller, nonce);
                Ok(Reply::Session(session(&self.identity, &asked)))
            }
            Call::Ledger { from } => self.ledger(caller, from),
            Call::Chain => {
                let parts = self.look(|replica| replica.chain()).await?;
                Ok(Reply::Chain(views::chain_file(parts).encode().into()))
            }
            Call::Network => {
                let view = self
                    .look(|replica| (replica.network_view(), replica.gauges()))
                    .await?;
                Ok(Reply::Network(Box::new(views::network(
                    &view.0,
                    &view.1,
                    &self.attesting.now(),
                    self.disk_trouble.now().as_deref(),
                    &self.authority_pem,
                ))))
            }
            Call::Governance => {
                let network = self.network;
                let view = self.look(|replica| replica.governance_view()).await?;
                Ok(Reply::Governance(Box::new(views::governance(
                    network, &view,
                ))))
            }
            Call::Live => Ok(self.health(|gauges, _| (!gauges.halted, "running")).await?),
            Call::Ready => Ok(self.health(views::readiness).await?),
            Call::Metrics => {
                let (gauges, view) = self
                    .look(|replica| (replica.gauges(), replica.network_view()))
                    .await?;
                Ok(Reply::Metrics(metrics::text(
                    &gauges,
                    &view,
                    &self.attesting.now(),
                    self.catalog.bytes(),
                    &self.apps.metrics(),
                )))
            }
            _ => Err(Problem::new(ErrorCode::Internal).into()),
        }
    }

    async fn operate(&self, who: Who, call: Call) -> Result<Reply, Box<Problem>> {
        let (operate, form) = answers::operation(call)?;
        let reply = self.ask(who, Request::Operate(operate)).await?;
        match reply {
            synod_replica::Reply::Failed(error) => self.refused(&error),
            reply => answers::reply(reply, form),
        }
    }

    /// A refusal: of a follower the way to the leader.
    fn refused(&self, error: &CallError) -> Result<Reply, Box<Problem>> {
        if let CallError::NotLeader {
            leader: Some(leader),
        } = error
        {
            let urls = self.urls.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(url) = urls.get(leader) {
                return Ok(Reply::Leader { url: url.clone() });
            }
        }
        Err(answers::problem(error).into())
    }

    fn failed(&self, reply: synod_replica::Reply) -> Result<Reply, Box<Problem>> {
        match reply {
            synod_replica::Reply::Failed(error) => self.refused(&error),
            _ => Err(Problem::new(ErrorCode::Internal).into()),
        }
    }

    async fn receipt(&self, who: Who, tx: TxId) -> Result<Reply, Box<Problem>> {
        match self.ask(who, Request::Receipt(tx)).await? {
            synod_replica::Reply::Receipt(file) => Ok(Reply::Receipt {
                transaction: tx,
                file,
            }),
            other => self.failed(other),
        }
    }

    async fn act(
        &self,
        who: Who,
        signatures: Vec<Bytes>,
        receipt: bool,
    ) -> Result<Reply, Box<Problem>> {
        let signed = SignedAction::combine(signatures.iter().map(|signature| signature.to_vec()));
        let reply = self
            .ask(who, Request::Govern(signed.encode().into()))
            .await?;
        let synod_replica::Reply::Governed { tx, .. } = reply else {
            return self.failed(reply);
        };
        let sequence = self
            .look(move |replica| views::sequence_of(replica, tx))
            .await?
            .unwrap_or_default();
        let receipt = if receipt {
            self.receipt_file(who, tx).await
        } else {
            None
        };
        Ok(Reply::Acted(ActionReply {
            transaction_id: tx,
            sequence,
            receipt: receipt.map(Base64),
        }))
    }

    async fn receipt_file(&self, who: Who, tx: TxId) -> Option<Bytes> {
        match self.core.ask(who, Request::Receipt(tx)).await? {
            synod_replica::Reply::Receipt(file) => Some(file),
            _ => None,
        }
    }

    async fn join(&self, who: Who, request: Bytes) -> Result<Reply, Box<Problem>> {
        // Evidence is judged on the thread that orders everything: one joiner at a time.
        let _turn = self.joins.acquire().await;
        match self.ask(who, Request::Join(request)).await? {
            synod_replica::Reply::Governed {
                tx,
                replica: Some(id),
            } => Ok(Reply::Cbor(joiner::joined(tx, id))),
            synod_replica::Reply::Failed(CallError::Governance(refusal)) => {
                Err(Problem::new(ErrorCode::EvidenceRefused)
                    .with_detail(refusal.to_string())
                    .with_reason(refusal.code())
                    .into())
            }
            other => self.failed(other),
        }
    }

    async fn keys(&self, who: Who, identity: &[u8]) -> Result<Reply, Box<Problem>> {
        let identity = joiner::read(identity).ok_or_else(|| {
            Problem::new(ErrorCode::InvalidBody)
                .with_detail("the body is not an identity key in CBOR")
        })?;
        // Sealed to that replica all the same; but sealing costs, so only its own TLS key may ask for it.
        let sealed = self
            .look(move |replica| {
                let is_asker = |record: &ReplicaRecord| {
                    record.identity() == identity
                        && Some(sha256(&[&record.statement.tls])) == who.fingerprint
                };
                let known = replica.network_view().replicas.iter().any(is_asker);
                known
                    .then(|| replica.keys_for(&identity))
                    .and_then(Result::ok)
            })
            .await?;
        let sealed = sealed.ok_or_else(|| {
            Problem::new(ErrorCode::Forbidden).with_detail(
                "no trusted replica has this identity key and the TLS key of this connection",
            )
        })?;
        let bytes = minicbor::to_vec(minicbor::bytes::ByteVec::from(sealed))
            .expect("encoding into memory does not fail");
        Ok(Reply::Cbor(bytes.into()))
    }

    fn asked(&self, caller: Caller, nonce: [u8; 32]) -> Asked {
        Asked {
            context: self.network,
            caller,
            nonce,
        }
    }

    async fn attest(&self, caller: Caller, nonce: [u8; 32]) -> Result<Reply, Box<Problem>> {
        let asked = self.asked(caller, nonce);
        let evident = self.evidence.borrow().clone();
        let mut reply = attestation(
            &evident.attested,
            &self.identity,
            &asked,
            evident.collected_ms,
        );
        let (id, certified) = self
            .look(|replica| (replica.network_view(), replica.certified_block()))
            .await?;
        reply.certified = certified.map(|(header, certificate)| CertifiedBlock {
            header: Base64(header),
            certificate: Base64(certificate),
        });
        reply.configuration = id
            .configuration
            .voter(id.id)
            .map(|_| id.configuration.number());
        if let Some(tx) = evident.recorded_by {
            reply.membership = self.receipt_file(Who::default(), tx).await.map(Base64);
        }
        Ok(Reply::Attestation(Box::new(reply)))
    }

    fn ledger(&self, caller: Caller, from: u64) -> Result<Reply, Box<Problem>> {
        let key = caller.fingerprint.map(Digest::from);
        let replica = key.filter(|key| self.known.is_replica(key));
        let place = self.streams.take(replica, caller.source).ok_or_else(|| {
            Problem::new(ErrorCode::Overloaded)
                .with_detail("too many streams of the ledger at once")
        })?;
        let (pieces, records) = mpsc::channel(PIECES_WAITING);
        let (catalog, runtime) = (self.catalog.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let read = read_ledger(&catalog, from, |piece| {
                runtime.block_on(place.send(&pieces, piece))
            });
            drop(place);
            if let Err(error) = read {
                log::warn("ledger", &error);
                // The reader may be gone already, or slow: this thread does not wait for it.
                runtime.spawn(async move { drop(pieces.send(Err(Broken)).await) });
            }
        });
        Ok(Reply::Ledger(Records(records)))
    }

    async fn health(
        &self,
        judge: impl FnOnce(&synod_replica::Gauges, &synod_replica::NetworkView) -> (bool, &'static str),
    ) -> Result<Reply, Box<Problem>> {
        let (gauges, view) = self
            .look(|replica| (replica.gauges(), replica.network_view()))
            .await?;
        let (ok, state) = judge(&gauges, &view);
        Ok(Reply::Health(HealthReply {
            ok,
            state: state.to_owned(),
        }))
    }

    async fn ask(&self, who: Who, request: Request) -> Result<synod_replica::Reply, Box<Problem>> {
        let reply = self.core.ask(who, request).await;
        reply.ok_or_else(|| Problem::new(ErrorCode::ShuttingDown).into())
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Result<T, Box<Problem>> {
        self.core
            .look(look)
            .await
            .ok_or_else(|| Problem::new(ErrorCode::ShuttingDown).into())
    }
}
