//! The cache is untrusted, shared, bounded, and used as long as it may be.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use synod_attestation::Tee;
use synod_endorser::{EndorserError, Note, Source, fetch_error::FetchError, record::Record};

use crate::service::{
    Act, Service,
    scene::{Bench, HOUR_MS, Scene, signed_page},
};

const DAY_MS: u64 = 24 * HOUR_MS;

/// The file of the entry whose address contains `part`.
fn entry(folder: &Path, part: &str) -> (std::path::PathBuf, Record) {
    fs::read_dir(folder.join("cache"))
        .expect("there is a cache")
        .map(|entry| entry.expect("it can be read").path())
        .find_map(|path| {
            let record = Record::decode(&fs::read(&path).ok()?).ok()?;
            record.url.contains(part).then_some((path, record))
        })
        .expect("there is such an entry")
}

fn dropped(notes: &[Note]) -> usize {
    let dropped = |note: &&Note| matches!(note, Note::Dropped { .. });
    notes.iter().filter(dropped).count()
}

/// A platform whose endorsements have been fetched into `folder`.
fn kept(tee: Tee, folder: &Path) -> (Scene, Service, Bench) {
    let scene = Scene::simulated(tee, 1);
    let service = scene.service();
    let bench = Bench::new(&scene, &service, Some(folder));
    bench.ask(&scene).expect("the service answers");
    service.asked();
    (scene, service, bench)
}

#[test]
fn a_poisoned_entry_is_forgotten_and_asked_for_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::Tdx, folder.path());
    let mut forged = scene.collateral().clone();
    forged.tcb_info = forged.tcb_info.replacen("UpToDate", "OutOfDate", 1);
    assert_ne!(forged.tcb_info, scene.collateral().tcb_info);
    let Act::Page(_, body) = signed_page("tcbInfo", "x", &forged) else {
        panic!("it is a page");
    };
    let (path, record) = entry(folder.path(), "/tcb?");
    fs::write(path, Record { body, ..record }.encode()).expect("it can be written");

    let fetched = bench.ask(&scene).expect("the service answers");
    assert_eq!(fetched.endorsements, scene.endorsements);
    assert_eq!(fetched.source, Source::Network);
    // Which of the four it was cannot be told from outside of verification.
    assert_eq!(dropped(&fetched.notes), 4);
    assert_eq!(service.asked().len(), 4);
    let again = bench.ask(&scene).expect("the cache is mended");
    assert_eq!((again.source, service.asked().len()), (Source::Cache, 0));
}

#[test]
fn the_entry_of_another_chip_is_forgotten_and_asked_for_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::SevSnp, folder.path());
    let other = Scene::simulated(Tee::SevSnp, 2);
    let (path, record) = entry(folder.path(), "ucodeSPL");
    let body = other.snp().signer.clone();
    fs::write(path, Record { body, ..record }.encode()).expect("it can be written");
    let fetched = bench.ask(&scene).expect("the service answers");
    assert_eq!(fetched.endorsements, scene.endorsements);
    assert!(service.asked().iter().any(|path| path.contains("ucodeSPL")));
}

#[test]
fn a_poisoned_entry_is_no_endorsement_when_nobody_can_be_asked() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, _service, mut bench) = kept(Tee::Tdx, folder.path());
    let (path, mut record) = entry(folder.path(), "/pckcrl");
    let last = record.body.len() - 1;
    record.body[last] ^= 1;
    fs::write(path, record.encode()).expect("it can be written");
    bench.config.network = None;
    let refused = bench.ask(&scene);
    assert!(
        matches!(refused, Err(EndorserError::Offline(_))),
        "{refused:?}"
    );
}

#[test]
fn torn_entries_are_forgotten_and_asked_for_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::Tdx, folder.path());
    for (keep, name) in [(0, "empty"), (100, "torn")] {
        let (path, _) = entry(folder.path(), "/identity");
        let whole = fs::read(&path).expect("it is there");
        fs::write(&path, &whole[..keep]).expect("it can be written");
        let fetched = bench.ask(&scene).expect("the service answers");
        assert_eq!(fetched.endorsements, scene.endorsements, "{name}");
        assert_eq!(fetched.source, Source::CacheAndNetwork, "{name}");
        assert_eq!(dropped(&fetched.notes), 1, "{name}");
        assert_eq!(service.asked().len(), 1, "{name}");
    }
}

#[test]
fn the_cache_serves_without_a_network() {
    for tee in [Tee::Tdx, Tee::SevSnp] {
        let folder = tempfile::tempdir().expect("there is room");
        let (scene, service, mut bench) = kept(tee, folder.path());
        bench.config.network = None;
        let fetched = bench.ask(&scene).expect("the cache has it");
        assert_eq!(fetched.endorsements, scene.endorsements);
        assert_eq!(fetched.notes, []);
        assert_eq!(service.asked(), Vec::<String>::new());
    }
}

#[test]
fn what_is_old_and_valid_is_renewed_and_bare_certificates_are_not() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::SevSnp, folder.path());
    let later_ms = scene.now_ms + DAY_MS + 1;
    let later = bench.endorser().endorsements_for(&scene.evidence, later_ms);
    assert_eq!(later.expect("it answers").source, Source::CacheAndNetwork);
    let asked = service.asked();
    assert!(asked.len() == 1 && asked[0].ends_with("/crl"), "{asked:?}");
}

#[test]
fn what_is_old_and_valid_serves_while_the_service_is_down_and_says_so() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::Tdx, folder.path());
    for part in ["/tcb?", "/identity", "/pckcrl", "IntelSGXRootCA"] {
        service.replace(part, &Act::status(503));
    }
    let endorser = bench.endorser();
    let later_ms = scene.now_ms + DAY_MS + 1;
    let fetched = endorser.endorsements_for(&scene.evidence, later_ms);
    let fetched = fetched.expect("the cache is still valid");
    assert_eq!(fetched.endorsements, scene.endorsements);
    assert_eq!(fetched.source, Source::Cache);
    assert_eq!(fetched.fetched_ms, Some(scene.now_ms));
    assert_eq!(fetched.notes.len(), 4);
    for note in &fetched.notes {
        let Note::NotRenewed {
            because: Some(because),
            until_ms,
            ..
        } = note
        else {
            panic!("{note:?}");
        };
        assert!(*until_ms > later_ms);
        let EndorserError::Fetch { problem, .. } = &**because else {
            panic!("{because:?}");
        };
        assert_eq!(*problem, FetchError::Unavailable { status: 503 });
    }
    // A service that is down is left alone for a while, then asked again.
    service.asked();
    let soon = endorser.endorsements_for(&scene.evidence, later_ms + 1000);
    assert_eq!(soon.expect("the cache is still valid").notes.len(), 4);
    assert_eq!(service.asked(), Vec::<String>::new());
    let after = endorser.endorsements_for(&scene.evidence, later_ms + HOUR_MS);
    after.expect("the cache is still valid");
    assert!(!service.asked().is_empty());
}

#[test]
fn what_has_run_out_does_not_serve() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, _service, mut bench) = kept(Tee::Tdx, folder.path());
    bench.config.network = None;
    let later_ms = scene.now_ms + 60 * DAY_MS;
    let refused = bench.endorser().endorsements_for(&scene.evidence, later_ms);
    assert!(
        matches!(refused, Err(EndorserError::Offline(_))),
        "{refused:?}"
    );
}

#[test]
fn what_runs_out_soon_is_renewed_before() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::Tdx, folder.path());
    let fetched = bench.ask(&scene).expect("the cache has it");
    let until_ms = fetched.next_update_ms.expect("collateral runs out");
    let mut bench = bench;
    bench.config.refresh.fresh_for_ms = u64::MAX;
    bench.config.refresh.ahead_ms = until_ms - scene.now_ms - 2 * HOUR_MS;
    let endorser = bench.endorser();
    let asked_at = |now_ms| {
        let fetched = endorser.endorsements_for(&scene.evidence, now_ms);
        fetched.expect("it is valid");
        service.asked().len()
    };
    assert_eq!(asked_at(scene.now_ms + HOUR_MS), 0);
    assert!(asked_at(scene.now_ms + 3 * HOUR_MS) > 0);
    // The service has nothing newer; it is not asked at every call.
    assert_eq!(asked_at(scene.now_ms + 3 * HOUR_MS + 1), 0);
}

#[test]
fn an_entry_from_the_future_is_renewed() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::Tdx, folder.path());
    let (path, record) = entry(folder.path(), "/tcb?");
    let fetched_ms = scene.now_ms + DAY_MS;
    fs::write(
        path,
        Record {
            fetched_ms,
            ..record
        }
        .encode(),
    )
    .expect("it can be written");
    bench.ask(&scene).expect("the service answers");
    let asked = service.asked();
    assert!(asked.len() == 1 && asked[0].contains("/tcb?"), "{asked:?}");
}

#[test]
fn a_cache_without_room_costs_questions_and_nothing_else() {
    let folder = tempfile::tempdir().expect("there is room");
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let mut bench = Bench::new(&scene, &service, Some(folder.path()));
    bench
        .config
        .cache
        .as_mut()
        .expect("there is a cache")
        .bytes_max = 1;
    bench.ask(&scene).expect("the service answers");
    let fetched = bench.ask(&scene).expect("the service answers");
    assert_eq!(fetched.endorsements, scene.endorsements);
    assert_eq!(bench.endorser().list().expect("it can be read").len(), 1);
}

#[test]
fn the_cache_can_be_listed() {
    let folder = tempfile::tempdir().expect("there is room");
    let (scene, service, bench) = kept(Tee::Tdx, folder.path());
    let listed = bench.endorser().list().expect("it can be read");
    assert_eq!(listed.len(), 4);
    for entry in listed {
        assert!(entry.url.starts_with(&service.base()));
        assert_eq!(entry.fetched_ms, scene.now_ms);
        assert!(entry.bytes > 100);
    }
}

const CHILD_FOLDER: &str = "SYNOD_ENDORSER_TEST_FOLDER";
const CHILD_BASE: &str = "SYNOD_ENDORSER_TEST_BASE";
const CHILD_ROOT: &str = "SYNOD_ENDORSER_TEST_ROOT";

/// What each other process of the next test does; alone it does nothing.
#[test]
fn another_process_fills_the_cache() {
    let variable = |name| std::env::var(name).ok();
    let (Some(folder), Some(base), Some(root)) = (
        variable(CHILD_FOLDER),
        variable(CHILD_BASE),
        variable(CHILD_ROOT),
    ) else {
        return;
    };
    let scene = Scene::simulated(Tee::Tdx, 1);
    let root = hex::decode(root).expect("it is hexadecimal");
    for round in 0..20 {
        let mut bench = Bench::at(&scene, &base, &root, Some(Path::new(&folder)));
        // Every round reads what is there and writes it anew.
        bench.config.refresh.fresh_for_ms = 0;
        let fetched = bench.ask(&scene).expect("the service answers");
        assert_eq!(fetched.notes, [], "round {round}");
    }
}

#[test]
fn processes_that_write_one_folder_at_once_read_whole_entries() {
    let folder = tempfile::tempdir().expect("there is room");
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let program = std::env::current_exe().expect("this program has a path");
    let children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(&program)
                .args(["--exact", "keeping::another_process_fills_the_cache"])
                .env(CHILD_FOLDER, folder.path())
                .env(CHILD_BASE, service.base())
                .env(CHILD_ROOT, hex::encode(&service.root))
                .stdout(Stdio::piped())
                .spawn()
                .expect("it can be started")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
    }
    service.asked();
    let bench = Bench::new(&scene, &service, Some(folder.path()));
    assert_eq!(
        bench.ask(&scene).expect("it is whole").source,
        Source::Cache
    );
    assert_eq!(service.asked(), Vec::<String>::new());
}
