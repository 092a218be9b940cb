//! The chain of configurations, as a client follows it offline from the pin.
//!
//! - [`Chain::start`] takes block 0, whose hash must be the pin. Each
//!   [`ChainRecord`] leads one configuration further.
//! - A record for k → k+1 holds the leaf that wrote configuration k+1, its public
//!   writes, and a header that names k, certified by k, whose tree has that leaf:
//!   the change block's own or a later one's. One proof against one certified
//!   root; the change block's header adds nothing to it.
//! - The certified header of the record *ends* configuration k ([`Ended`]). What k signs
//!   elsewhere proves nothing any more; only leaves of that header's tree do.
//! - [`Chain::open`] marks the configuration from which on receipts count: the one that the members
//!   opened. The first configuration is one founder alone, and whoever holds a founder's key can
//!   sign any history under it.
//! - [`Recorder`] makes the records while a replica or an audit goes along.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, sha256};

use crate::block::Block;
use crate::canonical::{self, Malformed};
use crate::certificate::{Certificate, CertificateError};
use crate::configuration::{Configuration, ConfigurationError, SuccessorError, check_no_reuse};
use crate::header::Head;
use crate::public_writes::{self, CONFIGURATIONS_MAP, Lookup};
use crate::sequence::{Appended, Sequence};
use crate::sequence_error::SequenceError;
use crate::transaction::Leaf;
use crate::tree::{InclusionProof, ProofError};

/// The longest encoding of a record in bytes.
pub const CHAIN_RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The step from one configuration to the next. Proves nothing until followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRecord {
    /// The leaf of the transaction that wrote the next configuration.
    pub leaf: Leaf,
    /// Its public writes.
    pub public: Bytes,
    /// That the leaf is in the tree of `header`.
    pub proof: InclusionProof,
    /// The certified header, encoded. Names the configuration before.
    pub header: Bytes,
    /// Over `header`, by the configuration before.
    pub certificate: Certificate,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    version: u16,
    #[n(1)]
    leaf: Leaf,
    #[n(2)]
    public: ByteVec,
    #[n(3)]
    proof: InclusionProof,
    #[n(4)]
    header: ByteVec,
    #[n(5)]
    certificate: Certificate,
}

impl ChainRecord {
    /// Deterministic CBOR.
    pub fn encode(&self) -> Bytes {
        canonical::encode(&Wire {
            version: 1,
            leaf: self.leaf,
            public: self.public.to_vec().into(),
            proof: self.proof.clone(),
            header: self.header.to_vec().into(),
            certificate: self.certificate.clone(),
        })
        .into()
    }

    /// Reads an encoding. What it claims is for [`Chain::follow`] to judge.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = canonical::decode(bytes, CHAIN_RECORD_BYTES_MAX)?;
        if wire.version != 1 {
            return Err(Malformed::Shape);
        }
        Ok(Self {
            leaf: wire.leaf,
            public: Vec::from(wire.public).into(),
            proof: wire.proof,
            header: Vec::from(wire.header).into(),
            certificate: wire.certificate,
        })
    }
}

/// Why a chain cannot be started or followed. The server's fault, or an attack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Block 0's bytes are not a block.
    #[error("block 0 is malformed: {0}")]
    Block(Malformed),
    /// Block 0 is not the pinned one, or not a block 0.
    #[error("block 0 is refused: {0}")]
    Genesis(#[from] SequenceError),
    /// The record's header is malformed.
    #[error("the certified header is malformed: {0}")]
    Header(Malformed),
    /// The header is of another network.
    #[error("the certified header is from a different network")]
    Network,
    /// The header lies before the configuration that it should certify from.
    #[error("the certified header is older than the configuration that it names")]
    Order,
    /// The certificate does not hold under the newest configuration known.
    #[error("the certificate is not valid: {0}")]
    Certificate(#[from] CertificateError),
    /// The leaf is not of a known version or of a view above the header's.
    #[error("the leaf is not in this tree")]
    Leaf,
    /// The proof is not of the leaf's position in the header's tree.
    #[error("the proof is for a different leaf or tree")]
    ProofPlace,
    /// The proof does not lead to the header's root.
    #[error("the leaf is not proven: {0}")]
    Proof(#[from] ProofError),
    /// The public writes are not those that the leaf commits to.
    #[error("the public writes do not match the leaf")]
    Writes,
    /// The public writes do not contain the next configuration.
    #[error("the public writes do not contain configuration {number}")]
    NoConfiguration {
        /// The number looked for.
        number: u64,
    },
    /// The next configuration is not valid.
    #[error("the configuration is not valid: {0}")]
    Configuration(#[from] ConfigurationError),
    /// The next configuration cannot follow.
    #[error("the configuration cannot follow the previous one: {0}")]
    Successor(#[from] SuccessorError),
    /// The members opened a configuration that this chain does not have.
    #[error("configuration {number} of this chain is not the one that the members opened")]
    Opening {
        /// The number that they named.
        number: u64,
    },
}

/// The configurations that a client has verified from the pin on.
#[derive(Clone, Debug)]
pub struct Chain {
    network: Digest,
    links: Vec<Link>,
    /// The number of the configuration that the members opened.
    opening: Option<u64>,
}

#[derive(Clone, Debug)]
struct Link {
    configuration: Arc<Configuration>,
    /// How it ended; none for the newest.
    ended: Option<Ended>,
}

/// The certified block by which a configuration ended: the header of the chain record to its
/// successor, and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    head: Head,
    signers: Vec<u64>,
}

impl Ended {
    /// The certified block. Its tree holds every transaction that the configuration stands for.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The voters of the configuration that signed it, ascending: a quorum of enough vendors.
    pub fn signers(&self) -> &[u64] {
        &self.signers
    }
}

impl Chain {
    /// Starts from block 0 as encoded; its hash must be `pin`.
    pub fn start(pin: Digest, block0: Bytes) -> Result<Self, ChainError> {
        let block = Block::decode(block0).map_err(ChainError::Block)?;
        let (sequence, _) = Sequence::from_block0(pin, &block)?;
        let configuration = sequence.configuration().clone();
        Ok(Self {
            network: pin,
            links: vec![Link {
                configuration,
                ended: None,
            }],
            opening: None,
        })
    }

    /// Takes note that the members opened the configuration with this number and digest: receipts
    /// count from it on.
    /// The caller has verified the members' signatures, whose keys stand in block 0. A refused
    /// opening changes nothing.
    ///
    /// # Errors
    /// [`ChainError::Opening`], if the chain followed so far has no such configuration.
    pub fn open(&mut self, number: u64, digest: &Digest) -> Result<(), ChainError> {
        let opened = self.configuration(digest);
        if opened.is_none_or(|opened| opened.number() != number) {
            return Err(ChainError::Opening { number });
        }
        self.opening = Some(number);
        Ok(())
    }

    /// The number of the configuration that the members opened; `None` if they opened none that is
    /// known here.
    pub fn opening(&self) -> Option<u64> {
        self.opening
    }

    /// Takes the step of one record. A refused record changes nothing.
    pub fn follow(&mut self, record: &ChainRecord) -> Result<(), ChainError> {
        let (header, head) = Head::of_bytes(&record.header).map_err(ChainError::Header)?;
        if header.network != self.network {
            return Err(ChainError::Network);
        }
        if self.previous_end().is_some_and(|end| head.index <= end) {
            return Err(ChainError::Order);
        }
        record
            .certificate
            .verify(&self.network, &head, self.current())?;
        check_leaf(record, &head)?;
        let next = self.next_configuration(record)?;
        let link = self.links.last_mut().expect("a chain has a first link");
        let signatures = record.certificate.signatures.iter();
        link.ended = Some(Ended {
            head,
            signers: signatures.map(|s| s.signer).collect(),
        });
        self.links.push(Link {
            configuration: Arc::new(next),
            ended: None,
        });
        Ok(())
    }

    /// The network id, which is the pin.
    pub fn network(&self) -> Digest {
        self.network
    }

    /// The newest configuration known.
    pub fn current(&self) -> &Arc<Configuration> {
        &self
            .links
            .last()
            .expect("a chain has a first link")
            .configuration
    }

    /// The configuration with this digest.
    pub fn configuration(&self, digest: &Digest) -> Option<&Arc<Configuration>> {
        self.link(digest).map(|l| &l.configuration)
    }

    /// How the configuration with this digest ended. `None` for the newest, and for one that the
    /// chain does not have.
    pub fn ended(&self, digest: &Digest) -> Option<&Ended> {
        self.link(digest)?.ended.as_ref()
    }

    /// All configurations, oldest first.
    pub fn configurations(&self) -> impl ExactSizeIterator<Item = &Arc<Configuration>> + '_ {
        self.links.iter().map(|l| &l.configuration)
    }

    fn link(&self, digest: &Digest) -> Option<&Link> {
        self.links
            .iter()
            .rev()
            .find(|l| l.configuration.digest() == *digest)
    }

    fn previous_end(&self) -> Option<u64> {
        let ended = self.links.iter().rev().find_map(|l| l.ended.as_ref());
        ended.map(|e| e.head.index)
    }

    fn next_configuration(&self, record: &ChainRecord) -> Result<Configuration, ChainError> {
        let number = self.current().number() + 1;
        let found = public_writes::find(&record.public, CONFIGURATIONS_MAP, &number.to_be_bytes());
        let Ok(Lookup::Written(bytes)) = found else {
            return Err(ChainError::NoConfiguration { number });
        };
        let next = Configuration::decode(bytes)?;
        self.current().check_successor(&next)?;
        check_no_reuse(
            self.links.iter().map(|l| &*l.configuration),
            self.current(),
            &next,
        )?;
        Ok(next)
    }
}

fn check_leaf(record: &ChainRecord, head: &Head) -> Result<(), ChainError> {
    let leaf = &record.leaf;
    if Leaf::decode(&leaf.encode()).is_err() || leaf.view > head.view {
        return Err(ChainError::Leaf);
    }
    let proof = &record.proof;
    if proof.tree_size != head.tree_size || proof.leaf_index.checked_add(1) != Some(leaf.seqno) {
        return Err(ChainError::ProofPlace);
    }
    proof.verify(&leaf.hash(), &head.root)?;
    if sha256(&[&record.public]) != leaf.public {
        return Err(ChainError::Writes);
    }
    Ok(())
}

/// Makes chain records from the blocks and certificates that pass by.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    records: Vec<ChainRecord>,
    pending: Option<Change>,
}

/// A change that waits for its certificate, with the headers from it on.
#[derive(Clone, Debug)]
struct Change {
    written_at: u64,
    leaf: Leaf,
    public: Bytes,
    headers: BTreeMap<u64, Bytes>,
}

impl Recorder {
    /// Knows no change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a block that was just appended. Not for block 0.
    pub fn appended(&mut self, block: &Block, appended: &Appended) {
        if let Some(configuration) = &appended.change {
            self.pending = change_in(block, appended, configuration.number());
        }
        if let Some(change) = &mut self.pending {
            change
                .headers
                .insert(appended.head.index, block.header_bytes().clone());
        }
    }

    /// Takes note that blocks above `index` were retracted.
    pub fn retracted(&mut self, index: u64) {
        self.pending.take_if(|c| c.written_at > index);
        if let Some(change) = &mut self.pending {
            change.headers.retain(|&at, _| at <= index);
        }
    }

    /// Takes note of a verified certificate over a block of `sequence`. Returns the
    /// record that it completes.
    pub fn certified(
        &mut self,
        certificate: &Certificate,
        sequence: &Sequence,
    ) -> Option<&ChainRecord> {
        let change = self
            .pending
            .take_if(|c| c.headers.contains_key(&certificate.index))?;
        let header = change.headers.get(&certificate.index)?.clone();
        let tree_size = sequence.head_at(certificate.index)?.tree_size;
        let proof = sequence.tree().prove(change.leaf.seqno - 1, tree_size)?;
        let certificate = certificate.clone();
        let record = ChainRecord {
            leaf: change.leaf,
            public: change.public,
            proof,
            header,
            certificate,
        };
        self.records.push(record);
        self.records.last()
    }

    /// The records so far, oldest first.
    pub fn records(&self) -> &[ChainRecord] {
        &self.records
    }
}

/// The transaction of `block` that writes configuration `number`.
fn change_in(block: &Block, appended: &Appended, number: u64) -> Option<Change> {
    let key = number.to_be_bytes();
    let writes = |public: &[u8]| {
        matches!(
            public_writes::find(public, CONFIGURATIONS_MAP, &key),
            Ok(Lookup::Written(_))
        )
    };
    let at = block.frames().iter().position(|f| writes(&f.public))?;
    Some(Change {
        written_at: appended.head.index,
        leaf: *appended.leaves.get(at)?,
        public: block.frames().get(at)?.public.clone(),
        headers: BTreeMap::new(),
    })
}
