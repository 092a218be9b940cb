//! The routes, as one table: what the OpenAPI document is made from, and what the tests of the
//! gateway hold the server against. Each domain has its part.

use crate::problem::ErrorCode as Code;
use crate::route::{Access, Body, Route, ok};
use crate::{app, governance, headers, kv, ledger, network};

/// A page for people and the description of the interface, which are of no domain.
const OF_THE_INTERFACE: &[Route] = &[
    Route {
        method: "GET",
        path: "/",
        id: "home",
        summary: "Says what this is, and where to go.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("A page for people.", Body::Bytes(headers::HTML))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/openapi.json",
        id: "openapi",
        summary: "Gives this description.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The OpenAPI document.", Body::Bytes(headers::JSON))],
        problems: &[],
    },
];

/// Every route of the interface.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    let domains = [
        kv::ROUTES,
        app::ROUTES,
        ledger::ROUTES,
        governance::ROUTES,
        network::ROUTES,
        OF_THE_INTERFACE,
    ];
    domains.into_iter().flatten()
}

/// The problems that every route may answer with.
pub(crate) const COMMON_PROBLEMS: &[Code] = &[
    Code::MalformedRequest,
    Code::InvalidParameter,
    Code::InvalidHeader,
    Code::CrossOrigin,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::Overloaded,
    Code::NoLeader,
    Code::NotReady,
    Code::Halted,
    Code::ShuttingDown,
];
