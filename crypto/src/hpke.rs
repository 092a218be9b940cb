//! HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//! AES-256-GCM. One message per encapsulation.

use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use zeroize::Zeroizing;

use crate::{
    byte_types::byte_type, entropy::Entropy, seal::OpenError, seal::TAG_LENGTH, secret::Secret,
};

const ENCAPSULATED_LENGTH: usize = 32;

/// How much longer a sealed message is than the plain one, in bytes.
pub const SEALED_OVERHEAD: usize = ENCAPSULATED_LENGTH + TAG_LENGTH;

type SecretScalar = <X25519HkdfSha256 as Kem>::PrivateKey;
type PublicPoint = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A key that opens what was sealed to its public half.
pub struct HpkeSecretKey {
    secret: SecretScalar,
    public: HpkePublicKey,
}

impl HpkeSecretKey {
    /// The key of RFC 9180 §7.1.3 (`DeriveKeyPair`) for this seed.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let (secret, public) = X25519HkdfSha256::derive_keypair(seed.expose());
        let public = HpkePublicKey(public.to_bytes().into());
        Self { secret, public }
    }

    /// The key that others seal to.
    pub fn public(&self) -> HpkePublicKey {
        self.public
    }

    /// Opens `sealed` (`enc || ciphertext || tag`). The plaintext wipes itself.
    pub fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (enc, ciphertext) = sealed
            .split_at_checked(ENCAPSULATED_LENGTH)
            .ok_or(OpenError)?;
        let enc = EncappedKey::from_bytes(enc).map_err(|_| OpenError)?;
        hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &enc,
            info,
            ciphertext,
            aad,
        )
        .map(Zeroizing::new)
        .map_err(|_| OpenError)
    }
}

impl std::fmt::Debug for HpkeSecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HpkeSecretKey({})", self.public)
    }
}

/// A key that messages are sealed to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HpkePublicKey([u8; 32]);

byte_type!(HpkePublicKey, 32);

/// The public key is of small order: whatever is sealed to it can be read by
/// everybody. Whoever gave the key is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HPKE public key is of small order")]
pub struct UnsoundKey;

impl HpkePublicKey {
    /// Seals `plaintext` to the owner of this key: `enc || ciphertext || tag`.
    /// `info` and `aad` must be the same on opening.
    pub fn seal(
        &self,
        info: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, UnsoundKey> {
        let recipient = PublicPoint::from_bytes(&self.0).map_err(|_| UnsoundKey)?;
        let (enc, ciphertext) =
            hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256, _>(
                &OpModeS::Base,
                &recipient,
                info,
                plaintext,
                aad,
                entropy,
            )
            .map_err(|_| UnsoundKey)?;
        Ok([enc.to_bytes().as_slice(), &ciphertext].concat())
    }
}
