//! Meeting a server that is not known yet, in order to fetch its evidence.
//!
//! Whatever is sent over such a connection may go to anybody. It carries the
//! request for evidence and nothing else; never a client's certificate.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, CommonState, Error,
    client::danger::{ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    clock::Clock,
    spki::{MalformedCertificate, Spki},
    suite::{HandshakeSignatures, handshake_signature_methods, public_provider},
    trust::config_with,
};

/// A configuration that accepts *any* server which holds the key that it
/// shows. Ask [`server_spki`] for that key, compare it with the one in the
/// verified evidence, and connect anew with that key pinned.
pub fn dangerous_observe_config(clock: &Clock) -> Arc<ClientConfig> {
    let verifier = Anybody {
        signatures: HandshakeSignatures::new(&public_provider()),
    };
    config_with(Arc::new(verifier), None, clock)
}

/// The key that the server showed and proved to hold, once the handshake is
/// done.
pub fn server_spki(connection: &CommonState) -> Result<Spki, MalformedCertificate> {
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    Spki::of_certificate(certificate.ok_or(MalformedCertificate)?)
}

#[derive(Debug)]
struct Anybody {
    signatures: HandshakeSignatures,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Spki::of_certificate(certificate)
            .map(|_| ServerCertVerified::assertion())
            .map_err(|_| CertificateError::BadEncoding.into())
    }

    handshake_signature_methods!();
}
