//! Which replica holds which keys, as committed membership says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use synod_crypto::PublicKey;

use crate::spki::Spki;

/// Two replicas cannot share a key: each is born in one process. The later one of the two is not
/// trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("replica {replica} is recorded with the key of an earlier replica")]
pub struct DuplicateKey {
    /// The later one, which is left out of the table.
    pub replica: u64,
}

/// The keys of one replica: those of the statement that its evidence binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerKeys {
    /// What its connections are made with.
    pub tls: Spki,
    /// What it signs each session with.
    pub identity: PublicKey,
}

/// The trusted replicas' keys. Copies share one table: what replaces it is
/// seen by all configurations that were made with it.
#[derive(Debug, Clone, Default)]
pub struct PeerTable(Arc<RwLock<BTreeMap<u64, PeerKeys>>>);

impl PeerTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts exactly these replicas from the next handshake on, but for those
    /// that name a key of one with a lower id: ids are given out in order, so
    /// the key was the other's first. Returns who is left out; the others are
    /// not affected.
    pub fn replace(&self, mut replicas: BTreeMap<u64, PeerKeys>) -> Vec<DuplicateKey> {
        let (mut tls, mut identities) = (BTreeSet::new(), BTreeSet::new());
        let mut left_out = Vec::new();
        replicas.retain(|&replica, keys| {
            let is_taken = tls.contains(&keys.tls) || identities.contains(&keys.identity);
            if is_taken {
                left_out.push(DuplicateKey { replica });
            } else {
                tls.insert(keys.tls.clone());
                identities.insert(keys.identity);
            }
            !is_taken
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = replicas;
        left_out
    }

    /// The trusted replica that holds the TLS key `key`.
    pub fn id_of(&self, key: &Spki) -> Option<u64> {
        let replicas = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut holders = replicas.iter().filter(|(_, held)| held.tls == *key);
        holders.next().map(|(&id, _)| id)
    }

    /// The keys of a trusted replica.
    pub fn keys_of(&self, replica: u64) -> Option<PeerKeys> {
        let replicas = self.0.read().unwrap_or_else(PoisonError::into_inner);
        replicas.get(&replica).cloned()
    }
}
