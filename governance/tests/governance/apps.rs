//! How apps are set, come into force or fail, and are removed.

use synod_attestation::Tee;
use synod_crypto::{Digest, sha256};
use synod_governance::app::{
    APPS_MAX, AppManifestError, AppName, AppRecord, AppStatus, CHUNK_BYTES, COMPONENT_BYTES_MAX,
    Compiled, CompiledStatement, Deploy, DeployStep, OPENAPI_BYTES_MAX, chunk_key, component_map,
    map_in_store,
};
use synod_governance::{Act, Action, Input, Malformed, Mismatch, Refusal, map, recompute};
use synod_kv::{MapName, Read, WriteSet};

use crate::network::{Network, Node};
use crate::recompute::expect_every_falsification_noticed;

/// Nodes 1, 2 and 3 of [`Network::of_three`].
fn node(id: u64) -> Node {
    match id {
        1 => Node::new(101, Tee::SevSnp),
        2 => Node::new(102, Tee::Tdx),
        _ => Node::new(103, Tee::Nitro),
    }
}

fn app(name: &str) -> AppName {
    AppName::new(name).expect("a name")
}

fn component(version: u8) -> Digest {
    sha256(&[&[version]])
}

/// An app of two chunks.
fn set(name: &str, version: u8) -> Act {
    Act::SetApp {
        manifest: format!("name = \"{name}\"\nversion = \"{version}\"\n[maps]\nprivate = [\"a\"]"),
        component: component(version),
        size: CHUNK_BYTES as u64 + 1,
        chunks: vec![
            sha256(&[b"chunk 0", &[version]]),
            sha256(&[b"chunk 1", &[version]]),
        ],
        openapi: None,
    }
}

/// One input of each kind, for whoever breaks them.
pub(crate) fn samples(network: &Network) -> Vec<Input> {
    vec![
        network.signed(set("bank", 1), &[1]),
        network.signed(Act::RemoveApp { name: app("bank") }, &[1]),
        activation(1, vec![says(network, 1, 1, 1)]),
        failure(1, "digest"),
        step("bank", DeployStep::Swept),
    ]
}

/// The act with one of its parts changed.
fn set_with(
    change: impl FnOnce(&mut String, &mut u64, &mut Vec<Digest>, &mut Option<String>),
) -> Act {
    let Act::SetApp {
        mut manifest,
        component,
        mut size,
        mut chunks,
        mut openapi,
    } = set("bank", 1)
    else {
        unreachable!("an app is set");
    };
    change(&mut manifest, &mut size, &mut chunks, &mut openapi);
    Act::SetApp {
        manifest,
        component,
        size,
        chunks,
        openapi,
    }
}

fn refused(network: &Network, act: Act) -> Refusal {
    network.refused(&network.signed(act, &[1, 3]))
}

fn record(network: &Network, name: &str) -> Option<AppRecord> {
    network
        .view(|view| view.app(&app(name)))
        .expect("sound state")
}

fn says(network: &Network, id: u64, number: u64, version: u8) -> Compiled {
    let statement = CompiledStatement {
        network: network.id,
        name: app("bank"),
        number,
        component: component(version),
    };
    statement.sign(id, &node(id).identity)
}

fn step(name: &str, step: DeployStep) -> Input {
    Input::Deploy(Deploy {
        name: app(name),
        step,
    })
}

fn activation(number: u64, compiled: Vec<Compiled>) -> Input {
    step("bank", DeployStep::Activate { number, compiled })
}

fn failure(number: u64, code: &str) -> Input {
    let code = code.to_owned();
    step("bank", DeployStep::Fail { number, code })
}

/// Brings version `number` into force, compiled by replicas 1 and 3.
fn activate(network: &mut Network, number: u64, version: u8) {
    let compiled = vec![
        says(network, 1, number, version),
        says(network, 3, number, version),
    ];
    network
        .execute(&activation(number, compiled))
        .expect("a quorum compiled it");
}

/// A network with an app `bank` whose version 1 answers.
fn with_bank() -> Network {
    let mut network = Network::of_three();
    network.act(set("bank", 1)).expect("an app is set");
    activate(&mut network, 1, 1);
    network
}

#[test]
fn an_app_comes_into_force_once_a_quorum_compiled_it() {
    let mut network = Network::of_three();
    network.act(set("bank", 1)).expect("an app is set");
    let pending = record(&network, "bank").expect("a record");
    assert_eq!((pending.active, pending.status), (None, AppStatus::Set));
    let version = pending.pending.expect("a version on its way");
    assert_eq!((version.number, version.component), (1, component(1)));
    activate(&mut network, 1, 1);
    let active = record(&network, "bank").expect("a record");
    assert_eq!(active.active, Some(version));
    assert_eq!((active.pending, active.failed), (None, None));
}

#[test]
fn an_upgrade_takes_the_place_of_the_version_before() {
    let mut network = with_bank();
    network.act(set("bank", 2)).expect("another version");
    let both = record(&network, "bank").expect("a record");
    assert_eq!(both.active.map(|version| version.number), Some(1));
    assert_eq!(both.pending.map(|version| version.number), Some(2));
    activate(&mut network, 2, 2);
    let after = record(&network, "bank").expect("a record");
    assert_eq!(after.active.map(|version| version.number), Some(2));
    assert_eq!(after.pending, None);
}

#[test]
fn a_version_text_need_not_rise_but_its_number_does() {
    let mut network = with_bank();
    network.act(set("bank", 1)).expect("the same text again");
    let record = record(&network, "bank").expect("a record");
    assert_eq!(record.pending.map(|version| version.number), Some(2));
}

#[test]
fn activation_needs_a_quorum_of_voters_who_each_signed_for_themselves() {
    let mut network = Network::of_three();
    network.act(set("bank", 1)).expect("an app is set");
    let by = |id| says(&network, id, 1, 1);
    let refused = |compiled| network.refused(&activation(1, compiled));
    let few = |found| Refusal::TooFewCompiled { found, needed: 2 };
    assert_eq!(refused(vec![]), few(0));
    assert_eq!(refused(vec![by(2)]), few(1));
    assert_eq!(
        refused(vec![by(2), by(2)]),
        Refusal::SignersNotRising { id: 2 }
    );
    assert_eq!(
        refused(vec![by(2), by(1)]),
        Refusal::SignersNotRising { id: 1 }
    );
    let stranger = Compiled {
        replica: 9,
        ..by(1)
    };
    assert_eq!(refused(vec![by(1), stranger]), Refusal::NotAVoter { id: 9 });
    let borrowed = Compiled {
        replica: 3,
        ..by(2)
    };
    assert_eq!(
        refused(vec![by(2), borrowed]),
        Refusal::CompiledSignature { id: 3 }
    );
    let another_component = says(&network, 3, 1, 2);
    assert_eq!(
        refused(vec![by(2), another_component]),
        Refusal::CompiledSignature { id: 3 }
    );
    let another_number = says(&network, 3, 2, 1);
    assert_eq!(
        refused(vec![by(2), another_number]),
        Refusal::CompiledSignature { id: 3 }
    );
    let mut elsewhere = Network::of_three();
    elsewhere.id = sha256(&[b"another network"]);
    let another_network = says(&elsewhere, 3, 1, 1);
    assert_eq!(
        refused(vec![by(2), another_network]),
        Refusal::CompiledSignature { id: 3 }
    );
    assert!(
        network
            .writes(&activation(1, vec![by(1), by(2), by(3)]))
            .is_ok()
    );
}

#[test]
fn a_learner_s_word_does_not_count() {
    let mut network = Network::founded();
    network.add_voter(&node(2));
    network.add_learner(&node(3));
    network.act(set("bank", 1)).expect("an app is set");
    let compiled = vec![says(&network, 1, 1, 1), says(&network, 3, 1, 1)];
    assert_eq!(
        network.refused(&activation(1, compiled)),
        Refusal::NotAVoter { id: 3 }
    );
}

#[test]
fn no_version_comes_into_force_while_the_voters_change() {
    let mut network = Network::of_three();
    network.act(set("bank", 1)).expect("an app is set");
    network.configuration -= 1;
    let compiled = vec![says(&network, 1, 1, 1), says(&network, 3, 1, 1)];
    let refusal = network.refused(&activation(1, compiled));
    assert!(matches!(refusal, Refusal::ChangeInFlight { .. }));
    assert!(refusal.is_transient());
}

#[test]
fn only_the_version_on_its_way_comes_into_force_or_fails() {
    let mut network = with_bank();
    let name = app("bank");
    let not = |number| Refusal::NotPending {
        name: name.clone(),
        number,
    };
    assert_eq!(network.refused(&activation(1, vec![])), not(1));
    assert_eq!(network.refused(&failure(1, "digest")), not(1));
    network.act(set("bank", 2)).expect("another version");
    network.act(set("bank", 3)).expect("one in its place");
    assert_eq!(network.refused(&activation(2, vec![])), not(2));
    assert_eq!(network.refused(&activation(4, vec![])), not(4));
    let stranger = step("shop", DeployStep::Swept);
    assert_eq!(
        network.refused(&stranger),
        Refusal::AppNotFound(app("shop"))
    );
}

#[test]
fn a_failed_version_leaves_the_one_before_untouched() {
    let mut network = with_bank();
    let before = record(&network, "bank").expect("a record");
    network.act(set("bank", 2)).expect("another version");
    network
        .execute(&failure(2, "migrate-trapped"))
        .expect("it failed");
    let after = record(&network, "bank").expect("a record");
    assert_eq!(after.active, before.active);
    assert_eq!(after.pending, None);
    let failed = after.failed.expect("a failure");
    assert_eq!(
        (failed.number, failed.code.as_str()),
        (2, "migrate-trapped")
    );
    network.act(set("bank", 3)).expect("another one");
    assert_eq!(record(&network, "bank").expect("a record").failed, None);
}

#[test]
fn the_code_of_a_failure_is_short_and_plain() {
    let mut network = Network::of_three();
    network.act(set("bank", 1)).expect("an app is set");
    for bad in ["", "Digest", "init trapped", "secret: 42", &"a".repeat(33)] {
        let refusal = network.refused(&failure(1, bad));
        assert_eq!(refusal, Refusal::FailureCode(bad.to_owned()), "{bad}");
    }
    assert!(network.writes(&failure(1, &"a".repeat(32))).is_ok());
}

#[test]
fn a_removed_name_is_free_once_its_rows_are_gone_and_its_numbers_go_on() {
    let mut network = with_bank();
    assert_eq!(
        network.refused(&step("bank", DeployStep::Swept)),
        Refusal::AppNotRemoving(app("bank"))
    );
    network
        .act(Act::RemoveApp { name: app("bank") })
        .expect("it is removed");
    let gone = record(&network, "bank").expect("a record");
    assert_eq!(gone.status, AppStatus::Removing);
    assert_eq!((gone.active, gone.pending), (None, None));
    let removing = Refusal::AppRemoving(app("bank"));
    assert_eq!(refused(&network, set("bank", 2)), removing);
    assert_eq!(
        refused(&network, Act::RemoveApp { name: app("bank") }),
        removing
    );
    network
        .execute(&step("bank", DeployStep::Swept))
        .expect("nothing is left");
    assert_eq!(record(&network, "bank"), None);
    let unknown = Refusal::AppNotFound(app("bank"));
    assert_eq!(
        refused(&network, Act::RemoveApp { name: app("bank") }),
        unknown
    );
    network.act(set("bank", 2)).expect("the name is free");
    let again = record(&network, "bank").expect("a record");
    assert_eq!(again.pending.map(|version| version.number), Some(2));
}

#[test]
fn what_the_members_sign_is_checked_before_it_is_recorded() {
    let network = Network::of_three();
    let unknown_import =
        set_with(|manifest, _, _, _| *manifest = format!("imports = [\"sockets\"]\n{manifest}"));
    assert_eq!(
        refused(&network, unknown_import),
        Refusal::AppManifest(AppManifestError::Import("sockets".to_owned()))
    );
    let malformed = set_with(|manifest, _, _, _| manifest.push_str("\nx"));
    let refusal = refused(&network, malformed);
    assert!(matches!(
        refusal,
        Refusal::AppManifest(AppManifestError::Malformed(_))
    ));
    assert_eq!(refusal.code(), "bad-app-manifest");
    let max = COMPONENT_BYTES_MAX;
    for size in [0, max + 1, u64::MAX] {
        let refusal = refused(&network, set_with(|_, found, _, _| *found = size));
        assert_eq!(refusal, Refusal::ComponentSize { size, max });
    }
    for (size, needed) in [
        (CHUNK_BYTES as u64, 1),
        (2 * CHUNK_BYTES as u64 + 1, 3),
        (max, 64),
    ] {
        let refusal = refused(&network, set_with(|_, found, _, _| *found = size));
        assert_eq!(refusal, Refusal::ComponentChunks { found: 2, needed });
    }
    let long = OPENAPI_BYTES_MAX + 1;
    let refusal = refused(
        &network,
        set_with(|_, _, _, openapi| *openapi = Some(" ".repeat(long))),
    );
    assert_eq!(refusal, Refusal::OpenapiTooLong(long));
    let gone = refused(&network, Act::RemoveApp { name: app("bank") });
    assert_eq!(gone, Refusal::AppNotFound(app("bank")));
}

#[test]
fn the_largest_app_that_is_allowed_fits_an_action_with_many_signatures() {
    let mut network = Network::of_three();
    let largest = set_with(|manifest, size, chunks, openapi| {
        manifest.push_str("\n#");
        manifest.push_str(&"x".repeat(16 * 1024 - manifest.len()));
        *size = COMPONENT_BYTES_MAX;
        *chunks = vec![component(1); 64];
        *openapi = Some(" ".repeat(OPENAPI_BYTES_MAX));
    });
    let input = network.signed(largest, &[1, 2, 3]);
    assert_eq!(Input::decode(&input.encode()).as_ref(), Ok(&input));
    let Input::Action(signed) = &input else {
        unreachable!("members act");
    };
    assert!(synod_governance::SignedAction::decode(&signed.encode()).is_ok());
    network.execute(&input).expect("the largest app is set");
}

#[test]
fn apps_are_bounded_in_number() {
    let mut network = Network::of_three();
    for number in 0..APPS_MAX {
        network
            .act(set(&format!("app-{number}"), 1))
            .expect("an app is set");
    }
    assert_eq!(
        refused(&network, set("bank", 1)),
        Refusal::TooManyApps(APPS_MAX)
    );
    network
        .act(set("app-0", 2))
        .expect("a version of one that stands");
}

#[test]
fn members_decide_and_nobody_else() {
    let network = Network::of_three();
    let refusal = network.refused(&network.signed(set("bank", 1), &[1]));
    assert!(matches!(refusal, Refusal::Signatures(_)));
    let mut action = network.action(set("bank", 1));
    action.sequence += 1;
    let bytes = action.encode();
    assert_eq!(Action::decode(&bytes), Ok(action));
}

#[test]
fn a_digest_of_another_length_does_not_decode() {
    let network = Network::of_three();
    let bytes = network.action(set("bank", 1)).encode();
    let at = bytes
        .windows(34)
        .position(|window| {
            window[..2] == [0x58, 0x20] && window[2..] == component(1).as_bytes()[..]
        })
        .expect("the component's digest");
    let mut short = bytes.clone();
    short[at + 1] = 0x1f;
    short.remove(at + 2);
    assert_eq!(Action::decode(&short), Err(Malformed::Shape));
}

#[test]
fn chunks_go_with_their_version() {
    let mut network = Network::of_three();
    let chunks = component_map(&app("bank"));
    let put = |network: &mut Network, number: u64| {
        let mut writes = WriteSet::new();
        for index in 0..2 {
            let key = chunk_key(number, index).to_vec();
            writes.put(&chunks, key, vec![1]).expect("within limits");
        }
        network.store.apply(network.store.head() + 1, &writes);
    };
    let numbers = |network: &Network| {
        let snapshot = network
            .store
            .snapshot(network.store.head())
            .expect("the head");
        let rows = snapshot.range(&chunks, &synod_kv::KeyRange::all(), 10);
        rows.iter().map(|(key, _)| key[7]).collect::<Vec<_>>()
    };
    network.act(set("bank", 1)).expect("an app is set");
    put(&mut network, 1);
    activate(&mut network, 1, 1);
    assert_eq!(numbers(&network), [1, 1]);
    network.act(set("bank", 2)).expect("another version");
    put(&mut network, 2);
    network.act(set("bank", 3)).expect("one in its place");
    assert_eq!(
        numbers(&network),
        [1, 1],
        "replaced before it came into force"
    );
    put(&mut network, 3);
    network.execute(&failure(3, "digest")).expect("it failed");
    assert_eq!(numbers(&network), [1, 1]);
    network.act(set("bank", 4)).expect("another version");
    put(&mut network, 4);
    activate(&mut network, 4, 4);
    assert_eq!(numbers(&network), [4, 4]);
    network.act(set("bank", 5)).expect("another version");
    put(&mut network, 5);
    network
        .act(Act::RemoveApp { name: app("bank") })
        .expect("it is removed");
    assert!(numbers(&network).is_empty());
}

/// The writes of version 1's activation with one more row.
fn activation_and(network: &Network, map: &MapName) -> Result<(), Mismatch> {
    let input = activation(1, vec![says(network, 1, 1, 1), says(network, 2, 1, 1)]);
    with_row(network, &input, map)
}

fn with_row(network: &Network, input: &Input, map: &MapName) -> Result<(), Mismatch> {
    let (_, mut writes) = network.writes(input).expect("a sound input");
    writes
        .put(map, &b"row"[..], &b"x"[..])
        .expect("within limits");
    recompute(&mut network.store.begin(), &writes, &network.context()).map(drop)
}

#[test]
fn activation_writes_the_maps_of_its_own_app_and_no_other() {
    let mut network = Network::of_three();
    network.act(set("bank", 1)).expect("an app is set");
    for own in ["a", "public:b"] {
        let map = map_in_store(&app("bank"), own).expect("a map");
        assert_eq!(activation_and(&network, &map), Ok(()));
    }
    let foreign = [
        "app.shop.a",
        "public:app.shop.b",
        "app.banks.a",
        "app.bank",
        "app.bank.",
        "app.bank.a.b",
        "a",
        "public:a",
        "synod.x",
        map::USERS,
        map::APPS,
        "public:app.bank:component",
        "app.bank:component",
    ];
    for name in foreign {
        let map = MapName::new(name).expect("a name");
        let extra = Mismatch::Extra {
            map: map.clone(),
            key: b"row"[..].into(),
        };
        assert_eq!(activation_and(&network, &map), Err(extra), "{name}");
    }
}

#[test]
fn other_inputs_write_no_map_of_an_app() {
    let mut network = with_bank();
    network.act(set("bank", 2)).expect("another version");
    let map = map_in_store(&app("bank"), "a").expect("a map");
    let inputs = [
        network.signed(set("bank", 3), &[1, 3]),
        network.signed(Act::RemoveApp { name: app("bank") }, &[1, 3]),
        failure(2, "digest"),
    ];
    for input in inputs {
        let found = with_row(&network, &input, &map);
        assert!(matches!(found, Err(Mismatch::Extra { .. })), "{input:?}");
    }
    network
        .act(Act::RemoveApp { name: app("bank") })
        .expect("it is removed");
    let swept = with_row(&network, &step("bank", DeployStep::Swept), &map);
    assert!(matches!(swept, Err(Mismatch::Extra { .. })));
}

#[test]
fn every_write_about_apps_is_checked() {
    let mut network = with_bank();
    expect_every_falsification_noticed(&network, &network.signed(set("shop", 1), &[1, 3]));
    network.act(set("bank", 2)).expect("another version");
    let compiled = vec![says(&network, 1, 2, 2), says(&network, 2, 2, 2)];
    expect_every_falsification_noticed(&network, &network.signed(set("bank", 3), &[1, 3]));
    expect_every_falsification_noticed(&network, &activation(2, compiled));
    expect_every_falsification_noticed(&network, &failure(2, "digest"));
    let remove = Act::RemoveApp { name: app("bank") };
    expect_every_falsification_noticed(&network, &network.signed(remove.clone(), &[1, 3]));
    network.act(remove).expect("it is removed");
    expect_every_falsification_noticed(&network, &step("bank", DeployStep::Swept));
}

/// As `spec/governance.cddl` has them.
#[test]
fn rows_and_inputs_are_drawn_to_the_byte() {
    let network = with_bank();
    let snapshot = network
        .store
        .snapshot(network.store.head())
        .expect("the head");
    let row = |map: &str, key: &[u8]| {
        let map = MapName::new(map).expect("a name");
        snapshot.get(&map, key).expect("a row").value.to_vec()
    };
    assert_eq!(row(map::APP_NUMBERS, b"bank"), [0x82, 0x02, 0x01]);
    let active = record(&network, "bank")
        .and_then(|record| record.active)
        .expect("it answers");
    let drawn = [
        &[0x82, 0x02, 0x85, 0x64][..],
        b"bank",
        &[0x87, 0x01, 0x78, active.manifest.len() as u8],
        active.manifest.as_bytes(),
        &[0x58, 0x20],
        active.component.as_bytes(),
        &[0x1a, 0x00, 0x08, 0x00, 0x01, 0x82, 0x58, 0x20],
        active.chunks[0].as_bytes(),
        &[0x58, 0x20],
        active.chunks[1].as_bytes(),
        &[0xf6, active.set_seqno as u8],
        &[0xf6, 0xf6, 0x00],
    ]
    .concat();
    assert_eq!(row(map::APPS, b"bank"), drawn);
    let signed = Compiled {
        replica: 3,
        signature: synod_crypto::Signature::from([0xab; 64]),
    };
    let drawn = [
        &[0x82, 0x02, 0x82, 0x08, 0x81, 0x82, 0x64][..],
        b"bank",
        &[0x82, 0x00, 0x82, 0x07, 0x81, 0x82, 0x03, 0x58, 0x40],
        &[0xab; 64],
    ]
    .concat();
    assert_eq!(activation(7, vec![signed]).encode(), drawn);
    let drawn = [
        &[0x82, 0x02, 0x82, 0x08, 0x81, 0x82, 0x64][..],
        b"bank",
        &[0x82, 0x01, 0x82, 0x07, 0x61, b'x'],
    ];
    assert_eq!(failure(7, "x").encode(), drawn.concat());
    let drawn = [
        &[0x82, 0x02, 0x82, 0x08, 0x81, 0x82, 0x64][..],
        b"bank",
        &[0x82, 0x02, 0x80],
    ];
    assert_eq!(step("bank", DeployStep::Swept).encode(), drawn.concat());
}
