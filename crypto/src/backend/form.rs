//! The one form of each public key that both backends take.
//!
//! The libraries behind them are more generous, each in its own way: one also
//! reads `SubjectPublicKeyInfo`, both read compressed points, and one lets an
//! Ed25519 key stand for itself modulo the field's prime. One key with several
//! encodings is several keys to whoever hashes it.

use super::primitive::{Refused, Scheme};

/// SEC1 §2.3.3: the tag of an uncompressed point.
const UNCOMPRESSED: u8 = 4;
/// X.690: a SEQUENCE with a length in two bytes, as any RSA key of 2048 bits
/// and more has it, and the INTEGER that its content begins with (RFC 8017
/// §A.1.1). The content of a `SubjectPublicKeyInfo` begins with a SEQUENCE.
const PKCS1_BEGIN: ([u8; 2], u8) = ([0x30, 0x82], 0x02);

/// Refuses a public key that is not in its scheme's one form.
pub(crate) fn check_public(scheme: Scheme, public: &[u8]) -> Result<(), Refused> {
    let in_form = match scheme {
        Scheme::Ed25519 => is_reduced(public),
        Scheme::P256Sha256Fixed | Scheme::P256Sha256Der => is_point(public, 65),
        Scheme::P384Sha384Fixed | Scheme::P384Sha384Der => is_point(public, 97),
        Scheme::RsaPssSha256 | Scheme::RsaPssSha384 | Scheme::RsaPkcs1Sha256 => is_pkcs1(public),
    };
    in_form.then_some(()).ok_or(Refused)
}

fn is_point(public: &[u8], length: usize) -> bool {
    public.len() == length && public[0] == UNCOMPRESSED
}

fn is_pkcs1(public: &[u8]) -> bool {
    let (sequence, integer) = PKCS1_BEGIN;
    public.starts_with(&sequence) && public.get(4) == Some(&integer)
}

/// Whether the 255 bits of the y coordinate are below 2^255 - 19 (RFC 8032
/// §5.1.3, step 1).
fn is_reduced(public: &[u8]) -> bool {
    let Ok(y) = <&[u8; 32]>::try_from(public) else {
        return false;
    };
    y[31] & 0x7f != 0x7f || y[0] < 0xed || y[1..31].iter().any(|byte| *byte != 0xff)
}
