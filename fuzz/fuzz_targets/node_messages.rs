//! What nodes send each other while one of them joins, and members to a
//! founder, in CBOR: read or refused, and written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use minicbor::{Decode, Encode, bytes::ByteVec};
use synod_attestation::Credential;
use synod_crypto::PublicKey;
use synod_governance::{Approval, AttestedStatement, Join, SignedAction};

/// Whoever is read is written, and read again as the same.
fn reread<T>(bytes: &[u8]) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq + std::fmt::Debug,
{
    let value: T = minicbor::decode(bytes).ok()?;
    let written = minicbor::to_vec(&value).expect("encoding into memory does not fail");
    assert!(written.len() <= bytes.len() + 16);
    assert_eq!(
        minicbor::decode::<T>(&written).expect("what was written is read"),
        value
    );
    Some(value)
}

fuzz_target!(|bytes: &[u8]| {
    let _ = reread::<PublicKey>(bytes);
    let _ = reread::<AttestedStatement>(bytes);
    let _ = reread::<Join>(bytes);
    for approval in reread::<Vec<ByteVec>>(bytes).unwrap_or_default() {
        let _ = (Approval::decode(&approval), SignedAction::decode(&approval));
    }
    let _ = Credential::from_certificate(bytes);
});
