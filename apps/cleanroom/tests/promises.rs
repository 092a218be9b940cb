//! What a clean room promises, through its requests. Who may send which is the host's to check, by `app.toml`.

mod room;

use room::{Room, code};
use serde_json::{Value, json};

fn terms(noise: &str) -> Value {
    let budget = |id: &str, budget: u32| {
        if noise == "on" {
            json!({"id": id, "milli_epsilon": budget})
        } else {
            json!({"id": id})
        }
    };
    json!({
        "title": "ages", "owners": [budget("a", 1000), budget("b", 700)], "analysts": ["x", "y"],
        "columns": [
            {"name": "age", "kind": "integer", "min": "0", "max": "120"},
            {"name": "sex", "kind": "category", "values": ["f", "m"]},
        ],
        "group_min": 5, "noise": noise,
    })
}

/// Two owners with 40 rows each: ages 0 to 39 and 40 to 79, the even ones `f`.
fn filled(noise: &str) -> Room {
    let mut room = Room::of(&terms(noise));
    for (owner, first) in [("a", 0), ("b", 40)] {
        let row = |age: usize| [&age.to_string(), ",", ["f", "m"][age % 2], "\n"].concat();
        let rows: String = (first..first + 40).map(row).collect();
        assert_eq!(room.upload(owner, &format!("age,sex\n{rows}")).0, 201);
        assert_eq!(room.seal(owner).0, 200);
    }
    room
}

fn count(milli_epsilon: u32) -> Value {
    json!({"purpose": "how many", "compute": "count", "milli_epsilon": milli_epsilon})
}

fn exactly(from: u32) -> Value {
    json!({"purpose": "how many", "compute": "count", "where": [{"column": "age", "from": from.to_string()}]})
}

fn spent(room: &mut Room) -> Vec<u64> {
    let (_, shown) = room.ask("x", "GET", "", &Value::Null);
    shown["owners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|owner| owner["spent_milli_epsilon"].as_u64().unwrap())
        .collect()
}

fn refusals(room: &mut Room) -> Vec<String> {
    let (status, listed) = room.ask("a", "GET", "/refusals", &Value::Null);
    assert_eq!(status, 200);
    listed["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| refusal["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn query_runs_only_when_every_owner_approved_that_very_query() {
    let mut room = filled("on");
    let (query, other) = (
        room.propose("x", &count(100)),
        room.propose("x", &count(101)),
    );
    assert_ne!(query, other);
    let run = |room: &mut Room| room.of_query("x", "POST", &query, "/run");
    assert_eq!(code(&run(&mut room)), "not_approved");
    assert_eq!(
        room.of_query("a", "PUT", &query, "/approval").1["approved_by"],
        json!(["a"])
    );
    assert_eq!(room.of_query("b", "PUT", &other, "/approval").0, 200);
    let refused = run(&mut room);
    assert_eq!(
        (code(&refused), &refused.1["title"]),
        ("not_approved", &json!("not approved by b"))
    );
    assert_eq!(room.of_query("b", "PUT", &query, "/approval").0, 200);
    assert_eq!(
        room.of_query("a", "DELETE", &query, "/approval").1["approved_by"],
        json!(["b"])
    );
    assert_eq!(code(&run(&mut room)), "not_approved");
    assert_eq!(spent(&mut room), [0, 0]);
    assert_eq!(room.of_query("a", "PUT", &query, "/approval").0, 200);
    assert_eq!(run(&mut room).0, 201);
    assert_eq!(
        code(&room.of_query("a", "DELETE", &query, "/approval")),
        "answered"
    );
    assert_eq!(refusals(&mut room), ["not_approved"; 3]);
}

#[test]
fn nothing_runs_before_all_rows_are_sealed() {
    let mut room = Room::of(&terms("on"));
    room.upload("a", "age,sex\n5,f\n");
    room.seal("a");
    let refused = room.answer("x", &["a", "b"], &count(100));
    assert_eq!(
        (code(&refused), &refused.1["title"]),
        ("not_sealed", &json!("not sealed yet: b"))
    );
    assert_eq!(refusals(&mut room), ["not_sealed"]);
}

#[test]
fn answer_is_released_once_and_costs_once() {
    let mut room = filled("on");
    let first = room.answer("x", &["a", "b"], &count(300));
    assert_eq!(first.0, 201);
    let claims = room.synod.claims().to_vec();
    let query = first.1["query"].as_str().unwrap().to_owned();
    let stored: synod_app::Map<(String, String), Vec<u8>, synod_app::Raw> =
        synod_app::Map::new("answers");
    let study = room.study.clone();
    let bytes = room
        .synod
        .run(|| stored.get((&study, &query)).expect("the answer is kept"));
    assert_eq!(
        claims,
        [synod_app::sha256(&bytes)],
        "the receipt proves the answer's bytes"
    );
    for analyst in ["x", "y"] {
        assert_eq!(
            room.of_query(analyst, "POST", &query, "/run"),
            (200, first.1.clone())
        );
    }
    assert_eq!(
        room.of_query("a", "GET", &query, "/answer"),
        (200, first.1.clone())
    );
    assert_eq!(spent(&mut room), [300, 300]);
    assert_eq!(
        room.answer("y", &["a", "b"], &count(300)).1,
        first.1,
        "the same words are the same query"
    );
}

#[test]
fn budgets_add_up_and_the_first_that_is_short_stops_all() {
    let mut room = filled("on");
    assert_eq!(room.answer("x", &["a", "b"], &count(300)).0, 201);
    assert_eq!(room.answer("x", &["a", "b"], &count(399)).0, 201);
    let refused = room.answer("x", &["a", "b"], &count(2));
    assert_eq!(
        (code(&refused), &refused.1["title"]),
        (
            "budget_exhausted",
            &json!("not enough left of the budget of b")
        )
    );
    assert_eq!(spent(&mut room), [699, 699]);
    assert_eq!(refusals(&mut room), ["budget_exhausted"]);
    assert_eq!(room.answer("x", &["a", "b"], &count(1)).0, 201);
    assert_eq!(spent(&mut room), [700, 700]);
}

#[test]
fn exact_answers_hide_small_groups_and_small_differences() {
    let mut room = filled("off");
    let cells = |answer: (u16, Value)| answer.1["cells"].clone();
    assert_eq!(
        code(&room.answer("x", &["a", "b"], &exactly(76))),
        "group_too_small"
    );
    assert_eq!(
        cells(room.answer("x", &["a", "b"], &exactly(70))),
        json!([{"count": 10}])
    );
    assert_eq!(
        code(&room.answer("x", &["a", "b"], &exactly(74))),
        "difference_too_small"
    );
    assert_eq!(
        code(&room.answer("x", &["a", "b"], &exactly(66))),
        "difference_too_small"
    );
    assert_eq!(
        cells(room.answer("x", &["a", "b"], &exactly(65))),
        json!([{"count": 15}])
    );
    assert_eq!(
        refusals(&mut room),
        [
            "group_too_small",
            "difference_too_small",
            "difference_too_small"
        ]
    );
    let mut by_sex = exactly(50);
    by_sex["by"] = json!("sex");
    by_sex["where"][0]["below"] = json!("59");
    assert_eq!(
        code(&room.answer("x", &["a", "b"], &by_sex)),
        "group_too_small",
        "5 and 4: both are hidden"
    );
    assert_eq!(spent(&mut room), [0, 0]);
}

#[test]
fn study_does_not_exist_for_whoever_takes_no_part() {
    let mut room = filled("on");
    let query = room.propose("x", &count(100));
    let study = room.study.clone();
    for (method, below) in [
        ("GET", ""),
        ("GET", "/rows"),
        ("POST", "/rows"),
        ("DELETE", "/rows"),
        ("POST", "/seal"),
        ("GET", "/queries"),
        ("POST", "/queries"),
        ("GET", "/refusals"),
    ] {
        let others = room.ask("stranger", method, below, &json!({}));
        room.study = "none".into();
        let nobodys = room.ask("stranger", method, below, &json!({}));
        room.study.clone_from(&study);
        assert_eq!((others.0, &others.1), (404, &nobodys.1), "{method} {below}");
    }
    for (method, below) in [
        ("GET", ""),
        ("PUT", "/approval"),
        ("DELETE", "/approval"),
        ("POST", "/run"),
        ("GET", "/answer"),
    ] {
        assert_eq!(room.of_query("stranger", method, &query, below).0, 404);
    }
}

#[test]
fn owners_and_analysts_do_not_do_each_others_work() {
    let mut room = filled("on");
    let query = room.propose("x", &count(100));
    for (who, method, below) in [
        ("x", "GET", "/rows"),
        ("x", "POST", "/rows"),
        ("x", "DELETE", "/rows"),
        ("x", "POST", "/seal"),
        ("a", "POST", "/queries"),
    ] {
        assert_eq!(
            code(&room.ask(who, method, below, &json!({}))),
            "forbidden",
            "{who} {method} {below}"
        );
    }
    for (who, method, below) in [
        ("x", "PUT", "/approval"),
        ("x", "DELETE", "/approval"),
        ("a", "POST", "/run"),
    ] {
        assert_eq!(
            code(&room.of_query(who, method, &query, below)),
            "forbidden"
        );
    }
}

#[test]
fn upload_with_a_bad_cell_leaves_nothing() {
    let mut room = Room::of(&terms("on"));
    let refused = room.upload("a", "age,sex\n5,f\n121,m\n");
    assert_eq!(
        (code(&refused), &refused.1["title"]),
        (
            "bad_rows",
            &json!("line 3: column `age` is not within the declared bounds")
        )
    );
    assert_eq!(
        room.ask("a", "GET", "/rows", &Value::Null).1,
        json!({"uploads": 0, "rows": 0, "sealed": false})
    );
}

#[test]
fn rows_come_under_these_terms_only_and_not_after_sealing() {
    let mut room = Room::of(&terms("on"));
    assert_eq!(
        room.upload("a", "age,sex\n5,f\n").1,
        json!({"uploads": 1, "rows": 1, "sealed": false})
    );
    assert_eq!(room.upload("a", "age,sex\n6,f\n7,m\n").1["rows"], 3);
    let terms = std::mem::replace(&mut room.terms, "0".repeat(64));
    assert_eq!(code(&room.upload("a", "age,sex\n5,f\n")), "other_terms");
    assert_eq!(code(&room.seal("a")), "other_terms");
    room.terms = terms;
    let withdraw = format!("/rows?terms={}", room.terms);
    assert_eq!(
        room.ask("a", "DELETE", &withdraw, &Value::Null).1["rows"],
        0
    );
    assert_eq!(room.upload("a", "age,sex\n8,f\n").0, 201);
    assert_eq!(room.seal("a").1["sealed"], true);
    assert_eq!(code(&room.upload("a", "age,sex\n5,f\n")), "sealed");
    assert_eq!(
        code(&room.ask("a", "DELETE", &withdraw, &Value::Null)),
        "sealed"
    );
    assert_eq!(code(&room.seal("a")), "sealed");
    assert_eq!(
        room.upload("b", "age,sex\n5,f\n").0,
        201,
        "each owner seals alone"
    );
}

#[test]
fn withdrawn_rows_are_not_counted() {
    let mut room = Room::of(&terms("off"));
    let csv = "age,sex\n".to_owned() + &"5,f\n".repeat(10);
    room.upload("a", &csv);
    let withdraw = format!("/rows?terms={}", room.terms);
    room.ask("a", "DELETE", &withdraw, &Value::Null);
    room.upload("b", &csv);
    for owner in ["a", "b"] {
        room.seal(owner);
    }
    assert_eq!(
        room.answer("x", &["a", "b"], &exactly(0)).1["cells"],
        json!([{"count": 10}])
    );
}

#[test]
fn declarer_takes_part_and_terms_make_sense() {
    let mut room = Room::of(&terms("on"));
    let shown = room.ask("a", "GET", "", &Value::Null).1;
    assert_eq!(
        (&shown["terms"], &shown["digest"]),
        (&terms("on"), &json!(room.terms))
    );
    let declare = |room: &mut Room, who: &str, terms: &Value| {
        let request = synod_app::testing::request("POST", "/studies", &[]).with_json(terms);
        room.synod
            .call::<synod_cleanroom::Cleanroom>(synod_app::testing::user(who, &[]), request)
            .status
    };
    assert_eq!(declare(&mut room, "stranger", &terms("on")), 400);
    let mut odd = terms("on");
    odd["secret"] = json!(1);
    assert_eq!(declare(&mut room, "a", &odd), 400);
    for _ in 0..100 {
        assert_eq!(declare(&mut room, "a", &terms("on")), 201);
    }
    assert_eq!(declare(&mut room, "a", &terms("on")), 409);
}

#[test]
fn query_that_makes_no_sense_is_not_put_to_the_owners() {
    let mut room = filled("on");
    for query in [
        json!({}),
        json!({"purpose": "p", "compute": "sum", "column": "sex", "milli_epsilon": 1}),
        json!({"purpose": "p", "compute": "rows"}),
    ] {
        assert!(code(&room.ask("x", "POST", "/queries", &query)).starts_with("bad_"));
    }
    let long = json!({"purpose": "p".repeat(20_000), "compute": "count", "milli_epsilon": 1});
    assert_eq!(
        code(&room.ask("x", "POST", "/queries", &long)),
        "query_too_long"
    );
    assert_eq!(
        room.ask("a", "GET", "/queries", &Value::Null).1,
        json!({"queries": [], "more": false})
    );
}

#[test]
fn refusals_are_kept_up_to_a_bound_the_newest_first_to_stay() {
    let mut room = Room::of(&terms("on"));
    let query = room.propose("x", &count(100));
    for _ in 0..1003 {
        room.of_query("x", "POST", &query, "/run");
    }
    let (_, listed) = room.ask("a", "GET", "/refusals", &Value::Null);
    assert_eq!(
        (&listed["refusals"][0]["number"], &listed["more"]),
        (&json!(4), &json!(true))
    );
    let (_, rest) = room.ask("a", "GET", "/refusals?after=1000", &Value::Null);
    assert_eq!(rest["refusals"].as_array().unwrap().len(), 3);
}
