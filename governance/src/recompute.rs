//! Checking what a leader recorded: the writes must be what the input gives.

use synod_kv::{Bytes, MapName, Transaction, WriteSet};

use crate::codec::Malformed;
use crate::execute::{Outcome, execute};
use crate::facts::Context;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::tables::{self, map, touches_reserved};

/// The recorded writes are not what their input gives. The leader that
/// proposed them is broken; the block is not to be appended, and is proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Maps of governance are written without an input under this seqno.
    #[error("transaction {seqno} writes governance maps but records no input")]
    NoInput {
        /// The seqno of the transaction.
        seqno: u64,
    },
    /// The input does not decode.
    #[error("recorded input cannot be decoded: {0}")]
    Input(#[from] Malformed),
    /// The input is not acceptable here.
    #[error("recorded input is refused: {0}")]
    Refused(#[from] Refusal),
    /// The recorded writes lack one that the input gives.
    #[error("the input writes a key in `{map}` that the record does not have")]
    Missing {
        /// The map.
        map: MapName,
        /// The key.
        key: Bytes,
    },
    /// The recorded writes contain one that the input does not give.
    #[error("the record has a key in `{map}` that the input does not write")]
    Extra {
        /// The map.
        map: MapName,
        /// The key.
        key: Bytes,
    },
    /// The input gives this key a different value, or deletes it.
    #[error("the input writes a different value to a key in `{map}` than the record has")]
    Differs {
        /// The map.
        map: MapName,
        /// The key.
        key: Bytes,
    },
}

/// Executes the recorded input anew and compares every write.
///
/// `tx` reads the state before the transaction and must have written nothing.
/// `recorded` are the writes of the transaction: the public ones at the least,
/// which are all, but where an app comes into force, whose own maps are prepared
/// in the same transaction. `None` if governance is not touched. The caller makes
/// sure that the sealed part names no public map.
pub fn recompute(
    tx: &mut Transaction<'_>,
    recorded: &WriteSet,
    ctx: &Context<'_>,
) -> Result<Option<Outcome>, Mismatch> {
    if !touches_reserved(recorded) {
        return Ok(None);
    }
    let inputs = tables::name(map::INPUTS);
    let input = recorded.get(&inputs, &ctx.seqno.to_be_bytes()).flatten();
    let input = Input::decode(input.ok_or(Mismatch::NoInput { seqno: ctx.seqno })?)?;
    let outcome = execute(tx, &input, ctx)?;
    compare(tx.writes(), recorded, &input)?;
    Ok(Some(outcome))
}

fn compare(expected: &WriteSet, recorded: &WriteSet, input: &Input) -> Result<(), Mismatch> {
    for (map, key, value) in expected.iter() {
        let (map, key) = (map.clone(), key.clone());
        match recorded.get(&map, &key) {
            None => return Err(Mismatch::Missing { map, key }),
            Some(found) if found != value => return Err(Mismatch::Differs { map, key }),
            Some(_) => {}
        }
    }
    let extra = recorded
        .iter()
        .find(|(map, key, _)| expected.get(map, key).is_none() && !input.may_write(map));
    match extra {
        Some((map, key, _)) => Err(Mismatch::Extra {
            map: map.clone(),
            key: key.clone(),
        }),
        None => Ok(()),
    }
}
