//! A session is believed only if the identity key at its other end signed this very session, and
//! nobody stands between. All over real TLS connections in memory.

use crate::wire;

use rustls::{ClientConnection, ServerConnection};
use synod_channel::{
    Certificate, End, Identity, NoSession, Party, PeerKeys, PeerTable, SESSION_PROOF_BYTES_MAX,
    Session, SessionBinding, SessionClaim, SessionProof, SessionRefused, peer_client_config,
    peer_server_config,
};
use synod_crypto::{Digest, PublicKey, Secret, SigningKey};
use wire::{DAY_MS, HOUR_MS, NOW_MS, Wire, clock, connect, key};

const NETWORK: [u8; 32] = [5; 32];

/// The identity key of replica `id`.
fn signer(id: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([100 + id; 32]))
}

fn public(id: u8) -> PublicKey {
    signer(id).public()
}

/// A connection from replica 1 to replica 2; whoever holds TLS keys 1 and 2 can make one.
fn session() -> Wire {
    let table = PeerTable::new();
    let keys = |id: u8| PeerKeys {
        tls: key(id).spki().clone(),
        identity: public(id),
    };
    let left_out = table.replace([(1, keys(1)), (2, keys(2))].into());
    assert_eq!(left_out, []);
    let identity = |id: u8| {
        let certificate =
            Certificate::self_signed(&key(id), "test", NOW_MS - HOUR_MS, NOW_MS + DAY_MS)
                .expect("sound");
        Identity::new(&key(id), &certificate).expect("belong together")
    };
    let client = peer_client_config(&identity(1), &table, 2, &clock());
    let server = peer_server_config(&identity(2), &table, &clock());
    connect(&client, &server).expect("both are trusted")
}

fn opener(wire: &Wire) -> Session {
    Session::of(&wire.client).expect("the handshake is done")
}

fn acceptor(wire: &Wire) -> Session {
    Session::of(&wire.server).expect("the handshake is done")
}

/// What replica 1, which opened the connection, claims to replica 2.
fn claim() -> SessionClaim {
    SessionClaim {
        network: Digest::from(NETWORK),
        end: End::Opener,
        from: Party::Replica(1),
        to: Party::Replica(2),
        nonce: None,
    }
}

/// What replica 2 claims in return.
fn counterclaim() -> SessionClaim {
    SessionClaim {
        end: End::Acceptor,
        from: Party::Replica(2),
        to: Party::Replica(1),
        ..claim()
    }
}

/// What replica 2 makes of a proof that it reads on `wire`.
fn heard(wire: &Wire, proof: &SessionProof) -> Result<(), SessionRefused> {
    let sent = SessionProof::decode(&proof.encode())?;
    let proven = claim().verify(&public(1), &acceptor(wire), &sent)?;
    assert_eq!((proven.identity(), *proven.claim()), (public(1), claim()));
    Ok(())
}

#[test]
fn both_ends_of_one_session_believe_each_other() {
    let wire = session();
    assert_eq!(opener(&wire), acceptor(&wire));
    let proof = claim().prove(&signer(1), &opener(&wire));
    assert_eq!(heard(&wire, &proof), Ok(()));
    let answer = counterclaim().prove(&signer(2), &acceptor(&wire));
    let proven = counterclaim().verify(&public(2), &opener(&wire), &answer);
    assert_eq!(proven.map(|proven| proven.identity()), Ok(public(2)));
}

#[test]
fn proof_that_a_man_in_the_middle_with_both_tls_keys_relays_is_refused_in_both_directions() {
    // He holds both TLS keys, so each side's handshake with him succeeds.
    let (left, right) = (session(), session());
    let proof = claim().prove(&signer(1), &opener(&left));
    assert_eq!(heard(&left, &proof), Ok(()));
    assert_eq!(heard(&right, &proof), Err(SessionRefused::NotThisSession));
    let answer = counterclaim().prove(&signer(2), &acceptor(&right));
    assert_eq!(
        counterclaim().verify(&public(2), &opener(&left), &answer),
        Err(SessionRefused::NotThisSession)
    );
}

#[test]
fn proof_of_an_earlier_session_is_refused() {
    let earlier = claim().prove(&signer(1), &opener(&session()));
    assert_eq!(
        heard(&session(), &earlier),
        Err(SessionRefused::NotThisSession)
    );
}

#[test]
fn proof_by_another_identity_key_is_refused() {
    let wire = session();
    let proof = claim().prove(&signer(3), &opener(&wire));
    assert_eq!(heard(&wire, &proof), Err(SessionRefused::NotThisSession));
}

#[test]
fn proof_for_another_network_is_refused() {
    let (wire, network) = (session(), Digest::from([6; 32]));
    let mut proof = SessionClaim { network, ..claim() }.prove(&signer(1), &opener(&wire));
    assert_eq!(
        heard(&wire, &proof),
        Err(SessionRefused::OtherNetwork(network))
    );
    // Relabelled, it is not what the key signed.
    proof.network = claim().network;
    assert_eq!(heard(&wire, &proof), Err(SessionRefused::NotThisSession));
}

#[test]
fn proof_with_swapped_ids_is_refused() {
    let wire = session();
    let swapped = SessionClaim {
        from: Party::Replica(2),
        to: Party::Replica(1),
        ..claim()
    };
    let mut proof = swapped.prove(&signer(1), &opener(&wire));
    let other = SessionRefused::OtherSender(Party::Replica(2));
    assert_eq!(heard(&wire, &proof), Err(other));
    (proof.from, proof.to) = (Party::Replica(1), Party::Replica(2));
    assert_eq!(heard(&wire, &proof), Err(SessionRefused::NotThisSession));
}

#[test]
fn proof_for_another_receiver_is_refused() {
    let wire = session();
    for to in [
        Party::Replica(3),
        Party::Key(Digest::from([2; 32])),
        Party::Anybody,
    ] {
        let mut proof = SessionClaim { to, ..claim() }.prove(&signer(1), &opener(&wire));
        assert_eq!(heard(&wire, &proof), Err(SessionRefused::OtherReceiver(to)));
        proof.to = Party::Replica(2);
        assert_eq!(heard(&wire, &proof), Err(SessionRefused::NotThisSession));
    }
}

#[test]
fn reflected_proof_is_refused() {
    let wire = session();
    // Replica 1 gets its own proof back instead of replica 2's.
    let mut own = claim().prove(&signer(1), &opener(&wire));
    let answer = |proof: &SessionProof| counterclaim().verify(&public(2), &opener(&wire), proof);
    assert_eq!(answer(&own), Err(SessionRefused::WrongEnd));
    own.end = End::Acceptor;
    (own.from, own.to) = (Party::Replica(2), Party::Replica(1));
    assert_eq!(answer(&own), Err(SessionRefused::NotThisSession));
    // Even if one key stood at both ends, the direction is signed.
    let proof = claim().verify_signature(&public(1), &opener(&wire), &own.signature);
    assert!(proof.is_ok());
    let turned = SessionClaim {
        end: End::Acceptor,
        ..claim()
    };
    assert_eq!(
        turned.verify_signature(&public(1), &opener(&wire), &own.signature),
        Err(SessionRefused::NotThisSession)
    );
}

#[test]
fn proof_for_another_nonce_is_refused() {
    let wire = session();
    let asked = |nonce| SessionClaim { nonce, ..claim() };
    let proof = asked(Some([1; 32])).prove(&signer(1), &opener(&wire));
    let judged = |nonce| asked(nonce).verify(&public(1), &acceptor(&wire), &proof);
    assert!(judged(Some([1; 32])).is_ok());
    assert_eq!(judged(Some([2; 32])), Err(SessionRefused::NotThisSession));
    assert_eq!(judged(None), Err(SessionRefused::NotThisSession));
}

#[test]
fn proof_by_an_unknown_mechanism_is_refused() {
    let wire = session();
    let mut proof = claim().prove(&signer(1), &opener(&wire));
    proof.binding = "seat/1".to_owned();
    assert_eq!(heard(&wire, &proof), Err(SessionRefused::UnknownBinding));
    assert_eq!(SessionBinding::from_name("seat/1"), None);
}

#[test]
fn no_session_is_known_before_the_handshake_is_done() {
    let wire = session();
    let server = ServerConnection::new(wire::door().config()).expect("sound");
    assert_eq!(Session::of(&server), Err(NoSession));
    let config = wire::classical_client(
        rustls::crypto::aws_lc_rs::kx_group::X25519,
        &wire::service(1),
    );
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(config, name).expect("sound");
    assert_eq!(Session::of(&client), Err(NoSession));
    assert!(Session::of(&wire.client).is_ok());
}

#[test]
fn session_does_not_print_its_exporter() {
    let session = Session::from_exporter([0xab; 32]);
    assert_eq!(format!("{session:?}"), "Session(tls-exporter/1, ..)");
}

#[test]
fn proof_decodes_from_its_one_encoding_only() {
    let proof = claim().prove(&signer(1), &Session::from_exporter([1; 32]));
    let bytes = proof.encode();
    assert!(bytes.len() <= SESSION_PROOF_BYTES_MAX);
    assert_eq!(SessionProof::decode(&bytes), Ok(proof));
    for end in 0..bytes.len() {
        assert!(SessionProof::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(
        SessionProof::decode(&longer),
        Err(SessionRefused::Malformed)
    );
    let too_long = vec![0x87; SESSION_PROOF_BYTES_MAX + 1];
    assert_eq!(
        SessionProof::decode(&too_long),
        Err(SessionRefused::Malformed)
    );
    // The replica id in two bytes where one is enough.
    let at = bytes.len() - 66 - 2;
    let wide = [&bytes[..at], &[0x18, 1], &bytes[at + 1..]].concat();
    assert_eq!(SessionProof::decode(&wide), Err(SessionRefused::Malformed));
    let mut later = bytes;
    later[16] = b'2';
    assert_eq!(&later[2..17], b"synod-session/2");
    assert_eq!(
        SessionProof::decode(&later),
        Err(SessionRefused::UnknownVersion)
    );
}

#[test]
fn mutated_proof_never_panics_and_never_counts() {
    let wire = session();
    let proof = claim().prove(&signer(1), &opener(&wire)).encode();
    for at in 0..proof.len() {
        for bit in 0..8 {
            let mut mutated = proof.clone();
            mutated[at] ^= 1 << bit;
            let judged = SessionProof::decode(&mutated)
                .and_then(|proof| claim().verify(&public(1), &acceptor(&wire), &proof));
            assert!(judged.is_err(), "byte {at}, bit {bit}");
        }
    }
}
