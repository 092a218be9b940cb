//! A node from its start to its end: doors, threads and the effects between them.
//!
//! The order of the start matters: the public door listens first, so that a port in use is told before anything is
//! made; block 0 or the fetched ledger goes to the disk before the replica's first effects.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use synod_channel::{
    CertificateError, Clock, IdentityError, KeyMismatch, PublicDoor, ServiceCa, TlsKey,
    caller_fingerprint,
};
use synod_gateway::{Caller, Gateway};
use synod_governance::Address;
use synod_ledger::TxId;
use synod_replica::{Batch, Envelope, Input, Notice, Replica};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::begun::Begun;
use crate::born::{BirthError, Born};
use crate::catalog::Catalog;
use crate::clock::now_ms;
use crate::config::{Beginning, Durability, NodeConfig};
use crate::core::{self, Core, Outlets};
use crate::disk::{Disk, DiskReport};
use crate::door::{Door, Founding, Running, Stage};
use crate::founder::{FounderError, Waiting};
use crate::joiner::{self, JoinerError};
use crate::log;
use crate::peers::{Peers, Wiring};
use crate::segments::Segments;
use crate::volume::Folder;

/// A TLS handshake at the public door that takes longer is given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Certificates of the service's authority live this long.
const CERTIFICATE_MS: u64 = 24 * 3600 * 1000;
/// How often it is looked whether the certificate must be issued anew.
const REISSUE_LOOK: Duration = Duration::from_secs(60);
/// Connections that are at work get this long to end when the node stops.
const STOP_MAX: Duration = Duration::from_secs(3);
/// A founder's clock may be this much ahead: the authority is valid from so much earlier.
const AUTHORITY_SKEW_MS: u64 = 3600 * 1000;

/// Why a node ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// An address cannot be listened on. The operator must choose another, or stop what uses it.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The ledger's folder cannot be made.
    #[error("cannot make the ledger's folder `{path}`: {cause}")]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A thread or the runtime cannot be started.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
    /// Keys or evidence could not be made.
    #[error(transparent)]
    Birth(#[from] BirthError),
    /// The founder cannot begin.
    #[error(transparent)]
    Founder(#[from] FounderError),
    /// The joiner was refused, or refused the service.
    #[error(transparent)]
    Joiner(#[from] JoinerError),
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A certificate does not fit its key.
    #[error(transparent)]
    Key(#[from] KeyMismatch),
    /// An identity for TLS cannot be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger's membership does not make an engine.
    #[error("the ledger's membership is not one: {0}")]
    Membership(#[from] synod_consensus::StartError),
    /// A URL in the configuration is not one.
    #[error("`{0}` is not an address of a service")]
    Url(String),
}

/// Runs a node until it is told to stop.
///
/// # Errors
/// [`NodeError`].
pub fn run(config: NodeConfig) -> Result<(), NodeError> {
    log::set_level(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(NodeError::Start)?;
    let outcome = runtime.block_on(live(config));
    runtime.shutdown_timeout(STOP_MAX);
    outcome
}

async fn live(config: NodeConfig) -> Result<(), NodeError> {
    let public = listen(config.listen).await?;
    let peers = listen(config.peer_listen).await?;
    let born = Born::new(config.tee)?;
    let tls = born.tls();
    let own = born.self_signed()?;
    let clock = Clock::system();
    let shown = Arc::new(PublicDoor::new(&tls, &own, &clock)?);
    let (stop, stopping) = watch::channel(false);
    let (begun_sender, begun_receiver) = mpsc::channel(1);
    let (stage, joiner) = first_stage(&config, born, begun_sender)?;
    let door = Door::new(stage);
    tokio::spawn(accept(
        public,
        shown.clone(),
        gateway(&config, &door),
        config.limits.connections_max,
        stopping,
    ));
    log::info("node", format_args!("listening on {}", config.listen));
    let node = Node {
        config,
        door,
        shown,
        clock,
    };
    tokio::select! {
        outcome = node.begin_and_run(joiner, begun_receiver, peers) => outcome?,
        () = told_to_stop(node.config.stop_with_stdin) => {}
    }
    // The door may have no connection left that listens.
    let _ = stop.send(true);
    log::info("node", "stopping");
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| NodeError::Listen { address, cause })
}

/// What the door opens on; a joiner keeps its keys for the join.
fn first_stage(
    config: &NodeConfig,
    born: Born,
    begun: mpsc::Sender<(Begun, oneshot::Sender<()>)>,
) -> Result<(Stage, Option<Born>), NodeError> {
    Ok(match &config.beginning {
        Beginning::Join { .. } => (Stage::Joining, Some(born)),
        Beginning::Start { manifest } => {
            let waiting = Waiting::new(manifest, born, address(config))?;
            log::info("founder", "waiting for the members' approvals");
            (
                Stage::Founding(Arc::new(Founding {
                    waiting: waiting.into(),
                    begun,
                })),
                None,
            )
        }
    })
}

fn address(config: &NodeConfig) -> Address {
    Address {
        public_url: config.public_url.to_string(),
        peer: config.peer_address.clone(),
    }
}

fn gateway(config: &NodeConfig, door: &Door) -> Gateway<Door> {
    let limits = synod_api::Limits {
        body_bytes_max: config.limits.body_bytes_max,
        answer_timeout: config.limits.answer_timeout(),
        ..synod_api::Limits::default()
    };
    Gateway::new(door.clone(), limits)
}

/// Accepts connections at the public door.
async fn accept(
    listener: TcpListener,
    shown: Arc<PublicDoor>,
    gateway: Gateway<Door>,
    connections_max: usize,
    stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, gateway, stopping) = (
            TlsAcceptor::from(shown.config()),
            gateway.clone(),
            stopping.clone(),
        );
        tokio::spawn(async move {
            serve(stream, acceptor, gateway, stopping).await;
            drop(place);
        });
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    gateway: Gateway<Door>,
    stopping: watch::Receiver<bool>,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await else {
        return;
    };
    let fingerprint = caller_fingerprint(stream.get_ref().1).map(|digest| *digest.as_bytes());
    gateway
        .serve(stream, Caller { fingerprint }, stopping)
        .await;
}

/// Waits for SIGTERM, SIGINT, or the end of standard input where the configuration says so.
async fn told_to_stop(with_stdin: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let stdin = async {
        if with_stdin {
            stdin_closed().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return stdin.await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = stdin => {}
    }
}

/// A thread of its own reads: a blocked read must not hold up the end of the runtime.
async fn stdin_closed() {
    let (closed, waiting) = oneshot::channel();
    let reader = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            // Whatever comes is thrown away; an error ends it like the end does.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = closed.send(());
        });
    if reader.is_ok() {
        let _ = waiting.await;
    }
}

struct Node {
    config: NodeConfig,
    door: Door,
    shown: Arc<PublicDoor>,
    clock: Clock,
}

impl Node {
    async fn begin_and_run(
        &self,
        joiner: Option<Born>,
        mut begun: mpsc::Receiver<(Begun, oneshot::Sender<()>)>,
        peers: TcpListener,
    ) -> Result<(), NodeError> {
        let (begun, runs) = match (&self.config.beginning, joiner) {
            (
                Beginning::Join {
                    network,
                    services,
                    policy,
                },
                Some(born),
            ) => {
                let services = services.iter().map(ToString::to_string);
                let urls = services
                    .map(|url| url.parse().map_err(|_| NodeError::Url(url)))
                    .collect::<Result<_, _>>()?;
                let joined = joiner::join(
                    born,
                    address(&self.config),
                    *network,
                    urls,
                    policy.as_deref(),
                )
                .await?;
                (joined, None)
            }
            _ => match begun.recv().await {
                Some((begun, runs)) => (begun, Some(runs)),
                None => return Ok(()),
            },
        };
        let (core, ended) = self.start(begun, peers)?;
        if let Some(runs) = runs {
            // Whoever sent the approvals may have gone; the network stands all the same.
            let _ = runs.send(());
        }
        // Both threads live as long as the node; if one ends, the node ends.
        let _ = ended.await;
        core.stop();
        Ok(())
    }

    /// Starts disk, wires and the consensus thread, and opens the door.
    fn start(
        &self,
        begun: Begun,
        peers: TcpListener,
    ) -> Result<(Core, oneshot::Receiver<()>), NodeError> {
        let Begun {
            network,
            boot,
            records,
            attested,
            trusted_by,
            identity,
            tls,
            service_key,
            authority_from_ms,
        } = begun;
        let id = boot.id;
        let tick = Duration::from_millis(boot.tuning.tick_ms);
        let (core, receiver) = core::core();
        let (catalog, disk) = self.disk(network, &identity.public().to_string(), &core)?;
        disk.persist(Batch {
            number: None,
            records,
        });
        let wires = self.wires(network, id, &tls, &core, peers)?;
        let (replica, effects) = Replica::start(boot, now_ms())?;
        let authority = ServiceCa::new(
            &service_key,
            network,
            authority_from_ms.saturating_sub(AUTHORITY_SKEW_MS),
        )?;
        let running = Arc::new(Running {
            core: core.clone(),
            network,
            identity,
            attested,
            collected_ms: now_ms(),
            trusted_by,
            catalog,
            streams: Arc::new(Semaphore::new(self.config.limits.ledger_streams_max)),
            authority_pem: authority.certificate().pem(),
            urls: RwLock::new(BTreeMap::new()),
            calls: Arc::new(Semaphore::new(self.config.limits.calls_max)),
        });
        let (ends, ended) = oneshot::channel();
        let outlets = Wires {
            disk,
            peers: wires,
            running: running.clone(),
            _ends: ends,
        };
        core::start(replica, effects, receiver, outlets, tick).map_err(NodeError::Start)?;
        self.certify(&authority, &tls)?;
        tokio::spawn(reissue(self.shown.clone(), authority, tls, self.host()));
        self.door.enter(Stage::Running(running));
        log::info(
            "node",
            format_args!(
                "replica {id} of network {network} runs; trusted by {}",
                by(trusted_by)
            ),
        );
        Ok((core, ended))
    }

    /// The ledger's folder is named by the identity, so a restart never touches an older one.
    fn disk(
        &self,
        network: synod_crypto::Digest,
        identity: &str,
        core: &Core,
    ) -> Result<(Catalog, Disk), NodeError> {
        let path = self.config.dir.join(format!("ledger-{}", &identity[..16]));
        let folder = Folder::create(&path).map_err(|cause| NodeError::Folder {
            path: path.clone(),
            cause,
        })?;
        let catalog = Catalog::new(path);
        let durability: Durability = self.config.durability;
        let bytes = self.config.limits.segment_bytes;
        let segments = Segments::new(folder, catalog.clone(), network, bytes, durability);
        let core = core.clone();
        let report = move |report| {
            let input = match report {
                DiskReport::Persisted(number) => Input::Persisted(number),
                DiskReport::Full(full) => Input::DiskFull(full),
            };
            core.happened(input);
        };
        Ok((
            catalog,
            Disk::start(segments, report).map_err(NodeError::Start)?,
        ))
    }

    fn wires(
        &self,
        network: synod_crypto::Digest,
        id: u64,
        tls: &TlsKey,
        core: &Core,
        listener: TcpListener,
    ) -> Result<Arc<Peers>, NodeError> {
        let now = now_ms();
        let certificate = synod_channel::Certificate::self_signed(
            tls,
            "synod replica",
            now,
            now + CERTIFICATE_MS,
        )?;
        let wiring = Wiring {
            network,
            id,
            identity: synod_channel::Identity::new(tls, &certificate)?,
            clock: self.clock.clone(),
            queue_bytes_max: self.config.limits.peer_queue_bytes_max,
            core: core.clone(),
        };
        let peers = Peers::new(wiring, Handle::current());
        tokio::spawn(peers.clone().accept(listener));
        Ok(peers)
    }

    fn certify(&self, authority: &ServiceCa, tls: &TlsKey) -> Result<(), NodeError> {
        let now = now_ms();
        let certificate = authority.issue(
            tls.spki(),
            &self.host(),
            now - AUTHORITY_SKEW_MS,
            now + CERTIFICATE_MS - AUTHORITY_SKEW_MS,
        )?;
        Ok(self.shown.show(&certificate)?)
    }

    /// The names that ordinary clients may call this replica by.
    fn host(&self) -> Vec<String> {
        let url = self.config.public_url.to_string();
        let authority = url.trim_start_matches("https://");
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let mut names = vec![host.trim_matches(['[', ']']).to_owned()];
        if names[0] == "127.0.0.1" {
            names.push("localhost".to_owned());
        }
        names
    }
}

fn by(tx: Option<TxId>) -> String {
    tx.map_or_else(|| "block 0".to_owned(), |tx| format!("transaction {tx}"))
}

/// Issues the certificate anew before it ends.
async fn reissue(shown: Arc<PublicDoor>, authority: ServiceCa, tls: TlsKey, names: Vec<String>) {
    let mut due = now_ms() + CERTIFICATE_MS / 2;
    loop {
        tokio::time::sleep(REISSUE_LOOK).await;
        let now = now_ms();
        if now < due {
            continue;
        }
        let until = now + CERTIFICATE_MS - AUTHORITY_SKEW_MS;
        match authority.issue(tls.spki(), &names, now - AUTHORITY_SKEW_MS, until) {
            Ok(certificate) if shown.show(&certificate).is_ok() => due = now + CERTIFICATE_MS / 2,
            Ok(_) => log::warn("node", "the new certificate does not fit the key"),
            Err(error) => log::warn("node", format_args!("no new certificate: {error}")),
        }
    }
}

/// Where the consensus thread's effects go.
struct Wires {
    disk: Disk,
    peers: Arc<Peers>,
    running: Arc<Running>,
    /// Dropped with the thread.
    _ends: oneshot::Sender<()>,
}

impl Outlets for Wires {
    fn persist(&mut self, batches: Vec<Batch>) {
        batches
            .into_iter()
            .for_each(|batch| self.disk.persist(batch));
    }

    fn send(&mut self, messages: Vec<(u64, Envelope)>) {
        messages
            .iter()
            .for_each(|(to, envelope)| self.peers.send(*to, envelope));
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Role {
                leading,
                view,
                leader,
            } => {
                let leader =
                    leader.map_or_else(|| "nobody".to_owned(), |id| format!("replica {id}"));
                let what = if *leading {
                    "this replica"
                } else {
                    leader.as_str()
                };
                log::info("consensus", format_args!("view {view}: {what} leads"));
            }
            Notice::Misbehaved { peer, what } => {
                log::error("consensus", format_args!("replica {peer}: {what}"))
            }
            Notice::Halted(why) => log::error("consensus", format_args!("halted: {why}")),
            Notice::Dropped { peer, why } => {
                log::debug("consensus", format_args!("from {peer}: {why}"))
            }
        }
    }

    fn membership_changed(&mut self, replica: &Replica) {
        let view = replica.network_view();
        self.peers.update(&view.replicas);
        let urls = view
            .replicas
            .iter()
            .map(|replica| (replica.id, replica.address.public_url.clone()));
        *self
            .running
            .urls
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = urls.collect();
    }
}
