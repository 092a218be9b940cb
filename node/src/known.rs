//! Whom certified governance knows: users and members by their certificates, replicas by their TLS
//! keys.
//!
//! The doors ask here whether a connection is of somebody who has places of their own. It decides
//! no rights, and it is kept beside the consensus thread, so that connections of strangers cost
//! that thread nothing.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use synod_crypto::{Digest, sha256};
use synod_replica::Replica;

/// The known ones; clones share one state.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<RwLock<Fingerprints>>);

/// SHA-256 of public keys (SubjectPublicKeyInfo).
#[derive(Debug, Default, PartialEq, Eq)]
struct Fingerprints {
    people: HashSet<Digest>,
    replicas: HashSet<Digest>,
}

impl Known {
    /// Takes over what certified state says now.
    pub(crate) fn update(&self, replica: &Replica) {
        let governance = replica.governance_view();
        let users = governance.users.iter().map(|user| user.fingerprint);
        let members = governance.members.iter().filter_map(|member| member.tls);
        let network = replica.network_view();
        let trusted = network
            .replicas
            .iter()
            .filter(|replica| replica.status.is_trusted())
            .map(|replica| sha256(&[&replica.statement.tls]));
        let now = Fingerprints {
            people: users.chain(members).collect(),
            replicas: trusted.collect(),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether the key is that of a user, a member or a replica that is trusted.
    pub(crate) fn knows(&self, key: &Digest) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.people.contains(key) || known.replicas.contains(key)
    }

    /// Whether the key is the TLS key of a replica that is trusted, such as one that joins.
    pub(crate) fn is_replica(&self, key: &Digest) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.replicas.contains(key)
    }
}
