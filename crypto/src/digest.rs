//! Hashes of the SHA-2 family (FIPS 180-4).

use crate::{
    backend::{self, primitive::Hash},
    byte_types::byte_type,
};

/// A SHA-256 digest. The default is all zero: the digest of nothing, never of
/// something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest([u8; 32]);

byte_type!(Digest, 32);

impl Digest {
    /// All zero: used where there is no digest yet.
    pub const ZERO: Self = Self([0; 32]);
}

/// SHA-256 of the concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> Digest {
    Digest(backend::hash(Hash::Sha256, parts))
}

/// SHA-384 of the concatenation of `parts`.
pub fn sha384(parts: &[&[u8]]) -> [u8; 48] {
    backend::hash(Hash::Sha384, parts)
}

/// SHA-512 of the concatenation of `parts`.
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    backend::hash(Hash::Sha512, parts)
}
