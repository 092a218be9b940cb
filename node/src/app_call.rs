//! From the door's requests to apps to the replica's, and from its replies to the door's. Pure:
//! nothing is decided here.

use synod_api::BoundRequest;
use synod_crypto::sha256;
use synod_gateway::app as door;
use synod_replica::app::{AppCall, AppReply, AppRequest};

/// A call of an app, in the replica's words.
pub(crate) fn of(request: door::AppRequest) -> Box<AppCall> {
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
    Box::new(AppCall {
        digest: sha256(&[&bound.message()]),
        app: request.app,
        request: AppRequest {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
        },
        local: request.local,
        receipt: request.receipt,
        idempotency: request.idempotency.map(Into::into),
    })
}

/// An app's answer, in the door's words.
pub(crate) fn answer(reply: AppReply) -> door::AppAnswer {
    door::AppAnswer {
        status: reply.response.status,
        headers: reply.response.headers,
        body: reply.response.body,
        transaction: reply.tx.unwrap_or(reply.as_of),
        receipt: reply.receipt,
    }
}
