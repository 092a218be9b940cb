//! The public door's listener: accepts, does TLS, and leaves the rest to the gateway.
//!
//! Invariants
//! - connections are bounded in number, and handshakes in time;
//! - when the node stops, nobody new is let in, and what is in work is answered.

use std::sync::Arc;
use std::time::Duration;

use synod_channel::{PublicDoor, Session, caller_fingerprint};
use synod_gateway::{Caller, Gateway};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::door::Door;

/// A TLS handshake that takes longer is given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Pause after the system refused a connection, such as for want of file descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// A public door that can be closed.
pub(crate) struct PublicListener {
    places: Arc<Semaphore>,
    connections_max: usize,
    stop: watch::Sender<bool>,
}

impl PublicListener {
    /// Opens the door.
    pub(crate) fn open(
        listener: TcpListener,
        shown: Arc<PublicDoor>,
        gateway: Gateway<Door>,
        connections_max: usize,
    ) -> Self {
        let places = Arc::new(Semaphore::new(connections_max));
        let (stop, stopping) = watch::channel(false);
        let accepting = Accepting {
            shown,
            gateway,
            places: places.clone(),
            stopping,
        };
        tokio::spawn(accepting.run(listener));
        Self {
            places,
            connections_max,
            stop,
        }
    }

    /// Lets nobody in any more, and waits until what is in work is answered, but not longer than `patience`.
    pub(crate) async fn close(self, patience: Duration) {
        // Nobody listens where there is no connection, and the listener has failed.
        let _ = self.stop.send(true);
        let all = u32::try_from(self.connections_max).unwrap_or(u32::MAX);
        // Connections that take longer end with the process.
        let _ = tokio::time::timeout(patience, self.places.acquire_many(all)).await;
    }
}

struct Accepting {
    shown: Arc<PublicDoor>,
    gateway: Gateway<Door>,
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Accepting {
    async fn run(mut self, listener: TcpListener) {
        loop {
            let place = self
                .places
                .clone()
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stopping.wait_for(|stop| *stop) => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            };
            let acceptor = TlsAcceptor::from(self.shown.config());
            let (gateway, stopping) = (self.gateway.clone(), self.stopping.clone());
            tokio::spawn(async move {
                serve(stream, acceptor, gateway, stopping).await;
                drop(place);
            });
        }
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
    let connection = stream.get_ref().1;
    let Ok(session) = Session::of(connection) else {
        return;
    };
    let caller = Caller {
        fingerprint: caller_fingerprint(connection).map(|digest| *digest.as_bytes()),
        session: Some(session.exporter()),
    };
    gateway.serve(stream, caller, stopping).await;
}
