//! A service as its users see it: several replicas, of which one leads.
//!
//! A call goes to the replica that led last, follows redirects to the one that leads now, and goes
//! on to the others when one fails (cannot be reached, is not verified, does not vote any more,
//! shows something old, answers with what is no answer), until its deadline. A request that may
//! have been carried out is repeated only if it says that it may ([`Repeat`](crate::Repeat)). Where
//! replicas are verified, a redirect leads only to addresses that the caller gave or a verified
//! replica named.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use synod_api::ErrorCode;
use synod_channel::Identity;
use synod_ledger::Chain;
use tokio::time::Instant;

use crate::attempts::{Attempts, RetryPolicy};
use crate::checks::Checks;
use crate::connection::Connection;
use crate::dial::{Dialer, Trust};
use crate::error::ClientError;
use crate::memory::{Memory, ReceiptMemoryError};
use crate::request::{Request, Response, expect_ok};
use crate::route::Route;
use crate::url::ReplicaUrl;
use crate::verify::{VerifiedReplica, Verifier};

/// A client of a service. Cheap to clone; clones share connections and what they learnt.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dialer: Dialer,
    retry_policy: RetryPolicy,
    route: Mutex<Route>,
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
        retry_policy: RetryPolicy,
    ) -> Result<Self, ClientError> {
        let replicas: Vec<_> = replicas.into_iter().collect();
        if replicas.is_empty() {
            return Err(ClientError::NoReplica);
        }
        let dialer = Dialer::new(trust, identity, retry_policy.connect);
        let route = Route::new(replicas, dialer.memory());
        Ok(Self(Arc::new(Inner {
            dialer,
            retry_policy,
            route: Mutex::new(route),
        })))
    }

    /// A client of the same service with connections of its own, which begins with the same leader.
    pub fn separate(&self) -> Self {
        let route = self.route().clone();
        Self(Arc::new(Inner {
            dialer: self.0.dialer.separate(),
            retry_policy: self.0.retry_policy,
            route: Mutex::new(route),
        }))
    }

    /// The replicas known, the one to be asked first in front.
    pub fn replicas(&self) -> Vec<ReplicaUrl> {
        self.route().in_order()
    }

    /// The replicas that this client has verified so far.
    pub fn verified(&self) -> Vec<Arc<VerifiedReplica>> {
        self.0.dialer.verified()
    }

    /// What this client remembers of the network; nothing is compared unless it verifies replicas.
    pub fn memory(&self) -> Option<&Memory> {
        self.0.dialer.memory()
    }

    /// What verifies replicas for this client, if something does.
    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.0.dialer.verifier()
    }

    /// Remembers what a verified receipt shows, and compares it with what is remembered. Without a
    /// memory it does nothing.
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

    /// Whether no hardware vouches for a replica that this client verified; `None` if it has
    /// verified none.
    pub fn simulated(&self) -> Option<bool> {
        let verified = self.verified();
        let mut simulated = verified.iter().map(|replica| replica.verdict().simulated());
        let first = simulated.next()?;
        Some(first || simulated.any(|one| one))
    }

    /// Adds a replica to those that are tried.
    pub fn add_replica(&self, url: &ReplicaUrl) {
        self.route().give(url);
    }

    /// Forgets a replica, unless it is the only one.
    pub fn remove_replica(&self, url: &ReplicaUrl) {
        self.route().remove(url);
    }

    /// Sends a request to the replica that can answer it, and gives the answer if it is a success.
    /// A replica that fails is passed over while another is left to try.
    ///
    /// # Errors
    /// [`ClientError`]: what the service answered, or the failure of the one replica that was
    /// tried, or [`ClientError::NoneLeft`] with the failure of each.
    pub async fn call(&self, request: &Request) -> Result<Response, ClientError> {
        self.call_judged(request, expect_ok).await
    }

    /// The same, where `judge` says which answers are refusals.
    pub(crate) async fn call_judged(
        &self,
        request: &Request,
        judge: impl Fn(Response) -> Result<Response, ClientError>,
    ) -> Result<Response, ClientError> {
        let mut attempts = Attempts::new(self.0.retry_policy);
        let mut target = self.route().current();
        loop {
            let outcome = self.attempt(&target, request, attempts.remaining()).await;
            let outcome = match outcome {
                Ok(response) if response.status == StatusCode::TEMPORARY_REDIRECT => {
                    let leader = self.leader_of(&response).await;
                    leader.map(Outcome::Redirected)
                }
                Ok(response) => judge(response).map(Outcome::Answered),
                Err(error) => Err(error),
            };
            target = match outcome {
                Ok(Outcome::Answered(response)) => {
                    if attempts.was_redirected() || needs_leader(request) {
                        self.route().prefer(&target);
                    }
                    return Ok(response);
                }
                Ok(Outcome::Redirected(leader)) if !attempts.is_refused(&leader) => {
                    attempts.redirected().await?;
                    leader
                }
                Ok(Outcome::Redirected(_)) => {
                    let error = ClientError::Problem(Box::new(ErrorCode::NoLeader.into()));
                    self.next(&mut attempts, &target, request, error).await?
                }
                Err(error) => self.next(&mut attempts, &target, request, error).await?,
            };
        }
    }

    /// The replica to try after `failed`.
    ///
    /// # Errors
    /// The result of the call, if no attempt is left.
    async fn next(
        &self,
        attempts: &mut Attempts,
        failed: &ReplicaUrl,
        request: &Request,
        error: ClientError,
    ) -> Result<ReplicaUrl, ClientError> {
        let known = self.replicas();
        attempts
            .failed(failed, request.repeat, error, &known)
            .await?;
        Ok(self.route().advance(failed, |url| attempts.is_refused(url)))
    }

    /// Where a redirect points, if it may be followed.
    async fn leader_of(&self, response: &Response) -> Result<ReplicaUrl, ClientError> {
        let location = response.header("location").unwrap_or_default();
        let foreign = || ClientError::ForeignRedirect {
            url: response.url.clone(),
            to: location.to_owned(),
        };
        let leader = ReplicaUrl::of_location(location).map_err(|_| foreign())?;
        let Some(memory) = self.memory() else {
            self.route().follow(&leader);
            return Ok(leader);
        };
        if self.is_named(&leader, memory) {
            return Ok(leader);
        }
        // It may have joined since the network was asked.
        let connection = self.connection_for(&response.url, false).await?;
        self.0.dialer.learn_addresses(&connection, memory).await?;
        if self.is_named(&leader, memory) {
            Ok(leader)
        } else {
            Err(foreign())
        }
    }

    /// Whether the caller gave this address, or a verified replica named it as a voter's.
    fn is_named(&self, url: &ReplicaUrl, memory: &Memory) -> bool {
        self.route().knows(url) || memory.addresses().contains(url)
    }

    /// Sends a request to this replica alone, once; redirects are answers.
    ///
    /// # Errors
    /// [`ClientError`], also for problems that it answers.
    pub async fn ask(&self, url: &ReplicaUrl, request: &Request) -> Result<Response, ClientError> {
        expect_ok(
            self.attempt(url, request, self.0.retry_policy.attempt)
                .await?,
        )
    }

    /// An open connection to this replica, shared with other calls, for what belongs to a user:
    /// where replicas are verified, it shows that the members opened the network.
    ///
    /// # Errors
    /// [`ClientError`], if it cannot be reached, is not trusted or not open; nothing of the
    /// caller's was sent.
    pub async fn connection(&self, url: &ReplicaUrl) -> Result<Connection, ClientError> {
        self.connection_for(url, true).await
    }

    /// The same, for what belongs to a user or not.
    pub(crate) async fn connection_for(
        &self,
        url: &ReplicaUrl,
        is_users: bool,
    ) -> Result<Connection, ClientError> {
        self.connection_within(url, self.0.retry_policy.attempt, is_users)
            .await
    }

    async fn connection_within(
        &self,
        url: &ReplicaUrl,
        limit: Duration,
        is_users: bool,
    ) -> Result<Connection, ClientError> {
        let connection = tokio::time::timeout(limit, self.0.dialer.connection(url, is_users));
        let connection = connection.await.map_err(|_| ClientError::Unreachable {
            url: url.clone(),
            why: format!("no verified connection within {limit:?}"),
        })?;
        connection.map_err(|error| error.before_the_request(url))
    }

    async fn attempt(
        &self,
        url: &ReplicaUrl,
        request: &Request,
        remaining: Duration,
    ) -> Result<Response, ClientError> {
        let limit = remaining.min(self.0.retry_policy.attempt);
        let begun = Instant::now();
        let connection = self
            .connection_within(url, limit, request.is_users())
            .await?;
        let left = limit.saturating_sub(begun.elapsed());
        connection.exchange(request, left).await
    }

    /// The route, with the addresses that the network named last.
    fn route(&self) -> std::sync::MutexGuard<'_, Route> {
        let mut route = self.0.route.lock().expect("no holder of this lock panics");
        if let Some(memory) = self.memory() {
            route.refresh(memory);
        }
        route
    }
}

/// Whether only a leader answers this.
fn needs_leader(request: &Request) -> bool {
    request.path.starts_with("/v1/kv/") && !request.path.contains("consistency=local")
}

/// An answer, or where the leader is.
enum Outcome {
    Answered(Response),
    Redirected(ReplicaUrl),
}
