//! Every answer against the one ledger: that is strict serializability with the ledger's order as
//! the witness.
//!
//! - a write is answered only once its transaction is certified, and with the writes that were
//!   asked for;
//! - what was read is what the ledger holds as of the seqno that the answer names;
//! - that seqno is not older than anything that any client was told before the call was made,
//!   unless the read is local.

use synod_ledger::TxId;

use crate::checks::ledger::{Ledger, Wrote};
use crate::history::{Ask, Expected, Told, TxStep, Versioned, Want};
use crate::values::key_of;

/// An answer of a replica, and what it answers.
pub(crate) struct Answered<'a> {
    pub(crate) partition: u64,
    pub(crate) ask: &'a Ask,
    pub(crate) told: &'a Told,
    pub(crate) tx: Option<TxId>,
    pub(crate) as_of: TxId,
    /// Whether an earlier call with the same idempotency key ran.
    pub(crate) repeated: bool,
    /// The newest seqno that any client had been told when this call, and when the operation was
    /// first made.
    pub(crate) known_by_call: u64,
    pub(crate) known_by_operation: u64,
}

impl Answered<'_> {
    /// Holds the answer against the ledger.
    pub(crate) fn check(&self, ledger: &Ledger) -> Result<(), String> {
        let wrong = |what: String| {
            let (ask, told, tx, as_of) = (self.ask, self.told, self.tx, self.as_of);
            format!(
                "{what}: {ask:?} in partition {} was answered {told:?}, tx {tx:?}, as of {as_of}",
                self.partition
            )
        };
        if self.as_of.seqno > ledger.newest() || self.tx.is_some_and(|tx| !ledger.has(tx)) {
            return Err(wrong("an answer rests on what is not certified".to_owned()));
        }
        let seen = self.tx.map_or(self.as_of.seqno, |tx| tx.seqno);
        let known = if self.repeated {
            self.known_by_operation
        } else {
            self.known_by_call
        };
        let fresh = seen > known || (self.tx.is_none() && seen == known);
        if !fresh && !matches!(self.ask, Ask::Get { local: true, .. }) {
            return Err(wrong(format!(
                "an answer is of the past, clients know of seqno {known}"
            )));
        }
        match self.tx {
            Some(tx) => self.check_write(ledger, tx.seqno).map_err(wrong),
            None => self.check_read(ledger, seen).map_err(wrong),
        }
    }

    fn stood(&self, ledger: &Ledger, side: usize, seqno: u64) -> Option<Versioned> {
        ledger.at(&key_of(self.partition, side), seqno)
    }

    fn check_write(&self, ledger: &Ledger, seqno: u64) -> Result<(), String> {
        let wrote = |side: usize| ledger.wrote(&key_of(self.partition, side), seqno);
        let before = |side: usize| self.stood(ledger, side, seqno - 1);
        let as_asked = match self.ask {
            Ask::Put { side, value, want } => {
                wrote(*side) == Some(Wrote::Value(*value)) && holds(before(*side), *want)
            }
            Ask::Delete { side, want } => {
                wrote(*side) == Some(Wrote::Nothing) && holds(before(*side), *want)
            }
            Ask::Get { .. } => false,
            Ask::Transaction { compares, steps } => {
                let met = compares
                    .iter()
                    .all(|(side, expected)| meets(before(*side), *expected));
                let last = |side: usize| {
                    steps.iter().rev().find_map(|step| match step {
                        TxStep::Put(at, value) if *at == side => Some(Wrote::Value(*value)),
                        TxStep::Delete(at) if *at == side => Some(Wrote::Nothing),
                        _ => None,
                    })
                };
                met && (0..2).all(|side| last(side).is_none_or(|value| wrote(side) == Some(value)))
                    && self.reads_agree(steps, before)
            }
        };
        if as_asked {
            Ok(())
        } else {
            Err("a write was not carried out as asked".to_owned())
        }
    }

    fn check_read(&self, ledger: &Ledger, seqno: u64) -> Result<(), String> {
        let stood = |side: usize| self.stood(ledger, side, seqno);
        let as_it_was = match (self.ask, self.told) {
            (Ask::Get { side, .. }, Told::Read(read)) => *read == stood(*side),
            (
                Ask::Put { side, want, .. } | Ask::Delete { side, want },
                Told::Refused { version, .. },
            ) => {
                !holds(stood(*side), *want)
                    && stood(*side).map_or(0, |(_, version)| version) == *version
            }
            (Ask::Transaction { compares, .. }, Told::Refused { at, version }) => {
                compares.get(*at).is_some_and(|(side, expected)| {
                    !meets(stood(*side), *expected)
                        && stood(*side).map_or(0, |(_, version)| version) == *version
                })
            }
            (Ask::Transaction { compares, steps }, Told::Done(_)) => {
                compares
                    .iter()
                    .all(|(side, expected)| meets(stood(*side), *expected))
                    && self.ask.is_read()
                    && self.reads_agree(steps, stood)
            }
            _ => false,
        };
        if as_it_was {
            Ok(())
        } else {
            Err("an answer is not what the ledger holds".to_owned())
        }
    }

    /// The reads of a transaction, of which later ones see what earlier steps wrote.
    fn reads_agree(&self, steps: &[TxStep], before: impl Fn(usize) -> Option<Versioned>) -> bool {
        let Told::Done(told) = self.told else {
            return false;
        };
        let (mut state, mut reads) = ([before(0), before(1)], Vec::new());
        for step in steps {
            match step {
                TxStep::Put(side, value) => state[*side] = Some((*value, 0)),
                TxStep::Delete(side) => state[*side] = None,
                TxStep::Get(side) => reads.push(state[*side]),
            }
        }
        reads == *told
    }
}

fn holds(stood: Option<Versioned>, want: Want) -> bool {
    match want {
        Want::Any => true,
        Want::Present => stood.is_some(),
        Want::Absent => stood.is_none(),
        Want::Version(wanted) => stood.is_some_and(|(_, version)| version == wanted),
    }
}

fn meets(stood: Option<Versioned>, expected: Expected) -> bool {
    match expected {
        Expected::Version(wanted) => stood.map_or(0, |(_, version)| version) == wanted,
        Expected::Value(wanted) => stood.is_some_and(|(value, _)| value == wanted),
    }
}
