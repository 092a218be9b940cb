//! The keys that a replica works with, out of the identity of its process.

use synod_identity::AttestedIdentity;
use synod_replica::Keys;

/// The replica's keys.
pub(crate) fn replica_keys(identity: &AttestedIdentity) -> Keys {
    Keys {
        identity: identity.identity(),
        hpke: identity.hpke(),
    }
}
