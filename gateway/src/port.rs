//! The port to the replica: every request as a [`Call`], parsed and within its limits, and
//! every answer as a [`Reply`].
//!
//! The gateway decides nothing about rights and nothing about state. It tells who calls, by the
//! fingerprint of the client certificate; what that caller may do, the replica decides.

use std::future::Future;

use bytes::Bytes;
use synod_api::{
    ActionReply, AppInfo, AppLogReply, AppsReply, AttestationReply, ChunkReply, GovernanceReply,
    HealthReply, ListReply, NetworkReply, Problem, SessionReply, TxId, TxReply, TxnReply,
    TxnRequest, WriteReply,
};
use tokio::sync::mpsc;

use crate::source::Source;

/// Answers calls. The node implements it over the thread that owns the replica.
///
/// * A reply that rests on state is given only once that state is certified.
/// * The future may be dropped at any moment, when the client vanishes or the time is up: the
///   call may take effect all the same, and nothing else may break by it.
/// * Calls of one connection run side by side; the order of their effects is the replica's.
pub trait Backend: Send + Sync + 'static {
    /// Answers one call.
    fn call(&self, caller: Caller, call: Call) -> impl Future<Output = Reply> + Send;
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

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Read a key. Answer: [`Reply::Value`], or the problem `key_not_found`.
    Get {
        /// Which key.
        at: Key,
        /// How fresh.
        consistency: Consistency,
    },
    /// Write a key. Answer: [`Reply::Written`].
    Put {
        /// Which key.
        at: Key,
        /// Its new value.
        value: Bytes,
        /// What must hold of it before.
        condition: Condition,
        /// How the write is made and answered.
        mode: WriteMode,
    },
    /// Remove a key. Answer: [`Reply::Written`].
    Delete {
        /// Which key.
        at: Key,
        /// What must hold of it before.
        condition: Condition,
        /// How the write is made and answered.
        mode: WriteMode,
    },
    /// Read a page of a map. Answer: [`Reply::Listed`].
    List {
        /// Which page.
        page: Page,
        /// How fresh.
        consistency: Consistency,
    },
    /// Do several operations at once. Answer: [`Reply::Transacted`].
    Transact {
        /// Compares and operations; counts, names, keys and values are within their limits.
        txn: TxnRequest,
        /// How the write is made and answered.
        mode: WriteMode,
    },
    /// How far is this transaction? Answer: [`Reply::Status`].
    Status(TxId),
    /// The receipt of this transaction. Answer: [`Reply::Receipt`].
    Receipt(TxId),
    /// Block 0 and the chain of configurations. Answer: [`Reply::Chain`].
    Chain,
    /// Evidence, and a signature over the nonce. Answer: [`Reply::Attestation`].
    Attest {
        /// The caller's nonce.
        nonce: [u8; 32],
    },
    /// A signature over nonce and TLS session. Answer: [`Reply::Session`].
    Session {
        /// The caller's nonce.
        nonce: [u8; 32],
    },
    /// The description of the service. Answer: [`Reply::Network`].
    Network,
    /// The description of its governance. Answer: [`Reply::Governance`].
    Governance,
    /// A signed act. Answer: [`Reply::Acted`].
    Act {
        /// COSE_Sign1 messages of members.
        signatures: Vec<Bytes>,
        /// Whether the answer holds the receipt.
        receipt: bool,
    },
    /// A join request, in CBOR. Answer: [`Reply::Cbor`].
    Join(Bytes),
    /// A request for keys of a trusted joiner, in CBOR. Answer: [`Reply::Cbor`].
    JoinKeys(Bytes),
    /// The members' approvals for a founder, in CBOR. Answer: [`Reply::Cbor`].
    Bootstrap(Bytes),
    /// The ledger's records. Answer: [`Reply::Ledger`].
    Ledger {
        /// Index of the first block, from 1.
        from: u64,
    },
    /// Does the process work? Answer: [`Reply::Health`].
    Live,
    /// Can the replica serve? Answer: [`Reply::Health`].
    Ready,
    /// The metrics. Answer: [`Reply::Metrics`].
    Metrics,
    /// Call an app. Answer: [`Reply::App`].
    App(Box<AppRequest>),
    /// The list of apps. Answer: [`Reply::Apps`].
    Apps,
    /// The description of an app. Answer: [`Reply::AppInfo`].
    AppInfo {
        /// Its name, well-formed here and below.
        name: String,
    },
    /// The component of an app that is in force. Answer: [`Reply::Component`].
    AppComponent {
        /// The app.
        name: String,
    },
    /// A piece of a component. Answer: [`Reply::ChunkTaken`].
    AppChunk {
        /// The app.
        name: String,
        /// The number of the version that waits for it.
        number: u64,
        /// Which piece, from 0.
        index: u32,
        /// The piece; not longer than any may be.
        bytes: Bytes,
    },
    /// The app's description of its own interface. Answer: [`Reply::AppDescription`].
    AppDescription {
        /// The app.
        name: String,
    },
    /// Lines of an app's log. Answer: [`Reply::AppLogs`].
    AppLogs {
        /// The app.
        name: String,
        /// Only lines after this number.
        after: u64,
        /// At most so many, from 1.
        limit: u32,
    },
    /// The changes of a map. Answer: [`Reply::Events`].
    Watch(Watching),
}

/// A call of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppRequest {
    /// The app's name, well-formed.
    pub app: String,
    /// The method, in capitals.
    pub method: String,
    /// The path below the app as it was sent, from `/` on; not looked at by the gateway.
    pub path: String,
    /// The query as it was sent, but for `consistency`.
    pub query: Option<String>,
    /// The header fields that are the app's: names in lower case, none of the connection's and none of ours.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether a route that only reads may answer from this replica's own certified state.
    pub local: bool,
    /// Whether the answer bears the receipt.
    pub receipt: bool,
    /// The caller's name for this request: repeated, it takes effect once.
    pub idempotency: Option<String>,
}

/// Which changes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// The map; its name is well-formed.
    pub map: String,
    /// Only keys that begin with this.
    pub prefix: Bytes,
    /// Changes after this sequence number; without it, from now on.
    pub from: Option<u64>,
}

/// A key in a map; both are within their limits, and the name is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The map.
    pub map: String,
    /// The key.
    pub key: Bytes,
}

/// Which page of a map is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The map.
    pub map: String,
    /// Only keys that begin with this; empty for all.
    pub prefix: Bytes,
    /// Only keys from this one on; empty for all.
    pub from: Bytes,
    /// Only keys before this one.
    pub to: Option<Bytes>,
    /// Only keys after this one: the last key of the page before.
    pub after: Option<Bytes>,
    /// At most so many entries, from 1.
    pub limit: u32,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// As if there were one copy: the leader answers, sure that it leads.
    #[default]
    Linearizable,
    /// The replica's own certified state, which it names.
    Local,
}

/// What must hold of a key before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// It has this version; never 0.
    Version(u64),
    /// It has a value.
    Present,
    /// It has no value.
    Absent,
}

/// How a write is made and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteMode {
    /// Answer at once, with a transaction id and no promise.
    pub pending: bool,
    /// Put the receipt into the answer. Never together with `pending`.
    pub receipt: bool,
    /// The caller's name for this request: repeated, it takes effect once.
    pub idempotency: Option<String>,
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub enum Reply {
    /// A key's value.
    Value {
        /// The value.
        value: Bytes,
        /// Its version.
        version: u64,
        /// The newest certified transaction that the read has seen.
        as_of: TxId,
    },
    /// A key was written, or will be (`status` is pending).
    Written(WriteReply),
    /// A page.
    Listed(ListReply),
    /// A transaction was done, or will be (`status` is pending).
    Transacted(TxnReply),
    /// How far a transaction is.
    Status(TxReply),
    /// A receipt file.
    Receipt {
        /// The transaction.
        transaction: TxId,
        /// The file.
        file: Bytes,
    },
    /// A chain file.
    Chain(Bytes),
    /// Evidence and a fresh signature.
    Attestation(Box<AttestationReply>),
    /// Proof of where the TLS session ends.
    Session(SessionReply),
    /// The description of the service.
    Network(Box<NetworkReply>),
    /// The description of its governance.
    Governance(Box<GovernanceReply>),
    /// An act is committed.
    Acted(ActionReply),
    /// An answer in CBOR, of the same family as the request.
    Cbor(Bytes),
    /// A stream of ledger records.
    Ledger(Records),
    /// Health: status 200, or 503 if not `ok`.
    Health(HealthReply),
    /// Metrics in the text format of Prometheus.
    Metrics(String),
    /// An app's answer.
    App(Box<AppAnswer>),
    /// The app's route exists, for these methods alone.
    AppMethods(Vec<&'static str>),
    /// The list of apps.
    Apps(AppsReply),
    /// The description of an app.
    AppInfo(Box<AppInfo>),
    /// A component, in pieces.
    Component(Records),
    /// A piece of a component is committed.
    ChunkTaken(ChunkReply),
    /// An app's description of its own interface, in JSON.
    AppDescription(Bytes),
    /// Lines of an app's log.
    AppLogs(AppLogReply),
    /// Server-sent events.
    Events(Records),
    /// Another replica leads: 307 to the same path there.
    Leader {
        /// Its public address, `https://host:port`, without a path.
        url: String,
    },
    /// It did not work.
    Problem(Box<Problem>),
}

/// What an app answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppAnswer {
    /// The status, 200 to 599.
    pub status: u16,
    /// The header fields; those that an app may not set are taken off by the gateway.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The call's transaction, or the newest one that it has seen.
    pub transaction: TxId,
    /// The receipt file, if it was asked for and something was written.
    pub receipt: Option<Bytes>,
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// A stream of bytes in pieces, with back pressure: the sender waits while the client is slow,
/// and sees a closed channel when the client is gone. The channel's bound is the sender's choice.
#[derive(Debug)]
pub struct Records(pub mpsc::Receiver<Result<Bytes, Broken>>);

/// The source of a stream failed: the answer is cut off, so that the client notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the source of the stream failed")
    }
}

impl std::error::Error for Broken {}
