//! Between replicas each side talks to a key of the table, or not at all.

use crate::wire;

use std::{collections::BTreeMap, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, Error, HandshakeKind, NamedGroup, PeerIncompatible,
    ProtocolVersion, ServerConfig, client::Resumption, crypto::aws_lc_rs::kx_group::X25519,
};
use synod_channel::{
    DuplicateKey, PEER_PROTOCOL, PeerKeys, PeerRefused, PeerTable, Spki, peer_client_config,
    peer_of, peer_server_config,
};
use synod_crypto::{Secret, SigningKey};
use wire::{
    Refusal, changed, classical_client, clock, connect, identity, key, service, stolen,
    tls12_client,
};

/// A table in which replica `n` holds key `n`.
fn table(replicas: &[u8]) -> PeerTable {
    let table = PeerTable::new();
    set(&table, replicas);
    table
}

fn set(table: &PeerTable, replicas: &[u8]) {
    let entry = |&id: &u8| (u64::from(id), keys(id, id));
    assert_eq!(table.replace(replicas.iter().map(entry).collect()), []);
}

fn keys(tls: u8, identity: u8) -> PeerKeys {
    PeerKeys {
        tls: key(tls).spki().clone(),
        identity: SigningKey::from_seed(&Secret::new([identity; 32])).public(),
    }
}

fn server(id: u8, table: &PeerTable) -> Arc<ServerConfig> {
    peer_server_config(&identity(id), table, &clock())
}

fn client(id: u8, table: &PeerTable, expected: u64) -> Arc<ClientConfig> {
    peer_client_config(&identity(id), table, expected, &clock())
}

/// The reason that our own verifier gave.
fn reason(error: &Error) -> Option<PeerRefused> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref::<PeerRefused>().copied()
        }
        _ => None,
    }
}

#[test]
fn two_replicas_learn_each_others_id() {
    let table = table(&[1, 2, 3]);
    let wire = connect(&client(2, &table, 1), &server(1, &table)).expect("both are trusted");
    assert_eq!(peer_of(&wire.server, &table), Ok(2));
    assert_eq!(peer_of(&wire.client, &table), Ok(1));
    assert_eq!(
        wire.client.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
    let group = wire.client.negotiated_key_exchange_group().expect("agreed");
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
}

#[test]
fn caller_outside_the_table_is_refused() {
    let (ours, theirs) = (table(&[1, 2]), table(&[1, 2, 9]));
    match connect(&client(9, &theirs, 1), &server(1, &ours)).err() {
        Some(Refusal::ByServer(error)) => assert_eq!(reason(&error), Some(PeerRefused::NotTrusted)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn callee_outside_the_table_is_refused() {
    let (ours, theirs) = (table(&[1, 2]), table(&[1, 2, 9]));
    match connect(&client(1, &ours, 2), &server(9, &theirs)).err() {
        Some(Refusal::ByClient(error)) => assert_eq!(reason(&error), Some(PeerRefused::NotTrusted)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn trusted_replica_that_was_not_called_is_refused() {
    let table = table(&[1, 2, 3]);
    match connect(&client(1, &table, 2), &server(3, &table)).err() {
        Some(Refusal::ByClient(error)) => assert_eq!(
            reason(&error),
            Some(PeerRefused::AnotherReplica {
                expected: 2,
                found: 3
            })
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn removed_replica_is_refused_at_its_next_connection_and_on_its_present_one() {
    let table = table(&[1, 2]);
    let server = server(1, &table);
    let theirs = self::table(&[1, 2]);
    let caller = changed(&client(2, &theirs, 1), |config| {
        config.resumption = Resumption::in_memory_sessions(8);
    });
    let wire = connect(&caller, &server).expect("still trusted");
    assert_eq!(wire.server.handshake_kind(), Some(HandshakeKind::Full));

    set(&table, &[1]);
    assert_eq!(peer_of(&wire.server, &table), Err(PeerRefused::NotTrusted));
    assert!(matches!(
        connect(&caller, &server).err(),
        Some(Refusal::ByServer(_))
    ));
}

#[test]
fn replica_added_to_the_table_comes_in_without_a_new_configuration() {
    let table = table(&[1]);
    let server = server(1, &table);
    let caller = client(2, &self::table(&[1, 2]), 1);
    assert!(connect(&caller, &server).is_err());
    set(&table, &[1, 2]);
    assert!(connect(&caller, &server).is_ok());
}

#[test]
fn caller_without_a_certificate_is_refused() {
    let table = table(&[1, 2]);
    let caller = changed(&client(2, &table, 1), |config| {
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
    });
    assert!(matches!(
        connect(&caller, &server(1, &table)).err(),
        Some(Refusal::ByServer(Error::NoCertificatesPresented))
    ));
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn thief_of_a_certificate_is_refused_on_either_side() {
    let table = table(&[1, 2]);
    let caller = changed(&client(2, &table, 1), |config| {
        config.client_auth_cert_resolver = Arc::new(stolen(&key(2), &key(9)));
    });
    assert!(matches!(
        connect(&caller, &server(1, &table)).err(),
        Some(Refusal::ByServer(Error::InvalidCertificate(
            CertificateError::BadSignature
        )))
    ));

    let mut callee = ServerConfig::clone(&server(1, &table));
    callee.cert_resolver = Arc::new(stolen(&key(1), &key(9)));
    assert!(matches!(
        connect(&client(2, &table, 1), &Arc::new(callee)).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::BadSignature
        )))
    ));
}

#[test]
fn caller_of_another_protocol_is_refused_and_one_of_none_does_not_count() {
    let table = table(&[1, 2]);
    let speaking = |protocols: Vec<Vec<u8>>| {
        let caller = changed(&client(2, &table, 1), |c| c.alpn_protocols = protocols);
        connect(&caller, &server(1, &table))
    };
    assert!(matches!(
        speaking(vec![b"h2".to_vec()]).err(),
        Some(Refusal::ByServer(Error::NoApplicationProtocol))
    ));
    let silent = speaking(Vec::new()).expect("TLS alone lets it pass");
    assert_eq!(
        peer_of(&silent.server, &table),
        Err(PeerRefused::WrongProtocol)
    );
    assert!(speaking(vec![PEER_PROTOCOL.to_vec()]).is_ok());
}

#[test]
fn caller_without_the_hybrid_key_exchange_is_refused() {
    assert!(matches!(
        connect(
            &classical_client(X25519, &service(1)),
            &server(1, &table(&[1]))
        )
        .err(),
        Some(Refusal::ByServer(Error::PeerIncompatible(
            PeerIncompatible::NoKxGroupsInCommon
        )))
    ));
}

#[test]
fn caller_of_tls_1_2_is_refused() {
    assert!(matches!(
        connect(&tls12_client(), &server(1, &table(&[1]))).err(),
        Some(Refusal::ByServer(Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOfferedOrEnabled
        )))
    ));
}

#[test]
fn peer_is_not_known_before_the_handshake_is_done() {
    let table = table(&[1]);
    let connection = rustls::ServerConnection::new(server(1, &table)).expect("sound");
    assert_eq!(
        peer_of(&connection, &table),
        Err(PeerRefused::WrongProtocol)
    );
}

#[test]
fn replica_with_a_key_of_an_earlier_one_is_left_out_and_no_other() {
    let table = table(&[1]);
    for later in [keys(5, 6), keys(6, 5)] {
        let left_out = table.replace(BTreeMap::from([
            (1, keys(1, 1)),
            (5, keys(5, 5)),
            (6, later),
            (7, keys(7, 7)),
        ]));
        assert_eq!(left_out, [DuplicateKey { replica: 6 }]);
        assert_eq!(table.keys_of(6), None);
        for kept in [1, 5, 7] {
            assert_eq!(table.id_of(key(kept).spki()), Some(u64::from(kept)));
        }
        assert_eq!(table.id_of(key(6).spki()), None);
    }
    assert_eq!(table.id_of(&Spki::from_der(*b"no key")), None);
}
