//! The release of keys to a trusted replica.
//!
//! Keys are an effect of the commit that trusts a replica: any trusted replica gives them, from
//! certified state, sealed to the HPKE key of the statement that the verdict was about. Whoever
//! asks gets the same sealed bytes' worth: only the replica itself can open them.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use synod_crypto::{
    Digest, Entropy, HpkeSecretKey, OpenError, PublicKey, Secret, SigningKey, UnsoundKey,
};
use synod_governance::ReplicaRecord;
use synod_ledger::{LedgerSecret, Opener};
use synod_mutation::mutation;
use zeroize::{Zeroize, Zeroizing};

const INFO: &[u8] = b"synod.keys.v1";
const GENERATIONS_MAX: usize = 4096;

/// Keys that are born with a replica and never stored.
pub struct Keys {
    /// Signs blocks, readings and freshness statements.
    pub identity: SigningKey,
    /// Opens the keys that are released to this replica.
    pub hpke: HpkeSecretKey,
}

/// Witness that certified state trusts a replica. Made only by [`Trusted::of`].
pub(crate) struct Trusted<'a>(&'a ReplicaRecord);

impl<'a> Trusted<'a> {
    /// The witness, if the record, which must come from certified state, is of a trusted replica,
    /// and the verdict on it holds at `time_ms` of the ledger.
    pub(crate) fn of(record: &'a ReplicaRecord, time_ms: u64) -> Option<Self> {
        let trusted = (record.status.is_trusted() && record.verdict_holds(time_ms))
            || mutation!("keys-for-the-removed");
        trusted.then_some(Self(record))
    }
}

/// What a trusted replica is given.
pub struct KeyRing {
    /// Its id.
    pub id: u64,
    /// The ledger secrets, oldest first.
    pub secrets: Vec<LedgerSecret>,
    /// The key that certifies TLS keys for ordinary clients.
    pub service_key: Secret<32>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    id: u64,
    #[n(1)]
    secrets: Vec<(u64, ByteArray<32>)>,
    #[n(2)]
    service_key: ByteArray<32>,
}

/// The bytes are no key ring for this replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Sealed to another key, for another network, or changed.
    #[error("the keys are not sealed to this replica of this network")]
    Open,
    /// The plaintext is malformed.
    #[error("malformed keys")]
    Malformed,
}

impl From<OpenError> for KeyRingError {
    fn from(_: OpenError) -> Self {
        Self::Open
    }
}

/// Seals the keys to a trusted replica.
///
/// # Errors
/// [`UnsoundKey`] where the replica's own HPKE key is of small order.
pub(crate) fn release(
    trusted: &Trusted<'_>,
    network: &Digest,
    opener: &Opener,
    service_key: &Secret<32>,
    entropy: &mut Entropy,
) -> Result<Vec<u8>, UnsoundKey> {
    let record = trusted.0;
    let secrets = opener
        .secrets()
        .map(|secret| (secret.generation, (*secret.secret.expose()).into()))
        .collect();
    let wire = Wire {
        id: record.id,
        secrets,
        service_key: (*service_key.expose()).into(),
    };
    let mut plain = minicbor::to_vec(&wire).expect("encoding into memory does not fail");
    let aad = associated_data(network, &record.identity());
    let sealed = record.statement.hpke.seal(INFO, &aad, &plain, entropy);
    plain.zeroize();
    sealed
}

/// Opens what a trusted replica sealed.
///
/// # Errors
/// [`KeyRingError`]; the sender, or whoever stands between, is at fault.
pub fn receive(
    sealed: &[u8],
    network: &Digest,
    identity: &PublicKey,
    key: &HpkeSecretKey,
) -> Result<KeyRing, KeyRingError> {
    let plain = key.open(INFO, &associated_data(network, identity), sealed)?;
    let wire = read(&plain).ok_or(KeyRingError::Malformed)?;
    let secrets = wire.secrets.into_iter();
    Ok(KeyRing {
        id: wire.id,
        secrets: secrets
            .map(|(generation, secret)| LedgerSecret {
                generation,
                secret: Secret::new(secret.into()),
            })
            .collect(),
        service_key: Secret::new(wire.service_key.into()),
    })
}

/// Reads the one encoding of a key ring of bounded length, and nothing else: anybody can seal to a
/// public key.
fn read(plain: &[u8]) -> Option<Wire> {
    let wire: Wire = minicbor::decode(plain).ok()?;
    let again = minicbor::to_vec(&wire).expect("encoding into memory does not fail");
    let canonical = *Zeroizing::new(again) == plain;
    (canonical && wire.secrets.len() <= GENERATIONS_MAX).then_some(wire)
}

fn associated_data(network: &Digest, identity: &PublicKey) -> Vec<u8> {
    [&network.as_bytes()[..], &identity.as_bytes()[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of `plain`, sealed as anybody can seal it.
    fn received(plain: &[u8]) -> Result<u64, KeyRingError> {
        let key = HpkeSecretKey::from_seed(&Secret::new([1; 32]));
        let identity = synod_crypto::SigningKey::from_seed(&Secret::new([2; 32])).public();
        let network = Digest::from([3; 32]);
        let mut entropy = Entropy::from_seed(Secret::new([4; 32]));
        let bound = associated_data(&network, &identity);
        let sealed = key.public().seal(INFO, &bound, plain, &mut entropy);
        let sealed = sealed.expect("the key is sound");
        receive(&sealed, &network, &identity, &key).map(|ring| ring.id)
    }

    fn ring() -> Vec<u8> {
        let wire = Wire {
            id: 5,
            secrets: vec![(0, [6; 32].into()), (1, [7; 32].into())],
            service_key: [8; 32].into(),
        };
        minicbor::to_vec(&wire).expect("encoding into memory does not fail")
    }

    #[test]
    fn key_ring_is_received() {
        assert_eq!(received(&ring()), Ok(5));
    }

    #[test]
    fn key_ring_in_another_encoding_is_refused() {
        let ring = ring();
        let longer_number = [&ring[..1], &[0x18], &ring[1..]].concat();
        let more_fields = [&[ring[0] + 1], &ring[1..], &[0]].concat();
        let trailing = [&ring[..], &[0]].concat();
        for other in [longer_number, more_fields, trailing] {
            assert_eq!(received(&other), Err(KeyRingError::Malformed));
        }
    }

    #[test]
    fn cut_key_ring_is_refused() {
        let ring = ring();
        for end in 0..ring.len() {
            assert_eq!(received(&ring[..end]), Err(KeyRingError::Malformed));
        }
    }
}
