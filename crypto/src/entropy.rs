//! The only source of randomness in code that must be repeatable: a stream of
//! bytes from a seed.
//!
//! ChaCha20 (RFC 8439) with fast key erasure: each draw takes the first 32
//! bytes of a fresh key stream as the next key, so what was drawn before
//! cannot be found again from the state that remains.

use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit, StreamCipher},
};
use zeroize::Zeroize;

use crate::{kdf::hkdf_sha256, secret::Secret};

/// A seeded, deterministic stream of random bytes.
#[derive(Debug)]
pub struct Entropy {
    key: Secret<32>,
}

impl Entropy {
    /// A stream that is as unpredictable as `seed`, and the same for the same
    /// seed.
    pub fn from_seed(seed: Secret<32>) -> Self {
        Self { key: seed }
    }

    /// The next `N` bytes, for what is not secret (nonces, salts, ids).
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// The next `N` bytes, as a secret.
    pub fn secret<const N: usize>(&mut self) -> Secret<N> {
        Secret::new(self.take())
    }

    /// A stream of its own for the purpose `label`. Moves this stream on, so
    /// two forks differ even under one label.
    pub fn fork(&mut self, label: &str) -> Self {
        let seed = self.secret::<32>();
        Self::from_seed(hkdf_sha256(
            seed.expose(),
            b"synod.entropy",
            &[label.as_bytes()],
        ))
    }

    /// Overwrites `bytes` with the next bytes of the stream.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        // The nonce may stand still: no key is used for two draws.
        let mut stream = ChaCha20::new(self.key.expose().into(), &[0; 12].into());
        let mut next = [0; 32];
        stream.apply_keystream(&mut next);
        bytes.zeroize();
        stream.apply_keystream(bytes);
        self.key = Secret::new(next);
        next.zeroize();
    }
}

/// Lets libraries that ask for a generator draw from the stream.
impl rand_core::RngCore for Entropy {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.fill(bytes);
    }
}

impl rand_core::CryptoRng for Entropy {}
