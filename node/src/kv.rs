//! The door's calls on keys and maps: carried out by the replica, and answered in the words of the
//! interface.

use bytes::Bytes;
use synod_api::limits::ANSWER_BYTES_MAX;
use synod_api::{
    Base64, Blob, Entry, ErrorCode, ListReply, Operation, OperationResult, Problem, TxStatus,
    TxnReply, WriteReply,
};
use synod_gateway::kv::{Call, Page, Reply, Watching};
use synod_gateway::{Answer, Records};
use synod_ledger::TxId;
use synod_replica::Caller;
use synod_replica::kv::{self as replica, Item, Operate, READ_BYTES_MAX};

use crate::kv_operation as operation;
use crate::running::Running;
use crate::watching::Watched;

const _: () = assert!(
    READ_BYTES_MAX == ANSWER_BYTES_MAX,
    "what the interface says is what the replica does"
);

/// What a call adds to the meaning of its answer.
enum Form {
    /// A read, or a write after which the key has a value.
    Plain,
    /// A write after which the key has none.
    Removal,
    /// A page of a listing.
    Page(Page),
    /// Several operations, in their order.
    Batch(Vec<Operation>),
}

impl Running {
    /// Answers a call on keys and maps.
    pub(crate) async fn kv(&self, caller: Caller, call: Call) -> Answer<Reply> {
        match call {
            Call::Get { at, consistency } => {
                let get = operation::get(at, consistency)?;
                self.operate(caller, get, Form::Plain).await
            }
            Call::List { page, consistency } => {
                let list = operation::list(page.clone(), consistency)?;
                self.operate(caller, list, Form::Page(page)).await
            }
            Call::Put {
                at,
                value,
                condition,
                mode,
            } => {
                let put = operation::put(at, value, condition, mode)?;
                self.operate(caller, put, Form::Plain).await
            }
            Call::Delete {
                at,
                condition,
                mode,
            } => {
                let delete = operation::delete(at, condition, mode)?;
                self.operate(caller, delete, Form::Removal).await
            }
            Call::Transact { txn, mode } => {
                let batch = operation::transact(&txn, mode)?;
                self.operate(caller, batch, Form::Batch(txn.operations))
                    .await
            }
            Call::Watch(watching) => self.watch(caller, watching).await,
        }
    }

    async fn operate(&self, caller: Caller, operate: Operate, form: Form) -> Answer<Reply> {
        match self.ask(caller, operate).await? {
            replica::Reply::Answered {
                tx,
                as_of,
                answer,
                receipt,
                ..
            } => Ok(answered(tx, as_of, answer, receipt, form)?),
            replica::Reply::Pending(tx) => Ok(pending(tx, &form)),
        }
    }

    async fn watch(&self, caller: Caller, watching: Watching) -> Answer<Reply> {
        let watched = Watched {
            caller,
            map: operation::map(&watching.map)?,
            prefix: watching.prefix,
        };
        let events = self
            .watchers
            .watch(self.core.clone(), watched, watching.from);
        Ok(Reply::Events(Records(events.await?)))
    }
}

/// What the replica answered, in the words of the interface.
fn answered(
    tx: Option<TxId>,
    as_of: TxId,
    answer: replica::Answer,
    receipt: Option<Bytes>,
    form: Form,
) -> Result<Reply, Box<Problem>> {
    let transaction_id = tx.unwrap_or(as_of);
    let receipt = receipt.map(Base64);
    Ok(match answer {
        replica::Answer::Found(item) => Reply::Value {
            value: item.value,
            version: item.version,
            as_of,
        },
        replica::Answer::Missing => return Err(Problem::new(ErrorCode::KeyNotFound).into()),
        replica::Answer::Page { items, more } => Reply::Listed(page(items, more, as_of, &form)),
        replica::Answer::ConditionFailed { at, version } => {
            return Err(condition_failed(at, version, &form).into());
        }
        replica::Answer::Written => Reply::Written(WriteReply {
            transaction_id,
            status: TxStatus::Committed,
            version: version_after(transaction_id, &form),
            receipt,
        }),
        replica::Answer::Batch(found) => Reply::Transacted(TxnReply {
            transaction_id,
            status: TxStatus::Committed,
            results: results(form, found),
            receipt,
        }),
    })
}

/// The version that a key has after a write.
fn version_after(transaction: TxId, form: &Form) -> u64 {
    match form {
        Form::Removal => 0,
        Form::Plain | Form::Page(_) | Form::Batch(_) => transaction.seqno,
    }
}

fn page(items: Vec<Item>, more: bool, as_of: TxId, form: &Form) -> ListReply {
    let Form::Page(asked) = form else {
        unreachable!("only a listing is answered with a page");
    };
    let scope = asked.cursor_scope();
    let next_cursor = items
        .last()
        .filter(|_| more)
        .map(|last| scope.write_cursor(&last.key));
    let entry = |item: Item| Entry {
        key: Blob(item.key),
        value: Blob(item.value),
        version: item.version,
    };
    ListReply {
        transaction_id: as_of,
        entries: items.into_iter().map(entry).collect(),
        next_cursor,
    }
}

fn condition_failed(at: usize, version: u64, form: &Form) -> Problem {
    let stands = if version == 0 {
        "the key has no value".to_owned()
    } else {
        format!("its version is {version}")
    };
    let which = if matches!(form, Form::Batch(_)) {
        format!("compare {at}: ")
    } else {
        String::new()
    };
    Problem::new(ErrorCode::PreconditionFailed).with_detail(format!("{which}{stands}"))
}

fn results(form: Form, found: Vec<Option<Item>>) -> Vec<OperationResult> {
    let Form::Batch(operations) = form else {
        return Vec::new();
    };
    let mut found = found.into_iter();
    let result = |operation: &Operation| match operation {
        Operation::Get(_) => match found.next().flatten() {
            Some(item) => OperationResult::Found {
                value: Blob(item.value),
                version: Some(item.version).filter(|version| *version != 0),
            },
            None => OperationResult::Absent,
        },
        Operation::Put(_) | Operation::Delete(_) => OperationResult::Done,
    };
    operations.iter().map(result).collect()
}

/// A write that was not waited for.
fn pending(transaction_id: TxId, form: &Form) -> Reply {
    let status = TxStatus::Pending;
    let receipt = None;
    if matches!(form, Form::Batch(_)) {
        return Reply::Transacted(TxnReply {
            transaction_id,
            status,
            results: Vec::new(),
            receipt,
        });
    }
    Reply::Written(WriteReply {
        transaction_id,
        status,
        version: version_after(transaction_id, form),
        receipt,
    })
}
