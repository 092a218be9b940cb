//! What `synod app` says to mistakes, what it makes, and how its tests fail.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::program::{command, stderr, synod};

/// A component that uses all that the host offers.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/tests/fixtures/kv.wasm")
}

const MANIFEST: &str = r#"
name = "kv"
version = "1.0.0"
component = "kv.wasm"
imports = ["maps", "map-writes", "caller", "transaction", "ledger-time", "claims", "random", "log"]
[maps]
private = ["rows"]
public = ["versions"]
[[routes]]
path = "/kv/{key}"
methods = ["GET", "PUT"]
who = ["user"]
[[routes]]
path = "/harm/{how}"
methods = ["POST"]
who = ["user"]
"#;

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().expect("a line");
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// A folder with the fixture as an app.
fn app(scenario: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.toml"), MANIFEST).unwrap();
    std::fs::copy(fixture(), dir.path().join("kv.wasm")).unwrap();
    std::fs::create_dir(dir.path().join("tests")).unwrap();
    std::fs::write(dir.path().join("tests/one.toml"), scenario).unwrap();
    dir
}

const GOOD: &str = r#"
[[step]]
as = "anna"
request = "PUT /kv/a"
body = "secret"
expect = 204
[[step]]
as = "anna"
request = "GET /kv/a"
expect_body = "secret"
[[step]]
request = "GET /kv/a"
expect = 403
"#;

#[test]
fn scenario_is_run_against_a_synod_in_memory_and_writes_are_proven() {
    let dir = app(GOOD);
    let output = synod(dir.path(), &["app", "test", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = json(&output);
    assert_eq!((&told["passed"], &told["failed"]), (&1.into(), &0.into()));
    let steps = told["scenarios"][0]["steps"].as_array().unwrap();
    assert!(steps[0]["transaction_id"].is_string() && steps[1]["transaction_id"].is_null());
    assert!(stderr(&output).contains("proven by its receipt"));
}

#[test]
fn failing_expectation_is_shown_with_both_sides_and_ends_with_3() {
    let dir = app(&GOOD.replace("expect_body = \"secret\"", "expect_body = \"other\""));
    let output = synod(dir.path(), &["app", "test", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("expected  other") && said.contains("found     secret"),
        "{said}"
    );
    let steps = json(&output)["scenarios"][0]["steps"].clone();
    assert_eq!(steps[1]["differences"][0]["place"], "body");
    assert_eq!(
        steps.as_array().unwrap().len(),
        2,
        "it ends with the step that failed"
    );
}

#[test]
fn fault_of_an_app_is_told_with_the_services_own_status_and_its_log() {
    let dir = app("[[step]]\nas = \"anna\"\nrequest = \"POST /harm/trap\"\nexpect = 200\n");
    let output = synod(dir.path(), &["app", "test"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("app_") && said.contains("log of the host"),
        "{said}"
    );
}

#[test]
fn malformed_scenario_is_named_with_its_step() {
    for (scenario, told) in [
        ("[[step]]\nrequest = \"GO /\"\n", "step 1"),
        ("[[step]]\nrequests = \"GET /\"\n", "requests"),
        ("", "1 to 1000 steps"),
        (
            "[[step]]\nas = \"member:zoe\"\nrequest = \"GET /kv/a\"\n",
            "no member `zoe`",
        ),
    ] {
        let output = synod(app(scenario).path(), &["app", "test"]);
        assert_eq!(output.status.code(), Some(1), "{scenario}");
        let said = stderr(&output);
        assert!(said.contains("one.toml") && said.contains(told), "{said}");
    }
}

#[test]
fn what_is_missing_in_an_apps_folder_is_named_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let output = synod(empty.path(), &["app", "build"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no `app.toml`") && stderr(&output).contains("hint"));

    let dir = app(GOOD);
    let output = synod(dir.path(), &["app", "build"]);
    assert!(
        stderr(&output).contains("no sources"),
        "{}",
        stderr(&output)
    );

    std::fs::remove_file(dir.path().join("kv.wasm")).unwrap();
    let output = synod(dir.path(), &["app", "test", "--no-build"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no component"),
        "{}",
        stderr(&output)
    );

    std::fs::remove_dir_all(dir.path().join("tests")).unwrap();
    let output = synod(dir.path(), &["app", "test"]);
    assert!(
        stderr(&output).contains("no scenario"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn unknown_keys_of_a_manifest_are_named() {
    let dir = app(GOOD);
    let manifest = MANIFEST.replace("[maps]", "[mops]");
    std::fs::write(dir.path().join("app.toml"), manifest).unwrap();
    for verb in ["build", "test", "inspect"] {
        let args: &[&str] = if verb == "inspect" {
            &["app", verb, "."]
        } else {
            &["app", verb]
        };
        let output = synod(dir.path(), args);
        assert_eq!(output.status.code(), Some(1), "{verb}");
        assert!(stderr(&output).contains("mops"), "{}", stderr(&output));
    }
}

#[test]
fn missing_tool_is_named_with_how_to_get_it() {
    let empty = tempfile::tempdir().unwrap();
    for (lang, tool) in [("rust", "cargo"), ("js", "npm"), ("python", "python3")] {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            synod(dir.path(), &["app", "new", "--lang", lang, "x"])
                .status
                .code(),
            Some(0)
        );
        let output = command(&dir.path().join("x"), ["app", "build"])
            .env("PATH", empty.path())
            .env_remove("CARGO")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{lang}");
        let said = stderr(&output);
        assert!(
            said.contains(&format!("`{tool}` is missing")) && said.contains("hint: install"),
            "{said}"
        );
    }
}

#[test]
fn new_app_replaces_nothing_and_takes_proper_names_only() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| synod(dir.path(), &["app", "new", "--lang", "rust", name]);
    assert_eq!(make("notes").status.code(), Some(0));
    assert!(dir.path().join("notes/synod-app/src/lib.rs").exists());
    let again = make("notes");
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stderr(&again).contains("already exists"),
        "{}",
        stderr(&again)
    );
    for name in ["Notes", "1st", "a b", "../up", "", "a.b"] {
        assert_eq!(make(name).status.code(), Some(1), "{name:?}");
    }
}

#[test]
fn inspection_says_what_a_component_can_do_and_refuses_what_is_not_allowed() {
    let dir = app(GOOD);
    let all = synod(dir.path(), &["app", "inspect", ".", "--json"]);
    assert_eq!(all.status.code(), Some(0), "{}", stderr(&all));
    let cannot = json(&all)["cannot"].to_string();
    assert!(
        cannot.contains("network") && cannot.contains("clock"),
        "{cannot}"
    );

    let narrow = ["app", "inspect", "kv.wasm", "--allow", "maps,map-writes"];
    let output = synod(dir.path(), &narrow);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(
        said.contains("random") && said.contains("log") && !said.contains("app/maps"),
        "{said}"
    );
}

#[test]
fn component_that_imports_more_than_its_manifest_admits_is_refused_by_name() {
    let dir = app(GOOD);
    let manifest = MANIFEST.replace(", \"random\", \"log\"", "");
    std::fs::write(dir.path().join("app.toml"), manifest).unwrap();
    let output = synod(dir.path(), &["app", "inspect", "."]);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(said.contains("random") && said.contains("log"), "{said}");
}

#[test]
fn what_is_no_component_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.wasm"), "hello").unwrap();
    std::fs::write(dir.path().join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    for file in ["x.wasm", "core.wasm"] {
        let output = synod(dir.path(), &["app", "inspect", file]);
        assert_eq!(output.status.code(), Some(3), "{file}");
    }
    let address = synod(dir.path(), &["app", "inspect", "https://127.0.0.1:9/notes"]);
    assert_eq!(address.status.code(), Some(1), "{}", stderr(&address));
}

#[test]
fn tour_with_a_folder_that_is_no_app_ends_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    let output = synod(dir.path(), &["up", "--once", "--app", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("app.toml") && !dir.path().join(".synod").exists());
}

#[test]
fn help_of_apps_names_every_verb() {
    let dir = tempfile::tempdir().unwrap();
    let output = synod(dir.path(), &["app", "--help"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let verbs: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        verbs,
        [
            "new", "build", "test", "inspect", "set", "remove", "list", "call", "logs", "help"
        ]
    );
}
