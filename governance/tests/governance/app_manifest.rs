//! What the manifest of an app may say, and how its routes are found.

use synod_governance::app::{
    AppLimits, AppManifest, AppManifestError, AppPath, BadWatch, CallerIdentity, CallerKind,
    IMPORTS, LimitRange, NoRoute, RouteKind, Who,
};

const CLEARING: &str = r#"
name = "clearing"
version = "1.0.0"
description = "Banks settle transfers."
owner = "anna"
component = "build/clearing.wasm"
openapi = "openapi.json"
replayable = true
reuse = true
imports = ["maps", "map-writes", "caller"]
[maps]
private = ["accounts", "inbox"]
public = ["settlements"]
[[routes]]
path = "/transfers/{id}"
methods = ["POST", "PUT"]
who = ["role:bank", "member"]
[[routes]]
path = "/transfers/{id}"
who = ["user"]
[[routes]]
path = "/transfers/search"
methods = ["POST"]
who = ["user"]
kind = "read"
[[routes]]
path = "/files/{path...}"
methods = ["GET", "DELETE"]
who = ["any"]
[[watches]]
map = "inbox"
who = ["user"]
prefix = "{caller}/"
[limits]
time_ms = 10000
map_operations = 0
"#;

fn clearing() -> AppManifest {
    AppManifest::from_toml(CLEARING).expect("a manifest")
}

fn path(raw: &str) -> AppPath {
    AppPath::parse(raw).expect("a path")
}

fn user(name: &str, roles: &[&str]) -> CallerIdentity {
    CallerIdentity {
        kind: CallerKind::User,
        id: name.to_owned(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        claims: Vec::new(),
    }
}

/// The manifest with one piece of text replaced must be refused.
fn refused(from: &str, to: &str) -> AppManifestError {
    assert!(CLEARING.contains(from), "{from}");
    let text = CLEARING.replacen(from, to, 1);
    AppManifest::from_toml(&text).expect_err(&format!("{from} -> {to}"))
}

#[test]
fn a_manifest_says_what_stands_in_it() {
    let manifest = clearing();
    assert_eq!(manifest.name().as_str(), "clearing");
    assert_eq!(manifest.version(), "1.0.0");
    assert_eq!(manifest.owner(), Some("anna"));
    assert_eq!(manifest.component(), "build/clearing.wasm");
    assert_eq!(manifest.openapi(), Some("openapi.json"));
    assert!(manifest.replayable() && manifest.reuse());
    assert!(manifest.admits_import("maps") && !manifest.admits_import("random"));
    assert_eq!(manifest.limits().time_ms, 10_000);
    assert_eq!(manifest.limits().lifecycle_time_ms(), 100_000);
    assert_eq!(manifest.limits().map_operations, 0);
    assert_eq!(manifest.limits().memory_bytes, 64 << 20);
}

#[test]
fn the_shortest_manifest_allows_nothing() {
    let text = "name = \"a\"\nversion = \"1\"";
    let manifest = AppManifest::from_toml(text).expect("a manifest");
    assert!(manifest.imports().is_empty() && manifest.routes().is_empty());
    assert!(!manifest.replayable() && !manifest.reuse());
    assert_eq!(manifest.limits(), &AppLimits::default());
    assert_eq!(manifest.route("GET", &path("/")), Err(NoRoute::NotFound));
}

#[test]
fn only_declared_maps_have_names_in_the_store() {
    let manifest = clearing();
    let name = |guest: &str| manifest.map(guest).map(|map| map.as_str().to_owned());
    assert_eq!(name("accounts").as_deref(), Some("app.clearing.accounts"));
    assert_eq!(
        name("public:settlements").as_deref(),
        Some("public:app.clearing.settlements")
    );
    for other in [
        "settlements",
        "public:accounts",
        "x",
        "public:synod.users",
        "app.other.accounts",
        "",
    ] {
        assert_eq!(name(other), None, "{other}");
    }
}

#[test]
fn the_most_specific_route_takes_the_request() {
    let manifest = clearing();
    let found = manifest
        .route("POST", &path("/transfers/search"))
        .expect("a route");
    assert_eq!(found.pattern.as_str(), "/transfers/search");
    assert_eq!(found.kind, RouteKind::Read, "as the manifest says");
    let found = manifest
        .route("PUT", &path("/transfers/search"))
        .expect("a route");
    assert_eq!(found.pattern.as_str(), "/transfers/{id}");
    assert_eq!(found.kind, RouteKind::Write);
    assert_eq!(found.params, [("id".to_owned(), "search".to_owned())]);
    let found = manifest
        .route("DELETE", &path("/files/a/b"))
        .expect("a route");
    assert_eq!(found.kind, RouteKind::Write, "as the method says");
    assert_eq!(found.params, [("path".to_owned(), "a/b".to_owned())]);
    let found = manifest
        .route("HEAD", &path("/files/a"))
        .expect("what serves GET serves HEAD");
    assert_eq!(found.kind, RouteKind::Read);
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let manifest = clearing();
    let allowed = |method: &str, raw: &str| match manifest.route(method, &path(raw)) {
        Err(NoRoute::MethodNotAllowed(allowed)) => allowed,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        allowed("DELETE", "/transfers/1"),
        ["GET", "HEAD", "POST", "PUT"]
    );
    assert_eq!(allowed("OPTIONS", "/files/a"), ["GET", "HEAD", "DELETE"]);
    assert_eq!(allowed("get", "/files/a"), ["GET", "HEAD", "DELETE"]);
    assert_eq!(
        manifest.route("GET", &path("/transfers")),
        Err(NoRoute::NotFound)
    );
    assert_eq!(
        manifest.route("GET", &path("/files")),
        Err(NoRoute::NotFound)
    );
}

#[test]
fn a_route_lets_in_whom_it_names() {
    let manifest = clearing();
    let post = manifest
        .route("POST", &path("/transfers/1"))
        .expect("a route");
    assert_eq!(post.who, [Who::Role("bank".to_owned()), Who::Member]);
    assert!(post.admits(&user("anna", &["bank"])));
    assert!(!post.admits(&user("anna", &["banker"])));
    assert!(!post.admits(&CallerIdentity::anonymous()));
    let files = manifest.route("GET", &path("/files/x")).expect("a route");
    assert!(files.admits(&CallerIdentity::anonymous()));
}

#[test]
fn rows_are_watched_by_those_whom_a_rule_names() {
    let manifest = clearing();
    assert!(manifest.admits_watch("inbox", b"anna/", &user("anna", &[])));
    assert!(!manifest.admits_watch("inbox", b"bob/", &user("anna", &[])));
    assert!(
        !manifest.admits_watch("accounts", b"anna/", &user("anna", &[])),
        "no rule"
    );
}

#[test]
fn the_digest_is_of_the_meaning() {
    let digest = |text: &str| AppManifest::from_toml(text).expect("a manifest").digest();
    let original = digest(CLEARING);
    for (from, to) in [
        ("name = ", "# a comment\nname    = "),
        ("build/clearing.wasm", "other.wasm"),
        ("\"openapi.json\"", "\"api.json\""),
        ("[\"maps\", \"map-writes\"", "[\"map-writes\", \"maps\""),
        (
            "private = [\"accounts\", \"inbox\"]",
            "private = [\"inbox\", \"accounts\"]",
        ),
    ] {
        assert_eq!(digest(&CLEARING.replacen(from, to, 1)), original, "{from}");
    }
    for (from, to) in [
        ("\"clearing\"", "\"clearinh\""),
        ("1.0.0", "1.0.1"),
        ("settle", "make"),
        ("owner = \"anna\"", ""),
        ("replayable = true", ""),
        ("reuse = true", ""),
        (", \"caller\"]", "]"),
        ("\"accounts\", ", ""),
        ("[\"settlements\"]", "[]"),
        ("/transfers/search", "/transfers/find"),
        ("\"POST\", \"PUT\"", "\"POST\""),
        ("\"role:bank\", ", ""),
        ("kind = \"read\"", ""),
        ("{caller}/", "x"),
        ("time_ms = 10000", "time_ms = 9999"),
        ("map_operations = 0", "map_operations = 1"),
    ] {
        assert!(CLEARING.contains(from), "{from}");
        assert_ne!(digest(&CLEARING.replacen(from, to, 1)), original, "{from}");
    }
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for (from, to) in [
        ("reuse = true", "resue = true"),
        ("private =", "privat = []\nprivate ="),
        ("path = ", "paths = []\npath = "),
        ("map = ", "maps = []\nmap = "),
        ("time_ms = 10000", "time_s = 10"),
    ] {
        let error = refused(from, to);
        let text = error.to_string();
        let key = to.split_whitespace().next().expect("a key");
        assert!(text.contains(key), "{text}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn every_error_names_its_key() {
    for (from, to, key) in [
        ("\"clearing\"", "\"Clearing\"", "`name`"),
        ("1.0.0", "1 0", "`version`"),
        ("1.0.0", "", "`version`"),
        ("Banks", "Banks\\n", "`description`"),
        ("\"anna\"", "\"an na\"", "`owner`"),
        ("build/clearing.wasm", "../clearing.wasm", "`component`"),
        ("build/clearing.wasm", "/clearing.wasm", "`component`"),
        ("openapi.json", "", "`openapi`"),
        ("openapi.json", "a\\\\b", "`openapi`"),
        ("\"caller\"]", "\"sockets\"]", "`imports`"),
        ("\"caller\"]", "\"maps\"]", "`imports`"),
        ("\"accounts\"", "\"public:accounts\"", "`maps.private`"),
        ("\"accounts\"", "\"inbox\"", "`maps.private`"),
        ("\"settlements\"", "\"a.b\"", "`maps.public`"),
        ("/transfers/{id}", "/transfers/{id", "`routes[0].path`"),
        ("\"POST\", \"PUT\"", "\"OPTIONS\"", "`routes[0].methods`"),
        (
            "\"POST\", \"PUT\"",
            "\"POST\", \"POST\"",
            "`routes[0].methods`",
        ),
        ("\"POST\", \"PUT\"", "", "`routes[0].methods`"),
        ("role:bank", "bank", "`routes[0].who`"),
        ("\"role:bank\", \"member\"", "", "`routes[0].who`"),
        ("\"role:bank\"", "\"member\"", "`routes[0].who`"),
        ("\"POST\", \"PUT\"", "\"HEAD\"", "`routes[1].path`"),
        (
            "/transfers/search",
            "/transfers/{other}",
            "`routes[2].path`",
        ),
        (
            "map = \"inbox\"",
            "map = \"settlements\"",
            "`watches[0].map`",
        ),
        ("{caller}/", "{caller}", "`watches[0].prefix`"),
        ("time_ms = 10000", "time_ms = 10001", "`limits.time_ms`"),
        ("time_ms = 10000", "time_ms = 0", "`limits.time_ms`"),
        (
            "time_ms = 10000",
            "memory_bytes = 268435457",
            "`limits.memory_bytes`",
        ),
        (
            "time_ms = 10000",
            "request_bytes = 4194305",
            "`limits.request_bytes`",
        ),
        (
            "time_ms = 10000",
            "response_bytes = 4194305",
            "`limits.response_bytes`",
        ),
        ("time_ms = 10000", "log_lines = 1001", "`limits.log_lines`"),
        (
            "map_operations = 0",
            "map_operations = 100001",
            "`limits.map_operations`",
        ),
    ] {
        let text = refused(from, to).to_string();
        assert!(text.starts_with(key), "{to}: {text}");
    }
}

#[test]
fn what_is_not_of_the_manifest_s_shape_is_malformed() {
    for (from, to) in [
        ("name = \"clearing\"", ""),
        ("time_ms = 10000", "time_ms = -1"),
        ("kind = \"read\"", "kind = \"both\""),
        ("who = [\"any\"]", ""),
        ("name = \"clearing\"", "name = \"clearing\"\nname = \"b\""),
        ("name = ", "name = ["),
    ] {
        assert!(
            matches!(refused(from, to), AppManifestError::Malformed(_)),
            "{to}"
        );
    }
}

#[test]
fn lists_are_bounded() {
    let many = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join("\n")
    };
    let head = "name = \"a\"\nversion = \"1\"\n";
    let route = |at: usize| format!("[[routes]]\npath = \"/{at}\"\nwho = [\"any\"]");
    assert!(AppManifest::from_toml(&format!("{head}{}", many(128, &route))).is_ok());
    let error = AppManifest::from_toml(&format!("{head}{}", many(129, &route)));
    assert!(matches!(
        error,
        Err(AppManifestError::TooMany {
            found: 129,
            max: 128,
            ..
        })
    ));
    let watch = |_: usize| "[[watches]]\nmap = \"m\"\nwho = [\"any\"]".to_owned();
    let maps = "[maps]\nprivate = [\"m\"]\n";
    let error = AppManifest::from_toml(&format!("{head}{maps}{}", many(33, &watch)));
    assert!(matches!(
        error,
        Err(AppManifestError::TooMany { found: 33, .. })
    ));
    let names = (0..65)
        .map(|at| format!("\"m{at}\""))
        .collect::<Vec<_>>()
        .join(",");
    let error = AppManifest::from_toml(&format!("{head}[maps]\npublic = [{names}]"));
    assert!(matches!(
        error,
        Err(AppManifestError::TooMany { found: 65, .. })
    ));
    let long = format!("{head}#{}", "x".repeat(16 * 1024));
    assert!(matches!(
        AppManifest::from_toml(&long),
        Err(AppManifestError::TooLong(_))
    ));
}

#[test]
fn a_limit_is_told_with_its_range() {
    let error = refused("time_ms = 10000", "time_ms = 20000");
    let expected: LimitRange = AppLimits::TIME_MS;
    assert_eq!(
        error,
        AppManifestError::Limit {
            range: expected,
            found: 20_000
        }
    );
    assert_eq!(
        error.to_string(),
        "`limits.time_ms` is 20000, it must be from 1 to 10000"
    );
    let error = refused("{caller}/", "{caller}");
    assert_eq!(
        error,
        AppManifestError::Prefix {
            at: 0,
            cause: BadWatch::OpenEnd
        }
    );
    let hint = refused("\"caller\"]", "\"clock\"]").hint().expect("a hint");
    assert!(IMPORTS.iter().all(|import| hint.contains(import)), "{hint}");
}

/// Every world of `wit/app.wit` imports what a manifest can admit, and nothing else.
#[test]
fn what_can_be_admitted_is_what_the_world_offers() {
    let wit = include_str!("../../../wit/app.wit");
    let offered: std::collections::BTreeSet<_> = wit
        .lines()
        .filter_map(|line| line.trim().strip_prefix("import "))
        .map(|line| line.trim_end_matches(';'))
        .collect();
    assert_eq!(offered, IMPORTS.into_iter().collect());
}

#[test]
fn mutated_manifests_paths_and_patterns_never_panic() {
    let mut dice = crate::fuzz::Dice(7);
    for _ in 0..3_000 {
        let broken = dice.break_somewhere(CLEARING.as_bytes());
        let text = String::from_utf8_lossy(&broken);
        if let Ok(manifest) = AppManifest::from_toml(&text) {
            assert!(manifest.limits().time_ms <= AppLimits::TIME_MS.max);
        }
    }
    let manifest = clearing();
    for _ in 0..20_000 {
        let broken = dice.break_somewhere(b"/transfers/%41%c3%a4/../%2e%2e/files/a%2fb");
        let text = String::from_utf8_lossy(&broken);
        let Ok(path) = AppPath::parse(&text) else {
            continue;
        };
        for segment in path.segments() {
            assert!(!segment.is_empty() && segment != "." && segment != "..");
            assert!(!segment.contains(['/', '\\']) && !segment.chars().any(char::is_control));
        }
        let _ = manifest.route("GET", &path);
    }
}
