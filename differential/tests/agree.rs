//! No verifier disagrees with ours but for a reason that is written down.

use std::{fs, thread};

use dcap_qvl::configs::RingConfig;
use synod_attestation::{Anchors, MockRoots, Tee, simulated};
use synod_differential::{Report, explained, intel, judge, nitro, resign::States, run, sets, snp};

/// Mutated cases for each TEE.
const CASES: usize = 10_000;

/// What must be among the verdicts on freshly signed states of either TEE.
const OF_BOTH: [&str; 31] = [
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Intel.Certificate.Root",
    "Intel.Certificate.PckAuthority",
    "Intel.Certificate.TcbInfoSigner",
    "Intel.Certificate.Pck",
    "Intel.RootCrl.Expired",
    "Intel.PckCrl.Expired",
    "Intel.TcbInfo.Id",
    "Intel.TcbInfo.Malformed",
    "Intel.TcbInfo.NotYetValid",
    "Intel.TcbInfo.Expired",
    "Intel.QeIdentity.Id",
    "Intel.QeIdentity.Version",
    "Intel.QeIdentity.Malformed",
    "Intel.QeIdentity.NotYetValid",
    "Intel.QeIdentity.Expired",
    "Intel.Fmspc",
    "Intel.QeDebug",
    "Intel.QeMismatch.Signer",
    "Intel.QeMismatch.Product",
    "Intel.QeMismatch.MiscSelect",
    "Intel.QeMismatch.Attributes",
    "Intel.NoTcbLevel.Platform",
    "Intel.NoTcbLevel.QuotingEnclave",
    "Intel.Revoked.Platform",
    "Intel.Revoked.QuotingEnclave",
];
/// The same for TDX alone.
const ONLY_OF_TDX: [&str; 10] = [
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "Intel.ReservedAttributes",
    "Intel.ModuleUnknown",
    "Intel.ModuleSigner",
    "Intel.ModuleAttributes",
    "Intel.NoTcbLevel.Module",
    "Intel.NoTcbLevel.CurrentPlatform",
    "Intel.Revoked.Module",
    "Intel.Revoked.CurrentPlatform",
];

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

#[test]
fn freshly_signed_states_come_out_alike() {
    let anchors = Anchors::Simulated(MockRoots::published());
    let compare = |tee, seed| {
        judge(
            States::new(tee, seed).sets(CASES / 2),
            |set| intel::ours_under(&anchors, set),
            |set| intel::other_with::<RingConfig>(set, simulated::INTEL_ROOT),
        )
    };
    let (tdx, sgx) = thread::scope(|scope| {
        let sgx = scope.spawn(|| compare(Tee::Sgx, 4));
        (compare(Tee::Tdx, 5), sgx.join().expect("it ends"))
    });
    for (name, report, more) in [
        ("dcap-qvl, states of SGX", sgx, &[][..]),
        ("dcap-qvl, states of TDX", tdx, &ONLY_OF_TDX),
    ] {
        check(name, &report, explained::INTEL_STATES);
        println!("alike: {:?}", report.alike);
        let unseen = |said: &&str| !report.alike.contains_key(*said);
        let unseen: Vec<_> = OF_BOTH.iter().chain(more).copied().filter(unseen).collect();
        assert!(unseen.is_empty(), "no case says {unseen:?}");
    }
}
