//! `synod attest` and `synod doctor`, run as a user runs them: on recorded evidence of real
//! hardware where the folder of vectors is there, and on simulated evidence everywhere.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::program::{stderr, stdout, synod};

fn json(output: &Output) -> Value {
    serde_json::from_str(stdout(output).trim())
        .unwrap_or_else(|_| panic!("{}{}", stdout(output), stderr(output)))
}

#[track_caller]
fn expect(code: i32, output: &Output) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        stdout(output),
        stderr(output)
    );
}

fn vectors() -> Option<PathBuf> {
    let path = std::env::var_os("SYNOD_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    );
    if path.is_dir() {
        return Some(path.canonicalize().unwrap());
    }
    println!("SKIP SKIP SKIP: no vectors in {}", path.display());
    None
}

/// A set that a policy can be made for: its evidence, when it was valid, and what it claims.
struct Recorded {
    set: &'static str,
    file: &'static str,
    at: &'static str,
    tee: &'static str,
}

const RECORDED: [Recorded; 3] = [
    Recorded {
        set: "tdx/oak-oc-00806f050000",
        file: "quote.bin",
        at: "1752000000",
        tee: "tdx",
    },
    Recorded {
        set: "snp/v5-turin-tee-attestation-verification-turin-attestation-report",
        file: "report.bin",
        at: "2026-04-06",
        tee: "sev-snp",
    },
    Recorded {
        set: "nitro/dstack-attest-2025-12",
        file: "attestation_doc.cbor",
        at: "1766678659",
        tee: "nitro",
    },
];

impl Recorded {
    fn path(&self, vectors: &Path) -> String {
        vectors
            .join(self.set)
            .join(self.file)
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn folder(&self, vectors: &Path) -> String {
        vectors.join(self.set).to_str().unwrap().to_owned()
    }

    /// A claim of the evidence, as `explain` tells it.
    fn claim(&self, dir: &Path, vectors: &Path, name: &str) -> String {
        let (path, folder) = (self.path(vectors), self.folder(vectors));
        let args = [
            "attest",
            "explain",
            &path,
            "--collateral",
            &folder,
            "--policy",
            "baseline",
            "--at",
            self.at,
            "--json",
        ];
        let told = json(&synod(dir, &args));
        let claims = told[0]["appraisal"]["parts"][0]["claims"]
            .as_array()
            .unwrap()
            .clone();
        let claim = claims
            .iter()
            .find(|claim| claim["name"] == name)
            .expect("the claim is told");
        claim["value"].as_str().unwrap().to_owned()
    }
}

#[test]
fn every_set_of_recorded_evidence_comes_out_as_it_expects() {
    let Some(vectors) = vectors() else { return };
    let dir = tempfile::tempdir().unwrap();
    let output = synod(
        dir.path(),
        &[
            "attest",
            "verify",
            "--vectors",
            vectors.to_str().unwrap(),
            "--json",
        ],
    );
    expect(0, &output);
    let told = json(&output);
    for tee in ["sev-snp", "tdx", "sgx", "nitro"] {
        let sums = &told["tees"][tee];
        assert_eq!(sums["disagreeing"], 0, "{tee}: {sums}");
        assert_eq!(sums["not_supported"], 0, "{tee}: {sums}");
        assert!(sums["agreeing"].as_u64() >= Some(6), "{tee}: {sums}");
    }
}

#[test]
fn set_that_does_not_come_out_as_it_expects_is_told_and_fails_the_run() {
    let Some(vectors) = vectors() else { return };
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("sets/nitro/turned");
    std::fs::create_dir_all(&set).unwrap();
    let from = vectors.join("nitro/dstack-attest-2025-12");
    std::fs::copy(
        from.join("attestation_doc.cbor"),
        set.join("attestation_doc.cbor"),
    )
    .unwrap();
    let meta = std::fs::read_to_string(from.join("meta.json")).unwrap();
    let mut meta: Value = serde_json::from_str(&meta).unwrap();
    meta["expect"]["accept"] = Value::Bool(false);
    std::fs::write(set.join("meta.json"), meta.to_string()).unwrap();
    let output = synod(dir.path(), &["attest", "verify", "--vectors", "sets"]);
    expect(3, &output);
    assert!(stdout(&output).contains("DISAGREES"), "{}", stdout(&output));
    expect(
        1,
        &synod(dir.path(), &["attest", "verify", "--vectors", "cache"]),
    );
}

#[test]
fn policy_made_for_real_evidence_accepts_it_at_its_time_and_bound_to_what_it_binds() {
    let Some(vectors) = vectors() else { return };
    let dir = tempfile::tempdir().unwrap();
    for recorded in RECORDED {
        let measurement = recorded.claim(dir.path(), &vectors, "measurement");
        let policy = format!(
            "name = \"made\"\nkind = \"production\"\nevidence_age_max_s = 3600\ntier_min = 2\n\
             [[accept]]\ntee = \"{tee}\"\nmeasurement = \"{measurement}\"\nlabel = \"recorded\"\n[{tee}]\n",
            tee = recorded.tee
        );
        std::fs::write(dir.path().join("made.toml"), policy).unwrap();
        let (path, folder) = (recorded.path(&vectors), recorded.folder(&vectors));
        let verify = |more: &[&str]| {
            let args = [
                "attest",
                "verify",
                &path,
                "--collateral",
                &folder,
                "--policy",
                "made.toml",
            ];
            synod(dir.path(), &[&args, more].concat())
        };
        expect(0, &verify(&["--at", recorded.at]));
        expect(3, &verify(&["--at", "2049-01-01"]));
        expect(
            3,
            &verify(&["--at", recorded.at, "--report-data", &"ab".repeat(64)]),
        );
        expect(3, &verify(&["--at", recorded.at, "--nonce", "abcd"]));
        if recorded.tee != "nitro" {
            let bound = recorded.claim(dir.path(), &vectors, "report-data");
            expect(0, &verify(&["--at", recorded.at, "--report-data", &bound]));
        }
    }
}

#[test]
fn refusal_of_real_evidence_says_what_is_behind_and_what_other_policies_say() {
    let Some(vectors) = vectors() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = vectors.join("sgx/automata-tdxsdk-v3-00606a000000");
    let quote = folder.join("quote.bin");
    let args = [
        "attest",
        "verify",
        quote.to_str().unwrap(),
        "--collateral",
        folder.to_str().unwrap(),
        "--at",
        "1756000000",
    ];
    let output = synod(dir.path(), &args);
    expect(3, &output);
    let told = stdout(&output);
    for words in [
        "behind: SGX component 0",
        "rule: `sgx.statuses`, line",
        "hint: ",
        "under `strict-physical`: refused",
    ] {
        assert!(told.contains(words), "`{words}` is missing in\n{told}");
    }
}

#[test]
fn simulated_evidence_is_made_judged_and_never_taken_for_hardware() {
    let dir = tempfile::tempdir().unwrap();
    for tee in ["sev-snp", "tdx", "sgx", "nitro"] {
        let (file, folder) = (format!("{tee}.bin"), format!("{tee}-endorsements"));
        let args = [
            "attest",
            "quote",
            "--simulate",
            tee,
            "--nonce",
            "c0ffee",
            "--out",
            &file,
            "--endorsements",
            &folder,
        ];
        expect(0, &synod(dir.path(), &args));
        std::fs::create_dir_all(dir.path().join(&folder)).unwrap();
        let inspected = synod(dir.path(), &["attest", "inspect", &file, "--json"]);
        expect(0, &inspected);
        assert_eq!(json(&inspected)["verified"], false);
        let zeros = "00".repeat(if tee == "sgx" { 32 } else { 48 });
        let text = String::from_utf8(
            synod(dir.path(), &["attest", "policy", "show", "development"]).stdout,
        )
        .unwrap();
        let text = format!("{text}\n[[accept]]\ntee = \"{tee}\"\nmeasurement = \"{zeros}\"\n");
        std::fs::write(dir.path().join("mine.toml"), text).unwrap();
        let verify = |more: &[&str]| {
            let args = ["attest", "verify", &file, "--collateral", &folder];
            synod(dir.path(), &[&args, more].concat())
        };
        let trusted = verify(&["--policy", "mine.toml", "--nonce", "c0ffee"]);
        // A simulated Nitro enclave measures zero, which is debug mode: no policy takes that.
        expect(if tee == "nitro" { 3 } else { 0 }, &trusted);
        assert!(
            stdout(&trusted).contains("SIMULATED"),
            "{}",
            stdout(&trusted)
        );
        expect(3, &verify(&["--policy", "mine.toml", "--nonce", "c0ffef"]));
        let refused = verify(&["--policy", "production", "--nonce", "c0ffee"]);
        expect(3, &refused);
        assert!(
            stdout(&refused).contains("not-simulated"),
            "{}",
            stdout(&refused)
        );
    }
}

#[test]
fn mistakes_are_the_users_and_garbage_is_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("garbage"), b"garbage").unwrap();
    std::fs::write(dir.path().join("policy.toml"), "name = 7").unwrap();
    for args in [
        &["attest", "verify"][..],
        &["attest", "verify", "missing"],
        &["attest", "verify", "garbage", "--policy", "policy.toml"],
        &["attest", "verify", "garbage", "--policy", "no-such-policy"],
        &["attest", "verify", "garbage", "--at", "noon"],
        &["attest", "verify", "garbage", "--nonce", "xyz"],
        &["attest", "verify", "garbage", "--report-data", "00"],
        &["attest", "verify", "garbage", "--vectors", "."],
        &["attest", "quote", "--out", "x"],
        &["attest", "policy", "diff", "production"],
    ] {
        expect(1, &synod(dir.path(), args));
    }
    for args in [
        &["attest", "verify", "garbage"][..],
        &["attest", "inspect", "garbage"],
        &["attest", "explain", "garbage"],
    ] {
        let output = synod(dir.path(), args);
        expect(3, &output);
        assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    }
}

#[test]
fn built_in_policies_are_shown_and_compared() {
    let dir = tempfile::tempdir().unwrap();
    let shown = synod(dir.path(), &["attest", "policy", "show", "production"]);
    std::fs::write(dir.path().join("copy.toml"), shown.stdout).unwrap();
    let same = synod(
        dir.path(),
        &["attest", "policy", "diff", "production", "copy.toml"],
    );
    expect(0, &same);
    assert!(
        stdout(&same).contains("the same rules"),
        "{}",
        stdout(&same)
    );
    let differ = synod(
        dir.path(),
        &[
            "attest",
            "policy",
            "diff",
            "production",
            "strict-physical",
            "--json",
        ],
    );
    assert!(json(&differ)["differences"].as_array().unwrap().len() > 5);
    let schema = synod(dir.path(), &["attest", "policy", "schema"]);
    assert!(json(&schema)["properties"]["sev-snp"].is_object());
}

#[test]
fn doctor_speaks_of_every_tee_on_any_machine() {
    let dir = tempfile::tempdir().unwrap();
    let output = synod(dir.path(), &["doctor", "--json"]);
    expect(0, &output);
    assert_eq!(json(&output)["tees"].as_array().unwrap().len(), 4);
}

#[test]
fn nothing_is_fetched_offline_and_an_empty_cache_says_so() {
    let dir = tempfile::tempdir().unwrap();
    expect(
        0,
        &synod(
            dir.path(),
            &[
                "attest",
                "quote",
                "--simulate",
                "tdx",
                "--nonce",
                "01",
                "--out",
                "quote.bin",
            ],
        ),
    );
    let output = synod(
        dir.path(),
        &["attest", "collateral", "fetch", "quote.bin", "--offline"],
    );
    assert_ne!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("not in the cache"),
        "{}",
        stderr(&output)
    );
    let list = synod(dir.path(), &["attest", "collateral", "list"]);
    expect(0, &list);
    assert!(
        stdout(&list).contains("the cache is empty"),
        "{}",
        stdout(&list)
    );
}
