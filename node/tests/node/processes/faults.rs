//! Claims about faults: full disks, ports in use, damaged files, and services that are not what
//! they say.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use synod_api::{ErrorCode, NetworkReply};
use synod_attestation::{Policy, Tee};
use synod_channel::{Clock, dangerous_observe_config};
use synod_client::{Connection, Repeat, Request, Service, WriteOptions};
use synod_crypto::Digest;
use synod_node::{Beginning, segment_files};

use crate::processes::load::Load;
use crate::processes::synod::{Node, PATIENCE, Synod};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_refuses_writes_answers_reads_and_recovers() {
    let synod = Synod::alone().await;
    synod.put("a", "1").await;
    let full = length_at_rest(&synod.nodes[0]).await + 100;
    synod.nodes[0].limit_files(Some(full));
    let options = WriteOptions {
        pending: true,
        ..WriteOptions::default()
    };
    let service = synod.service();
    let first = service
        .put("records", b"b", "2", &options)
        .await
        .expect("in the log, not on the disk");
    let refused = refusal_of_a_write(&service).await;
    assert_eq!(refused, ErrorCode::StorageFull);
    assert_eq!(synod.get("a").await.as_deref(), Some("1"), "reads go on");
    assert_eq!(
        synod.get("b").await,
        None,
        "what is not certified is not shown"
    );
    synod.nodes[0].limit_files(None);
    synod.nodes[0]
        .await_log("the disk takes writes again")
        .await;
    synod.put("c", "3").await;
    assert_eq!(
        synod.get("b").await.as_deref(),
        Some("2"),
        "transaction {first:?} was kept"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_whose_disk_alone_is_full_hands_over_no_write_fails_and_its_alarm_ends_with_the_fault()
 {
    let synod = Synod::three().await;
    // The ledger outgrows the log, so that the limit leaves room for what the node has to say.
    synod.put("large", &"x".repeat(1 << 17)).await;
    let full = synod.leader().await;
    let load = Load::start(synod.service());
    load.await_more(20).await;
    let file = segment_files(&synod.nodes[full].ledgers()[0]).expect("a folder");
    let length = std::fs::metadata(&file[0]).expect("a file").len();
    synod.nodes[full].limit_files(Some(length));
    synod.nodes[full].await_log("the disk refuses writes").await;
    load.await_more(50).await;
    assert_ne!(synod.leader().await, full, "another leads");
    let refuses = |network: &NetworkReply| {
        let mut alarms = network.alarms.iter();
        alarms.any(|alarm| alarm.contains("does not take writes"))
    };
    let network = synod.network_of(full).await;
    assert!(refuses(&network), "{:?}", network.alarms);
    let refused = synod.ready(full).await.expect_err("not ready");
    assert!(refused.to_string().contains("503"), "{refused}");
    synod.nodes[full].limit_files(None);
    let newest = synod.network_of(synod.leader().await).await.certified_index;
    synod.await_certified(full, newest).await;
    synod
        .await_network_of(full, "the end of the alarm", |network| !refuses(network))
        .await;
    synod.ready(full).await.expect("ready again");
    load.expect_all(&synod).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_whose_ledger_is_lost_while_they_run_say_so_and_acknowledge_nothing() {
    let synod = Synod::three().await;
    synod.put("a", "1").await;
    let leader = synod.leader().await;
    let followers: Vec<usize> = (0..3).filter(|place| *place != leader).collect();
    let folders: Vec<PathBuf> = (0..3)
        .map(|place| synod.nodes[place].ledgers().remove(0))
        .collect();
    let [deleted, moved] = [followers[0], followers[1]];
    std::fs::remove_dir_all(&folders[deleted]).expect("a folder");
    synod.put("b", "2").await;
    let away = synod.dir.path().join("away");
    std::fs::rename(&folders[moved], &away).expect("a folder");
    // An empty folder in its place is no ledger.
    std::fs::create_dir(&folders[moved]).expect("a folder");
    let service = synod.service();
    let options = WriteOptions::default();
    let write = service.put("records", b"c", "3", &options);
    assert!(
        tokio::time::timeout(Duration::from_secs(3), write)
            .await
            .is_err(),
        "two of three replicas have no ledger: nothing is durable"
    );
    for place in [deleted, moved] {
        let node = &synod.nodes[place];
        node.await_log("the disk refuses writes").await;
        let folder = folders[place].file_name().expect("a name");
        let alarms = synod.network_of(place).await.alarms;
        let told = alarms.iter().any(|alarm| {
            alarm.contains("does not take writes") && alarm.contains(&*folder.to_string_lossy())
        });
        assert!(told, "{alarms:?}");
        let refused = synod.ready(place).await.expect_err("not ready");
        assert!(refused.to_string().contains("503"), "{refused}");
    }
    std::fs::remove_dir(&folders[moved]).expect("a folder");
    std::fs::rename(&away, &folders[moved]).expect("a folder");
    synod.nodes[moved]
        .await_log("the disk takes writes again")
        .await;
    synod.put("d", "4").await;
    assert_eq!(synod.get("c").await.as_deref(), Some("3"), "it was kept");
    synod.ready(moved).await.expect("ready again");
    synod.ready(deleted).await.expect_err("its ledger is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_whose_ledger_is_deleted_while_it_runs_takes_no_writes() {
    let synod = Synod::alone().await;
    synod.put("a", "1").await;
    std::fs::remove_dir_all(synod.nodes[0].ledgers().remove(0)).expect("a folder");
    // It is noticed without any write as well.
    synod.nodes[0].await_log("the disk refuses writes").await;
    let refused = refusal_of_a_write(&synod.service()).await;
    assert_eq!(refused, ErrorCode::StorageFull);
    assert_eq!(synod.get("a").await.as_deref(), Some("1"), "reads go on");
}

/// The length of the node's first ledger file, once nothing is written any more.
async fn length_at_rest(node: &Node) -> u64 {
    let file = segment_files(&node.ledgers()[0])
        .expect("a folder")
        .remove(0);
    let mut before = 0;
    loop {
        let length = std::fs::metadata(&file).expect("a file").len();
        if length == before {
            return length;
        }
        before = length;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// The code with which writes come to be refused.
async fn refusal_of_a_write(service: &Service) -> ErrorCode {
    let options = WriteOptions {
        pending: true,
        ..WriteOptions::default()
    };
    for _ in 0..200 {
        if let Err(error) = service.put("records", b"x", "2", &options).await {
            return error.code().unwrap_or_else(|| panic!("{error}"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("writes are never refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_in_use_is_told_and_nothing_is_made() {
    let synod = Synod::found().await;
    let mut config = synod.joiner("second", Tee::Tdx);
    config.listen = synod.nodes[0].config.listen;
    let mut second = Node::start(config.clone());
    assert!(!second.ended());
    let told = format!("cannot listen on {}", config.listen);
    assert!(second.log().contains(&told), "{}", second.log());
    assert!(second.ledgers().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joiner_believes_no_service_of_another_network() {
    let synod = Synod::found().await;
    let mut config = synod.joiner("second", Tee::Tdx);
    let services = vec![synod.nodes[0].config.public_url.clone()];
    config.beginning = Beginning::Join {
        network: Digest::from([7; 32]),
        services,
        policy: None,
        replaces: None,
    };
    let mut second = Node::start(config);
    assert!(!second.ended());
    assert!(second.log().contains("network"), "{}", second.log());
    assert!(second.ledgers().is_empty());
    assert_eq!(
        synod
            .service()
            .network()
            .await
            .expect("an answer")
            .replicas
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joiner_with_a_production_policy_refuses_simulated_replicas() {
    let synod = Synod::found().await;
    let mut config = synod.joiner("second", Tee::Tdx);
    let policy = synod.dir.path().join("production.toml");
    let workloads = [(
        Tee::SevSnp,
        synod_identity::measurement().expect("this program's file"),
    )];
    let workloads =
        workloads.map(|(tee, bytes)| (tee, bytes[..].try_into().expect("48 bytes"), "synod"));
    std::fs::write(&policy, Policy::production(&workloads).to_toml()).expect("a policy");
    let Beginning::Join { policy: own, .. } = &mut config.beginning else {
        panic!("it joins")
    };
    *own = Some(policy);
    let mut second = Node::start(config);
    assert!(!second.ended());
    assert!(
        second.log().contains("not verified") || second.log().contains("refused"),
        "{}",
        second.log()
    );
    assert!(second.ledgers().is_empty());
}

/// How many bytes of the ledger the first node gives, and whether it breaks off: that may overtake
/// the answer's head.
async fn streamed(synod: &Synod) -> (usize, bool) {
    let url = synod.nodes[0].url();
    let Ok(mut stream) = synod.service().ledger(&url, 1).await else {
        return (0, true);
    };
    let mut given = 0;
    loop {
        match stream.next().await {
            Ok(Some(piece)) => given += piece.len(),
            Ok(None) => return (given, false),
            Err(_) => return (given, true),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_ledger_file_is_named_and_cuts_the_stream_off() {
    let synod = Synod::alone().await;
    synod.put("a", "1").await;
    let file = segment_files(&synod.nodes[0].ledgers()[0])
        .expect("a folder")
        .remove(0);
    let segment = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&file)
        .expect("a file");
    let mut byte = [0];
    segment.read_exact_at(&mut byte, 300).expect("a byte");
    segment.write_all_at(&[byte[0] ^ 1], 300).expect("a byte");
    let (given, cut_off) = streamed(&synod).await;
    assert!(cut_off && given == 0, "{given} bytes were given");
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(
        synod.nodes[0].log().contains(&name),
        "{}",
        synod.nodes[0].log()
    );
    assert_eq!(
        synod.get("a").await.as_deref(),
        Some("1"),
        "what is in memory was never read from the disk"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joiner_takes_the_rest_of_the_ledger_from_another_replica_where_the_leaders_is_damaged() {
    let mut synod = Synod::three().await;
    for n in 0..5 {
        synod.put("a", &n.to_string()).await;
    }
    let leader = synod.leader().await;
    let file = segment_files(&synod.nodes[leader].ledgers()[0])
        .expect("a folder")
        .remove(0);
    let segment = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&file)
        .expect("a file");
    let middle = segment.metadata().expect("a file").len() / 2;
    let mut byte = [0];
    segment.read_exact_at(&mut byte, middle).expect("a byte");
    segment
        .write_all_at(&[byte[0] ^ 1], middle)
        .expect("a byte");
    let joiner = synod.join(Tee::SevSnp).await;
    let log = synod.nodes[joiner].log();
    assert!(log.contains("the next replica is asked"), "{log}");
    assert_eq!(synod.get("a").await.as_deref(), Some("4"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn founder_without_approvals_serves_nothing() {
    let (founder, _dir) = Synod::waiting_founder().await;
    let tls = dangerous_observe_config(&Clock::system());
    let connection = Connection::open(&founder.url(), tls, PATIENCE)
        .await
        .expect("a connection");
    let statuses = [
        ("/livez", 200),
        ("/readyz", 503),
        ("/v1/network", 200),
        ("/v1/chain", 503),
        ("/v1/ledger", 503),
        ("/v1/governance", 503),
        ("/v1/tx/1.1", 503),
        ("/v1/kv/records/a", 401),
    ];
    for (path, status) in statuses {
        let answer = connection
            .exchange(&Request::get(path), PATIENCE)
            .await
            .expect("an answer");
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
    let approvals = Request::post_cbor("/v1/bootstrap", vec![0xff], Repeat::Never);
    let answer = connection
        .exchange(&approvals, PATIENCE)
        .await
        .expect("an answer");
    assert_eq!(answer.status.as_u16(), 400, "malformed approvals");
}
