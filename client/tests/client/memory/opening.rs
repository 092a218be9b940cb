//! The members open a network, and what a founder's key alone makes of it counts for nothing. Each
//! check of their act is broken alone.

use synod_client::{
    ClientError, Failure, Memory, MemoryError, OpeningError, ReceiptFailure, ReplicaUrl,
    RetryPolicy, Service, StateFile, StepBack, Trust, VerifiedReplica, Verifier, VotersError,
    WriteOptions, read_chain, verify_receipt,
};
use synod_crypto::Digest;
use synod_governance::{Act, Action, Refusal, SignatureError};
use synod_ledger::{ChainError, ReceiptError, ReceiptPolicy};

use crate::memory::network::{Network, signed};
use crate::memory::replica::Replica;

/// Three voters, opened by the members.
fn opened() -> Network {
    let mut network = grown();
    network.open();
    network
}

/// Three voters, which the members have not opened.
fn grown() -> Network {
    let mut network = Network::unopened("test", 3);
    network.configure(&[1, 2]);
    network.configure(&[1, 2, 3]);
    network
}

fn refused(network: &Network) -> OpeningError {
    match read_chain(network.id(), &network.chain_file()) {
        Err(Failure::Opening(error)) => *error,
        other => panic!("{other:?}"),
    }
}

/// The refusal of an act that two members signed after it was changed.
fn refused_act(change: impl FnOnce(&mut Action)) -> OpeningError {
    let mut network = grown();
    let mut action = network.opens();
    change(&mut action);
    network.opening = Some(signed(&action, &[1, 2]));
    refused(&network)
}

fn client(memory: &Memory, urls: &[&ReplicaUrl]) -> Service {
    let trust = Trust::Verified(Box::new(Verifier::remembering(memory.clone(), None)));
    let urls = urls.iter().map(|url| (*url).clone());
    Service::new(urls, trust, None, RetryPolicy::default()).expect("an address")
}

async fn put(service: &Service) -> Result<(), ClientError> {
    let options = WriteOptions::default();
    service.put("m", b"k", "v", &options).await.map(drop)
}

#[test]
fn chain_knows_the_configuration_that_the_members_opened() {
    assert_eq!(opened().chain().opening(), Some(2));
    assert_eq!(grown().chain().opening(), None);
}

#[test]
fn opening_with_one_signature_too_few_is_refused() {
    let mut network = grown();
    network.opening = Some(signed(&network.opens(), &[1]));
    let (needed, found) = (2, 1);
    let too_few = Refusal::Signatures(SignatureError::TooFew { needed, found });
    assert_eq!(refused(&network), OpeningError::Signed(Box::new(too_few)));
}

#[test]
fn opening_that_a_stranger_signed_as_well_is_refused() {
    let mut network = grown();
    network.opening = Some(signed(&network.opens(), &[1, 2, 9]));
    assert!(matches!(refused(&network), OpeningError::Signed(_)));
}

#[test]
fn opening_of_another_number_is_refused() {
    let error = refused_act(|action| {
        if let Act::Open { configuration, .. } = &mut action.act {
            *configuration = 1;
        }
    });
    let unknown = ChainError::Opening { number: 1 };
    assert_eq!(error, OpeningError::Chain(Box::new(unknown)));
}

#[test]
fn opening_of_another_digest_is_refused() {
    let error = refused_act(|action| {
        if let Act::Open { digest, .. } = &mut action.act {
            *digest = Digest::from([7; 32]);
        }
    });
    let unknown = ChainError::Opening { number: 2 };
    assert_eq!(error, OpeningError::Chain(Box::new(unknown)));
}

#[test]
fn opening_of_another_network_is_refused() {
    let found = Digest::from([7; 32]);
    let error = refused_act(|action| action.network = found);
    assert_eq!(error, OpeningError::Network { found });
}

#[test]
fn another_act_of_the_members_opens_nothing() {
    let error = refused_act(|action| action.act = Act::SetRequiredVendors { n: 1 });
    assert_eq!(error, OpeningError::OtherAct);
}

#[test]
fn opening_of_fewer_voters_than_block_zero_demands_is_refused() {
    let mut network = Network::unopened("test", 3);
    network.configure(&[1, 2]);
    network.open();
    let expected = OpeningError::TooFewVoters {
        number: 1,
        found: 2,
        needed: 3,
    };
    assert_eq!(refused(&network), expected);
}

#[test]
fn bytes_that_are_no_act_are_refused() {
    let mut network = grown();
    let sound = signed(&network.opens(), &[1, 2]);
    for bytes in [sound.slice(1..), sound.slice(..sound.len() - 1), "".into()] {
        network.opening = Some(bytes);
        assert!(matches!(refused(&network), OpeningError::Signed(_)));
    }
}

#[test]
fn service_stays_open_when_fewer_vote_later() {
    let mut network = opened();
    network.configure(&[1, 2]);
    network.configure(&[1]);
    let chain = network.chain();
    assert_eq!((chain.opening(), chain.current().number()), (Some(2), 4));
}

/// The founder's key leads from the pin wherever it likes; the members' act fits only what they
/// verified.
#[test]
fn chain_that_the_founders_key_grows_from_the_pin_proves_nothing() {
    let honest = opened();
    let mut forged = Network::unopened("test", 3);
    assert_eq!(forged.id(), honest.id(), "one pin");
    forged.configure(&[1, 4]);
    forged.configure(&[1, 4, 5]);
    forged.transact(2, "forged");
    let verify = |network: &Network| {
        let receipt = network.receipt(2);
        verify_receipt(&receipt, &network.chain(), &ReceiptPolicy::default())
    };
    let refusal = verify(&forged).expect_err("nobody opened it");
    assert!(refusal.is_before_opening(), "{refusal}");
    forged.opening.clone_from(&honest.opening);
    let unknown = ChainError::Opening { number: 2 };
    assert_eq!(refused(&forged), OpeningError::Chain(Box::new(unknown)));
    verify(&honest).expect("the members opened its configuration");
}

#[test]
fn receipt_from_before_the_opening_is_told_apart_and_renewed() {
    let mut network = Network::unopened("test", 1);
    network.transact(1, "");
    let old = network.receipt(2);
    network.configure(&[1, 2]);
    network.open();
    network.transact(1, "");
    let policy = ReceiptPolicy::default();
    let refusal = verify_receipt(&old, &network.chain(), &policy).expect_err("it is too old");
    let (number, opened) = (0, Some(1));
    let expected = ReceiptError::BeforeOpening { number, opened };
    assert_eq!(refusal, ReceiptFailure::Refused(expected));
    assert!(refusal.is_before_opening() && refusal.is_superseded());
    verify_receipt(&network.receipt(2), &network.chain(), &policy).expect("the voters sign it now");
}

#[test]
fn what_was_seen_before_the_opening_does_not_stand_against_it() {
    let mut forged = Network::unopened("test", 3);
    forged.configure(&[1, 4]);
    forged.transact(5, "forged");
    let honest = opened();
    let memory = Memory::new(honest.id());
    memory
        .take_replica(&forged.chain(), Some(&forged.head()))
        .expect("nothing else was seen");
    assert!(!memory.remembered().opened());
    memory
        .take_replica(&honest.chain(), Some(&honest.head()))
        .expect("the members opened it");
    let known = memory.remembered();
    assert!(known.opened());
    assert_eq!(known.configuration().unwrap().number, 2);
    assert_eq!(known.head().unwrap(), &honest.head());
}

#[test]
fn replica_that_shows_no_opening_is_behind_once_one_was_seen() {
    let (honest, unopened) = (opened(), grown());
    let folder = tempfile::tempdir().unwrap();
    let file = || StateFile::new(folder.path().join("trust.state"));
    let memory = Memory::open(file(), honest.id()).unwrap();
    memory.take_replica(&honest.chain(), None).unwrap();
    assert!(memory.is_newest(&honest.chain()) && !memory.is_newest(&unopened.chain()));
    let again = Memory::open(file(), honest.id()).unwrap();
    assert!(again.remembered().opened(), "the next run knows it");
    for memory in [memory, again] {
        let refused = memory.take_replica(&unopened.chain(), None);
        assert_eq!(refused, Err(MemoryError::StepBack(StepBack::NotOpen)));
    }
    assert!(StepBack::NotOpen.may_pass());
}

#[test]
fn opening_that_another_program_saw_counts_for_this_one() {
    let (honest, mut forged) = (opened(), Network::unopened("test", 3));
    forged.configure(&[1, 4]);
    let folder = tempfile::tempdir().unwrap();
    let open = || Memory::open(StateFile::new(folder.path().join("s")), honest.id()).unwrap();
    let (ours, theirs) = (open(), open());
    ours.take_replica(&forged.chain(), None).unwrap();
    theirs.take_replica(&honest.chain(), None).unwrap();
    let refused = ours.take_replica(&forged.chain(), None);
    assert_eq!(refused, Err(MemoryError::StepBack(StepBack::NotOpen)));
    ours.take_replica(&honest.chain(), None).unwrap();
    assert_eq!(ours.remembered(), theirs.remembered());
}

#[test]
fn file_from_before_the_opening_that_was_put_back_takes_nothing_back() {
    let (honest, mut forged) = (opened(), Network::unopened("test", 3));
    forged.configure(&[1, 4]);
    forged.configure(&[1, 4, 5]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.state");
    let open = || Memory::open(StateFile::new(&path), honest.id()).unwrap();
    open().take_replica(&forged.chain(), None).unwrap();
    let old = std::fs::read(&path).unwrap();
    let memory = open();
    memory.take_replica(&honest.chain(), None).unwrap();
    let known = memory.remembered();
    std::fs::write(&path, old).unwrap();
    memory.take_replica(&honest.chain(), None).unwrap();
    assert_eq!(memory.remembered(), known);
    assert_eq!(open().remembered(), known);
}

#[tokio::test]
async fn nothing_of_a_users_is_sent_to_a_network_that_nobody_opened() {
    let mut network = grown();
    let replica = Replica::start(2, &network).await;
    let memory = Memory::new(network.id());
    let service = client(&memory, &[&replica.url]);
    service.network().await.expect("what is public is answered");
    let refused = put(&service).await.expect_err("it is not open");
    let ClientError::NotVerified { why, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(why.failure, Failure::NotOpen);
    assert_eq!(replica.writes(), 0);
    network.open();
    replica.show(|shown| shown.network = network);
    put(&service)
        .await
        .expect("the same client sees that it is open now");
}

#[tokio::test]
async fn verified_replica_that_is_not_open_says_so_among_its_checks() {
    let network = grown();
    let replica = Replica::start(1, &network).await;
    let verifier = Verifier::new(network.id(), None);
    let verified = verifier.verify(&replica.url, [9; 32]).await.expect("sound");
    let check = verified
        .checks()
        .iter()
        .find(|check| check.name == "opening");
    let check = check.expect("it was looked at");
    assert!(check.passed && check.waived, "{check}");
}

/// Replicas 1 to 3 of a network, each of which names all.
async fn replicas(network: &Network) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for id in 1..=3 {
        replicas.push(Replica::start(id, network).await);
    }
    let table: Vec<_> = replicas.iter().map(|one| one.url.to_string()).collect();
    for replica in &replicas {
        replica.show(|shown| shown.table.clone_from(&table));
    }
    replicas
}

#[tokio::test]
async fn voters_of_a_configuration_are_verified_all() {
    let network = grown();
    let replicas = replicas(&network).await;
    let service = client(&Memory::new(network.id()), &[&replicas[0].url]);
    let verified = service.verify_voters().await.expect("three are sound");
    let ids: Vec<_> = verified.voters().iter().map(VerifiedReplica::id).collect();
    assert_eq!((ids, verified.configuration().number), (vec![1, 2, 3], 2));
    assert_eq!(
        verified.configuration().digest,
        network.chain().current().digest()
    );
}

#[tokio::test]
async fn voters_that_cannot_be_verified_are_all_named() {
    let network = grown();
    let replicas = replicas(&network).await;
    // Replica 2 is away, and the network names no address of replica 3.
    let away: ReplicaUrl = "https://127.0.0.1:9".parse().unwrap();
    let table = vec![replicas[0].url.to_string(), away.to_string()];
    replicas[0].show(|shown| shown.table = table);
    let service = client(&Memory::new(network.id()), &[&replicas[0].url]);
    let refused = service.verify_voters().await.expect_err("two are missing");
    let VotersError::Unverified { unverified, .. } = &refused else {
        panic!("{refused}");
    };
    let named: Vec<_> = unverified
        .iter()
        .map(|it| (it.id, it.url.clone()))
        .collect();
    assert_eq!(named, [(2, Some(away)), (3, None)]);
}

#[tokio::test]
async fn voter_at_the_address_of_another_is_not_taken_for_it() {
    let network = grown();
    let replicas = replicas(&network).await;
    let mut table: Vec<_> = replicas.iter().map(|one| one.url.to_string()).collect();
    table[2] = table[1].clone();
    replicas[0].show(|shown| shown.table = table);
    let service = client(&Memory::new(network.id()), &[&replicas[0].url]);
    let refused = service.verify_voters().await.expect_err("3 is 2");
    assert!(
        refused.to_string().contains("replica 2 answers there"),
        "{refused}"
    );
}

#[tokio::test]
async fn voter_that_shows_another_configuration_is_not_verified() {
    let mut network = grown();
    let replicas = replicas(&network).await;
    network.configure(&[1, 2, 3, 4]);
    replicas[2].show(|shown| shown.network = network.clone());
    let service = client(&Memory::new(network.id()), &[&replicas[0].url]);
    let refused = service.verify_voters().await.expect_err("3 is ahead");
    let VotersError::Unverified { unverified, .. } = &refused else {
        panic!("{refused}");
    };
    assert!(unverified.iter().any(|it| it.id == 3), "{refused}");
}
