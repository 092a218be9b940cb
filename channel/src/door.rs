//! The public door: HTTPS for users, members and ordinary TLS clients.
//!
//! A client may show a certificate; at this level any is accepted whose
//! private key it holds, self-signed ones above all. Names, dates and issuer
//! in it mean nothing: the gateway looks its key up by fingerprint.
//!
//! A client that offers [`ATTESTED_PROTOCOL`] is shown the certificate with the
//! evidence, once there is one; all others an ordinary one. Both are of one key.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustls::{
    CommonState, DistinguishedName, Error, NoKeyLog, ServerConfig,
    pki_types::{CertificateDer, UnixTime},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, SigningKey},
};
use synod_crypto::Digest;

use crate::{
    appraiser::ATTESTED_PROTOCOL,
    certificate::Certificate,
    clock::Clock,
    key::TlsKey,
    spki::Spki,
    suite::{
        HTTP_PROTOCOLS, HandshakeSignatures, VERSIONS, handshake_signature_methods, public_provider,
    },
};

/// The certificate is for a different key than the listener's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("certificate is not for the key of this TLS listener")]
pub struct KeyMismatch;

/// A server configuration whose certificate can be exchanged while it serves.
pub struct PublicDoor {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    signer: Arc<dyn SigningKey>,
    spki: Spki,
}

impl PublicDoor {
    /// A listener that presents `certificate`, which must be for `key`.
    pub fn new(
        key: &TlsKey,
        certificate: &Certificate,
        clock: &Clock,
    ) -> Result<Self, KeyMismatch> {
        let (signer, spki) = (key.signer(), key.spki().clone());
        let shown = Arc::new(Shown {
            ordinary: RwLock::new(certified(certificate, &signer, &spki)?),
            attested: RwLock::new(None),
        });
        Ok(Self {
            config: Arc::new(config(shown.clone(), clock)),
            shown,
            signer,
            spki,
        })
    }

    /// For the acceptor of connections. Exchanges of the certificate reach
    /// every copy.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Shows `certificate` from the next connection on.
    pub fn show(&self, certificate: &Certificate) -> Result<(), KeyMismatch> {
        let next = certified(certificate, &self.signer, &self.spki)?;
        *write(&self.shown.ordinary) = next;
        Ok(())
    }

    /// Shows `certificate`, which carries evidence, to those that ask for it,
    /// from the next connection on. To be called anew with each new evidence.
    pub fn show_evidence(&self, certificate: &Certificate) -> Result<(), KeyMismatch> {
        let next = certified(certificate, &self.signer, &self.spki)?;
        *write(&self.shown.attested) = Some(next);
        Ok(())
    }
}

impl std::fmt::Debug for PublicDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicDoor({:?})", self.spki)
    }
}

/// The fingerprint of the key that the client showed and proved to hold, once
/// the handshake is done. `None` if it showed none.
pub fn caller_fingerprint(connection: &CommonState) -> Option<Digest> {
    let certificate = connection.peer_certificates()?.first()?;
    let spki = Spki::of_certificate(certificate).ok()?;
    Some(spki.fingerprint())
}

fn certified(
    certificate: &Certificate,
    signer: &Arc<dyn SigningKey>,
    spki: &Spki,
) -> Result<Arc<CertifiedKey>, KeyMismatch> {
    if certificate.spki() != spki {
        return Err(KeyMismatch);
    }
    let chain = vec![certificate.der().clone()];
    Ok(Arc::new(CertifiedKey::new(chain, signer.clone())))
}

fn config(shown: Arc<Shown>, clock: &Clock) -> ServerConfig {
    let provider = public_provider();
    let verifier = AnyKey {
        signatures: HandshakeSignatures::new(&provider),
    };
    let mut config = ServerConfig::builder_with_details(provider, clock.provider())
        .with_protocol_versions(VERSIONS)
        .expect("the provider has suites for TLS 1.3")
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(shown);
    config.alpn_protocols = HTTP_PROTOCOLS.map(<[u8]>::to_vec).into();
    without_resumption(&mut config);
    config
}

/// No tickets, no session store, no secrets to a key log.
pub(crate) fn without_resumption(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.key_log = Arc::new(NoKeyLog {});
}

#[derive(Debug)]
struct Shown {
    ordinary: RwLock<Arc<CertifiedKey>>,
    attested: RwLock<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks = hello
            .alpn()
            .is_some_and(|mut offered| offered.any(|protocol| protocol == ATTESTED_PROTOCOL));
        let attested = asks.then(|| read(&self.attested).clone()).flatten();
        Some(attested.unwrap_or_else(|| read(&self.ordinary).clone()))
    }
}

/// Nobody panics while holding these locks; what they guard is whole anyway.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts every certificate for its key, none as well.
#[derive(Debug)]
struct AnyKey {
    signatures: HandshakeSignatures,
}

impl ClientCertVerifier for AnyKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Spki::of_certificate(certificate)
            .map(|_| ClientCertVerified::assertion())
            .map_err(|_| rustls::CertificateError::BadEncoding.into())
    }

    handshake_signature_methods!();
}
