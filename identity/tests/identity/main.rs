//! From hardware to a verdict on the road that a node takes: evidence, endorsements fetched for it,
//! appraisal.
//!
//! Real evidence was recorded elsewhere, so it binds somebody else's report data: on this road
//! everything about it holds but the binding. Simulated evidence goes the whole way.

#[path = "../../../endorser/tests/endorser/service/mod.rs"]
mod service;

use synod_attestation::{
    Binding, Check, Claims, Endorsements, Evidence, Expected, Freshness, Measurement,
    NodeStatement, Outcome, Policy, Refusal, ReportData, Role, Rule, Tee, Verdict,
    policy::{rules::Rules, tier::TierEntry},
    verify,
};
use synod_attester::{Attester, AttesterError, Quoted, Simulated};
use synod_crypto::{HpkeSecretKey, Secret, SigningKey, sha256};
use synod_governance::AttestedStatement;
use synod_identity::{EvidenceError, EvidenceSource};
use tempfile::TempDir;

use crate::service::{
    Act, Service,
    scene::{Bench, SIMULATED_MS, Scene},
};

type Grant = fn(&mut Rules);

/// Recorded sets, and what a policy for each must grant beyond `production`.
const RECORDED: [(&str, Grant); 7] = [
    ("tdx/oak-oc-00806f050000", nothing),
    ("tdx/automata-tdxsdk-v4-00806f050000", nothing),
    ("tdx/dstack-quote-report-90c06f000000", nothing),
    (
        "sgx/automata-quotev3-00606a000000",
        software_that_is_hardened,
    ),
    ("snp/v3-milan-ccf-npm-tests", milan),
    (
        "snp/v3-genoa-scitt-ccf-ledger-css-attested-cosesign1-20260302",
        nothing,
    ),
    (
        "snp/v5-turin-tee-attestation-verification-turin-attestation-report",
        nothing,
    ),
];

fn nothing(_: &mut Rules) {}

/// The platform is current, and Intel wants enclaves on it to be hardened.
fn software_that_is_hardened(rules: &mut Rules) {
    let sgx = rules.sgx.as_mut().expect("production has rules for SGX");
    sgx.statuses.insert("SWHardeningNeeded".to_owned());
}

/// EPYC Milan is of tier 1, and production wants a reason for more.
fn milan(rules: &mut Rules) {
    rules.tier.push(TierEntry {
        vendor: "amd".to_owned(),
        product: "milan".to_owned(),
        tier: 2,
        reason: "recorded before its weakness was known".to_owned(),
    });
}

/// A TEE that says what it was recorded to say, whatever it is asked; its platform hands out
/// nothing else.
struct Recorded(Evidence);

impl Attester for Recorded {
    fn quote(&mut self, _: &ReportData, _: u64) -> Result<Quoted, AttesterError> {
        Ok(Quoted {
            evidence: self.0.clone(),
            endorsements: None,
            certificate_table: Vec::new(),
        })
    }

    fn tee(&self) -> Tee {
        self.0.tee()
    }
}

/// A simulated TEE on a platform that hands out these endorsements, or none.
struct Handing {
    tee: Simulated,
    endorsements: Option<Endorsements>,
    certificate_table: Vec<u8>,
}

impl Attester for Handing {
    fn quote(&mut self, report_data: &ReportData, now_ms: u64) -> Result<Quoted, AttesterError> {
        Ok(Quoted {
            endorsements: self.endorsements.clone(),
            certificate_table: self.certificate_table.clone(),
            ..self.tee.quote(report_data, now_ms)?
        })
    }

    fn tee(&self) -> Tee {
        self.tee.tee()
    }
}

/// Whose evidence it is to be.
fn statement() -> NodeStatement {
    NodeStatement {
        identity: SigningKey::from_seed(&Secret::new([1; 32])).public(),
        tls: vec![2; 91],
        hpke: HpkeSecretKey::from_seed(&Secret::new([3; 32])).public(),
        role: Role::Replica,
        context: sha256(&[b"network"]),
        nonce: sha256(&[b"nonce"]),
    }
}

fn expected() -> Expected {
    Expected {
        role: Role::Replica,
        context: statement().context,
        freshness: Freshness::Nonce(statement().nonce),
    }
}

/// The service that knows the platform of a scene, and a folder for a cache.
struct Stage {
    scene: Scene,
    service: Service,
    folder: TempDir,
}

impl Stage {
    fn new(scene: Scene) -> Self {
        let service = scene.service();
        let folder = tempfile::tempdir().expect("there is room");
        Self {
            scene,
            service,
            folder,
        }
    }

    /// A node's way to evidence, from this TEE and this service.
    fn source(&self, attester: impl Attester + 'static) -> EvidenceSource {
        let bench = Bench::new(&self.scene, &self.service, Some(self.folder.path()));
        EvidenceSource::new(Box::new(attester), Some(bench.endorser()))
    }

    /// The simulated TEE of the scene, whose platform hands out `endorsements`.
    fn simulated(&self, endorsements: Option<Endorsements>) -> Handing {
        let tee = self.scene.evidence.tee();
        let simulated = Simulated::new(tee, MEASUREMENT, [SEED; 32]);
        Handing {
            tee: simulated.expect("it can be simulated"),
            endorsements,
            certificate_table: Vec::new(),
        }
    }

    fn attest(&self, source: &mut EvidenceSource) -> AttestedStatement {
        let attested = source.attest(statement(), self.scene.now_ms);
        attested.unwrap_or_else(|error| panic!("{}: {error}", self.scene.name))
    }
}

const SEED: u8 = 7;
/// What the scenes' simulated TEEs run.
const MEASUREMENT: [u8; 48] = [0x4d; 48];

fn simulated(tee: Tee) -> Stage {
    Stage::new(Scene::simulated(tee, SEED))
}

fn broken(checks: &[Check]) -> Vec<Rule> {
    let broken = checks.iter().filter(|check| !check.passed);
    broken.map(|check| check.rule).collect()
}

/// `production` for one workload, with what it must grant besides.
fn policy_for(tee: Tee, measurement: Measurement, grant: Grant) -> Policy {
    let mut rules = Rules::from(Policy::production(&[(tee, measurement, "recorded")]));
    grant(&mut rules);
    Policy::try_from(rules).expect("the rules are a policy")
}

fn another(measurement: &Measurement) -> Measurement {
    let mut bytes = measurement.as_bytes().to_vec();
    bytes[0] ^= 1;
    Measurement::try_from(bytes.as_slice()).expect("it is as long as before")
}

#[test]
fn recorded_evidence_of_real_hardware_holds_in_everything_but_the_binding() {
    for (set, grant) in RECORDED {
        let Some(scene) = Scene::real(set) else {
            return;
        };
        let stage = Stage::new(scene);
        let attested = stage.attest(&mut stage.source(Recorded(stage.scene.evidence.clone())));
        assert!(!stage.service.asked().is_empty(), "{set}");
        let claims = genuine(&stage.scene, &attested);
        let policy = policy_for(claims.tee, claims.measurement.clone(), grant);
        let stricter = policy_for(claims.tee, another(&claims.measurement), grant);
        let holds_but = |policy: &Policy| {
            let refusal = appraise(policy, &attested, stage.scene.now_ms);
            broken(refusal.expect_err("it was made for somebody else").checks())
        };
        assert_eq!(holds_but(&policy), [Rule::Binding], "{set}");
        assert_eq!(
            holds_but(&stricter),
            [Rule::Binding, Rule::Measurement],
            "{set}"
        );

        let recorded = Binding::ReportData(claims.report_data.expect("it binds 64 bytes"));
        let AttestedStatement {
            evidence,
            endorsements,
            ..
        } = &attested;
        let now_ms = stage.scene.now_ms;
        let appraisal = policy.explain(evidence, endorsements, recorded, now_ms, &[stricter]);
        assert!(
            appraisal.outcome.is_trusted() && !appraisal.simulated,
            "{set}"
        );
        let refused = Outcome::Refused {
            rule: Rule::Measurement,
            broken: 1,
        };
        let compared = appraisal.against.iter().map(|other| other.outcome);
        assert_eq!(compared.collect::<Vec<_>>(), [refused], "{set}");
    }
}

/// What the evidence says, once it is verified up to the vendor's root.
fn genuine(scene: &Scene, attested: &AttestedStatement) -> Claims {
    let (evidence, endorsements) = (&attested.evidence, &attested.endorsements);
    verify(evidence, endorsements, &scene.anchors, scene.now_ms)
        .unwrap_or_else(|error| panic!("{}: {error}", scene.name))
}

/// As every replica, client and joiner appraises, after the evidence has travelled.
fn appraise(
    policy: &Policy,
    attested: &AttestedStatement,
    now_ms: u64,
) -> Result<Verdict, Refusal> {
    let evidence = Evidence::decode(&attested.evidence.encode()).expect("it was encoded");
    let endorsements = Endorsements::decode(&attested.endorsements.encode());
    let endorsements = endorsements.expect("they were encoded");
    let statement = &attested.statement;
    policy.appraise(&evidence, &endorsements, statement, &expected(), now_ms)
}

#[test]
fn simulated_evidence_with_fetched_endorsements_is_trusted_whole() {
    for tee in [Tee::SevSnp, Tee::Tdx, Tee::Sgx] {
        let stage = simulated(tee);
        let attested = stage.attest(&mut stage.source(stage.simulated(None)));
        assert!(!stage.service.asked().is_empty(), "{tee}");
        let measurement = Simulated::measurement(tee, &MEASUREMENT);
        let policy = Policy::development(&[(tee, measurement, "ours")]);
        let verdict = appraise(&policy, &attested, SIMULATED_MS);
        let verdict = verdict.unwrap_or_else(|refusal| panic!("{tee}: {refusal}"));
        assert_eq!(verdict.subject(), &statement());
        assert!(verdict.simulated());
    }
}

#[test]
fn next_evidence_takes_its_endorsements_from_the_cache() {
    let stage = simulated(Tee::Tdx);
    let mut source = stage.source(stage.simulated(None));
    let first = stage.attest(&mut source);
    assert!(!stage.service.asked().is_empty());
    assert_eq!(stage.attest(&mut source).endorsements, first.endorsements);
    assert_eq!(stage.service.asked(), Vec::<String>::new());
}

#[test]
fn rehearsal_leaves_nothing_to_be_fetched() {
    let stage = simulated(Tee::SevSnp);
    let mut source = stage.source(stage.simulated(None));
    source.rehearse(SIMULATED_MS).expect("the service answers");
    assert!(!stage.service.asked().is_empty());
    stage.attest(&mut source);
    assert_eq!(stage.service.asked(), Vec::<String>::new());
}

#[test]
fn nobody_is_asked_where_the_platform_hands_out_endorsements_that_hold() {
    for tee in [Tee::SevSnp, Tee::Tdx, Tee::Nitro] {
        let stage = simulated(tee);
        let handed = stage.scene.endorsements.clone();
        let attested = stage.attest(&mut stage.source(stage.simulated(Some(handed.clone()))));
        assert_eq!(attested.endorsements, handed);
        assert_eq!(stage.service.asked(), Vec::<String>::new(), "{tee}");
    }
}

#[test]
fn endorsements_from_the_platform_that_do_not_hold_are_fetched_anew() {
    let stage = simulated(Tee::SevSnp);
    let of_another_chip = Scene::simulated(Tee::SevSnp, SEED + 1).endorsements;
    let attested = stage.attest(&mut stage.source(stage.simulated(Some(of_another_chip))));
    assert_eq!(attested.endorsements, stage.scene.endorsements);
    assert!(!stage.service.asked().is_empty());
}

#[test]
fn revocation_list_that_the_platform_lacks_is_fetched() {
    let stage = simulated(Tee::SevSnp);
    let attested = stage.attest(&mut stage.source(stage.simulated(Some(without_list(&stage)))));
    assert_eq!(attested.endorsements, stage.scene.endorsements);
}

#[test]
fn chip_is_not_named_to_amd_where_the_host_has_its_certificate() {
    let stage = simulated(Tee::SevSnp);
    let attester = Handing {
        certificate_table: table_of_a_vcek(&stage.scene.snp().signer),
        ..stage.simulated(None)
    };
    let attested = stage.attest(&mut stage.source(attester));
    assert_eq!(attested.endorsements, stage.scene.endorsements);
    let asked = stage.service.asked();
    let of_the_product = |path: &String| path.ends_with("/cert_chain") || path.ends_with("/crl");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(of_the_product), "{asked:?}");
}

#[test]
fn table_that_holds_garbage_costs_a_question_and_no_more() {
    let stage = simulated(Tee::SevSnp);
    for certificate_table in [vec![0xff; 100], table_of_a_vcek(b"no certificate")] {
        let attester = Handing {
            certificate_table,
            ..stage.simulated(None)
        };
        let attested = stage.attest(&mut stage.source(attester));
        assert_eq!(attested.endorsements, stage.scene.endorsements);
    }
}

/// A host's table (AMD 56421) with nothing in it but the certificate of the chip's key.
fn table_of_a_vcek(der: &[u8]) -> Vec<u8> {
    let guid = hex::decode("8d75da6364e66445adc5f4b93be8accd").expect("hexadecimal");
    let number = |number: usize| u32::try_from(number).expect("it is short").to_le_bytes();
    let entry = [&guid[..], &number(48), &number(der.len())].concat();
    [&entry[..], &[0; 24], der].concat()
}

#[test]
fn endorsements_of_the_platform_serve_without_a_list_if_nobody_has_one() {
    let stage = simulated(Tee::SevSnp);
    stage.service.replace("", &Act::status(404));
    let handed = without_list(&stage);
    let attested = stage.attest(&mut stage.source(stage.simulated(Some(handed.clone()))));
    assert!(!stage.service.asked().is_empty());
    assert_eq!(attested.endorsements, handed);
}

fn without_list(stage: &Stage) -> Endorsements {
    let mut snp = stage.scene.snp().clone();
    assert!(snp.crl.take().is_some());
    Endorsements::Snp(snp)
}

#[test]
fn silence_of_the_service_is_an_error_with_a_hint() {
    let stage = simulated(Tee::Tdx);
    stage.service.replace("", &Act::status(404));
    let attested = stage
        .source(stage.simulated(None))
        .attest(statement(), SIMULATED_MS);
    let error = attested.expect_err("nobody endorses it");
    assert!(matches!(
        error,
        EvidenceError::Endorser { tee: Tee::Tdx, .. }
    ));
    assert!(error.hint().is_some());
}

#[test]
fn without_an_endorser_a_platform_that_hands_out_nothing_is_an_error_with_a_hint() {
    let stage = simulated(Tee::Tdx);
    let mut source = EvidenceSource::new(Box::new(stage.simulated(None)), None);
    let error = source.attest(statement(), SIMULATED_MS);
    let error = error.expect_err("nobody endorses it");
    assert!(matches!(
        error,
        EvidenceError::Attester(AttesterError::NoEndorsements(Tee::Tdx))
    ));
    assert!(error.hint().is_some());
    source
        .rehearse(SIMULATED_MS)
        .expect("there is nothing to rehearse");
}
