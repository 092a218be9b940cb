//! What a client believes: each check of a verification is broken alone, and refuses under its own
//! name.

use bytes::Bytes;
use minicbor::Encoder;
use synod_api::{AttestationReply, ChainFile, freshness_message};
use synod_attestation::{
    Measurement, MockRoots, NodeStatement, Policy, Role, Rule, Tee, simulated,
};
use synod_attester::{Attester, Simulated};
use synod_channel::{End, Party, Session, SessionClaim, SessionRefused, Spki, TlsKey};
use synod_client::{Failure, Nonce, Observation, Unverified, VerifiedReplica, Verifier};
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey};
use synod_governance::{JoinRule, ServiceRecord};
use synod_ledger::{Block, BlockBuilder, Configuration, Voter, genesis_block};

const NOW_MS: u64 = 1_790_000_000_000;
const MEASUREMENT: [u8; 48] = [7; 48];
const MANIFEST: [u8; 32] = [0xaa; 32];
const NONCE: Nonce = [9; 32];
const EXPORTER: [u8; 32] = [6; 32];

/// A network of one founder, and a visit to it.
struct Scene {
    identity: SigningKey,
    statement: NodeStatement,
    policy_row: Option<String>,
    observation: Observation,
    network: Digest,
    chain_file: Bytes,
    policy: Option<Policy>,
}

impl Scene {
    /// A founder that is all right.
    fn sound() -> Self {
        Self::with(|_| {}, development().to_toml())
    }

    /// A founder whose statement was changed before its evidence was made.
    fn with(change: impl FnOnce(&mut NodeStatement), policy_row: String) -> Self {
        Self::build(change, Some(policy_row))
    }

    fn build(change: impl FnOnce(&mut NodeStatement), policy_row: Option<String>) -> Self {
        let identity = SigningKey::from_seed(&Secret::new([1; 32]));
        let tls = TlsKey::from_seed(&Secret::new([2; 32]));
        let mut statement = NodeStatement {
            identity: identity.public(),
            tls: tls.spki().as_der().to_vec(),
            hpke: HpkeSecretKey::from_seed(&Secret::new([3; 32])).public(),
            role: Role::Replica,
            context: Digest::from(MANIFEST),
            nonce: Digest::from([4; 32]),
        };
        change(&mut statement);
        let block = block_zero(&identity, policy_row.as_deref());
        let network = block.hash();
        let chain_file = ChainFile {
            block0: block.bytes().clone(),
            opening: None,
            records: Vec::new(),
        };
        let observation = observe(&identity, &statement, tls.spki().clone(), network);
        Self {
            identity,
            statement,
            policy_row,
            observation,
            network,
            chain_file: chain_file.encode().into(),
            policy: None,
        }
    }

    fn judge(&self) -> Result<VerifiedReplica, Unverified> {
        let verifier = Verifier::new(self.network, self.policy.clone());
        verifier.judge(&self.observation, &self.chain_file, NOW_MS)
    }

    fn failure(&self) -> Failure {
        let why = self.judge().expect_err("the verification fails");
        let (last, before) = why.checks.split_last().expect("a check was made");
        assert!(!last.passed || matches!(why.failure, Failure::Refused(_)));
        assert!(
            matches!(why.failure, Failure::Refused(_)) || before.iter().all(|check| check.passed)
        );
        why.failure
    }

    fn refused_rule(&self) -> Rule {
        match self.failure() {
            Failure::Refused(refusal) => refusal.rule(),
            other => panic!("refused by {other}, not by the policy"),
        }
    }

    /// Signs the observation anew, for another context or nonce.
    fn sign(&mut self, context: Digest, nonce: Nonce) {
        let message = freshness_message(context.as_bytes(), &nonce);
        self.observation.attestation.signature = signature(&self.identity, &message);
        self.observation.attestation.context = context.to_string();
        let claim = claim(&self.identity, context, nonce);
        self.observation.attestation.session = Some(proof(&self.identity, &claim, EXPORTER));
    }

    /// A proof of a changed claim, or for another session, instead of the right one.
    fn prove(&mut self, change: impl FnOnce(&mut SessionClaim), exporter: [u8; 32]) {
        let mut claim = claim(&self.identity, self.network, NONCE);
        change(&mut claim);
        self.observation.attestation.session = Some(proof(&self.identity, &claim, exporter));
    }
}

fn development() -> Policy {
    policy_for(MEASUREMENT)
}

fn policy_for(measurement: [u8; 48]) -> Policy {
    Policy::development(&[(Tee::SevSnp, Measurement::from(measurement), "test")])
}

fn observe(
    identity: &SigningKey,
    statement: &NodeStatement,
    tls_key: Spki,
    network: Digest,
) -> Observation {
    let mut attester = Simulated::new(Tee::SevSnp, MEASUREMENT, [5; 32]).expect("a simulated TEE");
    let (evidence, endorsements) = attester
        .collect(statement, NOW_MS)
        .expect("simulated evidence");
    let message = freshness_message(network.as_bytes(), &NONCE);
    Observation {
        url: "https://127.0.0.1:1".parse().unwrap(),
        tls_key,
        session: Session::from_exporter(EXPORTER),
        nonce: NONCE,
        attestation: AttestationReply {
            context: network.to_string(),
            statement: statement.encode().into(),
            evidence: evidence.encode().into(),
            endorsements: endorsements.encode().into(),
            nonce: hex::encode(NONCE),
            signature: signature(identity, &message),
            session: Some(proof(identity, &claim(identity, network, NONCE), EXPORTER)),
            collected_ms: NOW_MS,
            membership: None,
            configuration: Some(0),
            certified: None,
        },
    }
}

/// What a replica claims of the session over which it answers a caller without a certificate.
fn claim(identity: &SigningKey, network: Digest, nonce: Nonce) -> SessionClaim {
    SessionClaim {
        network,
        end: End::Acceptor,
        from: Party::Key(identity.public().digest()),
        to: Party::Anybody,
        nonce: Some(nonce),
    }
}

fn proof(
    identity: &SigningKey,
    claim: &SessionClaim,
    exporter: [u8; 32],
) -> synod_api::SessionProof {
    let proof = claim.prove(identity, &Session::from_exporter(exporter));
    synod_api::SessionProof {
        binding: proof.binding,
        signature: proof.signature.as_bytes().to_vec().into(),
    }
}

fn signature(identity: &SigningKey, message: &[u8]) -> synod_api::Base64 {
    identity.sign(message).as_bytes().to_vec().into()
}

/// Block 0 with configuration 0 and the rows that a client reads.
fn block_zero(identity: &SigningKey, policy: Option<&str>) -> Block {
    let voter = Voter {
        id: 1,
        key: identity.public(),
        vendor: "amd".to_owned(),
    };
    let configuration =
        Configuration::new(0, Digest::default(), vec![voter], 1).expect("a configuration");
    let mut maps: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![(
        "public:synod.configurations",
        0_u64.to_be_bytes().into(),
        configuration.encode().into(),
    )];
    if let Some(policy) = policy {
        maps.push((
            "public:synod.policy",
            b"policy".into(),
            policy.as_bytes().into(),
        ));
    }
    maps.push(("public:synod.service", b"service".into(), service_row()));
    let mut out = Encoder::new(Vec::new());
    out.array(maps.len() as u64).unwrap();
    for (map, key, value) in maps {
        out.array(2).unwrap().str(map).unwrap().array(1).unwrap();
        out.array(2)
            .unwrap()
            .bytes(&key)
            .unwrap()
            .bytes(&value)
            .unwrap();
    }
    let mut builder = BlockBuilder::new(1, 1);
    builder.push(out.into_writer().into(), Bytes::new(), Digest::default());
    genesis_block(builder, 1, NOW_MS, &configuration).expect("block 0")
}

fn service_row() -> Vec<u8> {
    let service = ServiceRecord {
        name: "test".to_owned(),
        manifest: Digest::from(MANIFEST),
        opening: None,
        threshold: 1,
        recovery_threshold: 2,
        join: JoinRule::Verdict,
        removal_grace_s: 3600,
        unheard_s: 600,
        open_voters: 3,
    };
    minicbor::to_vec((synod_governance::FORMAT, service)).unwrap()
}

#[test]
fn sound_founder_passes_every_check_and_is_marked_as_simulated() {
    let scene = Scene::sound();
    let verified = scene.judge().expect("verified");
    assert!(verified.checks().iter().all(|check| check.passed));
    let names: Vec<_> = verified.checks().iter().map(|check| check.name).collect();
    for name in [
        "freshness",
        "tls-key",
        "session",
        "network",
        "chain",
        "membership",
        "policy",
        "genuine",
        "binding",
        "measurement",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    assert!(verified.verdict().simulated());
    assert_eq!(
        (verified.id(), verified.chain().network()),
        (1, scene.network)
    );
    assert_eq!(verified.tls_key(), &scene.observation.tls_key);
}

#[test]
fn another_network_id_is_refused() {
    let mut scene = Scene::sound();
    scene.network = Digest::from([1; 32]);
    // The replica may even claim that network: block 0 gives it away.
    scene.sign(scene.network, NONCE);
    assert!(matches!(scene.failure(), Failure::Network { pin, .. } if pin == scene.network));
}

#[test]
fn replica_that_speaks_for_another_network_is_refused() {
    let mut scene = Scene::sound();
    scene.sign(Digest::from([1; 32]), NONCE);
    assert!(matches!(scene.failure(), Failure::OtherNetwork { .. }));
}

#[test]
fn replayed_answer_is_refused() {
    let mut scene = Scene::sound();
    scene.observation.nonce = [10; 32];
    assert_eq!(scene.failure(), Failure::Nonce);
}

#[test]
fn replayed_signature_under_a_repeated_nonce_is_refused() {
    let mut scene = Scene::sound();
    scene.observation.nonce = [10; 32];
    scene.observation.attestation.nonce = hex::encode([10; 32]);
    assert_eq!(scene.failure(), Failure::Freshness);
}

#[test]
fn nonce_signed_by_another_key_is_refused() {
    let mut scene = Scene::sound();
    scene.identity = SigningKey::from_seed(&Secret::new([99; 32]));
    scene.sign(scene.network, NONCE);
    assert_eq!(scene.failure(), Failure::Freshness);
}

#[test]
fn connection_that_ends_at_another_key_is_refused() {
    let mut scene = Scene::sound();
    scene.observation.tls_key = TlsKey::from_seed(&Secret::new([42; 32])).spki().clone();
    assert!(matches!(scene.failure(), Failure::TlsKey { .. }));
}

#[test]
fn evidence_of_another_key_is_refused() {
    let mut scene = Scene::sound();
    scene.statement.hpke = HpkeSecretKey::from_seed(&Secret::new([77; 32])).public();
    scene.observation.attestation.statement = scene.statement.encode().into();
    assert_eq!(scene.refused_rule(), Rule::Binding);
}

#[test]
fn founder_that_attested_anew_names_the_network() {
    let mut scene = Scene::sound();
    scene.statement.context = scene.network;
    let tls_key = scene.observation.tls_key.clone();
    scene.observation = observe(&scene.identity, &scene.statement, tls_key, scene.network);
    scene.judge().expect("verified");
}

#[test]
fn founder_of_another_manifest_is_refused() {
    let scene = Scene::with(
        |statement| statement.context = Digest::from([1; 32]),
        development().to_toml(),
    );
    assert_eq!(scene.refused_rule(), Rule::Context);
}

#[test]
fn worker_that_poses_as_a_replica_is_refused() {
    let scene = Scene::with(
        |statement| statement.role = Role::Worker,
        development().to_toml(),
    );
    assert_eq!(scene.refused_rule(), Rule::Role);
}

#[test]
fn replica_that_is_not_on_the_ledger_is_refused() {
    let stranger = SigningKey::from_seed(&Secret::new([66; 32]));
    let mut scene = Scene::with(
        |statement| statement.identity = stranger.public(),
        development().to_toml(),
    );
    scene.identity = stranger;
    scene.sign(scene.network, NONCE);
    assert!(matches!(
        scene.failure(),
        Failure::NotVoter {
            configuration: 0,
            ..
        }
    ));
}

#[test]
fn wrong_measurement_is_refused_by_the_members_policy_and_by_ones_own() {
    let other = policy_for([8; 48]);
    let members = Scene::with(|_| {}, other.to_toml());
    assert_eq!(members.refused_rule(), Rule::Measurement);
    let mut own = Scene::sound();
    own.policy = Some(other);
    assert_eq!(own.refused_rule(), Rule::Measurement);
}

#[test]
fn mock_root_is_refused_by_a_production_policy() {
    let mut scene = Scene::sound();
    scene.policy = Some(Policy::production(&[(
        Tee::SevSnp,
        Measurement::from(MEASUREMENT),
        "test",
    )]));
    assert_eq!(scene.refused_rule(), Rule::NotSimulated);
    assert!(MockRoots::published().contains(&synod_crypto::sha256(&[simulated::AMD_ARK])));
}

#[test]
fn block_zero_without_a_policy_needs_one_of_the_callers() {
    let mut scene = Scene::build(|_| {}, None);
    assert!(scene.policy_row.is_none());
    assert!(matches!(scene.failure(), Failure::NoPolicy(_)));
    scene.policy = Some(development());
    assert!(scene.judge().is_ok());
}

#[test]
fn mangled_chain_is_refused() {
    let mut scene = Scene::sound();
    let sound = ChainFile::decode(&scene.chain_file).unwrap();
    scene.chain_file = Bytes::from_static(b"\x83");
    assert!(matches!(scene.failure(), Failure::ChainFile(_)));
    let forged = ChainFile {
        records: vec![Bytes::from_static(b"\x00")],
        ..sound
    };
    scene.chain_file = forged.encode().into();
    assert!(matches!(scene.failure(), Failure::ChainFile(_)));
}

#[test]
fn parts_that_cannot_be_read_are_named() {
    let garbage = || synod_api::Base64(Bytes::from_static(b"\xff\xff"));
    let mut scene = Scene::sound();
    scene.observation.attestation.evidence = garbage();
    assert_eq!(scene.failure(), Failure::Malformed("evidence"));
    let mut scene = Scene::sound();
    scene.observation.attestation.endorsements = garbage();
    assert_eq!(scene.failure(), Failure::Malformed("endorsements"));
    let mut scene = Scene::sound();
    scene.observation.attestation.statement = garbage();
    assert!(matches!(scene.failure(), Failure::Statement(_)));
    let mut scene = Scene::sound();
    scene.observation.attestation.context = "network".to_owned();
    assert_eq!(scene.failure(), Failure::Malformed("context"));
}

#[test]
fn mutated_answers_never_panic() {
    let scene = Scene::sound();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..10_000 {
        let mut bytes = scene.chain_file.to_vec();
        let at = next() as usize % bytes.len();
        bytes[at] ^= next() as u8 | 1;
        assert!(synod_client::read_chain(scene.network, &bytes.into()).is_err());
    }
}

#[test]
fn answer_without_a_session_proof_is_refused() {
    let mut scene = Scene::sound();
    scene.observation.attestation.session = None;
    assert_eq!(scene.failure(), Failure::NoSessionProof);
}

#[test]
fn session_proof_for_another_session_nonce_network_party_or_direction_is_refused() {
    type Change = fn(&mut SessionClaim);
    let cases: [(Change, [u8; 32]); 6] = [
        (|_| {}, [7; 32]),
        (|claim| claim.nonce = Some([1; 32]), EXPORTER),
        (|claim| claim.network = Digest::ZERO, EXPORTER),
        (|claim| claim.to = Party::Key(Digest::ZERO), EXPORTER),
        (|claim| claim.from = Party::Key(Digest::ZERO), EXPORTER),
        (|claim| claim.end = End::Opener, EXPORTER),
    ];
    for (change, exporter) in cases {
        let mut scene = Scene::sound();
        scene.prove(change, exporter);
        let refused = Failure::Session(SessionRefused::NotThisSession);
        assert_eq!(scene.failure(), refused);
    }
}

#[test]
fn session_proof_by_another_mechanism_or_of_another_length_is_refused() {
    let mut scene = Scene::sound();
    let proof = scene.observation.attestation.session.as_mut().unwrap();
    proof.binding = "tls-exporter/0".to_owned();
    let refused = Failure::Session(SessionRefused::UnknownBinding);
    assert_eq!(scene.failure(), refused);

    let mut scene = Scene::sound();
    let proof = scene.observation.attestation.session.as_mut().unwrap();
    proof.signature = vec![0; 63].into();
    let refused = Failure::Session(SessionRefused::Malformed);
    assert_eq!(scene.failure(), refused);
}
