//! The port to the replica: every request as a [`Call`], parsed and within its limits, and
//! every answer as a [`Reply`] of the same domain, or a [`Refusal`].
//!
//! The gateway decides nothing about rights and nothing about state. It tells who calls, by the
//! fingerprint of the client certificate; what that caller may do, the replica decides.

use std::future::Future;

use synod_api::{ErrorCode, Problem};

use crate::source::Source;
use crate::{app, governance, kv, ledger, network};

/// Answers calls, each domain by itself. The node implements it over the thread that owns the
/// replica.
///
/// * A reply that rests on state is given only once that state is certified.
/// * The future may be dropped at any moment, when the client vanishes or the time is up: the
///   call may take effect all the same, and nothing else may break by it.
/// * Calls of one connection run side by side; the order of their effects is the replica's.
pub trait Backend: Send + Sync + 'static {
    /// Answers a call on keys and maps.
    fn kv(&self, caller: Caller, call: kv::Call) -> impl Future<Output = Answer<kv::Reply>> + Send;

    /// Answers a call to an app or about apps.
    fn app(
        &self,
        caller: Caller,
        call: app::Call,
    ) -> impl Future<Output = Answer<app::Reply>> + Send;

    /// Answers a call about the ledger.
    fn ledger(
        &self,
        caller: Caller,
        call: ledger::Call,
    ) -> impl Future<Output = Answer<ledger::Reply>> + Send;

    /// Answers a call about governance.
    fn governance(
        &self,
        caller: Caller,
        call: governance::Call,
    ) -> impl Future<Output = Answer<governance::Reply>> + Send;

    /// Answers a call about the replica and its network.
    fn network(
        &self,
        caller: Caller,
        call: network::Call,
    ) -> impl Future<Output = Answer<network::Reply>> + Send;
}

/// Who calls, as the acceptor of the connection found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// SHA-256 of the public key (SubjectPublicKeyInfo) in the client certificate, whose private
    /// key the caller has proven to hold; `None` without a certificate.
    pub fingerprint: Option<[u8; 32]>,
    /// What the two ends of the caller's TLS session know of it and nobody else: its exporter
    /// (RFC 8446 section 7.5). For answers that prove where the session ends; never sent. `None`
    /// where the stream is no TLS.
    pub session: Option<[u8; 32]>,
    /// Where the connection comes from, for limits that hold for each source.
    pub source: Option<Source>,
}

/// One request, of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// On keys and maps.
    Kv(kv::Call),
    /// To an app or about apps.
    App(app::Call),
    /// About the ledger.
    Ledger(ledger::Call),
    /// About governance.
    Governance(governance::Call),
    /// About the replica and its network.
    Network(network::Call),
}

/// The answer to a [`Call`] of the same domain.
#[derive(Debug)]
pub enum Reply {
    /// To [`Call::Kv`].
    Kv(kv::Reply),
    /// To [`Call::App`].
    App(app::Reply),
    /// To [`Call::Ledger`].
    Ledger(ledger::Reply),
    /// To [`Call::Governance`].
    Governance(governance::Reply),
    /// To [`Call::Network`].
    Network(network::Reply),
}

/// A reply, or why there is none.
pub type Answer<T> = Result<T, Refusal>;

/// Why a call is not answered here.
#[derive(Debug)]
pub enum Refusal {
    /// Another replica leads: 307 to the same path there.
    Leader {
        /// Its public address, `https://host:port`, without a path.
        url: String,
    },
    /// It did not work.
    Problem(Box<Problem>),
}

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Self {
        Self::Problem(problem)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Problem::new(code).into()
    }
}
