//! The public door's listener: accepts, does TLS, and leaves the rest to the gateway.
//!
//! Invariants
//! - connections are bounded in number, and handshakes in time; so no more descriptors are taken
//!   here than [`descriptors`](crate::descriptors) has set aside;
//! - strangers have places of their own, and those whom governance knows have others: however many
//!   strangers come, they take none of those;
//! - when the places of strangers run out, the longest silent one gives way; a source that takes
//!   more than its share gives way itself;
//! - when the node stops, nobody new is let in, and what is in work is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use synod_channel::{PublicDoor, Session, caller_fingerprint};
use synod_crypto::Digest;
use synod_gateway::{Activity, Caller, Gateway, Source, Standing};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::NodeLimits;
use crate::door::Door;
use crate::places::{Bounds, Place, Places, Silence, silent};

/// A connection that says nothing for so long after it was accepted is given up.
const FIRST_BYTE_MAX: Duration = Duration::from_secs(5);
/// A TLS handshake that takes longer is given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes that may be under way, and those of one source; then the oldest gives way.
const HANDSHAKES: Bounds = Bounds {
    places_max: 128,
    per_key_max: 64,
};
/// Connections that were told to leave and have not ended yet.
const LEAVING_MAX: usize = 32;
/// Descriptors that handshakes take.
pub(crate) const HANDSHAKE_DESCRIPTORS: usize = HANDSHAKES.places_max + LEAVING_MAX;
/// How long a connection that finds no place is spoken to.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Pause after the system refused a connection, such as for want of file descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// A public door that can be closed.
pub(crate) struct PublicListener {
    /// Ends once every connection has.
    ended: mpsc::Receiver<()>,
    stop: watch::Sender<bool>,
}

impl PublicListener {
    /// Opens the door.
    pub(crate) fn open(
        listener: TcpListener,
        shown: Arc<PublicDoor>,
        gateway: Gateway<Door>,
        door: Door,
        limits: &NodeLimits,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (lives, ended) = mpsc::channel(1);
        let sockets = limits.connections_max + limits.strangers_max + HANDSHAKE_DESCRIPTORS;
        let accepting = Accepting {
            sockets: Arc::new(Semaphore::new(sockets)),
            entrance: Arc::new(Entrance::new(shown, gateway, door, limits)),
            stopping,
            lives,
        };
        tokio::spawn(accepting.run(listener));
        Self { ended, stop }
    }

    /// Lets nobody in any more, and waits until what is in work is answered, but not longer than
    /// `patience`.
    pub(crate) async fn close(mut self, patience: Duration) {
        // Nobody listens where there is no connection, and the listener has failed.
        let _ = self.stop.send(true);
        // Connections that take longer end with the process.
        let _ = timeout(patience, self.ended.recv()).await;
    }
}

struct Accepting {
    /// One for each socket that is open: whoever was told to leave is waited for.
    sockets: Arc<Semaphore>,
    entrance: Arc<Entrance>,
    stopping: watch::Receiver<bool>,
    lives: mpsc::Sender<()>,
}

impl Accepting {
    async fn run(self, listener: TcpListener) {
        let mut stopped = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&listener) => accepted,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            let Ok((socket, stream, from)) = accepted else {
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            };
            let (entrance, lives) = (self.entrance.clone(), self.lives.clone());
            let stopping = self.stopping.clone();
            tokio::spawn(async move {
                entrance.serve(stream, from.ip().into(), stopping).await;
                drop((socket, lives));
            });
        }
    }

    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> std::io::Result<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let socket = self.sockets.clone().acquire_owned().await;
        let socket = socket.expect("the semaphore is never closed");
        let (stream, from) = listener.accept().await?;
        Ok((socket, stream, from))
    }
}

/// What every connection goes through.
struct Entrance {
    shown: Arc<PublicDoor>,
    gateway: Gateway<Door>,
    door: Door,
    handshakes: Arc<Places<Source>>,
    strangers: Arc<Places<Source>>,
    /// Of users, members and replicas, by the fingerprint of their key.
    known: Arc<Places<Digest>>,
}

impl Entrance {
    fn new(
        shown: Arc<PublicDoor>,
        gateway: Gateway<Door>,
        door: Door,
        limits: &NodeLimits,
    ) -> Self {
        Self {
            shown,
            gateway,
            door,
            handshakes: Places::new(HANDSHAKES),
            strangers: Places::new(Bounds {
                places_max: limits.strangers_max,
                per_key_max: limits.strangers_per_source_max,
            }),
            known: Places::new(Bounds {
                places_max: limits.connections_max,
                per_key_max: limits.connections_max,
            }),
        }
    }

    async fn serve(&self, stream: TcpStream, source: Source, stopping: watch::Receiver<bool>) {
        // A handshake never counts as under way, so there is always one that gives way.
        let Some(place) = self.handshakes.take(source, silent()) else {
            return;
        };
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE_MAX, self.handshake(stream, source)) => shaken,
            () = place.asked_to_leave() => return,
        };
        drop(place);
        let Ok(Some((stream, caller))) = shaken else {
            return;
        };
        let activity = Activity::new();
        let key = caller.fingerprint.map(Digest::from);
        if let Some(key) = key.filter(|key| self.door.knows(key)) {
            let place = self.known.take(key, silence(&activity));
            self.answer(place, stream, caller, activity, stopping).await;
        } else {
            let place = self.strangers.take(source, silence(&activity));
            self.answer(place, stream, caller, activity, stopping).await;
        }
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        source: Source,
    ) -> Option<(TlsStream<TcpStream>, Caller)> {
        stream.set_nodelay(true).ok()?;
        timeout(FIRST_BYTE_MAX, stream.readable())
            .await
            .ok()?
            .ok()?;
        let acceptor = TlsAcceptor::from(self.shown.config());
        let stream = acceptor.accept(stream).await.ok()?;
        let connection = stream.get_ref().1;
        let session = Session::of(connection).ok()?;
        let caller = Caller {
            fingerprint: caller_fingerprint(connection).map(|digest| *digest.as_bytes()),
            session: Some(session.exporter()),
            source: Some(source),
        };
        Some((stream, caller))
    }

    async fn answer<K: Copy + PartialEq>(
        &self,
        place: Option<Place<K>>,
        mut stream: TlsStream<TcpStream>,
        caller: Caller,
        activity: Activity,
        stopping: watch::Receiver<bool>,
    ) {
        let Some(place) = place else {
            // Everybody is at work: the client is told that this was the end, and not left to wait.
            let _ = timeout(FAREWELL_MAX, stream.shutdown()).await;
            return;
        };
        tokio::select! {
            () = self.gateway.serve_observed(stream, caller, activity, stopping) => {}
            () = place.asked_to_leave() => {}
        }
    }
}

/// What a connection's activity means for its place. Whoever waits for the replica's answer keeps
/// it; an answer that is being sent can take as long as the client likes, so it is given up where
/// nobody is idle.
fn silence(activity: &Activity) -> Silence {
    let activity = activity.clone();
    Box::new(move || match activity.standing() {
        Standing::Idle(since) => Some((true, since)),
        Standing::Sending(since) => Some((false, since)),
        Standing::Working => None,
    })
}
