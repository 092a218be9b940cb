//! Why a call failed, as the door tells it.

use synod_api::{ErrorCode, Problem};
use synod_governance::{OpeningRefusal, Refusal};
use synod_replica::CallError;
use synod_replica::app::AppFault;
use synod_replica::kv::KvError;

/// A failed call, in the door's words. A redirect is made elsewhere.
pub fn problem(error: &CallError) -> Problem {
    let code = match error {
        CallError::NotLeader { .. } | CallError::Stale | CallError::Retry => ErrorCode::NoLeader,
        CallError::Interrupted { tx } => {
            return Problem::new(ErrorCode::LeadershipLost).with_transaction(*tx);
        }
        CallError::NotOpen => ErrorCode::ServiceNotOpen,
        CallError::UnknownCaller | CallError::Forbidden | CallError::Kv(KvError::Reserved(_)) => {
            ErrorCode::Forbidden
        }
        CallError::Kv(KvError::ReadsTooMuch) => ErrorCode::AnswerTooLarge,
        CallError::Kv(KvError::Limit(_)) => ErrorCode::TransactionTooLarge,
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
        CallError::App(fault) => return fault_problem(fault),
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

/// The code of a call that an app did not bring to its end.
fn fault_code(fault: &AppFault) -> ErrorCode {
    match fault {
        AppFault::Trapped | AppFault::LifecycleRefused(_) => ErrorCode::AppTrapped,
        AppFault::TimeExceeded { .. } => ErrorCode::AppTimeExceeded,
        AppFault::MemoryExceeded { .. } => ErrorCode::AppMemoryExceeded,
        AppFault::StackExceeded => ErrorCode::AppStackExceeded,
        AppFault::ResponseTooLarge { .. } => ErrorCode::AppResponseTooLarge,
        AppFault::BadResponse(_) => ErrorCode::AppResponseInvalid,
        AppFault::UndeclaredMap(_) => ErrorCode::AppMapUndeclared,
        AppFault::WriteInQuery => ErrorCode::AppWriteInQuery,
        AppFault::MapOperationsExceeded { .. } => ErrorCode::AppMapOperationsExceeded,
        AppFault::KeyOrValueTooLarge(_) => ErrorCode::AppWriteTooLarge,
        AppFault::BadClaim | AppFault::TooManyClaims => ErrorCode::AppClaimInvalid,
        AppFault::RandomTooMuch => ErrorCode::AppRandomExceeded,
        AppFault::NotInstalled => ErrorCode::AppNotReady,
        AppFault::StateMoved => ErrorCode::AppContended,
        AppFault::Overloaded => ErrorCode::Overloaded,
    }
}

/// The problem of a call that an app did not bring to its end. What the app itself said stays in
/// its log, and so do the names that it made up: they may hold what it works on.
fn fault_problem(fault: &AppFault) -> Problem {
    let problem = Problem::new(fault_code(fault));
    match fault {
        AppFault::LifecycleRefused(_)
        | AppFault::UndeclaredMap(_)
        | AppFault::KeyOrValueTooLarge(_) => problem,
        told => problem.with_detail(told.to_string()),
    }
}
