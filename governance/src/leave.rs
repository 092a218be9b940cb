//! How a replica leaves the network by its own decision.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, PublicKey, Signature, SigningKey};

use crate::codec;
use crate::facts::BlockRef;

const LEAVE_LABEL: &[u8] = b"synod-leave-v1\0";

/// The recorded cause of removal of a replica that has left.
pub(crate) const LEFT_CAUSE: &str = "it left";

/// A replica that is about to stop asks to be removed. It is removed for ever; a replica that is
/// started in its place joins as a new replica.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Leave {
    /// The replica.
    #[n(0)]
    pub id: u64,
    /// A recent certified block, so that an old request that a host kept back has no effect.
    #[n(1)]
    pub block: BlockRef,
    /// By the replica's identity key, over the network id and all of the above.
    #[n(2)]
    pub signature: Signature,
}

impl Leave {
    /// Signs the request with the replica's identity key.
    pub fn sign(network: &Digest, id: u64, block: BlockRef, identity: &SigningKey) -> Self {
        let signature = identity.sign(&message(network, id, block));
        Self {
            id,
            block,
            signature,
        }
    }

    /// Whether the owner of this identity key signed this request, in this network.
    pub fn verify(&self, network: &Digest, identity: &PublicKey) -> Result<(), BadSignature> {
        let message = message(network, self.id, self.block);
        identity.verify(&message, &self.signature)
    }
}

fn message(network: &Digest, id: u64, block: BlockRef) -> Vec<u8> {
    let body = codec::encode(&(network, id, block));
    [LEAVE_LABEL, &body].concat()
}
