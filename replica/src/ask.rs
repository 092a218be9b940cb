//! Requests by their types, so that none can be taken for another's answer.

use bytes::Bytes;
use synod_ledger::TxStatus;

use crate::app::{self, AppCall, AppChunk, AppReply, ChunkTaken};
use crate::calls::{CallError, Reply, Request};
use crate::governance::{self, Recorded};
use crate::kv::{self, Operate};
use crate::ledger::{self, Receipt, Status};

/// A request that knows the type of its answer.
pub trait Ask: Into<Request> {
    /// What it is answered with.
    type Answer;

    /// The answer that a reply to this request holds.
    ///
    /// # Errors
    /// [`CallError`] where the call failed.
    ///
    /// # Panics
    /// Where the reply is to a request of another kind: a replica never gives one.
    fn answer(reply: Reply) -> Result<Self::Answer, CallError>;
}

/// Names the place of a type of request among the requests, and that of its answer among the
/// replies.
macro_rules! ask {
    ($request:ty => $answer:ty, $asked:pat => $into:expr, $reply:pat => $found:expr) => {
        impl From<$request> for Request {
            fn from($asked: $request) -> Self {
                $into
            }
        }

        impl Ask for $request {
            type Answer = $answer;

            fn answer(reply: Reply) -> Result<$answer, CallError> {
                match reply {
                    $reply => Ok($found),
                    Reply::Failed(error) => Err(error),
                    _ => unreachable!("the reply is to a request of another kind"),
                }
            }
        }
    };
}

ask!(Operate => kv::Reply, operate => Self::Kv(operate), Reply::Kv(reply) => reply);
ask!(
    Box<AppCall> => Box<AppReply>,
    call => Self::App(app::Request::Call(call)),
    Reply::App(app::Reply::Called(reply)) => reply
);
ask!(
    AppChunk => ChunkTaken,
    chunk => Self::App(app::Request::Chunk(chunk)),
    Reply::App(app::Reply::ChunkTaken(taken)) => taken
);
ask!(
    governance::Request => Recorded,
    asked => Self::Governance(asked),
    Reply::Governance(recorded) => recorded
);
ask!(
    Status => TxStatus,
    Status(id) => Self::Ledger(ledger::Request::Status(id)),
    Reply::Ledger(ledger::Reply::Status(status)) => status
);
ask!(
    Receipt => Bytes,
    Receipt(id) => Self::Ledger(ledger::Request::Receipt(id)),
    Reply::Ledger(ledger::Reply::Receipt(file)) => file
);
