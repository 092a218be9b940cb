//! Appraisals of real evidence explain themselves, agree with its provenance,
//! and never trust under a stricter policy what a laxer one refuses.
#![allow(
    clippy::disallowed_methods,
    reason = "the vectors are files beside the repository"
)]

use std::{fs, path::Path};

use serde_json::Value;
use synod_attestation::{
    Appraisal, Binding, Check, Endorsements, Evidence, Outcome, Policy, ReportData, Rule,
    SnpEndorsements, Tee,
    policy::rules::{Kind, Rules},
    verify, verify_checked,
};

use crate::recorded::vectors;

/// A set of vectors as a relying party has it.
struct Set {
    id: String,
    evidence: Evidence,
    endorsements: Endorsements,
    at_ms: u64,
    accept: Option<bool>,
}

/// The set of a folder, if it holds evidence that is detected, endorsements,
/// and a time.
fn set(folder: &Path) -> Option<Set> {
    let meta: Value = serde_json::from_slice(&fs::read(folder.join("meta.json")).ok()?).ok()?;
    let file = |name: &str| fs::read(folder.join(name)).ok();
    let (bytes, endorsements) = if let Some(report) = file("report.bin") {
        let endorsements = SnpEndorsements {
            signer: file("vcek.der")?,
            intermediate: file("ask.der")?,
            root: file("ark.der")?,
            crl: None,
        };
        (report, Endorsements::Snp(endorsements))
    } else if let Some(document) = file("attestation_doc.cbor") {
        (document, Endorsements::Nitro)
    } else {
        let collateral = String::from_utf8(file("collateral.json")?).ok()?;
        let endorsements = Endorsements::intel_from_json(&collateral).ok()?;
        (file("quote.bin")?, endorsements)
    };
    Some(Set {
        id: meta["id"].as_str()?.to_owned(),
        evidence: Evidence::detect(bytes).ok()?,
        endorsements,
        at_ms: meta["expect"]["at"].as_u64()? * 1000,
        accept: meta["expect"]["accept"].as_bool(),
    })
}

fn sets() -> Vec<Set> {
    let Some(vectors) = vectors("") else {
        return Vec::new();
    };
    let mut sets = Vec::new();
    for tee in ["sgx", "tdx", "snp", "nitro"] {
        let entries = fs::read_dir(vectors.join(tee)).expect("the folder is readable");
        let folders = entries.map(|entry| entry.expect("the entry is readable").path());
        sets.extend(folders.filter_map(|folder| set(&folder)));
    }
    sets.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(sets.len() > 60, "only {} sets", sets.len());
    sets
}

fn named(id: &str) -> Option<Set> {
    let folder = vectors("")?.join(id);
    Some(set(&folder).unwrap_or_else(|| panic!("{id} is a set")))
}

/// A built-in policy, but for any workload.
fn any_workload(name: &str, change: impl FnOnce(&mut Rules)) -> Policy {
    let mut rules = Rules::from(Policy::by_name(name).expect("a built-in policy"));
    rules.kind = Kind::Evaluation;
    rules.dangerous_accept_any_measurement = true;
    change(&mut rules);
    Policy::try_from(rules).expect("a policy")
}

fn explain(set: &Set, policy: &Policy, against: &[Policy]) -> Appraisal {
    policy.explain(
        &set.evidence,
        &set.endorsements,
        Binding::Nothing,
        set.at_ms,
        against,
    )
}

fn failed(appraisal: &Appraisal) -> Vec<&Check> {
    appraisal.broken().collect()
}

#[test]
fn baseline_agrees_with_the_provenance_of_every_set_at_its_own_time() {
    let baseline = Policy::baseline();
    for set in sets() {
        let Some(accept) = set.accept else { continue };
        let appraisal = explain(&set, &baseline, &[]);
        assert_eq!(appraisal.is_trusted(), accept, "{}\n{appraisal}", set.id);
    }
}

#[test]
fn stricter_policy_never_trusts_what_a_laxer_one_refuses() {
    let ladder = [
        any_workload("strict-physical", |rules| {
            rules.require_listed_hardware = false;
        }),
        any_workload("production", |_| ()),
        Policy::baseline(),
    ];
    let mut trusted = [0; 3];
    for set in sets() {
        let appraisal = explain(&set, &ladder[0], &ladder[1..]);
        let outcomes = [
            appraisal.outcome.is_trusted(),
            appraisal.against[0].outcome.is_trusted(),
            appraisal.against[1].outcome.is_trusted(),
        ];
        for (index, outcome) in outcomes.into_iter().enumerate() {
            trusted[index] += usize::from(outcome);
        }
        assert!(outcomes.is_sorted(), "{}: {outcomes:?}", set.id);
    }
    println!("trusted by strict-physical, production, baseline: {trusted:?}");
}

#[test]
fn every_explanation_names_rule_claim_mend_and_place_and_is_json() {
    let production = Policy::by_name("production").expect("a policy");
    for set in sets() {
        let appraisal = explain(&set, &production, &[Policy::baseline()]);
        assert!(!appraisal.is_trusted(), "no workload is accepted");
        for check in failed(&appraisal) {
            assert!(!check.claim.is_empty() && !check.mend.is_empty());
            let inherent = matches!(check.rule, Rule::Genuine | Rule::Binding);
            assert!(inherent || check.place().is_some(), "{}: {check}", set.id);
        }
        let json = serde_json::to_value(&appraisal).expect("JSON");
        assert_eq!(json["policy"], "production");
        assert_eq!(json["against"][0]["policy"], "baseline");
    }
}

#[test]
fn milan_is_refused_by_production_for_its_tier_with_the_reason() {
    let Some(set) = named("snp/v3-milan-ccf-npm-tests") else {
        return;
    };
    let production = any_workload("production", |_| ());
    let text = production.to_toml();
    let production = Policy::from_toml(&text).expect("a policy");
    let appraisal = explain(&set, &production, &[Policy::baseline()]);
    let [check] = failed(&appraisal)[..] else {
        panic!("expected one broken rule: {appraisal}")
    };
    assert_eq!(check.rule, Rule::Tier);
    assert!(check.found.contains("2605.12990"));
    let line = text.lines().position(|line| line.starts_with("tier_min"));
    let place = format!("`tier_min`, line {}", line.expect("a line") + 1);
    assert_eq!(check.place(), Some(place));
    assert!(appraisal.against[0].outcome.is_trusted());
}

#[test]
fn evidence_is_bound_by_exact_report_data_or_by_a_nonce_with_zeros() {
    let Some(set) = named("snp/v5-genoa-attestation-rs-live-report-v5-genoa") else {
        return;
    };
    let data: [u8; 64] = set.evidence.bytes()[0x50..0x90]
        .try_into()
        .expect("64 bytes");
    let outcome = |binding| {
        let baseline = Policy::baseline();
        let appraisal = baseline.explain(&set.evidence, &set.endorsements, binding, set.at_ms, &[]);
        let rules: Vec<_> = failed(&appraisal).iter().map(|check| check.rule).collect();
        rules
    };
    assert_eq!(outcome(Binding::ReportData(ReportData::from(data))), []);
    assert_eq!(outcome(Binding::Nonce(&data)), []);
    let mut other = data;
    other[63] ^= 1;
    assert_eq!(
        outcome(Binding::ReportData(ReportData::from(other))),
        [Rule::Binding]
    );
    assert_eq!(outcome(Binding::Nonce(&other)), [Rule::Nonce]);
    // A prefix is not enough, nor is nothing, nor more than fits.
    let length = data
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    assert_eq!(outcome(Binding::Nonce(&data[..length])), []);
    assert_eq!(outcome(Binding::Nonce(&data[..length - 1])), [Rule::Nonce]);
    assert_eq!(outcome(Binding::Nonce(&[])), [Rule::Nonce]);
    assert_eq!(outcome(Binding::Nonce(&[0; 65])), [Rule::Nonce]);
}

/// A policy that grants a grace after Intel's collateral ran out.
fn with_grace(seconds: u64) -> Policy {
    let mut rules = Rules::from(Policy::baseline());
    let tdx = rules.tdx.as_mut().expect("rules for TDX");
    tdx.collateral_grace_s = seconds;
    Policy::try_from(rules).expect("a policy")
}

#[test]
fn collateral_that_ran_out_is_used_within_its_grace_only() {
    let Some(mut set) = named("tdx/flashbots-gcp-00806f050000-2026-06") else {
        return;
    };
    let checked = set
        .endorsements
        .check(Tee::Tdx, Policy::baseline().anchors(), set.at_ms)
        .expect("the collateral holds");
    let (_, until_ms) = checked.window_ms();
    let until_s = until_ms / 1000;
    set.at_ms = (until_s + 3600) * 1000;
    let now = explain(&set, &Policy::baseline(), &[]);
    assert_eq!(failed(&now)[0].rule, Rule::Genuine);
    assert!(!explain(&set, &with_grace(3599), &[]).is_trusted());
    let within = explain(&set, &with_grace(3600), &[]);
    // It lapses when the grace does.
    let until_ms = (until_s + 3600) * 1000;
    assert_eq!(within.outcome, Outcome::Trusted { until_ms }, "{within}");
    let mut checks = within.parts[0].checks.iter();
    let late = checks.find(|check| check.rule == Rule::CollateralAge);
    let key = late.and_then(|check| check.path.as_deref());
    assert_eq!(key, Some("tdx.collateral_grace_s"));
    // The grace is no way round a signature.
    let mut bytes = set.evidence.bytes().to_vec();
    bytes[60] ^= 1;
    set.evidence = Evidence::new(Tee::Tdx, bytes).expect("a quote");
    assert!(!explain(&set, &with_grace(3600), &[]).is_trusted());
}

#[test]
fn old_platforms_are_told_what_is_needed_and_what_they_have() {
    for id in [
        "sgx/automata-tdxsdk-v3-00606a000000",
        "tdx/automata-gcp-00806f050000-2025-07",
        "tdx/phala-tappd-b0c06f000000",
    ] {
        let Some(set) = named(id) else { return };
        let appraisal = explain(&set, &Policy::baseline(), &[]);
        let checks = failed(&appraisal);
        let tcb = checks.iter().find(|check| check.rule == Rule::Tcb);
        let tcb = tcb.unwrap_or_else(|| panic!("{id}: {appraisal}"));
        assert!(!tcb.behind.is_empty(), "{id}: {appraisal}");
        let told = |text: &String| text.contains("needed; you have");
        assert!(tcb.behind.iter().all(told), "{id}");
        assert!(appraisal.to_string().contains(&tcb.behind[0]));
        assert!(appraisal.parts[0].signatures_hold);
        println!("{id}: {:#?}", tcb.behind);
    }
}

#[test]
fn checked_endorsements_verify_as_fresh_ones_do_and_only_in_their_time() {
    let anchors = Policy::baseline().anchors().clone();
    let mut compared = 0;
    for set in sets() {
        let tee = set.evidence.tee();
        let fresh = verify(&set.evidence, &set.endorsements, &anchors, set.at_ms);
        let checked = set.endorsements.check(tee, &anchors, set.at_ms);
        let twice = checked
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|checked| verify_checked(&set.evidence, checked, set.at_ms));
        assert_eq!(fresh.is_ok(), twice.is_ok(), "{}", set.id);
        let (Ok(fresh), Ok(twice), Ok(checked)) = (fresh, twice, checked) else {
            continue;
        };
        assert_eq!(fresh, twice, "{}", set.id);
        compared += 1;
        let (from_ms, until_ms) = checked.window_ms();
        if tee != Tee::Nitro {
            assert!(verify_checked(&set.evidence, &checked, from_ms - 1).is_err());
            assert!(verify_checked(&set.evidence, &checked, until_ms + 1).is_err());
        }
        let other = if tee == Tee::Nitro {
            Tee::Tdx
        } else {
            Tee::Nitro
        };
        assert!(set.endorsements.check(other, &anchors, set.at_ms).is_err());
    }
    println!("{compared} sets verify alike");
}
