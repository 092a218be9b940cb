//! What a client has seen of a network it never goes back behind, within a run and between runs.
//! Each rule is broken alone.

use std::path::Path;

use synod_client::{
    BEHIND_MS_MAX, CertifiedHead, FORK_PROOFS_MAX, HeadError, HeadProof, Memory, MemoryError,
    ReplicaUrl, StateFile, StateFileError, StateTextError, StepBack, parse_state, state_text,
};
use synod_ledger::Receipt;

use crate::memory::network::Network;

/// Two voters, a few transactions.
fn network() -> Network {
    let mut network = Network::found();
    network.configure(&[1, 2]);
    network.transact(3, "");
    network
}

fn see(memory: &Memory, network: &Network) -> Result<(), MemoryError> {
    memory.take_replica(&network.chain(), Some(&network.head()))
}

fn open(path: &Path, network: &Network) -> Result<Memory, StateFileError> {
    Memory::open(StateFile::new(path), network.id())
}

#[test]
fn what_grows_is_remembered() {
    let mut network = network();
    let memory = Memory::new(network.id());
    see(&memory, &network).unwrap();
    network.configure(&[1, 2, 3]);
    see(&memory, &network).unwrap();
    let known = memory.remembered();
    assert_eq!(known.configuration().unwrap().number, 2);
    assert_eq!(known.head().unwrap(), &network.head());
}

#[test]
fn older_configuration_is_refused() {
    let old = network();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    let memory = Memory::new(old.id());
    see(&memory, &new).unwrap();
    let before = memory.remembered();
    // Its head is left out: the configuration alone gives it away.
    let refused = memory.take_replica(&old.chain(), None).unwrap_err();
    let step_back = StepBack::OlderConfiguration {
        remembered: 2,
        shown: 1,
    };
    assert!(step_back.may_pass());
    assert_eq!(refused, MemoryError::StepBack(step_back));
    assert_eq!(memory.remembered(), before);
    assert!(!memory.is_newest(&old.chain()) && memory.is_newest(&new.chain()));
}

#[test]
fn other_configuration_of_the_same_number_is_refused_however_long_its_chain_is() {
    let base = network();
    let (mut ours, mut theirs) = (base.clone(), base);
    ours.configure(&[1, 2, 3]);
    theirs.configure(&[1, 2, 4]);
    theirs.configure(&[1, 4]);
    let memory = Memory::new(ours.id());
    see(&memory, &ours).unwrap();
    let refused = memory.take_replica(&theirs.chain(), None).unwrap_err();
    let MemoryError::StepBack(step_back @ StepBack::OtherConfiguration { number: 2, .. }) = refused
    else {
        panic!("refused by {refused}");
    };
    assert!(!step_back.may_pass());
}

#[test]
fn block_that_is_much_older_is_refused_and_a_little_lag_is_not() {
    let old = network();
    let memory = Memory::new(old.id());
    let mut lagging = old.clone();
    lagging.wait(BEHIND_MS_MAX);
    lagging.transact(1, "");
    see(&memory, &lagging).unwrap();
    see(&memory, &old).expect("a follower may lag");
    assert_eq!(memory.remembered().head().unwrap(), &lagging.head());
    let mut new = old.clone();
    new.wait(BEHIND_MS_MAX + 1);
    new.transact(1, "");
    let memory = Memory::new(old.id());
    see(&memory, &new).unwrap();
    let refused = see(&memory, &old).unwrap_err();
    assert!(
        matches!(refused, MemoryError::StepBack(StepBack::OlderBlock { .. })),
        "{refused}"
    );
}

#[test]
fn two_roots_of_one_tree_size_are_a_fork_with_both_heads_as_proof() {
    let base = network();
    let (mut ours, mut theirs) = (base.clone(), base);
    ours.transact(1, "ours");
    theirs.transact(1, "theirs");
    let memory = Memory::new(ours.id());
    see(&memory, &ours).unwrap();
    let MemoryError::Fork { fork, kept: None } = see(&memory, &theirs).unwrap_err() else {
        panic!("no fork was seen");
    };
    assert_eq!(fork.remembered, ours.head());
    assert_eq!(fork.shown, theirs.head());
    assert_eq!(memory.remembered().head().unwrap(), &ours.head());
}

#[test]
fn fork_is_seen_in_a_receipt_as_well() {
    let base = network();
    let (mut ours, mut theirs) = (base.clone(), base);
    ours.transact(1, "ours");
    theirs.transact(1, "theirs");
    let memory = Memory::new(ours.id());
    memory
        .take_receipt(&ours.chain(), &ours.receipt(3))
        .unwrap();
    assert_eq!(
        memory.remembered().head().unwrap().root(),
        ours.head().root()
    );
    memory
        .take_receipt(&theirs.chain(), &theirs.receipt(3))
        .unwrap_err();
}

#[test]
fn receipt_of_an_old_transaction_is_no_step_back() {
    let old = network();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    new.wait(BEHIND_MS_MAX + 1);
    new.transact(1, "");
    let memory = Memory::new(old.id());
    see(&memory, &new).unwrap();
    let before = memory.remembered();
    memory.take_receipt(&new.chain(), &new.receipt(2)).unwrap();
    // With the chain of its day.
    memory.take_receipt(&old.chain(), &old.receipt(2)).unwrap();
    assert_eq!(memory.remembered(), before);
}

#[test]
fn chain_that_ends_before_what_was_seen_vouches_for_no_root() {
    let base = network();
    let mut ours = base.clone();
    ours.configure(&[1, 2, 3]);
    let memory = Memory::new(ours.id());
    see(&memory, &ours).unwrap();
    let before = memory.remembered();
    // The voters of the superseded configuration sign another history, of as many transactions and
    // of more.
    for count in [2, 10] {
        let mut theirs = base.clone();
        theirs.transact(count, "theirs");
        memory
            .take_receipt(&theirs.chain(), &theirs.receipt(2))
            .unwrap();
        assert_eq!(memory.remembered(), before);
    }
}

#[test]
fn only_the_newest_configuration_vouches_for_a_head() {
    let old = network();
    let (header, certificate) = old.certified().unwrap();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    let judged = CertifiedHead::of_certificate(&new.chain(), &header, &certificate);
    assert_eq!(judged, Ok(None));
}

#[test]
fn each_part_of_a_certified_block_is_checked() {
    let network = network();
    let chain = network.chain();
    let (header, certificate) = network.certified().unwrap();
    let judge = |header: &[u8], certificate: &[u8]| {
        let (header, certificate) = (header.to_vec().into(), certificate.to_vec().into());
        CertifiedHead::of_certificate(&chain, &header, &certificate).unwrap_err()
    };
    assert!(matches!(
        judge(&header[1..], &certificate),
        HeadError::Header(_)
    ));
    assert!(matches!(
        judge(&header, &certificate[1..]),
        HeadError::Certificate(_)
    ));
    let mut unsigned = certificate.to_vec();
    *unsigned.last_mut().unwrap() ^= 1;
    assert!(matches!(
        judge(&header, &unsigned),
        HeadError::NotCertified(_)
    ));
    let mut other = Network::found_named("other");
    other.transact(1, "");
    let (foreign, theirs) = other.certified().unwrap();
    assert_eq!(judge(&foreign, &theirs), HeadError::Network);
    let mut longer = network.clone();
    longer.configure(&[1, 2, 3]);
    let (later, theirs) = longer.certified().unwrap();
    assert!(matches!(
        judge(&later, &theirs),
        HeadError::UnknownConfiguration(_)
    ));
}

#[test]
fn clones_share_one_memory() {
    let old = network();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    let memory = Memory::new(old.id());
    see(&memory.clone(), &new).unwrap();
    see(&memory, &old).unwrap_err();
}

#[test]
fn state_file_survives_two_runs_and_refuses_the_step_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = StateFile::beside(&dir.path().join("trust.toml"));
    assert_eq!(path.path(), dir.path().join("trust.state"));
    let old = network();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    see(&open(path.path(), &new).unwrap(), &new).unwrap();
    let second_run = open(path.path(), &new).unwrap();
    assert_eq!(second_run.remembered().head().unwrap(), &new.head());
    let before = std::fs::read(path.path()).unwrap();
    assert!(matches!(
        see(&second_run, &old),
        Err(MemoryError::StepBack(StepBack::OlderConfiguration { .. }))
    ));
    assert_eq!(std::fs::read(path.path()).unwrap(), before);
    see(&second_run, &new).unwrap();
}

#[test]
fn two_programs_at_once_never_make_the_file_go_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trust.state");
    let old = network();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    // Both begin before anything was seen.
    let (slow, quick) = (open(&path, &old).unwrap(), open(&path, &old).unwrap());
    see(&quick, &new).unwrap();
    assert!(matches!(
        see(&slow, &old),
        Err(MemoryError::StepBack(StepBack::OlderConfiguration { .. }))
    ));
    let url: ReplicaUrl = "https://127.0.0.1:8001".parse().unwrap();
    slow.take_addresses(std::slice::from_ref(&url)).unwrap();
    let known = open(&path, &old).unwrap().remembered();
    assert_eq!(known.configuration().unwrap().number, 2);
    assert_eq!(known.head().unwrap(), &new.head());
    assert_eq!(known.addresses(), [url]);
}

#[test]
fn many_threads_leave_the_newest_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trust.state");
    let mut network = network();
    let mut states = Vec::new();
    for _ in 0..8 {
        network.transact(1, "");
        states.push(network.clone());
    }
    std::thread::scope(|scope| {
        for state in &states {
            let path = &path;
            scope.spawn(move || see(&open(path, state).unwrap(), state).unwrap());
        }
    });
    let known = open(&path, &network).unwrap().remembered();
    assert_eq!(known.head().unwrap(), &network.head());
}

#[test]
fn file_that_was_put_back_does_not_take_back_what_this_process_knows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trust.state");
    let old = network();
    let mut new = old.clone();
    new.configure(&[1, 2, 3]);
    let memory = open(&path, &old).unwrap();
    see(&memory, &old).unwrap();
    let early = std::fs::read(&path).unwrap();
    see(&memory, &new).unwrap();
    std::fs::write(&path, early).unwrap();
    see(&memory, &old).unwrap_err();
    see(&memory, &new).unwrap();
    let known = open(&path, &old).unwrap().remembered();
    assert_eq!(known.head().unwrap(), &new.head());
}

#[test]
fn proofs_of_forks_are_kept_beside_the_file_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trust.state");
    let base = network();
    let mut ours = base.clone();
    ours.transact(1, "ours");
    let memory = open(&path, &ours).unwrap();
    see(&memory, &ours).unwrap();
    let before = std::fs::read(&path).unwrap();
    let forked = |mark: &str| {
        let mut theirs = base.clone();
        theirs.transact(1, mark);
        match see(&memory, &theirs).unwrap_err() {
            MemoryError::Fork { kept, .. } => kept,
            other => panic!("{other}"),
        }
    };
    let first = forked("0").expect("it is kept");
    assert_eq!(forked("0").as_ref(), Some(&first), "kept once");
    let text: toml::Table = toml::from_str(&std::fs::read_to_string(&first).unwrap()).unwrap();
    let heads = text["head"].as_array().unwrap();
    assert_eq!(heads.len(), 2);
    assert_eq!(heads[0]["tree_size"], heads[1]["tree_size"]);
    assert_ne!(heads[0]["root"], heads[1]["root"]);
    for number in 1..FORK_PROOFS_MAX {
        assert!(forked(&number.to_string()).is_some());
    }
    assert_eq!(forked("one more"), None);
    let proofs = std::fs::read_dir(dir.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".fork-")
    });
    assert_eq!(proofs.count(), FORK_PROOFS_MAX);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn file_of_another_network_is_refused_by_name_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trust.state");
    let other = Network::found_named("other");
    let memory = open(&path, &other).unwrap();
    memory.take_replica(&other.chain(), None).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&path, &network()).unwrap_err();
    assert!(
        matches!(&error, StateFileError::OtherNetwork { found, .. } if *found == other.id()),
        "{error}"
    );
    assert!(error.to_string().contains("trust.state"));
    assert!(!error.hint().is_empty());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// The text of a state file with everything in it.
fn full_text(receipt: bool) -> String {
    let network = network();
    let memory = Memory::new(network.id());
    if receipt {
        let file = network.receipt(3);
        memory.take_receipt(&network.chain(), &file).unwrap();
    } else {
        see(&memory, &network).unwrap();
    }
    let url = "https://[::1]:8001".parse().unwrap();
    memory.take_addresses(&[url]).unwrap();
    state_text(&memory.remembered()).unwrap()
}

#[test]
fn state_survives_its_text_with_either_proof() {
    for receipt in [false, true] {
        let text = full_text(receipt);
        let read = parse_state(text.as_bytes()).unwrap();
        assert_eq!(state_text(&read).unwrap(), text);
        let proof = read.head().unwrap().proof();
        assert_eq!(matches!(proof, HeadProof::Receipt(_)), receipt);
    }
}

#[test]
fn receipt_in_the_file_holds_nothing_of_the_callers() {
    let read = parse_state(full_text(true).as_bytes()).unwrap();
    let receipt = Receipt::decode(read.head().unwrap().proof().bytes()).unwrap();
    assert_eq!((receipt.opening, receipt.public), (None, None));
}

/// The text with this content under a checksum that fits.
fn with_checksum(body: &str) -> String {
    let checksum = synod_crypto::sha256(&[body.as_bytes()]);
    format!("checksum = \"{checksum}\"\n{body}")
}

#[test]
fn newer_version_is_refused_by_name_and_unknown_keys_are_refused() {
    let text = full_text(false);
    let (_, body) = text.split_once('\n').unwrap();
    assert_eq!(
        parse_state(with_checksum(body).as_bytes()),
        parse_state(text.as_bytes())
    );
    let newer = body.replacen("version = 1", "version = 2", 1);
    for text in [newer.clone(), with_checksum(&newer)] {
        assert_eq!(
            parse_state(text.as_bytes()),
            Err(StateTextError::Version(2)),
            "{text}"
        );
    }
    for (from, to) in [
        ("version = 1\n", "version = 1\nsurprise = true\n"),
        ("version = 1\n", ""),
        ("version = 1\n", "version = 0\n"),
        ("tree_size = ", "tree_size = 1"),
        ("time_ms = ", "time_ms = 1"),
        ("root = \"", "root = \"00"),
        ("certificate = ", "receipts = "),
        ("header = \"", "header = \"AAAA"),
        ("number = 1\n", ""),
        ("https:", "http:"),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body, "{from}");
        let read = parse_state(with_checksum(&changed).as_bytes());
        assert!(
            matches!(read, Err(StateTextError::Damaged(_))),
            "{from}: {read:?}"
        );
    }
}

#[test]
fn every_changed_byte_of_a_state_file_is_noticed() {
    let text = full_text(false).into_bytes();
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        assert!(parse_state(&changed).is_err(), "byte {at}");
        assert!(parse_state(&text[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn mutated_content_under_a_proper_checksum_never_panics() {
    let text = full_text(false);
    let body = text.split_once('\n').unwrap().1.as_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize
    };
    for _ in 0..2_000 {
        let mut mutated = body.to_vec();
        for _ in 0..=next() % 4 {
            let at = next() % mutated.len();
            mutated[at] = (next() % 0x80) as u8;
        }
        let Ok(mutated) = String::from_utf8(mutated) else {
            continue;
        };
        if let Ok(read) = parse_state(with_checksum(&mutated).as_bytes()) {
            let again = state_text(&read).unwrap();
            assert_eq!(parse_state(again.as_bytes()).as_ref(), Ok(&read));
        }
    }
}

#[test]
fn damaged_file_stops_every_update_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trust.state");
    let network = network();
    let memory = open(&path, &network).unwrap();
    see(&memory, &network).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&path, &bytes).unwrap();
    let error = open(&path, &network).unwrap_err();
    assert!(matches!(error, StateFileError::Text { .. }), "{error}");
    let mut more = network.clone();
    more.transact(1, "");
    assert!(matches!(see(&memory, &more), Err(MemoryError::File(_))));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}
