//! Authenticated encryption: AES-256-GCM (NIST SP 800-38D).

use crate::{backend::Aes256Gcm, secret::Secret};

/// How much longer a sealed text is than the plain one, in bytes.
pub const TAG_LENGTH: usize = 16;

/// The sealed bytes are not what was sealed under this key, nonce and
/// associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes cannot be decrypted")]
pub struct OpenError;

/// A key that seals and opens. The caller never uses one nonce for two texts:
/// that would reveal both and let others forge.
pub struct SealKey(Aes256Gcm);

impl SealKey {
    /// The key itself is used as it is; derive it for one purpose only.
    pub fn new(key: &Secret<32>) -> Self {
        Self(Aes256Gcm::new(key.expose()))
    }

    /// Encrypts `buffer` in place and appends the tag ([`TAG_LENGTH`] bytes).
    pub fn seal(&self, nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) {
        self.0.seal(nonce, aad, buffer);
    }

    /// Decrypts `buffer` in place and cuts the tag off. After an error the
    /// buffer is empty: nothing unauthenticated is left to read.
    pub fn open(&self, nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) -> Result<(), OpenError> {
        let length = self.0.open(nonce, aad, buffer);
        buffer.truncate(*length.as_ref().unwrap_or(&0));
        length.map(|_| ()).map_err(|_| OpenError)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}
