//! The doors and wires between replicas: mutual TLS, one connection in each direction.
//!
//! The dialer only sends, the acceptor only receives. A frame is believed only from the replica whose key the
//! handshake proved, and only with a counter above all before it.
//!
//! Invariants
//! - the queue to a peer is bounded in bytes; past the bound messages are dropped, since the engine repeats them;
//! - a replica that left the ledger's table is cut off: its connections end at the next frame.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustls::{ClientConfig, ServerConfig};
use synod_channel::{
    Clock, Framer, Identity, PeerReceiver, PeerSender, PeerTable, Spki, peer_client_config, peer_of, peer_server_config,
    peer_server_name,
};
use synod_crypto::Digest;
use synod_governance::ReplicaRecord;
use synod_replica::{Envelope, Input};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::core::Core;

/// A handshake that takes longer is given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Pauses between attempts to connect.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// So many bytes are gathered for one write.
const WRITE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 256 * 1024;

/// What every connection between replicas needs.
pub(crate) struct Wiring {
    pub(crate) network: Digest,
    pub(crate) id: u64,
    pub(crate) identity: Identity,
    pub(crate) clock: Clock,
    pub(crate) queue_bytes_max: usize,
    pub(crate) core: Core,
}

/// The wires to all peers.
pub(crate) struct Peers {
    wiring: Arc<Wiring>,
    table: PeerTable,
    links: Mutex<BTreeMap<u64, Link>>,
    receivers: Mutex<BTreeMap<u64, Arc<Mutex<PeerReceiver>>>>,
    runtime: tokio::runtime::Handle,
}

struct Link {
    address: String,
    queue: UnboundedSender<Bytes>,
    queued: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peers {
    /// No wires yet; tasks will run on `runtime`.
    pub(crate) fn new(wiring: Wiring, runtime: tokio::runtime::Handle) -> Arc<Self> {
        Arc::new(Self {
            wiring: Arc::new(wiring),
            table: PeerTable::new(),
            links: Mutex::default(),
            receivers: Mutex::default(),
            runtime,
        })
    }

    /// Puts a message in its peer's queue, or drops it where the queue is full or the peer unknown.
    pub(crate) fn send(&self, to: u64, envelope: &Envelope) {
        let links = lock(&self.links);
        let Some(link) = links.get(&to) else { return };
        let bytes = Bytes::from(envelope.encode());
        if link.queued.load(Ordering::Relaxed) + bytes.len() > self.wiring.queue_bytes_max {
            return;
        }
        link.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        // A link's task ends only with the link.
        let _ = link.queue.send(bytes);
    }

    /// Takes the replicas from the ledger: who left is cut off, who came is dialled.
    pub(crate) fn update(&self, replicas: &[ReplicaRecord]) {
        let others: BTreeMap<u64, &ReplicaRecord> = replicas
            .iter()
            .filter(|replica| replica.id != self.wiring.id && replica.status.is_trusted())
            .map(|replica| (replica.id, replica))
            .collect();
        let keys = others.iter().map(|(id, replica)| (*id, Spki::from_der(replica.statement.tls.clone())));
        if self.table.replace(keys.collect()).is_err() {
            // Governance accepts no TLS key twice; without a sound table nobody is believed.
            return lock(&self.links).clear();
        }
        let mut links = lock(&self.links);
        links.retain(|id, link| others.get(id).is_some_and(|replica| replica.address.peer == link.address));
        for (id, replica) in others {
            links.entry(id).or_insert_with(|| self.link(id, &replica.address.peer));
        }
    }

    fn link(&self, id: u64, address: &str) -> Link {
        let (queue, waiting) = unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let config = peer_client_config(&self.wiring.identity, &self.table, id, &self.wiring.clock);
        let dialer = Dialer {
            peer: id,
            address: address.to_owned(),
            config,
            table: self.table.clone(),
            wiring: self.wiring.clone(),
            waiting,
            queued: queued.clone(),
            sender: PeerSender::new(self.wiring.network, self.wiring.id, id),
        };
        let task = self.runtime.spawn(dialer.run());
        Link { address: address.to_owned(), queue, queued, task }
    }

    /// Accepts peers until the task is dropped.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let config: Arc<ServerConfig> = peer_server_config(&self.wiring.identity, &self.table, &self.wiring.clock);
        let acceptor = TlsAcceptor::from(config);
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(PAUSE_MIN).await;
                continue;
            };
            let (peers, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move { peers.receive(stream, acceptor).await });
        }
    }

    /// Reads one peer's frames until anything is wrong with them.
    async fn receive(&self, stream: TcpStream, acceptor: TlsAcceptor) {
        let Ok(Ok(mut stream)) = timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await else { return };
        let Ok(peer) = peer_of(stream.get_ref().1, &self.table) else { return };
        let key = self.table.key_of(peer);
        let receiver = self.receiver(peer);
        let mut framer = Framer::default();
        loop {
            framer.buffer().reserve(READ_BYTES);
            match stream.read_buf(framer.buffer()).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if self.table.key_of(peer) != key || !self.take_frames(peer, &mut framer, &receiver) {
                return;
            }
        }
    }

    fn take_frames(&self, peer: u64, framer: &mut Framer, receiver: &Mutex<PeerReceiver>) -> bool {
        let mut receiver = lock(receiver);
        loop {
            let frame = match framer.take() {
                Ok(Some(frame)) => frame,
                Ok(None) => return true,
                Err(_) => return false,
            };
            let Ok(body) = receiver.unwrap(frame) else { return false };
            let Ok(envelope) = Envelope::decode(&body) else { return false };
            if !self.wiring.core.happened(Input::Received { from: peer, envelope }) {
                return false;
            }
        }
    }

    /// One receiver for each peer, over all its connections, so that no old frame comes twice.
    fn receiver(&self, peer: u64) -> Arc<Mutex<PeerReceiver>> {
        let wiring = &self.wiring;
        let fresh = || Arc::new(Mutex::new(PeerReceiver::new(wiring.network, peer, wiring.id)));
        lock(&self.receivers).entry(peer).or_insert_with(fresh).clone()
    }
}

/// Keeps one connection to a peer and writes what waits.
struct Dialer {
    peer: u64,
    address: String,
    config: Arc<ClientConfig>,
    table: PeerTable,
    wiring: Arc<Wiring>,
    waiting: UnboundedReceiver<Bytes>,
    queued: Arc<AtomicUsize>,
    sender: PeerSender,
}

type Wire = tokio_rustls::client::TlsStream<TcpStream>;

impl Dialer {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            if let Some(stream) = self.connect().await {
                pause = PAUSE_MIN;
                if self.write_all(stream).await {
                    return;
                }
                self.wiring.core.happened(Input::Unreachable(self.peer));
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            self.drop_waiting();
        }
    }

    async fn connect(&self) -> Option<Wire> {
        let stream = timeout(HANDSHAKE_MAX, TcpStream::connect(&self.address)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let connector = TlsConnector::from(self.config.clone());
        let stream = timeout(HANDSHAKE_MAX, connector.connect(peer_server_name(), stream)).await.ok()?.ok()?;
        let peer = peer_of(stream.get_ref().1, &self.table).ok()?;
        (peer == self.peer).then_some(stream)
    }

    /// Writes until the connection fails; true if there is nothing to write any more.
    async fn write_all(&mut self, mut stream: Wire) -> bool {
        let mut buffer = BytesMut::new();
        loop {
            let Some(first) = self.waiting.recv().await else { return true };
            self.frame(first, &mut buffer);
            while buffer.len() < WRITE_BYTES {
                let Ok(next) = self.waiting.try_recv() else { break };
                self.frame(next, &mut buffer);
            }
            if stream.write_all(&buffer).await.is_err() || stream.flush().await.is_err() {
                return false;
            }
            buffer.clear();
        }
    }

    fn frame(&mut self, body: Bytes, buffer: &mut BytesMut) {
        self.queued.fetch_sub(body.len(), Ordering::Relaxed);
        // What is too long for a frame is dropped; the bounds of blocks keep it from happening.
        if let Ok(bytes) = self.sender.wrap(body).encode() {
            buffer.extend_from_slice(&bytes);
        }
    }

    /// While there is no connection, what waits grows old: the engine says it anew.
    fn drop_waiting(&mut self) {
        while let Ok(body) = self.waiting.try_recv() {
            self.queued.fetch_sub(body.len(), Ordering::Relaxed);
        }
    }
}

/// No thread panics while it holds these locks; if one did, the data would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
