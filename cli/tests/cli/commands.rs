//! What the commands say to mistakes, and with which exit code they end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::program::{stderr, stdout, synod};

#[test]
fn wrong_usage_is_the_users_mistake_and_help_is_none() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["fly"][..],
        &["kv", "put"],
        &["up", "--replicas", "0"],
        &["receipt", "get", "7"],
    ] {
        assert_eq!(synod(dir.path(), args).status.code(), Some(1), "{args:?}");
    }
    let help = synod(dir.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("Exit codes"));
}

#[test]
fn every_command_has_help_and_those_with_arguments_an_example() {
    let dir = tempfile::tempdir().unwrap();
    let commands: &[&[&str]] = &[
        &["up"],
        &["verify"],
        &["status"],
        &["bench"],
        &["kv", "put"],
        &["kv", "get"],
        &["kv", "delete"],
        &["kv", "list"],
        &["kv", "txn"],
        &["receipt", "get"],
        &["receipt", "verify"],
        &["receipt", "renew"],
        &["ledger", "audit"],
        &["ledger", "show"],
        &["ledger", "rebuild"],
        &["member", "keygen"],
        &["member", "approve"],
        &["member", "found"],
        &["member", "act"],
        &["member", "submit"],
        &["user", "keygen"],
        &["node", "start"],
        &["node", "join"],
        &["node", "policy"],
        &["attest", "inspect"],
        &["attest", "verify"],
        &["attest", "explain"],
        &["attest", "quote"],
        &["attest", "collateral", "fetch"],
        &["attest", "collateral", "list"],
        &["attest", "policy", "show"],
        &["attest", "policy", "diff"],
        &["attest", "policy", "schema"],
        &["doctor"],
        &["app", "new"],
        &["app", "build"],
        &["app", "test"],
        &["app", "inspect"],
        &["app", "set"],
        &["app", "remove"],
        &["app", "list"],
        &["app", "call"],
        &["app", "logs"],
        &["member", "sign"],
    ];
    for command in commands {
        let output = synod(dir.path(), &[command, &["--help"][..]].concat());
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(
            stdout(&output).contains("Example"),
            "{command:?} has no example"
        );
        assert!(
            stdout(&output).contains("--json"),
            "{command:?} has no --json"
        );
    }
}

/// The examples in the help of a command.
fn examples(dir: &Path, command: &str) -> Vec<String> {
    let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
    let help = stdout(&synod(dir, &words));
    let lines = help
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("Example"));
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

#[test]
fn examples_that_need_no_service_and_no_hardware_run_as_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_synod"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut run = 0;
    for command in [
        "member keygen",
        "node policy",
        "doctor",
        "app new",
        "attest policy show",
        "attest policy schema",
        "attest policy diff",
        "attest collateral list",
    ] {
        for line in examples(dir.path(), command) {
            // Each app is made anew; the other examples build on those before.
            let fresh = tempfile::tempdir().unwrap();
            let folder = if command == "app new" {
                fresh.path()
            } else {
                dir.path()
            };
            let shell = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &line])
                .current_dir(folder)
                .env("PATH", &path)
                .env("SYNOD_CACHE", dir.path().join("cache"))
                .env_remove("SYNOD_DIR")
                .env_remove("SYNOD_TRUST")
                .env_remove("SYNOD_STATE")
                .output()
                .unwrap();
            assert!(shell.status.success(), "{line}: {}", stderr(&shell));
            run += 1;
        }
    }
    assert!(run >= 11, "only {run} examples were found");
}

#[test]
fn wrong_manifest_and_wrong_configuration_are_the_users_mistake_alike() {
    let dir = tempfile::tempdir().unwrap();
    let config = "dir = \"r\"\nlisten = \"127.0.0.1:0\"\npeer_listen = \"127.0.0.1:0\"\n\
                  public_url = \"https://127.0.0.1:1\"\npeer_address = \"127.0.0.1:2\"\n\
                  attester = \"simulated\"\ntee = \"tdx\"\n[start]\nmanifest = \"manifest.toml\"\n";
    std::fs::write(dir.path().join("node.toml"), config).unwrap();
    let start = ["node", "start", "--config", "node.toml"];
    for manifest in [None, Some("name = 7\n")] {
        if let Some(text) = manifest {
            std::fs::write(dir.path().join("manifest.toml"), text).unwrap();
        }
        let output = synod(dir.path(), &start);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("manifest"), "{}", stderr(&output));
    }
}

#[test]
fn ledger_that_is_none_is_not_verified_whatever_command_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("replica/ledger");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("0.ledger"), [7; 300]).unwrap();
    assert_eq!(
        synod(dir.path(), &["member", "keygen", "alice"])
            .status
            .code(),
        Some(0)
    );
    for command in [
        &["ledger", "audit", "replica"][..],
        &["ledger", "show", "replica"],
        &["ledger", "show", "replica", "--blocks"],
        &["ledger", "rebuild", "replica", "--share", "alice.key"],
    ] {
        let output = synod(dir.path(), command);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{command:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn service_that_nobody_named_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let output = synod(dir.path(), &["kv", "get", "notes", "hello"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("hint: start one with `synod up`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn service_that_is_not_there_is_no_mistake_of_the_user() {
    let dir = tempfile::tempdir().unwrap();
    let network = "ab".repeat(32);
    let args = [
        "verify",
        "https://127.0.0.1:9",
        "--network",
        &network,
        "--json",
    ];
    let output = synod(dir.path(), &args);
    assert_eq!(output.status.code(), Some(2));
    let said: serde_json::Value = serde_json::from_str(stdout(&output).trim()).unwrap();
    assert!(
        said["error"].as_str().unwrap().contains("cannot reach"),
        "{said}"
    );
}

#[test]
fn keys_are_private_files_that_are_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    for (args, file) in [
        (["member", "keygen", "alice"], "alice.key"),
        (["user", "keygen", "bob"], "bob.key"),
    ] {
        assert_eq!(synod(dir.path(), &args).status.code(), Some(0));
        let path = dir.path().join(file);
        let before = std::fs::read(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = synod(dir.path(), &args);
        assert_eq!(again.status.code(), Some(1));
        assert!(
            stderr(&again).contains("never replaced"),
            "{}",
            stderr(&again)
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn secrets_are_never_printed() {
    let dir = tempfile::tempdir().unwrap();
    let output = synod(dir.path(), &["member", "keygen", "alice", "--json"]);
    let file = std::fs::read_to_string(dir.path().join("alice.key")).unwrap();
    let said = stdout(&output) + &stderr(&output);
    let seeds: Vec<_> = file.split('"').filter(|part| part.len() == 64).collect();
    assert_eq!(seeds.len(), 2);
    assert!(seeds.iter().all(|seed| !said.contains(seed)));
}

#[test]
fn wrong_configuration_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("node.toml"),
        "dir = \"r\"\nlisten = \"nowhere\"\n",
    )
    .unwrap();
    let output = synod(dir.path(), &["node", "start", "--config", "node.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("listen"), "{}", stderr(&output));
}

#[test]
fn folder_without_a_ledger_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = synod(dir.path(), &["ledger", "audit", "."]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("there is no ledger in `.`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn file_that_is_no_receipt_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x"), "hello").unwrap();
    std::fs::write(dir.path().join("chain"), "hello").unwrap();
    let network = "ab".repeat(32);
    let args = [
        "receipt",
        "verify",
        "x",
        "--chain",
        "chain",
        "--network",
        &network,
    ];
    let offline = synod(dir.path(), &args);
    assert_eq!(offline.status.code(), Some(3), "{}", stderr(&offline));
    let asking = [&args[..], &["--url", "https://localhost:9"]].concat();
    let refused = synod(dir.path(), &asking);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("`--url` has no effect"),
        "{}",
        stderr(&refused)
    );
}

/// A trust file for a service that is not there.
fn trust_file(dir: &Path) {
    let text = format!(
        "version = 1\nnetwork = \"{}\"\nurls = [\"https://127.0.0.1:9\"]\n",
        "07".repeat(32)
    );
    std::fs::write(dir.join("trust.toml"), text).unwrap();
}

#[test]
fn state_file_that_cannot_be_used_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    trust_file(dir.path());
    let state = dir.path().join("trust.state");
    let damaged = "version = 1\n";
    let newer = "version = 7\n";
    let commands: &[&[&str]] = &[
        &["kv", "get", "m", "k", "--trust", "trust.toml"],
        &["status", "--trust", "trust.toml"],
        &["app", "call", "notes", "GET", "/", "--trust", "trust.toml"],
        &["bench", "--trust", "trust.toml"],
        &["verify", "https://127.0.0.1:9", "--trust", "trust.toml"],
        &[
            "receipt",
            "get",
            "2.17",
            "--out",
            "r",
            "--trust",
            "trust.toml",
        ],
    ];
    for command in commands {
        for (text, told) in [(damaged, "damaged"), (newer, "version 7")] {
            std::fs::write(&state, text).unwrap();
            let output = synod(dir.path(), command);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
            assert!(
                said.contains("trust.state") && said.contains(told),
                "{said}"
            );
            assert!(said.contains("hint:"), "{said}");
            assert_eq!(std::fs::read_to_string(&state).unwrap(), text);
        }
    }
    // Another one that is named counts in its place, and is made when there is something to
    // remember.
    let other = ["status", "--trust", "trust.toml", "--state", "other.state"];
    let said = stderr(&synod(dir.path(), &other));
    assert!(said.contains("cannot reach"), "{said}");
    assert!(!dir.path().join("other.state").exists());
}

#[test]
fn completions_of_each_shell_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = synod(dir.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{shell}");
        for word in ["receipt", "ledger", "completions"] {
            assert!(stdout(&script).contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(
        synod(dir.path(), &["completions", "cmd"]).status.code(),
        Some(1)
    );
}

/// The shell itself completes with the script.
#[test]
fn bash_completes_a_command_and_an_option() {
    let dir = tempfile::tempdir().unwrap();
    let script = stdout(&synod(dir.path(), &["completions", "bash"]));
    std::fs::write(dir.path().join("synod.bash"), script).unwrap();
    let ask = |words: &str, at: usize| {
        let program = format!(
            "source ./synod.bash; COMP_WORDS=({words}); COMP_CWORD={at}; _synod synod \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        let asked = bash
            .args(["--norc", "-c", &program])
            .current_dir(dir.path());
        stdout(&asked.output().expect("bash runs"))
    };
    assert_eq!(ask("synod rec", 1).trim(), "receipt");
    assert!(ask("synod kv put --idem", 3).contains("--idempotency-key"));
}

#[test]
fn each_command_has_a_page_for_man() {
    let dir = tempfile::tempdir().unwrap();
    let written = synod(dir.path(), &["--json", "man", "pages/man1"]);
    assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
    let pages = dir.path().join("pages/man1");
    for (page, text) in [
        ("synod.1", "confidential, replicated and provable"),
        ("synod-kv-put.1", "idempotency"),
        ("synod-receipt-verify.1", "chain"),
    ] {
        let found = std::fs::read_to_string(pages.join(page)).expect(page);
        assert!(
            found.contains(".TH") && found.contains(text),
            "{page}:\n{found}"
        );
    }
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(synod(dir.path(), &["man", "file"]).status.code(), Some(1));
}
