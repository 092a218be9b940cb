//! Keys and values of clients: where they lie, and how they are told from everything else.
//!
//! Even partitions lie in a private map, odd ones in a public one; each value holds a marker that
//! tells which.

use std::sync::LazyLock;

use bytes::Bytes;
use synod_governance::app::{AppName, map_in_store};
use synod_kv::MapName;

/// The app that clients call.
pub(crate) const NOTES: &str = "notes";
const PRIVATE_MAP: &str = "records";
const PUBLIC_MAP: &str = "public:notes";

/// Stands in every private value.
pub(crate) const PRIVATE: &[u8; 16] = b"~private~4f1c9a~";
/// Stands in every public value: that these are found shows that the search works.
pub(crate) const PUBLIC: &[u8; 16] = b"~open~to~all~77~";

/// A key of a map.
pub(crate) type Key = (MapName, Bytes);

/// Pairs of keys in maps that clients write themselves.
pub(crate) const PAIRS: u64 = 4;
/// The pair of an app's private map, and that of its public one.
pub(crate) const PRIVATE_PAIR: u64 = PAIRS;
/// All pairs.
pub(crate) const PARTITIONS: u64 = PAIRS + 2;

/// Whether an app keeps the pair.
pub(crate) fn is_of_app(partition: u64) -> bool {
    partition >= PAIRS
}

/// The map in which a partition lies.
pub(crate) fn map_of(partition: u64) -> MapName {
    static MAPS: LazyLock<Vec<MapName>> = LazyLock::new(|| (0..PARTITIONS).map(make_map).collect());
    MAPS[usize::try_from(partition).expect("a partition")].clone()
}

fn make_map(partition: u64) -> MapName {
    match (is_of_app(partition), partition.is_multiple_of(2)) {
        (true, true) => map_of_app("rows"),
        (true, false) => map_of_app("public:open"),
        (false, true) => MapName::new(PRIVATE_MAP).expect("a sound name"),
        (false, false) => MapName::new(PUBLIC_MAP).expect("a sound name"),
    }
}

/// The map of the store that the app calls `guest`.
fn map_of_app(guest: &str) -> MapName {
    let name = AppName::new(NOTES).expect("a sound name");
    map_in_store(&name, guest).expect("a sound name")
}

/// Whether the clients of the simulation write this map, or their app does.
pub(crate) fn is_of_users(map: &MapName) -> bool {
    (0..PARTITIONS).any(|partition| map_of(partition) == *map)
}

/// The key of one side of a partition.
pub(crate) fn key_of(partition: u64, side: usize) -> Key {
    (map_of(partition), key_bytes(partition, side))
}

/// The bytes of a key.
pub(crate) fn key_bytes(partition: u64, side: usize) -> Bytes {
    Bytes::from(format!("pair{partition}/{side}"))
}

/// The bytes of a value.
pub(crate) fn value_bytes(partition: u64, value: u64) -> Bytes {
    let marker = if partition.is_multiple_of(2) {
        PRIVATE
    } else {
        PUBLIC
    };
    Bytes::from([&marker[..], &value.to_be_bytes()].concat())
}

/// The number that a value stands for; 0 where it is none of ours.
pub(crate) fn value_of(bytes: &[u8]) -> u64 {
    bytes
        .last_chunk()
        .map_or(0, |number| u64::from_be_bytes(*number))
}
