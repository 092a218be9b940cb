//! A statement with everything that is needed to judge it again.

use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};
use synod_attestation::{Endorsements, Evidence, NodeStatement};

/// What a node says of itself, its TEE's evidence, and the vendor's endorsements.
///
/// The ledger contains all of it, so that every replica and every audit appraises
/// it anew. In CBOR three byte strings, each in the encoding of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedStatement {
    /// The keys, role, context and nonce that the evidence binds.
    pub statement: NodeStatement,
    /// What the TEE signed.
    pub evidence: Evidence,
    /// What the vendor says about the platform.
    pub endorsements: Endorsements,
}

impl<C> Encode<C> for AttestedStatement {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        encoder.array(3)?;
        encoder.bytes(&self.statement.encode())?;
        encoder.bytes(&self.evidence.encode())?;
        encoder.bytes(&self.endorsements.encode())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for AttestedStatement {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if decoder.array()? != Some(3) {
            return Err(decode::Error::message(
                "an attested statement has three parts",
            ));
        }
        Ok(Self {
            statement: NodeStatement::decode(decoder.bytes()?).map_err(decode::Error::message)?,
            evidence: Evidence::decode(decoder.bytes()?).map_err(decode::Error::message)?,
            endorsements: Endorsements::decode(decoder.bytes()?).map_err(decode::Error::message)?,
        })
    }
}
