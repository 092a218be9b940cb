//! What all configurations share: versions, cipher suites, key exchange, and
//! the check of the handshake's signature.

use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme, SupportedProtocolVersion,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider, SupportedKxGroup,
        aws_lc_rs::{
            cipher_suite::{
                TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
            },
            default_provider,
            kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768},
        },
        verify_tls13_signature,
    },
    pki_types::CertificateDer,
    version::TLS13,
};

/// The protocols of HTTP doors (ALPN), the preferred one first.
pub const HTTP_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

pub(crate) const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13];

/// For doors that strangers' software comes to: hybrid first, classical
/// groups for those that know no other.
pub(crate) fn public_provider() -> Arc<CryptoProvider> {
    provider(vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1])
}

/// Between replicas: hybrid only.
pub(crate) fn peer_provider() -> Arc<CryptoProvider> {
    provider(vec![X25519MLKEM768])
}

fn provider(kx_groups: Vec<&'static dyn SupportedKxGroup>) -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            TLS13_AES_256_GCM_SHA384,
            TLS13_AES_128_GCM_SHA256,
            TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups,
        ..default_provider()
    })
}

/// Proves that the other side holds the private key of the certificate that
/// it showed. Every verifier of this crate ends here.
#[derive(Debug, Clone)]
pub(crate) struct HandshakeSignatures(Arc<CryptoProvider>);

impl HandshakeSignatures {
    pub(crate) fn new(provider: &Arc<CryptoProvider>) -> Self {
        Self(provider.clone())
    }

    pub(crate) fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    pub(crate) fn schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What verifiers answer where TLS 1.2 asks: it is never spoken.
pub(crate) fn tls12_refused() -> Error {
    Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered)
}

/// Gives a verifier with a field `signatures` the three methods that all have
/// in common.
macro_rules! handshake_signature_methods {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Err($crate::suite::tls12_refused())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &rustls::pki_types::CertificateDer<'_>,
            signature: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.signatures.verify(message, certificate, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.signatures.schemes()
        }
    };
}

pub(crate) use handshake_signature_methods;
