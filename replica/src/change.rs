//! A change of membership, between governance, which decides on it, and the engine, which carries
//! it out.

use bytes::Bytes;
use synod_consensus::{Change, Payload};
pub(crate) use synod_governance::MembershipChange as Membership;

/// The engine's payload for a block.
pub(crate) fn payload(block: Bytes, membership: Option<Membership>) -> Payload {
    match membership {
        None => Payload::Block(block),
        Some(membership) => Payload::Change {
            change: engine_change(membership),
            block,
        },
    }
}

fn engine_change(membership: Membership) -> Change {
    match membership {
        Membership::AddLearner(id) => Change::AddLearner(id),
        Membership::Promote(id) => Change::Promote(id),
        Membership::Demote(id) => Change::Demote(id),
        Membership::Remove(id) => Change::Remove(id),
    }
}

/// The membership change that an engine's entry claims.
pub(crate) fn membership_from_engine(change: Change) -> Membership {
    match change {
        Change::AddLearner(id) => Membership::AddLearner(id),
        Change::Promote(id) => Membership::Promote(id),
        Change::Demote(id) => Membership::Demote(id),
        Change::Remove(id) => Membership::Remove(id),
    }
}
