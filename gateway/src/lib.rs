//! The HTTP door: requests are parsed strictly, held to their limits and handed on; answers and
//! errors are mapped once.
//!
//! * The acceptor of the connection does TLS and says who calls ([`Caller`]); the replica,
//!   behind the port [`Backend`], decides what that caller may do. The gateway only asks
//!   whether there is a certificate at all, on the routes that need one.
//! * No outside input makes it panic; every refusal is an RFC 9457 problem with a stable code,
//!   but for requests that are no HTTP, which get an empty 400 or 431.
//! * A client that is slow, silent or gone costs bounded memory and bounded time, see
//!   [`synod_api::Limits`].

pub mod app;
mod app_reply;
mod app_request;
mod body;
mod conditions;
mod counts;
pub mod governance;
pub mod kv;
pub mod ledger;
mod map_name;
mod map_query;
pub mod network;
mod parameters;
mod path;
mod place;
mod port;
mod refusal;
mod rendered;
mod reply;
mod request;
mod server;
mod source;
mod stream;
mod watch;

pub use port::{Answer, Backend, Call, Caller, Refusal, Reply};
pub use server::Gateway;
pub use source::Source;
pub use stream::{Broken, Records};
pub use watch::{Activity, Standing};
