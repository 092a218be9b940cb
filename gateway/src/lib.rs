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

mod app_reply;
mod app_request;
mod body;
mod conditions;
mod parameters;
mod place;
mod port;
mod refusal;
mod rendered;
mod reply;
mod request;
mod server;
mod source;
mod watch;

pub use port::{
    AppAnswer, AppRequest, Backend, Broken, Call, Caller, Condition, Consistency, Key, Page,
    Records, Reply, Watching, WriteMode,
};
pub use server::Gateway;
pub use source::Source;
pub use watch::{Activity, Standing};
