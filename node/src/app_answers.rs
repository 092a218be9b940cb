//! From the door's calls of apps to the replica's, and from its replies to the door's. Pure: nothing is decided here.

use synod_api::{BoundRequest, ErrorCode, Problem};
use synod_crypto::sha256;
use synod_gateway as door;
use synod_replica::guest::{AppCall, AppReply, AppRequest, GuestFault};

/// A call of an app, in the replica's words.
pub(crate) fn call(request: door::AppRequest) -> AppCall {
    let content_type = request
        .headers
        .iter()
        .find(|(name, _)| name == "content-type");
    let bound = BoundRequest::App {
        app: &request.app,
        method: &request.method,
        path: &request.path,
        query: request.query.as_deref(),
        content_type: content_type.map(|(_, value)| value.as_str()),
        body: &request.body,
    };
    AppCall {
        digest: sha256(&[&bound.message()]),
        app: request.app,
        request: AppRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
        },
        wait: true,
        local: request.local,
        receipt: request.receipt,
        idempotency: request.idempotency.map(Into::into),
    }
}

/// An app's answer, in the door's words.
pub(crate) fn reply(reply: AppReply) -> door::Reply {
    door::Reply::App(Box::new(door::AppAnswer {
        status: reply.response.status,
        headers: reply.response.headers,
        body: reply.response.body,
        transaction: reply.tx.unwrap_or(reply.as_of),
        receipt: reply.receipt,
    }))
}

/// The code of a call that an app did not bring to its end.
pub(crate) fn fault_code(fault: &GuestFault) -> ErrorCode {
    match fault {
        GuestFault::Trapped | GuestFault::LifecycleRefused(_) => ErrorCode::AppTrapped,
        GuestFault::TimeExceeded { .. } => ErrorCode::AppTimeExceeded,
        GuestFault::MemoryExceeded { .. } => ErrorCode::AppMemoryExceeded,
        GuestFault::StackExceeded => ErrorCode::AppStackExceeded,
        GuestFault::ResponseTooLarge { .. } => ErrorCode::AppResponseTooLarge,
        GuestFault::BadResponse(_) => ErrorCode::AppResponseInvalid,
        GuestFault::UndeclaredMap(_) => ErrorCode::AppMapUndeclared,
        GuestFault::WriteInQuery => ErrorCode::AppWriteInQuery,
        GuestFault::MapOperationsExceeded { .. } => ErrorCode::AppMapOperationsExceeded,
        GuestFault::KeyOrValueTooLarge(_) => ErrorCode::AppWriteTooLarge,
        GuestFault::BadClaim | GuestFault::TooManyClaims => ErrorCode::AppClaimInvalid,
        GuestFault::RandomTooMuch => ErrorCode::AppRandomExceeded,
        GuestFault::NotInstalled => ErrorCode::AppNotReady,
        GuestFault::StateMoved => ErrorCode::AppContended,
        GuestFault::Overloaded => ErrorCode::Overloaded,
    }
}

/// The problem of a call that an app did not bring to its end. What the app itself said stays in its log, and so do
/// the names that it made up: they may hold what it works on.
pub(crate) fn fault(fault: &GuestFault) -> Problem {
    let problem = Problem::new(fault_code(fault));
    match fault {
        GuestFault::LifecycleRefused(_)
        | GuestFault::UndeclaredMap(_)
        | GuestFault::KeyOrValueTooLarge(_) => problem,
        told => problem.with_detail(told.to_string()),
    }
}
