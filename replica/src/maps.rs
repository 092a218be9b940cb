//! Operations on maps, carried out: conditions, pages and batches.
//!
//! It keeps nothing of its own; all state stands in the transaction.

use std::ops::Bound;

use bytes::Bytes;
use synod_kv::{Condition, KeyRange, MapName, OWN_WRITE, Transaction};
use synod_mutation::mutation;

use crate::kv::{
    Answer, Compare, Expect, Item, KeyValuePort, KvError, Operation, Page, READ_BYTES_MAX, Step,
    may_write,
};

/// The key-value interface of every service.
#[derive(Debug, Default, Clone, Copy)]
pub struct Maps;

impl KeyValuePort for Maps {
    fn execute(
        &self,
        transaction: &mut Transaction<'_>,
        operation: &Operation,
    ) -> Result<Answer, KvError> {
        match operation {
            Operation::Put {
                map,
                key,
                value,
                condition,
            } => conditional(transaction, map, key, *condition, |tx| {
                put(tx, map, key, value)
            }),
            Operation::Delete {
                map,
                key,
                condition,
            } => conditional(transaction, map, key, *condition, |tx| delete(tx, map, key)),
            Operation::Get { map, key } => {
                Ok(find(transaction, map, key).map_or(Answer::Missing, Answer::Found))
            }
            Operation::List(page) => Ok(list(transaction, page)),
            Operation::Batch { compares, steps } => batch(transaction, compares, steps),
        }
    }
}

fn conditional(
    transaction: &mut Transaction<'_>,
    map: &MapName,
    key: &Bytes,
    condition: Condition,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), KvError>,
) -> Result<Answer, KvError> {
    if let Err(version) = holds(transaction, map, key, condition) {
        return Ok(Answer::ConditionFailed { at: 0, version });
    }
    write(transaction).map(|()| Answer::Written)
}

/// Whether `condition` holds; if not, the version that stands there.
fn holds(
    transaction: &Transaction<'_>,
    map: &MapName,
    key: &Bytes,
    condition: Condition,
) -> Result<(), u64> {
    if condition == Condition::Always || mutation!("condition-ignored") {
        return Ok(());
    }
    let version = find(transaction, map, key).map(|item| item.version);
    if condition.holds(version) {
        Ok(())
    } else {
        Err(version.unwrap_or(0))
    }
}

/// Whether a comparison is met; if not, the version that stands there.
fn meets(transaction: &Transaction<'_>, compare: &Compare) -> Result<(), u64> {
    let found = find(transaction, &compare.map, &compare.key);
    let version = found.as_ref().map_or(0, |item| item.version);
    let met = match &compare.expect {
        Expect::Version(wanted) => version == *wanted,
        Expect::Value(wanted) => found.is_some_and(|item| item.value == *wanted),
    };
    if met { Ok(()) } else { Err(version) }
}

fn find(transaction: &Transaction<'_>, map: &MapName, key: &Bytes) -> Option<Item> {
    let found = transaction.get(map, key)?;
    let version = if found.version == OWN_WRITE {
        0
    } else {
        found.version
    };
    Some(Item {
        key: key.clone(),
        value: found.value,
        version,
    })
}

fn put(
    transaction: &mut Transaction<'_>,
    map: &MapName,
    key: &Bytes,
    value: &Bytes,
) -> Result<(), KvError> {
    check_map(map)?;
    transaction
        .put(map, key.clone(), value.clone())
        .map_err(|error| KvError::Limit(error.to_string()))
}

fn delete(transaction: &mut Transaction<'_>, map: &MapName, key: &Bytes) -> Result<(), KvError> {
    check_map(map)?;
    transaction
        .delete(map, key.clone())
        .map_err(|error| KvError::Limit(error.to_string()))
}

fn check_map(map: &MapName) -> Result<(), KvError> {
    if may_write(map) {
        Ok(())
    } else {
        Err(KvError::Reserved(map.clone()))
    }
}

fn batch(
    transaction: &mut Transaction<'_>,
    compares: &[Compare],
    steps: &[Step],
) -> Result<Answer, KvError> {
    for (at, compare) in compares.iter().enumerate() {
        if mutation!("compares-ignored") {
            break;
        }
        if let Err(version) = meets(transaction, compare) {
            return Ok(Answer::ConditionFailed { at, version });
        }
    }
    let (mut found, mut room) = (Vec::new(), READ_BYTES_MAX);
    for step in steps {
        match step {
            Step::Put { map, key, value } => put(transaction, map, key, value)?,
            Step::Delete { map, key } => delete(transaction, map, key)?,
            Step::Get { map, key } => {
                let item = find(transaction, map, key);
                let bytes = item.as_ref().map_or(0, Item::byte_len);
                room = room.checked_sub(bytes).ok_or(KvError::ReadsTooMuch)?;
                found.push(item);
            }
        }
    }
    Ok(Answer::Batch(found))
}

fn list(transaction: &Transaction<'_>, page: &Page) -> Answer {
    let mut items: Vec<Item> = transaction
        .range(&page.map, &key_range(page), page.limit + 1)
        .into_iter()
        .map(|(key, found)| Item {
            key,
            value: found.value,
            version: found.version,
        })
        .collect();
    let all = items.len();
    items.truncate(page.limit);
    items.truncate(fitting(&items));
    let more = items.len() < all;
    Answer::Page { items, more }
}

/// How many of the items fit into one answer, from the first on; one at the least.
fn fitting(items: &[Item]) -> usize {
    let mut room = READ_BYTES_MAX;
    let fits = |item: &&Item| {
        let left = room.checked_sub(item.byte_len());
        room = left.unwrap_or(0);
        left.is_some()
    };
    items.iter().take_while(fits).count().max(1)
}

/// The range that the page's prefix, ends and cursor leave.
fn key_range(page: &Page) -> KeyRange {
    let from = page.from.clone().map_or(Bound::Unbounded, Bound::Included);
    let to = page.to.clone().map_or(Bound::Unbounded, Bound::Excluded);
    let range = KeyRange::prefix(&page.prefix).intersect(KeyRange::new(from, to));
    match &page.after {
        Some(after) => range.after(after.clone()),
        None => range,
    }
}

#[cfg(test)]
mod tests {
    use synod_kv::{Store, VALUE_MAX};

    use super::*;

    /// A store with so many of the longest values.
    fn store(values: u8) -> Store {
        let (mut store, map) = (Store::new(), name());
        for key in 0..values {
            let mut transaction = store.begin();
            let value = vec![key; VALUE_MAX];
            transaction.put(&map, vec![key], value).expect("it fits");
            let writes = transaction.finish().1;
            store.apply(store.head() + 1, &writes);
        }
        store
    }

    fn name() -> MapName {
        MapName::new("m").expect("a name")
    }

    fn page(store: &Store, after: Option<Bytes>) -> (Vec<Item>, bool) {
        let page = Page {
            map: name(),
            prefix: Bytes::new(),
            from: None,
            to: None,
            after,
            limit: 1000,
        };
        match Maps.execute(&mut store.begin(), &Operation::List(page)) {
            Ok(Answer::Page { items, more }) => (items, more),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn page_ends_where_its_bytes_do_and_the_next_goes_on() {
        let store = store(10);
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let (items, more) = page(&store, after.take());
            let bytes: usize = items.iter().map(Item::byte_len).sum();
            assert!(bytes <= READ_BYTES_MAX && !items.is_empty());
            after = items.last().map(|item| item.key.clone());
            seen.extend(items.into_iter().map(|item| item.key[0]));
            pages += 1;
            if !more {
                break;
            }
        }
        assert_eq!(seen, (0..10).collect::<Vec<u8>>());
        assert_eq!(pages, 4);
    }

    #[test]
    fn batch_that_reads_more_than_an_answer_holds_is_refused() {
        let store = store(4);
        let get = |key: u8| Step::Get {
            map: name(),
            key: Bytes::from(vec![key]),
        };
        let batch = |keys: u8| Operation::Batch {
            compares: Vec::new(),
            steps: (0..keys).map(get).collect(),
        };
        let read = |keys| Maps.execute(&mut store.begin(), &batch(keys));
        assert!(matches!(read(3), Ok(Answer::Batch(found)) if found.len() == 3));
        assert_eq!(read(4), Err(KvError::ReadsTooMuch));
    }
}
