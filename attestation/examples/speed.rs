//! How long evidence takes to parse and to verify, as ratios to one bare
//! verification of ECDSA P-384, all in one run.
//!
//! `cargo run --release -p synod-attestation --example speed`
//!
//! The evidence is real and lies beside the repository; `SYNOD_VECTORS` names
//! another folder. The ratios are what counts: times are of this machine.
#![allow(
    clippy::disallowed_methods,
    reason = "a measurement needs a clock and the evidence lies in files"
)]
#![allow(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use synod_attestation::{
    Anchors, Endorsements, Evidence, SnpEndorsements, Tee, VendorRoots,
    eventlog::{EventLog, Kind},
    intel::{collateral::CheckedCollateral, quote::Quote, verify::verify_quote},
    nitro::document::Document,
    snp::{chain::CheckedChain, report::Report, verify::verify_report},
    verify,
};
use synod_crypto::ecdsa::{P384SigningKey, verify_p384_sha384};

/// Each figure is the fastest mean of some rounds, so that a busy machine
/// disturbs little.
const ROUNDS: usize = 8;
const ROUND: Duration = Duration::from_millis(100);

fn main() {
    let vectors = vectors();
    if !vectors.is_dir() {
        println!("SKIP SKIP SKIP: no vectors in {}", vectors.display());
        return;
    }
    let bare = bare();
    println!("{:<44} {:>9} {:>8}", "", "µs", "ratio");
    let print = |name: &str, time: Duration| {
        let micros = time.as_secs_f64() * 1e6;
        let ratio = time.as_secs_f64() / bare.as_secs_f64();
        println!("{name:<44} {micros:>9.1} {ratio:>8.2}");
    };
    print("ECDSA P-384, one bare verification", bare);
    snp(&vectors, &print);
    nitro(&vectors, &print);
    intel(&vectors, &print);
    event_logs(&vectors, &print);
}

/// One verification of a signature over as many bytes as a report signs.
fn bare() -> Duration {
    let pkcs8 = "304e020100301006072a8648ce3d020106052b81040022043730350201010430";
    let mut pkcs8 = hex::decode(pkcs8).expect("hexadecimal");
    pkcs8.extend([7; 48]);
    let key = P384SigningKey::from_pkcs8(&pkcs8).expect("a scalar of P-384");
    let message = [7; 672];
    let signature = key.sign(&message);
    measure(|| verify_p384_sha384(key.public_sec1(), &message, &signature))
}

fn intel(vectors: &Path, print: &impl Fn(&str, Duration)) {
    let root = include_bytes!("../roots/intel-sgx-root.der");
    for (name, tee, folder, now_ms) in [
        (
            "TDX",
            Tee::Tdx,
            "tdx/azure-live-90c06f000000",
            1_774_500_000_000,
        ),
        (
            "SGX",
            Tee::Sgx,
            "sgx/automata-quotev3-00606a000000",
            1_756_000_000_000,
        ),
    ] {
        let set = vectors.join(folder);
        let quote = read(&set.join("quote.bin"));
        let json = String::from_utf8(read(&set.join("collateral.json"))).expect("text");
        let Ok(Endorsements::Intel(collateral)) = Endorsements::intel_from_json(&json) else {
            panic!("no collateral in {folder}");
        };
        let check = || CheckedCollateral::check(&collateral, tee, root, now_ms).expect("sound");
        let checked = check();
        print(
            &format!("{name}: parse a quote"),
            measure(|| Quote::parse(&quote).is_ok()),
        );
        print(&format!("{name}: check collateral"), measure(check));
        print(
            &format!("{name}: verify with checked collateral"),
            measure(|| verify_quote(&quote, &checked, now_ms).is_ok()),
        );
        let both = || verify_quote(&quote, &check(), now_ms).is_ok();
        print(
            &format!("{name}: verify, collateral and all"),
            measure(both),
        );
    }
}

fn snp(vectors: &Path, print: &impl Fn(&str, Duration)) {
    let set = vectors.join("snp/v5-turin-tee-attestation-verification-turin-attestation-report");
    let report = read(&set.join("report.bin"));
    let endorsements = SnpEndorsements {
        signer: read(&set.join("vcek.der")),
        intermediate: read(&set.join("ask.der")),
        root: read(&set.join("ark.der")),
        crl: None,
    };
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    let now_ms = 1_790_000_000_000;
    let check = || CheckedChain::check(&endorsements, &anchors, now_ms).expect("a sound chain");
    let chain = check();
    print("SNP: parse", measure(|| Report::parse(&report)));
    print("SNP: check the chain", measure(check));
    let cached = || verify_report(&report, &chain, now_ms).expect("a genuine report");
    print("SNP: verify, chain checked before", measure(cached));
    let evidence = Evidence::new(Tee::SevSnp, report.clone()).expect("short evidence");
    let endorsements = Endorsements::Snp(endorsements.clone());
    let whole = || verify(&evidence, &endorsements, &anchors, now_ms).expect("genuine");
    print("SNP: verify, chain and all", measure(whole));
}

fn nitro(vectors: &Path, print: &impl Fn(&str, Duration)) {
    let document = read(&vectors.join("nitro/dstack-attest-2025-12/attestation_doc.cbor"));
    print("Nitro: parse", measure(|| Document::parse(&document)));
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    let now_ms = 1_766_678_659_000;
    let evidence = Evidence::new(Tee::Nitro, document).expect("short evidence");
    let whole = || verify(&evidence, &Endorsements::Nitro, &anchors, now_ms).expect("genuine");
    print("Nitro: verify, four certificates and all", measure(whole));
}

fn event_logs(vectors: &Path, print: &impl Fn(&str, Duration)) {
    for (name, file, kind) in [
        ("ccel", "ccel/gcp-cos113/ccel_data.bin", Kind::Ccel),
        (
            "dstack",
            "dstack/dstack-quote-report/event_log.json",
            Kind::Dstack,
        ),
    ] {
        let bytes = read(&vectors.join(file));
        let parse = || EventLog::parse(kind, &bytes).expect("a sound log");
        let events = parse().events().len();
        let name = format!("{name} log: parse {events} events");
        print(&name, measure(parse));
    }
}

/// The mean time of one call.
fn measure<T>(call: impl Fn() -> T) -> Duration {
    let round = || {
        let begin = Instant::now();
        let mut calls = 0;
        while begin.elapsed() < ROUND {
            black_box(call());
            calls += 1;
        }
        begin.elapsed() / calls
    };
    let fastest = (0..ROUNDS).map(|_| round()).min();
    fastest.expect("there are rounds")
}

fn vectors() -> PathBuf {
    std::env::var_os("SYNOD_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    )
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
