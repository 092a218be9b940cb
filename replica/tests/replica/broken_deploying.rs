//! Replicas that lie about apps: activations without a quorum or with foreign maps, and reports
//! that are none.

use bytes::Bytes;
use synod_crypto::{Digest, Signature, sha256};
use synod_governance::app::{Compiled, CompiledStatement, Deploy, DeployStep};
use synod_governance::{Input as GovernanceInput, map as maps};
use synod_kv::WriteSet;
use synod_ledger::Frame;
use synod_replica::app::AppFault;
use synod_replica::{CompileOutcome, CompileReport, Envelope};

use crate::adversary::{followers, inject, misbehaved, next_block, proofs};
use crate::cluster::{Cluster, map};
use crate::versions::{active_number, app, bring, deploy, record, set, three, version};

/// A version that every replica has compiled, while its leader's executor answers nothing.
fn compiled_everywhere(seed: u8) -> (Cluster, u64, Digest) {
    let mut cluster = three(seed);
    cluster.executor = Box::new(|_, _| Err(AppFault::Overloaded));
    let version = version("bank", "1.0");
    let number = set(&mut cluster, &version, "bank");
    bring(&mut cluster, &version, "bank", number);
    cluster.run(1000);
    (cluster, number, sha256(&[&version.component]))
}

fn signature_of(cluster: &Cluster, id: u64, number: u64, component: Digest) -> Compiled {
    let statement = CompiledStatement {
        network: cluster.network,
        name: app("bank"),
        number,
        component,
    };
    statement.sign(id, &cluster.birth(id).keys().identity)
}

/// What a leader would record for the activation, honest but for the signatures and one more row.
fn forged(cluster: &Cluster, number: u64, compiled: Vec<Compiled>, extra: &str) -> Frame {
    let input = GovernanceInput::Deploy(Deploy {
        name: app("bank"),
        step: DeployStep::Activate { number, compiled },
    });
    let mut row = record(cluster, "bank");
    row.active = row.pending.take();
    let seqno = cluster
        .leader_node()
        .replica
        .machine()
        .sequence()
        .next_seqno();
    let row = minicbor::to_vec((synod_governance::FORMAT, &row)).expect("in memory");
    let mut writes = WriteSet::new();
    let mut put = |map_name: &str, key: &[u8], value: Vec<u8>| {
        writes
            .put(&map(map_name), key.to_vec(), value)
            .expect("within limits");
    };
    put(maps::APPS, b"bank", row);
    put(maps::INPUTS, &seqno.to_be_bytes(), input.encode());
    put(extra, b"row", b"x".to_vec());
    Frame {
        public: writes.encode().into(),
        sealed: Bytes::new(),
        reply: Digest::ZERO,
    }
}

fn expect_refused(cluster: &mut Cluster, frame: Frame, why: &str) {
    let follower = followers(cluster)[0];
    let block = next_block(cluster, &[frame]);
    inject(cluster, follower, &block, None);
    let what = misbehaved(cluster, follower).expect("it is reported");
    assert!(what.contains(why), "{what}");
    assert_eq!(proofs(cluster, follower), 1, "the block is kept as proof");
    assert_eq!(active_number(cluster, follower, "bank"), None);
}

#[test]
fn a_leader_that_activates_without_a_quorum_is_refused_and_its_block_kept() {
    let (mut cluster, number, component) = compiled_everywhere(99);
    let one = vec![signature_of(&cluster, 1, number, component)];
    let frame = forged(&cluster, number, one, "public:app.bank.open");
    expect_refused(&mut cluster, frame, "1 voters compiled the app");
}

#[test]
fn a_leader_that_forges_a_signature_is_refused() {
    let (mut cluster, number, component) = compiled_everywhere(100);
    let one = signature_of(&cluster, 1, number, component);
    let borrowed = Compiled { replica: 2, ..one };
    let frame = forged(
        &cluster,
        number,
        vec![one, borrowed],
        "public:app.bank.open",
    );
    expect_refused(&mut cluster, frame, "signature of replica 2");
}

#[test]
fn a_leader_that_writes_another_app_s_map_with_an_activation_is_refused() {
    for (seed, foreign) in [(101, "public:app.shop.open"), (102, "public:notes")] {
        let (mut cluster, number, component) = compiled_everywhere(seed);
        let both = [1, 2].map(|id| signature_of(&cluster, id, number, component));
        let frame = forged(&cluster, number, both.to_vec(), foreign);
        expect_refused(&mut cluster, frame, foreign);
    }
}

#[test]
fn the_same_activation_with_a_quorum_and_its_own_map_is_taken() {
    let (mut cluster, number, component) = compiled_everywhere(103);
    let both = [1, 2].map(|id| signature_of(&cluster, id, number, component));
    let frame = forged(&cluster, number, both.to_vec(), "public:app.bank.open");
    let follower = followers(&cluster)[0];
    let block = next_block(&cluster, &[frame]);
    inject(&mut cluster, follower, &block, None);
    assert_eq!(misbehaved(&cluster, follower), None);
}

#[test]
fn a_peer_that_signs_wrongly_is_not_counted() {
    let mut cluster = three(104);
    let spoil = |envelope: &mut Envelope| {
        if let Some(report) = &mut envelope.app_report {
            report.verdict = CompileOutcome::Compiled(Signature::from([7; 64]));
        }
    };
    followers(&cluster)
        .into_iter()
        .for_each(|id| cluster.tamper(id, spoil));
    deploy(&mut cluster, "bank", "1.0");
    let view = cluster
        .leader_node()
        .replica
        .app_view(&app("bank"))
        .expect("an app");
    assert_eq!(view.record.active, None);
    assert_eq!(view.heard.len(), 1, "the leader believes itself");
}

fn reported(verdict: CompileOutcome) -> Vec<u8> {
    let report = CompileReport {
        name: app("bank"),
        number: 7,
        component: Digest::from([0xcd; 32]),
        verdict,
    };
    let envelope = Envelope {
        app_report: Some(Box::new(report)),
        ..Envelope::default()
    };
    envelope.encode()
}

/// As `spec/replica.cddl` has it.
#[test]
fn reports_are_drawn_to_the_byte_and_say_no_more_than_a_code() {
    let head = [
        &[0x88, 0xf6, 0xf6, 0xf6, 0xf6, 0xf6, 0xf6, 0xf6, 0x84, 0x64][..],
        b"bank",
        &[0x07, 0x58, 0x20],
        &[0xcd; 32],
    ]
    .concat();
    let compiled = reported(CompileOutcome::Compiled(Signature::from([0xab; 64])));
    let drawn = [&head, &[0x82, 0x00, 0x81, 0x58, 0x40][..], &[0xab; 64]].concat();
    assert_eq!(compiled, drawn);
    let failed = reported(CompileOutcome::Failed("digest".to_owned()));
    let drawn = [&head, &[0x82, 0x01, 0x81, 0x66][..], b"digest"].concat();
    assert_eq!(failed, drawn);
    for bytes in [compiled, failed] {
        assert_eq!(Envelope::decode(&bytes).expect("whole").encode(), bytes);
    }
    let tells = reported(CompileOutcome::Failed("account 4711".to_owned()));
    assert!(Envelope::decode(&tells).is_err());
}

#[test]
fn broken_reports_never_panic() {
    let whole = reported(CompileOutcome::Compiled(Signature::from([0xab; 64])));
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let mut bytes = whole.clone();
        let at = usize::try_from(dice % bytes.len() as u64).expect("short");
        match dice >> 60 {
            0..=3 => bytes.truncate(at),
            4..=7 => bytes.insert(at, dice.to_le_bytes()[3]),
            _ => bytes[at] = dice.to_le_bytes()[4],
        }
        if let Ok(envelope) = Envelope::decode(&bytes) {
            let again = Envelope::decode(&envelope.encode()).expect("what was read can be written");
            assert_eq!(again.app_report, envelope.app_report);
        }
    }
}
