//! Composite evidence: several TEEs of one attester, one verdict.

use synod_attestation::{
    Accepted, Endorsements, Evidence, Expected, Freshness, Measurement, NodeStatement, Policy,
    Refusal, Role, Rule, Tee, Verdict, VerifyError,
    eventlog::{Kind, error::EventLogError},
    intel::error::IntelError,
    policy::rules::{RequiredPart, Rules},
    verify,
    verify::signatures_only,
    verify_checked,
};
use synod_attester::{Attester, Simulated};
use synod_crypto::{Digest, HpkePublicKey, PublicKey};

const NOW_MS: u64 = 1_795_132_800_000;

fn statement(context: u8) -> NodeStatement {
    NodeStatement {
        identity: PublicKey::from([1; 32]),
        tls: vec![2; 91],
        hpke: HpkePublicKey::from([3; 32]),
        role: Role::Replica,
        context: Digest::from([context; 32]),
        nonce: Digest::from([5; 32]),
    }
}

fn collect(tee: Tee, measurement: [u8; 48], statement: &NodeStatement) -> (Evidence, Endorsements) {
    let mut attester = Simulated::new(tee, measurement, [6; 32]).expect("an attester");
    attester.collect(statement, NOW_MS).expect("evidence")
}

fn policy(change: impl FnOnce(&mut Rules)) -> Policy {
    let mut rules = Rules::from(Policy::development(&[(
        Tee::SevSnp,
        Measurement::from([1; 48]),
        "lead",
    )]));
    let mut part = Accepted::of(Tee::Tdx, &Measurement::from([2; 48]), "host");
    part.part = Some("host".to_owned());
    rules.accept.push(part);
    rules.require_part.push(RequiredPart {
        name: "host".to_owned(),
        tee: "tdx".to_owned(),
    });
    change(&mut rules);
    Policy::try_from(rules).expect("a policy")
}

/// A lead of SEV-SNP with one part of TDX.
struct Scene {
    lead: (Evidence, Endorsements),
    part: (Evidence, Endorsements),
    name: &'static str,
    policy: Policy,
}

impl Scene {
    fn new() -> Self {
        Self {
            lead: collect(Tee::SevSnp, [1; 48], &statement(4)),
            part: collect(Tee::Tdx, [2; 48], &statement(4)),
            name: "host",
            policy: policy(|_| ()),
        }
    }

    fn appraise(self) -> Result<Verdict, Refusal> {
        let (lead, part) = (self.lead, self.part);
        let evidence = lead.0.with_part(self.name, part.0).expect("a part");
        let endorsements = Endorsements::composite(lead.1, vec![part.1]).expect("endorsements");
        appraise(&self.policy, &evidence, &endorsements)
    }

    fn breaks(self) -> Vec<Rule> {
        broken(self.appraise())
    }
}

fn appraise(
    policy: &Policy,
    evidence: &Evidence,
    endorsements: &Endorsements,
) -> Result<Verdict, Refusal> {
    let expected = Expected {
        role: Role::Replica,
        context: Digest::from([4; 32]),
        freshness: Freshness::Nonce(Digest::from([5; 32])),
    };
    policy.appraise(evidence, endorsements, &statement(4), &expected, NOW_MS)
}

fn broken(result: Result<Verdict, Refusal>) -> Vec<Rule> {
    let refusal = result.expect_err("a refusal");
    let failed = refusal.checks().iter().filter(|check| !check.passed);
    failed.map(|check| check.rule).collect()
}

#[test]
fn composite_evidence_is_one_verdict_with_parts_that_lapses_with_the_first() {
    let scene = Scene::new();
    let verdict = scene.appraise().expect("a verdict");
    assert_eq!(verdict.tee(), Tee::SevSnp);
    let [(name, part)] = verdict.parts() else {
        panic!("expected one part")
    };
    assert_eq!((name.as_str(), part.tee), ("host", Tee::Tdx));
    let until = part.endorsed_until_ms.expect("collateral runs out");
    assert!(verdict.expires_ms() <= until);
    assert!(verdict.simulated());
}

#[test]
fn verdict_lapses_when_the_vendor_of_a_part_vouches_no_longer() {
    let mut scene = Scene::new();
    scene.policy = policy(|rules| rules.verdict_lifetime_s = 366 * 24 * 3600);
    let verdict = scene.appraise().expect("a verdict");
    let [(_, part)] = verdict.parts() else {
        panic!("expected one part")
    };
    assert_eq!(Some(verdict.expires_ms()), part.endorsed_until_ms);
    assert!(verdict.claims().endorsed_until_ms > part.endorsed_until_ms);
}

#[test]
fn part_that_binds_another_statement_is_refused() {
    let mut scene = Scene::new();
    scene.part = collect(Tee::Tdx, [2; 48], &statement(9));
    assert_eq!(scene.breaks(), [Rule::Binding]);
}

#[test]
fn part_that_is_missing_is_refused() {
    let (evidence, endorsements) = Scene::new().lead;
    let result = appraise(&policy(|_| ()), &evidence, &endorsements);
    assert_eq!(broken(result), [Rule::Parts]);
}

#[test]
fn part_of_another_tee_than_declared_is_refused() {
    let mut scene = Scene::new();
    scene.policy = policy(|rules| rules.require_part[0].tee = "nitro".to_owned());
    assert_eq!(scene.breaks(), [Rule::Parts]);
}

#[test]
fn undeclared_part_is_refused_unless_the_policy_allows_it() {
    let mut scene = Scene::new();
    scene.policy = policy(|rules| rules.require_part.clear());
    assert_eq!(scene.breaks(), [Rule::Parts]);
    let mut scene = Scene::new();
    scene.policy = policy(|rules| {
        rules.require_part.clear();
        rules.allow_undeclared_parts = true;
    });
    assert!(scene.appraise().is_ok());
}

#[test]
fn part_is_judged_by_the_workloads_of_its_own_name() {
    let mut scene = Scene::new();
    scene.part = collect(Tee::Tdx, [1; 48], &statement(4));
    assert_eq!(scene.breaks(), [Rule::Measurement]);
    let mut scene = Scene::new();
    scene.name = "other";
    scene.policy = policy(|rules| rules.require_part[0].name = "other".to_owned());
    assert_eq!(scene.breaks(), [Rule::Measurement]);
}

#[test]
fn parts_without_endorsements_and_endorsements_without_parts_are_refused() {
    let Scene { lead, part, .. } = Scene::new();
    let both = lead.0.clone().with_part("host", part.0).expect("a part");
    let result = appraise(&policy(|_| ()), &both, &lead.1);
    assert_eq!(broken(result), [Rule::Genuine]);
    let two = Endorsements::composite(lead.1, vec![part.1]).expect("endorsements");
    let alone = policy(|rules| rules.require_part.clear());
    let result = appraise(&alone, &lead.0, &two);
    assert_eq!(broken(result), [Rule::Parts]);
}

#[test]
fn every_part_is_verified_with_endorsements_of_its_own_or_none_is() {
    let (lead, part) = (Scene::new().lead, Scene::new().part);
    let evidence = lead.0.with_part("host", part.0).expect("a part");
    let anchors = policy(|_| ()).anchors().clone();
    let expected = VerifyError::Parts {
        evidence: 1,
        endorsements: 0,
    };
    let alone = verify(&evidence, &lead.1, &anchors, NOW_MS);
    assert_eq!(alone, Err(expected.clone()));
    let checked = lead.1.check(Tee::SevSnp, &anchors, NOW_MS).expect("sound");
    assert_eq!(verify_checked(&evidence, &checked, NOW_MS), Err(expected));
    let both = Endorsements::composite(lead.1, vec![part.1]).expect("endorsements");
    let claims = verify(&evidence, &both, &anchors, NOW_MS).expect("genuine evidence");
    assert_eq!(claims.parts.len(), 1);
}

#[test]
fn event_log_that_does_not_add_up_to_the_registers_is_refused() {
    let (evidence, endorsements) = Scene::new().part;
    let anchors = policy(|_| ()).anchors().clone();
    let entry = format!(
        r#"[{{"imr":3,"event_type":1,"digest":"{}","event":"","event_payload":""}}]"#,
        "11".repeat(48)
    );
    let evidence = evidence
        .with_log(Kind::Dstack, entry.into_bytes())
        .expect("a log");
    let refused = verify(&evidence, &endorsements, &anchors, NOW_MS);
    assert!(
        matches!(
            refused,
            Err(VerifyError::EventLog(
                EventLogError::RegisterMismatch { .. }
            ))
        ),
        "{refused:?}"
    );
    // Nor do the signatures alone prove it.
    let error = refused.expect_err("a refusal");
    let alone = signatures_only(&evidence, &anchors).expect("evidence of Intel");
    assert_eq!(alone.expect_err("a refusal"), error);
}

#[test]
fn signatures_alone_are_those_of_the_tee_that_the_evidence_names() {
    let (evidence, _) = Scene::new().part;
    let anchors = policy(|_| ()).anchors().clone();
    let proven = |evidence: &Evidence| signatures_only(evidence, &anchors);
    assert!(matches!(proven(&evidence), Some(Ok(_))));
    let renamed = Evidence::new(Tee::Sgx, evidence.bytes().to_vec()).expect("a quote");
    let wrong = IntelError::WrongTee {
        expected: Tee::Sgx,
        found: Tee::Tdx,
    };
    assert_eq!(proven(&renamed), Some(Err(VerifyError::Intel(wrong))));
    assert_eq!(proven(&Scene::new().lead.0), None);
}
