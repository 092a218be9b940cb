//! Random numbers, from a seed that is drawn for each call and recorded, sealed, with its transaction.

use crate::host;

/// So many random bytes, at most 65,536.
pub fn bytes(len: u32) -> Vec<u8> {
    host::random_bytes(len)
}

/// So many random bytes, as an array.
pub fn array<const N: usize>() -> [u8; N] {
    let len = u32::try_from(N).unwrap_or(u32::MAX);
    let drawn = bytes(len);
    drawn
        .try_into()
        .expect("the host gives as many bytes as were asked for")
}

/// A random number.
pub fn u64() -> u64 {
    host::random_u64()
}

/// A random name of 22 letters, digits, `-` and `_`: 128 bits, to name rows with.
pub fn name() -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut rest = u128::from_be_bytes(array());
    let mut name = String::with_capacity(22);
    for _ in 0..22 {
        name.push(char::from(LETTERS[(rest & 63) as usize]));
        rest >>= 6;
    }
    name
}
