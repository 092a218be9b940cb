//! Measures what one write costs on the leader (execute, encode, apply) and on
//! a follower (decode, apply): `cargo run --release -p synod-kv --example hot_path`.
#![allow(clippy::disallowed_methods, reason = "an example measures time")]

use std::time::Instant;

use synod_kv::{MapName, Store, WriteSet};

const TRANSACTIONS: u64 = 1_000_000;

fn main() {
    let map = MapName::new("records").expect("valid name");
    let (mut leader, mut follower) = (Store::new(), Store::new());
    let mut encoded = Vec::new();
    let start = Instant::now();
    for seqno in 1..=TRANSACTIONS {
        let key = (seqno.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 500_000).to_be_bytes();
        let mut transaction = leader.begin();
        transaction.get(&map, &key);
        transaction
            .put(&map, key.to_vec(), vec![seqno as u8; 256])
            .expect("within limits");
        let (reads, writes) = transaction.finish();
        leader.validate(&reads).expect("nothing between");
        encoded.push(writes.encode());
        leader.apply(seqno, &writes);
        if seqno % 1000 == 0 {
            leader.compact(seqno - 500);
        }
    }
    report("leader: get, put, encode, apply", start);
    let start = Instant::now();
    for (at, bytes) in encoded.iter().enumerate() {
        let writes = WriteSet::decode(bytes).expect("encoded above");
        follower.apply(at as u64 + 1, &writes);
        if at % 1000 == 999 {
            follower.compact(follower.head() - 500);
        }
    }
    report("follower: decode, apply", start);
}

fn report(what: &str, start: Instant) {
    let each = start.elapsed().as_nanos() / u128::from(TRANSACTIONS);
    println!("{what}: {each} ns for each transaction");
}
