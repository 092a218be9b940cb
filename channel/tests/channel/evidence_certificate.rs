//! Evidence in a certificate makes exactly its TEE's key trusted, in one handshake, or nobody.

use crate::wire;

use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, Error};
use synod_attestation::{
    Credential, CredentialError, Endorsements, Evidence, Measurement, NodeStatement, Policy, Role,
    Rule, Tee, cmw::message::CmwError,
};
use synod_attester::{Attester, Simulated};
use synod_channel::{
    Appraiser, Certificate, End, EvidenceRefused, Identity, Party, PublicDoor, ServerTrust,
    Session, SessionClaim, SessionRefused, Spki, TlsKey, client_config,
};
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey};
use wire::{
    DAY_MS, HOUR_MS, NOW_MS, Refusal, clock, clock_at, connect, identity, issued, key, service,
    showing,
};

const MEASUREMENT: [u8; 48] = [7; 48];
const NETWORK: [u8; 32] = [5; 32];
const TEES: [Tee; 3] = [Tee::SevSnp, Tee::Tdx, Tee::Nitro];

/// The identity key of the node with TLS key `id`.
fn signer(id: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([100 + id; 32]))
}

fn statement(id: u8) -> NodeStatement {
    NodeStatement {
        identity: signer(id).public(),
        tls: key(id).spki().as_der().to_vec(),
        hpke: HpkeSecretKey::from_seed(&Secret::new([id; 32])).public(),
        role: Role::Replica,
        context: Digest::from(NETWORK),
        nonce: Digest::from([4; 32]),
    }
}

fn attest(tee: Tee, statement: &NodeStatement) -> Credential {
    let mut attester = Simulated::new(tee, MEASUREMENT, [9; 32]).expect("a simulated TEE");
    let (evidence, endorsements) = attester
        .collect(statement, NOW_MS)
        .expect("simulated evidence");
    Credential {
        statement: statement.clone(),
        evidence,
        endorsements: Some(endorsements),
    }
}

fn credential(tee: Tee, id: u8) -> Credential {
    attest(tee, &statement(id))
}

fn certificate(id: u8, credential: &Credential) -> Certificate {
    let (from_ms, until_ms) = (NOW_MS - HOUR_MS, NOW_MS + DAY_MS);
    Certificate::attested(&key(id), "synod replica", from_ms, until_ms, credential).expect("sound")
}

/// The door of node 1, which shows this to those that ask for evidence.
fn door(attested: &Certificate) -> PublicDoor {
    let door = PublicDoor::new(&key(1), &issued(&service(1), &key(1)), &clock()).expect("sound");
    door.show_evidence(attested).expect("of the same key");
    door
}

/// Accepts the simulated TEEs of this measurement.
fn development() -> Policy {
    let workloads = TEES.map(|tee| (tee, Measurement::from(MEASUREMENT), "test"));
    Policy::development(&workloads)
}

fn appraiser() -> Appraiser {
    Appraiser::new(development(), Role::Replica, vec![Digest::from(NETWORK)])
}

fn stranger(appraiser: &Appraiser) -> Arc<ClientConfig> {
    let trust = ServerTrust::evidence(appraiser.clone());
    client_config(&trust, None, &clock()).expect("sound")
}

/// Why the appraiser refuses this certificate.
fn refused(certificate: &[u8]) -> EvidenceRefused {
    appraiser()
        .appraise(certificate, NOW_MS)
        .expect_err("it is refused")
}

fn handshake_refused(error: Option<Refusal>) -> EvidenceRefused {
    match error {
        Some(Refusal::ByClient(Error::InvalidCertificate(CertificateError::Other(other)))) => other
            .0
            .downcast_ref::<EvidenceRefused>()
            .expect("our verifier's reason")
            .clone(),
        other => panic!("{other:?}"),
    }
}

/// A certificate of `key` with these extensions.
fn with_extensions(key: &TlsKey, extensions: &[(&[u64], Vec<u8>)]) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.custom_extensions = extensions
        .iter()
        .map(|(oid, value)| rcgen::CustomExtension::from_oid_content(oid, value.clone()))
        .collect();
    params.self_signed(key).expect("sound").der().to_vec()
}

const CMW: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 35];
const DICE: &[u64] = &[2, 23, 133, 5, 4, 9];

/// The extensions that node 1 shows: the wrapper, and the tagged evidence.
fn extensions() -> (Vec<u8>, Vec<u8>) {
    let mut made = credential(Tee::SevSnp, 1).extensions().expect("they fit");
    let tagged = made.remove(1);
    let wrapped = made.remove(0);
    assert_eq!((wrapped.oid, tagged.oid), (CMW, DICE));
    (wrapped.value, tagged.value)
}

#[test]
fn stranger_knows_a_replica_of_each_tee_in_one_handshake_and_the_session_is_proven() {
    for tee in TEES {
        let door = door(&certificate(1, &credential(tee, 1)));
        let appraiser = appraiser();
        let wire = connect(&stranger(&appraiser), &door.config()).expect("evidence is accepted");
        assert_eq!(wire.client.alpn_protocol(), Some(&b"h2"[..]));
        let verdict = appraiser
            .verdict(&wire.client, NOW_MS)
            .expect("still accepted");
        assert_eq!(verdict.tee(), tee);
        assert!(verdict.simulated());
        assert_eq!(verdict.subject(), &statement(1));

        let claim = SessionClaim {
            network: Digest::from(NETWORK),
            end: End::Acceptor,
            from: Party::Key(verdict.identity().digest()),
            to: Party::Anybody,
            nonce: Some([1; 32]),
        };
        let theirs = Session::of(&wire.server).expect("handshake is done");
        let proof = claim.prove(&signer(1), &theirs);
        let ours = Session::of(&wire.client).expect("handshake is done");
        let proven = claim.verify(&verdict.identity(), &ours, &proof);
        assert_eq!(proven.expect("proven").identity(), verdict.identity());
    }
}

#[test]
fn session_that_a_thief_of_the_tls_key_relays_is_refused_though_its_evidence_is_good() {
    let appraiser = appraiser();
    let shown = certificate(1, &credential(Tee::Tdx, 1));
    // He terminates the stranger's session with the stolen key, and has one of his own with the
    // TEE.
    let with_thief = connect(&stranger(&appraiser), &door(&shown).config()).expect("key is good");
    let with_tee = connect(&stranger(&appraiser), &door(&shown).config()).expect("key is good");
    let claim = SessionClaim {
        network: Digest::from(NETWORK),
        end: End::Acceptor,
        from: Party::Key(signer(1).public().digest()),
        to: Party::Anybody,
        nonce: Some([1; 32]),
    };
    let relayed = claim.prove(&signer(1), &Session::of(&with_tee.server).expect("done"));
    let ours = Session::of(&with_thief.client).expect("done");
    assert_eq!(
        claim.verify(&signer(1).public(), &ours, &relayed),
        Err(SessionRefused::NotThisSession)
    );
}

#[test]
fn ordinary_client_is_shown_the_ordinary_certificate_and_notices_nothing() {
    let attested = certificate(1, &credential(Tee::SevSnp, 1));
    let door = door(&attested);
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let client = client_config(&trust, None, &clock()).expect("sound");
    let wire = connect(&client, &door.config()).expect("comes in");
    let shown = wire.client.peer_certificates().expect("shown")[0].clone();
    assert_eq!(
        Credential::from_certificate(&shown),
        Err(CredentialError::Missing)
    );
}

#[test]
fn door_without_evidence_is_refused_by_the_stranger() {
    let door = PublicDoor::new(&key(1), &issued(&service(1), &key(1)), &clock()).expect("sound");
    let error = connect(&stranger(&appraiser()), &door.config()).err();
    let missing = EvidenceRefused::Credential(CredentialError::Missing);
    assert_eq!(handshake_refused(error), missing);
}

#[test]
fn new_evidence_is_shown_from_the_next_connection_on() {
    let door = door(&certificate(1, &credential(Tee::SevSnp, 1)));
    let appraiser = appraiser();
    let nonce_of = |door: &PublicDoor| {
        let wire = connect(&stranger(&appraiser), &door.config()).expect("accepted");
        let verdict = appraiser.verdict(&wire.client, NOW_MS).expect("accepted");
        verdict.subject().nonce
    };
    assert_eq!(nonce_of(&door), Digest::from([4; 32]));
    let renewed = NodeStatement {
        nonce: Digest::from([8; 32]),
        ..statement(1)
    };
    let renewed = certificate(1, &attest(Tee::SevSnp, &renewed));
    door.show_evidence(&renewed).expect("of the same key");
    assert_eq!(nonce_of(&door), Digest::from([8; 32]));
    let foreign = certificate(2, &credential(Tee::SevSnp, 2));
    assert!(door.show_evidence(&foreign).is_err());
}

#[test]
fn client_that_shows_evidence_is_judged_by_the_server_like_a_server() {
    let shown = certificate(7, &credential(Tee::Nitro, 7));
    let user = Identity::new(&key(7), &shown).expect("belong together");
    let trust = ServerTrust::service_ca(service(1).certificate().der().clone());
    let client = client_config(&trust, Some(&user), &clock()).expect("sound");
    let wire = connect(&client, &wire::door().config()).expect("comes in");
    let verdict = appraiser().verdict(&wire.server, NOW_MS).expect("accepted");
    assert_eq!(verdict.identity(), signer(7).public());

    let plain = client_config(&trust, Some(&identity(7)), &clock()).expect("sound");
    let wire = connect(&plain, &wire::door().config()).expect("comes in");
    assert_eq!(
        appraiser().verdict(&wire.server, NOW_MS),
        Err(EvidenceRefused::Credential(CredentialError::Missing))
    );
    let nobody = client_config(&trust, None, &clock()).expect("sound");
    let wire = connect(&nobody, &wire::door().config()).expect("comes in");
    assert_eq!(
        appraiser().verdict(&wire.server, NOW_MS),
        Err(EvidenceRefused::NoCertificate)
    );
}

#[test]
fn evidence_for_another_key_is_refused() {
    // A thief of evidence puts it beside a key of his own.
    let (wrapped, _) = extensions();
    let stolen = with_extensions(&key(9), &[(CMW, wrapped)]);
    assert_eq!(refused(&stolen), EvidenceRefused::AnotherKey);

    let mut server = rustls::ServerConfig::clone(&wire::door().config());
    server.cert_resolver = Arc::new(showing(vec![stolen.into()], &key(9)));
    let error = connect(&stranger(&appraiser()), &Arc::new(server)).err();
    assert_eq!(handshake_refused(error), EvidenceRefused::AnotherKey);

    let mine = credential(Tee::SevSnp, 1);
    let made = Certificate::attested(&key(9), "x", NOW_MS, NOW_MS + 1, &mine);
    assert!(made.is_err());
}

#[test]
fn evidence_shown_without_the_key_that_it_names_is_refused() {
    let shown = certificate(1, &credential(Tee::SevSnp, 1));
    let mut server = rustls::ServerConfig::clone(&wire::door().config());
    server.cert_resolver = Arc::new(showing(vec![shown.der().clone()], &key(9)));
    assert!(matches!(
        connect(&stranger(&appraiser()), &Arc::new(server)).err(),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::BadSignature
        )))
    ));
}

#[test]
fn evidence_does_not_bind_a_statement_that_was_changed_after_it_was_made() {
    let sound = credential(Tee::SevSnp, 1);
    let changed = Credential {
        statement: NodeStatement {
            identity: signer(66).public(),
            ..sound.statement.clone()
        },
        ..sound
    };
    match refused(certificate(1, &changed).der()) {
        EvidenceRefused::Policy(refusal) => assert_eq!(refusal.rule(), Rule::Binding),
        other => panic!("{other}"),
    }
}

#[test]
fn evidence_for_another_network_or_role_is_refused() {
    let context = Digest::from([6; 32]);
    let elsewhere = NodeStatement {
        context,
        ..statement(1)
    };
    let shown = certificate(1, &attest(Tee::SevSnp, &elsewhere));
    assert_eq!(
        refused(shown.der()),
        EvidenceRefused::AnotherContext(context)
    );
    let manifest_too = Appraiser::new(
        development(),
        Role::Replica,
        vec![Digest::from(NETWORK), context],
    );
    assert!(manifest_too.appraise(shown.der(), NOW_MS).is_ok());

    let worker = NodeStatement {
        role: Role::Worker,
        ..statement(1)
    };
    match refused(certificate(1, &attest(Tee::SevSnp, &worker)).der()) {
        EvidenceRefused::Policy(refusal) => assert_eq!(refusal.rule(), Rule::Role),
        other => panic!("{other}"),
    }
}

#[test]
fn policy_that_wants_another_workload_refuses_in_the_handshake() {
    let other = Policy::development(&[(Tee::Tdx, Measurement::from([8; 48]), "test")]);
    let appraiser = Appraiser::new(other, Role::Replica, vec![Digest::from(NETWORK)]);
    let door = door(&certificate(1, &credential(Tee::Tdx, 1)));
    let error = connect(&stranger(&appraiser), &door.config()).err();
    match handshake_refused(error) {
        EvidenceRefused::Policy(refusal) => assert_eq!(refusal.rule(), Rule::Measurement),
        other => panic!("{other}"),
    }
}

#[test]
fn simulated_evidence_is_refused_under_a_production_policy() {
    for tee in TEES {
        let production = Policy::production(&[(tee, Measurement::from(MEASUREMENT), "test")]);
        let appraiser = Appraiser::new(production, Role::Replica, vec![Digest::from(NETWORK)]);
        let door = door(&certificate(1, &credential(tee, 1)));
        let error = connect(&stranger(&appraiser), &door.config()).err();
        match handshake_refused(error) {
            EvidenceRefused::Policy(refusal) => assert_eq!(refusal.rule(), Rule::NotSimulated),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn verdict_lapses_and_so_does_evidence() {
    let shown = certificate(1, &credential(Tee::Nitro, 1));
    let verdict = appraiser().appraise(shown.der(), NOW_MS).expect("accepted");
    let pinned = ServerTrust::attested(&verdict).expect("a replica");
    let at = |now_ms, trust: &ServerTrust| {
        let client = client_config(trust, None, &clock_at(now_ms)).expect("sound");
        connect(&client, &door(&shown).config()).err()
    };
    assert!(at(verdict.expires_ms() - 1000, &pinned).is_none());
    assert!(matches!(
        at(verdict.expires_ms(), &pinned),
        Some(Refusal::ByClient(Error::InvalidCertificate(
            CertificateError::Expired
        )))
    ));
    // Evidence is not believed for longer than its vendor vouches: here three hours.
    let evidence = ServerTrust::evidence(appraiser());
    assert!(at(NOW_MS, &evidence).is_none());
    let later = handshake_refused(at(NOW_MS + DAY_MS, &evidence));
    assert!(matches!(later, EvidenceRefused::Policy(_)), "{later}");
}

#[test]
fn evidence_without_endorsements_needs_those_at_hand() {
    let whole = credential(Tee::Tdx, 1);
    let bare = Credential {
        endorsements: None,
        ..whole.clone()
    };
    let shown = certificate(1, &bare);
    assert_eq!(refused(shown.der()), EvidenceRefused::NoEndorsements);
    let held = whole.endorsements.expect("collected");
    let wrong = appraiser().with_endorsements(vec![Endorsements::Nitro]);
    assert_eq!(
        wrong.appraise(shown.der(), NOW_MS),
        Err(EvidenceRefused::NoEndorsements)
    );
    let right = appraiser().with_endorsements(vec![Endorsements::Nitro, held]);
    assert!(right.appraise(shown.der(), NOW_MS).is_ok());
}

#[test]
fn evidence_of_the_length_of_a_long_quote_comes_through_the_handshake() {
    // Its content is not judged here; what counts is that it arrives.
    for length in [16 * 1024, 20 * 1024, 40 * 1024, 54 * 1024] {
        let long = Credential {
            evidence: Evidence::new(Tee::Tdx, vec![4; length]).expect("within bounds"),
            ..credential(Tee::Tdx, 1)
        };
        let shown = certificate(1, &long);
        let door = door(&shown);
        let client = wire::changed(&stranger(&appraiser()), |config| {
            let anybody = synod_channel::dangerous_observe_config(&clock());
            let asks = config.alpn_protocols.clone();
            *config = ClientConfig::clone(&anybody);
            config.alpn_protocols = asks;
        });
        let wire = connect(&client, &door.config()).expect("the handshake carries it");
        let arrived = wire.client.peer_certificates().expect("shown")[0].clone();
        let read = Credential::from_certificate(&arrived).expect("it can be read");
        assert_eq!(read.evidence, long.evidence);
        assert_eq!(read.endorsements.is_some(), length < 54 * 1024, "{length}");
    }
    let too_long = Credential {
        evidence: Evidence::new(Tee::Tdx, vec![4; 60 * 1024]).expect("within bounds"),
        ..credential(Tee::Tdx, 1)
    };
    assert!(matches!(
        too_long.extensions(),
        Err(CredentialError::DoesNotFit(_))
    ));
}

#[test]
fn either_extension_alone_is_enough() {
    let (wrapped, tagged) = extensions();
    let held = credential(Tee::SevSnp, 1).endorsements.expect("collected");
    let with_held = appraiser().with_endorsements(vec![held]);
    for extension in [(CMW, wrapped), (DICE, tagged)] {
        let shown = with_extensions(&key(1), &[extension]);
        assert!(with_held.appraise(&shown, NOW_MS).is_ok());
    }
}

#[test]
fn wrapper_in_json_is_read_as_well() {
    let json = credential(Tee::SevSnp, 1)
        .to_cmw()
        .to_json()
        .expect("it can");
    let length = u16::try_from(json.len()).expect("short").to_be_bytes();
    let utf8 = |tag: u8| [&[tag, 0x82], &length[..], json.as_bytes()].concat();
    let shown = with_extensions(&key(1), &[(CMW, utf8(0x0c))]);
    assert!(appraiser().appraise(&shown, NOW_MS).is_ok());
    // An octet string holds CBOR, and nothing else.
    let wrong = with_extensions(&key(1), &[(CMW, utf8(0x04))]);
    let refused_as = EvidenceRefused::Credential(CredentialError::Extension);
    assert_eq!(refused(&wrong), refused_as);
}

#[test]
fn extension_twice_is_refused() {
    for oid in [CMW, DICE] {
        let (wrapped, tagged) = extensions();
        let value = if oid == CMW { wrapped } else { tagged };
        let twice = with_extensions(&key(1), &[(oid, value.clone()), (oid, value)]);
        assert!(matches!(
            refused(&twice),
            EvidenceRefused::Credential(CredentialError::Certificate(_))
        ));
    }
}

#[test]
fn extensions_that_contradict_each_other_are_refused() {
    let (wrapped, _) = extensions();
    let other = NodeStatement {
        nonce: Digest::from([99; 32]),
        ..statement(1)
    };
    let other = attest(Tee::SevSnp, &other).to_tagged().to_cbor();
    let shown = with_extensions(&key(1), &[(CMW, wrapped), (DICE, other)]);
    let contradiction = EvidenceRefused::Credential(CredentialError::Contradiction);
    assert_eq!(refused(&shown), contradiction);
}

#[test]
fn malformed_extension_is_refused_for_what_is_wrong_with_it() {
    let judged =
        |oid: &[u64], value: Vec<u8>| match refused(&with_extensions(&key(1), &[(oid, value)])) {
            EvidenceRefused::Credential(error) => error,
            other => panic!("{other}"),
        };
    let (wrapped, tagged) = extensions();
    assert_eq!(judged(CMW, Vec::new()), CredentialError::Extension);
    assert_eq!(
        judged(CMW, wrapped[..wrapped.len() - 1].to_vec()),
        CredentialError::Extension
    );
    assert_eq!(
        judged(CMW, [&wrapped[..], &[0]].concat()),
        CredentialError::Extension
    );
    // The tagged form stands for itself in one extension, and in an octet string in the other.
    assert_eq!(judged(CMW, tagged.clone()), CredentialError::Extension);
    assert_eq!(
        judged(DICE, tagged[..tagged.len() - 1].to_vec()),
        CredentialError::Wrapper(CmwError::Malformed)
    );
    // Collections have no place in DICE's extension.
    let collection = credential(Tee::SevSnp, 1).to_cmw().to_cbor();
    assert_eq!(judged(DICE, collection), CredentialError::Extension);
    let octets = |content: &[u8]| [&[0x04, content.len() as u8], content].concat();
    let foreign = [&[0x82, 0x63], &b"a/b"[..], &[0x41, 1]].concat();
    assert_eq!(judged(CMW, octets(&foreign)), CredentialError::UnknownKind);
    assert_eq!(
        judged(CMW, octets(&[0x82, 0x19, 0xfd, 0xe9, 0x41, 1])),
        CredentialError::Malformed
    );
}

#[test]
fn certificate_that_is_too_long_or_none_is_refused() {
    let long = vec![0x30; Credential::CERTIFICATE_BYTES_MAX + 1];
    let error = EvidenceRefused::Credential(CredentialError::TooLong(long.len()));
    assert_eq!(refused(&long), error);
    assert!(matches!(
        refused(b"no certificate"),
        EvidenceRefused::Credential(CredentialError::Certificate(_))
    ));
}

#[test]
fn mutated_certificate_never_panics_and_never_names_another_key_or_identity() {
    let whole = certificate(1, &credential(Tee::SevSnp, 1)).der().to_vec();
    let appraiser = appraiser();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..400 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut mutated = whole.clone();
        let at = (seed >> 8) as usize % mutated.len();
        mutated[at] ^= (seed as u8).max(1);
        if let Ok(verdict) = appraiser.appraise(&mutated, NOW_MS) {
            // What was hit belongs to the certificate or to nobody, such as its own signature.
            assert_eq!(verdict.subject(), &statement(1));
            assert_eq!(
                Spki::of_certificate(&mutated).as_ref(),
                Ok(key(1).spki()),
                "byte {at}"
            );
        }
    }
}
