//! A client that pins a key talks to its holder alone; an observer learns a
//! key and shows nothing of its own.

use crate::wire;

use std::sync::Arc;

use rustls::{CertificateError, Error, ServerConfig};
use synod_channel::{
    Certificate, KeyFiles, PublicDoor, ServerTrust, TrustError, caller_fingerprint, client_config,
    dangerous_observe_config, server_spki,
};
use synod_crypto::Secret;
use wire::{
    DAY_MS, NOW_MS, Refusal, clock, clock_at, connect, connect_to, door, identity, issued, key,
    service, stolen,
};

/// Trust in the key of replica `seed`, for a day.
fn trust(seed: u8) -> ServerTrust {
    ServerTrust::dangerous_key(key(seed).spki().clone(), NOW_MS + DAY_MS)
}

fn pinning(seed: u8) -> Arc<rustls::ClientConfig> {
    client_config(&trust(seed), None, &clock()).expect("sound")
}

/// The door of replica 1 as a thief of its certificate would open it.
fn thief() -> Arc<ServerConfig> {
    let mut config = ServerConfig::clone(&door().config());
    config.cert_resolver = Arc::new(stolen(&key(1), &key(9)));
    Arc::new(config)
}

#[test]
fn pinned_key_is_accepted_under_any_name_and_with_an_expired_certificate() {
    let key = key(1);
    let old = Certificate::self_signed(&key, "replica", 0, DAY_MS).expect("sound");
    let door = PublicDoor::new(&key, &old, &clock()).expect("sound");
    assert!(connect_to("anything.example", &pinning(1), &door.config()).is_ok());
}

#[test]
fn pinned_key_is_refused_when_the_trust_in_it_has_lapsed() {
    let at = |now_ms| {
        let client = client_config(&trust(1), None, &clock_at(now_ms)).expect("sound");
        connect(&client, &door().config()).err()
    };
    assert!(at(NOW_MS + DAY_MS - 1000).is_none());
    assert!(matches!(
        at(NOW_MS + DAY_MS),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::Expired
        )))
    ));
}

#[test]
fn another_key_than_the_pinned_one_is_refused_even_with_the_services_certificate() {
    let key = key(2);
    let other = PublicDoor::new(&key, &issued(&service(1), &key), &clock()).expect("sound");
    assert!(matches!(
        connect(&pinning(1), &other.config()).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure
        )))
    ));
}

#[test]
fn server_that_shows_the_pinned_key_without_holding_it_is_refused() {
    assert!(matches!(
        connect(&pinning(1), &thief()).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::BadSignature
        )))
    ));
}

#[test]
fn observer_learns_the_key_and_shows_no_certificate() {
    let wire = connect(&dangerous_observe_config(&clock()), &door().config()).expect("meets all");
    assert_eq!(server_spki(&wire.client).as_ref(), Ok(key(1).spki()));
    assert_eq!(caller_fingerprint(&wire.server), None);
}

#[test]
fn observer_refuses_a_server_that_does_not_hold_the_key_it_shows() {
    assert!(matches!(
        connect(&dangerous_observe_config(&clock()), &thief()).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::BadSignature
        )))
    ));
}

#[test]
fn key_is_not_known_before_the_handshake_is_done() {
    let name = synod_channel::peer_server_name();
    let client = rustls::ClientConnection::new(dangerous_observe_config(&clock()), name);
    assert!(server_spki(&client.expect("sound")).is_err());
}

#[test]
fn client_with_a_pinned_key_shows_its_own() {
    let user = identity(7);
    let client = client_config(&trust(1), Some(&user), &clock()).expect("sound");
    let wire = connect(&client, &door().config()).expect("comes in");
    assert_eq!(caller_fingerprint(&wire.server), Some(user.fingerprint()));
}

#[test]
fn authority_is_read_from_the_file_that_curl_takes() {
    let pem = service(1).certificate().pem();
    let trust = ServerTrust::service_ca_from_pem(&pem).expect("a certificate");
    let client = client_config(&trust, None, &clock()).expect("sound");
    assert!(connect(&client, &door().config()).is_ok());
    assert!(matches!(
        ServerTrust::service_ca_from_pem("nothing"),
        Err(TrustError::BadAuthority)
    ));
    let no_certificate = ServerTrust::service_ca(vec![0x30, 0x00].into());
    assert!(client_config(&no_certificate, None, &clock()).is_err());
}

#[test]
fn user_comes_in_with_generated_key_files() {
    let seed = Secret::new([7; 32]);
    let files = KeyFiles::generate(&seed, "user0", NOW_MS, NOW_MS + DAY_MS).expect("sound");
    let user = files.identity().expect("reads back");
    assert_eq!(user.fingerprint(), files.fingerprint);
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let client = client_config(&trust, Some(&user), &clock()).expect("sound");
    let wire = connect(&client, &door().config()).expect("comes in");
    assert_eq!(caller_fingerprint(&wire.server), Some(files.fingerprint));
}
