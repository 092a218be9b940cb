//! A network without consensus: one store, one input a block, every block
//! certified and recomputed.

use std::collections::BTreeMap;

use synod_attestation::{Measurement, NodeStatement, Policy, Role, Tee};
use synod_attester::{Attester, Simulated};
use synod_crypto::{
    Digest, Entropy, HpkeSecretKey, PublicKey, Secret, Signature, SigningKey, sha256,
};
use synod_governance::{
    Act, Action, Address, Approval, AttestedStatement, BlockRef, CertifiedBlock, Context, Facts,
    Founder, Genesis, Input, Join, JoinRule, Learner, Manifest, ManifestFile, MemberEntry,
    NextConfiguration, Outcome, Promote, Reattest, Refusal, SignedAction, UserEntry, View,
    WrappedSecret, execute, join_nonce, recompute,
};
use synod_kv::{Snapshot, Store, WriteSet};

pub(crate) const START_MS: u64 = 1_795_200_000_000;
pub(crate) const MEASUREMENT: [u8; 48] = [0x4d; 48];
pub(crate) const GRACE_S: u64 = 3600;
pub(crate) const UNHEARD_S: u64 = 60;
pub(crate) const LEDGER_SECRET: [u8; 32] = [0x5e; 32];

/// The TEEs that are simulated with a measurement of that length.
pub(crate) const SIMULATED: [Tee; 3] = [Tee::SevSnp, Tee::Tdx, Tee::Nitro];

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([seed; 32]))
}

pub(crate) fn share_key(seed: u8) -> HpkeSecretKey {
    HpkeSecretKey::from_seed(&Secret::new([seed; 32]))
}

pub(crate) fn fingerprint(name: &str) -> Digest {
    sha256(&[b"certificate", name.as_bytes()])
}

pub(crate) fn entropy() -> Entropy {
    Entropy::from_seed(Secret::new([0xe; 32]))
}

pub(crate) fn address(id: u8) -> Address {
    Address {
        public_url: format!("https://127.0.0.1:{}", 8000 + u16::from(id)),
        peer: format!("127.0.0.1:{}", 9000 + u16::from(id)),
    }
}

pub(crate) fn policy() -> Policy {
    let measurement = Measurement::from(MEASUREMENT);
    Policy::development(&SIMULATED.map(|tee| (tee, measurement.clone(), "test")))
}

/// Member `n` signs with `key(n)` and opens shares with `share_key(n)`.
pub(crate) fn member(n: u8) -> MemberEntry {
    MemberEntry {
        name: format!("member{n}"),
        key: key(n).public(),
        share_key: share_key(n).public(),
        tls: Some(fingerprint(&format!("member{n}"))),
    }
}

pub(crate) fn manifest_file() -> ManifestFile {
    ManifestFile {
        version: synod_governance::FORMAT,
        name: "test".to_owned(),
        start_time_ms: START_MS,
        threshold: 2,
        recovery_threshold: 2,
        required_vendors: 2,
        join: JoinRule::Verdict,
        removal_grace_s: GRACE_S,
        unheard_s: UNHEARD_S,
        open_voters: 3,
        members: (1..=3).map(member).collect(),
        users: vec![UserEntry {
            name: "ursula".to_owned(),
            fingerprint: fingerprint("ursula"),
            roles: ["user".to_owned()].into(),
        }],
        policy: policy(),
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest::try_from(manifest_file()).expect("a valid manifest")
}

/// A node on simulated hardware; `seed` settles its keys.
pub(crate) struct Node {
    pub(crate) seed: u8,
    pub(crate) identity: SigningKey,
    pub(crate) tee: Tee,
    pub(crate) measurement: [u8; 48],
    /// Settles the machine on which it is.
    pub(crate) machine: u8,
}

impl Node {
    pub(crate) fn new(seed: u8, tee: Tee) -> Self {
        Self {
            seed,
            identity: key(seed),
            tee,
            measurement: MEASUREMENT,
            machine: seed,
        }
    }

    pub(crate) fn statement(&self, context: Digest, nonce: Digest) -> NodeStatement {
        NodeStatement {
            identity: self.identity.public(),
            tls: vec![self.seed; 91],
            hpke: share_key(self.seed).public(),
            role: Role::Replica,
            context,
            nonce,
        }
    }

    pub(crate) fn attest(&self, statement: NodeStatement, now_ms: u64) -> AttestedStatement {
        let mut attester = Simulated::new(self.tee, self.measurement, [self.machine; 32])
            .expect("a simulated TEE");
        let (evidence, endorsements) = attester
            .collect(&statement, now_ms)
            .expect("evidence is collected");
        AttestedStatement {
            statement,
            evidence,
            endorsements,
        }
    }
}

pub(crate) fn founder(node: &Node, manifest: &Manifest, approving: &[u8]) -> Founder {
    let statement = node.statement(manifest.digest(), Digest::default());
    let attested = node.attest(statement, START_MS);
    let approval = Approval::of(manifest.digest(), &attested);
    let approvals = approving.iter().map(|n| approval.sign(&key(*n))).collect();
    Founder {
        attested,
        address: address(node.seed),
        approvals,
    }
}

pub(crate) fn wrapped(manifest: &Manifest) -> WrappedSecret {
    let file = manifest.file();
    WrappedSecret::wrap(
        &Secret::new(LEDGER_SECRET),
        0,
        manifest.members(),
        file.recovery_threshold,
        &manifest.digest(),
        &mut entropy(),
    )
    .expect("members are sound")
}

pub(crate) fn genesis(manifest: &Manifest) -> Genesis {
    Genesis {
        manifest: manifest.to_toml().into_bytes(),
        founders: vec![founder(&Node::new(101, Tee::SevSnp), manifest, &[1, 2])],
        secret: wrapped(manifest),
    }
}

/// The ledger: which blocks are certified. Signatures are over hash and signer.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) blocks: BTreeMap<u64, CertifiedBlock>,
}

impl Ledger {
    pub(crate) fn block_ref(&self, index: u64) -> BlockRef {
        let hash = self.blocks[&index].hash;
        BlockRef { index, hash }
    }
}

pub(crate) fn block_signature(identity: &SigningKey, id: u64, block: BlockRef) -> Vec<u8> {
    let message = [block.hash.as_bytes().as_slice(), &id.to_be_bytes()].concat();
    identity.sign(&message).as_bytes().to_vec()
}

impl Facts for Ledger {
    fn certified_block(&self, index: u64) -> Option<CertifiedBlock> {
        self.blocks.get(&index).copied()
    }

    fn is_signed_block(&self, id: u64, key: &PublicKey, block: BlockRef, bytes: &[u8]) -> bool {
        let message = [block.hash.as_bytes().as_slice(), &id.to_be_bytes()].concat();
        let signature = Signature::try_from(bytes);
        signature.is_ok_and(|signature| key.verify(&message, &signature).is_ok())
    }

    fn encode_configuration(&self, next: &NextConfiguration<'_>) -> Vec<u8> {
        let voters: Vec<_> = next
            .voters
            .iter()
            .map(|voter| (voter.id, voter.vendor.as_str()))
            .collect();
        let predecessor = next.predecessor.map(|bytes| sha256(&[bytes]));
        let required = next.required_vendors;
        format!("{} {predecessor:?} {voters:?} {required}", next.number).into_bytes()
    }
}

pub(crate) struct Network {
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) id: Digest,
    pub(crate) index: u64,
    pub(crate) time_ms: u64,
    /// The configuration that headers name.
    pub(crate) configuration: u64,
    /// Whether a block brings the configuration that it writes into force.
    pub(crate) settles: bool,
}

impl Network {
    pub(crate) fn unfounded() -> Self {
        Self {
            store: Store::new(),
            ledger: Ledger::default(),
            id: Digest::default(),
            index: 1,
            time_ms: START_MS,
            configuration: 0,
            settles: true,
        }
    }

    pub(crate) fn founded() -> Self {
        Self::founded_on(&manifest())
    }

    pub(crate) fn founded_on(manifest: &Manifest) -> Self {
        let mut network = Self::unfounded();
        let genesis = Input::Genesis(Box::new(genesis(manifest)));
        network.execute(&genesis).expect("a sound genesis");
        network.id = network.newest().hash;
        network
    }

    /// A network with voters 1 (amd), 2 (intel), 3 (aws).
    pub(crate) fn of_three() -> Self {
        let mut network = Self::founded();
        network.add_voter(&Node::new(102, Tee::Tdx));
        network.add_voter(&Node::new(103, Tee::Nitro));
        network
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            network: self.id,
            index: self.index,
            seqno: self.store.head() + 1,
            time_ms: self.time_ms,
            configuration: self.configuration,
            facts: &self.ledger,
        }
    }

    pub(crate) fn view<T>(&self, read: impl FnOnce(View<'_, Snapshot<'_>>) -> T) -> T {
        let snapshot = self.store.snapshot(self.store.head()).expect("the head");
        read(View::new(&snapshot))
    }

    /// What the input writes here, without writing it.
    pub(crate) fn writes(&self, input: &Input) -> Result<(Outcome, WriteSet), Refusal> {
        let mut tx = self.store.begin();
        let outcome = execute(&mut tx, input, &self.context())?;
        Ok((outcome, tx.finish().1))
    }

    /// Executes, has another replica recompute, and certifies a block with it.
    pub(crate) fn execute(&mut self, input: &Input) -> Result<Outcome, Refusal> {
        let (outcome, writes) = self.writes(input)?;
        assert!(writes.iter().all(|(map, ..)| map.is_public()));
        let recomputed = recompute(&mut self.store.begin(), &writes, &self.context());
        assert_eq!(recomputed, Ok(Some(outcome)));
        self.store.apply(self.store.head() + 1, &writes);
        self.end_block();
        if let (Some(number), true) = (outcome.configuration, self.settles) {
            self.configuration = number;
        }
        Ok(outcome)
    }

    pub(crate) fn refused(&self, input: &Input) -> Refusal {
        self.writes(input).expect_err("the input must be refused")
    }

    pub(crate) fn end_block(&mut self) {
        let hash = sha256(&[b"block", &self.index.to_be_bytes()]);
        self.ledger.blocks.insert(
            self.index,
            CertifiedBlock {
                hash,
                time_ms: self.time_ms,
            },
        );
        self.index += 1;
        self.time_ms += 1000;
    }

    pub(crate) fn newest(&self) -> BlockRef {
        let (index, block) = self.ledger.blocks.last_key_value().expect("a block");
        BlockRef {
            index: *index,
            hash: block.hash,
        }
    }

    pub(crate) fn action(&self, act: Act) -> Action {
        let sequence = self.view(|view| view.next_sequence()).expect("sound state");
        Action {
            network: self.id,
            sequence,
            act,
        }
    }

    pub(crate) fn signed(&self, act: Act, members: &[u8]) -> Input {
        let action = self.action(act);
        Input::Action(SignedAction::combine(
            members.iter().map(|n| action.sign(&key(*n))),
        ))
    }

    /// The act that opens the newest configuration.
    pub(crate) fn open(&self) -> Act {
        let digest = |number| {
            let encoded = self.view(|view| view.configuration(number));
            sha256(&[&encoded.expect("it was written")])
        };
        let number = self.view(|view| view.configuration_number());
        let number = number.expect("sound state").expect("founded");
        Act::Open {
            configuration: number,
            digest: digest(number),
        }
    }

    pub(crate) fn act(&mut self, act: Act) -> Result<Outcome, Refusal> {
        let input = self.signed(act, &[1, 3]);
        self.execute(&input)
    }

    pub(crate) fn join_input(&self, node: &Node) -> Join {
        let block = self.newest();
        let nonce = join_nonce(&block.hash, &node.identity.public());
        let attested = node.attest(node.statement(self.id, nonce), self.time_ms);
        Join::sign(attested, block, address(node.seed), None, &node.identity)
    }

    pub(crate) fn join(&mut self, node: &Node) -> Result<u64, Refusal> {
        let input = Input::Join(Box::new(self.join_input(node)));
        Ok(self.execute(&input)?.replica.expect("a join gives an id"))
    }

    pub(crate) fn reattest_input(&self, id: u64, node: &Node) -> Reattest {
        let block = self.newest();
        let nonce = join_nonce(&block.hash, &node.identity.public());
        let attested = node.attest(node.statement(self.id, nonce), self.time_ms);
        Reattest::sign(id, attested, block, &node.identity)
    }

    pub(crate) fn reattest(&mut self, id: u64, node: &Node) -> Result<Outcome, Refusal> {
        let request = self.reattest_input(id, node);
        self.execute(&Input::Reattest(Box::new(request)))
    }

    pub(crate) fn learn(&mut self, id: u64) -> Result<Outcome, Refusal> {
        self.execute(&Input::Learner(Learner { id }))
    }

    pub(crate) fn promotion(&self, id: u64, node: &Node) -> Promote {
        let block = self.newest();
        let signature = block_signature(&node.identity, id, block);
        Promote {
            id,
            index: block.index,
            header_hash: block.hash,
            signature,
        }
    }

    pub(crate) fn promote(&mut self, id: u64, node: &Node) -> Result<Outcome, Refusal> {
        let promote = self.promotion(id, node);
        self.execute(&Input::Promote(promote))
    }

    pub(crate) fn add_learner(&mut self, node: &Node) -> u64 {
        let id = self.join(node).expect("joins");
        self.learn(id).expect("learns");
        id
    }

    pub(crate) fn add_voter(&mut self, node: &Node) -> u64 {
        let id = self.add_learner(node);
        self.promote(id, node).expect("is promoted");
        id
    }

    pub(crate) fn configuration_text(&self) -> String {
        let number = self
            .view(|view| view.configuration_number())
            .expect("sound state");
        let bytes = self.view(|view| view.configuration(number.expect("founded")));
        String::from_utf8(bytes.expect("written").to_vec()).expect("text")
    }
}
