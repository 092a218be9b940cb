//! TLS between replicas: both sides show a certificate, and each accepts the
//! other only if the table of trusted replicas holds its key.
//!
//! Names, dates and issuers in the certificates mean nothing; the table alone
//! decides, at each handshake and again in [`peer_of`].

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, CommonState, DistinguishedName, Error, OtherError,
    ServerConfig,
    client::{
        Resumption,
        danger::{ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    sign::SingleCertAndKey,
};

use crate::{
    clock::Clock,
    door::without_resumption,
    identity::Identity,
    peer_table::PeerTable,
    spki::Spki,
    suite::{HandshakeSignatures, VERSIONS, handshake_signature_methods, peer_provider},
};

/// The protocol that replicas speak with each other (ALPN). In version 2 each
/// end sends a [`SessionProof`](crate::session::SessionProof) before anything
/// else, preceded by its length as four bytes, big-endian, and reads the
/// other's before it says or hears more.
pub const PEER_PROTOCOL: &[u8] = b"synod-peer/3";

/// The accepting side: any replica in the table may come in.
pub fn peer_server_config(
    identity: &Identity,
    table: &PeerTable,
    clock: &Clock,
) -> Arc<ServerConfig> {
    let provider = peer_provider();
    let verifier = Arc::new(TableVerifier {
        table: table.clone(),
        expected: None,
        signatures: HandshakeSignatures::new(&provider),
    });
    let mut config = ServerConfig::builder_with_details(provider, clock.provider())
        .with_protocol_versions(VERSIONS)
        .expect("the provider has suites for TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
    config.alpn_protocols = vec![PEER_PROTOCOL.to_vec()];
    without_resumption(&mut config);
    Arc::new(config)
}

/// The connecting side: the other must be the replica `expected`.
pub fn peer_client_config(
    identity: &Identity,
    table: &PeerTable,
    expected: u64,
    clock: &Clock,
) -> Arc<ClientConfig> {
    let provider = peer_provider();
    let verifier = Arc::new(TableVerifier {
        table: table.clone(),
        expected: Some(expected),
        signatures: HandshakeSignatures::new(&provider),
    });
    let mut config = ClientConfig::builder_with_details(provider, clock.provider())
        .with_protocol_versions(VERSIONS)
        .expect("the provider has suites for TLS 1.3")
        .dangerous() // the table, not a public authority, says whom to trust
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
    config.alpn_protocols = vec![PEER_PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Arc::new(config)
}

/// The name that `rustls` asks for on connecting. It is not sent, and nothing
/// depends on it.
pub fn peer_server_name() -> ServerName<'static> {
    ServerName::try_from("peer.synod.internal").expect("a DNS name")
}

/// Which replica is at the other end, once the handshake is done. Asks the
/// table as it is now.
pub fn peer_of(connection: &CommonState, table: &PeerTable) -> Result<u64, PeerRefused> {
    if connection.alpn_protocol() != Some(PEER_PROTOCOL) {
        return Err(PeerRefused::WrongProtocol);
    }
    let certificate = connection
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or(PeerRefused::NoCertificate)?;
    trusted(certificate, table)
}

/// Why the other end does not count as a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerRefused {
    /// No agreement on [`PEER_PROTOCOL`].
    #[error("peer does not speak `synod-peer/3`")]
    WrongProtocol,
    /// The handshake is not done, or no certificate was shown.
    #[error("peer did not present a certificate")]
    NoCertificate,
    /// The peer did not present a valid certificate.
    #[error("peer's certificate is malformed")]
    MalformedCertificate,
    /// No trusted replica holds that key.
    #[error("peer's key does not belong to a trusted replica")]
    NotTrusted,
    /// A trusted replica, but not the one that was called.
    #[error("peer is replica {found}, expected {expected}")]
    AnotherReplica {
        /// Who was called.
        expected: u64,
        /// Who answered.
        found: u64,
    },
}

fn trusted(certificate: &CertificateDer<'_>, table: &PeerTable) -> Result<u64, PeerRefused> {
    let key = Spki::of_certificate(certificate).map_err(|_| PeerRefused::MalformedCertificate)?;
    table.id_of(&key).ok_or(PeerRefused::NotTrusted)
}

#[derive(Debug)]
struct TableVerifier {
    table: PeerTable,
    expected: Option<u64>,
    signatures: HandshakeSignatures,
}

impl TableVerifier {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let refused = match (trusted(certificate, &self.table), self.expected) {
            (Ok(found), Some(expected)) if found != expected => {
                PeerRefused::AnotherReplica { expected, found }
            }
            (Ok(_), _) => return Ok(()),
            (Err(refused), _) => refused,
        };
        Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
    }
}

impl ServerCertVerifier for TableVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate)
            .map(|()| ServerCertVerified::assertion())
    }

    handshake_signature_methods!();
}

impl ClientCertVerifier for TableVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(certificate)
            .map(|()| ClientCertVerified::assertion())
    }

    handshake_signature_methods!();
}
