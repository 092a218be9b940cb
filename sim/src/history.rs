//! What clients asked and were told, as the checkers see it: operations on pairs of registers.
//!
//! Each partition is a pair of keys of one map. Operations on single keys and transactions over
//! both stay within one partition, so each partition's history can be judged by itself (Herlihy and
//! Wing 1990: linearizability is local). Every value is written once in a run.

/// What must hold of the present value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Anything.
    Any,
    /// There is a value.
    Present,
    /// There is none.
    Absent,
    /// The transaction with this seqno wrote it.
    Version(u64),
}

/// What a comparison of a transaction expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The transaction with this seqno wrote it; 0 for no value.
    Version(u64),
    /// Exactly this value.
    Value(u64),
}

/// A step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TxStep {
    /// Writes a value.
    Put(usize, u64),
    /// Removes the value.
    Delete(usize),
    /// Reads the value.
    Get(usize),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Writes a value.
    Put {
        /// The side.
        side: usize,
        /// The value.
        value: u64,
        /// On this condition.
        want: Want,
    },
    /// Removes the value.
    Delete {
        /// The side.
        side: usize,
        /// On this condition.
        want: Want,
    },
    /// Reads the value.
    Get {
        /// The side.
        side: usize,
        /// As of the replica's own newest certified block: such reads are no part of
        /// linearizability.
        local: bool,
    },
    /// Compares, then carries out the steps: all or nothing.
    Transaction {
        /// (side, what must stand there).
        compares: Vec<(usize, Expected)>,
        /// The steps, in order.
        steps: Vec<TxStep>,
    },
}

impl Ask {
    /// Whether it cannot write.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Get { .. } => true,
            Self::Put { .. } | Self::Delete { .. } => false,
            Self::Transaction { steps, .. } => {
                steps.iter().all(|step| matches!(step, TxStep::Get(_)))
            }
        }
    }

    /// Whether the ledger must show a value of this operation if it was carried out: what it leaves
    /// under some key is a value, and no later step of its own takes that off again.
    pub(crate) fn leaves_a_value(&self) -> bool {
        match self {
            Self::Put { .. } => true,
            Self::Delete { .. } | Self::Get { .. } => false,
            Self::Transaction { steps, .. } => (0..2).any(|side| {
                let last = steps.iter().rev().find(|step| match step {
                    TxStep::Put(at, _) | TxStep::Delete(at) => *at == side,
                    TxStep::Get(_) => false,
                });
                matches!(last, Some(TxStep::Put(..)))
            }),
        }
    }

    /// The values that it writes.
    pub(crate) fn values(&self) -> Vec<u64> {
        match self {
            Self::Put { value, .. } => vec![*value],
            Self::Delete { .. } | Self::Get { .. } => Vec::new(),
            Self::Transaction { steps, .. } => {
                let put = |step: &TxStep| match step {
                    TxStep::Put(_, value) => Some(*value),
                    _ => None,
                };
                steps.iter().filter_map(put).collect()
            }
        }
    }
}

/// A value with the seqno of the transaction that wrote it; 0 for the very transaction that reads
/// it.
pub(crate) type Versioned = (u64, u64);

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is written.
    Written,
    /// This was read.
    Read(Option<Versioned>),
    /// The transaction was carried out; its reads.
    Done(Vec<Option<Versioned>>),
    /// A condition did not hold; the version that stands there, 0 for none.
    Refused {
        /// Which comparison.
        at: usize,
        /// The version.
        version: u64,
    },
}

/// One operation of a client.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The partition.
    pub partition: u64,
    /// What was asked.
    pub ask: Ask,
    /// When it was first asked (the number of an event).
    pub asked: u64,
    /// When the answer came; none if it never did.
    pub told_at: Option<u64>,
    /// The answer.
    pub told: Option<Told>,
    /// The transaction's seqno, where it wrote.
    pub seqno: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_that_deletes_what_it_put_leaves_no_value() {
        let leaves = |steps: &[TxStep]| {
            let ask = Ask::Transaction {
                compares: Vec::new(),
                steps: steps.to_vec(),
            };
            ask.leaves_a_value()
        };
        assert!(leaves(&[TxStep::Put(1, 7)]));
        assert!(leaves(&[
            TxStep::Delete(1),
            TxStep::Put(1, 7),
            TxStep::Get(1)
        ]));
        assert!(leaves(&[
            TxStep::Put(0, 6),
            TxStep::Put(1, 7),
            TxStep::Delete(0)
        ]));
        assert!(!leaves(&[TxStep::Put(1, 7), TxStep::Delete(1)]));
        assert!(!leaves(&[TxStep::Delete(0), TxStep::Get(1)]));
        assert!(!leaves(&[]));
    }
}
