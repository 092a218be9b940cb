//! Who may do what in a synod: members, users, replicas, configurations and apps.
//!
//! What it is: deterministic functions from recorded inputs to writes of the
//! public maps `public:synod.*`. [`execute()`] runs on the leader and records the
//! input next to its effects; [`recompute()`] runs on everybody else, before a
//! block is appended, and in every audit. What it never does: read a clock,
//! trust a leader's word, or take a verdict that it did not make itself.
//!
//! Invariants
//! - Every write to `public:synod.*` is the recomputed effect of one input that
//!   stands in the same transaction under its seqno.
//! - An action counts once: it names the network and the next sequence number.
//! - An identity key is accepted once, a replica id given out once.
//! - A verdict is replaced only by a newer one on the same keys; when it expires,
//!   the vote goes with it, unless a diverse quorum with verdicts would not remain.
//! - A voter that the others do not hear from loses its vote on signed statements of a
//!   diverse quorum of the others, under the same condition; a leader's word is not enough.
//! - A version of an app comes into force only on signatures of a quorum of voters
//!   that compiled it; that transaction may also write the maps of that app.
//! - The members open a configuration that they name, the one in force, once it has the voters and
//!   vendors that they demand.
//! - No configuration is written that has no voters, or voters of fewer
//!   vendors than are required.

mod act;
mod address;
pub mod app;
mod attested;
mod codec;
mod entries;
mod execute;
mod facts;
mod genesis;
mod input;
mod join;
mod lapse;
mod leave;
mod manifest;
mod opening;
mod reattest;
mod recompute;
mod records;
mod refusal;
mod replacement;
mod signatures;
mod tables;
mod unheard;
mod view;
mod wrap;

pub use act::{ACTION_CONTENT_TYPE, Act, Action, SignedAction};
pub use address::{ADDRESS_LENGTH_MAX, Address, BadAddress};
pub use attested::AttestedStatement;
pub use codec::{FORMAT, Malformed};
pub use entries::{BadEntry, MemberEntry, UserEntry};
pub use execute::{
    FRESH_BLOCKS, FRESH_MS, MembershipChange, Outcome, PENDING_MAX, PENDING_MS, REPLICAS_MAX,
    execute,
};
pub use facts::{
    BlockRef, CertifiedBlock, Context, Facts, NextConfiguration, VOTERS_MAX, VoterEntry,
};
pub use genesis::{APPROVAL_CONTENT_TYPE, Approval, FOUNDERS_MAX, Founder, Genesis};
pub use input::{INPUT_BYTES_MAX, Input, Learner, Promote};
pub use join::{AddressChange, Join, join_nonce};
pub use lapse::{Lapse, LapseStep, Lapsed};
pub use leave::Leave;
pub use manifest::{
    JoinRule, MANIFEST_BYTES_MAX, MEMBERS_MAX, Manifest, ManifestError, ManifestFile,
    OPEN_VOTERS_DEFAULT, REMOVAL_GRACE_S_DEFAULT, REMOVAL_GRACE_S_MAX, UNHEARD_S_DEFAULT,
    UNHEARD_S_MAX, UNHEARD_S_MIN, USERS_MAX,
};
pub use opening::OpeningRefusal;
pub use reattest::Reattest;
pub use recompute::{Mismatch, recompute};
pub use records::{
    GovernanceRecord, Opening, REATTEST_INTERVAL_MS, Removal, RemovalReason, ReplicaRecord,
    ReplicaStatus, ServiceRecord,
};
pub use refusal::{Refusal, StatementKey};
pub use replacement::ReplacementRefusal;
pub use signatures::SignatureError;
pub use tables::{CorruptState, RESERVED_PREFIX, is_reserved, map, touches_reserved};
pub use unheard::{
    REPLACED_UNHEARD_MS, Replaced, UNHEARD_FRESH_BLOCKS, UNHEARD_FRESH_MS, Unheard,
    UnheardStatement,
};
pub use view::View;
pub use wrap::{SealedShare, ShareError, WrapError, WrappedSecret};
