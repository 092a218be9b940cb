//! A small network for tests: voters with keys whose ledger grows as the test says, and what its replicas show.

use std::collections::BTreeMap;

use bytes::Bytes;
use minicbor::Encoder;
use minicbor::bytes::ByteSlice;
use synod_api::ChainFile;
use synod_attestation::{Measurement, Policy, Tee};
use synod_client::{CertifiedHead, read_chain};
use synod_crypto::{Digest, Secret, SigningKey};
use synod_ledger::{
    Block, BlockBuilder, BlockSignature, Certificate, Chain, Configuration, Head, ReceiptIssuer,
    Recorder, ReplyPreimage, Sequence, Terms, VettedReading, Voter, genesis_block,
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
    now_ms: u64,
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

fn write_set(rows: &[(&str, &[u8], &[u8])]) -> Bytes {
    let mut out = Encoder::new(Vec::new());
    out.array(rows.len() as u64).unwrap();
    for (map, key, value) in rows {
        let pair: (&ByteSlice, &ByteSlice) = ((*key).into(), (*value).into());
        out.encode((map, [pair])).unwrap();
    }
    out.into_writer().into()
}

impl Network {
    /// Voter 1 founds it.
    pub(crate) fn found() -> Self {
        Self::found_named("test")
    }

    /// The same; another name makes another network.
    pub(crate) fn found_named(name: &str) -> Self {
        let configuration = Configuration::new(0, Digest::default(), vec![voter(1)], 1).unwrap();
        let policy = Policy::development(&[(Tee::SevSnp, Measurement::from(MEASUREMENT), "test")]);
        let mut service = Encoder::new(Vec::new());
        service.array(2).unwrap().u16(2).unwrap().array(2).unwrap();
        service.str(name).unwrap().bytes(&[0xaa; 32]).unwrap();
        let (policy, service) = (policy.to_toml(), service.into_writer());
        let (number, encoded) = (0_u64.to_be_bytes(), configuration.encode());
        let rows: [(&str, &[u8], &[u8]); 3] = [
            ("public:synod.configurations", &number, &encoded),
            ("public:synod.policy", b"policy", policy.as_bytes()),
            ("public:synod.service", b"service", &service),
        ];
        let mut builder = BlockBuilder::new(1, 1);
        builder.push(write_set(&rows), Bytes::new(), preimage(1).digest());
        let block0 = genesis_block(builder, 1, START_MS, &configuration).unwrap();
        let (sequence, _) = Sequence::from_block0(block0.hash(), &block0).unwrap();
        Self {
            sequence,
            recorder: Recorder::new(),
            blocks: vec![block0],
            certificates: Vec::new(),
            now_ms: START_MS,
        }
    }

    pub(crate) fn id(&self) -> Digest {
        self.sequence.network()
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
        let row = write_set(&[(
            "public:synod.configurations",
            &next.number().to_be_bytes(),
            &next.encode(),
        )]);
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

    fn readings(&self) -> Vec<VettedReading> {
        let newest = self.sequence.last().hash;
        let voters = self.sequence.configuration().voters().iter();
        voters
            .map(|voter| {
                let key = key(voter.id);
                synod_ledger::Reading::sign(&key, &self.id(), voter.id, self.now_ms, newest)
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
