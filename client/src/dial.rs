//! Whom a client trusts, and the connections it holds: at most one open connection per replica.
//!
//! Invariant: a connection comes out of here only if its replica is trusted in the way that the caller chose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use synod_channel::{Clock, Identity, ServerTrust, TrustError, client_config};
use tokio::sync::Mutex;

use crate::connection::Connection;
use crate::error::ClientError;
use crate::session;
use crate::url::ReplicaUrl;
use crate::verify::{Nonce, VerifiedReplica, Verifier, fresh_nonce};

/// Why a client talks to a replica.
#[derive(Clone, Debug)]
pub enum Trust {
    /// It shows a certificate of the service's authority, as `curl --cacert` would check it: the client trusts
    /// every replica that the service trusts.
    Authority(ServerTrust),
    /// Its evidence, its place in the ledger and its keys were verified by this client, and each connection's TLS
    /// session was signed by its identity key, before the first byte.
    Verified(Box<Verifier>),
}

/// Opens connections and keeps them.
#[derive(Debug)]
pub(crate) struct Dialer {
    trust: Trust,
    identity: Option<Identity>,
    connect_timeout: Duration,
    slots: std::sync::Mutex<BTreeMap<ReplicaUrl, Arc<Slot>>>,
}

/// What is known of one replica.
#[derive(Debug, Default)]
struct Slot {
    connection: Mutex<Option<Connection>>,
    verified: std::sync::Mutex<Option<Arc<VerifiedReplica>>>,
}

impl Dialer {
    pub(crate) fn new(trust: Trust, identity: Option<Identity>, connect_timeout: Duration) -> Self {
        Self {
            trust,
            identity,
            connect_timeout,
            slots: std::sync::Mutex::default(),
        }
    }

    /// The same trust, with connections of its own.
    pub(crate) fn separate(&self) -> Self {
        Self::new(
            self.trust.clone(),
            self.identity.clone(),
            self.connect_timeout,
        )
    }

    /// An open connection to a trusted replica.
    pub(crate) async fn connection(&self, url: &ReplicaUrl) -> Result<Connection, ClientError> {
        let slot = self.slot(url);
        let mut held = slot.connection.lock().await;
        if let Some(open) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(open.clone());
        }
        let fresh = self.dial(url, &slot).await?;
        *held = Some(fresh.clone());
        Ok(fresh)
    }

    /// The replicas that were verified so far.
    pub(crate) fn verified(&self) -> Vec<Arc<VerifiedReplica>> {
        let slots = self.slots.lock().expect("no holder of this lock panics");
        slots.values().filter_map(|slot| slot.verified()).collect()
    }

    fn slot(&self, url: &ReplicaUrl) -> Arc<Slot> {
        let mut slots = self.slots.lock().expect("no holder of this lock panics");
        slots.entry(url.clone()).or_default().clone()
    }

    async fn dial(&self, url: &ReplicaUrl, slot: &Slot) -> Result<Connection, ClientError> {
        let trust = match &self.trust {
            Trust::Authority(authority) => authority.clone(),
            Trust::Verified(verifier) => {
                if let Some(known) = slot.verified()
                    && let Ok(open) = self.open_verified(url, &known).await
                {
                    return Ok(open);
                }
                // Another replica may stand at this address now: whatever does is verified anew.
                let verified = Arc::new(verify(verifier, url).await?);
                slot.remember(verified.clone());
                return self.open_verified(url, &verified).await;
            }
        };
        self.open(url, &trust).await
    }

    /// A connection that ends at the attested TLS key, and that the attested identity key has signed.
    async fn open_verified(
        &self,
        url: &ReplicaUrl,
        replica: &VerifiedReplica,
    ) -> Result<Connection, ClientError> {
        let pinned = ServerTrust::attested(replica.verdict()).map_err(unusable)?;
        let connection = self.open(url, &pinned).await?;
        let asked = session::Asked {
            context: replica.chain().network(),
            caller: self.identity.as_ref().map(Identity::fingerprint),
            nonce: nonce()?,
        };
        let identity = replica.verdict().identity();
        session::prove(&connection, &identity, &asked, self.connect_timeout).await?;
        Ok(connection)
    }

    async fn open(&self, url: &ReplicaUrl, trust: &ServerTrust) -> Result<Connection, ClientError> {
        let tls =
            client_config(trust, self.identity.as_ref(), &Clock::system()).map_err(unusable)?;
        Connection::open(url, tls, self.connect_timeout).await
    }
}

fn unusable(error: TrustError) -> ClientError {
    ClientError::BadRequest(error.to_string())
}

impl Slot {
    fn verified(&self) -> Option<Arc<VerifiedReplica>> {
        self.verified
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    fn remember(&self, verified: Arc<VerifiedReplica>) {
        *self.verified.lock().expect("no holder of this lock panics") = Some(verified);
    }
}

async fn verify(verifier: &Verifier, url: &ReplicaUrl) -> Result<VerifiedReplica, ClientError> {
    verifier.verify(url, nonce()?).await
}

fn nonce() -> Result<Nonce, ClientError> {
    fresh_nonce().map_err(|error| ClientError::Environment(error.to_string()))
}
