//! The whole of it: a service of three processes, from nothing to a verified result, and what
//! remains on disk.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::program::{stderr, synod};

/// A port base of this process's own, so that tests can run side by side.
fn port_base() -> String {
    (10_000 + std::process::id() % 200 * 100).to_string()
}

fn ledger_file(dir: &Path) -> PathBuf {
    let replica = dir.join(".synod/replica-2");
    let ledger = std::fs::read_dir(replica)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir());
    let files = std::fs::read_dir(ledger.unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files.min().unwrap()
}

#[test]
fn tour_ends_in_a_verified_result_and_leaves_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let up = synod(
        dir.path(),
        &["up", "--once", "--json", "--port-base", &port_base()],
    );
    assert_eq!(up.status.code(), Some(0), "{}", stderr(&up));
    let line = String::from_utf8(up.stdout.clone())
        .unwrap()
        .lines()
        .last()
        .unwrap()
        .to_owned();
    check_result(&serde_json::from_str(&line).unwrap());

    second_up_is_refused_and_destroys_nothing(dir.path());
    ledgers_audit_and_a_flipped_bit_is_found(dir.path());
    simulated_networks_are_named_and_refused_by_policies_for_hardware(dir.path());
    own_policies_judge_the_founders_evidence(dir.path());
    receipts_of_a_chain_that_nobody_opened_are_shown_and_not_verified(dir.path());
    ledgers_say_that_they_are_simulated(dir.path());
    acts_are_signed_offline_with_options_on_either_side(dir.path());
    receipts_verify_offline_and_tampered_ones_do_not(dir.path());
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().expect("a line");
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {text}{}", stderr(output)))
}

/// What the tour left is verified in another folder, with the network id alone.
fn simulated_networks_are_named_and_refused_by_policies_for_hardware(dir: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    let left = dir.join(".synod");
    let path = |name: &str| left.join(name).display().to_string();
    let network = &network_of(&left);
    let (receipt, chain) = (path("receipts/record-000000.receipt"), path("chain.cbor"));
    let offline = [
        "receipt",
        "verify",
        &receipt,
        "--chain",
        &chain,
        "--network",
        network,
    ];

    let sound = synod(elsewhere.path(), &[&offline[..], &["--json"]].concat());
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
    let told = json(&sound);
    assert_eq!(
        (&told["verified"], &told["simulated"]),
        (&true.into(), &true.into())
    );
    let text = synod(elsewhere.path(), &offline);
    assert!(String::from_utf8_lossy(&text.stdout).contains("SIMULATED"));

    let policy = |name: &str, text: &str| {
        let path = elsewhere.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let shown = synod(
        elsewhere.path(),
        &["attest", "policy", "show", "production"],
    );
    let production = policy("production.toml", &String::from_utf8_lossy(&shown.stdout));
    let refused = synod(
        elsewhere.path(),
        &[&offline[..], &["--policy", &production]].concat(),
    );
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("SIMULATED") && stderr(&refused).contains("`production`"),
        "{}",
        stderr(&refused)
    );
}

/// A policy of the members' kind is applied to the founder's evidence in block 0.
fn own_policies_judge_the_founders_evidence(dir: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    let left = dir.join(".synod");
    let path = |name: &str| left.join(name).display().to_string();
    let network = network_of(&left);
    let (receipt, chain) = (path("receipts/record-000000.receipt"), path("chain.cbor"));
    let offline = [
        "receipt",
        "verify",
        &receipt,
        "--chain",
        &chain,
        "--network",
        &network,
    ];
    let policy = |name: &str, text: &str| {
        let path = elsewhere.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };

    // The members' own policy accepts the founder, and says whose evidence the file does not hold.
    let own = synod(elsewhere.path(), &["node", "policy"]);
    let own = String::from_utf8_lossy(&own.stdout);
    let own = own
        .replace("[policy]\n", "")
        .replace("[policy.", "[")
        .replace("[[policy.", "[[");
    let own = policy("own.toml", &own);
    let accepted = synod(
        elsewhere.path(),
        &[&offline[..], &["--policy", &own, "--json"]].concat(),
    );
    assert_eq!(accepted.status.code(), Some(0), "{}", stderr(&accepted));
    let appraised = &json(&accepted)["appraised"];
    assert_eq!(appraised["founders"], 1);
    assert_eq!(
        appraised["voters_without_evidence"],
        serde_json::json!([2, 3])
    );

    // A policy of the same kind that takes another program refuses the founder.
    let measured = std::fs::read_to_string(elsewhere.path().join("own.toml")).unwrap();
    let digits = measured
        .split('"')
        .filter(|part| part.len() == 96)
        .collect::<Vec<_>>();
    let other = digits.iter().fold(measured.clone(), |text, digits| {
        text.replace(digits, &"ab".repeat(48))
    });
    let other = policy("other.toml", &other);
    let refused = synod(
        elsewhere.path(),
        &[&offline[..], &["--policy", &other]].concat(),
    );
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("measurement"),
        "{}",
        stderr(&refused)
    );
}

/// The same chain without what the members signed: a founder's word stands behind it, and nothing
/// else.
fn receipts_of_a_chain_that_nobody_opened_are_shown_and_not_verified(dir: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    let left = dir.join(".synod");
    let receipt = left.join("receipts/record-000000.receipt");
    let file = std::fs::read(left.join("chain.cbor")).unwrap();
    let unopened = synod_api::ChainFile {
        opening: None,
        ..synod_api::ChainFile::decode(&file.into()).unwrap()
    };
    std::fs::write(elsewhere.path().join("unopened.cbor"), unopened.encode()).unwrap();
    let line = [
        "receipt",
        "verify",
        receipt.to_str().unwrap(),
        "--chain",
        "unopened.cbor",
        "--network",
        &network_of(&left),
    ];
    let told = synod(elsewhere.path(), &[&line[..], &["--json"]].concat());
    assert_eq!(told.status.code(), Some(3), "{}", stderr(&told));
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let result = text
        .lines()
        .next()
        .expect("what the receipt shows comes before the error");
    let shown: serde_json::Value = serde_json::from_str(result).unwrap();
    assert_eq!(
        (&shown["verified"], &shown["before_opening"]),
        (&false.into(), &true.into())
    );
    let told = synod(elsewhere.path(), &line);
    assert_eq!(told.status.code(), Some(3), "{}", stderr(&told));
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        text.contains("made before the members opened the network"),
        "{text}"
    );
}

fn ledgers_say_that_they_are_simulated(dir: &Path) {
    let elsewhere = tempfile::tempdir().unwrap();
    let left = dir.join(".synod");
    let path = |name: &str| left.join(name).display().to_string();
    let network = &network_of(&left);
    for command in [
        &["ledger", "audit", &path("")][..],
        &["ledger", "show", &path("replica-2")],
        &["ledger", "show", &path("replica-2"), "--map", "public:tour"],
        &["ledger", "show", &path("replica-2"), "--blocks"],
    ] {
        let output = synod(
            elsewhere.path(),
            &[command, &["--network", network, "--json"]].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(json(&output)["simulated"], true, "{command:?}");
        let text = synod(
            elsewhere.path(),
            &[command, &["--network", network]].concat(),
        );
        let said = String::from_utf8_lossy(&text.stdout).into_owned() + &stderr(&text);
        assert!(said.contains("SIMULATED"), "{command:?}: {said}");
    }
}

/// The network id in the trust file.
fn network_of(left: &Path) -> String {
    let trust = std::fs::read_to_string(left.join("trust.toml")).unwrap();
    let mut parts = trust.split('"').filter(|part| part.len() == 64);
    parts.next().unwrap().to_owned()
}

fn acts_are_signed_offline_with_options_on_either_side(dir: &Path) {
    let (act, trust) = (["remove-user", "bob"], ["--trust", ".synod/trust.toml"]);
    let before = [&["member", "act"][..], &trust, &act].concat();
    let after = [&["member", "act"][..], &act, &trust].concat();
    let mut signed = Vec::new();
    for (line, out) in [(before, "before"), (after, "after")] {
        let rest = [
            "--key",
            ".synod/members/alice.key",
            "--sequence",
            "7",
            "--out",
            out,
        ];
        let output = synod(dir, &[&line[..], &rest].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        signed.push(std::fs::read(dir.join(out)).unwrap());
    }
    assert_eq!(signed[0], signed[1]);
}

fn check_result(result: &serde_json::Value) {
    assert_eq!(result["records"], 569);
    assert_eq!(result["receipts_verified"], 569);
    assert_eq!(result["lost_writes"], 0);
    assert_eq!(result["plaintext_hits"], 0);
    assert_eq!(result["audit"]["rebuilt_records"], 569);
    assert!(result["failover_ms"].as_u64().unwrap() < 30_000);
    let replicas = result["replicas"].as_array().unwrap();
    let vendors: std::collections::BTreeSet<_> = replicas
        .iter()
        .map(|one| one["vendor"].as_str().unwrap())
        .collect();
    assert_eq!(vendors, ["amd", "aws", "intel"].into());
    assert!(replicas.iter().all(|one| one["simulated"] == true));
    assert!(
        replicas.iter().all(|one| one["id"] != 1),
        "the killed leader was removed"
    );
}

fn second_up_is_refused_and_destroys_nothing(dir: &Path) {
    let before = std::fs::read(ledger_file(dir)).unwrap();
    let again = synod(dir, &["up", "--once"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stderr(&again).contains("holds what an earlier run left"),
        "{}",
        stderr(&again)
    );
    assert_eq!(std::fs::read(ledger_file(dir)).unwrap(), before);
}

fn ledgers_audit_and_a_flipped_bit_is_found(dir: &Path) {
    let sound = synod(dir, &["ledger", "audit", ".synod"]);
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));
    let wrong_pin = synod(
        dir,
        &["ledger", "audit", ".synod", "--network", &"ab".repeat(32)],
    );
    assert_eq!(wrong_pin.status.code(), Some(3));

    let file = ledger_file(dir);
    let original = std::fs::read(&file).unwrap();
    let mut flipped = original.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&file, &flipped).unwrap();
    let damaged = synod(dir, &["ledger", "audit", ".synod/replica-2"]);
    assert_eq!(damaged.status.code(), Some(3));
    let said = stderr(&damaged);
    assert!(
        said.contains("corrupt at byte") && said.contains(".ledger"),
        "{said}"
    );
    std::fs::write(&file, original).unwrap();
}

fn receipts_verify_offline_and_tampered_ones_do_not(dir: &Path) {
    let receipt = ".synod/receipts/record-000000.receipt";
    let verify = [
        "receipt",
        "verify",
        receipt,
        "--chain",
        ".synod/chain.cbor",
        "--vendors",
        "2",
    ];
    let sound = synod(dir, &verify);
    assert_eq!(sound.status.code(), Some(0), "{}", stderr(&sound));

    let other = [
        &verify[..],
        &["--bound", ".synod/receipts/record-000001.receipt.bound"],
    ]
    .concat();
    assert_eq!(
        synod(dir, &other).status.code(),
        Some(3),
        "it proves another request"
    );

    let path = dir.join(receipt);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(
        synod(dir, &verify).status.code(),
        Some(3),
        "its last signature is broken"
    );
}
