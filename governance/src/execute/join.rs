//! A replica joins, or moves to another address.

use synod_attestation::{Expected, Freshness, Role, Verdict};

use crate::address::Address;
use crate::attested::AttestedStatement;
use crate::execute::state::{Outcome, State, write_replica};
use crate::execute::{keys, pending};
use crate::facts::{BlockRef, Context};
use crate::join::{AddressChange, Join, join_nonce};
use crate::manifest::JoinRule;
use crate::records::{ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;
use crate::replacement::ReplacementRefusal;

/// A block proves freshness for this long (milliseconds).
pub const FRESH_MS: u64 = 10 * 60 * 1000;
/// A block among this many newest ones proves freshness whatever its age: an
/// idle chain has no newer ones.
pub const FRESH_BLOCKS: u64 = 16;

pub(super) fn admit(state: &mut State<'_, '_>, join: &Join) -> Result<Outcome, Refusal> {
    join.address.check()?;
    keys::check_unused(&*state.tx, &join.attested.statement)?;
    check_fresh(state.ctx, join.block)?;
    join.verify().map_err(|_| Refusal::ReplicaSignature)?;
    let verdict = judge(state, &join.attested, join.block)?;
    check_former(state, join, verdict.claims().hardware_id.machine())?;
    let status = match state.service.join {
        JoinRule::Verdict => ReplicaStatus::Trusted,
        JoinRule::Members => ReplicaStatus::Pending,
    };
    pending::make_room(state, hardware(&verdict).as_deref(), status)?;
    let id = state.governance.next_replica;
    state.governance.next_replica += 1;
    let mut replica = record(id, &verdict, &join.address, status, state.ctx);
    replica.attested_index = join.block.index;
    replica.replaces = join.replaces;
    write_replica(state.tx, &replica)?;
    keys::record(state.tx, &replica.statement, id)?;
    Ok(Outcome::about(id))
}

/// Whether a joiner may replace the replica that it names: a removed one, one on the same machine,
/// or one whose replacement the members ordered.
fn check_former(state: &State<'_, '_>, join: &Join, machine: Option<&str>) -> Result<(), Refusal> {
    let Some(id) = join.replaces else {
        return Ok(());
    };
    let former = state.replica(id)?;
    let out = former.status == ReplicaStatus::Removed;
    let same_machine = machine.is_some() && former.machine.as_deref() == machine;
    if out || same_machine || former.replaceable {
        Ok(())
    } else {
        Err(Refusal::Replacement(ReplacementRefusal::NotItsFormerSelf {
            id,
        }))
    }
}

/// Appraises a replica's evidence by the policy in force; its nonce must stem from `block`.
pub(super) fn judge(
    state: &State<'_, '_>,
    attested: &AttestedStatement,
    block: BlockRef,
) -> Result<Verdict, Refusal> {
    let nonce = join_nonce(&block.hash, &attested.statement.identity);
    let expected = Expected {
        role: Role::Replica,
        context: state.ctx.network,
        freshness: Freshness::Nonce(nonce),
    };
    Ok(state.view().policy()?.appraise(
        &attested.evidence,
        &attested.endorsements,
        &attested.statement,
        &expected,
        state.ctx.time_ms,
    )?)
}

/// Whether `block` is a recent certified block of this chain.
pub(super) fn check_fresh(ctx: &Context<'_>, block: BlockRef) -> Result<(), Refusal> {
    check_recent(ctx, block, FRESH_MS, FRESH_BLOCKS)
}

/// Whether `block` is a certified block of this chain, and at most `age_ms_max` older (milliseconds
/// of ledger time) or `blocks_max` blocks below the current one.
pub(super) fn check_recent(
    ctx: &Context<'_>,
    block: BlockRef,
    age_ms_max: u64,
    blocks_max: u64,
) -> Result<(), Refusal> {
    let index = block.index;
    let below = (index < ctx.index)
        .then(|| ctx.facts.certified_block(index))
        .flatten();
    let found = below.ok_or(Refusal::BlockUnknown { index })?;
    if found.hash != block.hash {
        return Err(Refusal::BlockDiffers { index });
    }
    let young = ctx.time_ms.saturating_sub(found.time_ms) <= age_ms_max;
    let near = ctx.index - index <= blocks_max;
    if young || near {
        Ok(())
    } else {
        Err(Refusal::BlockTooOld { index })
    }
}

/// The row of a replica with a verdict, without a nonce.
pub(super) fn record(
    id: u64,
    verdict: &Verdict,
    address: &Address,
    status: ReplicaStatus,
    ctx: &Context<'_>,
) -> ReplicaRecord {
    ReplicaRecord {
        id,
        statement: verdict.subject().clone(),
        tee: verdict.tee(),
        simulated: verdict.simulated(),
        measurement: verdict.claims().measurement.as_bytes().to_vec(),
        status,
        cause: None,
        policy: verdict.policy(),
        expires_ms: verdict.expires_ms(),
        address: address.clone(),
        address_number: 0,
        joined_seqno: ctx.seqno,
        since_index: ctx.index,
        demoted_ms: None,
        attested_ms: ctx.time_ms,
        attested_index: 0,
        attested_seqno: ctx.seqno,
        removal: None,
        hardware: hardware(verdict),
        machine: verdict.claims().hardware_id.machine().map(str::to_owned),
        replaces: None,
        replaceable: false,
        unheard_ms: None,
    }
}

/// The one piece of hardware that the evidence names, if it names one.
fn hardware(verdict: &Verdict) -> Option<String> {
    let id = &verdict.claims().hardware_id;
    id.is_one_piece().then(|| id.as_str().to_owned())
}

pub(super) fn readdress(
    state: &mut State<'_, '_>,
    change: &AddressChange,
) -> Result<Outcome, Refusal> {
    change.address.check()?;
    let mut replica = state.replica(change.id)?;
    if replica.status == ReplicaStatus::Removed {
        return Err(Refusal::AlreadyRemoved { id: replica.id });
    }
    if change.number <= replica.address_number {
        let newest = replica.address_number;
        return Err(Refusal::AddressNumber {
            newest,
            found: change.number,
        });
    }
    change
        .verify(&state.ctx.network, &replica.identity())
        .map_err(|_| Refusal::ReplicaSignature)?;
    replica.address = change.address.clone();
    replica.address_number = change.number;
    write_replica(state.tx, &replica)?;
    Ok(Outcome::about(change.id))
}
