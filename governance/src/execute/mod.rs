//! From an input to its effects. The same on every machine, at any time.

mod action;
mod app;
mod configuration;
mod genesis;
mod join;
mod keys;
mod lapse;
mod leave;
mod membership;
mod pending;
mod reattest;
mod state;
mod unheard;

use synod_kv::Transaction;

use crate::execute::state::State;
use crate::facts::Context;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::tables::{self, map};

pub use join::{FRESH_BLOCKS, FRESH_MS};
pub use pending::{PENDING_MAX, PENDING_MS, REPLICAS_MAX};
pub use state::{MembershipChange, Outcome};

/// Executes an input and records it, with its effects, in `tx`.
///
/// # Errors
/// On a refusal `tx` may hold half of the effects: drop it.
pub fn execute(
    tx: &mut Transaction<'_>,
    input: &Input,
    ctx: &Context<'_>,
) -> Result<Outcome, Refusal> {
    let outcome = match input {
        Input::Genesis(genesis) => genesis::found(tx, genesis, ctx)?,
        other => execute_founded(tx, other, ctx)?,
    };
    tables::write(tx, map::INPUTS, &ctx.seqno.to_be_bytes(), input)?;
    Ok(outcome)
}

fn execute_founded(
    tx: &mut Transaction<'_>,
    input: &Input,
    ctx: &Context<'_>,
) -> Result<Outcome, Refusal> {
    let mut state = State::load(tx, ctx)?;
    let outcome = match input {
        Input::Genesis(_) => return Err(Refusal::AlreadyFounded),
        Input::Action(signed) => action::decide(&mut state, signed)?,
        Input::Join(join) => join::admit(&mut state, join)?,
        Input::Learner(learner) => membership::learn(&mut state, *learner)?,
        Input::Promote(promote) => membership::promote(&mut state, promote)?,
        Input::Address(change) => join::readdress(&mut state, change)?,
        Input::Reattest(request) => reattest::reattest(&mut state, request)?,
        Input::Lapse(lapse) => lapse::lapse(&mut state, *lapse)?,
        Input::Leave(request) => leave::leave(&mut state, request)?,
        Input::Unheard(unheard) => unheard::unheard(&mut state, unheard)?,
        Input::Replaced(replaced) => unheard::replaced(&mut state, *replaced)?,
        Input::Deploy(deploy) => {
            app::deploy(&mut state, deploy)?;
            Outcome::default()
        }
    };
    state.store()?;
    Ok(outcome)
}
