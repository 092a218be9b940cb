//! From the door's calls on keys and maps to the replica's operations, with the digest that a
//! receipt binds. Pure: nothing is decided here.

use bytes::Bytes;
use synod_api::{BoundRequest, Consistency, ErrorCode, Expectation, Problem, TxnRequest};
use synod_crypto::{Digest, sha256};
use synod_gateway::kv::{Key, Page as PageCall, WriteMode};
use synod_kv::{Condition, MapName};
use synod_replica::kv::{Compare, Expect, Operate, Operation, Page, Step};

/// Reads a key.
pub(crate) fn get(at: Key, consistency: Consistency) -> Result<Operate, Box<Problem>> {
    let map = map(&at.map)?;
    let get = Operation::Get { map, key: at.key };
    Ok(read(get, consistency))
}

/// Reads a page of a map.
pub(crate) fn list(page: PageCall, consistency: Consistency) -> Result<Operate, Box<Problem>> {
    let list = Operation::List(Page {
        map: map(&page.map)?,
        prefix: page.prefix,
        from: Some(page.from).filter(|from| !from.is_empty()),
        to: page.to,
        after: page.after,
        limit: page.limit as usize,
    });
    Ok(read(list, consistency))
}

/// Writes a key.
pub(crate) fn put(
    at: Key,
    value: Bytes,
    condition: Condition,
    mode: WriteMode,
) -> Result<Operate, Box<Problem>> {
    let bound = BoundRequest::Put {
        map: &at.map,
        key: &at.key,
        value: &value,
        condition,
    };
    let digest = sha256(&[&bound.message()]);
    let put = Operation::Put {
        map: map(&at.map)?,
        key: at.key,
        value,
        condition,
    };
    Ok(write(put, digest, mode))
}

/// Removes a key.
pub(crate) fn delete(
    at: Key,
    condition: Condition,
    mode: WriteMode,
) -> Result<Operate, Box<Problem>> {
    let bound = BoundRequest::Delete {
        map: &at.map,
        key: &at.key,
        condition,
    };
    let digest = sha256(&[&bound.message()]);
    let delete = Operation::Delete {
        map: map(&at.map)?,
        key: at.key,
        condition,
    };
    Ok(write(delete, digest, mode))
}

/// Does several operations at once.
pub(crate) fn transact(txn: &TxnRequest, mode: WriteMode) -> Result<Operate, Box<Problem>> {
    let digest = sha256(&[&BoundRequest::Transact(txn).message()]);
    let compares = txn.compares.iter().map(compare).collect::<Result<_, _>>()?;
    let steps = txn.operations.iter().map(step).collect::<Result<_, _>>()?;
    Ok(write(Operation::Batch { compares, steps }, digest, mode))
}

/// The name of a map.
pub(crate) fn map(name: &str) -> Result<MapName, Box<Problem>> {
    MapName::new(name).map_err(|error| {
        Box::new(Problem::new(ErrorCode::InvalidMapName).with_detail(error.to_string()))
    })
}

fn read(operation: Operation, consistency: Consistency) -> Operate {
    Operate {
        operation,
        request: Digest::ZERO,
        wait: true,
        local: consistency == Consistency::Local,
        receipt: false,
        idempotency: None,
    }
}

fn write(operation: Operation, request: Digest, mode: WriteMode) -> Operate {
    Operate {
        operation,
        request,
        wait: !mode.pending,
        local: false,
        receipt: mode.receipt,
        idempotency: mode.idempotency.map(Bytes::from),
    }
}

fn compare(compare: &synod_api::Compare) -> Result<Compare, Box<Problem>> {
    let expect = match &compare.expect {
        Expectation::Version(version) => Expect::Version(*version),
        Expectation::Value(value) => Expect::Value(value.0.clone()),
    };
    Ok(Compare {
        map: map(&compare.map)?,
        key: compare.key.0.clone(),
        expect,
    })
}

fn step(operation: &synod_api::Operation) -> Result<Step, Box<Problem>> {
    Ok(match operation {
        synod_api::Operation::Get(at) => Step::Get {
            map: map(&at.map)?,
            key: at.key.0.clone(),
        },
        synod_api::Operation::Delete(at) => Step::Delete {
            map: map(&at.map)?,
            key: at.key.0.clone(),
        },
        synod_api::Operation::Put(put) => Step::Put {
            map: map(&put.map)?,
            key: put.key.0.clone(),
            value: put.value.0.clone(),
        },
    })
}
