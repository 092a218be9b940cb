//! A node from its start to its end: doors, threads and the effects between them.
//!
//! The order of the start matters: the public door listens first, so that a port in use is told
//! before anything is made; block 0 or the fetched ledger goes to the disk before the replica's
//! first effects.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use synod_api::ErrorCode;
use synod_channel::{
    Certificate, CertificateError, Clock, Identity, IdentityError as TlsIdentityError, KeyMismatch,
    PublicDoor, ServiceCa, TlsKey,
};
use synod_client::ClientError;
use synod_crypto::{Digest, PublicKey, SigningKey};
use synod_gateway::Gateway;
use synod_governance::Address;
use synod_ledger::TxId;
use synod_replica::app::{Compile, Execution};
use synod_replica::{Batch, Envelope, Input, Notice, Recall, Replica};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::app::AppDoor;
use crate::app_engine::AppEngine;
use crate::app_logs::AppLogs;
use crate::authority::{AuthorityError, Issuer};
use crate::begun::Begun;
use synod_identity::{AttestedIdentity, IdentityError, now_ms};

use crate::clock::now;
use crate::config::{Beginning, NodeConfig};
use crate::core::{self, Core, Outlets};
use crate::disk::{Disk, DiskReport};
use crate::disk_trouble::DiskTrouble;
use crate::door::{Door, Stage};
use crate::executors::{Executors, Report};
use crate::founder::{FounderError, Waiting};
use crate::founding::Founding;
use crate::joiner::{self, JoinerError};
use crate::known::Known;
use crate::leaver::{Ended, Leaver};
use crate::ledger_files::{LedgerFiles, LedgerPlace};
use crate::ledger_places::LedgerPlaces;
use crate::ledger_reader::read_back;
use crate::peer_session::Prover;
use crate::peers::{Peers, Wiring};
use crate::reattester::{self, Reattester};
use crate::running::Running;
use crate::serve::{HANDSHAKE_DESCRIPTORS, PublicListener};
use crate::watching::Watchers;
use crate::{descriptors, former};
use synod_identity::{EvidenceCertificate, Evident, Shutdown, ShutdownSignal, evidence_place, log};

/// The certificate that peers see lives this long; they look at its key alone.
const PEER_CERTIFICATE_MS: u64 = 365 * 24 * 3600 * 1000;
/// What is in work gets this long to be answered when the node stops.
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
    /// A folder cannot be made.
    #[error("cannot make the folder `{path}`: {cause}")]
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
    Birth(#[from] IdentityError),
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
    /// The public door gets no certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// An identity for TLS cannot be made.
    #[error(transparent)]
    Identity(#[from] TlsIdentityError),
    /// The ledger's membership does not make an engine.
    #[error("the ledger's membership is not one: {0}")]
    Membership(#[from] synod_consensus::StartError),
    /// The engine that runs apps does not start on this machine.
    #[error("cannot run apps: {0}")]
    Apps(#[from] synod_component::EngineError),
    /// The thread that orders everything ended by itself. Our fault.
    #[error("the consensus thread ended")]
    Ended,
    /// A URL in the configuration is not one.
    #[error("`{0}` is not an address of a service")]
    Url(String),
}

impl NodeError {
    /// What would help, if that can be told beside the error itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Birth(error)
            | Self::Founder(FounderError::Birth(error))
            | Self::Joiner(JoinerError::Birth(error)) => error.hint(),
            _ => None,
        }
    }
}

/// Whose fault it is that a node does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFault {
    /// Whoever wrote the configuration or a file that it names.
    Caller,
    /// The machine, the network, or this program.
    Environment,
    /// Somebody else did not prove what had to be proven.
    NotProven,
}

impl NodeError {
    /// Whose fault it is.
    pub fn fault(&self) -> NodeFault {
        match self {
            Self::Url(_)
            | Self::Founder(FounderError::Read { .. } | FounderError::Manifest(_))
            | Self::Joiner(JoinerError::Read { .. } | JoinerError::Policy(_)) => NodeFault::Caller,
            Self::Joiner(
                JoinerError::Damage(_)
                | JoinerError::LedgerImport(_)
                | JoinerError::Client(ClientError::NotVerified { .. }),
            ) => NodeFault::NotProven,
            Self::Joiner(JoinerError::Client(ClientError::Problem(problem)))
                if problem.code == ErrorCode::EvidenceRefused =>
            {
                NodeFault::NotProven
            }
            _ => NodeFault::Environment,
        }
    }
}

/// Runs a node until it is told to stop; says how it ended.
///
/// SIGTERM and SIGINT make it leave the network first, unless the configuration says
/// `leave = false`; a second one makes it stop at once. SIGQUIT, or the end of standard input,
/// makes it stop without leaving.
///
/// # Errors
/// [`NodeError`].
pub fn run(config: NodeConfig) -> Result<Ended, NodeError> {
    log::set_level(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(NodeError::Start)?;
    let outcome = runtime.block_on(live(config));
    runtime.shutdown_background();
    outcome
}

async fn live(config: NodeConfig) -> Result<Ended, NodeError> {
    let public = listen(config.listen).await?;
    let peers = listen(config.peer_listen).await?;
    std::fs::create_dir_all(&config.dir).map_err(|cause| NodeError::Folder {
        path: config.dir.clone(),
        cause,
    })?;
    let own_identity = AttestedIdentity::new(config.attester, &config.endorsements, &config.dir)?;
    let clock = Clock::system();
    let shown = Arc::new(PublicDoor::new(
        &own_identity.tls(),
        &own_identity.self_signed()?,
        &clock,
    )?);
    let (begun_sender, begun_receiver) = mpsc::channel(1);
    let (stage, joiner) = first_stage(&config, own_identity, begun_sender).await?;
    let door = Door::new(stage);
    let gateway = gateway(&config, &door);
    let limits = descriptors::prepare(&config.limits, HANDSHAKE_DESCRIPTORS);
    let listener = PublicListener::open(public, shown.clone(), gateway, door.clone(), &limits);
    log::info("node", format_args!("listening on {}", config.listen));
    let mut told = ShutdownSignal::listen(config.stop_with_stdin);
    let node = Node {
        config,
        door,
        shown,
        clock,
    };
    let begun = tokio::select! {
        begun = node.begin(joiner, begun_receiver) => Some(begun?),
        _ = told.next() => None,
    };
    let outcome = match begun {
        Some((begun, runs)) => {
            former::write(&node.config.dir, begun.network, begun.boot.id);
            let alive = node.start(begun, peers)?;
            // Whoever sent the approvals may have gone; the network stands all the same.
            let _ = runs.send(());
            alive.until(told, listener).await
        }
        None => Ok(Ended::Unbegun),
    };
    log::info("node", "stopped");
    outcome
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| NodeError::Listen { address, cause })
}

/// What the door opens on; a joiner keeps its keys for the join.
async fn first_stage(
    config: &NodeConfig,
    own_identity: AttestedIdentity,
    begun: mpsc::Sender<(Begun, oneshot::Sender<()>)>,
) -> Result<(Stage, Option<AttestedIdentity>), NodeError> {
    Ok(match &config.beginning {
        Beginning::Join { .. } => (Stage::Joining, Some(own_identity)),
        Beginning::Start { manifest } => {
            let waiting = Waiting::new(manifest, own_identity, address(config)).await?;
            log::info("founder", "waiting for the members' approvals");
            let waiting = waiting.into();
            (Stage::Founding(Arc::new(Founding { waiting, begun })), None)
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

struct Node {
    config: NodeConfig,
    door: Door,
    shown: Arc<PublicDoor>,
    clock: Clock,
}

/// A replica at work.
struct Alive {
    core: Core,
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
    watchers: Arc<Watchers>,
    leaver: Leaver,
    /// How long it may take to leave; none if this node never leaves.
    leave_max: Option<Duration>,
}

impl Alive {
    /// Lives until it is told to stop, then ends in order: nobody new, what is in work, replica,
    /// disk.
    async fn until(
        mut self,
        mut told: ShutdownSignal,
        listener: PublicListener,
    ) -> Result<Ended, NodeError> {
        let word = tokio::select! {
            word = told.next() => word,
            _ = &mut self.ended => return Err(NodeError::Ended),
        };
        let ended = match (word, self.leave_max) {
            (Shutdown::Leave, Some(max)) => self.leave(max, &mut told).await,
            _ => self.leaver.stayed(None),
        };
        log::info("node", "stopping");
        // Their streams have no end of their own.
        self.watchers.stop();
        listener.close(STOP_MAX).await;
        self.core.stop();
        // The thread takes the disk with it, which writes what it was given. A panic has ended the
        // process.
        let _ = tokio::task::spawn_blocking(|| self.thread.join()).await;
        Ok(ended)
    }

    /// Leaves the network while everything goes on; a second word ends the waiting.
    async fn leave(&self, max: Duration, told: &mut ShutdownSignal) -> Ended {
        let seconds = max.as_secs_f32();
        log::info(
            "node",
            format_args!(
                "leaving the network, for at most {seconds} s; a second signal stops this node at once"
            ),
        );
        let ended = tokio::select! {
            ended = self.leaver.leave(max) => ended,
            _ = told.next() => self.leaver.stayed(Some("it was told to stop at once".to_owned())),
        };
        match &ended {
            Ended::Stayed { why: Some(why), .. } => log::warn(
                "node",
                format_args!("this replica stops without having left: {why}"),
            ),
            _ => log::info("node", "this replica has left the network"),
        }
        ended
    }
}

impl Node {
    /// Founds or joins; what comes with it takes the news that the replica runs.
    async fn begin(
        &self,
        joiner: Option<AttestedIdentity>,
        mut begun: mpsc::Receiver<(Begun, oneshot::Sender<()>)>,
    ) -> Result<(Begun, oneshot::Sender<()>), NodeError> {
        let (
            Beginning::Join {
                network,
                services,
                policy,
                replaces,
            },
            Some(own_identity),
        ) = (&self.config.beginning, joiner)
        else {
            return begun.recv().await.ok_or(NodeError::Ended);
        };
        let services = services.iter().map(ToString::to_string);
        let urls = services
            .map(|url| url.parse().map_err(|_| NodeError::Url(url)))
            .collect::<Result<_, _>>()?;
        let address = address(&self.config);
        let replaces = replaces.or_else(|| former::read(&self.config.dir, *network));
        let policy = policy.as_deref();
        let place = self.place();
        let joined = joiner::join(
            own_identity,
            address,
            *network,
            urls,
            policy,
            replaces,
            &place,
        )
        .await?;
        Ok((joined, oneshot::channel().0))
    }

    /// Starts disk, wires and the consensus thread, and opens the door.
    fn start(&self, begun: Begun, peers: TcpListener) -> Result<Alive, NodeError> {
        let (id, authority) = (begun.boot.id, authority(&begun)?);
        let tick = Duration::from_millis(begun.boot.tuning.tick_ms);
        let (core, receiver) = core::core();
        let disk_trouble = DiskTrouble::default();
        let files = self.files(begun.files, begun.network, &begun.identity.public())?;
        let catalog = files.catalog.clone();
        let disk = disk(files, begun.records, &core, &disk_trouble)?;
        let identity = Arc::new(begun.identity);
        let prover = prover(begun.network, id, &identity);
        let peers = self.wires(prover, &begun.tls, &core, peers)?;
        let (replica, effects) = Replica::start(begun.boot, now())?;
        let (evident, evidence) = evidence_place(Evident {
            attested: begun.attested,
            collected_ms: begun.collected_ms,
            recorded_by: begun.trusted_by,
        });
        let attesting = reattester::Told::default();
        let (apps, executors) = self.apps(id, &core)?;
        let running = Arc::new(Running {
            core: core.clone(),
            network: begun.network,
            identity,
            evidence,
            disk_trouble,
            attesting: attesting.clone(),
            catalog,
            known: Known::default(),
            streams: LedgerPlaces::new(&self.config.limits),
            authority_pem: authority.certificate().pem(),
            urls: RwLock::new(BTreeMap::new()),
            calls: Semaphore::new(self.config.limits.calls_max),
            joins: Semaphore::new(1),
            watchers: apps.watchers.clone(),
            apps: apps.clone(),
        });
        let leaver = Leaver::of(&running, id);
        let (ends, ended) = oneshot::channel();
        let outlets = Wires {
            disk,
            peers,
            running: running.clone(),
            executors,
            _ends: ends,
        };
        let thread =
            core::start(replica, effects, receiver, outlets, tick).map_err(NodeError::Start)?;
        self.keep_certified(authority, &begun.tls)?;
        EvidenceCertificate::new(self.shown.clone(), begun.tls).follow(running.evidence.clone());
        let reattester = Reattester {
            own_identity: begun.own_identity,
            core: core.clone(),
            network: begun.network,
            every: self.config.reattest_every,
            evident,
            told: attesting,
        };
        tokio::spawn(reattester.run());
        tokio::spawn(apps.clone().forget_what_is_gone());
        self.door.enter(Stage::Running(running));
        tell_that_it_runs(id, begun.network, begun.trusted_by);
        Ok(Alive {
            core,
            thread,
            ended,
            watchers: apps.watchers,
            leaver,
            leave_max: self.config.leave.then_some(self.config.leave_max),
        })
    }

    /// The door to apps, and the threads that run them.
    fn apps(&self, replica: u64, core: &Core) -> Result<(AppDoor, Executors), NodeError> {
        let bounds = &self.config.apps;
        let logs = AppLogs::new(bounds.log_lines_max(), bounds.log_bytes_max());
        let logs = Arc::new(logs);
        let engine = Arc::new(AppEngine::new(logs.clone())?);
        let executors = self.executors(&engine, core)?;
        let door = AppDoor {
            core: core.clone(),
            replica,
            watchers: Watchers::new(
                bounds.watchers_max(),
                bounds.watchers_per_caller_max(),
                bounds.watch_bytes_max(),
            ),
            logs,
            engine,
            executors: executors.counted(),
        };
        Ok((door, executors))
    }

    /// The threads that run apps.
    fn executors(&self, engine: &Arc<AppEngine>, core: &Core) -> Result<Executors, NodeError> {
        let core = core.clone();
        let report = move |report| {
            // Once the consensus thread has ended nobody waits for apps any more.
            let _ = core.happened(match report {
                Report::Executed(executed) => Input::Executed(executed),
                Report::Compiled(compiled) => Input::Compiled(compiled),
            });
        };
        let threads = self.config.apps.executors();
        Executors::start(engine, threads, report).map_err(NodeError::Start)
    }

    /// Gives the public door its certificate, now and whenever it grows old.
    fn keep_certified(&self, authority: ServiceCa, tls: &TlsKey) -> Result<(), NodeError> {
        let (shown, url) = (self.shown.clone(), &self.config.public_url);
        let issuer = Issuer::new(authority, shown, tls.spki().clone(), url);
        let due_ms = issuer.issue()?;
        tokio::spawn(issuer.keep_fresh(due_ms));
        Ok(())
    }

    fn place(&self) -> LedgerPlace {
        LedgerPlace {
            dir: self.config.dir.clone(),
            segment_bytes: self.config.limits.segment_bytes,
            durability: self.config.durability,
        }
    }

    /// The files that a joiner began, or a ledger that begins here.
    fn files(
        &self,
        begun: Option<LedgerFiles>,
        network: Digest,
        identity: &PublicKey,
    ) -> Result<LedgerFiles, NodeError> {
        if let Some(files) = begun {
            return Ok(files);
        }
        let place = self.place();
        place
            .create(network, identity)
            .map_err(|cause| NodeError::Folder {
                path: place.folder(identity),
                cause,
            })
    }

    fn wires(
        &self,
        prover: Prover,
        tls: &TlsKey,
        core: &Core,
        listener: TcpListener,
    ) -> Result<Arc<Peers>, NodeError> {
        let now = now_ms();
        let certificate = Certificate::self_signed(
            tls,
            "synod replica",
            now,
            now.saturating_add(PEER_CERTIFICATE_MS),
        )?;
        let wiring = Wiring {
            prover,
            identity: Identity::new(tls, &certificate)?,
            clock: self.clock.clone(),
            queue_bytes_max: self.config.limits.peer_queue_bytes_max,
            core: core.clone(),
        };
        let peers = Peers::new(wiring, Handle::current());
        tokio::spawn(peers.clone().accept(listener));
        Ok(peers)
    }
}

/// The authority that vouches for the doors of all replicas.
fn authority(begun: &Begun) -> Result<ServiceCa, NodeError> {
    let from_ms = begun.authority_from_ms.saturating_sub(AUTHORITY_SKEW_MS);
    Ok(ServiceCa::new(&begun.service_key, begun.network, from_ms)?)
}

/// Starts the disk thread, with the first records.
fn disk(
    files: LedgerFiles,
    records: Vec<Bytes>,
    core: &Core,
    trouble: &DiskTrouble,
) -> Result<Disk, NodeError> {
    let core = core.clone();
    let report = move |report| {
        // Once the consensus thread has ended nobody waits for the disk any more.
        let _ = core.happened(match report {
            DiskReport::Persisted(number) => Input::Persisted(number),
            DiskReport::Full(full) => Input::DiskFull(full),
        });
    };
    let disk = Disk::start(files.segments, trouble.clone(), report).map_err(NodeError::Start)?;
    // A crash here leaves a folder that nobody reads: the next run is a new replica with a new one.
    disk.persist(Batch {
        number: None,
        records,
    });
    Ok(disk)
}

fn prover(network: Digest, id: u64, identity: &Arc<SigningKey>) -> Prover {
    Prover {
        network,
        id,
        identity: identity.clone(),
    }
}

fn tell_that_it_runs(id: u64, network: Digest, trusted_by: Option<TxId>) {
    let by = trusted_by.map_or_else(|| "block 0".to_owned(), |tx| format!("transaction {tx}"));
    log::info(
        "node",
        format_args!("replica {id} of network {network} runs; trusted by {by}"),
    );
}

/// Where the consensus thread's effects go.
struct Wires {
    disk: Disk,
    peers: Arc<Peers>,
    running: Arc<Running>,
    executors: Executors,
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
        for (to, envelope) in messages {
            self.peers.send(to, envelope);
        }
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
                log::error("consensus", format_args!("replica {peer}: {what}"));
            }
            Notice::Halted(why) => log::error("consensus", format_args!("halted: {why}")),
            Notice::Lapsed { replica, hindrance } => match hindrance {
                None => log::warn(
                    "consensus",
                    format_args!("the verdict on replica {replica} has lapsed: it loses its vote"),
                ),
                Some(why) => log::error(
                    "consensus",
                    format_args!(
                        "the verdict on replica {replica} has lapsed, and it keeps its vote: {why}"
                    ),
                ),
            },
            Notice::AppFailed {
                app,
                number,
                component,
                code,
                compiler,
            } => {
                let compiler = compiler.map_or_else(String::new, |fault| format!(", {fault}"));
                log::error(
                    "apps",
                    format_args!(
                        "version {number} of app `{app}`, component {component}: {code}{compiler}; more stands in the \
                         app's own log"
                    ),
                );
            }
            Notice::LedgerTime { behind_ms: None } => {
                log::info("clock", "the ledger's time keeps up again");
            }
            Notice::LedgerTime {
                behind_ms: Some(behind_ms),
            } => log::error(
                "clock",
                format_args!("the ledger's time is {behind_ms} ms behind this machine's clock"),
            ),
            Notice::Dropped { peer, why } => {
                log::debug("consensus", format_args!("from {peer}: {why}"));
            }
        }
    }

    fn execute(&mut self, executions: Vec<Execution>) {
        self.executors.execute(executions);
    }

    fn compile(&mut self, components: Vec<Compile>) {
        self.executors.compile(components);
    }

    fn recall(&mut self, recall: Recall) {
        let running = self.running.clone();
        let read = move || {
            let records = read_back(&running.catalog, running.network, recall);
            let records = records.unwrap_or_else(|error| {
                log::error("ledger", &error);
                Vec::new()
            });
            // Once the consensus thread has ended nobody waits for them.
            let _ = running.core.happened(Input::Recalled(records));
        };
        let thread = std::thread::Builder::new().name("recall".to_owned());
        if let Err(error) = thread.spawn(read) {
            log::error("ledger", format_args!("cannot read old blocks: {error}"));
            let _ = self.running.core.happened(Input::Recalled(Vec::new()));
        }
    }

    fn certified(&mut self, seqno: u64) {
        self.running.apps.watchers.certified(seqno);
    }

    fn governance_changed(&mut self, replica: &Replica) {
        self.running.known.update(replica);
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
            .unwrap_or_else(PoisonError::into_inner) = urls.collect();
    }
}
