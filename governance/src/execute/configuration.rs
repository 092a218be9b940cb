//! The rules that every configuration of voters keeps.

use std::collections::BTreeSet;

use synod_kv::Transaction;

use crate::execute::state::State;
use crate::facts::{Context, NextConfiguration, VOTERS_MAX, VoterEntry};
use crate::records::GovernanceRecord;
use crate::refusal::Refusal;
use crate::tables::{self, CorruptState, map};

/// Writes configuration 0.
pub(super) fn write_first(
    tx: &mut Transaction<'_>,
    ctx: &Context<'_>,
    governance: &mut GovernanceRecord,
    voters: &[VoterEntry],
) -> Result<(), Refusal> {
    let required_vendors = judge(governance, voters)?;
    let first = NextConfiguration {
        number: 0,
        predecessor: None,
        voters,
        required_vendors,
    };
    write(tx, ctx, &first)
}

/// Writes the configuration after the newest, with these voters. Gives its number.
pub(super) fn write_next(state: &mut State<'_, '_>, voters: &[VoterEntry]) -> Result<u64, Refusal> {
    let required_vendors = judge(&mut state.governance, voters)?;
    let newest = state.governance.configuration;
    let predecessor = state.view().configuration(newest);
    let predecessor = predecessor.ok_or(CorruptState::missing(map::CONFIGURATIONS))?;
    let next = NextConfiguration {
        number: newest + 1,
        predecessor: Some(&predecessor),
        voters,
        required_vendors,
    };
    write(state.tx, state.ctx, &next)?;
    state.governance.configuration = next.number;
    Ok(next.number)
}

/// Refuses a change of the engine's membership, or of the rule of diversity, while another is under
/// way, and a second one in the same block.
pub(super) fn claim_change(state: &mut State<'_, '_>) -> Result<(), Refusal> {
    let (newest, in_force) = (state.governance.configuration, state.ctx.configuration);
    let index = state.ctx.index;
    if state.governance.changed_index == index {
        return Err(Refusal::SecondChangeInBlock { index });
    }
    if newest != in_force {
        return Err(Refusal::ChangeInFlight { newest, in_force });
    }
    state.governance.changed_index = index;
    Ok(())
}

/// The vendors of these voters.
pub(super) fn vendors_of(voters: &[VoterEntry]) -> BTreeSet<&str> {
    voters.iter().map(|voter| voter.vendor.as_str()).collect()
}

/// How many vendors a quorum of these voters must span, if the configuration is allowed.
fn judge(governance: &mut GovernanceRecord, voters: &[VoterEntry]) -> Result<u8, Refusal> {
    if voters.is_empty() {
        return Err(Refusal::NoVoterLeft);
    }
    if voters.len() > VOTERS_MAX {
        return Err(Refusal::TooManyVoters(voters.len()));
    }
    let vendors = vendors_of(voters);
    let required = governance.vendors_required(vendors.len());
    if vendors.len() < usize::from(required) {
        return Err(Refusal::TooFewVendors {
            required,
            found: vendors.len(),
        });
    }
    governance.diverse |= vendors.len() >= 2;
    Ok(required)
}

fn write(
    tx: &mut Transaction<'_>,
    ctx: &Context<'_>,
    next: &NextConfiguration<'_>,
) -> Result<(), Refusal> {
    let bytes = ctx.facts.encode_configuration(next);
    Ok(tables::write_bytes(
        tx,
        map::CONFIGURATIONS,
        &next.number.to_be_bytes(),
        bytes,
    )?)
}
