//! From the door's calls to the replica's, and from its replies to the door's. Pure: nothing is decided here.

use bytes::Bytes;
use synod_api::limits::ANSWER_BYTES_MAX;
use synod_api::{
    Base64, Blob, BoundCondition, BoundRequest, Entry, ErrorCode, Expectation, ListReply,
    OperationResult, Problem, TxReply, TxStatus, TxnReply, TxnRequest, WriteReply, write_cursor,
};
use synod_crypto::{Digest, sha256};
use synod_gateway as door;
use synod_governance::{OpeningRefusal, Refusal};
use synod_kv::MapName;
use synod_ledger::TxId;
use synod_replica::{
    Answer, AppError, CallError, Compare, Condition, Expect, Item, Operate, Operation, Page,
    READ_BYTES_MAX, Reply, Step,
};

use crate::app_answers;

const _: () = assert!(
    READ_BYTES_MAX == ANSWER_BYTES_MAX,
    "what the interface says is what the replica does"
);

/// What the answer to an operation looks like at the door.
pub(crate) enum Form {
    /// A value.
    Value,
    /// A write; whether it removed.
    Write { removed: bool },
    /// A page.
    List,
    /// A batch, with its steps, and whether it was not waited for.
    Batch(Vec<synod_api::Operation>),
}

/// A call on the maps, in the replica's words.
pub(crate) fn operation(call: door::Call) -> Result<(Operate, Form), Box<Problem>> {
    Ok(match call {
        door::Call::Get { at, consistency } => (
            read(
                Operation::Get {
                    map: map(&at.map)?,
                    key: at.key,
                },
                consistency,
            ),
            Form::Value,
        ),
        door::Call::List { page, consistency } => {
            (read(Operation::List(list(page)?), consistency), Form::List)
        }
        door::Call::Put {
            at,
            value,
            condition,
            mode,
        } => {
            let bound = BoundRequest::Put {
                map: &at.map,
                key: &at.key,
                value: &value,
                condition: bound(condition),
            };
            let digest = sha256(&[&bound.message()]);
            let put = Operation::Put {
                map: map(&at.map)?,
                key: at.key,
                value,
                condition: held(condition),
            };
            (write(put, digest, mode), Form::Write { removed: false })
        }
        door::Call::Delete {
            at,
            condition,
            mode,
        } => {
            let bound = BoundRequest::Delete {
                map: &at.map,
                key: &at.key,
                condition: bound(condition),
            };
            let digest = sha256(&[&bound.message()]);
            let delete = Operation::Delete {
                map: map(&at.map)?,
                key: at.key,
                condition: held(condition),
            };
            (write(delete, digest, mode), Form::Write { removed: true })
        }
        door::Call::Transact { txn, mode } => {
            let digest = sha256(&[&BoundRequest::Transact(&txn).message()]);
            let (batch, operations) = batch(txn)?;
            (write(batch, digest, mode), Form::Batch(operations))
        }
        _ => return Err(Problem::new(ErrorCode::Internal).into()),
    })
}

fn read(operation: Operation, consistency: door::Consistency) -> Operate {
    Operate {
        operation,
        request: Digest::ZERO,
        wait: true,
        local: consistency == door::Consistency::Local,
        receipt: false,
        idempotency: None,
    }
}

fn write(operation: Operation, request: Digest, mode: door::WriteMode) -> Operate {
    Operate {
        operation,
        request,
        wait: !mode.pending,
        local: false,
        receipt: mode.receipt,
        idempotency: mode.idempotency.map(Bytes::from),
    }
}

fn map(name: &str) -> Result<MapName, Box<Problem>> {
    MapName::new(name).map_err(|error| {
        Box::new(Problem::new(ErrorCode::InvalidMapName).with_detail(error.to_string()))
    })
}

fn list(page: door::Page) -> Result<Page, Box<Problem>> {
    Ok(Page {
        map: map(&page.map)?,
        prefix: page.prefix,
        from: Some(page.from).filter(|from| !from.is_empty()),
        to: page.to,
        after: page.after,
        limit: page.limit as usize,
    })
}

fn bound(condition: door::Condition) -> BoundCondition {
    match condition {
        door::Condition::Always => BoundCondition::Always,
        door::Condition::Version(version) => BoundCondition::Version(version),
        door::Condition::Present => BoundCondition::Present,
        door::Condition::Absent => BoundCondition::Absent,
    }
}

fn held(condition: door::Condition) -> Condition {
    match condition {
        door::Condition::Always => Condition::Any,
        door::Condition::Version(version) => Condition::Version(version),
        door::Condition::Present => Condition::Present,
        door::Condition::Absent => Condition::Absent,
    }
}

fn batch(txn: TxnRequest) -> Result<(Operation, Vec<synod_api::Operation>), Box<Problem>> {
    let compare = |compare: synod_api::Compare| {
        let expect = match compare.expect {
            Expectation::Version(version) => Expect::Version(version),
            Expectation::Value(value) => Expect::Value(value.0),
        };
        Ok::<_, Box<Problem>>(Compare {
            map: map(&compare.map)?,
            key: compare.key.0,
            expect,
        })
    };
    let compares = txn
        .compares
        .into_iter()
        .map(compare)
        .collect::<Result<_, _>>()?;
    let steps = txn.operations.iter().map(step).collect::<Result<_, _>>()?;
    Ok((Operation::Batch { compares, steps }, txn.operations))
}

fn step(operation: &synod_api::Operation) -> Result<Step, Box<Problem>> {
    Ok(match operation {
        synod_api::Operation::Get(at) => Step::Get {
            map: map(&at.map)?,
            key: at.key.0.clone(),
        },
        synod_api::Operation::Delete(at) => Step::Delete {
            map: map(&at.map)?,
            key: at.key.0.clone(),
        },
        synod_api::Operation::Put(put) => Step::Put {
            map: map(&put.map)?,
            key: put.key.0.clone(),
            value: put.value.0.clone(),
        },
    })
}

/// The replica's reply to an operation, in the door's words.
pub(crate) fn reply(reply: Reply, form: Form) -> Result<door::Reply, Box<Problem>> {
    match reply {
        Reply::Answered {
            tx,
            as_of,
            answer,
            receipt,
            ..
        } => answered(tx, as_of, answer, receipt, form),
        Reply::Pending(tx) => Ok(pending(tx, &form)),
        Reply::Failed(error) => Err(problem(&error).into()),
        _ => Err(Problem::new(ErrorCode::Internal).into()),
    }
}

fn answered(
    tx: Option<TxId>,
    as_of: TxId,
    answer: Answer,
    receipt: Option<Bytes>,
    form: Form,
) -> Result<door::Reply, Box<Problem>> {
    let receipt = receipt.map(Base64);
    match (answer, form) {
        (Answer::Found(item), _) => Ok(door::Reply::Value {
            value: item.value,
            version: item.version,
            as_of,
        }),
        (Answer::Missing, _) => Err(Problem::new(ErrorCode::KeyNotFound).into()),
        (Answer::Page { items, more }, _) => Ok(door::Reply::Listed(page(items, more, as_of))),
        (Answer::ConditionFailed { at, version }, form) => {
            Err(condition_failed(at, version, &form).into())
        }
        (Answer::Written, Form::Write { removed }) => {
            let transaction_id = tx.unwrap_or(as_of);
            let version = if removed { 0 } else { transaction_id.seqno };
            Ok(door::Reply::Written(WriteReply {
                transaction_id,
                status: TxStatus::Committed,
                version,
                receipt,
            }))
        }
        (Answer::Batch(found), Form::Batch(operations)) => Ok(door::Reply::Transacted(TxnReply {
            transaction_id: tx.unwrap_or(as_of),
            status: TxStatus::Committed,
            results: results(&operations, found),
            receipt,
        })),
        _ => Err(Problem::new(ErrorCode::Internal).into()),
    }
}

fn page(items: Vec<Item>, more: bool, as_of: TxId) -> ListReply {
    let next_cursor = items
        .last()
        .filter(|_| more)
        .map(|last| write_cursor(&last.key));
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

fn results(operations: &[synod_api::Operation], found: Vec<Option<Item>>) -> Vec<OperationResult> {
    let mut found = found.into_iter();
    let result = |operation: &synod_api::Operation| match operation {
        synod_api::Operation::Get(_) => match found.next().flatten() {
            Some(item) => OperationResult::Found {
                value: Blob(item.value),
                version: Some(item.version).filter(|version| *version != 0),
            },
            None => OperationResult::Absent,
        },
        synod_api::Operation::Put(_) | synod_api::Operation::Delete(_) => OperationResult::Done,
    };
    operations.iter().map(result).collect()
}

fn pending(tx: TxId, form: &Form) -> door::Reply {
    match form {
        Form::Batch(_) => door::Reply::Transacted(TxnReply {
            transaction_id: tx,
            status: TxStatus::Pending,
            results: Vec::new(),
            receipt: None,
        }),
        form => {
            let version = if matches!(form, Form::Write { removed: true }) {
                0
            } else {
                tx.seqno
            };
            door::Reply::Written(WriteReply {
                transaction_id: tx,
                status: TxStatus::Pending,
                version,
                receipt: None,
            })
        }
    }
}

/// The status of a transaction, in the door's words.
pub(crate) fn status(transaction_id: TxId, status: synod_replica::TxStatus) -> door::Reply {
    let status = match status {
        synod_replica::TxStatus::Pending => TxStatus::Pending,
        synod_replica::TxStatus::Committed => TxStatus::Committed,
        synod_replica::TxStatus::Invalid => TxStatus::Invalid,
        synod_replica::TxStatus::Unknown => TxStatus::Unknown,
    };
    door::Reply::Status(TxReply {
        transaction_id,
        status,
    })
}

/// A failed call, in the door's words. A redirect is made elsewhere.
pub fn problem(error: &CallError) -> Problem {
    let code = match error {
        CallError::NotLeader { .. } | CallError::Stale | CallError::Retry => ErrorCode::NoLeader,
        CallError::Interrupted { tx } => {
            return Problem::new(ErrorCode::LeadershipLost).with_transaction(*tx);
        }
        CallError::NotOpen => ErrorCode::ServiceNotOpen,
        CallError::UnknownCaller | CallError::Forbidden | CallError::App(AppError::Reserved(_)) => {
            ErrorCode::Forbidden
        }
        CallError::App(AppError::ReadsTooMuch) => ErrorCode::AnswerTooLarge,
        CallError::App(AppError::Limit(_)) => ErrorCode::TransactionTooLarge,
        CallError::Governance(refusal) => return refused(refusal),
        CallError::Refused(_) => ErrorCode::ActionRefused,
        CallError::Malformed(_) => ErrorCode::InvalidBody,
        CallError::KeyReused => ErrorCode::IdempotencyKeyReused,
        CallError::AppNotFound => ErrorCode::AppNotFound,
        CallError::RouteNotFound => ErrorCode::AppRouteNotFound,
        CallError::MethodNotAllowed(_) => ErrorCode::AppMethodNotAllowed,
        CallError::BadPath(_) => ErrorCode::AppPathInvalid,
        CallError::RequestTooLarge { .. } => ErrorCode::AppRequestTooLarge,
        CallError::Busy => ErrorCode::Overloaded,
        CallError::AppNotReady => ErrorCode::AppNotReady,
        CallError::Contended => ErrorCode::AppContended,
        CallError::Guest(fault) => return app_answers::fault(fault),
        CallError::DiskFull => ErrorCode::StorageFull,
        CallError::NotFound => ErrorCode::TransactionUnknown,
        CallError::NotYet { tx } => {
            return Problem::new(ErrorCode::TransactionPending).with_transaction(*tx);
        }
        CallError::Invalid { tx } => {
            return Problem::new(ErrorCode::TransactionInvalid).with_transaction(*tx);
        }
        CallError::Halted => ErrorCode::Halted,
    };
    Problem::new(code).with_detail(error.to_string())
}

/// What governance refuses, with its own code for the reason.
fn refused(refusal: &Refusal) -> Problem {
    let code = match refusal {
        Refusal::WrongSequence { .. } => ErrorCode::SequenceMismatch,
        Refusal::Opening(OpeningRefusal::AlreadyOpen) | Refusal::AlreadyRemoved { .. } => {
            ErrorCode::AlreadyDone
        }
        _ => ErrorCode::ActionRefused,
    };
    Problem::new(code)
        .with_detail(refusal.to_string())
        .with_reason(refusal.code())
}
