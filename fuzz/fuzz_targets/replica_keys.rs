//! Sealed keys are opened or refused: as they come, and as anybody can seal
//! them, who knows the public key.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use synod_crypto::{Digest, Entropy, HpkeSecretKey, Secret, SigningKey};
use synod_replica::receive_keys;

static KEY: LazyLock<HpkeSecretKey> =
    LazyLock::new(|| HpkeSecretKey::from_seed(&Secret::new([5; 32])));
static IDENTITY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_seed(&Secret::new([6; 32])));

fuzz_target!(|bytes: &[u8]| {
    let (network, identity) = (Digest::from([7; 32]), IDENTITY.public());
    assert!(receive_keys(bytes, &network, &identity, &KEY).is_err());
    let bound = [&network.as_bytes()[..], &identity.as_bytes()[..]].concat();
    let mut entropy = Entropy::from_seed(Secret::new([8; 32]));
    let sealed = KEY
        .public()
        .seal(b"synod.keys.v1", &bound, bytes, &mut entropy)
        .expect("the key is sound");
    if let Ok(ring) = receive_keys(&sealed, &network, &identity, &KEY) {
        assert!(ring.secrets.len() * 32 <= bytes.len());
    }
});
