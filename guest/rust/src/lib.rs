//! Writes apps for Synod in Rust.
//!
//! An app is a WebAssembly component that answers requests. Each call is one transaction over the app's maps: all
//! that it wrote is kept, or nothing. What the host offers stands in `wit/app.wit`; this library gives it types.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use synod_app::{App, Map, Problem, Request, Response, Router};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Note {
//!     text: String,
//! }
//!
//! /// The notes of each user, by number.
//! const NOTES: Map<(String, u64), Note> = Map::new("notes");
//!
//! struct Notes;
//!
//! impl App for Notes {
//!     fn handle(request: Request) -> Response {
//!         Router::of(&request)
//!             .get("/notes", list)
//!             .post("/notes", add)
//!             .answer()
//!     }
//! }
//!
//! fn list(_: &Request) -> Response {
//!     let caller = synod_app::caller();
//!     let notes: Vec<Note> = NOTES.prefix((&caller.id,)).map(|(_, note)| note).collect();
//!     Response::json(&notes)
//! }
//!
//! fn add(request: &Request) -> Result<Response, Problem> {
//!     let note: Note = request.json()?;
//!     let caller = synod_app::caller();
//!     let number = NOTES.prefix((&caller.id,)).count() as u64;
//!     NOTES.put((&caller.id, number), &note);
//!     Ok(Response::json(&number).with_status(201))
//! }
//!
//! synod_app::export!(Notes);
//! ```
//!
//! * What an app calls of this library is what its component imports; what it imports must stand in its `app.toml`.
//! * A panic ends the call: nothing that it wrote is kept, and the caller is told `app_trapped`. To find the panic's
//!   message in the app's log, call [`log::panics`] first.
//! * Natively, as in `cargo test`, the host is [`testing::Synod`], in the memory of the thread.

pub mod bindings;
mod caller;
mod claims;
mod host;
mod key;
pub mod log;
mod map;
pub mod random;
mod request;
mod response;
mod router;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod transaction;

pub use bindings::app::synod::app::caller::{Identity, Kind};
pub use bindings::app::synod::app::http::{Field, Request, Response};
pub use bindings::app::synod::app::transaction::TxId;
pub use caller::caller;
pub use claims::{bind_claim, bind_claim_of, sha256};
pub use key::{Key, KeyOf, PrefixOf};
pub use map::{Codec, Entries, Json, Map, Page, Raw};
pub use response::{IntoResponse, Problem};
pub use router::Router;
pub use transaction::{keep_writes, ledger_time, transaction_id};

/// What an app offers: an answer to a request.
pub trait App {
    /// Answers one request, in one transaction.
    fn handle(request: Request) -> Response;
}

/// What an app may offer besides; see [`export`].
pub trait Lifecycle {
    /// Prepares the maps of an app that is set for the first time.
    ///
    /// # Errors
    ///
    /// Why the app is not to be set; the app's log has it.
    fn init() -> Result<(), String> {
        Ok(())
    }

    /// Brings the maps of the version `from` to this one's form.
    ///
    /// # Errors
    ///
    /// Why the version is not to take effect; the app's log has it, and the old version goes on.
    fn migrate(from: &str) -> Result<(), String>;
}

/// Makes a type that is an [`App`] the component's handler: `export!(Notes)`.
///
/// A type that is a [`Lifecycle`] too: `export!(Notes, lifecycle)`.
#[macro_export]
macro_rules! export {
    ($app:ident) => {
        const _: () = {
            struct Exported;

            impl $crate::bindings::app::exports::synod::app::handler::Guest for Exported {
                fn handle(request: $crate::Request) -> $crate::Response {
                    <$app as $crate::App>::handle(request)
                }
            }

    $crate::bindings::app::export_app!(Exported with_types_in $crate::bindings::app);
        };
    };
    ($app:ident, lifecycle) => {
        $crate::export!($app);

        const _: () = {
            struct Exported;

            impl $crate::bindings::lifecycle::exports::synod::app::lifecycle::Guest for Exported {
                fn init() -> Result<(), ::std::string::String> {
                    <$app as $crate::Lifecycle>::init()
                }

                fn migrate(from: ::std::string::String) -> Result<(), ::std::string::String> {
                    <$app as $crate::Lifecycle>::migrate(&from)
                }
            }

            $crate::bindings::lifecycle::export_lifecycle!(
                Exported with_types_in $crate::bindings::lifecycle
            );
        };
    };
}
