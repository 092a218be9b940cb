//! Which replica holds which keys, as committed membership says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use synod_crypto::PublicKey;

use crate::spki::Spki;

/// Two replicas cannot share a key: each is born in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("replica {replica} has a key of another replica")]
pub struct DuplicateKey {
    /// One of the two.
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
    /// A table of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts exactly these replicas from the next handshake on. After an
    /// error the table is as before.
    pub fn replace(&self, replicas: BTreeMap<u64, PeerKeys>) -> Result<(), DuplicateKey> {
        let (mut tls, mut identities) = (BTreeSet::new(), BTreeSet::new());
        for (&replica, keys) in &replicas {
            if !tls.insert(&keys.tls) || !identities.insert(keys.identity) {
                return Err(DuplicateKey { replica });
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = replicas;
        Ok(())
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
