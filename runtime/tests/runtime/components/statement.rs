//! What is said of a component that nobody ran.

use synod_component::{Capabilities, ComponentError, inspect};
use synod_governance::app::AppManifest;

use crate::components::guest::{GET, IDENTIFY, NOW, PUT, U64, answer, app, import};

const KV: &[u8] = include_bytes!("../../fixtures/kv.wasm");

fn manifest(imports: &str, rest: &str) -> AppManifest {
    let text = format!("name = \"app\"\nversion = \"1\"\nimports = [{imports}]\n{rest}");
    AppManifest::from_toml(&text).expect("a manifest")
}

/// What the statement says it can and cannot do, as words.
fn about(said: &Capabilities) -> (Vec<&str>, Vec<&str>) {
    let can = said.can.iter().map(|statement| statement.about.as_str());
    let cannot = said.cannot.iter().map(|statement| statement.about.as_str());
    (can.collect(), cannot.collect())
}

/// What no component can do.
const NEVER: [&str; 6] = [
    "network",
    "files",
    "clock",
    "environment",
    "processes",
    "others",
];

#[test]
fn a_component_without_imports_can_do_nothing_but_answer() {
    let component = app("", &answer(200));
    let said = inspect(&component, Some(&manifest("", ""))).expect("an app");
    let (can, cannot) = about(&said);
    assert_eq!(can, ["requests"]);
    let of_imports = [
        "maps",
        "map-writes",
        "caller",
        "transaction",
        "ledger-time",
        "claims",
        "random",
        "log",
        "lifecycle",
        "memory",
    ];
    assert_eq!(cannot, [&of_imports[..], &NEVER].concat());
}

#[test]
fn each_import_moves_one_sentence_from_cannot_to_can() {
    let component = app(&import(&[GET, IDENTIFY, U64]), &answer(200));
    let said = inspect(&component, None).expect("an app");
    let (can, cannot) = about(&said);
    assert_eq!(can, ["requests", "maps", "caller", "random", "memory"]);
    let rest = [
        "map-writes",
        "transaction",
        "ledger-time",
        "claims",
        "log",
        "lifecycle",
    ];
    assert_eq!(cannot, [&rest[..], &NEVER].concat());
}

#[test]
fn a_component_that_uses_everything_still_cannot_leave_its_maps() {
    let said = inspect(KV, None).expect("an app");
    let (can, cannot) = about(&said);
    assert_eq!(cannot, NEVER);
    assert_eq!(can.len(), 11);
    assert_eq!(said.bytes, KV.len() as u64);
    assert_eq!(said.digest, synod_crypto::sha256(&[KV]).to_string());
}

#[test]
fn the_sentences_name_the_maps_and_say_which_of_them_everybody_reads() {
    let component = app(&import(&[GET, PUT]), &answer(200));
    let text = |maps: &str, about: &str| {
        let manifest = manifest(r#""maps", "map-writes""#, maps);
        let said = inspect(&component, Some(&manifest)).expect("an app");
        let sentence = said.can.into_iter().find(|can| can.about == about);
        sentence.expect("it can").text
    };
    let both = "[maps]\nprivate = [\"b\", \"a\"]\npublic = [\"p\"]";
    assert_eq!(text(both, "maps"), "read the maps a, b, public:p");
    let written = "write the maps a, b, public:p; what is in public:p everybody can read";
    assert_eq!(text(both, "map-writes"), written);
    let one = "[maps]\nprivate = [\"a\"]";
    assert_eq!(
        text(one, "map-writes"),
        "write the map a, all of them private"
    );
    assert_eq!(
        text("", "maps"),
        "read maps, but its manifest declares none"
    );
}

#[test]
fn an_instance_that_is_kept_can_remember() {
    let component = app("", &answer(200));
    let memory = |reuse: &str| {
        let said = inspect(&component, Some(&manifest("", reuse))).expect("an app");
        said.can.iter().any(|can| can.about == "memory")
    };
    assert!(memory("reuse = true") && !memory("reuse = false") && !memory(""));
}

#[test]
fn what_is_beyond_a_clients_policy_is_named() {
    let component = app(&import(&[GET, IDENTIFY, NOW]), &answer(200));
    let said = inspect(&component, None).expect("an app");
    let allowed = ["maps", "synod:app/caller@0.1.0"];
    assert_eq!(said.beyond(&allowed), ["synod:app/ledger-time@0.1.0"]);
    assert_eq!(said.beyond(&["maps", "caller", "ledger-time"]), [""; 0]);
    assert_eq!(said.beyond::<&str>(&[]).len(), 3);
    assert_eq!(said.beyond(&["synod:app/maps@0.2.0"]).len(), 3);
}

#[test]
fn a_statement_survives_json() {
    let component = app(&import(&[GET]), &answer(200));
    let manifest = manifest("\"maps\"", "");
    let said = inspect(&component, Some(&manifest)).expect("an app");
    let text = serde_json::to_string(&said).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Capabilities>(&text).expect("again"),
        said
    );
}

#[test]
fn a_manifest_that_admits_less_is_told_what_is_imported_beyond_it() {
    let component = app(&import(&[GET, IDENTIFY]), &answer(200));
    let refused = inspect(&component, Some(&manifest("\"maps\"", ""))).expect_err("too much");
    let beyond = vec!["synod:app/caller@0.1.0".to_owned()];
    assert_eq!(refused, ComponentError::NotAdmitted(beyond));
    let hint = refused.hint().expect("a hint");
    assert_eq!(hint, "admit them in app.toml: add \"caller\" to `imports`");
}
