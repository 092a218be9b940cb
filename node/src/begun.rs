//! A replica that is ready to run: what founding and joining both end in.

use bytes::Bytes;
use synod_channel::TlsKey;
use synod_crypto::{Digest, Secret, SigningKey};
use synod_governance::AttestedStatement;
use synod_replica::Boot;

use crate::ledger_files::LedgerFiles;
use synod_identity::AttestedIdentity;

/// Everything that running a replica takes.
pub(crate) struct Begun {
    /// The keys and the TEE, to attest anew.
    pub(crate) own_identity: AttestedIdentity,
    /// The network id.
    pub(crate) network: Digest,
    /// What the replica starts from.
    pub(crate) boot: Boot,
    /// Where this node keeps its ledger, where that has begun: a joiner's, which holds all that it
    /// was sent.
    pub(crate) files: Option<LedgerFiles>,
    /// The records of the ledger so far, encoded, that no file holds yet.
    pub(crate) records: Vec<Bytes>,
    /// The statement and evidence by which this replica was trusted.
    pub(crate) attested: AttestedStatement,
    /// When that evidence was collected (Unix milliseconds, this machine's clock).
    pub(crate) collected_ms: u64,
    /// The transaction that made it trusted; none for a founder.
    pub(crate) trusted_by: Option<synod_ledger::TxId>,
    /// The identity key once more, for statements of freshness at the door.
    pub(crate) identity: SigningKey,
    /// The TLS key that the statement names.
    pub(crate) tls: TlsKey,
    /// The key that certifies TLS keys for ordinary clients.
    pub(crate) service_key: Secret<32>,
    /// From when the service's authority is valid: the same for all replicas.
    pub(crate) authority_from_ms: u64,
}
