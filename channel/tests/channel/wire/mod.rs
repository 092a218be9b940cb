//! A TLS connection without sockets, and the parties of the tests.

use std::sync::Arc;

use rustls::{
    ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    sign::{CertifiedKey, SingleCertAndKey},
};
use synod_channel::{Certificate, Clock, Identity, PublicDoor, ServiceCa, TlsKey};
use synod_crypto::{Digest, Secret};

/// The tests' present: 2026-01-01.
pub(crate) const NOW_MS: u64 = 1_767_225_600_000;
pub(crate) const HOUR_MS: u64 = 60 * 60 * 1000;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

pub(crate) fn clock() -> Clock {
    clock_at(NOW_MS)
}

pub(crate) fn clock_at(now_ms: u64) -> Clock {
    Clock::from_fn(move || now_ms)
}

pub(crate) fn key(seed: u8) -> TlsKey {
    TlsKey::from_seed(&Secret::new([seed; 32]))
}

pub(crate) fn self_signed(key: &TlsKey) -> Certificate {
    Certificate::self_signed(key, "synod test", NOW_MS - HOUR_MS, NOW_MS + DAY_MS)
        .expect("the parameters are sound")
}

pub(crate) fn identity(seed: u8) -> Identity {
    let key = key(seed);
    Identity::new(&key, &self_signed(&key)).expect("they belong together")
}

pub(crate) fn service(seed: u8) -> ServiceCa {
    let secret = Secret::new([seed; 32]);
    ServiceCa::new(&secret, Digest::from([seed; 32]), NOW_MS - DAY_MS)
        .expect("the parameters are sound")
}

pub(crate) fn local_names() -> Vec<String> {
    ["127.0.0.1", "localhost", "replica.example"]
        .map(String::from)
        .into()
}

/// A day's certificate of `ca` for `key`, an hour old.
pub(crate) fn issued(ca: &ServiceCa, key: &TlsKey) -> Certificate {
    let from_ms = NOW_MS - HOUR_MS;
    ca.issue(key.spki(), &local_names(), from_ms, from_ms + DAY_MS)
        .expect("the parameters are sound")
}

/// The public door of the replica with key 1, under service 1.
pub(crate) fn door() -> PublicDoor {
    let key = key(1);
    PublicDoor::new(&key, &issued(&service(1), &key), &clock()).expect("they belong together")
}

/// Both ends after a handshake.
pub(crate) struct Wire {
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
}

pub(crate) fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<Wire, Refusal> {
    connect_to("localhost", client, server)
}

/// Who broke the handshake off, and why.
#[derive(Debug)]
pub(crate) enum Refusal {
    ByClient(Error),
    ByServer(Error),
}

pub(crate) fn connect_to(
    name: &str,
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<Wire, Refusal> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut wire = Wire {
        client: ClientConnection::new(client.clone(), name).map_err(Refusal::ByClient)?,
        server: ServerConnection::new(server.clone()).map_err(Refusal::ByServer)?,
    };
    while wire.client.is_handshaking() || wire.server.is_handshaking() || wire.has_to_write() {
        wire.client_to_server().map_err(Refusal::ByServer)?;
        wire.server_to_client().map_err(Refusal::ByClient)?;
    }
    Ok(wire)
}

impl Wire {
    fn has_to_write(&self) -> bool {
        self.client.wants_write() || self.server.wants_write()
    }

    fn client_to_server(&mut self) -> Result<(), Error> {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).expect("memory takes all");
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            self.server.read_tls(&mut rest).expect("memory gives all");
            self.server.process_new_packets()?;
        }
        Ok(())
    }

    fn server_to_client(&mut self) -> Result<(), Error> {
        let mut bytes = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut bytes).expect("memory takes all");
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).expect("memory gives all");
            self.client.process_new_packets()?;
        }
        Ok(())
    }
}

/// A client's configuration, changed for an attack.
pub(crate) fn changed(
    config: &Arc<ClientConfig>,
    change: impl FnOnce(&mut ClientConfig),
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(config);
    change(&mut config);
    Arc::new(config)
}

/// Shows the certificate of one key and signs with another: what a thief of
/// certificates can do.
pub(crate) fn stolen(shown: &TlsKey, held: &TlsKey) -> SingleCertAndKey {
    showing(vec![self_signed(shown).der().clone()], held)
}

/// Shows `chain`, whatever it is, and signs with `held`.
pub(crate) fn showing(chain: Vec<CertificateDer<'static>>, held: &TlsKey) -> SingleCertAndKey {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(held.pkcs8().to_vec()));
    let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("a key");
    SingleCertAndKey::from(CertifiedKey::new(chain, signer))
}

/// Ordinary TLS software that knows no other key exchange than `group`, trusts
/// `ca` and lives in the tests' present.
pub(crate) fn classical_client(
    group: &'static dyn rustls::crypto::SupportedKxGroup,
    ca: &ServiceCa,
) -> Arc<ClientConfig> {
    let provider = rustls::crypto::CryptoProvider {
        kx_groups: vec![group],
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(ca.certificate().der().clone())
        .expect("an authority");
    let config = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(Present))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Ordinary TLS software that stopped at TLS 1.2.
pub(crate) fn tls12_client() -> Arc<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}

#[derive(Debug)]
struct Present;

impl rustls::time_provider::TimeProvider for Present {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let now = std::time::Duration::from_millis(NOW_MS);
        Some(rustls::pki_types::UnixTime::since_unix_epoch(now))
    }
}
