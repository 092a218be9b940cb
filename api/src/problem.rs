//! What goes wrong, told to the caller: RFC 9457 problem details with a stable code.
//!
//! Invariants:
//! * a code never changes its meaning or its status, programs may match on it;
//! * a problem says only what its caller may know: no private state, no file names, no
//!   internal error text. That detail goes to the log of the replica;
//! * each code has exactly one status, one title and one hint, in the table below.

use serde::{Deserialize, Serialize};
use synod_ledger::TxId;
use utoipa::ToSchema;

use crate::tx_text;

/// Media type of a problem (RFC 9457 §3).
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

/// A problem, the body of every answer with a status from 400 on (and of 307).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:synod:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short sentence, the same for each problem of this code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// The stable code, to be matched by programs.
    pub code: ErrorCode,
    /// What was wrong with this request in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Why governance refuses it: a stable code of its own, such as `wrong-sequence`, to be matched
    /// by programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the caller can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The transaction this problem is about, if one was begun: ask for it at `/v1/tx/{id}`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "tx_text::optional"
    )]
    #[schema(value_type = Option<String>, example = "2.17")]
    pub transaction_id: Option<TxId>,
}

impl Problem {
    /// A problem with the title and the hint of its code.
    pub fn new(code: ErrorCode) -> Self {
        let hint = code.hint();
        Self {
            kind: format!("urn:synod:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: None,
            reason: None,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            transaction_id: None,
        }
    }

    /// Says what was wrong with this request in particular; a public sentence.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says why governance refuses it, by a code of its own.
    pub fn with_reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// Replaces the hint of the code by one for this case.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the transaction whose fate the caller can ask for.
    pub fn with_transaction(mut self, id: TxId) -> Self {
        self.transaction_id = Some(id);
        self
    }

    /// The problem as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a problem holds strings and numbers only")
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.title, self.status, self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:literal, $title:literal, $hint:literal;)+) => {
        /// The stable codes. The name in JSON is the one that `as_str` gives.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)+];

            /// The code as it stands in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status that answers bear.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// A short sentence that says what happened.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What the caller can do; empty if there is nothing useful to say.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)+ }
            }
        }
    };
}

error_codes! {
    /// The replica asked is not the leader; `Location` names the leader.
    NotLeader = "not_leader", 307, "another replica leads",
        "repeat the request at the address in `Location`";
    /// The request line, a header or the body breaks HTTP or JSON.
    MalformedRequest = "malformed_request", 400, "the request is malformed", "";
    /// A map name is empty, too long, or has a character outside `a-z0-9._:-`.
    InvalidMapName = "invalid_map_name", 400, "the name of the map is not valid",
        "a map name has 1 to 128 characters of a-z, 0-9, `.`, `_`, `:` and `-`";
    /// A key is empty or too long, or its percent-encoding is broken.
    InvalidKey = "invalid_key", 400, "the key is not valid",
        "a key has 1 to 512 bytes; percent-encode every byte outside A-Z, a-z, 0-9, `-`, `.`, `_` and `~`";
    /// A query parameter or a path element is unknown, repeated or cannot be read.
    InvalidParameter = "invalid_parameter", 400, "a parameter is not valid",
        "`/v1/openapi.json` lists the parameters of each route";
    /// A header that this interface gives a meaning to cannot be read.
    InvalidHeader = "invalid_header", 400, "a header is not valid", "";
    /// The body is well-formed, and still not what the route takes.
    InvalidBody = "invalid_body", 400, "the body is not what this route takes",
        "`/v1/openapi.json` has the schema of each body";
    /// The route needs a client certificate, and the connection has none.
    CertificateRequired = "certificate_required", 401, "this route needs a client certificate",
        "connect with the certificate of a member or of a user";
    /// The caller is known and may not do this, or is not known.
    Forbidden = "forbidden", 403, "the caller may not do this",
        "the members give and take rights by `POST /v1/governance/actions`";
    /// The request bears a certificate, and comes from a page of another origin.
    CrossOrigin = "cross_origin", 403, "a page of another origin does not act in this caller's name",
        "send it without the header `Origin`, or without a certificate";
    /// The members have not opened the service to users yet.
    ServiceNotOpen = "service_not_open", 403, "the service is not open yet",
        "the members open it by a signed action `open`";
    /// The evidence of a joiner or a founder does not satisfy the policy, or governance refuses
    /// what it is shown for.
    EvidenceRefused = "evidence_refused", 403, "the evidence, or what it is shown for, is refused", "";
    /// The members' approvals do not found this network: too few, or of something else.
    ApprovalsRefused = "approvals_refused", 403, "the members' approvals do not suffice",
        "hand in the approvals of as many members as the manifest's `threshold` says, all for this founder and manifest";
    /// No such route.
    RouteNotFound = "route_not_found", 404, "there is no such route",
        "`/v1/openapi.json` lists all routes";
    /// The key has no value.
    KeyNotFound = "key_not_found", 404, "the key has no value", "";
    /// No transaction of this id is known here.
    TransactionUnknown = "transaction_unknown", 404, "the transaction is not known",
        "ask `/v1/tx/{id}` whether it is pending or will never be";
    /// The route exists, for another method.
    MethodNotAllowed = "method_not_allowed", 405, "the route does not take this method",
        "the header `Allow` lists the methods";
    /// The request did not arrive whole in time.
    RequestTimeout = "request_timeout", 408, "the request took too long to arrive", "";
    /// The transaction stands in the log and is not certified yet.
    TransactionPending = "transaction_pending", 409, "the transaction is not committed yet",
        "ask again in a moment";
    /// The action names another sequence number than the next: it is late, or replayed.
    SequenceMismatch = "sequence_mismatch", 409, "the action does not bear the next sequence number",
        "`GET /v1/governance` names the next sequence number";
    /// What is asked was done before and can be done once only.
    AlreadyDone = "already_done", 409, "this was done before", "";
    /// The transaction was given up and will never be committed.
    TransactionInvalid = "transaction_invalid", 410, "the transaction will never be committed",
        "nothing of it was kept; repeat the request";
    /// A version in `If-Match`, `If-None-Match: *` or a compare does not hold.
    PreconditionFailed = "precondition_failed", 412, "a precondition does not hold",
        "nothing was written; read the key again";
    /// The body is longer than the limit.
    BodyTooLarge = "body_too_large", 413, "the body is too large", "";
    /// The value is longer than the limit.
    ValueTooLarge = "value_too_large", 413, "the value is too large",
        "a value has at most 1 MiB";
    /// The transaction has more compares or operations than the limit, or writes too much.
    TransactionTooLarge = "transaction_too_large", 413, "the transaction is too large",
        "a transaction has at most 256 compares and 256 operations";
    /// The operations of one transaction read more than one answer may hold. Nothing of it took
    /// effect.
    AnswerTooLarge = "answer_too_large", 413, "the answer would be too large",
        "nothing was written; read at most 4 MiB of keys and values in one transaction, or page through the map";
    /// Path and query are longer than the limit.
    UriTooLong = "uri_too_long", 414, "the path and query are too long",
        "path and query have at most 8 KiB together";
    /// The body has a media type that the route does not take.
    UnsupportedMediaType = "unsupported_media_type", 415, "the route does not take this media type", "";
    /// The `Idempotency-Key` was used before for another request.
    IdempotencyKeyReused = "idempotency_key_reused", 422, "the idempotency key belongs to another request",
        "choose a fresh key for each request, and repeat it only to repeat that request";
    /// Governance does not accept the action: signatures, threshold or the act itself.
    ActionRefused = "action_refused", 422, "the action is refused", "";
    /// There are too many header fields, or they are too long together.
    HeadersTooLarge = "headers_too_large", 431, "the headers are too large",
        "a request has at most 64 header fields of 16 KiB together";
    /// A fault of ours.
    Internal = "internal", 500, "the replica failed",
        "the log of the replica says more";
    /// The queue of the replica is full.
    Overloaded = "overloaded", 503, "the replica has too much to do",
        "repeat the request after the time in `Retry-After`";
    /// There is no leader now, or no quorum answers it.
    NoLeader = "no_leader", 503, "there is no leader now",
        "repeat the request after the time in `Retry-After`, also at other replicas";
    /// The leader lost its place while the transaction was in flight.
    LeadershipLost = "leadership_lost", 503, "the leader lost its place while the request was in work",
        "ask `/v1/tx/{id}` for its fate, or repeat the request with the same `Idempotency-Key`";
    /// The answer did not come in time; the transaction may still be committed.
    AnswerTimeout = "answer_timeout", 503, "the answer did not come in time",
        "the request may still take effect; repeat it with the same `Idempotency-Key`";
    /// The replica has not joined, or has not caught up yet.
    NotReady = "not_ready", 503, "the replica is not ready",
        "ask another replica, or wait until `/readyz` answers 200";
    /// The replica has stopped because its own state contradicts the ledger.
    Halted = "halted", 503, "the replica has halted",
        "ask another replica; its operator finds the reason in the log";
    /// The replica is going down.
    ShuttingDown = "shutting_down", 503, "the replica is going down",
        "ask another replica";
    /// No app has this name.
    AppNotFound = "app_not_found", 404, "there is no such app",
        "`/v1/apps` lists the apps";
    /// The path leads to no route of the app.
    AppRouteNotFound = "app_route_not_found", 404, "the app has no such route",
        "the manifest at `/v1/apps/{name}` lists the routes";
    /// The app's route exists, for another method.
    AppMethodNotAllowed = "app_method_not_allowed", 405, "the app's route does not take this method",
        "the manifest at `/v1/apps/{name}` lists the methods of each route";
    /// The path below the app has empty or dot segments, encoded separators, or broken encoding.
    AppPathInvalid = "app_path_invalid", 400, "the path below the app is not valid",
        "no empty, `.` or `..` segments, no encoded `/`, `\\` or NUL, and UTF-8 after percent-decoding";
    /// The app's route is for others.
    AppForbidden = "app_forbidden", 403, "the app's route is not for this caller",
        "the manifest at `/v1/apps/{name}` says who may call each route";
    /// The request's body is longer than the app's manifest allows.
    AppRequestTooLarge = "app_request_too_large", 413, "the body is larger than the app takes", "";
    /// The call met other writers, as often as it was executed.
    AppContended = "app_contended", 409, "the call conflicts with others",
        "nothing was written; repeat the request";
    /// A chunk of a component that no pending version names.
    ChunkRefused = "chunk_refused", 422, "no version that waits for its component names these bytes",
        "`/v1/apps/{name}` says which pieces are missing; the members set a version first";
    /// The history that a watcher asks for is no longer kept.
    WatchExpired = "watch_expired", 410, "the changes asked for are no longer kept here",
        "read the map again, and watch from the transaction that it is as of";
    /// The watcher has not taken the events that wait for it in time, so that others come to their
    /// room.
    WatchTooSlow = "watch_too_slow", 408, "the watcher reads too slowly",
        "watch again from the id of the last event, and take events as they come";
    /// The watcher's right ended.
    WatchEnded = "watch_ended", 403, "the right to watch this map has ended", "";
    /// The app's code gave up.
    AppTrapped = "app_trapped", 500, "the app failed",
        "nothing was written; the app's log says more to members and its owner";
    /// The call took longer than the app's limit.
    AppTimeExceeded = "app_time_exceeded", 504, "the app took too long",
        "nothing was written";
    /// The call took more memory than the app's limit.
    AppMemoryExceeded = "app_memory_exceeded", 500, "the app took too much memory",
        "nothing was written";
    /// The app's calls nested too deeply.
    AppStackExceeded = "app_stack_exceeded", 500, "the app's calls nested too deeply",
        "nothing was written";
    /// The app's answer is longer than its limit.
    AppResponseTooLarge = "app_response_too_large", 500, "the app's answer is too large",
        "nothing was written";
    /// The app's answer breaks HTTP, or a rule of this interface.
    AppResponseInvalid = "app_response_invalid", 500, "the app's answer is not valid",
        "nothing was written";
    /// The app asked for a map that its manifest does not declare.
    AppMapUndeclared = "app_map_undeclared", 500, "the app used a map that it does not declare",
        "nothing was written";
    /// The app tried to write in a route that only reads.
    AppWriteInQuery = "app_write_in_query", 500, "the app tried to write where it only reads",
        "nothing was written; the manifest says which routes write";
    /// The call made more operations on maps than the app's limit.
    AppMapOperationsExceeded = "app_map_operations_exceeded", 500, "the app used its maps too often in one call",
        "nothing was written";
    /// The app wrote, or asked for, a key or a value, or wrote more in all, than a transaction
    /// takes.
    AppWriteTooLarge = "app_write_too_large", 500, "the app used a key or a value that is too large, or wrote too much",
        "nothing was written";
    /// The app bound a claim that is no digest, or too many.
    AppClaimInvalid = "app_claim_invalid", 500, "the app bound a claim that is not valid",
        "nothing was written";
    /// The app asked for more randomness than a call gives.
    AppRandomExceeded = "app_random_exceeded", 500, "the app asked for too many random bytes",
        "nothing was written";
    /// The app has no version in force, or this replica has not compiled it yet.
    AppNotReady = "app_not_ready", 503, "the app is not ready here",
        "`/v1/apps/{name}` says how it stands; repeat the request, also at other replicas";
    /// The disk is full: writes are refused, reads go on.
    StorageFull = "storage_full", 507, "the disk of the replica is full",
        "nothing was written; writes go on when space returns";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_survives_json() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.as_str()), "{code} is listed twice");
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), *code);
            assert!((300..600).contains(&code.status()));
        }
    }

    #[test]
    fn problem_survives_json_with_all_its_fields() {
        let problem = Problem::new(ErrorCode::LeadershipLost)
            .with_detail("view 3 began")
            .with_transaction(TxId { view: 2, seqno: 17 });
        let json: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!(json["type"], "urn:synod:problem:leadership_lost");
        assert_eq!(json["status"], 503);
        assert_eq!(json["transaction_id"], "2.17");
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }
}
