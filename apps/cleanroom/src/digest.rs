//! Digests that name terms, queries and answers: SHA-256 over a purpose, the study and one line of JSON.

use serde::Serialize;

/// A SHA-256 digest.
pub(crate) type Digest = [u8; 32];

/// SHA-256 over `purpose`, a line feed, `study`, a line feed, and the JSON of `value`: its fields in the order in
/// which the documentation lists them, those left out that were left out, no white space.
pub(crate) fn of_json(purpose: &str, study: &str, value: &impl Serialize) -> Digest {
    let json =
        serde_json::to_vec(value).expect("these values are records of text and whole numbers");
    synod_app::sha256(&[purpose.as_bytes(), b"\n", study.as_bytes(), b"\n", &json].concat())
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| {
        [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]
    };
    bytes.iter().flat_map(digits).map(char::from).collect()
}
