//! A small network for tests: voters with keys whose ledger grows as the test says, and what its
//! replicas show.

use std::collections::BTreeMap;

use bytes::Bytes;
use minicbor::Encoder;
use minicbor::bytes::ByteSlice;
use synod_api::ChainFile;
use synod_attestation::{Measurement, Policy, Tee};
use synod_client::{CertifiedHead, read_chain};
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey};
use synod_governance::{Act, Action, JoinRule, MemberEntry, ServiceRecord, SignedAction, map};
use synod_ledger::{
    Block, BlockBuilder, BlockSignature, Certificate, Chain, Configuration, Head, ReceiptIssuer,
    Recorder, ReplyPreimage, Sequence, Terms, VerifiedClockReading, Voter, genesis_block,
};

pub(crate) const MEASUREMENT: [u8; 48] = [7; 48];
pub(crate) const START_MS: u64 = 1_790_000_000_000;

/// A network as its leader sees it. A clone is a fork.
#[derive(Clone)]
pub(crate) struct Network {
    sequence: Sequence,
    recorder: Recorder,
    blocks: Vec<Block>,
    certificates: Vec<Certificate>,
    /// The act by which the members opened it, as they signed it.
    pub(crate) opening: Option<Bytes>,
    now_ms: u64,
}

/// The key with which a member signs.
pub(crate) fn member_key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new([0xd0 + number; 32]))
}

/// Of three members two sign.
fn members() -> Vec<MemberEntry> {
    let member = |number: u8| MemberEntry {
        name: format!("member{number}"),
        key: member_key(number).public(),
        share_key: HpkeSecretKey::from_seed(&Secret::new([0xe0 + number; 32])).public(),
        tls: None,
    };
    (1..=3).map(member).collect()
}

fn service(name: &str, open_voters: u8) -> ServiceRecord {
    ServiceRecord {
        name: name.to_owned(),
        manifest: Digest::from([0xaa; 32]),
        opening: None,
        threshold: 2,
        recovery_threshold: 2,
        join: JoinRule::Verdict,
        removal_grace_s: 3600,
        unheard_s: 600,
        open_voters,
    }
}

/// A row of governance.
fn row(value: &impl minicbor::Encode<()>) -> Vec<u8> {
    minicbor::to_vec((synod_governance::FORMAT, value)).unwrap()
}

/// The identity key of a replica.
pub(crate) fn key(id: u64) -> SigningKey {
    SigningKey::from_seed(&Secret::new([id as u8; 32]))
}

fn voter(id: u64) -> Voter {
    let vendors = ["amd", "intel", "aws"];
    Voter {
        id,
        key: key(id).public(),
        vendor: vendors[id as usize % vendors.len()].to_owned(),
    }
}

fn preimage(seqno: u64) -> ReplyPreimage {
    ReplyPreimage {
        salt: [seqno as u8; 32],
        request: Digest::from([1; 32]),
        status: 200,
        response: Digest::from([2; 32]),
        claims: Vec::new(),
    }
}

/// Key and value.
type Row = (Vec<u8>, Vec<u8>);

/// Maps, each with its rows, both in rising order.
fn write_set(maps: &[(&str, Vec<Row>)]) -> Bytes {
    let mut out = Encoder::new(Vec::new());
    out.array(maps.len() as u64).unwrap();
    for (map, rows) in maps {
        let pairs: Vec<(&ByteSlice, &ByteSlice)> = rows
            .iter()
            .map(|(key, value)| (key.as_slice().into(), value.as_slice().into()))
            .collect();
        out.encode((map, pairs)).unwrap();
    }
    out.into_writer().into()
}

/// An act with the signatures of these members.
pub(crate) fn signed(action: &Action, members: &[u8]) -> Bytes {
    let signatures = members
        .iter()
        .map(|number| action.sign(&member_key(*number)));
    SignedAction::combine(signatures).encode().into()
}

impl Network {
    /// Voter 1 founds it, and the members open it at once.
    pub(crate) fn found() -> Self {
        Self::found_named("test")
    }

    /// The same; another name makes another network.
    pub(crate) fn found_named(name: &str) -> Self {
        let mut network = Self::unopened(name, 1);
        network.open();
        network
    }

    /// The members have not opened it; they demand so many voters.
    pub(crate) fn unopened(name: &str, open_voters: u8) -> Self {
        let configuration = Configuration::new(0, Digest::default(), vec![voter(1)], 1).unwrap();
        let policy = Policy::development(&[(Tee::SevSnp, Measurement::from(MEASUREMENT), "test")]);
        let (number, encoded) = (0_u64.to_be_bytes(), configuration.encode());
        let service = row(&service(name, open_voters));
        let members = (1u16..).zip(members());
        let members = members.map(|(at, member)| (at.to_be_bytes().to_vec(), row(&member)));
        let maps = [
            (
                map::CONFIGURATIONS,
                vec![(number.to_vec(), encoded.to_vec())],
            ),
            (map::MEMBERS, members.collect()),
            (
                map::POLICY,
                vec![(b"policy".to_vec(), policy.to_toml().into_bytes())],
            ),
            (map::SERVICE, vec![(b"service".to_vec(), service)]),
        ];
        let mut builder = BlockBuilder::new(1, 1);
        builder.push(write_set(&maps), Bytes::new(), preimage(1).digest());
        let block0 = genesis_block(builder, 1, START_MS, &configuration).unwrap();
        let (sequence, _) = Sequence::from_block0(block0.hash(), &block0).unwrap();
        Self {
            sequence,
            recorder: Recorder::new(),
            blocks: vec![block0],
            certificates: Vec::new(),
            opening: None,
            now_ms: START_MS,
        }
    }

    pub(crate) fn id(&self) -> Digest {
        self.sequence.network()
    }

    /// Two members open the newest configuration.
    pub(crate) fn open(&mut self) {
        let opens = self.opens();
        self.opening = Some(signed(&opens, &[1, 2]));
    }

    /// The act that opens the newest configuration.
    pub(crate) fn opens(&self) -> Action {
        let newest = self.sequence.newest_configuration();
        Action {
            network: self.id(),
            sequence: 1,
            act: Act::Open {
                configuration: newest.number(),
                digest: newest.digest(),
            },
        }
    }

    /// So much of the ledger's time passes.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// A certified block of so many private transactions; `mark` makes them differ between forks.
    pub(crate) fn transact(&mut self, count: usize, mark: &str) {
        self.propose(vec![Bytes::from_static(&[0x80]); count], mark);
    }

    /// A certified block that makes these replicas the voters, and one under them.
    pub(crate) fn configure(&mut self, voters: &[u64]) {
        let current = self.sequence.newest_configuration();
        let voters = voters.iter().map(|id| voter(*id)).collect();
        let next = Configuration::new(current.number() + 1, current.digest(), voters, 1).unwrap();
        let key = next.number().to_be_bytes().to_vec();
        let row = write_set(&[(map::CONFIGURATIONS, vec![(key, next.encode().to_vec())])]);
        self.propose(vec![row], "");
        self.transact(1, "");
    }

    fn propose(&mut self, writes: Vec<Bytes>, mark: &str) {
        let mut builder = BlockBuilder::new(1, self.sequence.next_seqno());
        for public in writes {
            let seqno = builder.next_id().seqno;
            let sealed = Bytes::copy_from_slice(mark.as_bytes());
            builder.push(public, sealed, preimage(seqno).digest());
        }
        let readings = self.readings();
        let terms = Terms {
            index: self.sequence.last().index + 1,
            proposer: 1,
            readings: &readings,
            empties: Vec::new(),
        };
        let (block, appended) = self.sequence.propose(builder, terms).unwrap();
        self.recorder.appended(&block, &appended);
        self.blocks.push(block);
        let certificate = self.certificate(&appended.head);
        self.sequence.certify(&certificate).unwrap();
        self.recorder.certified(&certificate, &self.sequence);
        self.certificates.push(certificate);
    }

    fn readings(&self) -> Vec<VerifiedClockReading> {
        let newest = self.sequence.last().hash;
        let voters = self.sequence.configuration().voters().iter();
        voters
            .map(|voter| {
                let key = key(voter.id);
                synod_ledger::ClockReading::sign(&key, &self.id(), voter.id, self.now_ms, newest)
                    .verify(&self.id(), &key.public())
                    .unwrap()
            })
            .collect()
    }

    fn certificate(&self, head: &Head) -> Certificate {
        let configuration = self.sequence.configuration_named(&head.configuration);
        let signers: BTreeMap<u64, _> = configuration
            .unwrap()
            .voters()
            .iter()
            .map(|voter| (voter.id, key(voter.id)))
            .collect();
        let sign =
            |(id, key): (&u64, &SigningKey)| BlockSignature::sign(key, *id, &self.id(), head);
        Certificate {
            header_hash: head.hash,
            view: head.view,
            index: head.index,
            signatures: signers.iter().map(sign).collect(),
        }
    }

    pub(crate) fn chain_file(&self) -> Bytes {
        let records = self.recorder.records().iter();
        let file = ChainFile {
            block0: self.blocks[0].bytes().clone(),
            opening: self.opening.clone(),
            records: records.map(synod_ledger::ChainRecord::encode).collect(),
        };
        file.encode().into()
    }

    pub(crate) fn chain(&self) -> Chain {
        read_chain(self.id(), &self.chain_file()).unwrap()
    }

    /// Header and certificate of the newest block.
    pub(crate) fn certified(&self) -> Option<(Bytes, Bytes)> {
        let certificate = self.certificates.last()?;
        let block = self.blocks.last()?;
        Some((block.header_bytes().clone(), certificate.encode()))
    }

    /// The newest certified head, as a client checks it.
    pub(crate) fn head(&self) -> CertifiedHead {
        let (header, certificate) = self.certified().unwrap();
        let head = CertifiedHead::of_certificate(&self.chain(), &header, &certificate);
        head.unwrap()
            .expect("the newest configuration certified it")
    }

    /// The receipt of a transaction under the newest block.
    pub(crate) fn receipt(&self, seqno: u64) -> Bytes {
        let block = self.blocks.last().unwrap();
        let head = block.head();
        let holds = |block: &&Block| {
            (block.header().first_seqno..=block.header().tree_size).contains(&seqno)
        };
        let holder = self.blocks.iter().find(holds).unwrap();
        let position = (seqno - holder.header().first_seqno) as usize;
        let proof = self
            .sequence
            .tree()
            .prove(seqno - 1, head.tree_size)
            .unwrap();
        let configuration = self.sequence.configuration_named(&head.configuration);
        let certificate = self.certificates.last().unwrap();
        ReceiptIssuer::new(
            &self.id(),
            block.header_bytes().clone(),
            head,
            certificate,
            configuration.unwrap(),
        )
        .issue(
            holder.leaf(position).unwrap(),
            &proof,
            Some(preimage(seqno)),
            Some(holder.frames()[position].public.clone()),
        )
        .encode()
    }
}
