//! Three hospitals, 569 patients: what is released is what plain Python computes of the same rows, exactly with noise
//! off, and within the stated bound with noise on.
//!
//! The rows are those of the repository's example data. Where they are not there, as in an app that was copied out of
//! it, these tests say that they are skipped.

mod room;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use room::Room;
use serde_json::{Value, json};

const OWNERS: [&str; 3] = ["amstel", "meuse", "scheldt"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/breast")
}

fn kept(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).expect("the file is part of the test");
    serde_json::from_str(&text).expect("it is JSON")
}

fn patients() -> Option<PathBuf> {
    let path = folder().join("../../../../examples/data/breast_cancer.csv");
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: `{}` is not there", path.display());
    None
}

/// The upload of each hospital: every third patient is its own.
fn uploads(path: &Path) -> [String; 3] {
    let text = fs::read_to_string(path).expect("the file can be read");
    let mut uploads = [(); 3].map(|()| String::from("radius,texture,area,concavity,diagnosis\n"));
    for (number, line) in text.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let diagnosis = ["malignant", "benign"][usize::from(cells[30] == "1")];
        let row = [cells[0], cells[1], cells[3], cells[6], diagnosis].join(",");
        uploads[number % 3].push_str(&(row + "\n"));
    }
    uploads
}

fn filled(terms: &Value) -> Option<Room> {
    let mut room = Room::of(terms);
    for (owner, upload) in OWNERS.iter().zip(uploads(&patients()?)) {
        assert_eq!(room.upload(owner, &upload).0, 201);
        assert_eq!(room.seal(owner).0, 200);
    }
    Some(room)
}

#[test]
fn exact_answers_are_those_of_plain_python() {
    let Some(mut room) = filled(&kept("terms.json")) else {
        return;
    };
    for (query, expected) in kept("queries.json")
        .as_array()
        .unwrap()
        .iter()
        .zip(kept("expected.json").as_array().unwrap())
    {
        let (status, answer) = room.answer("ines", &OWNERS, query);
        assert_eq!((status, &answer["cells"]), (201, expected), "{query}");
        assert_eq!(answer.get("noise"), None);
    }
}

#[test]
fn kept_expectations_are_what_the_script_prints() {
    let Some(path) = patients() else { return };
    let Ok(run) = Command::new("python3")
        .arg(folder().join("plain.py"))
        .arg(path)
        .output()
    else {
        eprintln!("SKIPPED: `python3` is not there");
        return;
    };
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let printed: Value = serde_json::from_slice(&run.stdout).expect("the script prints JSON");
    assert_eq!(printed, kept("expected.json"));
}

#[test]
fn noisy_answers_are_within_the_stated_bound_of_plain_python() {
    let mut terms = kept("terms.json");
    terms["noise"] = json!("on");
    terms["group_min"] = json!(2);
    terms["owners"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|owner| owner["milli_epsilon"] = json!(7000));
    let Some(mut room) = filled(&terms) else {
        return;
    };
    let (mut compared, mut different) = (0, 0);
    for (query, expected) in kept("queries.json")
        .as_array()
        .unwrap()
        .iter()
        .zip(kept("expected.json").as_array().unwrap())
    {
        let mut query = query.clone();
        query["milli_epsilon"] = json!(1000);
        let (status, answer) = room.answer("ines", &OWNERS, &query);
        assert_eq!(status, 201, "{answer}");
        for (cell, exact) in answer["cells"]
            .as_array()
            .unwrap()
            .iter()
            .zip(expected.as_array().unwrap())
        {
            for (field, within) in [("count", "count_within"), ("sum", "sum_within")] {
                if let (Some(noisy), Some(exact)) = (cell.get(field), exact.get(field)) {
                    let (noisy, exact, within) = (
                        number(noisy),
                        number(exact),
                        number(&answer["noise"][within]),
                    );
                    assert!(
                        (noisy - exact).abs() <= within,
                        "{query}: {noisy} is not {exact} within {within}"
                    );
                    compared += 1;
                    different += u32::from((noisy - exact).abs() > 1e-9);
                }
            }
        }
    }
    assert!(
        compared >= 17 && different > compared / 2,
        "{different} of {compared} differ"
    );
    let (_, study) = room.ask("ines", "GET", "", &Value::Null);
    assert!(
        study["owners"]
            .as_array()
            .unwrap()
            .iter()
            .all(|owner| owner["spent_milli_epsilon"] == 7000)
    );
    let more = json!({"purpose": "one more", "compute": "count", "milli_epsilon": 1});
    assert_eq!(
        room::code(&room.answer("ines", &OWNERS, &more)),
        "budget_exhausted"
    );
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}
