//! The client of a Synod service: it believes only what it verified.
//!
//! * [`Verifier`] turns a URL and a pinned network id into a [`VerifiedReplica`], check by check,
//!   before anything of the caller's is sent.
//! * [`Service`] speaks to whichever replica leads, over connections that end at verified keys (or,
//!   by the caller's choice, at certificates of the service's authority), and repeats what may be
//!   repeated.
//! * [`Memory`] is what they have seen of a network: shared within a run, kept in a [`StateFile`]
//!   between runs, and never gone back behind.
//! * What belongs to a user is sent only where the members opened the network, and receipts count
//!   from there on.
//! * [`verify_receipt`] and [`verify_answer`] check receipts offline.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use synod_client::{Consistency, RetryPolicy, Service, Trust, Verifier, WriteOptions};
//!
//! let network = "ab".repeat(32).parse()?;
//! let trust = Trust::Verified(Box::new(Verifier::new(network, None)));
//! let service = Service::new(["https://127.0.0.1:8001".parse()?], trust, None, RetryPolicy::default())?;
//! let written = service.put("accounts", b"alice", "100", &WriteOptions::default()).await?;
//! let value = service.get("accounts", b"alice", Consistency::Linearizable).await?;
//! println!("{} wrote {value:?}", written.transaction_id);
//! # Ok(())
//! # }
//! ```

mod app_pin;
mod apps;
mod attempts;
mod bound;
mod chain;
mod checks;
mod connection;
mod dial;
mod error;
mod event_stream;
mod genesis;
mod governance;
mod head;
mod idempotency;
mod kv;
mod ledger;
mod load;
mod memory;
mod opening;
mod remembered;
mod request;
mod route;
mod service;
mod session;
mod state_file;
mod trust_file;
mod url;
mod verify;
mod voters;
mod watch;

pub use app_pin::{AppPin, AppPinError};
pub use apps::{App, AppAnswer, AppPinFailure, AppProofFailure, AppRequest, ComponentFailure};
pub use attempts::RetryPolicy;
pub use bound::Bound;
pub use chain::read_chain;
pub use checks::{Check, Failure, Unverified};
pub use connection::{ANSWER_BYTES_MAX, Connection};
pub use dial::Trust;
pub use error::ClientError;
pub use event_stream::{BadEvent, EVENT_BYTES_MAX, Event, EventReader};
pub use genesis::FoundingError;
pub use head::{CertifiedHead, HeadError, HeadProof};
pub use kv::{Listing, Transacted, Value, WriteOptions, Written, put_request};
pub use ledger::{LedgerStream, ReceiptFailure, RenewFailure, verify_answer, verify_receipt};
pub use load::{Load, LoadReport, Percentiles, Target, run_load};
pub use memory::{Memory, MemoryError, ReceiptMemoryError};
pub use opening::OpeningError;
pub use remembered::{
    BEHIND_MS_MAX, ConfigurationId, Fork, REMEMBERED_ADDRESSES_MAX, Remembered, Source, StepBack,
};
pub use request::{Repeat, Request, Response};
pub use service::Service;
pub use state_file::{
    FORK_PROOFS_MAX, STATE_FILE_BYTES_MAX, StateFile, StateFileError, StateTextError, parse_state,
    state_text,
};
pub use synod_api::Consistency;
pub use trust_file::{TRUST_FILE_BYTES_MAX, TrustFile, TrustFileError};
pub use url::{ReplicaUrl, UrlError};
pub use verify::{Attested, Nonce, Observation, VerifiedReplica, Verifier, fresh_nonce, observe};
pub use voters::{UnverifiedVoter, VerifiedVoters, VotersError};
pub use watch::Watch;
