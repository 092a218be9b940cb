//! All keys with their versions, and the undo list.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::chain::{Chain, Remains};
use crate::key::Key;
use crate::name::MapName;
use crate::range::KeyRange;
use crate::writes::WriteSet;

type Table = BTreeMap<Key, Chain>;

/// A value and the seqno at which it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The value.
    pub value: Bytes,
    /// The seqno that wrote it; never 0.
    pub version: u64,
}

/// The seqno asked for is outside what the store still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfWindow {
    /// Older than the oldest state kept; history has to be read elsewhere.
    #[error("seqno {asked} is below {floor}, the oldest state kept")]
    Compacted {
        /// The seqno asked for.
        asked: u64,
        /// The oldest seqno that can be read.
        floor: u64,
    },
    /// Newer than anything applied.
    #[error("seqno {asked} is above the head {head}")]
    Ahead {
        /// The seqno asked for.
        asked: u64,
        /// The newest seqno applied.
        head: u64,
    },
    /// Writes were taken back since, so the seqno may name another state now.
    #[error("state was rolled back since the snapshot was taken")]
    RolledBack,
}

/// One key of a whole state, as given by `Store::state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateItem<'a> {
    /// The map.
    pub map: &'a MapName,
    /// The key.
    pub key: &'a [u8],
    /// The seqno that wrote the value.
    pub version: u64,
    /// The value.
    pub value: &'a Bytes,
}

/// The tables and what is needed to take writes back.
/// Which keys of a map one seqno wrote. Those that had no chain before and got a
/// value are kept apart: as long as nobody writes them again there is nothing to
/// compact, so they need not be looked up for it.
#[derive(Debug)]
struct Written {
    map: MapName,
    fresh: Vec<Key>,
    again: Vec<Key>,
}

#[derive(Debug, Default)]
pub(crate) struct Versions {
    tables: BTreeMap<MapName, Table>,
    /// What each seqno in `floor + 1 ..= head` wrote.
    undo: VecDeque<Vec<Written>>,
    head: u64,
    floor: u64,
    /// How often writes were taken back; see `ReadSet`.
    rollbacks: u64,
}

impl Versions {
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    pub(crate) fn rollbacks(&self) -> u64 {
        self.rollbacks
    }

    pub(crate) fn check_window(&self, seqno: u64) -> Result<(), OutOfWindow> {
        if seqno < self.floor {
            return Err(OutOfWindow::Compacted {
                asked: seqno,
                floor: self.floor,
            });
        }
        if seqno > self.head {
            return Err(OutOfWindow::Ahead {
                asked: seqno,
                head: self.head,
            });
        }
        Ok(())
    }

    /// Whether nothing was taken back since there were so many rollbacks.
    pub(crate) fn check_same_history(&self, rollbacks: u64) -> Result<(), OutOfWindow> {
        if rollbacks == self.rollbacks {
            Ok(())
        } else {
            Err(OutOfWindow::RolledBack)
        }
    }

    pub(crate) fn get(&self, seqno: u64, map: &MapName, key: &[u8]) -> Option<Versioned> {
        let (version, value) = self.tables.get(map)?.get(key)?.at(seqno)?;
        Some(Versioned {
            value: value.clone(),
            version,
        })
    }

    /// The version of a key without its value; 0 if absent.
    pub(crate) fn version(&self, seqno: u64, map: &MapName, key: &[u8]) -> u64 {
        let chain = self.tables.get(map).and_then(|table| table.get(key));
        chain
            .and_then(|chain| chain.at(seqno))
            .map_or(0, |(version, _)| version)
    }

    /// The keys of a range that exist at `seqno`, in order.
    pub(crate) fn range<'a>(
        &'a self,
        seqno: u64,
        map: &MapName,
        range: &KeyRange,
    ) -> impl Iterator<Item = (&'a Key, u64, &'a Bytes)> + use<'a> {
        let table = if range.is_empty() {
            None
        } else {
            self.tables.get(map)
        };
        let bounds = range.bounds();
        let chains = table.map(|table| table.range::<[u8], _>(bounds));
        chains
            .into_iter()
            .flatten()
            .filter_map(move |(key, chain)| {
                chain
                    .at(seqno)
                    .map(|(version, value)| (key, version, value))
            })
    }

    /// The maps of which a version of some key is kept, in order.
    pub(crate) fn map_names(&self) -> impl Iterator<Item = &MapName> {
        self.tables.keys()
    }

    /// Every key that exists at `seqno`, by map, then key.
    pub(crate) fn state(&self, seqno: u64) -> impl Iterator<Item = StateItem<'_>> {
        self.tables.iter().flat_map(move |(map, table)| {
            table.iter().filter_map(move |(key, chain)| {
                let (version, value) = chain.at(seqno)?;
                Some(StateItem {
                    map,
                    key: key.as_slice(),
                    version,
                    value,
                })
            })
        })
    }

    pub(crate) fn apply(&mut self, seqno: u64, writes: &WriteSet) {
        assert_eq!(
            seqno,
            self.head + 1,
            "write sets are applied in order, without gaps"
        );
        let mut written = Vec::with_capacity(writes.maps().len());
        for (map, keys) in writes.maps() {
            let table = table_of(&mut self.tables, map);
            let (mut fresh, mut again) = (Vec::new(), Vec::new());
            for (key, value) in keys {
                let key = Key::new(key);
                match table.entry(key) {
                    Entry::Occupied(mut chain) => {
                        again.push(chain.key().clone());
                        chain.get_mut().push(seqno, value.clone());
                    }
                    Entry::Vacant(vacant) => {
                        let kind = if value.is_some() {
                            &mut fresh
                        } else {
                            &mut again
                        };
                        kind.push(vacant.key().clone());
                        vacant.insert(Chain::new(seqno, value.clone()));
                    }
                }
            }
            let map = map.clone();
            written.push(Written { map, fresh, again });
        }
        self.undo.push_back(written);
        self.head = seqno;
    }

    pub(crate) fn rollback(&mut self, to: u64) -> Result<(), OutOfWindow> {
        self.check_window(to)?;
        if to == self.head {
            return Ok(());
        }
        while self.head > to {
            let written = self
                .undo
                .pop_back()
                .expect("one undo record for each seqno above floor");
            self.head -= 1;
            for Written { map, fresh, again } in &written {
                self.trim(map, fresh, |chain| chain.retract(to));
                self.trim(map, again, |chain| chain.retract(to));
            }
        }
        self.rollbacks += 1;
        Ok(())
    }

    pub(crate) fn compact(&mut self, below: u64) {
        let floor = below.min(self.head);
        while self.floor < floor {
            let written = self
                .undo
                .pop_front()
                .expect("one undo record for each seqno above floor");
            self.floor += 1;
            for Written { map, again, .. } in written.iter().filter(|w| !w.again.is_empty()) {
                self.trim(map, again, |chain| chain.compact(floor));
            }
        }
    }

    /// Shortens the chains of some keys, and forgets keys and maps of which nothing remains.
    fn trim(&mut self, map: &MapName, keys: &[Key], shorten: impl Fn(&mut Chain) -> Remains) {
        let Some(table) = self.tables.get_mut(map) else {
            return;
        };
        for key in keys {
            let chain = table.get_mut(key.as_slice());
            if chain.is_some_and(|chain| shorten(chain) == Remains::Nothing) {
                table.remove(key.as_slice());
            }
        }
        if table.is_empty() {
            self.tables.remove(map);
        }
    }
}

fn table_of<'a>(tables: &'a mut BTreeMap<MapName, Table>, map: &MapName) -> &'a mut Table {
    if !tables.contains_key(map) {
        tables.insert(map.clone(), Table::new());
    }
    tables.get_mut(map).expect("inserted above")
}
