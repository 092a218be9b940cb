//! A stand-in for Ed25519, for simulated networks alone: a hash over public key and message.
//!
//! It is some hundred times as fast, and anybody can forge it. The simulator's adversary does not;
//! what it spoils is refused as it would be otherwise. Only a build with `--cfg synod_simulation`
//! has it, and even that signs with the real algorithm unless the simulator asks for the stand-in.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::digest::sha256;

static STANDS_IN: AtomicBool = AtomicBool::new(false);

/// Has all signatures of this process made and verified by the stand-in. To be called before the
/// first key is made.
pub fn use_stand_in_signatures() {
    STANDS_IN.store(true, Ordering::Relaxed);
}

/// The signature over `message` by the owner of this public key; none where real signatures are
/// used.
pub(crate) fn sign(key: &[u8; 32], message: &[u8]) -> Option<[u8; 64]> {
    if !STANDS_IN.load(Ordering::Relaxed) {
        return None;
    }
    let half = sha256(&[b"synod simulated signature", key, message]);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(half.as_bytes());
    signature[32..].copy_from_slice(half.as_bytes());
    Some(signature)
}
