//! A synod of real processes on loopback, and the small language that the claims are written in.
//!
//! Each node is this very test program, started again to run
//! [`node_process`](crate::processes::node_process) alone: so the measurement that the simulated
//! TEEs report is that of this file, and nothing needs to be built beside it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal};
use synod_api::{Consistency, HealthReply, NetworkReply, Standing};
use synod_attestation::{Expected, Freshness, Measurement, Policy, Role, Tee};
use synod_channel::{Appraiser, KeyFiles, ServerTrust};
use synod_client::{
    ClientError, ReplicaUrl, RetryPolicy, Service, Trust, Verifier, WriteOptions, Written,
    fresh_nonce, observe,
};
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey};
use synod_governance::{
    Act, Action, Approval, AttestedStatement, JoinRule, Manifest, ManifestFile, MemberEntry,
    REMOVAL_GRACE_S_DEFAULT, UNHEARD_S_DEFAULT, UserEntry,
};
use synod_identity::{AttesterChoice, EndorsementsConfig, LogLevel};
use synod_node::{
    AppsConfig, Beginning, Durability, LEAVE_MAX_DEFAULT, NodeConfig, NodeLimits, ServiceUrl,
    segment_files,
};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Names the configuration file to the process that runs a node.
pub(crate) const CONFIG_VARIABLE: &str = "SYNOD_TEST_NODE_CONFIG";

/// A node's process and what it was started with.
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    child: Child,
}

/// A synod, its members and its user.
pub(crate) struct Synod {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) network: Digest,
    pub(crate) nodes: Vec<Node>,
    user: KeyFiles,
    sequence: u64,
}

pub(crate) fn member(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([0x80 + number; 32]))
}

fn manifest(user: &KeyFiles) -> Manifest {
    let measured = synod_identity::measurement().expect("this program's file");
    let measurement = Measurement::try_from(&measured[..]).expect("48 bytes");
    let workloads: Vec<_> = [Tee::SevSnp, Tee::Tdx, Tee::Nitro]
        .into_iter()
        .map(|tee| (tee, measurement.clone(), "synod"))
        .collect();
    let members = (0..3).map(|number| MemberEntry {
        name: format!("member{number}"),
        key: member(number).public(),
        share_key: HpkeSecretKey::from_seed(&Secret::new([0xc0 + number; 32])).public(),
        tls: None,
    });
    Manifest::try_from(ManifestFile {
        version: synod_governance::FORMAT,
        name: "test".to_owned(),
        start_time_ms: 1_700_000_000_000,
        threshold: 2,
        recovery_threshold: 2,
        required_vendors: 2,
        join: JoinRule::Verdict,
        removal_grace_s: REMOVAL_GRACE_S_DEFAULT,
        unheard_s: UNHEARD_S_DEFAULT,
        open_voters: 1,
        members: members.collect(),
        users: vec![UserEntry {
            name: "user".to_owned(),
            fingerprint: user.fingerprint,
            roles: ["read".to_owned(), "write".to_owned()].into(),
        }],
        policy: Policy::development(&workloads),
    })
    .expect("a manifest")
}

fn user() -> KeyFiles {
    KeyFiles::generate(&Secret::new([5; 32]), "user", 0, 4_000_000_000_000).expect("keys")
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A configuration for a node in a folder of its own.
pub(crate) fn config(dir: &Path, tee: Tee, beginning: Beginning) -> NodeConfig {
    let (port, peer_port) = (free_port(), free_port());
    NodeConfig {
        dir: dir.to_owned(),
        listen: ([127, 0, 0, 1], port).into(),
        peer_listen: ([127, 0, 0, 1], peer_port).into(),
        public_url: ServiceUrl::parse(&format!("https://127.0.0.1:{port}")).expect("an address"),
        peer_address: format!("127.0.0.1:{peer_port}"),
        attester: AttesterChoice::Simulated(tee),
        durability: Durability::Disk,
        reattest_every: None,
        leave: true,
        leave_max: LEAVE_MAX_DEFAULT,
        stop_with_stdin: true,
        log: LogLevel::Info,
        beginning,
        endorsements: EndorsementsConfig::default(),
        limits: NodeLimits::default(),
        apps: AppsConfig::default(),
    }
}

impl Node {
    /// Starts a process with this configuration; its log goes to `log` in its folder.
    pub(crate) fn start(config: NodeConfig) -> Self {
        Self::start_after("true", config)
    }

    /// The same, after a command of the shell that the process comes from.
    pub(crate) fn start_after(command: &str, config: NodeConfig) -> Self {
        std::fs::create_dir_all(&config.dir).expect("a folder");
        let file = config.dir.join("node.toml");
        std::fs::write(&file, config.to_toml()).expect("a configuration");
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(config.dir.join("log"))
            .expect("a log");
        // A write past the limit of a file's size must fail, as on a full disk, and not end the
        // process.
        let child = Command::new("sh")
            .arg("-c")
            .arg(format!("trap '' XFSZ; {command}; exec \"$0\" \"$@\""))
            .arg(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "processes::node_process",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CONFIG_VARIABLE, &file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a process");
        Self { config, child }
    }

    pub(crate) fn url(&self) -> ReplicaUrl {
        self.config.public_url.as_str().parse().expect("an address")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.config.dir.join("log")).expect("a log")
    }

    /// Waits until the log holds `text`.
    pub(crate) async fn await_log(&self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            assert!(
                begun.elapsed() < PATIENCE,
                "never told: {text}; log: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The ledger folders of this and earlier runs.
    pub(crate) fn ledgers(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.config.dir).expect("the folder");
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("ledger-"))
            })
            .collect();
        folders.sort();
        folders
    }

    /// Ends the process as a loss of power would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// Lets no file of the process grow past `bytes`: its disk is full. None lifts the limit.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        rustix::process::prlimit(Some(pid), Resource::Fsize, limit)
            .expect("a limit of our own child");
    }

    /// Holds the process up: it keeps its connections and does nothing.
    pub(crate) fn suspend(&self) {
        self.send(Signal::STOP);
    }

    /// Lets a process that was held up go on.
    pub(crate) fn resume(&self) {
        self.send(Signal::CONT);
    }

    /// Asks the process to stop by closing its standard input; whether it ended well.
    pub(crate) fn stop(&mut self) -> bool {
        drop(self.child.stdin.take());
        self.ended()
    }

    /// Sends SIGTERM; whether the process ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        self.signal(Signal::TERM)
    }

    /// Sends a signal; whether the process ended well.
    pub(crate) fn signal(&mut self, signal: Signal) -> bool {
        self.send(signal);
        self.ended()
    }

    fn send(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits for the end of the process; whether it ended well.
    pub(crate) fn ended(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the node does not end: {}", self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Synod {
    /// A founder that waits for its members, in the folder that is given back.
    pub(crate) async fn waiting_founder() -> (Node, tempfile::TempDir) {
        Self::waiting_founder_on(&manifest(&user())).await
    }

    async fn waiting_founder_on(manifest: &Manifest) -> (Node, tempfile::TempDir) {
        Self::waiting_founder_within(manifest, NodeLimits::default(), "true").await
    }

    async fn waiting_founder_within(
        manifest: &Manifest,
        limits: NodeLimits,
        command: &str,
    ) -> (Node, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("manifest.toml");
        std::fs::write(&path, manifest.to_toml()).expect("a manifest");
        let beginning = Beginning::Start { manifest: path };
        let config = config(&dir.path().join("1"), Tee::SevSnp, beginning);
        let founder = Node::start_after(command, NodeConfig { limits, ..config });
        await_answer(&founder).await;
        (founder, dir)
    }

    /// A founder that two members approve.
    pub(crate) async fn found() -> Self {
        Self::found_on(manifest(&user())).await
    }

    async fn found_on(manifest: Manifest) -> Self {
        Self::found_within(manifest, NodeLimits::default(), "true").await
    }

    /// A founder alone, open to users: one vendor is enough.
    pub(crate) async fn alone() -> Self {
        Self::alone_within(NodeLimits::default(), "true").await
    }

    /// The same within these limits, started after a command of the shell.
    pub(crate) async fn alone_within(limits: NodeLimits, command: &str) -> Self {
        let one_vendor = Manifest::try_from(ManifestFile {
            required_vendors: 1,
            ..manifest(&user()).file().clone()
        });
        let manifest = one_vendor.expect("a manifest");
        let mut synod = Self::found_within(manifest, limits, command).await;
        synod.open().await;
        synod
    }

    async fn found_within(manifest: Manifest, limits: NodeLimits, command: &str) -> Self {
        let (founder, dir) = Self::waiting_founder_within(&manifest, limits, command).await;
        let network = approve(&founder, &manifest).await;
        Self {
            dir,
            network,
            nodes: vec![founder],
            user: user(),
            sequence: 1,
        }
    }

    /// Three replicas of three vendors, open to users, whose verdicts lapse after so many seconds,
    /// and which are removed so many later.
    pub(crate) async fn short_lived(lifetime_s: u64, grace_s: u64) -> Self {
        let file = manifest(&user()).file().clone();
        let lifetime = |seconds| format!("verdict_lifetime_s = {seconds}\n");
        let policy = file.policy.to_toml();
        let short = policy.replace(&lifetime(7 * 24 * 3600), &lifetime(lifetime_s));
        assert_ne!(short, policy, "the policy says how long verdicts last");
        let manifest = Manifest::try_from(ManifestFile {
            policy: Policy::from_toml(&short).expect("a policy"),
            removal_grace_s: grace_s,
            ..file
        });
        let mut synod = Self::found_on(manifest.expect("a manifest")).await;
        synod.join(Tee::Tdx).await;
        synod.join(Tee::Nitro).await;
        synod.open().await;
        synod
    }

    /// Three replicas of three vendors, open to users.
    pub(crate) async fn three() -> Self {
        let mut synod = Self::found().await;
        synod.join(Tee::Tdx).await;
        synod.join(Tee::Nitro).await;
        synod.open().await;
        synod
    }

    /// The configuration of a node that joins through all nodes of now.
    pub(crate) fn joiner(&self, name: &str, tee: Tee) -> NodeConfig {
        let services = self
            .nodes
            .iter()
            .map(|node| node.config.public_url.clone())
            .collect();
        config(
            &self.dir.path().join(name),
            tee,
            Beginning::Join {
                network: self.network,
                services,
                policy: None,
                replaces: None,
            },
        )
    }

    /// A node joins; returns its place among the nodes once it votes.
    pub(crate) async fn join(&mut self, tee: Tee) -> usize {
        let name = (self.nodes.len() + 1).to_string();
        self.nodes.push(Node::start(self.joiner(&name, tee)));
        self.await_voter(self.nodes.len() - 1).await;
        self.nodes.len() - 1
    }

    /// Waits until the node at this place votes.
    pub(crate) async fn await_voter(&self, place: usize) {
        let url = self.nodes[place].url();
        self.await_network(&format!("{url} votes"), |network| votes(network, &url))
            .await;
    }

    /// Waits until the service says so of itself.
    pub(crate) async fn await_network(
        &self,
        what: &str,
        holds: impl Fn(&NetworkReply) -> bool,
    ) -> NetworkReply {
        let begun = Instant::now();
        let service = self.service();
        let mut newest = String::new();
        while begun.elapsed() < PATIENCE {
            match service.network().await {
                Ok(network) if holds(&network) => return network,
                other => newest = format!("{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let logs: Vec<String> = self.nodes.iter().map(Node::log).collect();
        panic!(
            "never seen: {what}; newest: {newest}; logs:\n{}",
            logs.join("\n---\n")
        );
    }

    /// A client that verifies every replica before it sends anything.
    pub(crate) fn service(&self) -> Service {
        self.service_by(Trust::Verified(Box::new(Verifier::new(self.network, None))))
    }

    /// A client that holds the manifest's policy and the network id, and knows no replica.
    pub(crate) fn stranger(&self) -> Service {
        let manifest = manifest(&self.user);
        let contexts = vec![self.network, manifest.digest()];
        self.service_by(Trust::Evidence {
            appraiser: Appraiser::new(manifest.policy().clone(), Role::Replica, contexts),
            network: self.network,
        })
    }

    fn service_by(&self, trust: Trust) -> Service {
        let urls = self.nodes.iter().map(Node::url);
        Service::new(
            urls,
            trust,
            Some(self.user.identity().expect("an identity")),
            RetryPolicy::default(),
        )
        .expect("a client")
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Written {
        let options = WriteOptions {
            receipt: true,
            ..WriteOptions::default()
        };
        match self
            .service()
            .put("records", key.as_bytes(), value.to_owned(), &options)
            .await
        {
            Ok(written) => written,
            Err(error) => panic!("{key} was not written: {error}"),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let found = self
            .service()
            .get("records", key.as_bytes(), Consistency::Linearizable)
            .await;
        found
            .expect("an answer")
            .map(|found| String::from_utf8(found.value.to_vec()).expect("text"))
    }

    /// Two members open the service with the replicas that vote now, each of which is verified
    /// first.
    pub(crate) async fn open(&mut self) {
        let voters = self.service().verify_voters().await;
        let opened = voters.expect("every voter is sound").configuration();
        self.act(Act::Open {
            configuration: opened.number,
            digest: opened.digest,
        })
        .await;
    }

    /// Two members sign an act.
    pub(crate) async fn act(&mut self, act: Act) {
        let action = Action {
            network: self.network,
            sequence: self.sequence,
            act,
        };
        let signatures = (0..2)
            .map(|number| action.sign(&member(number)).into())
            .collect();
        self.service()
            .act(signatures)
            .await
            .expect("the act is carried out");
        self.sequence += 1;
    }

    /// What one replica says of its health.
    pub(crate) async fn ready(&self, place: usize) -> Result<HealthReply, ClientError> {
        self.service().ready(&self.nodes[place].url()).await
    }

    /// What one replica says of the network.
    pub(crate) async fn network_of(&self, place: usize) -> NetworkReply {
        let verifier = Box::new(Verifier::new(self.network, None));
        let url = self.nodes[place].url();
        let service = Service::new(
            [url],
            Trust::Verified(verifier),
            None,
            RetryPolicy::default(),
        );
        let network = service.expect("a client").network().await;
        network.expect("an answer")
    }

    /// Waits until the node at this place has certified the block at `index`.
    pub(crate) async fn await_certified(&self, place: usize, index: u64) {
        self.await_network_of(place, &format!("{index} certified"), |network| {
            network.certified_index >= index
        })
        .await;
    }

    /// Waits until one replica says so of the network.
    pub(crate) async fn await_network_of(
        &self,
        place: usize,
        what: &str,
        holds: impl Fn(&NetworkReply) -> bool,
    ) {
        let begun = Instant::now();
        loop {
            let network = self.network_of(place).await;
            if holds(&network) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "never seen: {what}; newest: {network:?}; log: {}",
                self.nodes[place].log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The place of the replica that leads.
    pub(crate) async fn leader(&self) -> usize {
        let network = self
            .await_network("a leader", |network| network.leader.is_some())
            .await;
        let leader = network
            .replicas
            .iter()
            .find(|replica| Some(replica.id) == network.leader)
            .expect("a replica");
        let url: ReplicaUrl = leader.url.parse().expect("an address");
        self.nodes
            .iter()
            .position(|node| node.url() == url)
            .expect("one of ours")
    }
}

/// Whether the replica with this address is a voter.
pub(crate) fn votes(network: &NetworkReply, url: &ReplicaUrl) -> bool {
    let url = url.to_string();
    network.replicas.iter().any(|replica| {
        replica.standing == Standing::Voter
            && replica.url.trim_end_matches('/') == url.trim_end_matches('/')
    })
}

/// Appraises the founder as the members would, and hands two approvals in.
async fn approve(founder: &Node, manifest: &Manifest) -> Digest {
    let seen = await_answer(founder).await;
    let parts = seen.read().expect("a fresh answer of the attested key");
    let expected = Expected {
        role: Role::Replica,
        context: manifest.digest(),
        freshness: Freshness::Elsewhere,
    };
    let verdict = manifest
        .policy()
        .appraise(
            &parts.evidence,
            &parts.endorsements,
            &parts.statement,
            &expected,
            seen.attestation.collected_ms,
        )
        .expect("sound evidence");
    let attested = AttestedStatement {
        statement: parts.statement,
        evidence: parts.evidence,
        endorsements: parts.endorsements,
    };
    let approval = Approval::of(manifest.digest(), &attested);
    let trust = Trust::Authority(ServerTrust::attested(&verdict).expect("a key"));
    let service =
        Service::new([founder.url()], trust, None, RetryPolicy::default()).expect("a client");
    let too_few = approvals(&[approval.sign(&member(0))]);
    service
        .bootstrap(&founder.url(), too_few.into())
        .await
        .expect_err("one approval is too few");
    let enough = approvals(&[approval.sign(&member(0)), approval.sign(&member(1))]);
    let answer = service
        .bootstrap(&founder.url(), enough.into())
        .await
        .expect("a network");
    minicbor::decode(&answer).expect("a network id")
}

fn approvals(signatures: &[Vec<u8>]) -> Vec<u8> {
    let list: Vec<minicbor::bytes::ByteVec> = signatures
        .iter()
        .map(|bytes| bytes.clone().into())
        .collect();
    minicbor::to_vec(list).expect("writing to memory")
}

async fn await_answer(node: &Node) -> synod_client::Observation {
    let begun = Instant::now();
    loop {
        match observe(&node.url(), fresh_nonce().expect("randomness"), PATIENCE).await {
            Ok(seen) => return seen,
            Err(error) if begun.elapsed() > PATIENCE => {
                panic!("no answer: {error}; log: {}", node.log())
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The ledger's bytes in a folder, segment by segment.
pub(crate) fn segments(folder: &Path) -> Vec<bytes::Bytes> {
    let files = segment_files(folder).expect("the folder");
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a file").into())
        .collect()
}
