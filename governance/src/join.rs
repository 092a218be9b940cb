//! How a replica asks to join, and how it announces a new address.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, PublicKey, Signature, SigningKey, sha256};

use crate::address::Address;
use crate::attested::AttestedStatement;
use crate::codec;
use crate::facts::BlockRef;

const JOIN_LABEL: &[u8] = b"synod-join-v2\0";
const ADDRESS_LABEL: &[u8] = b"synod-address-v1\0";

/// The nonce that a joiner's statement must hold: it cannot be known before
/// the block is, and it is of use to nobody else.
pub fn join_nonce(block: &Digest, identity: &PublicKey) -> Digest {
    sha256(&[block.as_bytes(), identity.as_bytes()])
}

/// A replica asks to join.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Join {
    /// Its statement, with the network id as context, and its evidence.
    #[n(0)]
    pub attested: AttestedStatement,
    /// The recent certified block that the nonce was made from.
    #[n(1)]
    pub block: BlockRef,
    /// Where it can be reached.
    #[n(2)]
    pub address: Address,
    /// By the identity key, over all of the above and [`Join::replaces`].
    #[n(3)]
    pub signature: Signature,
    /// The replica in whose place it joins, if there is one: its former self, or one whose
    /// replacement the members ordered.
    #[n(4)]
    pub replaces: Option<u64>,
}

impl Join {
    /// Signs the request with the identity key that the statement names.
    pub fn sign(
        attested: AttestedStatement,
        block: BlockRef,
        address: Address,
        replaces: Option<u64>,
        identity: &SigningKey,
    ) -> Self {
        let signature = identity.sign(&message(&attested, block, &address, replaces));
        Self {
            attested,
            block,
            address,
            signature,
            replaces,
        }
    }

    /// Whether the owner of the statement's identity key asks.
    pub fn verify(&self) -> Result<(), BadSignature> {
        let message = message(&self.attested, self.block, &self.address, self.replaces);
        self.attested
            .statement
            .identity
            .verify(&message, &self.signature)
    }
}

/// The statement inside names the network, so the message need not.
fn message(
    attested: &AttestedStatement,
    block: BlockRef,
    address: &Address,
    replaces: Option<u64>,
) -> Vec<u8> {
    let body = codec::encode(&(attested, block, address, replaces));
    [JOIN_LABEL, &body].concat()
}

/// A replica announces its new address.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AddressChange {
    /// The replica.
    #[n(0)]
    pub id: u64,
    /// Rises with every change, from 1; so that old ones cannot be replayed.
    #[n(1)]
    pub number: u64,
    /// The new address.
    #[n(2)]
    pub address: Address,
    /// By the replica's identity key.
    #[n(3)]
    pub signature: Signature,
}

impl AddressChange {
    /// Signs the change for one network.
    pub fn sign(
        network: &Digest,
        id: u64,
        number: u64,
        address: Address,
        identity: &SigningKey,
    ) -> Self {
        let signature = identity.sign(&change_message(network, id, number, &address));
        Self {
            id,
            number,
            address,
            signature,
        }
    }

    /// Whether the replica with this identity says so.
    pub fn verify(&self, network: &Digest, identity: &PublicKey) -> Result<(), BadSignature> {
        let message = change_message(network, self.id, self.number, &self.address);
        identity.verify(&message, &self.signature)
    }
}

fn change_message(network: &Digest, id: u64, number: u64, address: &Address) -> Vec<u8> {
    let body = codec::encode(&(network, id, number, address));
    [ADDRESS_LABEL, &body].concat()
}
