//! Real evidence comes out as its provenance says.
//!
//! Each set of `shared/vectors/{snp,tdx,nitro}` states whether it is authentic
//! and whether the baseline policy accepts it, at a time of its own. The
//! folder is found by `SYNOD_VECTORS`, else beside the repository; without it
//! these tests say so loudly and check nothing.
#![allow(
    clippy::disallowed_methods,
    reason = "the vectors are files beside the repository"
)]

use std::{fs, path::Path};

use serde_json::Value;
use synod_attestation::{
    Check, Endorsements, Evidence, Policy, SnpEndorsements, Tee, VerifyError,
    intel::verify::verify_signatures_only, verify,
};

use crate::recorded::vectors;

/// Sets that state an expectation but cannot be judged, and why.
const NOT_JUDGED: [(&str, &str); 0] = [];

/// What this program says of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    authentic: bool,
    accepted: bool,
    why: String,
}

#[derive(Default)]
struct Totals {
    sets: usize,
    accepted: usize,
    refused: usize,
    not_judged: usize,
    disagreements: Vec<String>,
}

#[test]
fn every_snp_set_comes_out_as_its_provenance_says() {
    judge_all("snp", Tee::SevSnp, 30);
}

#[test]
fn every_tdx_set_comes_out_as_its_provenance_says() {
    judge_all("tdx", Tee::Tdx, 30);
}

#[test]
fn every_sgx_set_comes_out_as_its_provenance_says() {
    judge_all("sgx", Tee::Sgx, 6);
}

#[test]
fn every_nitro_set_comes_out_as_its_provenance_says() {
    judge_all("nitro", Tee::Nitro, 6);
}

fn judge_all(folder: &str, tee: Tee, judged_min: usize) {
    let Some(vectors) = vectors("") else { return };
    let mut sets: Vec<_> = fs::read_dir(vectors.join(folder))
        .expect("the folder of vectors is readable")
        .map(|entry| entry.expect("the entry is readable").path())
        .filter(|path| path.join("meta.json").exists())
        .collect();
    sets.sort();
    let mut totals = Totals::default();
    for set in sets {
        judge(&set, tee, &mut totals);
    }
    println!(
        "{tee}: {} sets, {} accepted, {} refused, {} not judged, {} disagreeing",
        totals.sets,
        totals.accepted,
        totals.refused,
        totals.not_judged,
        totals.disagreements.len()
    );
    assert!(
        totals.disagreements.is_empty(),
        "{:#?}",
        totals.disagreements
    );
    assert!(totals.accepted + totals.refused >= judged_min);
}

fn judge(set: &Path, tee: Tee, totals: &mut Totals) {
    totals.sets += 1;
    let meta: Value = serde_json::from_slice(&read(&set.join("meta.json"))).expect("meta is JSON");
    let id = meta["id"].as_str().expect("a set has an id");
    let expect = &meta["expect"];
    let excused = NOT_JUDGED.iter().find(|(name, _)| *name == id);
    let stated = !expect["authentic"].is_null() || !expect["accept"].is_null();
    if !stated || excused.is_some() {
        let why = excused.map_or("states no expectation", |(_, why)| why);
        println!("not judged  {id}: {why}");
        totals.not_judged += 1;
        return;
    }
    let at_s = expect["at"].as_u64().expect("a judged set states its time");
    let outcome = outcome(set, tee, at_s * 1000);
    let agrees = |key: &str, found: bool| expect[key].as_bool().is_none_or(|want| want == found);
    let word = if outcome.accepted {
        totals.accepted += 1;
        "accepted"
    } else {
        totals.refused += 1;
        "refused "
    };
    println!("{word}    {id}: {}", outcome.why);
    if !agrees("authentic", outcome.authentic) || !agrees("accept", outcome.accepted) {
        totals
            .disagreements
            .push(format!("{id}: {outcome:?}, expected {expect}"));
    }
}

fn outcome(set: &Path, tee: Tee, now_ms: u64) -> Outcome {
    if tee.vendor() == "intel" && !set.join("collateral.json").exists() {
        return signatures_only(set);
    }
    let (bytes, endorsements) = load(set, tee);
    let evidence = Evidence::new(tee, bytes).expect("the evidence is within bounds");
    let policy = Policy::baseline();
    match verify(&evidence, &endorsements, policy.anchors(), now_ms) {
        Err(error) => Outcome {
            authentic: error.signatures_hold(),
            accepted: false,
            why: error.to_string(),
        },
        Ok(claims) => {
            // The age of a document is a matter of the set's own time, which
            // is that of its certificates, not of a policy's window.
            let checks = policy.examine(&claims, claims.made_ms.unwrap_or(now_ms));
            let failed: Vec<String> = checks
                .iter()
                .filter(|check| !check.passed)
                .map(Check::to_string)
                .collect();
            Outcome {
                authentic: true,
                accepted: failed.is_empty(),
                why: failed.join("; "),
            }
        }
    }
}

/// Without collateral, only the signatures can be judged. No policy accepts
/// that.
fn signatures_only(set: &Path) -> Outcome {
    let text = |name| fs::read_to_string(set.join(name)).unwrap_or_default();
    let chain = text("pckCert.pem") + &text("pckSignChain.pem");
    let name = if chain.is_empty() {
        "quote.bin"
    } else {
        "quote.dat"
    };
    let chain = Some(chain.as_str()).filter(|chain| !chain.is_empty());
    let root = include_bytes!("../../roots/intel-sgx-root.der");
    let verified = verify_signatures_only(&read(&set.join(name)), chain, root);
    Outcome {
        authentic: verified.is_ok(),
        accepted: false,
        why: verified.map_or_else(|error| error.to_string(), |_| "no collateral".to_owned()),
    }
}

fn load(set: &Path, tee: Tee) -> (Vec<u8>, Endorsements) {
    match tee {
        Tee::SevSnp => (
            read(&set.join("report.bin")),
            Endorsements::Snp(SnpEndorsements {
                signer: read(&set.join("vcek.der")),
                intermediate: read(&set.join("ask.der")),
                root: read(&set.join("ark.der")),
                crl: None,
            }),
        ),
        Tee::Tdx | Tee::Sgx => {
            let json =
                String::from_utf8(read(&set.join("collateral.json"))).expect("collateral is text");
            (
                read(&set.join("quote.bin")),
                Endorsements::intel_from_json(&json).expect("collateral is of the known shape"),
            )
        }
        Tee::Nitro => (read(&set.join("attestation_doc.cbor")), Endorsements::Nitro),
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A refusal for the wrong reason would be worth little.
#[test]
fn known_bad_sets_are_refused_for_the_reason_that_they_were_made_for() {
    let Some(vectors) = vectors("") else { return };
    for (id, words) in [
        ("snp/neg-made-measurement-flip", "signature of the report"),
        ("snp/neg-made-short", "expected 1184"),
        ("snp/neg-made-version-9", "version 9"),
        (
            "snp/neg-made-wrong-product-chain",
            "product turin, but the certificate chain is for milan",
        ),
        (
            "tdx/neg-expired-collateral-2026-06",
            "TCB information expired",
        ),
        (
            "tdx/neg-made-header-qevendor",
            "of the quoting enclave is not Intel",
        ),
        ("tdx/neg-made-mrtd-flip", "signature of the quote"),
        ("tdx/neg-made-pck-crl-other-ca", "not from the authority"),
        ("tdx/neg-made-qe-report-flip", "quoting enclave"),
        ("tdx/neg-made-reportdata-flip", "signature of the quote"),
        ("tdx/neg-made-sig-flip", "signature of the quote"),
        ("tdx/neg-made-siglen-huge", "ends within its signature data"),
        (
            "tdx/neg-made-tcbinfo-edited",
            "TCB information is not signed",
        ),
        ("tdx/neg-made-version-6", "quote version 6"),
        ("tdx/neg-made-wrong-fmspc-collateral", "FMSPC"),
        (
            "tdx/neg-not-yet-valid-2026-06",
            "TCB information is issued at",
        ),
        (
            "nitro/neg-made-tampered-signature",
            "signature of the document",
        ),
        // There are bytes behind these two quotes as well.
        (
            "tdx/gotdxguest-50806f000000-2023",
            "older than every TCB level",
        ),
        (
            "tdx/gotdxguest-50806f000000-2026-outofdate",
            "older than every TCB level",
        ),
        ("nitro/neg-made-truncated", "not a COSE_Sign1"),
        ("nitro/neg-dstack-debug-2025-12", "not-debug"),
    ] {
        let set = vectors.join(id);
        let meta: Value =
            serde_json::from_slice(&read(&set.join("meta.json"))).expect("meta is JSON");
        let at_s = meta["expect"]["at"]
            .as_u64()
            .expect("the set states its time");
        let tee = match &id[..3] {
            "snp" => Tee::SevSnp,
            "tdx" => Tee::Tdx,
            _ => Tee::Nitro,
        };
        let outcome = outcome(&set, tee, at_s * 1000);
        assert!(outcome.why.contains(words), "{id}: {}", outcome.why);
    }
}

/// Evidence of real hardware is not genuine under simulated roots.
#[test]
fn real_evidence_is_refused_by_a_policy_for_simulated_hardware() {
    let Some(vectors) = vectors("") else { return };
    let set = vectors.join("nitro/dstack-attest-2025-12");
    let (bytes, endorsements) = load(&set, Tee::Nitro);
    let evidence = Evidence::detect(bytes).expect("a document is detected");
    let policy = Policy::development(&[]);
    let refused = verify(
        &evidence,
        &endorsements,
        policy.anchors(),
        1_766_678_659_000,
    );
    let root = refused.as_ref().err().and_then(VerifyError::untrusted_root);
    assert!(root.is_some(), "{refused:?}");
}
