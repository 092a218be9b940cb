//! The outcome of a transaction: which keys get which values.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;

use crate::limits::{KEY_MAX, LimitExceeded, VALUE_MAX, WRITE_BYTES_MAX, WRITES_MAX};
use crate::name::MapName;

/// New values by key; `None` deletes the key.
pub(crate) type KeyWrites = BTreeMap<Bytes, Option<Bytes>>;

/// An ordered set of writes and deletions, at most one for each key.
///
/// Holds the limits of this crate by construction. A map without writes does
/// not appear in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSet {
    maps: BTreeMap<MapName, KeyWrites>,
    count: usize,
    bytes: usize,
}

impl WriteSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(
        &mut self,
        map: &MapName,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<(), LimitExceeded> {
        self.insert(map, key.into(), Some(value.into()))
    }

    /// Deletes a key. Deleting an absent key is recorded all the same.
    pub fn delete(&mut self, map: &MapName, key: impl Into<Bytes>) -> Result<(), LimitExceeded> {
        self.insert(map, key.into(), None)
    }

    /// What the set does to a key: `None` nothing, `Some(None)` delete.
    pub fn get(&self, map: &MapName, key: &[u8]) -> Option<Option<&Bytes>> {
        self.maps.get(map)?.get(key).map(Option::as_ref)
    }

    /// All writes, ordered by map, then key.
    pub fn iter(&self) -> impl Iterator<Item = (&MapName, &Bytes, Option<&Bytes>)> {
        self.maps.iter().flat_map(|(map, keys)| {
            keys.iter()
                .map(move |(key, value)| (map, key, value.as_ref()))
        })
    }

    /// The maps that are written, in order.
    pub fn map_names(&self) -> impl Iterator<Item = &MapName> {
        self.maps.keys()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// How many keys are written or deleted.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of all keys and values.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }

    /// Parts the set into the writes to public maps and those to private maps.
    pub fn split(self) -> (Self, Self) {
        let (mut public, mut private) = (Self::new(), Self::new());
        for (map, keys) in self.maps {
            let side = if map.is_public() {
                &mut public
            } else {
                &mut private
            };
            side.count += keys.len();
            side.bytes += byte_len(&keys);
            side.maps.insert(map, keys);
        }
        (public, private)
    }

    /// Both sets together; where both write a key, `other` wins. The sum of
    /// two sets may exceed the limits of one transaction.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (map, keys) in other.maps {
            match self.maps.entry(map) {
                Entry::Vacant(vacant) => {
                    self.count += keys.len();
                    self.bytes += byte_len(&keys);
                    vacant.insert(keys);
                }
                Entry::Occupied(mut occupied) => {
                    let ours = occupied.get_mut();
                    self.count -= ours.len();
                    self.bytes -= byte_len(ours);
                    ours.extend(keys);
                    self.count += ours.len();
                    self.bytes += byte_len(ours);
                }
            }
        }
        self
    }

    pub(crate) fn maps(&self) -> &BTreeMap<MapName, KeyWrites> {
        &self.maps
    }

    pub(crate) fn insert(
        &mut self,
        map: &MapName,
        key: Bytes,
        value: Option<Bytes>,
    ) -> Result<(), LimitExceeded> {
        let length = value.as_ref().map_or(0, Bytes::len);
        if key.len() > KEY_MAX {
            return Err(LimitExceeded::Key(key.len()));
        }
        if length > VALUE_MAX {
            return Err(LimitExceeded::Value(length));
        }
        let replaced = self
            .get(map, &key)
            .map(|old| key.len() + old.map_or(0, Bytes::len));
        let count = self.count + usize::from(replaced.is_none());
        let bytes = self.bytes - replaced.unwrap_or(0) + key.len() + length;
        if count > WRITES_MAX {
            return Err(LimitExceeded::Writes);
        }
        if bytes > WRITE_BYTES_MAX {
            return Err(LimitExceeded::Bytes);
        }
        (self.count, self.bytes) = (count, bytes);
        match self.maps.get_mut(map) {
            Some(keys) => keys.insert(key, value),
            None => self.maps.entry(map.clone()).or_default().insert(key, value),
        };
        Ok(())
    }
}

/// Bytes of some keys and values.
pub(crate) fn byte_len(keys: &KeyWrites) -> usize {
    keys.iter()
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str) -> MapName {
        MapName::new(name).expect("valid name")
    }

    #[test]
    fn every_limit_is_refused_and_leaves_the_set_unchanged() {
        let m = map("m");
        let mut set = WriteSet::new();
        set.put(&m, "k", "v").expect("within limits");
        let before = set.clone();
        assert_eq!(
            set.put(&m, vec![0; KEY_MAX + 1], ""),
            Err(LimitExceeded::Key(KEY_MAX + 1))
        );
        assert_eq!(
            set.put(&m, "k", vec![0; VALUE_MAX + 1]),
            Err(LimitExceeded::Value(VALUE_MAX + 1))
        );
        assert_eq!(set, before);
    }

    #[test]
    fn the_number_of_writes_and_their_bytes_are_bounded() {
        let m = map("m");
        let mut many = WriteSet::new();
        for i in 0..WRITES_MAX as u32 {
            many.put(&m, i.to_be_bytes().to_vec(), "")
                .expect("within limits");
        }
        assert_eq!(many.delete(&m, "x"), Err(LimitExceeded::Writes));
        many.put(&m, 0u32.to_be_bytes().to_vec(), "again")
            .expect("replaces a write");

        let mut big = WriteSet::new();
        for i in 0..3u8 {
            big.put(&m, vec![i], vec![0; VALUE_MAX])
                .expect("within limits");
        }
        assert_eq!(
            big.put(&m, vec![3], vec![0; VALUE_MAX]),
            Err(LimitExceeded::Bytes)
        );
        big.put(&m, vec![2], vec![1; VALUE_MAX])
            .expect("replacing adds nothing");
    }

    #[test]
    fn split_and_merge_lose_nothing() {
        let mut set = WriteSet::new();
        for name in ["a", "public:b", "z"] {
            set.put(&map(name), "k", "value").expect("within limits");
            set.delete(&map(name), "gone").expect("within limits");
        }
        let (public, private) = set.clone().split();
        assert_eq!((public.len(), private.len()), (2, 4));
        assert_eq!(public.byte_len() + private.byte_len(), set.byte_len());
        assert!(public.iter().all(|(map, ..)| map.is_public()));
        assert!(private.iter().all(|(map, ..)| !map.is_public()));
        assert_eq!(private.merge(public), set);
    }

    #[test]
    fn merge_prefers_the_other_set() {
        let m = map("m");
        let (mut ours, mut theirs) = (WriteSet::new(), WriteSet::new());
        ours.put(&m, "k", "ours").expect("within limits");
        theirs.put(&m, "k", "theirs!").expect("within limits");
        let both = ours.merge(theirs.clone());
        assert_eq!(both, theirs);
    }
}
