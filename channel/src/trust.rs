//! How a client knows the server: by the service's pinned authority, or by
//! exactly the key that evidence was verified for.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    sign::SingleCertAndKey,
};

use crate::{
    clock::Clock,
    identity::Identity,
    spki::Spki,
    suite::{
        HTTP_PROTOCOLS, HandshakeSignatures, VERSIONS, handshake_signature_methods, public_provider,
    },
};

/// Whom a client believes to be the service.
#[derive(Debug, Clone)]
pub enum ServerTrust {
    /// Every replica with a certificate of this authority, under the name that
    /// was asked for. Trusts all replicas of the service alike.
    ServiceCa(CertificateDer<'static>),
    /// The holder of exactly this key, as an attestation verdict named it.
    /// Names and dates in its certificate mean nothing.
    Key(Spki),
}

impl ServerTrust {
    /// Reads the authority's certificate from PEM.
    pub fn service_ca_from_pem(pem: &str) -> Result<Self, TrustError> {
        CertificateDer::from_pem_slice(pem.as_bytes())
            .map(Self::ServiceCa)
            .map_err(|_| TrustError::BadAuthority)
    }
}

/// Why no connection can be trusted in this way. The caller is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The pinned authority is no certificate.
    #[error("the service's authority is not an X.509 certificate")]
    BadAuthority,
}

/// A client's configuration for HTTPS. Shows `identity` if the server asks for
/// a certificate.
pub fn client_config(
    trust: &ServerTrust,
    identity: Option<&Identity>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, TrustError> {
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        ServerTrust::ServiceCa(authority) => authority_verifier(authority)?,
        ServerTrust::Key(key) => Arc::new(KeyVerifier {
            key: key.clone(),
            signatures: HandshakeSignatures::new(&public_provider()),
        }),
    };
    Ok(config_with(verifier, identity, clock))
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
    signatures: HandshakeSignatures,
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match Spki::of_certificate(certificate) {
            Ok(key) if key == self.key => Ok(ServerCertVerified::assertion()),
            Ok(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Err(_) => Err(CertificateError::BadEncoding.into()),
        }
    }

    handshake_signature_methods!();
}
