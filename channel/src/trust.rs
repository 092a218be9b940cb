//! How a client knows the server: by the service's pinned authority, by exactly
//! the key that evidence was verified for, or by the evidence in its certificate.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    sign::SingleCertAndKey,
};

use synod_attestation::{Role, Verdict};

use crate::{
    appraiser::{ATTESTED_PROTOCOL, Appraiser},
    clock::Clock,
    identity::Identity,
    spki::Spki,
    suite::{
        HTTP_PROTOCOLS, HandshakeSignatures, VERSIONS, handshake_signature_methods, public_provider,
    },
};

/// Whom a client believes to be the service.
#[derive(Debug, Clone)]
pub struct ServerTrust(Trust);

#[derive(Debug, Clone)]
enum Trust {
    ServiceCa(CertificateDer<'static>),
    Key { key: Spki, until_ms: u64 },
    Evidence(Appraiser),
}

impl ServerTrust {
    /// Every replica with a certificate of this authority, under the name that
    /// was asked for. Trusts all replicas of the service alike.
    pub fn service_ca(authority: CertificateDer<'static>) -> Self {
        Self(Trust::ServiceCa(authority))
    }

    /// The same, with the authority's certificate in PEM.
    pub fn service_ca_from_pem(pem: &str) -> Result<Self, TrustError> {
        CertificateDer::from_pem_slice(pem.as_bytes())
            .map(Self::service_ca)
            .map_err(|_| TrustError::BadAuthority)
    }

    /// The replica that the verdict is about, by exactly the TLS key that its
    /// evidence binds, until the verdict expires. Names and dates in its
    /// certificate mean nothing.
    pub fn attested(verdict: &Verdict) -> Result<Self, TrustError> {
        let subject = verdict.subject();
        if subject.role != Role::Replica {
            return Err(TrustError::NotAReplica);
        }
        let key = Spki::from_der(subject.tls.clone());
        Ok(Self::dangerous_key(key, verdict.expires_ms()))
    }

    /// Whoever shows evidence, in its certificate, that `appraiser` accepts: a
    /// stranger, known by nothing else. Take the verdict from
    /// [`Appraiser::verdict`] after the handshake, and have the session proven
    /// before anything is sent.
    pub fn evidence(appraiser: Appraiser) -> Self {
        Self(Trust::Evidence(appraiser))
    }

    /// The holder of exactly `key`, until `until_ms` (to the second). The caller answers for
    /// the key: it must have come out of a check, for example of certified
    /// membership. Prefer [`Self::attested`].
    pub fn dangerous_key(key: Spki, until_ms: u64) -> Self {
        Self(Trust::Key { key, until_ms })
    }
}

/// Why no connection can be trusted in this way. The caller is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The pinned authority is not a certificate.
    #[error("the service's CA certificate is not an X.509 certificate")]
    BadAuthority,
    /// The verdict is about a client or worker: no server.
    #[error("verdict is not for a replica")]
    NotAReplica,
}

/// A client's configuration for HTTPS. Shows `identity` if the server asks for
/// a certificate.
pub fn client_config(
    trust: &ServerTrust,
    identity: Option<&Identity>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, TrustError> {
    let verifier: Arc<dyn ServerCertVerifier> = match &trust.0 {
        Trust::ServiceCa(authority) => authority_verifier(authority)?,
        Trust::Key { key, until_ms } => Arc::new(KeyVerifier {
            key: key.clone(),
            until: UnixTime::since_unix_epoch(Duration::from_millis(*until_ms)),
            signatures: HandshakeSignatures::new(&public_provider()),
        }),
        Trust::Evidence(appraiser) => appraiser.verifier(),
    };
    let mut config = config_with(verifier, identity, clock);
    if matches!(trust.0, Trust::Evidence(_)) {
        let config = Arc::get_mut(&mut config).expect("it was made here");
        config.alpn_protocols.push(ATTESTED_PROTOCOL.to_vec());
    }
    Ok(config)
}

/// A configuration that leaves the judgement of the server to `verifier`.
pub(crate) fn config_with(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&Identity>,
    clock: &Clock,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_details(public_provider(), clock.provider())
        .with_protocol_versions(VERSIONS)
        .expect("the provider has suites for TLS 1.3")
        .dangerous() // the caller's trust, not a public authority's
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified()))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = HTTP_PROTOCOLS.map(<[u8]>::to_vec).into();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

fn authority_verifier(
    authority: &CertificateDer<'static>,
) -> Result<Arc<WebPkiServerVerifier>, TrustError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.clone())
        .map_err(|_| TrustError::BadAuthority)?;
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), public_provider())
        .build()
        .map_err(|_| TrustError::BadAuthority)
}

#[derive(Debug)]
struct KeyVerifier {
    key: Spki,
    until: UnixTime,
    signatures: HandshakeSignatures,
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if now >= self.until {
            return Err(CertificateError::Expired.into());
        }
        match Spki::of_certificate(certificate) {
            Ok(key) if key == self.key => Ok(ServerCertVerified::assertion()),
            Ok(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Err(_) => Err(CertificateError::BadEncoding.into()),
        }
    }

    handshake_signature_methods!();
}
