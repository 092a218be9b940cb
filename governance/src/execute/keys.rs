//! All keys that replicas were ever recorded with: no key is accepted a second time.
//!
//! A replica is born with its keys, so two replicas never share one by chance. A statement that
//! names the key of another replica comes from a machine that wants to be taken for it, or to have
//! it cut off.

use synod_attestation::NodeStatement;
use synod_crypto::{Digest, sha256};
use synod_kv::{Read, Transaction};

use crate::refusal::{Refusal, StatementKey};
use crate::tables::{self, map};

/// Whether none of the statement's keys was recorded before, for whatever replica, past or present.
///
/// # Errors
/// [`Refusal::KeyUsed`].
pub(super) fn check_unused(reader: &impl Read, statement: &NodeStatement) -> Result<(), Refusal> {
    let holder = |map, key: &[u8]| tables::row::<u64>(reader, map, key);
    if let Some(id) = holder(map::IDENTITIES, statement.identity.as_bytes())? {
        return Err(Refusal::KeyUsed {
            id,
            key: StatementKey::Identity,
        });
    }
    if let Some(id) = holder(map::TLS_KEYS, tls_row(statement).as_bytes())? {
        return Err(Refusal::KeyUsed {
            id,
            key: StatementKey::Tls,
        });
    }
    if let Some(id) = holder(map::HPKE_KEYS, statement.hpke.as_bytes())? {
        return Err(Refusal::KeyUsed {
            id,
            key: StatementKey::Hpke,
        });
    }
    Ok(())
}

/// Records the statement's keys as those of replica `id`, for ever.
pub(super) fn record(
    tx: &mut Transaction<'_>,
    statement: &NodeStatement,
    id: u64,
) -> Result<(), Refusal> {
    tables::write(tx, map::IDENTITIES, statement.identity.as_bytes(), &id)?;
    tables::write(tx, map::TLS_KEYS, tls_row(statement).as_bytes(), &id)?;
    tables::write(tx, map::HPKE_KEYS, statement.hpke.as_bytes(), &id)?;
    Ok(())
}

/// A TLS key can be longer than a key of a map; its fingerprint is not.
fn tls_row(statement: &NodeStatement) -> Digest {
    sha256(&[&statement.tls])
}
