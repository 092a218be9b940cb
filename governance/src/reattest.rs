//! How a trusted replica attests anew.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, PublicKey, Signature, SigningKey};

use crate::attested::AttestedStatement;
use crate::codec;
use crate::facts::BlockRef;

const REATTEST_LABEL: &[u8] = b"synod-reattest-v1\0";

/// A replica shows fresh evidence for the keys that it has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Reattest {
    /// The replica.
    #[n(0)]
    pub id: u64,
    /// The recorded keys with the network id as context, and new evidence.
    #[n(1)]
    pub attested: AttestedStatement,
    /// The recent certified block that the nonce was made from
    /// ([`join_nonce`](crate::join_nonce)); newer than that of the evidence on record.
    #[n(2)]
    pub block: BlockRef,
    /// By the identity key, over all of the above.
    #[n(3)]
    pub signature: Signature,
}

impl Reattest {
    /// Signs the request with the replica's identity key.
    pub fn sign(
        id: u64,
        attested: AttestedStatement,
        block: BlockRef,
        identity: &SigningKey,
    ) -> Self {
        let signature = identity.sign(&message(id, &attested, block));
        Self {
            id,
            attested,
            block,
            signature,
        }
    }

    /// Whether the owner of this identity key asks.
    pub fn verify(&self, identity: &PublicKey) -> Result<(), BadSignature> {
        let message = message(self.id, &self.attested, self.block);
        identity.verify(&message, &self.signature)
    }
}

/// The statement inside names the network, so the message need not.
fn message(id: u64, attested: &AttestedStatement, block: BlockRef) -> Vec<u8> {
    let body = codec::encode(&(id, attested, block));
    [REATTEST_LABEL, &body].concat()
}
