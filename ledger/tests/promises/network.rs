//! A small network for tests: voters with keys, a leader that makes blocks, and
//! everything that a replica would have stored.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_crypto::{Digest, Secret, SigningKey, sha256};
use synod_ledger::{
    Appended, Block, BlockBuilder, BlockSignature, Certificate, Chain, ClockReading, Configuration,
    Frame, Head, Header, Malformed, Receipt, ReceiptIssuer, Record, Recorder, ReplyPreimage,
    SegmentHeader, Sequence, SequenceError, Terms, VerifiedClockReading, Voter, genesis_block,
    public_writes::CONFIGURATIONS_MAP,
};

/// The ledger time of block 0.
pub(crate) const START_MS: u64 = 1_000_000;

/// One network as its leader sees it.
pub(crate) struct Network {
    pub(crate) keys: BTreeMap<u64, SigningKey>,
    pub(crate) sequence: Sequence,
    pub(crate) blocks: Vec<Block>,
    pub(crate) records: Vec<Record>,
    pub(crate) recorder: Recorder,
    pub(crate) view: u64,
    pub(crate) proposer: u64,
    pub(crate) empties: Vec<(u64, u64)>,
}

/// The identity key of replica `id`.
pub(crate) fn key(id: u64) -> SigningKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&id.to_le_bytes());
    SigningKey::from_seed(&Secret::new(seed))
}

/// Replica `id` as a voter.
pub(crate) fn voter(id: u64, vendor: &str) -> Voter {
    Voter {
        id,
        key: key(id).public(),
        vendor: vendor.to_owned(),
    }
}

/// A write set of one write.
pub(crate) fn write_set(map: &str, key: &[u8], value: Option<&[u8]>) -> Bytes {
    minicbor::to_vec([(
        map,
        [(
            <&minicbor::bytes::ByteSlice>::from(key),
            value.map(<&minicbor::bytes::ByteSlice>::from),
        )],
    )])
    .expect("vector")
    .into()
}

/// The write set that makes `configuration` the next one.
pub(crate) fn configuration_write(configuration: &Configuration) -> Bytes {
    let key = configuration.number().to_be_bytes();
    write_set(CONFIGURATIONS_MAP, &key, Some(&configuration.encode()))
}

/// The write set without writes.
pub(crate) fn no_writes() -> Bytes {
    Bytes::from_static(&[0x80])
}

/// What transaction `n` answers.
pub(crate) fn preimage(n: u64) -> ReplyPreimage {
    ReplyPreimage {
        salt: [n as u8; 32],
        request: sha256(&[b"request", &n.to_le_bytes()]),
        status: 200,
        response: sha256(&[format!("answer {n}").as_bytes()]),
        claims: vec![],
    }
}

/// A block with this header and these frames, whatever they say.
pub(crate) fn block_of(header: &Header, frames: &[Frame]) -> Result<Block, Malformed> {
    let mut out = Vec::new();
    let mut e = minicbor::Encoder::new(&mut out);
    e.array(2)
        .expect("vector")
        .bytes(&header.encode())
        .expect("vector");
    e.array(frames.len() as u64).expect("vector");
    for frame in frames {
        e.array(3)
            .and_then(|e| e.bytes(&frame.public))
            .and_then(|e| e.bytes(&frame.sealed))
            .and_then(|e| e.bytes(frame.reply.as_bytes()))
            .expect("vector");
    }
    Block::decode(out.into())
}

/// `block` with its header changed.
pub(crate) fn altered(block: &Block, change: impl FnOnce(&mut Header)) -> Block {
    let mut header = block.header().clone();
    change(&mut header);
    block_of(&header, block.frames()).expect("still well-formed")
}

impl Network {
    /// Voters 1, 2, … of these vendors.
    pub(crate) fn of(vendors: &[&str], required_vendors: u8) -> Self {
        let voters: Vec<Voter> = (1..).zip(vendors).map(|(id, v)| voter(id, v)).collect();
        let configuration = Configuration::new(0, Digest::default(), voters, required_vendors)
            .expect("a valid configuration");
        let mut builder = BlockBuilder::new(1, 1);
        builder.push(
            configuration_write(&configuration),
            Bytes::new(),
            preimage(1).digest(),
        );
        let block0 = genesis_block(builder, 1, START_MS, &configuration).expect("a valid block 0");
        let (sequence, _) = Sequence::from_block0(block0.hash(), &block0).expect("a block 0");
        Self {
            keys: (1..=20).map(|id| (id, key(id))).collect(),
            sequence,
            records: vec![Record::Block(block0.bytes().clone())],
            blocks: vec![block0],
            recorder: Recorder::new(),
            view: 1,
            proposer: 1,
            empties: vec![],
        }
    }

    /// Three voters of three vendors, two required.
    pub(crate) fn usual() -> Self {
        Self::of(&["amd", "intel", "aws"], 2)
    }

    pub(crate) fn network(&self) -> Digest {
        self.sequence.network()
    }

    /// The engine elects `proposer`: a new view with its empty entry.
    pub(crate) fn elect(&mut self, proposer: u64) {
        self.view += 1;
        self.proposer = proposer;
        let index = self.sequence.last().index + 1 + self.empties.len() as u64;
        self.empties.push((index, self.view));
    }

    /// The next block, with these public writes, not appended to the records.
    pub(crate) fn try_propose(
        &mut self,
        writes: Vec<Bytes>,
        readings: &[VerifiedClockReading],
    ) -> Result<(Block, Appended), SequenceError> {
        let mut builder = BlockBuilder::new(self.view, self.sequence.next_seqno());
        for public in writes {
            let seqno = builder.next_id().seqno;
            builder.push(
                public,
                Bytes::from_static(b"sealed"),
                preimage(seqno).digest(),
            );
        }
        let index = self.sequence.last().index + 1 + self.empties.len() as u64;
        let empties = std::mem::take(&mut self.empties);
        let terms = Terms {
            index,
            proposer: self.proposer,
            readings,
            empties,
        };
        self.sequence.propose(builder, terms)
    }

    /// Proposes, appends and records a block with these public writes.
    pub(crate) fn propose(&mut self, writes: Vec<Bytes>) -> Block {
        let (block, appended) = self.try_propose(writes, &[]).expect("a valid proposal");
        self.recorder.appended(&block, &appended);
        self.records.push(Record::Block(block.bytes().clone()));
        self.blocks.push(block.clone());
        block
    }

    /// A block of `count` private transactions.
    pub(crate) fn transact(&mut self, count: usize) -> Block {
        self.propose(vec![no_writes(); count])
    }

    /// A certificate over a block, signed by these replicas.
    pub(crate) fn certificate(&self, head: &Head, signers: &[u64]) -> Certificate {
        let signatures = signers
            .iter()
            .map(|id| BlockSignature::sign(&self.keys[id], *id, &self.network(), head))
            .collect();
        Certificate {
            header_hash: head.hash,
            view: head.view,
            index: head.index,
            signatures,
        }
    }

    /// Certifies the newest block and records the certificate.
    pub(crate) fn certify(&mut self, signers: &[u64]) -> Certificate {
        let certificate = self.certificate(self.sequence.last(), signers);
        self.sequence
            .certify(&certificate)
            .expect("a valid certificate");
        self.recorder.certified(&certificate, &self.sequence);
        self.records.push(Record::Certificate(certificate.encode()));
        certificate
    }

    /// A reading that voter `id` signs now.
    pub(crate) fn reading(&self, id: u64, time_ms: u64) -> ClockReading {
        let newest = self.sequence.last().hash;
        ClockReading::sign(&self.keys[&id], &self.network(), id, time_ms, newest)
    }

    /// The same, checked.
    pub(crate) fn vetted(&self, id: u64, time_ms: u64) -> VerifiedClockReading {
        self.reading(id, time_ms)
            .verify(&self.network(), &self.keys[&id].public())
            .expect("a valid reading")
    }

    /// The configuration after the newest, with these voters.
    pub(crate) fn next_configuration(
        &self,
        voters: Vec<Voter>,
        required_vendors: u8,
    ) -> Configuration {
        let current = self.sequence.newest_configuration();
        Configuration::new(
            current.number() + 1,
            current.digest(),
            voters,
            required_vendors,
        )
        .expect("a valid configuration")
    }

    /// The newest configuration with one voter more.
    pub(crate) fn with_voter(&self, id: u64, vendor: &str) -> Configuration {
        let mut voters = self.sequence.newest_configuration().voters().to_vec();
        voters.push(voter(id, vendor));
        self.next_configuration(
            voters,
            self.sequence.newest_configuration().required_vendors(),
        )
    }

    /// What a client knows who followed every record so far, of a network that was opened at once.
    pub(crate) fn chain(&self) -> Chain {
        let mut chain = self.unopened_chain();
        let first = self.blocks[0].header().configuration;
        chain.open(0, &first).expect("it is the first");
        chain
    }

    /// The same of a network that the members have not opened.
    pub(crate) fn unopened_chain(&self) -> Chain {
        let block0 = self.blocks[0].bytes().clone();
        let mut chain = Chain::start(self.network(), block0).expect("a valid block 0");
        for record in self.recorder.records() {
            chain.follow(record).expect("a valid record");
        }
        chain
    }

    /// A receipt for transaction `seqno` under the newest block of `blocks`.
    pub(crate) fn receipt(&self, seqno: u64, signers: &[u64]) -> Receipt {
        self.receipt_under(self.blocks.last().expect("a block"), seqno, signers)
    }

    /// A receipt for transaction `seqno` under `block`.
    pub(crate) fn receipt_under(&self, block: &Block, seqno: u64, signers: &[u64]) -> Receipt {
        let head = block.head();
        let holder = self
            .blocks
            .iter()
            .find(|b| (b.header().first_seqno..=b.header().tree_size).contains(&seqno))
            .expect("a block that holds it");
        let position = (seqno - holder.header().first_seqno) as usize;
        let leaf = holder.leaf(position).expect("a leaf");
        let proof = self
            .sequence
            .tree()
            .prove(seqno - 1, head.tree_size)
            .expect("a proof");
        let certificate = self.certificate(&head, signers);
        let configuration = self
            .sequence
            .configuration_named(&head.configuration)
            .expect("a configuration");
        let header = block.header_bytes().clone();
        ReceiptIssuer::new(&self.network(), header, head, &certificate, configuration).issue(
            leaf,
            &proof,
            Some(preimage(seqno)),
            Some(holder.frames()[position].public.clone()),
        )
    }

    /// Every record so far as one segment.
    pub(crate) fn segment(&self) -> Vec<u8> {
        let header = SegmentHeader {
            network: self.network(),
            first_index: 1,
        };
        let mut out = header.encode().to_vec();
        self.records.iter().for_each(|r| r.encode(&mut out));
        out
    }
}
