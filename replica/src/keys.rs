//! The release of keys to a trusted replica (DESIGN §5.3).
//!
//! Keys are an effect of the commit that trusts a replica: any trusted replica gives them, from certified state,
//! sealed to the HPKE key of the statement that the verdict was about. Whoever asks gets the same sealed bytes'
//! worth: only the replica itself can open them.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, Entropy, HpkeSecretKey, OpenError, PublicKey, Secret, UnsoundKey};
use synod_governance::ReplicaRecord;
use synod_ledger::{LedgerSecret, Opener};
use zeroize::Zeroize;

const INFO: &[u8] = b"synod.keys.v1";
const GENERATIONS_MAX: usize = 4096;

/// Witness that certified state trusts a replica. Made only by [`Trusted::of`].
pub(crate) struct Trusted<'a>(&'a ReplicaRecord);

impl<'a> Trusted<'a> {
    /// The witness, if the record, which must come from certified state, is of a trusted replica, and the verdict
    /// on it holds at `time_ms` of the ledger.
    pub(crate) fn of(record: &'a ReplicaRecord, time_ms: u64) -> Option<Self> {
        let trusted = record.status.is_trusted() && record.verdict_holds(time_ms);
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
    let wire: Wire = minicbor::decode(&plain).map_err(|_| KeyRingError::Malformed)?;
    if wire.secrets.len() > GENERATIONS_MAX {
        return Err(KeyRingError::Malformed);
    }
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

fn associated_data(network: &Digest, identity: &PublicKey) -> Vec<u8> {
    [&network.as_bytes()[..], &identity.as_bytes()[..]].concat()
}
