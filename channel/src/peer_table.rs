//! Which replica holds which TLS key, as committed membership says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use crate::spki::Spki;

/// Two replicas cannot share a key: each is born in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("replica {replica} has the TLS key of another replica")]
pub struct DuplicateKey {
    /// One of the two.
    pub replica: u64,
}

/// The trusted replicas' keys. Copies share one table: what replaces it is
/// seen by all configurations that were made with it.
#[derive(Debug, Clone, Default)]
pub struct PeerTable(Arc<RwLock<BTreeMap<u64, Spki>>>);

impl PeerTable {
    /// A table of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts exactly these replicas from the next handshake on. After an
    /// error the table is as before.
    pub fn replace(&self, replicas: BTreeMap<u64, Spki>) -> Result<(), DuplicateKey> {
        let mut keys = BTreeSet::new();
        for (&replica, key) in &replicas {
            if !keys.insert(key) {
                return Err(DuplicateKey { replica });
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = replicas;
        Ok(())
    }

    /// The trusted replica that holds `key`.
    pub fn id_of(&self, key: &Spki) -> Option<u64> {
        let replicas = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut holders = replicas.iter().filter(|(_, held)| *held == key);
        holders.next().map(|(&id, _)| id)
    }

    /// The key of a trusted replica.
    pub fn key_of(&self, replica: u64) -> Option<Spki> {
        let replicas = self.0.read().unwrap_or_else(PoisonError::into_inner);
        replicas.get(&replica).cloned()
    }
}
