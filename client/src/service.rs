//! A service as its users see it: several replicas, of which one leads.
//!
//! A call goes to the replica that led last, follows redirects to the one that leads now, and goes on to the
//! others when a connection fails, until its deadline. A request that may have been carried out is repeated only
//! if it says that it may ([`Repeat`]).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use synod_api::ErrorCode;
use synod_channel::Identity;
use synod_ledger::Chain;
use tokio::time::Instant;

use crate::checks::Checks;
use crate::connection::Connection;
use crate::dial::{Dialer, Trust};
use crate::error::ClientError;
use crate::memory::{Memory, ReceiptMemoryError};
use crate::request::{Repeat, Request, Response, expect_ok};
use crate::url::ReplicaUrl;
use crate::verify::VerifiedReplica;

/// How long a client waits and how it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection with TLS. Default 3 s.
    pub connect: Duration,
    /// For one answer of one replica. Default 10 s.
    pub attempt: Duration,
    /// For all attempts of one call together. Default 30 s.
    pub call: Duration,
    /// Between two attempts, at first; doubled each time up to [`Self::pause_max`]. Default 20 ms.
    pub pause: Duration,
    /// Between two attempts, at most. Default 200 ms.
    pub pause_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_secs(10),
            call: Duration::from_secs(30),
            pause: Duration::from_millis(20),
            pause_max: Duration::from_millis(200),
        }
    }
}

/// Redirects that are followed at once; further ones wait like failures, since two replicas that point at each
/// other are in the midst of an election.
const REDIRECTS_MAX: u32 = 3;

/// A client of a service. Cheap to clone; clones share connections and what they learnt.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dialer: Dialer,
    patience: Patience,
    route: Mutex<Route>,
}

/// The replicas known, and the one to ask first.
#[derive(Debug)]
struct Route {
    replicas: Vec<ReplicaUrl>,
    first: usize,
}

impl Service {
    /// A client of the service that these replicas are part of. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::NoReplica`], if there is none in the list.
    pub fn new(
        replicas: impl IntoIterator<Item = ReplicaUrl>,
        trust: Trust,
        identity: Option<Identity>,
        patience: Patience,
    ) -> Result<Self, ClientError> {
        let replicas: Vec<_> = replicas.into_iter().collect();
        if replicas.is_empty() {
            return Err(ClientError::NoReplica);
        }
        let dialer = Dialer::new(trust, identity, patience.connect);
        Ok(Self(Arc::new(Inner {
            dialer,
            patience,
            route: Mutex::new(Route { replicas, first: 0 }),
        })))
    }

    /// A client of the same service with connections of its own, which begins with the same leader.
    pub fn separate(&self) -> Self {
        let route = Route {
            replicas: self.replicas(),
            first: 0,
        };
        Self(Arc::new(Inner {
            dialer: self.0.dialer.separate(),
            patience: self.0.patience,
            route: Mutex::new(route),
        }))
    }

    /// The replicas known, the one to be asked first in front.
    pub fn replicas(&self) -> Vec<ReplicaUrl> {
        let route = self.route();
        let (before, from) = route.replicas.split_at(route.first);
        from.iter().chain(before).cloned().collect()
    }

    /// The replicas that this client has verified so far.
    pub fn verified(&self) -> Vec<Arc<VerifiedReplica>> {
        self.0.dialer.verified()
    }

    /// What this client remembers of the network; nothing is compared unless it verifies replicas.
    pub fn memory(&self) -> Option<&Memory> {
        self.0.dialer.memory()
    }

    /// Remembers what a verified receipt shows, and compares it with what is remembered. Without a memory it does
    /// nothing.
    ///
    /// # Errors
    /// [`ReceiptMemoryError`].
    pub async fn remember_receipt(
        &self,
        chain: &Chain,
        file: &Bytes,
    ) -> Result<(), ReceiptMemoryError> {
        let Some(memory) = self.memory().cloned() else {
            return Ok(());
        };
        let (chain, file) = (chain.clone(), file.clone());
        // The state file is locked, read and flushed.
        tokio::task::spawn_blocking(move || memory.take_receipt(&chain, &file))
            .await
            .expect("taking a receipt does not panic")
    }

    /// The same for a chain that a replica told.
    pub(crate) async fn remember_chain(
        &self,
        url: &ReplicaUrl,
        chain: Chain,
    ) -> Result<Chain, ClientError> {
        let Some(memory) = self.memory().cloned() else {
            return Ok(chain);
        };
        let taken =
            tokio::task::spawn_blocking(move || memory.take_replica(&chain, None).map(|()| chain));
        let taken = taken.await.expect("taking a chain does not panic");
        taken.map_err(|error| ClientError::of_memory(url, error, Checks::default()))
    }

    /// Adds a replica to those that are tried.
    pub fn add_replica(&self, url: &ReplicaUrl) {
        self.route().position_or_add(url);
    }

    /// Forgets a replica, unless it is the only one.
    pub fn remove_replica(&self, url: &ReplicaUrl) {
        self.route().remove(url);
    }

    /// Sends a request to the replica that can answer it, and gives the answer if it is a success.
    ///
    /// # Errors
    /// [`ClientError`] of the last attempt.
    pub async fn call(&self, request: &Request) -> Result<Response, ClientError> {
        self.call_judged(request, expect_ok).await
    }

    /// The same, where `judge` says which answers are refusals.
    pub(crate) async fn call_judged(
        &self,
        request: &Request,
        judge: impl Fn(Response) -> Result<Response, ClientError>,
    ) -> Result<Response, ClientError> {
        let mut attempts = Attempts::new(self.0.patience);
        let mut target = self.route().current();
        loop {
            let outcome = self.attempt(&target, request, attempts.remaining()).await;
            let next = match outcome {
                Ok(response) if response.status == StatusCode::TEMPORARY_REDIRECT => {
                    Next::At(leader_of(&response)?)
                }
                Ok(response) => match judge(response) {
                    Ok(response) => {
                        if attempts.redirects > 0 || needs_leader(request) {
                            self.remember(&target);
                        }
                        return Ok(response);
                    }
                    Err(error) => Next::of(error, request.repeat)?,
                },
                Err(error) => Next::of(error, request.repeat)?,
            };
            target = match next {
                Next::At(leader) => {
                    attempts.redirected().await.map_err(|()| no_leader())?;
                    self.add_replica(&leader);
                    leader
                }
                Next::Elsewhere(error) => {
                    attempts.failed().await.map_err(|()| error)?;
                    self.route().advance(&target)
                }
            };
        }
    }

    /// Sends a request to this replica alone, once; redirects are answers.
    ///
    /// # Errors
    /// [`ClientError`], also for problems that it answers.
    pub async fn ask(&self, url: &ReplicaUrl, request: &Request) -> Result<Response, ClientError> {
        expect_ok(self.attempt(url, request, self.0.patience.attempt).await?)
    }

    /// An open connection to this replica, shared with other calls.
    ///
    /// # Errors
    /// [`ClientError`], if it cannot be reached or is not trusted.
    pub async fn connection(&self, url: &ReplicaUrl) -> Result<Connection, ClientError> {
        self.0.dialer.connection(url).await
    }

    async fn attempt(
        &self,
        url: &ReplicaUrl,
        request: &Request,
        remaining: Duration,
    ) -> Result<Response, ClientError> {
        let connection = self.connection(url).await?;
        connection
            .exchange(request, remaining.min(self.0.patience.attempt))
            .await
    }

    /// The leader is asked first from now on.
    fn remember(&self, leader: &ReplicaUrl) {
        let mut route = self.route();
        route.first = route.position_or_add(leader);
    }

    fn route(&self) -> std::sync::MutexGuard<'_, Route> {
        self.0.route.lock().expect("no holder of this lock panics")
    }
}

impl Route {
    fn current(&self) -> ReplicaUrl {
        self.replicas[self.first].clone()
    }

    fn position_or_add(&mut self, url: &ReplicaUrl) -> usize {
        if let Some(position) = self.replicas.iter().position(|known| known == url) {
            return position;
        }
        self.replicas.push(url.clone());
        self.replicas.len() - 1
    }

    /// The replica after `failed`, which is asked first from now on.
    fn advance(&mut self, failed: &ReplicaUrl) -> ReplicaUrl {
        self.first = (self.position_or_add(failed) + 1) % self.replicas.len();
        self.current()
    }

    fn remove(&mut self, url: &ReplicaUrl) {
        if self.replicas.len() > 1 {
            self.replicas.retain(|known| known != url);
            self.first %= self.replicas.len();
        }
    }
}

/// Whether only a leader answers this.
fn needs_leader(request: &Request) -> bool {
    request.path.starts_with("/v1/kv/") && !request.path.contains("consistency=local")
}

/// What follows an attempt that gave no answer.
enum Next {
    /// Ask the leader.
    At(ReplicaUrl),
    /// Ask another; if there is no time left, this is the error.
    Elsewhere(ClientError),
}

impl Next {
    /// Whether another attempt makes sense after `error`; if not, it is the result.
    fn of(error: ClientError, repeat: Repeat) -> Result<Self, ClientError> {
        let again = match &error {
            ClientError::Unreachable { .. } => true,
            ClientError::Lost { .. } | ClientError::Timeout { .. } => repeat == Repeat::Freely,
            ClientError::Problem(problem) => is_passing(problem.code, repeat),
            _ => false,
        };
        if again {
            Ok(Self::Elsewhere(error))
        } else {
            Err(error)
        }
    }
}

/// Whether a problem passes by itself, so that the same request may succeed soon or elsewhere.
fn is_passing(code: ErrorCode, repeat: Repeat) -> bool {
    match code {
        ErrorCode::Overloaded
        | ErrorCode::NoLeader
        | ErrorCode::NotReady
        | ErrorCode::AppNotReady
        | ErrorCode::ShuttingDown => true,
        ErrorCode::LeadershipLost | ErrorCode::AnswerTimeout | ErrorCode::Halted => {
            repeat == Repeat::Freely
        }
        _ => false,
    }
}

fn leader_of(response: &Response) -> Result<ReplicaUrl, ClientError> {
    let location = response.header("location").unwrap_or_default();
    ReplicaUrl::of_location(location)
        .map_err(|error| response.bad(format!("its redirect is wrong: {error}")))
}

fn no_leader() -> ClientError {
    ClientError::Problem(Box::new(ErrorCode::NoLeader.into()))
}

/// Counts the attempts of one call and paces them.
struct Attempts {
    patience: Patience,
    deadline: Instant,
    pause: Duration,
    redirects: u32,
}

impl Attempts {
    fn new(patience: Patience) -> Self {
        let deadline = Instant::now() + patience.call;
        Self {
            patience,
            deadline,
            pause: patience.pause,
            redirects: 0,
        }
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits before the next attempt; an error if the time is up.
    async fn failed(&mut self) -> Result<(), ()> {
        if self.remaining() <= self.pause {
            return Err(());
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.patience.pause_max);
        Ok(())
    }

    async fn redirected(&mut self) -> Result<(), ()> {
        self.redirects += 1;
        if self.redirects <= REDIRECTS_MAX {
            Ok(())
        } else {
            self.failed().await
        }
    }
}
