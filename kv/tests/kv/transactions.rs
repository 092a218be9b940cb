//! What optimistic transactions promise: own writes are seen, changes are noticed.

use synod_kv::{Bytes, Conflict, KeyRange, MapName, OWN_WRITE, OutOfWindow, Store, WriteSet};

fn map(name: &str) -> MapName {
    MapName::new(name).expect("valid name")
}

fn put(store: &mut Store, key: &'static str, value: &'static str) {
    let mut writes = WriteSet::new();
    writes.put(&map("m"), key, value).expect("within limits");
    store.apply(store.head() + 1, &writes);
}

fn delete(store: &mut Store, key: &'static str) {
    let mut writes = WriteSet::new();
    writes.delete(&map("m"), key).expect("within limits");
    store.apply(store.head() + 1, &writes);
}

fn store_with(keys: &[&'static str]) -> Store {
    let mut store = Store::new();
    for key in keys {
        put(&mut store, key, "v");
    }
    store
}

fn range_conflict() -> Result<(), Conflict> {
    Err(Conflict::Range { map: map("m") })
}

#[test]
fn own_writes_hide_the_snapshot() {
    let store = store_with(&["a", "b"]);
    let mut transaction = store.begin();
    transaction
        .put(&map("m"), "a", "new")
        .expect("within limits");
    transaction.delete(&map("m"), "b").expect("within limits");
    let own = transaction.get(&map("m"), b"a").expect("own write");
    assert_eq!((own.value.as_ref(), own.version), (&b"new"[..], OWN_WRITE));
    assert_eq!(transaction.get(&map("m"), b"b"), None);
    assert_eq!(transaction.range(&map("m"), &KeyRange::all(), 10).len(), 1);
}

#[test]
fn blind_writes_conflict_with_nothing() {
    let mut store = store_with(&["a"]);
    let mut transaction = store.begin();
    transaction
        .put(&map("m"), "a", "new")
        .expect("within limits");
    transaction.get(&map("m"), b"a");
    let (reads, _) = transaction.finish();
    assert!(reads.is_empty());
    put(&mut store, "a", "other");
    assert_eq!(store.validate(&reads), Ok(()));
}

#[test]
fn a_read_key_that_is_written_again_conflicts() {
    let mut store = store_with(&["a", "b"]);
    let transaction = store.begin();
    transaction.get(&map("m"), b"a");
    let (reads, _) = transaction.finish();
    put(&mut store, "b", "unrelated");
    assert_eq!(store.validate(&reads), Ok(()));
    put(&mut store, "a", "v");
    assert_eq!(
        store.validate(&reads),
        Err(Conflict::Key {
            map: map("m"),
            key: Bytes::from_static(b"a")
        })
    );
}

#[test]
fn an_absent_key_that_appears_conflicts() {
    let mut store = store_with(&[]);
    let transaction = store.begin();
    transaction.get(&map("m"), b"a");
    let (reads, _) = transaction.finish();
    put(&mut store, "a", "v");
    assert!(store.validate(&reads).is_err());
    delete(&mut store, "a");
    assert_eq!(
        store.validate(&reads),
        Ok(()),
        "absent again is what was read"
    );
}

#[test]
fn a_phantom_in_a_read_range_conflicts() {
    let mut store = store_with(&["k1", "k3"]);
    let transaction = store.begin();
    transaction.range(&map("m"), &KeyRange::prefix(b"k"), 10);
    let (reads, _) = transaction.finish();
    put(&mut store, "j", "outside");
    assert_eq!(store.validate(&reads), Ok(()));
    put(&mut store, "k2", "phantom");
    assert_eq!(store.validate(&reads), range_conflict());
}

#[test]
fn a_phantom_in_an_empty_range_conflicts() {
    let mut store = store_with(&[]);
    let transaction = store.begin();
    assert!(
        transaction
            .range(&map("m"), &KeyRange::all(), 10)
            .is_empty()
    );
    let (reads, _) = transaction.finish();
    put(&mut store, "a", "phantom");
    assert_eq!(store.validate(&reads), range_conflict());
}

#[test]
fn a_key_that_vanishes_from_a_read_range_conflicts() {
    let mut store = store_with(&["k1", "k2"]);
    let transaction = store.begin();
    transaction.range(&map("m"), &KeyRange::all(), 10);
    let (reads, _) = transaction.finish();
    delete(&mut store, "k2");
    assert_eq!(store.validate(&reads), range_conflict());
}

#[test]
fn a_limited_range_read_ignores_what_lies_beyond_its_last_key() {
    let mut store = store_with(&["k1", "k2", "k3"]);
    let transaction = store.begin();
    assert_eq!(transaction.range(&map("m"), &KeyRange::all(), 2).len(), 2);
    let (reads, _) = transaction.finish();
    put(&mut store, "k3", "beyond");
    put(&mut store, "k4", "beyond");
    assert_eq!(store.validate(&reads), Ok(()));
    put(&mut store, "k15", "phantom");
    assert_eq!(store.validate(&reads), range_conflict());
}

#[test]
fn a_rollback_conflicts_even_when_the_same_seqno_is_reached_again() {
    let mut store = store_with(&["a", "b"]);
    let transaction = store.begin();
    transaction.get(&map("m"), b"b");
    let (reads, _) = transaction.finish();
    store.rollback(1).expect("within the window");
    put(&mut store, "b", "another history");
    assert_eq!(store.validate(&reads), Err(Conflict::RolledBack));
}

#[test]
fn newest_version_read_covers_keys_and_ranges() {
    let store = store_with(&["a", "b", "c"]);
    let transaction = store.begin();
    transaction.get(&map("m"), b"a");
    transaction.get(&map("m"), b"absent");
    transaction.range(&map("m"), &KeyRange::prefix(b"b"), 1);
    assert_eq!(transaction.finish().0.newest_version(), 2);
}

#[test]
fn states_outside_the_window_are_refused() {
    let mut store = store_with(&["a", "b", "c"]);
    store.compact(2);
    let compacted = OutOfWindow::Compacted { asked: 1, floor: 2 };
    assert_eq!(store.snapshot(1).err(), Some(compacted));
    assert_eq!(store.begin_at(1).err(), Some(compacted));
    assert_eq!(store.rollback(1), Err(compacted));
    let ahead = OutOfWindow::Ahead { asked: 4, head: 3 };
    assert_eq!(store.snapshot(4).err(), Some(ahead));
    assert_eq!(store.rollback(4), Err(ahead));
    assert!(store.snapshot(2).is_ok());
}

#[test]
#[should_panic(expected = "without gaps")]
fn applying_past_a_gap_is_a_fault_of_our_own() {
    store_with(&["a"]).apply(3, &WriteSet::new());
}

#[test]
fn a_paused_transaction_goes_on_where_it_was() {
    let mut store = store_with(&["a", "b"]);
    let mut transaction = store.begin();
    transaction.get(&map("m"), b"a");
    transaction
        .put(&map("m"), "own", "write")
        .expect("within limits");
    let mut paused = transaction.pause();
    paused.put(&map("m"), "more", "").expect("within limits");
    put(&mut store, "b", "newer");

    let transaction = store.resume(paused).expect("its snapshot is at hand");
    assert_eq!(transaction.snapshot(), 2);
    let seen = transaction.range(&map("m"), &KeyRange::all(), 10);
    let versions: Vec<u64> = seen.iter().map(|(_, found)| found.version).collect();
    assert_eq!(versions, [1, 2, OWN_WRITE, OWN_WRITE]);
    let (reads, writes) = transaction.pause().finish();
    assert_eq!(writes.len(), 2);
    assert!(store.validate(&reads).is_err(), "b was read and is newer");
}

#[test]
fn a_paused_transaction_is_lost_with_its_snapshot() {
    let mut store = store_with(&["a", "b"]);
    let compacted = store.begin_at(1).expect("within the window").pause();
    store.compact(2);
    let floor = OutOfWindow::Compacted { asked: 1, floor: 2 };
    assert_eq!(store.resume(compacted).err(), Some(floor));

    put(&mut store, "c", "one history");
    let rolled_back = store.begin().pause();
    store.rollback(2).expect("within the window");
    put(&mut store, "c", "another");
    let lost = store.resume(rolled_back).err();
    assert_eq!(lost, Some(OutOfWindow::RolledBack));
}

#[test]
fn halves_encode_as_the_parts_of_a_split_do() {
    let mut writes = WriteSet::new();
    for name in ["a", "public:b", "public:c", "z"] {
        writes.put(&map(name), "k", "v").expect("within limits");
        writes.delete(&map(name), "gone").expect("within limits");
    }
    let halves = writes.encode_halves();
    let (public, private) = writes.split();
    assert_eq!(halves, (public.encode(), private.encode()));
}

#[test]
fn a_map_is_named_until_nothing_of_it_can_be_seen() {
    let mut store = store_with(&["a", "b"]);
    let names = |store: &Store| store.map_names().cloned().collect::<Vec<_>>();
    assert_eq!(names(&store), [map("m")]);
    delete(&mut store, "a");
    delete(&mut store, "b");
    assert_eq!(names(&store), [map("m")], "older states still show it");
    store.compact(store.head());
    assert!(names(&store).is_empty());
    put(&mut store, "c", "v");
    store.rollback(store.head() - 1).expect("within the window");
    assert!(names(&store).is_empty());
}
