//! The attested identity of a process, which begins and ends with it: keys, entropy, and evidence
//! for a statement of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use synod_attestation::{NodeStatement, Role};
use synod_attester::{
    Attester, AttesterError, NothingToPick, Simulated, SystemProbe, detect, pick,
};
use synod_channel::{
    Certificate, CertificateError, Identity, IdentityError as TlsIdentityError, TlsKey,
};
use synod_crypto::{Digest, Entropy, HpkeSecretKey, Secret, SigningKey, sha256, sha384};
use synod_endorser::Watcher;
use synod_governance::AttestedStatement;
use tokio::task::{JoinError, spawn_blocking};

use crate::attester_choice::AttesterChoice;
use crate::clock::now_ms;
use crate::endorsements::{EndorsementsConfig, EndorsingError};
use crate::evidence_source::{EvidenceError, EvidenceSource};
use crate::log;

/// A self-signed certificate is good for this long; peers and clients look at its key alone.
const SELF_SIGNED_MS: u64 = 365 * 24 * 3600 * 1000;

/// Why there is no attested identity. Our environment's fault.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(std::io::Error),
    /// The program's own file, which is what a TEE would measure, cannot be read.
    #[error("this program's own file cannot be read: {0}")]
    Measurement(std::io::Error),
    /// The simulated attester cannot be made.
    #[error(transparent)]
    Attester(#[from] AttesterError),
    /// There is nobody to ask for endorsements.
    #[error(transparent)]
    Endorsing(#[from] EndorsingError),
    /// There is no evidence, or none with endorsements.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The process stops, so no evidence is waited for.
    #[error("the node stops")]
    Stopping,
    /// This machine's TEE was asked for, and there is none, or it cannot be opened.
    #[error("{cause}\n{found}")]
    NoHardware {
        /// Why.
        cause: NothingToPick,
        /// What was found instead, and what would mend it.
        found: String,
    },
    /// The self-signed certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS key and certificate do not fit together.
    #[error(transparent)]
    Identity(#[from] TlsIdentityError),
}

impl IdentityError {
    /// What would help, if that can be told beside the error itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Endorsing(error) => error.hint(),
            Self::Evidence(error) => error.hint(),
            _ => None,
        }
    }
}

/// The keys of a process, and the TEE that vouches for them.
pub struct AttestedIdentity {
    identity_seed: Secret<32>,
    hpke_seed: Secret<32>,
    tls_seed: Secret<32>,
    /// Randomness for everything that the process makes besides.
    pub entropy: Entropy,
    /// Used by one at a time, in a thread that may block.
    source: Arc<Mutex<EvidenceSource>>,
}

impl AttestedIdentity {
    /// New keys, and the attester that was chosen, for a node with the folder `dir`. Real hardware
    /// gets an endorser beside it; a simulated one never.
    pub fn new(
        choice: AttesterChoice,
        endorsements: &EndorsementsConfig,
        dir: &Path,
    ) -> Result<Self, IdentityError> {
        let mut entropy = Entropy::from_seed(os_seed().map_err(IdentityError::Randomness)?);
        let attester = attester(choice, dir)?;
        let endorser = match choice {
            AttesterChoice::Simulated(_) => None,
            AttesterChoice::Hardware(_) => {
                let watcher = Watcher::new(|progress| log::info("endorsements", progress));
                Some(endorsements.endorser(dir, watcher)?)
            }
        };
        Ok(Self {
            identity_seed: entropy.secret(),
            hpke_seed: entropy.secret(),
            tls_seed: entropy.secret(),
            source: Arc::new(Mutex::new(EvidenceSource::new(attester, endorser))),
            entropy,
        })
    }

    /// The identity key.
    pub fn identity(&self) -> SigningKey {
        SigningKey::from_seed(&self.identity_seed)
    }

    /// The key of this node's TLS connections.
    pub fn tls(&self) -> TlsKey {
        TlsKey::from_seed(&self.tls_seed)
    }

    /// The key to which secrets are sealed.
    pub fn hpke(&self) -> HpkeSecretKey {
        HpkeSecretKey::from_seed(&self.hpke_seed)
    }

    /// A statement of these keys for `context`, with fresh evidence. The TEE and the vendor's
    /// service may take their time; a thread that may block waits for them.
    pub async fn attest(
        &self,
        context: Digest,
        nonce: Digest,
    ) -> Result<AttestedStatement, IdentityError> {
        let statement = NodeStatement {
            identity: self.identity().public(),
            tls: self.tls().spki().as_der().to_vec(),
            hpke: self.hpke().public(),
            role: Role::Replica,
            context,
            nonce,
        };
        self.of_source(move |source| source.attest(statement, now_ms()))
            .await
    }

    /// Has endorsements at hand before a nonce begins to age; tells early what is missing.
    pub async fn rehearse(&self) -> Result<(), IdentityError> {
        self.of_source(|source| source.rehearse(now_ms())).await
    }

    async fn of_source<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut EvidenceSource) -> Result<T, EvidenceError> + Send + 'static,
    ) -> Result<T, IdentityError> {
        let source = self.source.clone();
        let asked = spawn_blocking(move || {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            ask(&mut source)
        });
        Ok(asked.await.map_err(ended)??)
    }

    /// A certificate of the TLS key over itself, for the time before the service's authority
    /// vouches for it, and for peers.
    pub fn self_signed(&self) -> Result<Certificate, IdentityError> {
        let now = now_ms();
        Ok(Certificate::self_signed(
            &self.tls(),
            "synod replica",
            now,
            now + SELF_SIGNED_MS,
        )?)
    }

    /// Key and self-signed certificate together.
    pub fn tls_identity(&self) -> Result<Identity, IdentityError> {
        Ok(Identity::new(&self.tls(), &self.self_signed()?)?)
    }
}

/// A panic goes on here; else the runtime has ended before the thread began.
fn ended(error: JoinError) -> IdentityError {
    if let Ok(panic) = error.try_into_panic() {
        std::panic::resume_unwind(panic);
    }
    IdentityError::Stopping
}

/// A simulated TEE measures this program's file; a real one, what it was started with.
fn attester(choice: AttesterChoice, dir: &Path) -> Result<Box<dyn Attester>, IdentityError> {
    let wanted = match choice {
        AttesterChoice::Simulated(tee) => {
            let measurement = measurement().map_err(IdentityError::Measurement)?;
            let machine = simulated_machine(dir);
            return Ok(Box::new(Simulated::new(tee, measurement, machine)?));
        }
        AttesterChoice::Hardware(wanted) => wanted,
    };
    let found = detect(&SystemProbe);
    let attester = pick(&found, wanted).map_err(|cause| IdentityError::NoHardware {
        cause,
        found: found.to_string(),
    })?;
    log::info(
        "attester",
        format_args!("{} evidence of this machine", attester.tee()),
    );
    Ok(attester)
}

/// Which simulated machine this is: the same for every node in this folder, now and after a
/// restart.
fn simulated_machine(dir: &Path) -> [u8; 32] {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let machine = sha256(&[
        b"synod-simulated-machine\0",
        dir.as_os_str().as_encoded_bytes(),
    ]);
    *machine.as_bytes()
}

/// What a TEE would measure: SHA-384 of this program's file.
pub fn measurement() -> std::io::Result<[u8; 48]> {
    let mut program = Vec::new();
    File::open("/proc/self/exe")?.read_to_end(&mut program)?;
    Ok(sha384(&[&program]))
}

fn os_seed() -> std::io::Result<Secret<32>> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(Secret::new(seed))
}

#[cfg(test)]
mod tests {
    use synod_attestation::Tee;

    use super::*;

    #[test]
    fn simulated_node_has_no_endorser() {
        let folder = tempfile::tempdir().expect("there is room");
        let unusable = EndorsementsConfig {
            tls_roots: Some(folder.path().join("absent.pem")),
            ..EndorsementsConfig::default()
        };
        let identity = |choice| AttestedIdentity::new(choice, &unusable, folder.path());
        for tee in Tee::ALL {
            identity(AttesterChoice::Simulated(tee)).expect("nobody is to be asked");
        }
        let mut kept = folder.path().read_dir().expect("it is a folder");
        assert!(kept.next().is_none(), "no cache was made");
    }
}
