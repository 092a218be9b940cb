//! Key derivation (RFC 5869).

use crate::{backend, secret::Secret};

/// HKDF-SHA-256: `N` bytes for the purpose that the concatenation of `info`
/// names. Parts of variable length must be told apart by the caller.
pub fn hkdf_sha256<const N: usize>(secret: &[u8], salt: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32, "RFC 5869 ends at 255 blocks") };
    let mut out = zeroize::Zeroizing::new([0; N]);
    backend::hkdf_sha256(secret, salt, info, out.as_mut_slice());
    Secret::new(*out)
}
