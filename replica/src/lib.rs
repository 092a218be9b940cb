//! The heart of a synod: it joins consensus, ledger, state and governance into one replica.
//!
//! What goes in and out stands in [`Input`] and [`Effects`]; who drives it owns clock, threads,
//! files and sockets. What it never does: I/O, reading a clock, making randomness, believing a
//! peer, a disk or a leader.
//!
//! The journey of a call: [`Request`] → transaction on the newest state → block → engine →
//! signatures ride back on acknowledgements → certificate → [`Reply`]. Nothing that rests on an
//! uncertified block leaves, but `Pending`.

mod answers;
pub mod app;
mod apps;
mod ask;
mod attesting;
mod caller;
mod calls;
mod certifying;
mod change;
pub mod changes;
mod comparing;
mod compile_report;
mod core;
mod deploying;
mod deployment;
mod driving;
mod envelope;
mod executing;
mod following;
mod founding;
pub mod governance;
mod governance_checks;
mod governance_view;
mod hearing;
mod histories;
mod history;
mod idempotency;
mod keeping_up;
mod keys;
pub mod kv;
mod kv_calls;
mod lagging;
mod lapsing;
mod leadership_transfer;
mod leading;
mod leave_decision;
mod leaving;
pub mod ledger;
mod ledger_clock;
mod ledger_import;
mod machine;
mod maps;
mod members;
mod membership;
mod parked;
mod peer_asks;
mod pending_replies;
mod proposing;
mod query;
mod read_rounds;
mod reading;
mod recalled;
mod recalling;
mod receiving;
mod record;
mod remaining;
pub mod replay;
mod replica;
mod run_queue;
mod seen_rows;
pub mod state;
mod submission;
mod unheard;
mod users;

pub use apps::ActiveApp;
pub use ask::Ask;
pub use caller::Caller;
pub use calls::{Batch, Call, CallError, Effects, Input, Notice, Recall, Reply, Request};
pub use deploying::{AppView, Heard, SWEPT_AT_ONCE_MAX};
pub use deployment::CHUNKS_WAITING_MAX;
pub use envelope::{
    Envelope, MalformedEnvelope, REFUSAL_BYTES_MAX, ReadWord, UNHEARD_WORDS_MAX, UnheardWord,
};
pub use founding::{FoundError, Founded, found};
pub use governance_view::GovernanceView;
pub use history::{HISTORY_BYTES_MAX, History};
pub use idempotency::{ANSWER_BYTES_MAX, REMEMBERED_MAX};
pub use keeping_up::{CERTIFY_LAG_TICKS, PROMOTION_LAG_MAX};
pub use keys::{KeyRing, KeyRingError, Keys, receive as receive_keys};
pub use ledger_import::{Counts, ImportError, LedgerImport};
pub use pending_replies::CALLS_WAITING_MAX;
pub use run_queue::{
    APP_CALLS_BYTES_MAX, APP_CALLS_WAITING_MAX, EXECUTIONS_MAX, EXECUTIONS_OF_ONE_APP_MAX,
    EXECUTIONS_UNDER_WAY_MAX,
};

pub use compile_report::{CompileOutcome, CompileReport};
pub use governance_checks::GovernanceError;
pub use lapsing::LEADER_LAPSED_MAX_MS;
pub use leading::{BLOCK_BYTES_TARGET, BLOCK_TRANSACTIONS_MAX};
pub use ledger_clock::{BEHIND_MAX_MS, FASTEST, LEAD_MAX_MS, Now, SLOWEST};
pub use machine::{BlockFault, Machine, Taken};
pub use maps::Maps;
pub use proposing::BLOCKS_IN_FLIGHT_MAX;
pub use query::{ChainParts, Gauges, NetworkView};
pub use recalling::RECALL_BYTES_MAX;
pub use record::{ExecutionRecord, MalformedRecord};
pub use replica::{Boot, Replica};
pub use unheard::SILENT_MS;
pub use users::{ROLE_READ, ROLE_WRITE};
