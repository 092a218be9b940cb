//! The public door lets ordinary TLS 1.3 clients in, names the key of those
//! that show one, and refuses the rest.

use crate::wire;

use std::sync::Arc;

use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, HandshakeKind, NamedGroup,
    PeerIncompatible, ProtocolVersion, ServerConfig, client::Resumption,
    crypto::aws_lc_rs::kx_group::X25519,
};
use synod_channel::{
    Certificate, Identity, PublicDoor, ServerTrust, ServiceCa, caller_fingerprint, client_config,
    server_spki,
};
use wire::{
    DAY_MS, HOUR_MS, NOW_MS, Refusal, changed, classical_client, clock, clock_at, connect,
    connect_to, door, identity, issued, key, local_names, self_signed, service, showing, stolen,
    tls12_client,
};

fn trusting(ca: &ServiceCa) -> Arc<ClientConfig> {
    let trust = ServerTrust::service_ca(ca.certificate().der().clone());
    client_config(&trust, None, &clock()).expect("the authority is sound")
}

#[test]
fn ordinary_client_comes_in_by_every_name_with_hybrid_key_exchange() {
    for name in local_names() {
        let wire = connect_to(&name, &trusting(&service(1)), &door().config()).expect("comes in");
        assert_eq!(
            wire.client.protocol_version(),
            Some(ProtocolVersion::TLSv1_3)
        );
        assert_eq!(wire.client.alpn_protocol(), Some(&b"h2"[..]));
        let group = wire.client.negotiated_key_exchange_group().expect("agreed");
        assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
        assert_eq!(caller_fingerprint(&wire.server), None);
    }
}

#[test]
fn client_that_speaks_http_1_alone_gets_it() {
    let client = changed(&trusting(&service(1)), |config| {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
    });
    let wire = connect(&client, &door().config()).expect("comes in");
    assert_eq!(wire.client.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn client_without_post_quantum_key_exchange_comes_in() {
    let client = classical_client(X25519, &service(1));
    let wire = connect(&client, &door().config()).expect("comes in");
    let group = wire.client.negotiated_key_exchange_group().expect("agreed");
    assert_eq!(group.name(), NamedGroup::X25519);
}

#[test]
fn client_of_tls_1_2_is_refused() {
    assert!(matches!(
        connect(&tls12_client(), &door().config()).err(),
        Some(Refusal::ByServer(Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
        )))
    ));
}

#[test]
fn client_of_another_application_protocol_is_refused() {
    let client = changed(&trusting(&service(1)), |config| {
        config.alpn_protocols = vec![b"synod-peer/3".to_vec()];
    });
    assert!(matches!(
        connect(&client, &door().config()).err(),
        Some(Refusal::ByServer(Error::NoApplicationProtocol))
    ));
}

#[test]
fn certificate_of_another_service_is_refused_by_the_client() {
    assert!(matches!(
        connect(&trusting(&service(2)), &door().config()).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::UnknownIssuer
        )))
    ));
}

#[test]
fn certificate_is_refused_by_the_client_under_another_name() {
    assert!(matches!(
        connect_to("other.example", &trusting(&service(1)), &door().config()).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::NotValidForNameContext { .. }
        )))
    ));
}

#[test]
fn certificate_is_refused_by_the_client_when_expired_or_not_yet_valid() {
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let at = |now_ms| {
        let client = client_config(&trust, None, &clock_at(now_ms)).expect("sound");
        connect(&client, &door().config()).err()
    };
    assert!(at(NOW_MS).is_none());
    assert!(matches!(
        at(NOW_MS + DAY_MS),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::ExpiredContext { .. }
        )))
    ));
    assert!(matches!(
        at(NOW_MS - 2 * HOUR_MS),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::NotValidYetContext { .. }
        )))
    ));
}

#[test]
fn certificate_exchanged_while_serving_is_shown_to_the_next_client() {
    let door = door();
    let config = door.config();
    let next_day = NOW_MS + DAY_MS;
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let client = client_config(&trust, None, &clock_at(next_day)).expect("sound");
    assert!(connect(&client, &config).is_err());

    let renewed = service(1)
        .issue(key(1).spki(), &local_names(), next_day, next_day + DAY_MS)
        .expect("sound");
    door.show(&renewed).expect("of the same key");
    let wire = connect(&client, &config).expect("the new certificate is valid");
    assert_eq!(server_spki(&wire.client).as_ref(), Ok(key(1).spki()));
}

#[test]
fn certificate_of_another_key_is_not_shown() {
    let door = door();
    assert!(door.show(&issued(&service(1), &key(2))).is_err());
    assert!(connect(&trusting(&service(1)), &door.config()).is_ok());
}

#[test]
fn certificate_that_a_replica_issued_with_its_own_is_refused_by_the_client() {
    let replicas = issued(&service(1), &key(1));
    let mut name = rcgen::CertificateParams::default();
    name.distinguished_name
        .push(rcgen::DnType::CommonName, "synod 0101010101010101 replica");
    let forged = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .expect("a name")
        .signed_by(&key(9), &rcgen::Issuer::new(name, key(1)))
        .expect("sound");
    let chain = vec![forged.der().clone(), replicas.der().clone()];

    let mut server = ServerConfig::clone(&door().config());
    server.cert_resolver = Arc::new(showing(chain, &key(9)));
    assert!(matches!(
        connect(&trusting(&service(1)), &Arc::new(server)).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(_)))
    ));
}

#[test]
fn caller_is_named_by_the_key_of_its_self_signed_certificate() {
    let user = identity(7);
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let client = client_config(&trust, Some(&user), &clock()).expect("sound");
    let wire = connect(&client, &door().config()).expect("comes in");
    assert_eq!(caller_fingerprint(&wire.server), Some(user.fingerprint()));
}

#[test]
fn caller_is_named_by_key_alone_whatever_the_dates_of_its_certificate_say() {
    let key = key(7);
    let old = Certificate::self_signed(&key, "user", 0, 1_000_000).expect("sound");
    let user = Identity::new(&key, &old).expect("belong together");
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let client = client_config(&trust, Some(&user), &clock()).expect("sound");
    let wire = connect(&client, &door().config()).expect("comes in");
    assert_eq!(
        caller_fingerprint(&wire.server),
        Some(key.spki().fingerprint())
    );
}

#[test]
fn caller_that_shows_a_certificate_without_holding_its_key_is_refused() {
    let client = changed(&trusting(&service(1)), |config| {
        config.client_auth_cert_resolver = Arc::new(stolen(&key(7), &key(8)));
    });
    assert!(matches!(
        connect(&client, &door().config()).err(),
        Some(Refusal::ByServer(Error::InvalidCertificate(
            CertificateError::BadSignature
        )))
    ));
}

#[test]
fn caller_that_shows_bytes_that_are_no_certificate_is_refused() {
    let client = changed(&trusting(&service(1)), |config| {
        let chain = vec![b"not a certificate".to_vec().into()];
        config.client_auth_cert_resolver = Arc::new(showing(chain, &key(7)));
    });
    assert!(matches!(
        connect(&client, &door().config()).err(),
        Some(Refusal::ByServer(Error::InvalidCertificate(
            CertificateError::BadEncoding
        )))
    ));
}

#[test]
fn no_session_is_resumed() {
    let door = door();
    let client = changed(&trusting(&service(1)), |config| {
        config.resumption = Resumption::in_memory_sessions(8);
    });
    for _ in 0..2 {
        let wire = connect(&client, &door.config()).expect("comes in");
        assert_eq!(wire.server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn self_signed_certificate_serves_until_the_service_has_an_authority() {
    let key = key(1);
    let door = PublicDoor::new(&key, &self_signed(&key), &clock()).expect("sound");
    let pinned = ServerTrust::dangerous_key(key.spki().clone(), NOW_MS + DAY_MS);
    let client = client_config(&pinned, None, &clock()).expect("sound");
    assert!(connect(&client, &door.config()).is_ok());
    assert!(matches!(
        connect(&trusting(&service(1)), &door.config()).err(),
        Some(Refusal::ByClient(_))
    ));
}

#[test]
fn refused_handshakes_are_told_by_alert() {
    // The other end learns that it failed, not only that the line went dead.
    let client = changed(&trusting(&service(1)), |config| {
        config.alpn_protocols = vec![b"spdy/3".to_vec()];
    });
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let mut client = rustls::ClientConnection::new(client, name).expect("sound");
    let mut server = rustls::ServerConnection::new(door().config()).expect("sound");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("memory takes all");
    server
        .read_tls(&mut hello.as_slice())
        .expect("memory gives all");
    assert!(server.process_new_packets().is_err());
    let mut alert = Vec::new();
    server.write_tls(&mut alert).expect("memory takes all");
    client
        .read_tls(&mut alert.as_slice())
        .expect("memory gives all");
    assert_eq!(
        client.process_new_packets().err(),
        Some(Error::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    );
}
