//! The clean room, as a component: three hospitals, 569 patients, and what plain Python computes of
//! them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::apps::host::{Host, folder};

const OWNERS: [&str; 3] = ["owner:amstel", "owner:meuse", "owner:scheldt"];

fn kept(name: &str) -> Value {
    let text = fs::read_to_string(folder("cleanroom").join("tests/breast").join(name));
    serde_json::from_str(&text.expect("the file is committed")).expect("JSON")
}

/// The upload of each hospital: every third patient is its own.
fn uploads() -> Option<[String; 3]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/breast_cancer.csv");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("SKIPPED: `{}` is not there", path.display());
        return None;
    };
    let mut uploads = [(); 3].map(|()| String::from("radius,texture,area,concavity,diagnosis\n"));
    for (number, line) in text.lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let diagnosis = ["malignant", "benign"][usize::from(cells[30] == "1")];
        let row = [cells[0], cells[1], cells[3], cells[6], diagnosis].join(",");
        uploads[number % 3].push_str(&(row + "\n"));
    }
    Some(uploads)
}

/// A host with a study under these terms, filled and sealed.
fn filled(terms: &Value) -> Option<(Host, String)> {
    let uploads = uploads()?;
    let mut host = Host::of("cleanroom");
    let (status, named) = host.send("analyst:ines", "POST", "/studies", terms);
    assert_eq!(status, 201, "{named}");
    let text = |name: &str| named[name].as_str().expect("text").to_owned();
    let (study, terms) = (format!("/studies/{}", text("study")), text("terms"));
    for (owner, upload) in OWNERS.into_iter().zip(uploads) {
        let target = format!("{study}/rows?terms={terms}");
        assert_eq!(
            host.send_bytes(owner, "POST", &target, upload.into_bytes())
                .0,
            201
        );
        assert_eq!(
            host.send(
                owner,
                "POST",
                &format!("{study}/seal"),
                &json!({"terms": terms})
            )
            .0,
            200
        );
    }
    Some((host, study))
}

/// Proposes a query, has all owners approve, and runs it.
fn answer(host: &mut Host, study: &str, query: &Value) -> (u16, Value) {
    let (_, proposal) = host.send("analyst:ines", "POST", &format!("{study}/queries"), query);
    let name = format!(
        "{study}/queries/{}",
        proposal["digest"].as_str().expect("a digest")
    );
    for owner in OWNERS {
        assert_eq!(
            host.send(owner, "PUT", &format!("{name}/approval"), &Value::Null)
                .0,
            200
        );
    }
    host.send("analyst:ines", "POST", &format!("{name}/run"), &Value::Null)
}

#[test]
fn exact_answers_are_those_of_plain_python() {
    let Some((mut host, study)) = filled(&kept("terms.json")) else {
        return;
    };
    let (queries, expected) = (kept("queries.json"), kept("expected.json"));
    for (query, expected) in queries
        .as_array()
        .expect("a list")
        .iter()
        .zip(expected.as_array().expect("a list"))
    {
        let (status, answer) = answer(&mut host, &study, query);
        assert_eq!((status, &answer["cells"]), (201, expected), "{query}");
        assert_eq!(host.claims.len(), 1);
    }
}

#[test]
fn noisy_answer_is_near_and_its_price_is_debited() {
    let mut terms = kept("terms.json");
    terms["noise"] = json!("on");
    for owner in terms["owners"].as_array_mut().expect("a list") {
        owner["milli_epsilon"] = json!(1000);
    }
    let Some((mut host, study)) = filled(&terms) else {
        return;
    };
    let mut query = kept("queries.json")[0].clone();
    query["milli_epsilon"] = json!(600);
    let (status, released) = answer(&mut host, &study, &query);
    assert_eq!(
        (status, &released["noise"]["count_within"]),
        (201, &json!(12))
    );
    for (cell, exact) in released["cells"]
        .as_array()
        .expect("a list")
        .iter()
        .zip([212, 357])
    {
        assert!(
            (cell["count"].as_i64().expect("a count") - exact).abs() <= 12,
            "{released}"
        );
    }
    query["purpose"] = json!("once more");
    let (status, refused) = answer(&mut host, &study, &query);
    assert_eq!(
        (status, &refused["code"]),
        (409, &json!("budget_exhausted"))
    );
    let (_, refusals) = host.send(OWNERS[0], "GET", &format!("{study}/refusals"), &Value::Null);
    assert_eq!(
        refusals["refusals"][0]["code"], "budget_exhausted",
        "what is refused is kept"
    );
    let (_, shown) = host.send(OWNERS[1], "GET", &study, &Value::Null);
    assert_eq!(shown["owners"][1]["spent_milli_epsilon"], 600);
}

#[test]
fn largest_upload_and_a_run_over_it_are_within_the_limits() {
    let names: Vec<String> = (0..25).map(|number| format!("c{number}")).collect();
    let column = |name: &String| json!({"name": name, "kind": "integer", "min": "0", "max": "9"});
    let terms = json!({
        "title": "large", "owners": [{"id": "amstel"}], "analysts": ["ines"], "group_min": 2, "noise": "off",
        "columns": names.iter().map(column).collect::<Vec<Value>>(),
    });
    let mut host = Host::of("cleanroom");
    let (_, named) = host.send("analyst:ines", "POST", "/studies", &terms);
    let text = |name: &str| named[name].as_str().expect("text").to_owned();
    let (study, terms) = (format!("/studies/{}", text("study")), text("terms"));
    let row = vec!["7"; 25].join(",") + "\n";
    let csv = names.join(",") + "\n" + &row.repeat(20_000);
    let target = format!("{study}/rows?terms={terms}");
    for _ in 0..2 {
        assert_eq!(
            host.send_bytes(OWNERS[0], "POST", &target, csv.clone().into_bytes())
                .0,
            201
        );
    }
    assert_eq!(
        host.send_bytes(OWNERS[0], "POST", &target, csv.into_bytes())
            .1["code"],
        "too_many_rows"
    );
    assert_eq!(
        host.send(
            OWNERS[0],
            "POST",
            &format!("{study}/seal"),
            &json!({"terms": terms})
        )
        .0,
        200
    );
    let query = json!({"purpose": "all", "compute": "sum", "column": "c24"});
    let (_, proposal) = host.send("analyst:ines", "POST", &format!("{study}/queries"), &query);
    let name = format!(
        "{study}/queries/{}",
        proposal["digest"].as_str().expect("a digest")
    );
    host.send(OWNERS[0], "PUT", &format!("{name}/approval"), &Value::Null);
    let (status, answer) = host.send("analyst:ines", "POST", &format!("{name}/run"), &Value::Null);
    assert_eq!(
        (status, &answer["cells"]),
        (201, &json!([{"count": 40_000, "sum": "280000"}]))
    );
}
