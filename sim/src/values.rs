//! Keys and values of clients: where they lie, and how they are told from everything else.
//!
//! Even partitions lie in a private map, odd ones in a public one; each value holds a marker that
//! tells which.

use bytes::Bytes;
use synod_kv::MapName;

const PRIVATE_MAP: &str = "records";
const PUBLIC_MAP: &str = "public:notes";

/// Stands in every private value.
pub(crate) const PRIVATE: &[u8; 16] = b"~private~4f1c9a~";
/// Stands in every public value: that these are found shows that the search works.
pub(crate) const PUBLIC: &[u8; 16] = b"~open~to~all~77~";

/// A key of a map.
pub(crate) type Key = (MapName, Bytes);

/// The map in which a partition lies.
pub(crate) fn map_of(partition: u64) -> MapName {
    let name = if partition.is_multiple_of(2) {
        PRIVATE_MAP
    } else {
        PUBLIC_MAP
    };
    MapName::new(name).expect("a sound name")
}

/// Whether the clients of the simulation write this map.
pub(crate) fn is_of_users(map: &MapName) -> bool {
    [PRIVATE_MAP, PUBLIC_MAP].contains(&map.as_str())
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
