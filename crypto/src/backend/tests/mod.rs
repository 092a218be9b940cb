//! Both backends against the same vectors, and against each other.

mod agreement;
mod wycheproof;

use super::{
    aws_lc,
    primitive::{Hash, Refused, Scheme},
    rust_crypto,
};

/// A backend's verbs, so that one test runs over both.
#[expect(clippy::type_complexity, reason = "a table of functions")]
struct Backend {
    name: &'static str,
    verify: fn(Scheme, &[u8], &[u8], &[u8]) -> Result<(), Refused>,
    sha256: fn(Hash, &[&[u8]]) -> [u8; 32],
    sha384: fn(Hash, &[&[u8]]) -> [u8; 48],
    sha512: fn(Hash, &[&[u8]]) -> [u8; 64],
    hkdf_sha256: fn(&[u8], &[u8], &[&[u8]], &mut [u8]),
    seal: fn(&[u8; 32], [u8; 12], &[u8], &[u8]) -> Vec<u8>,
    open: fn(&[u8; 32], [u8; 12], &[u8], &[u8]) -> Result<Vec<u8>, Refused>,
}

macro_rules! backend {
    ($module:ident) => {
        Backend {
            name: stringify!($module),
            verify: $module::verify,
            sha256: $module::hash,
            sha384: $module::hash,
            sha512: $module::hash,
            hkdf_sha256: $module::hkdf_sha256,
            seal: |key, nonce, aad, text| {
                let mut buffer = text.to_vec();
                $module::Aes256Gcm::new(key).seal(nonce, aad, &mut buffer);
                buffer
            },
            open: |key, nonce, aad, sealed| {
                let mut buffer = sealed.to_vec();
                let length = $module::Aes256Gcm::new(key).open(nonce, aad, &mut buffer)?;
                buffer.truncate(length);
                Ok(buffer)
            },
        }
    };
}

const BACKENDS: [Backend; 2] = [backend!(aws_lc), backend!(rust_crypto)];

/// The one answer of both backends.
fn verify(scheme: Scheme, public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Refused> {
    let [first, second] =
        BACKENDS.map(|backend| (backend.verify)(scheme, public, message, signature));
    assert_eq!(
        first,
        second,
        "{scheme:?}: key {}, message {}, signature {}",
        hex::encode(public),
        hex::encode(message),
        hex::encode(signature)
    );
    first
}
