//! What a receipt binds of a request: two requests that mean different things
//! never give the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_api::{Condition, BoundRequest, TxnRequest};

/// A request made of the fuzzer's bytes.
fn request<'a>(bytes: &'a [u8], txn: Option<&'a TxnRequest>) -> Option<BoundRequest<'a>> {
    let (&[kind, map, key], rest) = bytes.split_first_chunk()?;
    let (map, rest) = rest.split_at_checked(usize::from(map % 16))?;
    let (key, value) = rest.split_at_checked(usize::from(key % 16))?;
    let map = std::str::from_utf8(map).ok()?;
    let condition = match kind >> 2 {
        0 => Condition::Always,
        1 => Condition::Present,
        2 => Condition::Absent,
        version => Condition::Version(u64::from(version)),
    };
    Some(match kind % 4 {
        0 | 1 => BoundRequest::Put {
            map,
            key,
            value,
            condition,
        },
        2 => BoundRequest::Delete {
            map,
            key,
            condition,
        },
        _ => BoundRequest::Transact(txn?),
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let txns = [first, second].map(|half| {
        let json = half.get(3..).unwrap_or_default();
        serde_json::from_slice::<TxnRequest>(json).ok()
    });
    let first = request(first, txns[0].as_ref());
    let second = request(second, txns[1].as_ref());
    if let (Some(first), Some(second)) = (first, second) {
        assert_eq!(first.message() == second.message(), first == second);
    }
});
