//! No verifier disagrees with ours but for a reason that is written down.

use std::fs;

use synod_differential::{Report, explained, intel, nitro, run, sets, snp};

/// Mutated cases for each TEE.
const CASES: usize = 10_000;

fn check(name: &str, report: &Report, rows: &[explained::Row]) {
    println!("{name}: {}", report.table(rows));
    let unexplained = report.unexplained(rows);
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(
        report.both_accept > 0 && report.both_refuse > 0,
        "the cases are of one kind only"
    );
}

#[test]
fn sev_disagrees_only_for_reasons_that_are_written_down() {
    let Some(vectors) = sets::folder() else {
        return;
    };
    let sets = sets::read(&vectors, &["snp"], snp::load);
    let report = run(&sets, CASES, 1, snp::ours, snp::other);
    check("sev", &report, explained::SNP);
}

#[test]
fn nsm_nitro_enclave_utils_disagrees_only_for_reasons_that_are_written_down() {
    let Some(vectors) = sets::folder() else {
        return;
    };
    let root = fs::read(vectors.join("roots/aws-nitro/aws_nitro_root_g1.pem")).expect("the root");
    let (_, root) = pem_rfc7468::decode_vec(&root).expect("the root is PEM");
    let sets = sets::read(&vectors, &["nitro"], nitro::load);
    let report = run(&sets, CASES, 2, nitro::ours, |set| nitro::other(set, &root));
    check("nsm-nitro-enclave-utils", &report, explained::NITRO);
}

#[test]
fn dcap_qvl_disagrees_only_for_reasons_that_are_written_down() {
    let Some(vectors) = sets::folder() else {
        return;
    };
    let root = fs::read(vectors.join("roots/intel-sgx/intel_sgx_root_ca.der")).expect("the root");
    let sets = sets::read(&vectors, &["tdx", "sgx"], intel::load);
    let report = run(&sets, CASES, 3, intel::ours, |set| intel::other(set, &root));
    check("dcap-qvl", &report, explained::INTEL);
}
