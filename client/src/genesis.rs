//! What a client takes from block 0 once its hash is the pin: the manifest's digest, which founders' statements
//! name as their context, and the appraisal policy that the members wrote.
//!
//! The rows are governance's (`spec/governance.cddl`); only what is needed here is read.

use minicbor::Decoder;
use synod_attestation::Policy;
use synod_crypto::Digest;
use synod_ledger::{Block, public_writes};

use crate::checks::Failure;

const SERVICE: (&str, &[u8]) = ("public:synod.service", b"service");
const POLICY: (&str, &[u8]) = ("public:synod.policy", b"policy");

/// The digest of the genesis manifest that block 0 names.
pub(crate) fn manifest_digest(block0: &Block) -> Option<Digest> {
    let row = find(block0, SERVICE)?;
    let mut decoder = body(row)?;
    decoder.array().ok()?;
    decoder.str().ok()?;
    let digest: [u8; 32] = decoder.bytes().ok()?.try_into().ok()?;
    Some(Digest::from(digest))
}

/// The appraisal policy that block 0 names.
pub(crate) fn policy(block0: &Block) -> Result<Policy, Failure> {
    let missing = || Failure::NoPolicy("there is none".to_owned());
    let text = find(block0, POLICY).ok_or_else(missing)?;
    let text =
        std::str::from_utf8(text).map_err(|_| Failure::NoPolicy("it is not text".to_owned()))?;
    Policy::from_toml(text).map_err(|error| Failure::NoPolicy(error.to_string()))
}

/// A row in one of the block's frames.
fn find<'b>(block: &'b Block, (map, key): (&str, &[u8])) -> Option<&'b [u8]> {
    block
        .frames()
        .iter()
        .find_map(|frame| match public_writes::find(&frame.public, map, key) {
            Ok(public_writes::Lookup::Written(value)) => Some(value),
            _ => None,
        })
}

/// The body of a row, which is `[format 2, body]`.
fn body(row: &[u8]) -> Option<Decoder<'_>> {
    let mut decoder = Decoder::new(row);
    (decoder.array().ok()? == Some(2) && decoder.u16().ok()? == 2).then_some(decoder)
}
