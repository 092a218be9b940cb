//! What comes into a replica and what goes out of it.
//!
//! A replica is driven by [`Input`]s and answers with [`Effects`]; it has no socket, file, clock or
//! thread. The order in which effects are carried out matters: see [`Effects`].

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::Refusal;
use synod_governance::app::BadPath;
use synod_ledger::{Record, TxId};

use crate::app::{AppFault, Compile, CompileFault, Compiled, Executed, Execution};
use crate::caller::Caller;
use crate::envelope::Envelope;
use crate::governance::Recorded;
use crate::kv::{KvError, Operate};
use crate::{app, governance, kv, ledger};

/// One request, as the door hands it in.
#[derive(Debug, Clone)]
pub struct Call {
    /// Chosen by the door; the reply bears it.
    pub id: u64,
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub request: Request,
}

/// What is asked of a replica, by domain.
#[derive(Debug, Clone)]
pub enum Request {
    /// An operation on maps.
    Kv(Operate),
    /// Something for an app that the members set.
    App(app::Request),
    /// Something that governance decides.
    Governance(governance::Request),
    /// What the ledger holds.
    Ledger(ledger::Request),
}

/// The answer to a [`Call`], by domain.
#[derive(Debug, Clone)]
pub enum Reply {
    /// To an operation on maps.
    Kv(kv::Reply),
    /// To something for an app.
    App(app::Reply),
    /// Governance's decision is on the ledger.
    Governance(Recorded),
    /// From the ledger.
    Ledger(ledger::Reply),
    /// No answer of this kind; nothing was written.
    Failed(CallError),
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// This replica does not lead. The caller asks the leader, where one is known.
    #[error("this replica does not lead")]
    NotLeader {
        /// The leader's id, if one is known.
        leader: Option<u64>,
    },
    /// The leader changed while the transaction was in the log: it may commit or not.
    #[error("the leader changed before transaction {tx} was committed")]
    Interrupted {
        /// Ask for its status.
        tx: TxId,
    },
    /// The leader changed before the call ran: nothing of it will ever commit.
    #[error("the leader changed before the call was carried out")]
    Retry,
    /// The members have not opened the service to users.
    #[error("the service is not open to users yet")]
    NotOpen,
    /// The caller showed no certificate, or one that no user has.
    #[error("the caller is not a user of this service")]
    UnknownCaller,
    /// The caller's roles do not allow it.
    #[error("the caller has no role that allows this")]
    Forbidden,
    /// The operation has no answer.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// No app has this name, or it is not active yet.
    #[error("there is no such app")]
    AppNotFound,
    /// This replica has not compiled the app's active version.
    #[error("the app is not ready on this replica")]
    AppNotReady,
    /// The path is one that no app is shown.
    #[error(transparent)]
    BadPath(#[from] BadPath),
    /// The app has no such path.
    #[error("the app has no such path")]
    RouteNotFound,
    /// The app serves the path for other methods.
    #[error("the app serves this path for {} only", .0.join(", "))]
    MethodNotAllowed(Vec<&'static str>),
    /// The request's body is longer than the app takes.
    #[error("the body is longer than the {max_bytes} bytes that the app takes")]
    RequestTooLarge {
        /// The app's limit.
        max_bytes: u64,
    },
    /// Others wrote what the call read, each time that it was executed. Nothing of it is kept.
    #[error("other writes came in between too often")]
    Contended,
    /// The app did not run to an answer. Nothing of the call is kept.
    #[error(transparent)]
    App(#[from] AppFault),
    /// Governance refuses an act, a join, or what a replica asks in its own name.
    #[error("refused: {0}")]
    Governance(Box<Refusal>),
    /// It is refused for a reason that is not on the ledger: which replicas the leader hears, or
    /// what it told the replica that asked.
    #[error("refused: {0}")]
    Refused(String),
    /// The encoding of a governance act or a join is wrong.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The transaction was given up and will never be committed.
    #[error("transaction {tx} will never be committed")]
    Invalid {
        /// The transaction.
        tx: TxId,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// Too many calls are waiting.
    #[error("too many calls are waiting")]
    Busy,
    /// The disk does not take writes.
    #[error("the disk of this replica does not take writes")]
    DiskFull,
    /// No leader was heard of for too long to answer from here.
    #[error("no leader was heard of for too long")]
    Stale,
    /// This replica does not have it.
    #[error("not found")]
    NotFound,
    /// The transaction is not certified yet.
    #[error("transaction {tx} is not committed yet")]
    NotYet {
        /// The transaction.
        tx: TxId,
    },
    /// This replica has stopped for good: what it knows contradicts what others proved.
    #[error("this replica has halted")]
    Halted,
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The door, with the id that it chose.
    Door(u64),
    /// A replica, with its id.
    Peer(u64),
}

impl Effects {
    /// Answers whoever asked.
    pub(crate) fn reply(&mut self, asker: Asker, reply: Reply) {
        match asker {
            Asker::Door(call) => self.replies.push((call, reply)),
            Asker::Peer(id) => self.replies_to_peers.push((id, reply)),
        }
    }
}

impl CallError {
    /// Why the request is refused for good; `None` for what passes, so that it may be asked for
    /// again.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Governance(refusal) => Some(refusal.to_string()),
            Self::Refused(why) | Self::Malformed(why) => Some(why.clone()),
            _ => None,
        }
    }
}

/// One thing that happens to a replica.
#[derive(Debug)]
pub enum Input {
    /// A tick of the engine's clock.
    Tick,
    /// A request.
    Call(Call),
    /// No more calls wait at the door for now: propose what has gathered.
    Flush,
    /// A peer's message; `from` comes from the authenticated channel.
    Received {
        /// The sender.
        from: u64,
        /// Its message.
        envelope: Envelope,
    },
    /// The batch with this number, and all before it, is on disk.
    Persisted(u64),
    /// The disk refused a batch or hangs, or takes writes again: no writes are taken up in between.
    DiskFull(bool),
    /// The files were read as [`Effects::recall`] asked: blocks and certificates, in order, not
    /// verified. Nothing where they could not be read.
    Recalled(Vec<Record>),
    /// The connection to this peer was lost.
    Unreachable(u64),
    /// An [`Execution`] came to its end. Every one that was asked for is reported, once.
    Executed(Executed),
    /// A [`Compile`] came to its end. Every one that was asked for is reported, once.
    Compiled(Compiled),
}

/// What the driver must do, in this order: give `persist` to the disk; send `send`; hand out
/// `replies`. Sending does not wait for the disk: what must, comes with the effects of
/// [`Input::Persisted`].
#[derive(Debug, Default)]
pub struct Effects {
    /// Records to append to the ledger's files, then to sync, then to report as
    /// [`Input::Persisted`].
    pub persist: Vec<Batch>,
    /// Messages to peers.
    pub send: Vec<(u64, Envelope)>,
    /// Answers.
    pub replies: Vec<(u64, Reply)>,
    /// The same for replicas that asked in their own names, by their ids; they are told over their
    /// channels.
    pub(crate) replies_to_peers: Vec<(u64, Reply)>,
    /// What the operator should know.
    pub notices: Vec<Notice>,
    /// Calls of apps to execute beside the replica, then to report as [`Input::Executed`].
    pub execute: Vec<Execution>,
    /// Components to compile beside the replica, then to report as [`Input::Compiled`].
    pub compile: Vec<Compile>,
    /// Old blocks to read back from the ledger's files, then to report as [`Input::Recalled`].
    pub recall: Option<Recall>,
    /// The newest certified seqno, where it moved: there are changes to watch.
    pub certified: Option<u64>,
    /// Role, membership or certified governance changed: peers, their keys and addresses may be
    /// others now.
    pub membership_changed: bool,
}

/// Old blocks that a follower needs and memory has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// Index from which on they are needed.
    pub from: u64,
    /// About so many bytes of records are enough.
    pub bytes_max: usize,
}

/// Records to be made durable together.
#[derive(Debug)]
pub struct Batch {
    /// Report this number when the records are on disk; none where no report is wanted.
    pub number: Option<u64>,
    /// Encoded records, in order.
    pub records: Vec<Bytes>,
}

/// What the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This replica's role changed.
    Role {
        /// Whether it leads now.
        leading: bool,
        /// The view.
        view: u64,
        /// The leader, if known.
        leader: Option<u64>,
    },
    /// A peer sent what an honest replica cannot send; the proof is in the ledger's files.
    Misbehaved {
        /// The peer.
        peer: u64,
        /// What was wrong.
        what: String,
    },
    /// This replica stops: a certificate contradicts a block that it knows to be certified.
    Halted(String),
    /// The verdict on a voter has lapsed. It loses its vote, or a hindrance keeps it from that:
    /// then the operators must act.
    Lapsed {
        /// The voter.
        replica: u64,
        /// What keeps it from being demoted.
        hindrance: Option<String>,
    },
    /// A version of an app cannot run, here or anywhere. The detail is for the log: it may tell of
    /// private state.
    AppFailed {
        /// The app.
        app: String,
        /// The version's number.
        number: u64,
        /// SHA-256 of the component.
        component: Digest,
        /// The public code.
        code: String,
        /// Why it was not compiled, as a code; never in the words of the compiler or of the guest,
        /// for the host reads what becomes of a notice.
        compiler: Option<CompileFault>,
    },
    /// The ledger's time begins to be too far behind this machine's wall clock, or ends to be.
    LedgerTime {
        /// How far (milliseconds); none once it is near enough again.
        behind_ms: Option<u64>,
    },
    /// A message was dropped without blame.
    Dropped {
        /// The peer.
        peer: u64,
        /// Why.
        why: String,
    },
}
