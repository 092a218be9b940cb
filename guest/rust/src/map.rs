//! Maps with typed keys and values.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::vec::IntoIter;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::app::synod::app::maps::Entry;
use crate::host;
use crate::key::{Key, KeyOf, PrefixOf, written};

/// Rows that one question to the host brings, if no limit says otherwise.
const PAGE_ROWS: u32 = 100;
/// Rows that one question to the host can bring.
const PAGE_ROWS_MAX: u32 = 1_000;

/// A map of the app: keys of type `K`, in their order, to values of type `V`, written as `C` has it.
///
/// Its name is one that the manifest declares: `accounts` for a private map, `public:settlements` for a public one.
pub struct Map<K, V, C = Json> {
    name: &'static str,
    types: PhantomData<fn(K) -> (V, C)>,
}

impl<K: Key, V, C: Codec<V>> Map<K, V, C> {
    /// The map of this name.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            types: PhantomData,
        }
    }

    /// The value of a key.
    ///
    /// # Panics
    ///
    /// If the value is not what this app writes, as for all that read here: then nothing can be said of the map.
    pub fn get(&self, key: impl KeyOf<K>) -> Option<V> {
        let value = host::get(self.name, &written(&key))?;
        Some(self.value(value))
    }

    /// Whether a key has a value.
    pub fn has(&self, key: impl KeyOf<K>) -> bool {
        host::has(self.name, &written(&key))
    }

    /// Gives a key a value.
    pub fn put(&self, key: impl KeyOf<K>, value: &V) {
        host::put(self.name, &written(&key), &C::encode(value));
    }

    /// Takes a key out. That it has no value is no error.
    pub fn delete(&self, key: impl KeyOf<K>) {
        host::delete(self.name, &written(&key));
    }

    /// The rows from one key to another, in the order of keys.
    pub fn range<Q: KeyOf<K>>(&self, range: impl RangeBounds<Q>) -> Entries<'_, K, V, C> {
        let start = match range.start_bound() {
            Bound::Included(key) => written(key),
            Bound::Excluded(key) => after(written(key)),
            Bound::Unbounded => Vec::new(),
        };
        let end = match range.end_bound() {
            Bound::Included(key) => Some(after(written(key))),
            Bound::Excluded(key) => Some(written(key)),
            Bound::Unbounded => None,
        };
        self.entries(start, end)
    }

    /// The rows whose keys begin so; see [`PrefixOf`].
    pub fn prefix(&self, prefix: impl PrefixOf<K>) -> Entries<'_, K, V, C> {
        let mut start = Vec::new();
        prefix.write_prefix(&mut start);
        let end = past_prefix(&start);
        self.entries(start, end)
    }

    /// All rows.
    pub fn all(&self) -> Entries<'_, K, V, C> {
        self.prefix(())
    }

    /// At most `limit` rows whose keys begin so, after a key if it is given: for answers in pages.
    pub fn page<A: KeyOf<K>>(
        &self,
        prefix: impl PrefixOf<K>,
        last: Option<A>,
        limit: usize,
    ) -> Page<K, V> {
        let mut entries = self.prefix(prefix).limit(limit.saturating_add(1));
        if let Some(last) = last {
            entries.start = entries.start.max(after(written(&last)));
        }
        let mut rows: Vec<_> = entries.collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        Page { rows, more }
    }

    fn entries(&self, start: Vec<u8>, end: Option<Vec<u8>>) -> Entries<'_, K, V, C> {
        Entries {
            map: self,
            start,
            end,
            left: usize::MAX,
            fetched: Vec::new().into_iter(),
            more: true,
        }
    }

    fn value(&self, value: Vec<u8>) -> V {
        let Some(value) = C::decode(value) else {
            panic!("a value in `{}` is not what this app writes", self.name)
        };
        value
    }

    fn row(&self, entry: Entry) -> (K, V) {
        let mut rest = entry.key.as_slice();
        match K::read(&mut rest, true) {
            Some(key) if rest.is_empty() => (key, self.value(entry.value)),
            _ => panic!("a key in `{}` is not what this app writes", self.name),
        }
    }
}

/// The first key after this one.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// The first key after all that begin so.
fn past_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut past = prefix[..=last].to_vec();
    past[last] += 1;
    Some(past)
}

/// Some rows of a map, and whether more follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<K, V> {
    /// The rows.
    pub rows: Vec<(K, V)>,
    /// Whether more rows follow the last one.
    pub more: bool,
}

/// Rows of a map in the order of their keys, fetched from the host page by page.
///
/// What was fetched counts as read: a call that changes one of those rows, or adds one among them, and is faster, has
/// this one executed again. Give [`Entries::limit`] where only a few are needed.
#[must_use]
pub struct Entries<'m, K, V, C> {
    map: &'m Map<K, V, C>,
    start: Vec<u8>,
    end: Option<Vec<u8>>,
    left: usize,
    fetched: IntoIter<Entry>,
    more: bool,
}

impl<K: Key, V, C: Codec<V>> Entries<'_, K, V, C> {
    /// At most so many rows, none fetched past them.
    pub fn limit(mut self, rows: usize) -> Self {
        self.left = rows;
        self
    }

    fn fetch(&mut self) -> Option<Entry> {
        if !self.more || self.left == 0 {
            return None;
        }
        let all = u32::try_from(self.left).unwrap_or(u32::MAX);
        let limit = if self.left == usize::MAX {
            PAGE_ROWS
        } else {
            all.min(PAGE_ROWS_MAX)
        };
        let page = host::range(self.map.name, &self.start, self.end.as_deref(), limit);
        self.more = page.more;
        if let Some(last) = page.entries.last() {
            self.start = after(last.key.clone());
        }
        self.fetched = page.entries.into_iter();
        self.fetched.next()
    }
}

impl<K: Key, V, C: Codec<V>> Iterator for Entries<'_, K, V, C> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let entry = self.fetched.next().or_else(|| self.fetch())?;
        if self.left != usize::MAX {
            self.left -= 1;
        }
        Some(self.map.row(entry))
    }
}

/// How values are written.
pub trait Codec<V> {
    /// A value as bytes.
    fn encode(value: &V) -> Cow<'_, [u8]>;

    /// Bytes as a value, if they are one.
    fn decode(bytes: Vec<u8>) -> Option<V>;
}

/// Values as JSON.
pub struct Json;

impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    fn encode(value: &V) -> Cow<'_, [u8]> {
        let bytes = serde_json::to_vec(value).expect("the value can be written as JSON");
        bytes.into()
    }

    fn decode(bytes: Vec<u8>) -> Option<V> {
        serde_json::from_slice(&bytes).ok()
    }
}

/// Values that are bytes or text already, and numbers as keys have them.
pub struct Raw;

impl Codec<Vec<u8>> for Raw {
    fn encode(value: &Vec<u8>) -> Cow<'_, [u8]> {
        value.into()
    }

    fn decode(bytes: Vec<u8>) -> Option<Vec<u8>> {
        Some(bytes)
    }
}

impl Codec<String> for Raw {
    fn encode(value: &String) -> Cow<'_, [u8]> {
        value.as_bytes().into()
    }

    fn decode(bytes: Vec<u8>) -> Option<String> {
        String::from_utf8(bytes).ok()
    }
}

impl Codec<u64> for Raw {
    fn encode(value: &u64) -> Cow<'_, [u8]> {
        value.to_be_bytes().to_vec().into()
    }

    fn decode(bytes: Vec<u8>) -> Option<u64> {
        bytes.try_into().map(u64::from_be_bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Synod;

    const NUMBERS: Map<(String, u64), u64> = Map::new("numbers");
    const TEXTS: Map<String, String, Raw> = Map::new("texts");

    fn fill(rows: u64) {
        for number in 0..rows {
            NUMBERS.put(("b", number), &(number * 2));
        }
        NUMBERS.put(("a", 1), &0);
        NUMBERS.put(("c", 1), &0);
    }

    #[test]
    fn what_was_put_is_read_until_it_is_deleted() {
        Synod::new().run(|| {
            TEXTS.put("k", &"v".to_owned());
            assert_eq!(TEXTS.get("k").as_deref(), Some("v"));
            assert!(TEXTS.has("k"));
            TEXTS.delete("k");
            assert_eq!(TEXTS.get("k"), None);
        });
    }

    #[test]
    fn a_prefix_has_its_rows_alone_however_many_pages_they_fill() {
        Synod::new().run(|| {
            fill(250);
            let rows: Vec<_> = NUMBERS.prefix(("b",)).collect();
            assert_eq!(rows.len(), 250);
            assert_eq!(rows[249], (("b".to_owned(), 249), 498));
            assert_eq!(NUMBERS.all().count(), 252);
            assert_eq!(NUMBERS.prefix(("b",)).limit(120).count(), 120);
        });
    }

    #[test]
    fn ranges_keep_their_bounds() {
        Synod::new().run(|| {
            fill(10);
            let keys =
                |rows: Entries<'_, _, _, _>| rows.map(|((_, key), _)| key).collect::<Vec<_>>();
            assert_eq!(keys(NUMBERS.range(("b", 2)..("b", 4))), [2, 3]);
            assert_eq!(keys(NUMBERS.range(("b", 2)..=("b", 4))), [2, 3, 4]);
            let excluded = (Bound::Excluded(("b", 8)), Bound::Unbounded);
            assert_eq!(keys(NUMBERS.range(excluded)), [9, 1]);
        });
    }

    #[test]
    fn pages_follow_one_another() {
        Synod::new().run(|| {
            fill(5);
            let first = NUMBERS.page(("b",), None::<(&str, u64)>, 3);
            assert!(first.more && first.rows.len() == 3);
            let last = first.rows.last().map(|(key, _)| key);
            let second = NUMBERS.page(("b",), last, 3);
            assert!(!second.more && second.rows.len() == 2);
        });
    }

    #[test]
    fn past_a_prefix_comes_the_next_that_does_not_begin_so() {
        assert_eq!(past_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(past_prefix(b"\xff"), None);
        assert_eq!(past_prefix(b""), None);
    }
}
