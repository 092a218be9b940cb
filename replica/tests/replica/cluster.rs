//! A synod in one process: virtual time, a seeded network, disks in memory. Equal seeds give equal
//! runs.
//!
//! The language of the tests: `found`, `join`, `stop`, `cut`, `put`, `run`, `expect_…`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use synod_attestation::{Measurement, NodeStatement, Policy, Role, Tee};
use synod_attester::{Attester, Simulated};
use synod_consensus::Tuning;
use synod_crypto::{Digest, Entropy, HpkeSecretKey, PublicKey, Secret, SigningKey, sha256};
use synod_governance::{
    Act, Action, Address, Approval, AttestedStatement, BlockRef, Founder, Input as GovernanceInput,
    Join, JoinRule, Manifest, ManifestFile, MemberEntry, Reattest, ReplicaRecord, ReplicaStatus,
    SignedAction, UserEntry, join_nonce,
};
use synod_kv::MapName;
use synod_ledger::{Block, LedgerSecret, Record, Scanner, SegmentHeader, TxId};
use synod_replica::app::{
    AppFault, Compile, CompileFault, Compiled, Completion, Executed, Execution,
};
use synod_replica::governance::Recorded;
use synod_replica::kv::{Condition, Operate, Operation};
use synod_replica::{
    Boot, Call, Caller, Effects, Envelope, Input, Keys, LedgerImport, Machine, Maps, Notice, Now,
    Recall, Replica, Reply, Request, found, governance, kv, receive_keys,
};

pub(crate) const START_MS: u64 = 1_800_000_000_000;
pub(crate) const MEASUREMENT: [u8; 48] = [0x5a; 48];
const TICK_MS: u64 = 20;

/// A replica with its disk.
pub(crate) struct Node {
    pub(crate) replica: Replica,
    /// The segment's bytes: what was written, synced or not.
    pub(crate) disk: Vec<u8>,
    unsynced: VecDeque<u64>,
    pub(crate) disk_works: bool,
    pub(crate) notices: Vec<Notice>,
    /// How often the replica said that peers or their addresses may be others now.
    pub(crate) membership_told: usize,
    /// What its host adds to the wall clock.
    pub(crate) clock_skew_ms: i64,
}

/// What stands in for the runtime of apps: told on whose behalf.
pub(crate) type Executor = Box<dyn FnMut(u64, &Execution) -> Result<Completion, AppFault>>;
pub(crate) type Compiler = Box<dyn FnMut(u64, &Compile) -> Result<(), CompileFault>>;

/// What a replica wants done beside it.
pub(crate) enum Work {
    Execute(Box<Execution>),
    Compile(Compile),
}

pub(crate) struct Cluster {
    pub(crate) executor: Executor,
    pub(crate) compiler: Compiler,
    /// Work that is to be done, by the replica that wants it.
    pub(crate) work: VecDeque<(u64, Work)>,
    /// Which work nobody does.
    pub(crate) lies: fn(&Work) -> bool,
    /// Chooses which piece of work is done next, and whether it waits a while; the oldest, at once,
    /// where there is none.
    pub(crate) scramble: Option<Entropy>,
    /// What replicas that boot from now on keep in memory.
    pub(crate) history_bytes_max: Option<usize>,
    pub(crate) tuning: Tuning,
    /// Changes what is read back from the disk.
    pub(crate) misread: fn(&mut Vec<Record>),
    pub(crate) network: Digest,
    pub(crate) now_ms: u64,
    pub(crate) nodes: BTreeMap<u64, Node>,
    pub(crate) replies: BTreeMap<u64, Reply>,
    pub(crate) members: Vec<SigningKey>,
    /// Who said what to whom. Evidence holds randomised signatures, so hashes and blocks are left
    /// out.
    pub(crate) trace: Vec<String>,
    wires: VecDeque<(u64, u64, Vec<u8>)>,
    /// Everything that carries a header, from whom to whom: what replicas show each other of their
    /// histories.
    pub(crate) sent: Vec<(u64, u64, Envelope)>,
    cuts: BTreeSet<(u64, u64)>,
    tampers: BTreeMap<u64, fn(&mut Envelope)>,
    next_call: u64,
    sequence: u64,
    entropy: Entropy,
    births: BTreeMap<PublicKey, Birth>,
}

pub(crate) fn member(n: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([0x80 + n; 32]))
}

pub(crate) fn share_key(n: u8) -> HpkeSecretKey {
    HpkeSecretKey::from_seed(&Secret::new([0xc0 + n; 32]))
}

pub(crate) fn user() -> Caller {
    Caller {
        fingerprint: Some(sha256(&[b"user"])),
    }
}

pub(crate) fn map(name: &str) -> MapName {
    MapName::new(name).expect("a map name")
}

pub(crate) fn manifest(required_vendors: u8) -> Manifest {
    let measurement = Measurement::try_from(&MEASUREMENT[..]).expect("a measurement");
    let workloads: Vec<_> = [Tee::SevSnp, Tee::Tdx, Tee::Nitro]
        .into_iter()
        .map(|tee| (tee, measurement.clone(), "synod"))
        .collect();
    let members = (0..3).map(|n| MemberEntry {
        name: format!("member{n}"),
        key: member(n).public(),
        share_key: share_key(n).public(),
        tls: None,
    });
    Manifest::try_from(ManifestFile {
        version: synod_governance::FORMAT,
        name: "test".to_owned(),
        start_time_ms: START_MS,
        threshold: 2,
        recovery_threshold: 2,
        required_vendors,
        join: JoinRule::Verdict,
        removal_grace_s: 3600,
        unheard_s: UNHEARD_MS / 1000,
        open_voters: 1,
        members: members.collect(),
        users: vec![UserEntry {
            name: "user".to_owned(),
            fingerprint: sha256(&[b"user"]),
            roles: ["write".to_owned()].into(),
        }],
        policy: Policy::development(&workloads),
    })
    .expect("a manifest")
}

/// A voter that is not heard for so long loses its vote.
pub(crate) const UNHEARD_MS: u64 = 60_000;

/// Verdicts last this long in a short-lived network, and a replica without one and without a vote
/// half as long.
pub(crate) const LIFETIME_MS: u64 = 20_000;
pub(crate) const GRACE_MS: u64 = 10_000;

/// A manifest under which verdicts lapse while one watches.
pub(crate) fn short_lived(required_vendors: u8) -> Manifest {
    let file = manifest(required_vendors).file().clone();
    let policy = file.policy.to_toml();
    let lifetime = |seconds| format!("verdict_lifetime_s = {seconds}\n");
    let short = policy.replace(&lifetime(7 * 24 * 3600), &lifetime(LIFETIME_MS / 1000));
    assert_ne!(short, policy, "the policy says how long verdicts last");
    Manifest::try_from(ManifestFile {
        policy: Policy::from_toml(&short).expect("a policy"),
        removal_grace_s: GRACE_MS / 1000,
        ..file
    })
    .expect("a manifest")
}

/// What is born with a replica: its keys and its TEE.
pub(crate) struct Birth {
    identity: Secret<32>,
    hpke: Secret<32>,
    platform: [u8; 32],
    tee: Tee,
}

impl Birth {
    fn new(tee: Tee, entropy: &mut Entropy) -> Self {
        let platform = entropy.take();
        Self::on(platform, tee, entropy)
    }

    /// New keys on a machine that was there before.
    fn on(platform: [u8; 32], tee: Tee, entropy: &mut Entropy) -> Self {
        Self {
            identity: entropy.secret(),
            hpke: entropy.secret(),
            platform,
            tee,
        }
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys {
            identity: SigningKey::from_seed(&self.identity),
            hpke: HpkeSecretKey::from_seed(&self.hpke),
        }
    }

    pub(crate) fn attest(&self, context: Digest, nonce: Digest, now_ms: u64) -> AttestedStatement {
        let keys = self.keys();
        let statement = NodeStatement {
            identity: keys.identity.public(),
            // Every replica has a key of its own; what it looks like matters to nobody here.
            tls: keys.hpke.public().as_bytes().to_vec(),
            hpke: keys.hpke.public(),
            role: Role::Replica,
            context,
            nonce,
        };
        let mut attester =
            Simulated::new(self.tee, MEASUREMENT, self.platform).expect("a simulated TEE");
        let (evidence, endorsements) = attester.collect(&statement, now_ms).expect("evidence");
        AttestedStatement {
            statement,
            evidence,
            endorsements,
        }
    }
}

/// Keys and an attested statement of a replica.
pub(crate) fn attest(
    tee: Tee,
    context: Digest,
    nonce: impl Fn(&SigningKey) -> Digest,
    now_ms: u64,
    entropy: &mut Entropy,
) -> (Keys, AttestedStatement) {
    let birth = Birth::new(tee, entropy);
    let keys = birth.keys();
    let attested = birth.attest(context, nonce(&keys.identity), now_ms);
    (keys, attested)
}

fn address(id: u64) -> Address {
    Address {
        public_url: format!("https://127.0.0.1:{}", 8000 + id),
        peer: format!("127.0.0.1:{}", 9000 + id),
    }
}

impl Cluster {
    /// Founds a network of one replica.
    pub(crate) fn found(seed: u8, required_vendors: u8) -> Self {
        Self::found_on(seed, &manifest(required_vendors))
    }

    /// Founds a network of one replica on this manifest.
    pub(crate) fn found_on(seed: u8, manifest: &Manifest) -> Self {
        let mut entropy = Entropy::from_seed(Secret::new([seed; 32]));
        let toml = manifest.to_toml();
        let birth = Birth::new(Tee::SevSnp, &mut entropy);
        let keys = birth.keys();
        let attested = birth.attest(manifest.digest(), Digest::ZERO, START_MS);
        let approval = Approval::of(manifest.digest(), &attested);
        let approvals = (0..2).map(|n| approval.sign(&member(n))).collect();
        let founder = Founder {
            attested,
            address: address(1),
            approvals,
        };
        let founded =
            found(toml.as_bytes(), vec![founder], &mut entropy, START_MS).expect("a network");
        let mut import = LedgerImport::new(founded.network, Some(vec![founded.secret]));
        let record = synod_ledger::Record::Block(founded.block.clone());
        import.feed(&record).expect("block 0");
        let mut disk = SegmentHeader {
            network: founded.network,
            first_index: 1,
        }
        .encode()
        .to_vec();
        record.encode(&mut disk);
        let mut cluster = Self {
            executor: Box::new(|_, _| Err(AppFault::NotInstalled)),
            compiler: Box::new(|_, compile| compile.joined().map(drop)),
            work: VecDeque::new(),
            lies: |_| false,
            scramble: None,
            history_bytes_max: None,
            tuning: Tuning::default(),
            misread: |_| {},
            network: founded.network,
            now_ms: START_MS + 1000,
            nodes: BTreeMap::new(),
            replies: BTreeMap::new(),
            members: (0..3).map(member).collect(),
            trace: Vec::new(),
            wires: VecDeque::new(),
            sent: Vec::new(),
            cuts: BTreeSet::new(),
            tampers: BTreeMap::new(),
            next_call: 0,
            sequence: 1,
            entropy,
            births: BTreeMap::from([(keys.identity.public(), birth)]),
        };
        let machine = import.finish().expect("a machine");
        cluster.boot(1, keys, machine, Secret::new([9; 32]), disk);
        cluster.run(200);
        cluster
    }

    /// Founds three replicas of three vendors and opens the service.
    pub(crate) fn three(seed: u8) -> Self {
        let mut cluster = Self::found(seed, 2);
        cluster.join(Tee::Tdx);
        cluster.join(Tee::Nitro);
        cluster.open();
        cluster
    }

    fn boot(
        &mut self,
        id: u64,
        keys: Keys,
        machine: Machine,
        service_key: Secret<32>,
        disk: Vec<u8>,
    ) {
        let mut machine = machine;
        if let Some(bytes_max) = self.history_bytes_max {
            machine.bound_history(bytes_max);
        }
        let boot = Boot {
            id,
            keys,
            machine,
            service_key,
            kv: Box::new(Maps),
            tuning: self.tuning,
            entropy: self.entropy.fork("replica"),
        };
        let (replica, effects) = Replica::start(boot, clocks(self.now_ms, 0)).expect("a replica");
        let node = Node {
            replica,
            disk,
            unsynced: VecDeque::new(),
            disk_works: true,
            notices: Vec::new(),
            membership_told: 0,
            clock_skew_ms: 0,
        };
        self.nodes.insert(id, node);
        self.carry_out(id, effects);
    }

    /// A replica joins by its evidence, fetches the ledger, and becomes a voter.
    pub(crate) fn join(&mut self, tee: Tee) -> u64 {
        let id = self.join_only(tee);
        for _ in 0..200 {
            self.run(100);
            if self
                .leader_node()
                .replica
                .network_view()
                .configuration
                .voter(id)
                .is_some()
            {
                return id;
            }
        }
        panic!(
            "replica {id} did not become a voter: {:?}",
            self.leader_node().notices
        );
    }

    /// A replica joins and starts; it may not vote yet.
    pub(crate) fn join_only(&mut self, tee: Tee) -> u64 {
        let (keys, request) = self.join_request(tee);
        self.join_by(keys, request)
    }

    /// What ran as replica `id` is started again on the same machine: it joins as a new replica.
    pub(crate) fn start_again(&mut self, id: u64) -> u64 {
        let former = self.birth(id);
        let (platform, tee) = (former.platform, former.tee);
        let birth = Birth::on(platform, tee, &mut self.entropy);
        let (keys, request) = self.request_of(birth, Some(id));
        self.join_by(keys, request)
    }

    /// Lets time pass until exactly these replicas vote.
    pub(crate) fn await_voters(&mut self, ids: &[u64]) {
        let mut newest = Vec::new();
        for _ in 0..300 {
            self.run(100);
            let leading = self.nodes.values().find(|node| node.replica.leads());
            if let Some(node) = leading {
                let configuration = node.replica.network_view().configuration;
                newest = configuration.voters().iter().map(|v| v.id).collect();
                if newest == ids {
                    return;
                }
            }
        }
        panic!("voters {newest:?}, expected {ids:?}");
    }

    fn join_by(&mut self, keys: Keys, request: Join) -> u64 {
        let reply = self.ask(
            Request::Governance(governance::Request::Join(
                GovernanceInput::Join(Box::new(request)).encode().into(),
            )),
            user(),
        );
        let Reply::Governance(Recorded {
            replica: Some(id), ..
        }) = reply
        else {
            panic!("the join was refused: {reply:?}")
        };
        let leader = self.leader();
        let identity = keys.identity.public();
        let sealed = self
            .nodes
            .get_mut(&leader)
            .expect("the leader")
            .replica
            .keys_for(&identity)
            .expect("keys");
        let ring = receive_keys(&sealed, &self.network, &identity, &keys.hpke).expect("a key ring");
        assert_eq!(ring.id, id);
        let disk = self.nodes[&leader].disk.clone();
        let machine = self
            .import(&disk, Some(ring.secrets))
            .finish()
            .expect("a machine");
        self.boot(id, keys, machine, ring.service_key, disk);
        id
    }

    pub(crate) fn join_request(&mut self, tee: Tee) -> (Keys, Join) {
        let birth = Birth::new(tee, &mut self.entropy);
        self.request_of(birth, None)
    }

    pub(crate) fn request_of(&mut self, birth: Birth, replaces: Option<u64>) -> (Keys, Join) {
        let view = self.leader_node().replica.network_view();
        let (index, hash, _) = view.certified;
        let keys = birth.keys();
        let nonce = join_nonce(&hash, &keys.identity.public());
        let attested = birth.attest(self.network, nonce, self.now_ms);
        self.births.insert(keys.identity.public(), birth);
        let next = view.replicas.len() as u64 + 1;
        let request = Join::sign(
            attested,
            BlockRef { index, hash },
            address(next),
            replaces,
            &keys.identity,
        );
        (keys, request)
    }

    /// A network whose verdicts lapse soon, with replicas of these TEEs, open to users.
    pub(crate) fn short_lived(seed: u8, joiners: &[Tee]) -> Self {
        let mut cluster = Self::found_on(seed, &short_lived(2));
        joiners.iter().for_each(|tee| {
            cluster.join(*tee);
        });
        cluster.open();
        cluster
    }

    /// The row of a replica, as the leader sees it.
    pub(crate) fn record(&self, id: u64) -> ReplicaRecord {
        let replicas = self.leader_node().replica.network_view().replicas;
        let mut found = replicas.iter().filter(|replica| replica.id == id);
        found.next().expect("a known replica").clone()
    }

    pub(crate) fn birth(&self, id: u64) -> &Birth {
        self.birth_of(&self.record(id).identity())
    }

    pub(crate) fn birth_of(&self, identity: &PublicKey) -> &Birth {
        &self.births[identity]
    }

    /// A request to attest anew, as the replica would make it now.
    pub(crate) fn reattest_request(&self, id: u64) -> Reattest {
        let (index, hash, _) = self.nodes[&id].replica.network_view().certified;
        let birth = self.birth(id);
        let identity = birth.keys().identity;
        let nonce = join_nonce(&hash, &identity.public());
        let attested = birth.attest(self.network, nonce, self.now_ms);
        Reattest::sign(id, attested, BlockRef { index, hash }, &identity)
    }

    /// The replica attests anew, through whoever leads; the call's id.
    pub(crate) fn reattest(&mut self, id: u64) -> u64 {
        let request = GovernanceInput::Reattest(Box::new(self.reattest_request(id)));
        self.send(
            id,
            Request::Governance(governance::Request::Reattest(request.encode().into())),
            Caller::default(),
        )
    }

    /// Lets time pass while these replicas attest anew in good time.
    pub(crate) fn run_attesting(&mut self, ms: u64, attesting: &[u64]) {
        let until = self.now_ms + ms;
        while self.now_ms < until {
            for id in attesting {
                let view = self.nodes[id].replica.network_view();
                let own = view.replicas.iter().find(|replica| replica.id == *id);
                let own = own.expect("it knows itself");
                let due_ms = own.attested_ms + LIFETIME_MS * 2 / 3;
                if own.status != ReplicaStatus::Removed && self.now_ms >= due_ms {
                    self.reattest(*id);
                }
            }
            self.run(500);
        }
    }

    /// Takes a folder's bytes in, whole.
    pub(crate) fn import(&self, disk: &[u8], secrets: Option<Vec<LedgerSecret>>) -> LedgerImport {
        let mut import = LedgerImport::new(self.network, secrets);
        for placed in Scanner::new(Bytes::copy_from_slice(disk)).expect("a segment") {
            import
                .feed(&placed.expect("a whole record").record)
                .expect("a sound record");
        }
        import
    }

    /// An act of two members.
    /// The members open the service with the voters of the configuration in force.
    pub(crate) fn open(&mut self) {
        let configuration = self.leader_node().replica.network_view().configuration;
        let reply = self.act(Act::Open {
            configuration: configuration.number(),
            digest: configuration.digest(),
        });
        assert!(
            matches!(reply, Reply::Governance(Recorded { .. })),
            "{reply:?}"
        );
    }

    pub(crate) fn act(&mut self, act: Act) -> Reply {
        let reply = self.ask(self.signed(act, self.sequence), user());
        if matches!(reply, Reply::Governance(Recorded { .. })) {
            self.sequence += 1;
        }
        self.run(200);
        reply
    }

    pub(crate) fn signed(&self, act: Act, sequence: u64) -> Request {
        let action = Action {
            network: self.network,
            sequence,
            act,
        };
        let signed = SignedAction::combine(self.members.iter().take(2).map(|key| action.sign(key)));
        Request::Governance(governance::Request::Act(signed.encode().into()))
    }

    pub(crate) fn put_request(map_name: &str, key: &str, value: &str) -> Request {
        Request::Kv(Operate {
            operation: Operation::Put {
                map: map(map_name),
                key: Bytes::copy_from_slice(key.as_bytes()),
                value: Bytes::copy_from_slice(value.as_bytes()),
                condition: Condition::Always,
            },
            request: sha256(&[key.as_bytes(), value.as_bytes()]),
            wait: true,
            local: false,
            receipt: true,
            idempotency: None,
        })
    }

    pub(crate) fn get_request(map_name: &str, key: &str, local: bool) -> Request {
        Request::Kv(Operate {
            operation: Operation::Get {
                map: map(map_name),
                key: Bytes::copy_from_slice(key.as_bytes()),
            },
            request: Digest::ZERO,
            wait: true,
            local,
            receipt: false,
            idempotency: None,
        })
    }

    /// Writes through the leader and waits for the answer.
    pub(crate) fn put(&mut self, key: &str, value: &str) -> TxId {
        match self.ask(Self::put_request("records", key, value), user()) {
            Reply::Kv(kv::Reply::Answered { tx: Some(tx), .. }) => tx,
            other => panic!("not written: {other:?}"),
        }
    }

    /// Hands a call to a replica; the reply comes to `replies`.
    pub(crate) fn send(&mut self, to: u64, request: Request, caller: Caller) -> u64 {
        self.next_call += 1;
        let id = self.next_call;
        self.step(
            to,
            Input::Call(Call {
                id,
                caller,
                request,
            }),
        );
        self.step(to, Input::Flush);
        id
    }

    /// Hands a call to a replica without a flush: others may follow.
    #[allow(dead_code, reason = "an example measures with it")]
    pub(crate) fn enqueue(&mut self, to: u64, request: Request, caller: Caller) {
        self.next_call += 1;
        let id = self.next_call;
        self.step(
            to,
            Input::Call(Call {
                id,
                caller,
                request,
            }),
        );
    }

    /// Asks the leader and runs until it answers.
    pub(crate) fn ask(&mut self, request: Request, caller: Caller) -> Reply {
        let leader = self.leader();
        let id = self.send(leader, request, caller);
        for _ in 0..500 {
            if let Some(reply) = self.replies.remove(&id) {
                return reply;
            }
            self.run(TICK_MS);
        }
        panic!("call {id} was not answered");
    }

    /// The replica that leads in the highest view.
    pub(crate) fn leader(&self) -> u64 {
        let leading = self.nodes.iter().filter(|(_, node)| node.replica.leads());
        let newest = leading.max_by_key(|(_, node)| node.replica.gauges().view);
        newest.map(|(id, _)| *id).expect("somebody leads")
    }

    pub(crate) fn leader_node(&self) -> &Node {
        &self.nodes[&self.leader()]
    }

    /// Waits until somebody leads and serves.
    pub(crate) fn await_leader(&mut self) -> u64 {
        for _ in 0..500 {
            self.run(TICK_MS);
            let serving = self
                .nodes
                .iter()
                .find(|(_, node)| node.replica.network_view().serves);
            if let Some((id, _)) = serving {
                return *id;
            }
        }
        panic!("nobody leads");
    }

    pub(crate) fn stop(&mut self, id: u64) {
        self.nodes.remove(&id);
        self.wires.retain(|(from, to, _)| *from != id && *to != id);
    }

    /// No message passes between `a` and `b` any more.
    pub(crate) fn cut(&mut self, a: u64, b: u64) {
        self.cuts.extend([(a, b), (b, a)]);
    }

    /// No message reaches `id` or leaves it any more.
    pub(crate) fn isolate(&mut self, id: u64) {
        let others: Vec<u64> = self.nodes.keys().copied().collect();
        others.into_iter().for_each(|other| self.cut(id, other));
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Everything that `id` sends is changed on its way out, as a broken replica would.
    pub(crate) fn tamper(&mut self, id: u64, how: fn(&mut Envelope)) {
        self.tampers.insert(id, how);
    }

    /// Lets `ms` pass: everything is delivered, disks sync, clocks tick.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.now_ms < until {
            self.deliver();
            self.now_ms += TICK_MS;
            let ids: Vec<u64> = self.nodes.keys().copied().collect();
            for id in ids {
                self.step(id, Input::Tick);
                self.step(id, Input::Flush);
            }
        }
        self.deliver();
    }

    /// Delivers everything, and all that follows from it, while no time passes.
    pub(crate) fn deliver(&mut self) {
        for _ in 0..10_000 {
            let synced = self.sync_disks() | self.do_work();
            let Some((from, to, bytes)) = self.wires.pop_front() else {
                if synced {
                    continue;
                }
                return;
            };
            if self.cuts.contains(&(from, to)) || !self.nodes.contains_key(&to) {
                continue;
            }
            let envelope = Envelope::decode(&bytes).expect("what a replica sends is well-formed");
            self.trace
                .push(format!("{from}>{to} {}", summary(&envelope)));
            self.step(to, Input::Received { from, envelope });
        }
        panic!("the cluster does not come to rest");
    }

    /// From now on the seed chooses the order in which work is done, and lets some of it lie until
    /// the next tick.
    pub(crate) fn scramble_work(&mut self) {
        self.scramble = Some(self.entropy.fork("work"));
    }

    /// Does a piece of the work that does not lie.
    fn do_work(&mut self) -> bool {
        let Some(mut at) = self.work.iter().position(|(_, work)| !(self.lies)(work)) else {
            return false;
        };
        if let Some(scramble) = &mut self.scramble {
            let [chance, place] = scramble.take();
            if chance % 4 == 0 {
                return false;
            }
            let due = |(at, (_, work)): (usize, &(u64, Work))| (!(self.lies)(work)).then_some(at);
            let due: Vec<usize> = self.work.iter().enumerate().filter_map(due).collect();
            at = due[usize::from(place) % due.len()];
        }
        let (id, work) = self.work.remove(at).expect("a piece of work");
        self.finish(id, work);
        true
    }

    /// Does a piece of work and tells the replica.
    pub(crate) fn finish(&mut self, id: u64, work: Work) {
        let input = match work {
            Work::Execute(execution) => Input::Executed(Executed {
                id: execution.id,
                result: (self.executor)(id, &execution),
            }),
            Work::Compile(compile) => Input::Compiled(Compiled {
                result: (self.compiler)(id, &compile),
                app: compile.app,
            }),
        };
        self.step(id, input);
    }

    fn sync_disks(&mut self) -> bool {
        let works = self
            .nodes
            .iter()
            .filter(|(_, node)| node.disk_works && !node.unsynced.is_empty());
        let due: Vec<u64> = works.map(|(id, _)| *id).collect();
        for id in &due {
            let newest = self
                .nodes
                .get_mut(id)
                .expect("the node")
                .unsynced
                .drain(..)
                .next_back();
            self.step(
                *id,
                Input::Persisted(newest.expect("something was unsynced")),
            );
        }
        !due.is_empty()
    }

    pub(crate) fn step(&mut self, id: u64, input: Input) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let now = clocks(self.now_ms, node.clock_skew_ms);
        let effects = node.replica.step(now, input);
        node.replica.check_invariants();
        self.carry_out(id, effects);
    }

    fn carry_out(&mut self, id: u64, effects: Effects) {
        let node = self.nodes.get_mut(&id).expect("the node");
        for batch in effects.persist {
            batch
                .records
                .iter()
                .for_each(|record| node.disk.extend_from_slice(record));
            node.unsynced.extend(batch.number);
        }
        node.notices.extend(effects.notices);
        node.membership_told += usize::from(effects.membership_changed);
        let recalled = effects.recall.map(|recall| read_back(&node.disk, recall));
        self.replies.extend(effects.replies);
        let execute = effects
            .execute
            .into_iter()
            .map(|one| Work::Execute(Box::new(one)));
        let compile = effects.compile.into_iter().map(Work::Compile);
        self.work
            .extend(execute.chain(compile).map(|work| (id, work)));
        for (to, mut envelope) in effects.send {
            if let Some(how) = self.tampers.get(&id) {
                how(&mut envelope);
            }
            self.wires.push_back((id, to, envelope.encode()));
            if envelope.message.is_none() && envelope.header.is_some() {
                self.sent.push((id, to, envelope));
            }
        }
        if let Some(mut records) = recalled {
            (self.misread)(&mut records);
            self.step(id, Input::Recalled(records));
        }
    }
}

/// What a node gives back of its files.
fn read_back(disk: &[u8], recall: Recall) -> Vec<Record> {
    let scanner = Scanner::new(Bytes::copy_from_slice(disk)).expect("a segment");
    let (mut records, mut begun, mut bytes) = (Vec::new(), false, 0);
    for placed in scanner {
        let placed = placed.expect("a whole record");
        if let Record::Block(block) = &placed.record {
            let block = Block::decode(block.clone()).expect("a block");
            begun |= block.header().index >= recall.from;
        }
        if begun && bytes < recall.bytes_max {
            bytes += (placed.end - placed.at) as usize;
            records.push(placed.record);
        }
    }
    records
}

fn clocks(now_ms: u64, skew_ms: i64) -> Now {
    Now {
        wall_ms: now_ms.saturating_add_signed(skew_ms),
        monotonic_ms: now_ms - START_MS,
    }
}

/// The message without its blocks.
fn summary(envelope: &Envelope) -> String {
    let Some(message) = &envelope.message else {
        return "certificate".to_owned();
    };
    let entry = message.entry().map(|entry| (entry.index, entry.term));
    let kind = match &message.body {
        synod_consensus::Body::Append { index, commit, .. } => format!("append {index} {commit}"),
        other => format!("{other:?}"),
    };
    format!("{} {kind} {entry:?}", message.term)
}
