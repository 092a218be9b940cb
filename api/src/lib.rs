//! The HTTP interface of a Synod service, as types: what is asked, what is answered, what may go
//! wrong, and how much of it.
//!
//! * No I/O and no decisions: `gateway` serves this interface and `client` speaks it.
//! * Every error has a stable [`ErrorCode`] and is an RFC 9457 [`Problem`].
//! * Every bound stands in [`limits`], with its default and its unit.
//! * The [`openapi()`] document is made from [`routes()`] and these types; a checked-in copy stands
//!   in `spec/openapi.json`, and a test fails when they drift apart.

mod app;
mod blob;
mod bound;
mod chain_file;
mod cursor;
mod governance;
pub mod headers;
mod kv;
mod ledger;
pub mod limits;
mod network;
mod openapi;
mod percent;
mod problem;
mod route;
mod routes;
mod tx_status;
mod tx_text;

pub use app::*;
pub use blob::{Base64, Blob};
pub use bound::{BoundRequest, bound_response};
pub use chain_file::{ChainFile, ChainFileError};
pub use cursor::CursorScope;
pub use governance::*;
pub use kv::*;
pub use ledger::*;
pub use limits::Limits;
pub use network::*;
pub use openapi::{openapi, openapi_json};
pub use percent::{percent_decode, percent_encode};
pub use problem::{ErrorCode, PROBLEM_CONTENT_TYPE, Problem};
pub use route::{Access, Answer, Body, Parameter, Place, Route};
pub use routes::routes;
pub use synod_kv::Condition;
pub use synod_ledger::{TxId, TxStatus};
