//! Evidence of each vendor goes the whole way to a verdict, and each fault on
//! that way is refused by a rule of its own.

use synod_attestation::{
    Endorsements, Evidence, Expected, Freshness, Measurement, NodeStatement, Policy, Refusal, Role,
    Rule, Tee, Verdict, policy::rules::Rules,
};
use synod_attester::{Attester, Fault, Simulated};
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey, sha256};

const MEASUREMENT: [u8; 48] = [0x4d; 48];
/// 2026-11-20.
const NOW_MS: u64 = 1_795_132_800_000;
const HOUR_MS: u64 = 3_600_000;

fn network() -> Digest {
    sha256(&[b"network"])
}

fn nonce() -> Digest {
    sha256(&[b"nonce"])
}

fn statement() -> NodeStatement {
    NodeStatement {
        identity: SigningKey::from_seed(&Secret::new([1; 32])).public(),
        tls: vec![2; 91],
        hpke: HpkeSecretKey::from_seed(&Secret::new([3; 32])).public(),
        role: Role::Replica,
        context: network(),
        nonce: nonce(),
    }
}

fn expected() -> Expected {
    Expected {
        role: Role::Replica,
        context: network(),
        freshness: Freshness::Nonce(nonce()),
    }
}

fn workloads() -> [(Tee, Measurement, &'static str); 4] {
    Simulated::TEES.map(|tee| (tee, Simulated::measurement(tee, &MEASUREMENT), "test"))
}

/// What a relying party has before it, to be made wrong in one place.
struct Scene {
    policy: Policy,
    evidence: Evidence,
    endorsements: Endorsements,
    statement: NodeStatement,
    expected: Expected,
    now_ms: u64,
}

impl Scene {
    fn new(tee: Tee) -> Self {
        Self::with_fault(tee, MEASUREMENT, None)
    }

    fn with_fault(tee: Tee, measurement: [u8; 48], fault: Option<Fault>) -> Self {
        let attester = Simulated::faulty(tee, measurement, [7; 32], fault);
        let (evidence, endorsements) = attester
            .expect("a simulated TEE")
            .collect(&statement(), NOW_MS)
            .expect("evidence is collected");
        Self {
            policy: Policy::development(&workloads()),
            evidence,
            endorsements,
            statement: statement(),
            expected: expected(),
            now_ms: NOW_MS,
        }
    }

    fn appraise(&self) -> Result<Verdict, Refusal> {
        self.policy.appraise(
            &self.evidence,
            &self.endorsements,
            &self.statement,
            &self.expected,
            self.now_ms,
        )
    }

    #[track_caller]
    fn is_refused_by(&self, rule: Rule) {
        match self.appraise() {
            Err(refusal) => assert_eq!(refusal.rule(), rule, "{refusal}"),
            Ok(_) => panic!("expected a refusal by `{rule}`"),
        }
    }
}

/// The development policy, written otherwise.
fn policy(from: &str, to: &str) -> Policy {
    let text = Policy::development(&workloads()).to_toml();
    assert!(text.contains(from), "{text}");
    Policy::from_toml(&text.replace(from, to)).expect("a policy")
}

#[test]
fn evidence_of_every_vendor_is_accepted_and_marked_as_simulated() {
    for tee in Simulated::TEES {
        let scene = Scene::new(tee);
        let verdict = scene
            .appraise()
            .unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(verdict.simulated());
        assert_eq!(verdict.tee(), tee);
        assert_eq!(verdict.vendor(), tee.vendor());
        assert_eq!(verdict.subject(), &statement());
        assert_eq!(verdict.policy(), scene.policy.digest());
        let measurement = Simulated::measurement(tee, &MEASUREMENT);
        assert_eq!(verdict.claims().measurement, measurement);
        assert!(verdict.expires_ms() > NOW_MS);
        assert!(verdict.checks().iter().all(|check| check.passed));
    }
}

#[test]
fn evidence_survives_its_encoding_with_its_endorsements() {
    for tee in Simulated::TEES {
        let mut scene = Scene::new(tee);
        assert_eq!(
            Evidence::detect(scene.evidence.bytes().to_vec()).as_ref(),
            Ok(&scene.evidence)
        );
        scene.evidence = Evidence::decode(&scene.evidence.encode()).expect("evidence");
        let encoded = scene.endorsements.encode();
        scene.endorsements = Endorsements::decode(&encoded).expect("endorsements");
        assert!(scene.appraise().is_ok());
    }
}

#[test]
fn evidence_of_another_key_is_refused() {
    for tee in Simulated::TEES {
        let other = SigningKey::from_seed(&Secret::new([99; 32])).public();
        let mut identity = Scene::new(tee);
        identity.statement.identity = other;
        identity.is_refused_by(Rule::Binding);
        let mut tls = Scene::new(tee);
        tls.statement.tls[90] ^= 1;
        tls.is_refused_by(Rule::Binding);
        let mut hpke = Scene::new(tee);
        hpke.statement.hpke = HpkeSecretKey::from_seed(&Secret::new([98; 32])).public();
        hpke.is_refused_by(Rule::Binding);
    }
}

#[test]
fn evidence_with_a_replayed_or_stale_nonce_is_refused() {
    for tee in Simulated::TEES {
        let mut scene = Scene::new(tee);
        scene.expected.freshness = Freshness::Nonce(sha256(&[b"a newer nonce"]));
        scene.is_refused_by(Rule::Nonce);
        // To write the newer nonce into the statement breaks the binding.
        scene.statement.nonce = sha256(&[b"a newer nonce"]);
        scene.is_refused_by(Rule::Binding);
    }
}

#[test]
fn evidence_for_another_network_is_refused() {
    for tee in Simulated::TEES {
        let mut scene = Scene::new(tee);
        scene.expected.context = sha256(&[b"another network"]);
        scene.is_refused_by(Rule::Context);
        scene.statement.context = sha256(&[b"another network"]);
        scene.is_refused_by(Rule::Binding);
    }
}

#[test]
fn evidence_for_another_role_is_refused() {
    let mut scene = Scene::new(Tee::Tdx);
    scene.expected.role = Role::Client;
    scene.is_refused_by(Rule::Role);
    scene.statement.role = Role::Client;
    scene.is_refused_by(Rule::Binding);
}

#[test]
fn evidence_under_a_simulated_root_is_refused_by_a_production_policy() {
    for tee in Simulated::TEES {
        let mut scene = Scene::new(tee);
        scene.policy = Policy::production(&workloads());
        scene.is_refused_by(Rule::NotSimulated);
        scene.policy = Policy::baseline();
        scene.is_refused_by(Rule::NotSimulated);
    }
}

#[test]
fn evidence_of_a_debugged_workload_is_refused() {
    for tee in Simulated::TEES {
        let scene = Scene::with_fault(tee, MEASUREMENT, Some(Fault::Debug));
        let refusal = scene.appraise().expect_err("debug is refused");
        let broken: Vec<_> = refusal
            .checks()
            .iter()
            .filter(|check| !check.passed)
            .map(|check| check.rule)
            .collect();
        // A debugged Nitro enclave has no measurement either.
        let expected: &[Rule] = match tee {
            Tee::Nitro => &[Rule::Measurement, Rule::NotDebug],
            Tee::SevSnp | Tee::Tdx | Tee::Sgx => &[Rule::NotDebug],
        };
        assert_eq!(broken, expected);
    }
}

#[test]
fn evidence_of_a_debugged_workload_is_accepted_where_the_policy_says_so() {
    for tee in [Tee::SevSnp, Tee::Tdx] {
        let mut scene = Scene::with_fault(tee, MEASUREMENT, Some(Fault::Debug));
        scene.policy = policy(
            "dangerous_allow_debug = false",
            "dangerous_allow_debug = true",
        );
        assert!(scene.appraise().expect("debug is allowed").claims().debug);
    }
}

#[test]
fn evidence_of_another_workload_is_refused() {
    for tee in Simulated::TEES {
        Scene::with_fault(tee, [0x4e; 48], None).is_refused_by(Rule::Measurement);
    }
}

#[test]
fn workload_accepted_for_one_tee_is_not_accepted_for_another() {
    let mut scene = Scene::new(Tee::Tdx);
    scene.policy = Policy::development(&workloads()[..1]);
    scene.is_refused_by(Rule::Measurement);
}

#[test]
fn evidence_of_a_movable_workload_is_refused() {
    Scene::with_fault(Tee::SevSnp, MEASUREMENT, Some(Fault::Migratable))
        .is_refused_by(Rule::NotMigratable);
}

#[test]
fn evidence_of_old_firmware_is_refused() {
    let old = Some(Fault::OldFirmware);
    Scene::with_fault(Tee::Tdx, MEASUREMENT, old).is_refused_by(Rule::Tcb);
    let mut scene = Scene::with_fault(Tee::SevSnp, MEASUREMENT, old);
    assert!(scene.appraise().is_ok(), "no floor, no refusal");
    scene.policy = policy(
        "[sev-snp.tcb_min]",
        "[sev-snp.tcb_min.turin]\nfmc = 1\nbootloader = 1\ntee = 1\nsnp = 4\nmicrocode = 0x51\n",
    );
    scene.is_refused_by(Rule::Tcb);
    let current = Scene {
        policy: scene.policy,
        ..Scene::new(Tee::SevSnp)
    };
    assert!(current.appraise().is_ok());
}

#[test]
fn document_that_is_too_old_or_from_the_future_is_refused() {
    let mut scene = Scene::new(Tee::Nitro);
    scene.now_ms = NOW_MS + HOUR_MS + 1;
    scene.is_refused_by(Rule::Age);
    scene.now_ms = NOW_MS - 6 * 60_000;
    scene.is_refused_by(Rule::Age);
    scene.now_ms = NOW_MS - 4 * 60_000;
    assert!(scene.appraise().is_ok(), "clocks may differ a little");
}

#[test]
fn evidence_of_a_tee_without_rules_is_refused() {
    let mut scene = Scene::new(Tee::Nitro);
    scene.policy = policy("[nitro]\ndangerous_allow_debug = false\n", "");
    scene.is_refused_by(Rule::TeeAccepted);
}

#[test]
fn evidence_with_endorsements_of_another_tee_is_refused() {
    let mut scene = Scene::new(Tee::Tdx);
    scene.endorsements = Endorsements::Nitro;
    scene.is_refused_by(Rule::Genuine);
}

#[test]
fn evidence_with_endorsements_of_another_platform_is_refused() {
    let mut other = Simulated::new(Tee::SevSnp, MEASUREMENT, [8; 32]).expect("a simulated TEE");
    let (_, endorsements) = other.collect(&statement(), NOW_MS).expect("evidence");
    let mut scene = Scene::new(Tee::SevSnp);
    scene.endorsements = endorsements;
    scene.is_refused_by(Rule::Genuine);
}

#[test]
fn verdict_lapses_no_later_than_the_vendor_vouches_for_the_platform() {
    let mut scene = Scene::new(Tee::Tdx);
    scene.policy = policy(
        "verdict_lifetime_s = 604800",
        "verdict_lifetime_s = 31536000",
    );
    let verdict = scene.appraise().expect("a verdict");
    assert_eq!(
        Some(verdict.expires_ms()),
        verdict.claims().endorsed_until_ms
    );
    let mut short = Scene::new(Tee::Tdx);
    short.policy = policy("verdict_lifetime_s = 604800", "verdict_lifetime_s = 60");
    let verdict = short.appraise().expect("a verdict");
    assert_eq!(verdict.expires_ms(), NOW_MS + 60_000);
}

#[test]
fn collateral_that_ran_out_is_used_to_the_end_of_its_own_grace() {
    type Grant = fn(&mut Rules, u64);
    let grants: [(Tee, Grant); 2] = [
        (Tee::Tdx, |rules, s| {
            rules.tdx.as_mut().expect("rules").collateral_grace_s = s;
        }),
        (Tee::Sgx, |rules, s| {
            rules.sgx.as_mut().expect("rules").collateral_grace_s = s;
        }),
    ];
    for (tee, _) in grants {
        let mut scene = Scene::new(tee);
        let verdict = scene.appraise().expect("a verdict");
        let until_ms = verdict.claims().endorsed_until_ms.expect("an end");
        for (granted, grant) in grants {
            let mut rules = Rules::from(Policy::development(&workloads()));
            rules.collateral_age_max_s = None;
            grant(&mut rules, 60);
            scene.policy = Policy::try_from(rules).expect("a policy");
            scene.now_ms = until_ms + 60_000;
            if granted != tee {
                scene.is_refused_by(Rule::Genuine);
                continue;
            }
            let verdict = scene.appraise().expect("a verdict within the grace");
            assert_eq!(verdict.expires_ms(), until_ms + 60_000);
            scene.now_ms += 1;
            scene.is_refused_by(Rule::Genuine);
        }
    }
}

#[test]
fn nonce_is_not_asked_for_where_freshness_is_known_otherwise() {
    let mut scene = Scene::new(Tee::SevSnp);
    scene.expected.freshness = Freshness::Elsewhere;
    let verdict = scene.appraise().expect("a verdict");
    assert!(
        verdict
            .checks()
            .iter()
            .all(|check| check.rule != Rule::Nonce)
    );
}

#[test]
fn refusal_explains_itself() {
    let refusal = Scene::with_fault(Tee::Tdx, [0x4e; 48], None)
        .appraise()
        .expect_err("another workload is refused");
    let text = refusal.to_string();
    for part in ["development", "measurement", "4e4e4e4e", "hint:"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(refusal.checks().len() > 5);
}

#[test]
fn the_same_seed_is_the_same_platform_and_another_seed_another() {
    for tee in Simulated::TEES {
        let hardware = |seed| {
            let mut attester = Simulated::new(tee, MEASUREMENT, [seed; 32]).expect("a TEE");
            let (evidence, endorsements) =
                attester.collect(&statement(), NOW_MS).expect("evidence");
            let policy = Policy::development(&workloads());
            let verdict =
                policy.appraise(&evidence, &endorsements, &statement(), &expected(), NOW_MS);
            verdict.expect("a verdict").claims().hardware_id.clone()
        };
        assert_eq!(hardware(1), hardware(1));
        assert_ne!(hardware(1), hardware(2));
    }
}

#[test]
fn mutated_endorsements_never_panic() {
    for (tee, rounds) in [(Tee::SevSnp, 3_000), (Tee::Tdx, 300)] {
        let mut scene = Scene::new(tee);
        let sound = scene.endorsements.encode();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..rounds {
            let mut bytes = sound.clone();
            for _ in 0..2 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 56) as u8;
            }
            if let Ok(endorsements) = Endorsements::decode(&bytes) {
                scene.endorsements = endorsements;
                let _ = scene.appraise();
            }
        }
    }
}
