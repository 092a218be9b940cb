//! Which replicas a client trusts, and its connections: at most one open connection per replica.
//!
//! Invariant: a connection comes out of here only if its replica is trusted in the way that the
//! caller chose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use synod_api::{NetworkReply, Standing};
use synod_attestation::Verdict;
use synod_channel::{Appraiser, Clock, Identity, ServerTrust, TrustError, client_config};
use synod_crypto::Digest;
use tokio::sync::Mutex;

use crate::checks::{Checks, Failure};
use crate::connection::Connection;
use crate::error::ClientError;
use crate::memory::Memory;
use crate::remembered::REMEMBERED_ADDRESSES_MAX;
use crate::request::{Request, expect_ok};
use crate::session;
use crate::url::ReplicaUrl;
use crate::verify::{Nonce, VerifiedReplica, Verifier, fresh_nonce, now_ms};

/// Why a client talks to a replica.
#[derive(Clone, Debug)]
pub enum Trust {
    /// It shows a certificate of the service's authority, as `curl --cacert` would check it: the
    /// client trusts every replica that the service trusts. Redirects are followed wherever such a
    /// replica points, at most 64 addresses; whoever is there must show a certificate of the
    /// authority before a byte of a request is sent. Nothing is remembered.
    Authority(ServerTrust),
    /// Its evidence, its place in the ledger and its keys were verified by this client, and each
    /// connection's TLS session was signed by its identity key, before the first byte. It shows
    /// nothing older than was seen before. Only here are addresses taken from the network: a
    /// redirect is followed to an address that the caller gave or that a verified replica names as
    /// a voter's, and to no other.
    Verified(Box<Verifier>),
    /// Its certificate carries evidence that the appraiser accepts, and its identity key signed the
    /// TLS session: a client that has only a policy can check this in one connection. It says what
    /// code runs there, for which network, and not that the members trust that replica; for that,
    /// verify. Redirects are followed as with an authority: whoever is there must show such
    /// evidence first. Nothing is remembered.
    Evidence {
        /// Judges the evidence. Where a certificate has no room for endorsements, it must have been
        /// given some (`Appraiser::with_endorsements`).
        appraiser: Appraiser,
        /// The network that the replica must speak for.
        network: Digest,
    },
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
    connection: Mutex<Option<Held>>,
    verified: std::sync::Mutex<Option<Arc<VerifiedReplica>>>,
}

/// An open connection, and until when (Unix milliseconds) it is trusted.
#[derive(Debug)]
struct Held {
    connection: Connection,
    until_ms: u64,
    replica: Option<Arc<VerifiedReplica>>,
}

impl Held {
    /// Whether it is open and still trusted: for a verified replica also that nothing newer was
    /// seen than the configuration that it was verified under.
    fn is_usable(&self, memory: Option<&Memory>) -> bool {
        let is_newest = match (&self.replica, memory) {
            (Some(replica), Some(memory)) => memory.is_newest(replica.chain()),
            _ => true,
        };
        is_newest && !self.connection.is_closed() && now_ms() < self.until_ms
    }

    /// Whether a verified replica showed that the members opened the network; where replicas are
    /// trusted otherwise, nobody asks.
    fn shows_open(&self) -> bool {
        let replica = self.replica.as_ref();
        replica.is_none_or(|replica| replica.chain().opening().is_some())
    }
}

/// The most replicas that connections are kept for.
const SLOTS_MAX: usize = 256;

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

    /// An open connection to a trusted replica. Of verified replicas, only those that prove that
    /// the network is open get data that belongs to a user.
    pub(crate) async fn connection(
        &self,
        url: &ReplicaUrl,
        is_users: bool,
    ) -> Result<Connection, ClientError> {
        let slot = self.slot(url);
        let mut held = slot.connection.lock().await;
        let memory = self.memory();
        let is_open = |held: &Held| !is_users || held.shows_open();
        if let Some(held) = held
            .as_ref()
            .filter(|held| held.is_usable(memory) && is_open(held))
        {
            return Ok(held.connection.clone());
        }
        let fresh = self.dial(url, &slot, is_users).await?;
        let connection = fresh.connection.clone();
        let refused = !is_open(&fresh);
        *held = Some(fresh);
        if refused {
            return Err(session::not_verified(url, "opening", Failure::NotOpen));
        }
        Ok(connection)
    }

    /// What is remembered, where replicas are verified.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.verifier().map(Verifier::memory)
    }

    /// What verifies replicas, where evidence is verified.
    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        match &self.trust {
            Trust::Verified(verifier) => Some(verifier),
            _ => None,
        }
    }

    /// The replicas that were verified so far.
    pub(crate) fn verified(&self) -> Vec<Arc<VerifiedReplica>> {
        let slots = self.slots.lock().expect("no holder of this lock panics");
        slots.values().filter_map(|slot| slot.verified()).collect()
    }

    fn slot(&self, url: &ReplicaUrl) -> Arc<Slot> {
        let mut slots = self.slots.lock().expect("no holder of this lock panics");
        if slots.len() >= SLOTS_MAX && !slots.contains_key(url) {
            // Those that no call uses now.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(url.clone()).or_default().clone()
    }

    async fn dial(
        &self,
        url: &ReplicaUrl,
        slot: &Slot,
        is_users: bool,
    ) -> Result<Held, ClientError> {
        match &self.trust {
            Trust::Authority(authority) => Ok(Held {
                connection: self.open(url, authority).await?,
                until_ms: u64::MAX,
                replica: None,
            }),
            Trust::Verified(verifier) => {
                let memory = verifier.memory();
                if let Some(known) = slot.verified()
                    && memory.is_newest(known.chain())
                    && (!is_users || known.chain().opening().is_some())
                    && let Ok(held) = self.open_verified(url, known).await
                {
                    return Ok(held);
                }
                // Another replica may stand at this address now, or the one that stood there was
                // removed: whatever is there is verified anew.
                let verified = Arc::new(verify(verifier, url).await?);
                slot.remember(verified.clone());
                let held = self.open_verified(url, verified).await?;
                self.learn_addresses(&held.connection, memory).await?;
                Ok(held)
            }
            Trust::Evidence { appraiser, network } => {
                self.open_stranger(url, appraiser, *network).await
            }
        }
    }

    /// A connection that ends at the attested TLS key, and that the attested identity key has
    /// signed.
    async fn open_verified(
        &self,
        url: &ReplicaUrl,
        replica: Arc<VerifiedReplica>,
    ) -> Result<Held, ClientError> {
        let pinned = ServerTrust::attested(replica.verdict()).map_err(unusable)?;
        let connection = self.open(url, &pinned).await?;
        let proven = self
            .prove(connection, replica.verdict(), replica.chain().network())
            .await?;
        Ok(Held {
            replica: Some(replica),
            ..proven
        })
    }

    /// Has a verified replica name the addresses of the replicas that vote, and remembers them.
    /// That it does not answer is not a fault of its verification.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub(crate) async fn learn_addresses(
        &self,
        connection: &Connection,
        memory: &Memory,
    ) -> Result<(), ClientError> {
        let request = Request::get("/v1/network");
        let answer = connection.exchange(&request, self.connect_timeout).await;
        let Ok(reply) = answer.and_then(expect_ok).and_then(|it| it.json()) else {
            return Ok(());
        };
        let named = voters_of(&reply, memory.network());
        if named.is_empty() {
            return Ok(());
        }
        let memory = memory.clone();
        // The state file is locked, read and flushed.
        let taken = tokio::task::spawn_blocking(move || memory.take_addresses(&named)).await;
        match taken.expect("taking addresses does not panic") {
            Ok(()) => Ok(()),
            Err(error) => {
                let url = connection.url();
                Err(ClientError::of_memory(url, error, Checks::default()))
            }
        }
    }

    /// A connection whose certificate carries evidence, and that the identity key in it has signed.
    async fn open_stranger(
        &self,
        url: &ReplicaUrl,
        appraiser: &Appraiser,
        network: Digest,
    ) -> Result<Held, ClientError> {
        let trust = ServerTrust::evidence(appraiser.clone());
        let connection = self.open(url, &trust).await?;
        let verdict = appraiser
            .appraise(connection.certificate(), now_ms())
            .map_err(|refused| session::not_verified(url, "evidence", refused.into()))?;
        self.prove(connection, &verdict, network).await
    }

    async fn prove(
        &self,
        connection: Connection,
        verdict: &Verdict,
        network: Digest,
    ) -> Result<Held, ClientError> {
        let asked = session::Asked {
            context: network,
            caller: self.identity.as_ref().map(Identity::fingerprint),
            nonce: nonce()?,
        };
        let identity = verdict.identity();
        session::prove(&connection, &identity, &asked, self.connect_timeout).await?;
        Ok(Held {
            connection,
            until_ms: verdict.expires_ms(),
            replica: None,
        })
    }

    async fn open(&self, url: &ReplicaUrl, trust: &ServerTrust) -> Result<Connection, ClientError> {
        let tls =
            client_config(trust, self.identity.as_ref(), &Clock::system()).map_err(unusable)?;
        Connection::open(url, tls, self.connect_timeout).await
    }
}

/// The addresses of the voters of this network, as far as they are addresses, each once.
fn voters_of(reply: &NetworkReply, network: Digest) -> Vec<ReplicaUrl> {
    if reply.network_id.as_deref() != Some(network.to_string().as_str()) {
        return Vec::new();
    }
    let voters = reply.replicas.iter();
    let voters = voters.filter(|replica| replica.standing == Standing::Voter);
    let mut named: Vec<ReplicaUrl> = Vec::new();
    for url in voters.filter_map(|voter| voter.url.parse().ok()) {
        if !named.contains(&url) && named.len() < REMEMBERED_ADDRESSES_MAX {
            named.push(url);
        }
    }
    named
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

/// Verifies with a fresh nonce.
pub(crate) async fn verify(
    verifier: &Verifier,
    url: &ReplicaUrl,
) -> Result<VerifiedReplica, ClientError> {
    verifier.verify(url, nonce()?).await
}

fn nonce() -> Result<Nonce, ClientError> {
    fresh_nonce().map_err(|error| ClientError::Environment(error.to_string()))
}
