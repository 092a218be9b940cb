//! The built-in app: a key-value store with conditions, pages and batches.
//!
//! It keeps nothing of its own; all state stands in the transaction.

use std::ops::Bound;

use bytes::Bytes;
use synod_kv::{KeyRange, MapName, OWN_WRITE, Transaction};

use crate::app::{
    Answer, App, AppError, Compare, Condition, Expect, Item, Operation, Page, Step, may_write,
};

/// The built-in key-value app.
#[derive(Debug, Default, Clone, Copy)]
pub struct KvApp;

impl App for KvApp {
    fn execute(
        &self,
        transaction: &mut Transaction<'_>,
        operation: &Operation,
    ) -> Result<Answer, AppError> {
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
    write: impl FnOnce(&mut Transaction<'_>) -> Result<(), AppError>,
) -> Result<Answer, AppError> {
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
    if condition == Condition::Any {
        return Ok(());
    }
    let version = find(transaction, map, key).map_or(0, |item| item.version);
    let holds = match condition {
        Condition::Any => true,
        Condition::Present => version != 0,
        Condition::Absent => version == 0,
        Condition::Version(wanted) => version == wanted && wanted != 0,
    };
    if holds { Ok(()) } else { Err(version) }
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
) -> Result<(), AppError> {
    check_map(map)?;
    transaction
        .put(map, key.clone(), value.clone())
        .map_err(|error| AppError::Limit(error.to_string()))
}

fn delete(transaction: &mut Transaction<'_>, map: &MapName, key: &Bytes) -> Result<(), AppError> {
    check_map(map)?;
    transaction
        .delete(map, key.clone())
        .map_err(|error| AppError::Limit(error.to_string()))
}

fn check_map(map: &MapName) -> Result<(), AppError> {
    if may_write(map) {
        Ok(())
    } else {
        Err(AppError::Reserved(map.clone()))
    }
}

fn batch(
    transaction: &mut Transaction<'_>,
    compares: &[Compare],
    steps: &[Step],
) -> Result<Answer, AppError> {
    for (at, compare) in compares.iter().enumerate() {
        if let Err(version) = meets(transaction, compare) {
            return Ok(Answer::ConditionFailed { at, version });
        }
    }
    let mut found = Vec::new();
    for step in steps {
        match step {
            Step::Put { map, key, value } => put(transaction, map, key, value)?,
            Step::Delete { map, key } => delete(transaction, map, key)?,
            Step::Get { map, key } => found.push(find(transaction, map, key)),
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
    let more = items.len() > page.limit;
    items.truncate(page.limit);
    Answer::Page { items, more }
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
