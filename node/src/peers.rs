//! The doors and wires between replicas: mutual TLS, one connection in each direction.
//!
//! The dialer only sends, the acceptor only receives, once each has proven the session to the other
//! (`peer_session`). A frame is believed only from the replica whose keys handshake and proof
//! showed, and only with a counter above all before it.
//!
//! Invariants
//! - the queue to a peer is bounded in bytes; past the bound messages are dropped, since the engine
//!   repeats them;
//! - what came from a peer and waits for the replica is bounded too: past the bound nothing more is
//!   read;
//! - a replica that left the ledger's table is cut off at once; what was said to it before, that it
//!   is out among it, still goes on its way;
//! - a row of the ledger that is not sound costs its own replica alone;
//! - one peer keeps few connections, of which the oldest gives way to a new one, and strangers hold
//!   none: a handshake has one of few places, for a short time, and the oldest gives way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rustls::{ClientConfig, ServerConfig};
use synod_channel::{
    Clock, End, Framer, Identity, PeerKeys, PeerReceiver, PeerSender, PeerTable, Session, Spki,
    peer_client_config, peer_of, peer_server_config, peer_server_name,
};
use synod_consensus::Body;
use synod_gateway::Source;
use synod_governance::{REPLICAS_MAX, ReplicaRecord};
use synod_replica::{Envelope, Input};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::core::Core;
use crate::peer_session::Prover;
use crate::places::{Bounds, Places, silent};
use synod_identity::log;

/// A handshake, or the proofs after it, that take longer are given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// A connection that says nothing for so long after it was accepted is given up.
const FIRST_BYTE_MAX: Duration = Duration::from_secs(2);
/// So many unknown connections may be in their handshake, and so many from one source; then the
/// oldest gives way.
const HANDSHAKES: Bounds = Bounds {
    places_max: 64,
    per_key_max: 32,
};
/// So many connections one peer may keep: one, and another that it has given up and that has not
/// ended here.
const PEER_CONNECTIONS_MAX: usize = 2;
/// A peer that takes no bytes for so long is connected to anew.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// What waits for a replica that is out has so long to get there.
const FAREWELL_MAX: Duration = Duration::from_secs(3);
/// Pauses between attempts to connect.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// So many bytes are gathered for one write.
const WRITE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 64 * 1024;
/// What a message is taken for beside its block and its certificate.
const AROUND_BYTES: usize = 256;
/// Heard messages that wait for the replica take room in units of so many bytes.
const ROOM_UNIT: usize = 1024;

/// What every connection between replicas needs.
pub(crate) struct Wiring {
    pub(crate) prover: Prover,
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
    /// Numbers the frames to each peer, over all links to it.
    senders: Mutex<BTreeMap<u64, Arc<Mutex<PeerSender>>>>,
    /// Checks the numbers of the frames from each peer, over all its connections.
    receivers: Mutex<BTreeMap<u64, Arc<Mutex<PeerReceiver>>>>,
    /// Handshakes that are under way, by source.
    handshakes: Arc<Places<Source>>,
    /// Connections of peers that have proven their sessions, by peer.
    heard: Arc<Places<u64>>,
    runtime: tokio::runtime::Handle,
}

struct Link {
    address: String,
    queue: UnboundedSender<Envelope>,
    queued: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Link {
    /// Lets what waits go on its way, for a moment; nothing more is said on this link.
    fn finish(self, runtime: &tokio::runtime::Handle) {
        let Self { queue, task, .. } = self;
        drop(queue);
        runtime.spawn(async move {
            let stop = task.abort_handle();
            if timeout(FAREWELL_MAX, task).await.is_err() {
                stop.abort();
            }
        });
    }
}

impl Peers {
    /// No wires yet; tasks will run on `runtime`.
    pub(crate) fn new(wiring: Wiring, runtime: tokio::runtime::Handle) -> Arc<Self> {
        Arc::new(Self {
            wiring: Arc::new(wiring),
            table: PeerTable::new(),
            links: Mutex::default(),
            senders: Mutex::default(),
            receivers: Mutex::default(),
            handshakes: Places::new(HANDSHAKES),
            heard: Places::new(Bounds {
                places_max: PEER_CONNECTIONS_MAX * REPLICAS_MAX,
                per_key_max: PEER_CONNECTIONS_MAX,
            }),
            runtime,
        })
    }

    /// Puts a message in its peer's queue, or drops it where the queue is full or the peer unknown.
    /// It is encoded by the peer's task, not by the thread that calls.
    pub(crate) fn send(&self, to: u64, envelope: Envelope) {
        let links = lock(&self.links);
        let Some(link) = links.get(&to) else { return };
        let size = size_of(&envelope);
        if link.queued.load(Ordering::Relaxed) + size > self.wiring.queue_bytes_max {
            return;
        }
        link.queued.fetch_add(size, Ordering::Relaxed);
        // A link's task ends only with the link.
        let _ = link.queue.send(envelope);
    }

    /// Takes the replicas from the ledger: who left is cut off, who came is dialled.
    pub(crate) fn update(&self, replicas: &[ReplicaRecord]) {
        let others: BTreeMap<u64, &ReplicaRecord> = replicas
            .iter()
            .filter(|replica| replica.id != self.wiring.prover.id && replica.status.is_trusted())
            .map(|replica| (replica.id, replica))
            .collect();
        let keys = others.iter().map(|(id, replica)| (*id, keys_of(replica)));
        for left_out in self.table.replace(keys.collect()) {
            // Governance takes no key twice.
            log::error("peers", format_args!("{left_out}: it is not spoken with"));
        }
        let others: BTreeMap<u64, &ReplicaRecord> = others
            .into_iter()
            .filter(|(id, _)| self.table.keys_of(*id).is_some())
            .collect();
        self.heard.keep(|peer| others.contains_key(&peer));
        let mut links = lock(&self.links);
        let gone = links.extract_if(.., |id, link| {
            others
                .get(id)
                .is_none_or(|replica| replica.address.peer != link.address)
        });
        for (id, link) in gone {
            if others.contains_key(&id) {
                // It has moved: two links at a time would mix up the numbers of the frames.
                link.task.abort();
            } else {
                link.finish(&self.runtime);
            }
        }
        for (id, replica) in others {
            links
                .entry(id)
                .or_insert_with(|| self.link(id, &replica.address.peer));
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
            sender: self.sender(id),
        };
        let task = self.runtime.spawn(dialer.run());
        Link {
            address: address.to_owned(),
            queue,
            queued,
            task,
        }
    }

    /// Accepts peers until the task is dropped.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let config: Arc<ServerConfig> =
            peer_server_config(&self.wiring.identity, &self.table, &self.wiring.clock);
        let acceptor = TlsAcceptor::from(config);
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                sleep(PAUSE_MIN).await;
                continue;
            };
            // A stranger's handshake never counts as under way, so there is always one that gives
            // way.
            let Some(place) = self.handshakes.take(from.ip().into(), silent()) else {
                continue;
            };
            let (peers, acceptor) = (self.clone(), acceptor.clone());
            tokio::spawn(async move {
                let welcomed = tokio::select! {
                    welcomed = timeout(HANDSHAKE_MAX, peers.welcome(&acceptor, stream)) => welcomed,
                    () = place.asked_to_leave() => return,
                };
                drop(place);
                if let Ok(Some(welcomed)) = welcomed {
                    peers.hear(welcomed).await;
                }
            });
        }
    }

    /// Reads a peer's connection until it ends, or has to give way to a newer one.
    async fn hear(&self, welcomed: Welcomed) {
        let Some(place) = self.heard.take(welcomed.peer, silent()) else {
            return;
        };
        // It may have left the table since its handshake.
        if self.table.keys_of(welcomed.peer).as_ref() != Some(&welcomed.keys) {
            return;
        }
        tokio::select! {
            () = self.receive(welcomed) => {}
            () = place.asked_to_leave() => {}
        }
    }

    /// Finishes the handshake and exchanges proofs.
    async fn welcome(&self, acceptor: &TlsAcceptor, stream: TcpStream) -> Option<Welcomed> {
        timeout(FIRST_BYTE_MAX, stream.readable())
            .await
            .ok()?
            .ok()?;
        let mut stream = acceptor.accept(stream).await.ok()?;
        let session = stream.get_ref().1;
        let peer = peer_of(session, &self.table).ok()?;
        let (keys, session) = (self.table.keys_of(peer)?, Session::of(session).ok()?);
        let prover = &self.wiring.prover;
        prover
            .exchange(&mut stream, session, End::Acceptor, peer, &keys)
            .await?;
        Some(Welcomed { stream, peer, keys })
    }

    /// Reads one peer's frames until anything is wrong with them.
    async fn receive(&self, welcomed: Welcomed) {
        let Welcomed {
            mut stream,
            peer,
            keys,
        } = welcomed;
        let receiver = self.receiver(peer);
        let room = (self.wiring.queue_bytes_max / ROOM_UNIT).max(1);
        let mut ear = Ear {
            framer: Framer::default(),
            receiver,
            room: Arc::new(Semaphore::new(room)),
            units: room,
        };
        loop {
            ear.framer.buffer().reserve(READ_BYTES);
            match stream.read_buf(ear.framer.buffer()).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let trusted = self.table.keys_of(peer).as_ref() == Some(&keys);
            if !trusted || !ear.hand_on(peer, &self.wiring.core).await {
                return;
            }
        }
    }

    /// One sender for each peer, over all links to it, so that no number comes twice.
    fn sender(&self, peer: u64) -> Arc<Mutex<PeerSender>> {
        let me = &self.wiring.prover;
        let fresh = || Arc::new(Mutex::new(PeerSender::new(me.network, me.id, peer)));
        lock(&self.senders)
            .entry(peer)
            .or_insert_with(fresh)
            .clone()
    }

    /// One receiver for each peer, over all its connections, so that no old frame comes twice.
    fn receiver(&self, peer: u64) -> Arc<Mutex<PeerReceiver>> {
        let me = &self.wiring.prover;
        let fresh = || Arc::new(Mutex::new(PeerReceiver::new(me.network, peer, me.id)));
        lock(&self.receivers)
            .entry(peer)
            .or_insert_with(fresh)
            .clone()
    }
}

/// A connection of a peer that has proven its session.
struct Welcomed {
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    peer: u64,
    keys: PeerKeys,
}

/// What hears one connection of a peer. It takes no more than the replica has heard, but for a
/// bounded rest.
struct Ear {
    framer: Framer,
    receiver: Arc<Mutex<PeerReceiver>>,
    room: Arc<Semaphore>,
    units: usize,
}

impl Ear {
    /// Hands on all whole frames; false when the connection must end.
    async fn hand_on(&mut self, peer: u64, core: &Core) -> bool {
        loop {
            let (envelope, length) = match self.next() {
                Ok(Some(heard)) => heard,
                Ok(None) => return true,
                Err(Unsound) => return false,
            };
            let units = (length / ROOM_UNIT + 1).min(self.units);
            let units = u32::try_from(units).unwrap_or(u32::MAX);
            let room = self.room.clone().acquire_many_owned(units).await;
            let room = room.expect("the semaphore is never closed");
            if !core.heard(
                Input::Received {
                    from: peer,
                    envelope,
                },
                room,
            ) {
                return false;
            }
        }
    }

    /// The next envelope and its length, if it is whole.
    fn next(&mut self) -> Result<Option<(Envelope, usize)>, Unsound> {
        let Some(frame) = self.framer.take().map_err(|_| Unsound)? else {
            return Ok(None);
        };
        let body = PeerReceiver::unwrap(&mut lock(&self.receiver), frame).map_err(|_| Unsound)?;
        let envelope = Envelope::decode(&body).map_err(|_| Unsound)?;
        Ok(Some((envelope, body.len())))
    }
}

/// A peer sent what cannot be read on.
struct Unsound;

/// Keeps one connection to a peer and writes what waits.
struct Dialer {
    peer: u64,
    address: String,
    config: Arc<ClientConfig>,
    table: PeerTable,
    wiring: Arc<Wiring>,
    waiting: UnboundedReceiver<Envelope>,
    queued: Arc<AtomicUsize>,
    sender: Arc<Mutex<PeerSender>>,
}

type Wire = tokio_rustls::client::TlsStream<TcpStream>;

impl Dialer {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let begun = Instant::now();
            if let Some(stream) = self.connect().await {
                if self.write_all(stream).await {
                    return;
                }
                self.wiring.core.happened(Input::Unreachable(self.peer));
            }
            // A peer that does not trust this replica yet ends each connection at once.
            if begun.elapsed() > PAUSE_MAX {
                pause = PAUSE_MIN;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            self.drop_waiting();
        }
    }

    async fn connect(&self) -> Option<Wire> {
        let stream = timeout(HANDSHAKE_MAX, TcpStream::connect(&self.address))
            .await
            .ok()?
            .ok()?;
        stream.set_nodelay(true).ok()?;
        let connector = TlsConnector::from(self.config.clone());
        let greeted = self.greet(connector.connect(peer_server_name(), stream));
        timeout(HANDSHAKE_MAX, greeted).await.ok()?
    }

    /// Finishes the handshake and exchanges proofs.
    async fn greet(&self, connect: tokio_rustls::Connect<TcpStream>) -> Option<Wire> {
        let mut stream = connect.await.ok()?;
        let session = stream.get_ref().1;
        if peer_of(session, &self.table).ok()? != self.peer {
            return None;
        }
        let (keys, session) = (self.table.keys_of(self.peer)?, Session::of(session).ok()?);
        let prover = &self.wiring.prover;
        prover
            .exchange(&mut stream, session, End::Opener, self.peer, &keys)
            .await?;
        Some(stream)
    }

    /// Writes until the connection fails; true if there is nothing to write any more.
    async fn write_all(&mut self, mut stream: Wire) -> bool {
        let mut buffer = BytesMut::new();
        loop {
            let first = tokio::select! {
                waiting = self.waiting.recv() => waiting,
                // The other side writes nothing more: whatever comes of reading, the connection has
                // ended.
                _ = stream.read_u8() => return false,
            };
            let Some(first) = first else { return true };
            self.frame(&first, &mut buffer);
            while buffer.len() < WRITE_BYTES {
                let Ok(next) = self.waiting.try_recv() else {
                    break;
                };
                self.frame(&next, &mut buffer);
            }
            let written =
                async { stream.write_all(&buffer).await.is_ok() && stream.flush().await.is_ok() };
            if !timeout(WRITE_MAX, written).await.unwrap_or(false) {
                return false;
            }
            buffer.clear();
        }
    }

    fn frame(&mut self, envelope: &Envelope, buffer: &mut BytesMut) {
        self.queued.fetch_sub(size_of(envelope), Ordering::Relaxed);
        // What is too long for a frame is dropped; the bounds of blocks keep it from happening.
        if let Ok(bytes) = lock(&self.sender).wrap(envelope.encode().into()).encode() {
            buffer.extend_from_slice(&bytes);
        }
    }

    /// While there is no connection, what waits grows old: the engine sends it again.
    fn drop_waiting(&mut self) {
        while let Ok(envelope) = self.waiting.try_recv() {
            self.queued.fetch_sub(size_of(&envelope), Ordering::Relaxed);
        }
    }
}

/// The keys that the ledger names for a replica.
fn keys_of(record: &ReplicaRecord) -> PeerKeys {
    PeerKeys {
        tls: Spki::from_der(record.statement.tls.clone()),
        identity: record.statement.identity,
    }
}

/// What a message takes in a queue, in bytes: its block and certificate, and about what stands
/// round them.
fn size_of(envelope: &Envelope) -> usize {
    let body = envelope.message.as_ref().map(|message| &message.body);
    let block = match body {
        Some(Body::Append {
            entry: Some(entry), ..
        }) => entry.payload.block().map_or(0, Bytes::len),
        _ => 0,
    };
    let certificate = envelope.certificate.as_ref().map_or(0, Bytes::len);
    let submission = envelope.submission.as_ref().map_or(0, Bytes::len);
    let header = envelope.header.as_ref().map_or(0, Bytes::len);
    AROUND_BYTES + block + certificate + header + submission
}

/// No thread panics while it holds these locks; if one did, the data would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use synod_attestation::{NodeStatement, Role, Tee};
    use synod_channel::{Certificate, TlsKey};
    use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey};
    use synod_governance::{Address, ReplicaStatus};
    use synod_ledger::ClockReading;

    use super::*;
    use crate::core::{ToCore, core};
    use synod_identity::now_ms;

    const SOON: Duration = Duration::from_secs(10);
    const NOT_SOON: Duration = Duration::from_millis(400);

    /// A replica's wires without a replica.
    struct Side {
        peers: Arc<Peers>,
        heard: Receiver<ToCore>,
        record: ReplicaRecord,
        accepting: JoinHandle<()>,
    }

    fn key(id: u64) -> TlsKey {
        TlsKey::from_seed(&Secret::new([id as u8; 32]))
    }

    fn record(id: u64, peer: String) -> ReplicaRecord {
        let seed = Secret::new([100 + id as u8; 32]);
        ReplicaRecord {
            id,
            statement: NodeStatement {
                identity: SigningKey::from_seed(&seed).public(),
                tls: key(id).spki().as_der().to_vec(),
                hpke: HpkeSecretKey::from_seed(&seed).public(),
                role: Role::Replica,
                context: Digest::ZERO,
                nonce: Digest::ZERO,
            },
            tee: Tee::Tdx,
            simulated: true,
            measurement: Vec::new(),
            status: ReplicaStatus::Voter,
            cause: None,
            policy: Digest::ZERO,
            expires_ms: u64::MAX,
            address: Address {
                public_url: String::new(),
                peer,
            },
            address_number: 0,
            joined_seqno: 1,
            since_index: 1,
            demoted_ms: None,
            attested_ms: 0,
            attested_index: 0,
            attested_seqno: 1,
            removal: None,
            hardware: None,
            machine: None,
            replaces: None,
            replaceable: false,
            unheard_ms: None,
        }
    }

    async fn side(id: u64, queue_bytes_max: usize) -> Side {
        side_with_identity(id, id as u8, queue_bytes_max).await
    }

    /// A side whose statement names identity key `id`, and which holds identity key `identity`.
    async fn side_with_identity(id: u64, identity: u8, queue_bytes_max: usize) -> Side {
        let now = now_ms();
        let certificate =
            Certificate::self_signed(&key(id), "test", now - 1000, now + 1_000_000).unwrap();
        let (core, heard) = core();
        let wiring = Wiring {
            prover: Prover {
                network: Digest::from([7; 32]),
                id,
                identity: Arc::new(SigningKey::from_seed(&Secret::new([100 + identity; 32]))),
            },
            identity: Identity::new(&key(id), &certificate).unwrap(),
            clock: Clock::system(),
            queue_bytes_max,
            core,
        };
        let peers = Peers::new(wiring, tokio::runtime::Handle::current());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let record = record(id, listener.local_addr().unwrap().to_string());
        let accepting = tokio::spawn(peers.clone().accept(listener));
        Side {
            peers,
            heard,
            record,
            accepting,
        }
    }

    /// An envelope that can be told from others.
    fn envelope(number: u64) -> Envelope {
        let signature = SigningKey::from_seed(&Secret::new([1; 32])).sign(b"");
        let reading = ClockReading {
            replica: 1,
            time_ms: number,
            newest: Digest::ZERO,
            signature,
        };
        Envelope {
            reading: Some(Box::new(reading)),
            ..Envelope::default()
        }
    }

    impl Side {
        /// The number of the next envelope from `peer`.
        fn hear(&self, peer: u64, patience: Duration) -> Option<u64> {
            let until = Instant::now() + patience;
            while let Ok(message) = self
                .heard
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                if let ToCore::Heard(Input::Received { from, envelope }, _) = message {
                    assert_eq!(from, peer);
                    return Some(envelope.reading.unwrap().time_ms);
                }
            }
            None
        }

        fn lost(&self, peer: u64) -> bool {
            let message = self.heard.recv_timeout(SOON);
            matches!(message, Ok(ToCore::Happened(Input::Unreachable(lost))) if lost == peer)
        }
    }

    /// Sends until the other side hears it: what is sent before there is a connection may be
    /// dropped.
    fn pass(from: &Side, to: &Side, number: u64) {
        let begun = Instant::now();
        while begun.elapsed() < SOON {
            from.peers.send(to.record.id, envelope(number));
            while let Some(heard) = to.hear(from.record.id, Duration::from_millis(100)) {
                if heard == number {
                    return;
                }
            }
        }
        panic!("message {number} did not arrive");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn messages_arrive_in_order_between_replicas_that_trust_each_other() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers.update(&[a.record.clone(), b.record.clone()]);
        b.peers.update(&[a.record.clone(), b.record.clone()]);
        pass(&a, &b, 0);
        pass(&b, &a, 0);
        (1..200).for_each(|number| a.peers.send(2, envelope(number)));
        let heard: Vec<u64> = std::iter::from_fn(|| b.hear(1, SOON).filter(|n| *n < 199))
            .filter(|n| *n > 0)
            .collect();
        assert_eq!(heard, (1..199).collect::<Vec<u64>>());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn replica_that_the_ledger_does_not_name_is_not_heard() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers.update(std::slice::from_ref(&b.record));
        for number in 0..4 {
            a.peers.send(2, envelope(number));
            assert_eq!(b.hear(1, NOT_SOON / 4), None);
        }
        b.peers.update(std::slice::from_ref(&a.record));
        pass(&a, &b, 9);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn another_key_at_the_address_of_a_replica_gets_nothing() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        let claimed = record(3, b.record.address.peer.clone());
        a.peers.update(&[claimed]);
        b.peers.update(std::slice::from_ref(&a.record));
        a.peers.send(3, envelope(1));
        assert_eq!(b.hear(1, NOT_SOON), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn holder_of_a_stolen_tls_key_without_the_identity_key_is_not_heard() {
        let (thief, b) = (
            side_with_identity(1, 66, 1 << 20).await,
            side(2, 1 << 20).await,
        );
        thief.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&thief.record));
        thief.peers.send(2, envelope(1));
        assert_eq!(b.hear(1, NOT_SOON), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_said_to_the_holder_of_a_stolen_tls_key() {
        let (a, thief) = (
            side(1, 1 << 20).await,
            side_with_identity(2, 66, 1 << 20).await,
        );
        a.peers.update(std::slice::from_ref(&thief.record));
        // The thief believes whoever comes.
        thief.peers.update(std::slice::from_ref(&a.record));
        a.peers.send(2, envelope(1));
        assert_eq!(thief.hear(1, NOT_SOON), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn replica_of_another_network_is_not_heard() {
        let b = side(2, 1 << 20).await;
        let a = side(1, 1 << 20).await;
        let elsewhere = Wiring {
            prover: Prover {
                network: Digest::from([8; 32]),
                ..a.peers.wiring.prover.clone()
            },
            identity: a.peers.wiring.identity.clone(),
            clock: Clock::system(),
            queue_bytes_max: 1 << 20,
            core: core().0,
        };
        let elsewhere = Peers::new(elsewhere, tokio::runtime::Handle::current());
        elsewhere.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        elsewhere.send(2, envelope(1));
        assert_eq!(b.hear(1, NOT_SOON), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn frames_before_the_proof_are_not_heard() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers
            .table
            .replace(BTreeMap::from([(2, keys_of(&b.record))]));
        b.peers.update(std::slice::from_ref(&a.record));
        let config = peer_client_config(
            &a.peers.wiring.identity,
            &a.peers.table,
            2,
            &Clock::system(),
        );
        let stream = TcpStream::connect(&b.record.address.peer).await.unwrap();
        let mut stream = TlsConnector::from(config)
            .connect(peer_server_name(), stream)
            .await
            .unwrap();
        let frame = lock(&a.peers.sender(2)).wrap(envelope(1).encode().into());
        stream.write_all(&frame.encode().unwrap()).await.unwrap();
        assert_eq!(b.hear(1, NOT_SOON), None);
        // The door has said its own proof, and hung up.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.len() <= 4 + synod_channel::SESSION_PROOF_BYTES_MAX);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn removed_replica_is_cut_off() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        pass(&a, &b, 1);
        let removed = ReplicaRecord {
            status: ReplicaStatus::Removed,
            ..a.record.clone()
        };
        b.peers.update(&[removed]);
        for number in 2..5 {
            a.peers.send(2, envelope(number));
            assert_eq!(b.hear(1, NOT_SOON / 4), None);
        }
        assert!(a.lost(2), "the sender learns of it");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn frames_keep_their_numbers_when_a_replica_moves() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        (0..5).for_each(|number| pass(&a, &b, number));
        b.accepting.abort();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let moved = record(2, listener.local_addr().unwrap().to_string());
        tokio::spawn(b.peers.clone().accept(listener));
        a.peers.update(&[moved]);
        pass(&a, &b, 9);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn queue_to_a_silent_peer_is_bounded() {
        let a = side(1, 2_000).await;
        // It accepts connections, but never answers the handshake.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        a.peers
            .update(&[record(2, silent.local_addr().unwrap().to_string())]);
        (0..1000).for_each(|number| a.peers.send(2, envelope(number)));
        let queued = lock(&a.peers.links)[&2].queued.load(Ordering::Relaxed);
        assert!(queued > 0 && queued <= 2_000, "{queued} bytes wait");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn garbage_and_strangers_at_the_door_leave_the_others_alone() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        for _ in 0..HANDSHAKES.places_max / 2 {
            let mut stranger = TcpStream::connect(&b.record.address.peer).await.unwrap();
            stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        }
        pass(&a, &b, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn row_with_a_key_of_another_replica_costs_that_row_alone() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        let address = "127.0.0.1:1".to_owned();
        let mut thief = record(3, address.clone());
        thief.statement.tls = b.record.statement.tls.clone();
        let mut twin = record(4, address.clone());
        twin.statement.identity = b.record.statement.identity;
        let mut unreadable = record(5, "no address at all".to_owned());
        unreadable.statement.tls = b"not a key".to_vec();
        let rows = [a.record.clone(), b.record.clone(), thief, twin, unreadable];
        a.peers.update(&rows);
        b.peers.update(&rows);
        pass(&a, &b, 1);
        pass(&b, &a, 1);
        a.peers.update(&rows);
        pass(&a, &b, 2);
        assert_eq!(
            lock(&a.peers.links).keys().copied().collect::<Vec<_>>(),
            [2, 5]
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn connections_of_one_greeted_peer_are_bounded() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        a.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        let mut kept = Vec::new();
        for _ in 0..20 {
            let config = peer_client_config(
                &a.peers.wiring.identity,
                &a.peers.table,
                2,
                &Clock::system(),
            );
            let (_, waiting) = unbounded_channel();
            let dialer = Dialer {
                peer: 2,
                address: b.record.address.peer.clone(),
                config,
                table: a.peers.table.clone(),
                wiring: a.peers.wiring.clone(),
                waiting,
                queued: Arc::default(),
                sender: a.peers.sender(2),
            };
            kept.push(dialer.connect().await.expect("a is known to b"));
        }
        assert!(b.peers.heard.taken() <= PEER_CONNECTIONS_MAX);
        let (first, rest) = kept.split_first_mut().unwrap();
        let ended = timeout(SOON, first.read_u8()).await;
        assert!(matches!(ended, Ok(Err(_))), "the oldest was ended");
        assert_eq!(rest.len(), 19);
        // A link that was ended is made anew, and the replica is heard all the same.
        pass(&a, &b, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn silent_strangers_at_the_peer_door_keep_no_peer_out() {
        let (a, b) = (side(1, 1 << 20).await, side(2, 1 << 20).await);
        let mut strangers = Vec::new();
        for _ in 0..300 {
            strangers.push(TcpStream::connect(&b.record.address.peer).await.unwrap());
        }
        a.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        let begun = Instant::now();
        pass(&a, &b, 1);
        assert!(
            begun.elapsed() < FIRST_BYTE_MAX,
            "nobody's time-out is waited for"
        );
        assert!(b.peers.handshakes.taken() <= HANDSHAKES.per_key_max);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn peer_that_talks_faster_than_the_replica_listens_is_not_read_on() {
        let (a, b) = (side(1, 64 << 20).await, side(2, 8 * ROOM_UNIT).await);
        a.peers.update(std::slice::from_ref(&b.record));
        b.peers.update(std::slice::from_ref(&a.record));
        pass(&a, &b, 0);
        (1..100).for_each(|number| a.peers.send(2, envelope(number)));
        tokio::time::sleep(NOT_SOON).await;
        let kept: Vec<ToCore> = b.heard.try_iter().collect();
        assert!(
            !kept.is_empty() && kept.len() <= 8,
            "{} messages wait",
            kept.len()
        );
        drop(kept);
        assert!(
            b.hear(1, SOON).is_some(),
            "it is read on once the replica has listened"
        );
    }
}
