//! The keys of simulated platforms, derived from a seed; and the published
//! keys of their vendors.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PSS_SHA384, RsaKeyPair},
};
use synod_crypto::{
    ecdsa::{P256SigningKey, P384SigningKey},
    hkdf_sha256,
};

use crate::attester::AttesterError;

const AMD_ARK: &[u8] = include_bytes!("../../mock/amd-ark.key.der");
const AMD_ASK: &[u8] = include_bytes!("../../mock/amd-ask.key.der");
const INTEL_ROOT: &[u8] = include_bytes!("../../mock/intel-root.key.der");
const AWS_ROOT: &[u8] = include_bytes!("../../mock/aws-root.key.der");

/// What stands before the scalar in the PKCS #8 (RFC 5958) form of a P-256
/// key without its public half.
const P256_PREFIX: &str = "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420";
/// The same for P-384.
const P384_PREFIX: &str = "304e020100301006072a8648ce3d020106052b81040022043730350201010430";

/// Derives everything that tells one simulated platform from another.
pub(crate) struct Keys {
    seed: [u8; 32],
}

impl Keys {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed }
    }

    /// Bytes that belong to this platform and `label`.
    pub(crate) fn bytes<const N: usize>(&self, label: &str) -> [u8; N] {
        *hkdf_sha256::<N>(&self.seed, b"synod simulated platform", &[label.as_bytes()]).expose()
    }

    /// A P-256 key that belongs to this platform and `label`.
    pub(crate) fn p256(&self, label: &'static str) -> Result<P256SigningKey, AttesterError> {
        // A random scalar is out of range once in 2^32.
        (0..4)
            .map(|attempt| self.bytes::<32>(&format!("{label} {attempt}")))
            .find_map(|scalar| P256SigningKey::from_pkcs8(&pkcs8(P256_PREFIX, &scalar)).ok())
            .ok_or(AttesterError::Key(label))
    }

    /// A P-384 key that belongs to this platform and `label`.
    pub(crate) fn p384(&self, label: &'static str) -> Result<P384SigningKey, AttesterError> {
        P384SigningKey::from_pkcs8(&pkcs8(P384_PREFIX, &self.bytes::<48>(label)))
            .map_err(|_| AttesterError::Key(label))
    }
}

fn pkcs8(prefix: &str, scalar: &[u8]) -> Vec<u8> {
    let mut der = hex::decode(prefix).expect("the prefix is hexadecimal");
    der.extend_from_slice(scalar);
    der
}

/// An RSA key that signs as AMD's authorities do: PSS with SHA-384.
pub(crate) struct RsaKey(RsaKeyPair);

impl RsaKey {
    /// The key of the simulated ARK.
    pub(crate) fn ark() -> Result<Self, AttesterError> {
        Self::read(AMD_ARK, "amd-ark")
    }

    /// The key of the simulated ASK.
    pub(crate) fn ask() -> Result<Self, AttesterError> {
        Self::read(AMD_ASK, "amd-ask")
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AttesterError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PSS_SHA384,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| AttesterError::Key("amd"))?;
        Ok(signature)
    }

    fn read(pkcs8: &[u8], name: &'static str) -> Result<Self, AttesterError> {
        RsaKeyPair::from_pkcs8(pkcs8)
            .map(Self)
            .map_err(|_| AttesterError::Key(name))
    }
}

/// The key of the simulated Intel root.
pub(crate) fn intel_root() -> Result<P256SigningKey, AttesterError> {
    P256SigningKey::from_pkcs8(INTEL_ROOT).map_err(|_| AttesterError::Key("intel-root"))
}

/// The key of the simulated AWS root.
pub(crate) fn aws_root() -> Result<P384SigningKey, AttesterError> {
    P384SigningKey::from_pkcs8(AWS_ROOT).map_err(|_| AttesterError::Key("aws-root"))
}
