//! The bounds of names, keys, values and transactions, and the error past them.

/// Longest name of a map, in bytes.
pub const MAP_NAME_MAX: usize = 128;
/// Longest key, in bytes. The empty key is allowed.
pub const KEY_MAX: usize = 512;
/// Longest value, in bytes (1 MiB).
pub const VALUE_MAX: usize = 1 << 20;
/// Most keys one transaction may write or delete.
pub const WRITES_MAX: usize = 10_000;
/// Most bytes of keys and values together in one transaction (4 MiB).
pub const WRITE_BYTES_MAX: usize = 4 << 20;

/// A write went past a bound of this crate; the caller's fault, nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// The key is longer than [`KEY_MAX`].
    #[error("key is {0} bytes, longer than the {KEY_MAX} allowed")]
    Key(usize),
    /// The value is longer than [`VALUE_MAX`].
    #[error("value is {0} bytes, longer than the {VALUE_MAX} allowed")]
    Value(usize),
    /// The transaction writes more keys than [`WRITES_MAX`].
    #[error("more than {WRITES_MAX} writes in one transaction")]
    Writes,
    /// Keys and values together are more than [`WRITE_BYTES_MAX`].
    #[error("more than {WRITE_BYTES_MAX} bytes of keys and values in one transaction")]
    Bytes,
}
