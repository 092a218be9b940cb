//! How a founder comes to be.
//!
//! The founder shows its evidence, bound to the manifest's digest, and waits. The members appraise
//! it and sign; with enough approvals it makes block 0, whose hash is the network id. Nothing is
//! served to users before.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use synod_consensus::Tuning;
use synod_crypto::{Digest, SigningKey};
use synod_governance::{Address, AttestedStatement, Founder, Manifest, ManifestError};
use synod_ledger::Record;
use synod_replica::{Boot, FoundError, ImportError, LedgerImport, Maps, found};

use crate::begun::Begun;
use crate::keys::replica_keys;
use synod_identity::{AttestedIdentity, IdentityError, now_ms};

/// Longest request with approvals, in bytes.
const APPROVALS_BYTES_MAX: usize = 64 * 1024;
/// Most approvals in a request.
const APPROVALS_MAX: usize = 64;

/// Why no synod was founded.
#[derive(Debug, thiserror::Error)]
pub enum FounderError {
    /// The manifest's file cannot be read.
    #[error("the manifest `{path}` cannot be read: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The manifest is not valid. Its author's fault.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Keys or evidence could not be made.
    #[error(transparent)]
    Birth(#[from] IdentityError),
    /// The request with the approvals is malformed.
    #[error("the approvals are not a CBOR list of at most {APPROVALS_MAX} byte strings")]
    MalformedApprovals,
    /// The network was founded before: a founder founds one.
    #[error("this founder has founded its network")]
    AlreadyFounded,
    /// Evidence or approvals do not hold.
    #[error(transparent)]
    Found(#[from] FoundError),
    /// Block 0 is not accepted by this replica itself.
    #[error(transparent)]
    LedgerImport(#[from] ImportError),
}

/// A founder that waits for the members.
pub(crate) struct Waiting {
    /// Gone once the network is founded.
    own_identity: Option<AttestedIdentity>,
    identity: SigningKey,
    manifest: Vec<u8>,
    parsed: Manifest,
    address: Address,
    attested: AttestedStatement,
    collected_ms: u64,
}

impl Waiting {
    /// Reads the manifest, makes keys and collects evidence.
    pub(crate) async fn new(
        manifest: &Path,
        own_identity: AttestedIdentity,
        address: Address,
    ) -> Result<Self, FounderError> {
        let read = |cause| FounderError::Read {
            path: manifest.to_path_buf(),
            cause,
        };
        let manifest = std::fs::read(manifest).map_err(read)?;
        let parsed = Manifest::from_toml(&manifest)?;
        let mut own_identity = own_identity;
        let nonce = own_identity.entropy.take().into();
        let attested = own_identity.attest(parsed.digest(), nonce).await?;
        Ok(Self {
            identity: own_identity.identity(),
            own_identity: Some(own_identity),
            manifest,
            parsed,
            address,
            attested,
            collected_ms: now_ms(),
        })
    }

    /// What the members appraise.
    pub(crate) fn attested(&self) -> &AttestedStatement {
        &self.attested
    }

    /// When the evidence was collected (Unix milliseconds).
    pub(crate) fn collected_ms(&self) -> u64 {
        self.collected_ms
    }

    /// The identity key, for signatures of freshness.
    pub(crate) fn identity(&self) -> &SigningKey {
        &self.identity
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.parsed
    }

    /// Founds the network with the members' approvals, a CBOR list of COSE_Sign1 messages.
    ///
    /// # Errors
    /// [`FounderError`]; the founder goes on waiting.
    pub(crate) fn found(&mut self, approvals: &[u8]) -> Result<Begun, FounderError> {
        let own_identity = self
            .own_identity
            .as_mut()
            .ok_or(FounderError::AlreadyFounded)?;
        let approvals = read_approvals(approvals)?;
        let founder = Founder {
            attested: self.attested.clone(),
            address: self.address.clone(),
            approvals,
        };
        let founded = found(
            &self.manifest,
            vec![founder],
            &mut own_identity.entropy,
            now_ms(),
        )?;
        let mut import = LedgerImport::new(founded.network, Some(vec![founded.secret]));
        let record = Record::Block(founded.block);
        import.feed(&record)?;
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let machine = import.finish()?;
        let mut own_identity = self.own_identity.take().expect("it was there just now");
        let authority_from_ms = machine.sequence().certified().time_ms;
        let service_key = own_identity.entropy.secret::<32>();
        let boot = Boot {
            id: 1,
            keys: replica_keys(&own_identity),
            machine,
            service_key: service_key.duplicate(),
            kv: Box::new(Maps),
            tuning: Tuning::default(),
            entropy: own_identity.entropy.fork("replica"),
        };
        Ok(Begun {
            network: founded.network,
            boot,
            files: None,
            records: vec![Bytes::from(bytes)],
            attested: self.attested.clone(),
            collected_ms: self.collected_ms,
            trusted_by: None,
            identity: own_identity.identity(),
            tls: own_identity.tls(),
            own_identity,
            service_key,
            authority_from_ms,
        })
    }
}

fn read_approvals(bytes: &[u8]) -> Result<Vec<Vec<u8>>, FounderError> {
    if bytes.len() > APPROVALS_BYTES_MAX {
        return Err(FounderError::MalformedApprovals);
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let approvals: Vec<ByteVec> = decoder
        .decode()
        .map_err(|_| FounderError::MalformedApprovals)?;
    if approvals.len() > APPROVALS_MAX || decoder.position() != bytes.len() {
        return Err(FounderError::MalformedApprovals);
    }
    Ok(approvals.into_iter().map(Vec::from).collect())
}

/// The founder's answer to enough approvals: the network id.
pub(crate) fn answer(network: &Digest) -> Bytes {
    minicbor::to_vec(network)
        .expect("encoding into memory does not fail")
        .into()
}
