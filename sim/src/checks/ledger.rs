//! The one ledger: what any replica certifies is written down here, and all others must agree.

use std::collections::BTreeMap;

use synod_crypto::Digest;
use synod_ledger::{Block, TxId};
use synod_replica::Replica;

use crate::values::{Key, is_of_users, value_of};

/// The newest so many certified blocks are looked for in a new leader's log.
const LOOKED_FOR: usize = 64;

/// A certified block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sealed {
    hash: Digest,
    root: Digest,
    tree_size: u64,
    view: u64,
    time_ms: u64,
}

/// What a transaction left under a key that it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// A value.
    Value(u64),
    /// It deleted the key.
    Nothing,
}

/// What is certified, and the state that follows from it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    blocks: BTreeMap<u64, Sealed>,
    /// Roots by tree size.
    roots: BTreeMap<u64, Digest>,
    /// The views of transactions, by seqno.
    views: BTreeMap<u64, u64>,
    /// (seqno, value) of each key of the users, ascending.
    registers: BTreeMap<Key, Vec<(u64, Option<u64>)>>,
}

impl Ledger {
    /// The newest certified seqno of all.
    pub(crate) fn newest(&self) -> u64 {
        self.views.last_key_value().map_or(0, |(seqno, _)| *seqno)
    }

    /// How many blocks are certified.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Takes the blocks above `before` that the replica has certified.
    pub(crate) fn certified(
        &mut self,
        id: u64,
        replica: &mut Replica,
        before: u64,
    ) -> Result<(), String> {
        let newest = replica.machine().sequence().certified().index;
        let mut added = false;
        for index in before + 1..=newest {
            if let Some(block) = replica.machine().history().block(index) {
                added |= self.agree(id, block)?;
            }
        }
        if added {
            self.take_writes(id, replica)
        } else {
            Ok(())
        }
    }

    /// True if nobody has certified the block before.
    fn agree(&mut self, id: u64, block: &Block) -> Result<bool, String> {
        let head = block.head();
        let sealed = Sealed {
            hash: head.hash,
            root: head.root,
            tree_size: head.tree_size,
            view: head.view,
            time_ms: head.time_ms,
        };
        if let Some(known) = self.blocks.get(&head.index) {
            if *known == sealed {
                return Ok(false);
            }
            return Err(format!(
                "replica {id} certifies another block {}: {sealed:?}, not {known:?}",
                head.index
            ));
        }
        let neighbours = [
            self.blocks.range(..head.index).next_back(),
            self.blocks.range(head.index..).next(),
        ];
        let [below, above] = neighbours.map(|found| found.map(|(_, sealed)| *sealed));
        let falls = |one: &Sealed, other: &Sealed| {
            one.view > other.view || one.tree_size > other.tree_size || one.time_ms > other.time_ms
        };
        if below.is_some_and(|below| falls(&below, &sealed))
            || above.is_some_and(|above| falls(&sealed, &above))
        {
            return Err(format!(
                "block {} of replica {id} does not ascend: {sealed:?}",
                head.index
            ));
        }
        let root = *self.roots.entry(head.tree_size).or_insert(head.root);
        if root != head.root {
            return Err(format!("two roots of a tree of {} leaves", head.tree_size));
        }
        self.blocks.insert(head.index, sealed);
        Ok(true)
    }

    /// Takes the writes of what was certified first by this replica.
    fn take_writes(&mut self, id: u64, replica: &mut Replica) -> Result<(), String> {
        let until = replica.machine().history().certified_seqno();
        while self.newest() < until {
            let changes = replica
                .changes_since(self.newest(), 256)
                .map_err(|error| format!("replica {id} certified what it cannot show: {error}"))?;
            if changes.is_empty() {
                return Err(format!(
                    "replica {id} shows nothing after seqno {}",
                    self.newest()
                ));
            }
            for change in changes {
                let seqno = change.tx.seqno;
                self.views.insert(seqno, change.tx.view);
                for (map, key, value) in change.writes.iter() {
                    if is_of_users(map) {
                        let register = self.registers.entry((map.clone(), key.clone()));
                        let value = value.map(|value| value_of(value));
                        register.or_default().push((seqno, value));
                    }
                }
            }
        }
        Ok(())
    }

    /// A new leader's log has every certified block (Ongaro 2014, leader completeness).
    pub(crate) fn complete(&self, id: u64, replica: &Replica) -> Result<(), String> {
        let last = replica.gauges().last_index;
        for (index, sealed) in self.blocks.iter().rev().take(LOOKED_FOR) {
            let ours = replica.machine().history().block(*index).map(Block::hash);
            if *index > last || ours.is_some_and(|ours| ours != sealed.hash) {
                return Err(format!(
                    "replica {id} leads and lacks the certified block {index}"
                ));
            }
        }
        Ok(())
    }

    /// Whether this very transaction is certified.
    pub(crate) fn has(&self, tx: TxId) -> bool {
        self.views.get(&tx.seqno) == Some(&tx.view)
    }

    /// What the key holds once transaction `seqno` is carried out: value and version.
    pub(crate) fn at(&self, key: &Key, seqno: u64) -> Option<(u64, u64)> {
        let register = self.registers.get(key)?;
        let after = register.partition_point(|(written, _)| *written <= seqno);
        let (version, value) = register.get(after.checked_sub(1)?)?;
        value.map(|value| (value, *version))
    }

    /// What transaction `seqno` wrote to the key; none if it did not write it.
    pub(crate) fn wrote(&self, key: &Key, seqno: u64) -> Option<Wrote> {
        let register = self.registers.get(key)?;
        let at = register.binary_search_by_key(&seqno, |(written, _)| *written);
        Some(register[at.ok()?].1.map_or(Wrote::Nothing, Wrote::Value))
    }

    /// The transaction that wrote this value to the key; each value is written once.
    pub(crate) fn writer_of(&self, key: &Key, value: u64) -> Option<u64> {
        let register = self.registers.get(key)?;
        let mut found = register.iter().rev();
        found
            .find(|(_, written)| *written == Some(value))
            .map(|(seqno, _)| *seqno)
    }

    /// The values that were ever written to keys of users.
    pub(crate) fn values(&self) -> impl Iterator<Item = u64> + '_ {
        self.registers
            .values()
            .flatten()
            .filter_map(|(_, value)| *value)
    }

    /// A replica's certified state holds exactly what the ledger says.
    pub(crate) fn audit(&self, id: u64, replica: &Replica) -> Result<(), String> {
        let seqno = replica.machine().history().certified_seqno();
        let store = replica.machine().store();
        let Ok(state) = store.begin_at(seqno) else {
            return Err(format!(
                "replica {id} has no state at its certified seqno {seqno}"
            ));
        };
        for (map, key) in self.registers.keys() {
            let ours = state
                .get(map, key)
                .map(|found| (value_of(&found.value), found.version));
            let expected = self.at(&(map.clone(), key.clone()), seqno);
            if ours != expected {
                return Err(format!(
                    "replica {id} holds {ours:?} under {key:?} at seqno {seqno}, the ledger says {expected:?}"
                ));
            }
        }
        Ok(())
    }
}
