//! A client goes on past replicas that fail, whatever the failure, keeps the addresses that the
//! verified network names, and is led nowhere else. Real TLS and HTTP/2, real evidence of simulated
//! TEEs.

use std::time::{Duration, Instant};

use synod_client::{
    ClientError, Failure, Memory, ReplicaUrl, RetryPolicy, Service, StateFile, StepBack, Trust,
    TrustFile, Verifier, WriteOptions,
};

use crate::memory::network::Network;
use crate::memory::replica::Replica;

/// A network that replica 3 was removed from, as it was before and as it is.
fn removed() -> (Network, Network) {
    let mut before = Network::found();
    before.configure(&[1, 2]);
    before.configure(&[1, 2, 3]);
    let mut now = before.clone();
    now.configure(&[1, 2]);
    (before, now)
}

fn client(memory: &Memory, urls: &[&ReplicaUrl]) -> Service {
    let retry_policy = RetryPolicy {
        call: Duration::from_secs(20),
        ..RetryPolicy::default()
    };
    let verifier = Verifier::remembering(memory.clone(), None);
    let trust = Trust::Verified(Box::new(verifier));
    let urls = urls.iter().map(|url| (*url).clone());
    Service::new(urls, trust, None, retry_policy).unwrap()
}

async fn put(service: &Service) -> Result<(), ClientError> {
    let options = WriteOptions::default();
    let written = service.put("m", b"k", "v", &options).await?;
    assert_eq!(written.transaction_id.to_string(), "2.7");
    Ok(())
}

fn nobody() -> ReplicaUrl {
    "https://127.0.0.1:9".parse().unwrap()
}

#[tokio::test]
async fn removed_replica_that_comes_first_is_passed_over() {
    let (_, now) = removed();
    let (gone, there) = (Replica::start(3, &now).await, Replica::start(2, &now).await);
    let memory = Memory::new(now.id());
    let service = client(&memory, &[&gone.url, &there.url]);
    put(&service).await.unwrap();
    assert_eq!((gone.writes(), there.writes()), (0, 1));
    assert_eq!(service.replicas()[0], there.url);
}

#[tokio::test]
async fn removed_replica_that_does_not_know_it_is_passed_over_by_who_remembers() {
    let (before, now) = removed();
    let there = Replica::start(2, &now).await;
    let gone = Replica::start(3, &before).await;
    let memory = Memory::new(now.id());
    put(&client(&memory, &[&there.url])).await.unwrap();
    // The chain that it shows is sound, and it votes in it.
    put(&client(&Memory::new(now.id()), &[&gone.url]))
        .await
        .unwrap();
    let service = client(&memory, &[&gone.url, &there.url]);
    put(&service).await.unwrap();
    assert_eq!((gone.writes(), there.writes()), (1, 2));
}

#[tokio::test]
async fn replica_that_was_verified_is_verified_again_once_something_newer_was_seen() {
    let (before, now) = removed();
    let (gone, there) = (
        Replica::start(3, &before).await,
        Replica::start(2, &before).await,
    );
    let memory = Memory::new(now.id());
    let service = client(&memory, &[&gone.url, &there.url]);
    put(&service).await.unwrap();
    assert_eq!(gone.writes(), 1);
    there.show(|shown| shown.network = now.clone());
    memory.take_replica(&now.chain(), None).unwrap();
    // The connection to the first is still open, and nothing is sent over it any more.
    put(&service).await.unwrap();
    assert_eq!((gone.writes(), there.writes()), (1, 1));
}

#[tokio::test]
async fn all_that_fail_are_named_with_their_reasons() {
    let (before, now) = removed();
    let (gone, behind) = (
        Replica::start(3, &now).await,
        Replica::start(2, &before).await,
    );
    let memory = Memory::new(now.id());
    memory.take_replica(&now.chain(), None).unwrap();
    let begun = Instant::now();
    let error = put(&client(&memory, &[&gone.url, &behind.url]))
        .await
        .unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it hopes for long"
    );
    assert!(error.nothing_was_sent());
    let text = error.to_string();
    for part in [
        gone.url.to_string().as_str(),
        "is not a voter of configuration 3",
        behind.url.to_string().as_str(),
        "configuration 2 as the newest",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert!(
        matches!(error, ClientError::NoneLeft { failures, sent: false } if failures.len() == 2)
    );
    assert_eq!((gone.writes(), behind.writes()), (0, 0));
}

#[tokio::test]
async fn replica_that_is_behind_is_used_once_it_caught_up() {
    let (before, now) = removed();
    let behind = Replica::start(2, &before).await;
    let memory = Memory::new(now.id());
    memory.take_replica(&now.chain(), None).unwrap();
    let (late, caught_up) = (behind.clone(), now.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        late.show(|shown| shown.network = caught_up);
    });
    put(&client(&memory, &[&behind.url])).await.unwrap();
}

#[tokio::test]
async fn lone_replica_that_is_older_is_refused_under_its_own_name() {
    let (before, now) = removed();
    let behind = Replica::start(2, &before).await;
    let memory = Memory::new(now.id());
    memory.take_replica(&now.chain(), None).unwrap();
    let error = put(&client(&memory, &[&behind.url])).await.unwrap_err();
    let ClientError::NotVerified { why, .. } = error else {
        panic!("{error}");
    };
    let step_back = StepBack::OlderConfiguration {
        remembered: 3,
        shown: 2,
    };
    assert_eq!(why.failure, Failure::StepBack(step_back));
    let last = why.checks.last().unwrap();
    assert!(last.name == "memory" && !last.passed);
    assert!(why.checks.len() > 5, "the checks before are told as well");
}

#[tokio::test]
async fn fork_ends_the_call_and_no_other_replica_is_asked() {
    let (_, base) = removed();
    let (mut ours, mut theirs) = (base.clone(), base);
    ours.transact(1, "ours");
    theirs.transact(1, "theirs");
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::new(dir.path().join("trust.state"));
    let memory = Memory::open(file, ours.id()).unwrap();
    let (one, two) = (
        Replica::start(2, &ours).await,
        Replica::start(1, &theirs).await,
    );
    put(&client(&memory, &[&one.url])).await.unwrap();
    let error = put(&client(&memory, &[&two.url, &one.url]))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Forked { .. }), "{error}");
    assert!(error.to_string().contains("trust.state.fork-1"), "{error}");
    assert_eq!((one.writes(), two.writes()), (1, 0));
}

#[tokio::test]
async fn redirect_to_a_foreign_address_is_ignored_and_the_next_replica_is_asked() {
    let (_, now) = removed();
    let (liar, there) = (Replica::start(2, &now).await, Replica::start(1, &now).await);
    let foreign = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", foreign.local_addr().unwrap());
    let table = vec![liar.url.to_string(), there.url.to_string()];
    for location in [format!("{address}/v1/kv/m/k"), "nowhere".to_owned()] {
        liar.show(|shown| {
            shown.table.clone_from(&table);
            shown.redirect = Some(location);
        });
        let memory = Memory::new(now.id());
        put(&client(&memory, &[&liar.url, &there.url]))
            .await
            .unwrap();
    }
    assert_eq!((liar.writes(), there.writes()), (2, 2));
    let visited = tokio::time::timeout(Duration::from_millis(50), foreign.accept()).await;
    assert!(visited.is_err(), "the foreign machine was connected to");
}

#[tokio::test]
async fn redirect_of_the_only_replica_to_a_foreign_address_is_named() {
    let (_, now) = removed();
    let liar = Replica::start(2, &now).await;
    liar.show(|shown| {
        shown.table = vec![liar.url.to_string()];
        shown.redirect = Some("https://127.0.0.1:9/x".to_owned());
    });
    let memory = Memory::new(now.id());
    let error = put(&client(&memory, &[&liar.url])).await.unwrap_err();
    assert!(
        matches!(error, ClientError::ForeignRedirect { .. }),
        "{error}"
    );
    assert!(error.nothing_was_sent());
}

#[tokio::test]
async fn redirect_to_a_leader_that_joined_since_is_followed() {
    let (_, now) = removed();
    let (follower, leader) = (Replica::start(2, &now).await, Replica::start(1, &now).await);
    follower.show(|shown| shown.table = vec![follower.url.to_string()]);
    let memory = Memory::new(now.id());
    let service = client(&memory, &[&follower.url]);
    put(&service).await.unwrap();
    assert_eq!(
        memory.remembered().addresses(),
        std::slice::from_ref(&follower.url)
    );
    follower.show(|shown| {
        shown.table.push(leader.url.to_string());
        shown.redirect = Some(format!("{}/v1/kv/m/k", leader.url));
    });
    put(&service).await.unwrap();
    assert_eq!(leader.writes(), 1);
    assert_eq!(service.replicas()[0], leader.url);
}

#[tokio::test]
async fn addresses_that_the_network_names_are_used_within_the_run_and_in_the_next() {
    let (_, now) = removed();
    let (one, two) = (Replica::start(2, &now).await, Replica::start(1, &now).await);
    let table = vec![
        one.url.to_string(),
        two.url.to_string(),
        "rubbish".to_owned(),
    ];
    one.show(|shown| shown.table = table);
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::new(dir.path().join("trust.state"));
    let memory = Memory::open(file.clone(), now.id()).unwrap();
    let service = client(&memory, &[&one.url]);
    put(&service).await.unwrap();
    assert_eq!(service.replicas(), [one.url.clone(), two.url.clone()]);
    // The next run: the trust file names only what is gone.
    let trust = TrustFile {
        network: now.id(),
        urls: vec![nobody(), one.url.clone()],
        service_ca: None,
        policy: None,
        apps: Vec::new(),
    };
    let memory = Memory::open(file, now.id()).unwrap();
    let urls = trust.addresses(&memory.remembered());
    assert_eq!(urls, [one.url, two.url.clone(), nobody()]);
    put(&client(&memory, &[&nobody(), &two.url])).await.unwrap();
    assert_eq!(two.writes(), 1);
}

#[tokio::test]
async fn table_of_another_network_names_nobody() {
    let (_, now) = removed();
    let one = Replica::start(2, &now).await;
    let memory = Memory::new(now.id());
    memory.take_addresses(&[nobody()]).unwrap();
    // An empty table replaces nothing either.
    put(&client(&memory, &[&one.url])).await.unwrap();
    assert_eq!(memory.remembered().addresses(), [nobody()]);
}

#[tokio::test]
async fn watch_goes_on_past_a_removed_replica() {
    let (_, now) = removed();
    let (gone, there) = (Replica::start(3, &now).await, Replica::start(2, &now).await);
    let memory = Memory::new(now.id());
    let service = client(&memory, &[&gone.url, &there.url]);
    let mut watch = service.watch("m", b"", None);
    // What answers there is no stream of events; but it was asked.
    let ended = tokio::time::timeout(Duration::from_secs(15), watch.next()).await;
    assert!(ended.is_ok_and(|event| event.is_err()));
    let asked = there.shown.lock().unwrap().asked.clone();
    assert!(asked.iter().any(|path| path == "/v1/watch"), "{asked:?}");
    assert!(
        !gone
            .shown
            .lock()
            .unwrap()
            .asked
            .contains(&"/v1/watch".to_owned())
    );
}
