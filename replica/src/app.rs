//! What is said between a replica and those who run apps for it.
//!
//! The replica runs no component itself. It says what is to be executed, on which snapshot and for
//! whom ([`Execution`]), and hears what came of it ([`Executed`]); until it has validated and
//! certified that, nothing of it counts. Executors may run many at once, in any order, and may take
//! as long as the app's limits allow.

use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::app::{AppManifest, AppName, CallerIdentity};
use synod_kv::{ReadSet, WriteSet};
use synod_ledger::TxId;

use crate::state::StateHandle;

/// One version of one app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppKey {
    /// The app.
    pub name: AppName,
    /// The version's number: each that is set has another.
    pub number: u64,
    /// SHA-256 of the component.
    pub component: Digest,
}

/// A request to an app, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path below `/app/NAME`, percent-encoded as it came.
    pub path: String,
    /// The query without `?`, percent-encoded as it came, without what the service itself takes of
    /// it.
    pub query: Option<String>,
    /// The header fields that concern the app; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A request to an app, with the manner of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCall {
    /// The app's name as the caller gave it.
    pub app: String,
    /// The request.
    pub request: AppRequest,
    /// Digest of the request as the client sent it; the receipt binds it.
    pub digest: Digest,
    /// Read as of this replica's newest certified block, without asking the others.
    pub local: bool,
    /// Send the receipt along.
    pub receipt: bool,
    /// The same key of the same caller runs at most once, while it is remembered.
    pub idempotency: Option<Bytes>,
}

/// What an app answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppResponse {
    /// The HTTP status.
    pub status: u16,
    /// Header fields; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Which execution: its result bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionId {
    /// Of a call.
    Call(u64),
    /// Of `init` or `migrate`.
    Preparation(u64),
}

/// What to execute.
#[derive(Debug, Clone)]
pub struct Execution {
    /// [`Executed`] bears it.
    pub id: ExecutionId,
    /// What is to run.
    pub app: AppKey,
    /// Its manifest.
    pub manifest: Arc<AppManifest>,
    /// What it is to do.
    pub task: Task,
    /// Who calls.
    pub caller: CallerIdentity,
    /// The state to run on, with [`DetachedTransaction`](crate::state::DetachedTransaction).
    pub state: StateHandle,
    /// The seqno of that state.
    pub snapshot: u64,
    /// The name of the transaction if it takes effect; for a read, the newest transaction seen.
    pub tx: TxId,
    /// The ledger's time, Unix milliseconds: that of the newest block seen.
    pub time_ms: u64,
    /// The seed of all randomness that the app gets.
    pub seed: [u8; 32],
    /// Whether it must not write.
    pub read_only: bool,
}

/// What an app is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Answers a request.
    Handle {
        /// The request.
        request: AppRequest,
        /// The pattern of its route.
        route: String,
        /// What stands in the places of the pattern's names, decoded, in its order.
        params: Vec<(String, String)>,
    },
    /// Prepares the maps of an app that is set for the first time.
    Init,
    /// Brings the maps of an earlier version to this one's form.
    Migrate {
        /// The earlier version's `version`.
        from: String,
    },
}

/// What came of an [`Execution`].
#[derive(Debug)]
pub struct Executed {
    /// Which execution.
    pub id: ExecutionId,
    /// What it came to; after a fault nothing of it counts.
    pub result: Result<Completion, AppFault>,
}

/// An execution that ran to its end. For `init` and `migrate` the response stands for nothing.
#[derive(Debug)]
pub struct Completion {
    /// The answer.
    pub response: AppResponse,
    /// What was read.
    pub reads: ReadSet,
    /// What is to be written.
    pub writes: WriteSet,
    /// The claims that the app bound, in order.
    pub claims: Vec<Digest>,
    /// Whether the app asked for its transaction's id, which must be right then.
    pub asked_id: bool,
    /// Whether the writes are kept even if the status is 400 or above.
    pub keep: bool,
}

/// Why an execution did not run to its end. Nothing that it wrote is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppFault {
    /// The component trapped.
    #[error("the app failed")]
    Trapped,
    /// It ran longer than it may.
    #[error("the app took longer than {max_ms} ms")]
    TimeExceeded {
        /// Its limit in milliseconds.
        max_ms: u64,
    },
    /// It wanted more memory than it may have.
    #[error("the app wanted more than {max_bytes} bytes of memory")]
    MemoryExceeded {
        /// Its limit.
        max_bytes: u64,
    },
    /// Its calls are nested too deeply.
    #[error("the app nested its calls too deeply")]
    StackExceeded,
    /// Its response is too long.
    #[error("the app's response is longer than {max_bytes} bytes")]
    ResponseTooLarge {
        /// Its limit.
        max_bytes: u64,
    },
    /// Its response breaks a rule, named here.
    #[error("the app's response is wrong: {0}")]
    BadResponse(&'static str),
    /// It named a map that its manifest does not declare.
    #[error("the app named the map `{0}`, which its manifest does not declare")]
    UndeclaredMap(String),
    /// It wrote in a route that only reads.
    #[error("the app wrote in a query")]
    WriteInQuery,
    /// It used maps too often.
    #[error("the app used maps more than {max} times")]
    MapOperationsExceeded {
        /// Its limit.
        max: u64,
    },
    /// A key, value or all writes together are over the limits of the store, named here.
    #[error("the app wrote too much: {0}")]
    KeyOrValueTooLarge(String),
    /// A claim that is not 32 bytes.
    #[error("the app bound a claim that is no SHA-256 digest")]
    BadClaim,
    /// More claims than a receipt holds.
    #[error("the app bound too many claims")]
    TooManyClaims,
    /// Too many random bytes at once.
    #[error("the app asked for too many random bytes at once")]
    RandomTooMuch,
    /// `init` or `migrate` said no. The text is for the app's log only.
    #[error("the app refused to be set")]
    LifecycleRefused(String),
    /// This replica has not compiled it.
    #[error("the app is not compiled on this replica")]
    NotInstalled,
    /// The snapshot is gone. Executed again; never shown to a caller.
    #[error("the state moved on under the execution")]
    StateMoved,
    /// Those who execute have too much to do.
    #[error("too many calls of apps are under way")]
    Overloaded,
}

/// What to compile.
#[derive(Debug, Clone)]
pub struct Compile {
    /// Which version; [`Compiled`] bears it.
    pub app: AppKey,
    /// Its manifest.
    pub manifest: Arc<AppManifest>,
    /// The component, in pieces.
    pub component: Vec<Bytes>,
}

/// Why a component cannot run here. A code and no more: what a compiler says may quote the
/// component, and the host reads what becomes of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompileFault {
    /// The pieces do not make the component that the members signed.
    #[error("wrong-digest")]
    WrongDigest,
    /// It cannot be compiled, for the reason that this code names.
    #[error("{0}")]
    Refused(&'static str),
}

impl Compile {
    /// The component in one piece. For those who compile: it takes its time.
    ///
    /// # Errors
    /// [`CompileFault::WrongDigest`].
    pub fn joined(&self) -> Result<Vec<u8>, CompileFault> {
        let component = self.component.concat();
        if synod_crypto::sha256(&[&component]) == self.app.component {
            Ok(component)
        } else {
            Err(CompileFault::WrongDigest)
        }
    }
}

/// What came of a [`Compile`].
#[derive(Debug)]
pub struct Compiled {
    /// Which version.
    pub app: AppKey,
    /// Why it cannot run here, if it cannot.
    pub result: Result<(), CompileFault>,
}

/// An app's answer, certified as far as it rests on state.
#[derive(Debug, Clone)]
pub struct AppReply {
    /// The transaction, where something was written.
    pub tx: Option<TxId>,
    /// The newest transaction whose state was seen.
    pub as_of: TxId,
    /// What the app said.
    pub response: AppResponse,
    /// The receipt, if it was asked for and something was written.
    pub receipt: Option<Bytes>,
    /// Whether this repeats the answer to an earlier call with the same idempotency key.
    pub repeated: bool,
}

/// A chunk of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppChunk {
    /// The app.
    pub app: AppName,
    /// The number of the version that is on its way.
    pub number: u64,
    /// Which chunk, from 0.
    pub index: u32,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A chunk is on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkTaken {
    /// The transaction, unless the chunk stood there before.
    pub tx: Option<TxId>,
    /// The newest transaction whose state was seen.
    pub as_of: TxId,
}

/// What is asked of apps.
#[derive(Debug, Clone)]
pub enum Request {
    /// A request to an app.
    Call(Box<AppCall>),
    /// A chunk of a component that the members set. Any user or member may bring it.
    Chunk(AppChunk),
}

/// The answer to a [`Request`].
#[derive(Debug, Clone)]
pub enum Reply {
    /// The app has answered, and all that it rests on is certified.
    Called(Box<AppReply>),
    /// The chunk is on the ledger.
    ChunkTaken(ChunkTaken),
}
