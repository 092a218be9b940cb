//! Chains and receipts that do not hold: every command that reads one ends with exit code 3,
//! whether a file or a service brought it.

use std::path::Path;
use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use synod_api::{ChainFile, ErrorCode, Limits, TxId};
use synod_channel::{Clock, PublicDoor, ServiceCa, TlsKey};
use synod_crypto::{Digest, Secret};
use synod_gateway::app::AppAnswer;
use synod_gateway::{Answer, Backend, Caller, Gateway, app, governance, kv, ledger, network};
use synod_ledger::{Record, SegmentHeader};
use synod_testbed::{Synod, Workshop};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::program::command;

const NOT_VERIFIED: Option<i32> = Some(3);
const HOUR_MS: u64 = 3_600_000;
const RUBBISH: Bytes = Bytes::from_static(b"hello");

/// What is true of one network: its id, its chain, and a receipt.
#[derive(Clone)]
struct Truth {
    network: Digest,
    chain: Bytes,
    receipt: Bytes,
    id: TxId,
}

impl Truth {
    fn of(name: &str) -> Self {
        let workshop = Workshop::new().expect("an engine");
        let mut synod = Synod::found(name, &workshop).expect("founded");
        let id = synod
            .act(synod_governance::Act::SetUser {
                name: "user".to_owned(),
                fingerprint: [7; 32].into(),
                roles: ["read".to_owned()].into(),
            })
            .expect("committed");
        let asked = synod.ask(
            synod_replica::ledger::Receipt(id),
            synod_replica::Caller::default(),
        );
        let Ok(Ok(receipt)) = asked else {
            panic!("no receipt: {asked:?}")
        };
        Self {
            network: synod.network(),
            chain: synod.chain_file(),
            receipt,
            id,
        }
    }
}

/// A service whose authority is trusted, and which says this.
#[derive(Clone)]
struct Says {
    chain: Bytes,
    receipt: Bytes,
    id: TxId,
}

impl Backend for Says {
    async fn kv(&self, _caller: Caller, _call: kv::Call) -> Answer<kv::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn app(&self, _caller: Caller, call: app::Call) -> Answer<app::Reply> {
        match call {
            app::Call::Request(_) => Ok(app::Reply::Answered(Box::new(AppAnswer {
                status: 200,
                headers: Vec::new(),
                body: Bytes::new(),
                transaction: self.id,
                receipt: Some(self.receipt.clone()),
            }))),
            _ => Err(ErrorCode::NotReady.into()),
        }
    }

    async fn ledger(&self, _caller: Caller, call: ledger::Call) -> Answer<ledger::Reply> {
        match call {
            ledger::Call::Chain => Ok(ledger::Reply::Chain(self.chain.clone())),
            ledger::Call::Receipt(transaction) => Ok(ledger::Reply::Receipt {
                transaction,
                file: self.receipt.clone(),
            }),
            _ => Err(ErrorCode::NotReady.into()),
        }
    }

    async fn governance(
        &self,
        _caller: Caller,
        _call: governance::Call,
    ) -> Answer<governance::Reply> {
        Err(ErrorCode::NotReady.into())
    }

    async fn network(&self, _caller: Caller, _call: network::Call) -> Answer<network::Reply> {
        Err(ErrorCode::NotReady.into())
    }
}

impl Says {
    /// Serves for as long as the test runs, and leaves a trust file for it in the folder.
    async fn serve(self, dir: &Path, network: Digest) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = since_1970.expect("a clock").as_millis() as u64;
        let secret = Secret::new([1; 32]);
        let authority = ServiceCa::new(&secret, network, now_ms - HOUR_MS).expect("an authority");
        let key = TlsKey::from_seed(&Secret::new([2; 32]));
        let names = ["127.0.0.1".to_owned()];
        let issued = authority.issue(key.spki(), &names, now_ms - HOUR_MS, now_ms + HOUR_MS);
        let door = PublicDoor::new(&key, &issued.expect("a certificate"), &Clock::system());
        let acceptor = TlsAcceptor::from(door.expect("a door").config());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let pem = authority.certificate().pem();
        let trust = format!(
            "version = 1\nnetwork = \"{network}\"\nurls = [\"https://{address}\"]\nservice_ca = '''\n{pem}'''\n"
        );
        std::fs::write(dir.join("trust.toml"), trust).expect("a file");
        let gateway = Gateway::new(self, Limits::default());
        let (lives, stopping) = watch::channel(false);
        tokio::spawn(async move {
            let _lives = lives;
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, gateway) = (acceptor.clone(), gateway.clone());
                let stopping = stopping.clone();
                tokio::spawn(async move {
                    let caller = Caller {
                        fingerprint: Some([7; 32]),
                        ..Caller::default()
                    };
                    if let Ok(stream) = acceptor.accept(stream).await {
                        gateway.serve(stream, caller, stopping).await;
                    }
                });
            }
        });
    }
}

async fn synod(dir: &Path, line: &str) -> Output {
    let mut command = command(dir, line.split_whitespace());
    let ran = tokio::task::spawn_blocking(move || command.output());
    ran.await.expect("no panic").expect("the program runs")
}

async fn expect(dir: &Path, line: &str, code: Option<i32>) {
    let output = synod(dir, line).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), code, "{line}: {said}");
}

/// What asks a service for a chain, a receipt or both. `old.receipt` is a true one.
const ASKING: [&str; 3] = [
    "app call notes PUT /x --trust trust.toml --via-ca",
    "receipt renew old.receipt --trust trust.toml --via-ca",
    "receipt verify old.receipt --trust trust.toml --via-ca",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chain_of_a_service_that_does_not_hold_proves_nothing() {
    let (ours, other) = (Truth::of("ours"), Truth::of("other"));
    let mut cut = ours.chain.to_vec();
    cut.pop();
    for chain in [RUBBISH, cut.into(), other.chain] {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("old.receipt"), &ours.receipt).expect("a file");
        let says = Says {
            chain,
            receipt: ours.receipt.clone(),
            id: ours.id,
        };
        says.serve(dir.path(), ours.network).await;
        for line in ASKING {
            expect(dir.path(), line, NOT_VERIFIED).await;
        }
        let kept = std::fs::read(dir.path().join("old.receipt")).expect("a file");
        assert_eq!(
            kept, ours.receipt,
            "a file that was not renewed is left alone"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_of_a_service_that_does_not_hold_proves_nothing() {
    let (ours, other) = (Truth::of("ours"), Truth::of("other"));
    let mut flipped = ours.receipt.to_vec();
    *flipped.last_mut().expect("bytes") ^= 1;
    for receipt in [RUBBISH, flipped.into(), other.receipt] {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("old.receipt"), &ours.receipt).expect("a file");
        let says = Says {
            chain: ours.chain.clone(),
            receipt,
            id: ours.id,
        };
        says.serve(dir.path(), ours.network).await;
        for line in &ASKING[..2] {
            expect(dir.path(), line, NOT_VERIFIED).await;
        }
        let kept = std::fs::read(dir.path().join("old.receipt")).expect("a file");
        assert_eq!(kept, ours.receipt);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_and_chain_of_a_service_that_hold_are_verified() {
    let ours = Truth::of("ours");
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("old.receipt"), &ours.receipt).expect("a file");
    let says = Says {
        chain: ours.chain.clone(),
        receipt: ours.receipt.clone(),
        id: ours.id,
    };
    says.serve(dir.path(), ours.network).await;
    for line in &ASKING[1..] {
        expect(dir.path(), line, Some(0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_do_not_hold_prove_nothing() {
    let (ours, other) = (Truth::of("ours"), Truth::of("other"));
    let dir = tempfile::tempdir().expect("a folder");
    let files: [(&str, &Bytes); 6] = [
        ("chain", &ours.chain),
        ("other.chain", &other.chain),
        ("receipt", &ours.receipt),
        ("other.receipt", &other.receipt),
        ("rubbish", &RUBBISH),
        ("empty", &Bytes::new()),
    ];
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).expect("a file");
    }
    let network = ours.network;
    let verify = |receipt: &str, chain: &str| {
        format!("receipt verify {receipt} --chain {chain} --network {network}")
    };
    expect(dir.path(), &verify("receipt", "chain"), Some(0)).await;
    for (receipt, chain) in [
        ("receipt", "other.chain"),
        ("receipt", "rubbish"),
        ("receipt", "empty"),
        ("other.receipt", "chain"),
        ("rubbish", "chain"),
        ("empty", "chain"),
    ] {
        expect(dir.path(), &verify(receipt, chain), NOT_VERIFIED).await;
    }
}

/// A ledger's first file, with this block 0.
fn ledger(network: Digest, block0: Bytes) -> Vec<u8> {
    let header = SegmentHeader {
        network,
        first_index: 1,
    };
    let mut bytes = header.encode().to_vec();
    Record::Block(block0).encode(&mut bytes);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledgers_that_do_not_hold_prove_nothing() {
    let (ours, other) = (Truth::of("ours"), Truth::of("other"));
    let block0 = |truth: &Truth| ChainFile::decode(&truth.chain).expect("a chain").block0;
    let network = ours.network;
    let mut flipped = ledger(network, block0(&ours));
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let mut more = ledger(network, block0(&ours));
    Record::Block(block0(&ours)).encode(&mut more);
    let dir = tempfile::tempdir().expect("a folder");
    expect(dir.path(), "member keygen alice", Some(0)).await;
    for (number, bytes) in [
        flipped,
        more,
        ledger(network, block0(&other)),
        ledger(other.network, block0(&other)),
        ledger(network, RUBBISH),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = dir.path().join(number.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("00000001.ledger"), bytes).expect("a file");
        for line in [
            format!("ledger audit {number} --network {network}"),
            format!("ledger show {number} --network {network}"),
            format!("ledger show {number} --blocks --network {network}"),
            format!("ledger rebuild {number} --share alice.key --network {network}"),
        ] {
            expect(dir.path(), &line, NOT_VERIFIED).await;
        }
    }
}
