//! How fast ours is beside the others, as ratios in one run: each verifies the
//! same recorded evidence in turn, and the fastest of the rounds counts.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use synod_attestation::{
    Anchors, CheckedEndorsements, Endorsements, Evidence, anchors::VendorRoots, verify,
    verify_checked,
};
use synod_differential::{
    intel, nitro,
    sets::{self, Loaded, Set},
    snp,
};

const ROUNDS: usize = 20;
const CALLS: usize = 20;
const CONCURRENT: Duration = Duration::from_secs(2);

fn main() {
    let Some(vectors) = sets::folder() else {
        return;
    };
    println!(
        "{:<8} {:>12} {:>12} {:>12} {:>14} {:>14} {:>16}",
        "TEE", "ours µs", "checked µs", "other µs", "ours/other", "checked/other", "checked/s/core"
    );
    let of_intel = |set| one(&vectors, "intel", set, intel::load);
    let root = fs::read(vectors.join("roots/intel-sgx/intel_sgx_root_ca.der")).expect("the root");
    for (name, id) in [
        ("tdx", "tdx/oak-oc-00806f050000"),
        ("sgx", "sgx/automata-tdxsdk-v3-00606a000000"),
    ] {
        let set = of_intel(id);
        let material = intel::material(&set).expect("the set is whole");
        race(name, &set, &material, || {
            intel::other(&set, &root);
        });
    }
    let set = one(
        &vectors,
        "snp",
        "snp/v5-turin-tee-attestation-verification-turin-attestation-report",
        snp::load,
    );
    race(
        "sev-snp",
        &set,
        &snp::material(&set).expect("the set is whole"),
        || {
            snp::other(&set);
        },
    );
    let set = one(
        &vectors,
        "nitro",
        "nitro/dstack-attest-2025-12",
        nitro::load,
    );
    let root = fs::read(vectors.join("roots/aws-nitro/aws_nitro_root_g1.pem")).expect("the root");
    let (_, root) = pem_rfc7468::decode_vec(&root).expect("the root is PEM");
    race(
        "nitro",
        &set,
        &nitro::material(&set).expect("the set is whole"),
        || {
            nitro::other(&set, &root);
        },
    );
}

fn one(vectors: &Path, kind: &str, id: &str, load: impl Fn(&Path) -> Loaded) -> Set {
    let folders: &[&str] = if kind == "intel" {
        &["tdx", "sgx"]
    } else {
        &[kind]
    };
    let mut sets = sets::read(vectors, folders, load);
    sets.retain(|set| set.id == id);
    sets.pop().expect("the set is there")
}

fn race(name: &str, set: &Set, material: &(Evidence, Endorsements), other: impl Fn()) {
    let (evidence, endorsements) = material;
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    let checked = endorsements
        .check(evidence.tee(), &anchors, set.now_ms)
        .expect("the endorsements are sound");
    let whole = || {
        verify(evidence, endorsements, &anchors, set.now_ms).expect("the evidence is genuine");
    };
    let quick = || {
        verify_checked(evidence, &checked, set.now_ms).expect("the evidence is genuine");
    };
    let mut best = [f64::MAX; 3];
    for _ in 0..ROUNDS {
        best[0] = best[0].min(micros(whole));
        best[1] = best[1].min(micros(quick));
        best[2] = best[2].min(micros(&other));
    }
    let rate = concurrent(evidence, &checked, set.now_ms);
    println!(
        "{name:<8} {:>12.0} {:>12.0} {:>12.0} {:>14.2} {:>14.2} {rate:>16.0}",
        best[0],
        best[1],
        best[2],
        best[0] / best[2],
        best[1] / best[2]
    );
}

fn micros(call: impl Fn()) -> f64 {
    let begin = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    begin.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

/// Verifications in a second on each core, with all cores at it.
fn concurrent(evidence: &Evidence, checked: &CheckedEndorsements, now_ms: u64) -> f64 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    let count = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0_u64;
                    while begin.elapsed() < CONCURRENT {
                        verify_checked(evidence, checked, now_ms).expect("genuine");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum::<u64>()
    });
    count as f64 / begin.elapsed().as_secs_f64() / cores as f64
}
