//! Operations on maps, as the key-value interface has them: executed on the newest state by the
//! leader, read on certified state by anybody.
//!
//! Invariant: a local read names the seqno that it is as of, and is refused when no leader was
//! heard of for too long.

use std::sync::Arc;

use synod_ledger::{ReplyPreimage, TxId};
use synod_mutation::mutation;

use crate::caller::Caller;
use crate::calls::{Asker, CallError, Reply};
use crate::core::Core;
use crate::idempotency::{self, Once, RememberedAnswer, Said};
use crate::kv::{self, Answer, KeyValuePort, Operate};
use crate::pending_replies::{Outcome, PendingReply};
use crate::proposing::{Draft, Ran, label};
use crate::users::{self, Admission};

/// What runs operations on maps, and who may.
pub(crate) struct KvCalls {
    port: Box<dyn KeyValuePort>,
    admission: Admission,
}

impl KvCalls {
    /// Operations are carried out by this.
    pub(crate) fn new(port: Box<dyn KeyValuePort>) -> Self {
        Self {
            port,
            admission: Admission::default(),
        }
    }

    /// Runs one operation on the newest state.
    pub(crate) fn operate(
        &mut self,
        core: &mut Core,
        asker: Asker,
        caller: Caller,
        operate: &Operate,
        draft: &mut Draft,
    ) {
        let as_of = core.machine.store().head();
        let outcome = match self.execute(core, caller, operate, draft) {
            Ok(Executed::Wrote { tx, answer }) => {
                if !operate.wait {
                    draft.pending.push((asker, tx));
                    return;
                }
                let outcome = Outcome::Kv {
                    as_of: tx.seqno,
                    answer,
                    receipt: operate.receipt,
                    repeats: None,
                };
                draft.replies.push(PendingReply {
                    asker,
                    tx: Some(tx),
                    outcome,
                });
                return;
            }
            Ok(Executed::Saw(answer)) => Outcome::Kv {
                as_of,
                answer,
                receipt: false,
                repeats: None,
            },
            Ok(Executed::Repeats { tx, answer }) => Outcome::Kv {
                as_of: tx.seqno,
                answer,
                receipt: operate.receipt,
                repeats: Some(tx),
            },
            Err(error) => Outcome::Failed(error),
        };
        draft.replies.push(PendingReply {
            asker,
            tx: None,
            outcome,
        });
    }

    fn execute(
        &mut self,
        core: &mut Core,
        caller: Caller,
        operate: &Operate,
        draft: &mut Draft,
    ) -> Result<Executed, CallError> {
        let store = core.machine.store();
        let mut transaction = store.begin();
        let epoch = core.machine.governance_epoch();
        self.admission
            .authorize(epoch, &transaction, caller, &operate.operation)?;
        let once = Once {
            caller,
            key: operate.idempotency.as_ref(),
            request: operate.request,
        };
        if let Some(remembered) = idempotency::recall(&transaction, &once)? {
            let RememberedAnswer::Kv(answer) = remembered.answer else {
                return Err(CallError::KeyReused);
            };
            let tx = remembered.tx;
            return Ok(Executed::Repeats { tx, answer });
        }
        let answer = self.port.execute(&mut transaction, &operate.operation)?;
        if transaction.writes().is_empty() {
            return Ok(Executed::Saw(answer));
        }
        let tx = draft.builder.next_id();
        idempotency::remember(&mut transaction, &once, tx, &Said::Kv(&answer))?;
        let (_, writes) = transaction.finish();
        drop(store);
        let writes = Arc::new(writes);
        core.machine.execute(tx.seqno, writes.clone());
        let reply = ReplyPreimage {
            salt: core.entropy.take(),
            request: operate.request,
            status: answer.status(),
            response: answer.digest(),
            claims: Vec::new(),
        };
        let caller = label(caller);
        core.push(
            draft,
            Ran {
                writes,
                reply,
                caller,
                execution: None,
            },
        );
        Ok(Executed::Wrote { tx, answer })
    }

    /// Reads from this replica's certified state, without asking anybody.
    pub(crate) fn local_read(&self, core: &Core, caller: Caller, operate: &Operate) -> Reply {
        if core.is_stale() {
            return Reply::Failed(CallError::Stale);
        }
        self.read(core, caller, operate)
    }

    /// Reads from certified state, which the caller knows to be new enough.
    pub(crate) fn read(&self, core: &Core, caller: Caller, operate: &Operate) -> Reply {
        let as_of = core.machine.history().certified_seqno();
        match self.read_certified(core, caller, operate) {
            Ok(answer) => Reply::Kv(kv::Reply::Answered {
                tx: None,
                as_of: core.machine.history().certified_tx(as_of),
                answer,
                receipt: None,
                repeated: false,
            }),
            Err(error) => Reply::Failed(error),
        }
    }

    fn read_certified(
        &self,
        core: &Core,
        caller: Caller,
        operate: &Operate,
    ) -> Result<Answer, CallError> {
        let state = if mutation!("read-uncertified-state") {
            core.machine.newest_state()
        } else {
            core.certified_state()
        };
        let mut transaction = state.begin();
        users::authorize(&transaction, caller, &operate.operation)?;
        Ok(self.port.execute(&mut transaction, &operate.operation)?)
    }
}

/// What an operation came to.
enum Executed {
    Wrote { tx: TxId, answer: Answer },
    Saw(Answer),
    Repeats { tx: TxId, answer: Answer },
}
