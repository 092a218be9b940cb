//! The structural audit: replays records and checks the chain, the tree, the
//! certificates and the configurations.
//!
//! What governance writes mean is not recomputed here; whoever does so feeds the
//! same records and looks at each [`Step`].

use bytes::Bytes;
use synod_crypto::Digest;

use crate::block::Block;
use crate::canonical::Malformed;
use crate::certificate::{Certificate, Certified};
use crate::chain::{ChainRecord, Recorder};
use crate::header::Head;
use crate::segment::{Damage, Record, Scanner, SignedAt};
use crate::sequence::{Appended, CertifyError, RetractsCertified, Sequence};
use crate::sequence_error::SequenceError;

/// What one record was.
#[derive(Clone, Debug)]
pub enum Step {
    /// A block that follows.
    Block {
        /// The block.
        block: Box<Block>,
        /// What was computed on the way.
        appended: Appended,
        /// If it took the place of uncertified blocks: the index of the newest one kept.
        retracted_to: Option<u64>,
    },
    /// A valid certificate.
    Certificate(Certified),
    /// A signature; `judged` if a voter's, over a known block, and then valid.
    Signature {
        /// The signature.
        signed: SignedAt,
        /// Whether there was anything to judge it by.
        judged: bool,
    },
    /// Something that the replica refused and kept. Opaque here.
    Proof(Bytes),
}

/// Why a ledger is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// A segment is damaged.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// A segment is of another network.
    #[error("the segment belongs to network {found}, which is not this network")]
    Network {
        /// The network found.
        found: Digest,
    },
    /// A segment's header states another first block than the segment has.
    #[error("the segment states first index {stated}, but its first block has index {found}")]
    FirstIndex {
        /// What the segment's header states.
        stated: u64,
        /// The first block's index.
        found: u64,
    },
    /// The first record is not block 0.
    #[error("the ledger does not begin with block 0")]
    NoBlockZero,
    /// A block's bytes are malformed.
    #[error("the block is malformed: {0}")]
    Block(Malformed),
    /// A block does not follow.
    #[error("the block is refused: {0}")]
    Sequence(#[from] SequenceError),
    /// A block would take the place of a certified one.
    #[error("the block contradicts a certified one: {0}")]
    ContradictsCertified(#[from] RetractsCertified),
    /// A certificate's bytes are malformed.
    #[error("the certificate is malformed: {0}")]
    CertificateBytes(Malformed),
    /// A certificate does not hold.
    #[error("the certificate is refused: {0}")]
    Certificate(#[from] CertifyError),
    /// The replica's own signature over a known block is not valid.
    #[error("the signature of replica {signer} over block {index} is not valid")]
    Signature {
        /// The signer.
        signer: u64,
        /// The block's index.
        index: u64,
    },
}

/// The first fault, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment}, byte {at}: {fault}")]
pub struct AuditError {
    /// The segment's position among those given, from 0.
    pub segment: usize,
    /// Offset in the segment.
    pub at: u64,
    /// What is wrong.
    pub fault: AuditFault,
}

/// What a ledger holds, once it was found in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Blocks in the chain, block 0 included.
    pub blocks: u64,
    /// Uncertified blocks that others took the place of.
    pub replaced: u64,
    /// Transactions in the chain.
    pub transactions: u64,
    /// Certificates verified.
    pub certificates: u64,
    /// Signatures found.
    pub signatures: u64,
    /// Proofs of refused things found.
    pub proofs: u64,
    /// Configurations in the chain.
    pub configurations: u64,
    /// Blocks above the certified one: a tail that promises nothing.
    pub uncertified: u64,
    /// The newest block.
    pub last: Head,
    /// The newest certified block.
    pub certified: Head,
    /// Where the last segment is torn, if it is: (segment, offset).
    pub torn: Option<(usize, u64)>,
}

/// A running audit.
#[derive(Clone, Debug)]
pub struct Audit {
    pin: Digest,
    sequence: Option<Sequence>,
    recorder: Recorder,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    blocks: u64,
    replaced: u64,
    certificates: u64,
    signatures: u64,
    proofs: u64,
}

impl Audit {
    /// Begins; the first record fed must be block 0 with this hash.
    pub fn new(pin: Digest) -> Self {
        Self {
            pin,
            sequence: None,
            recorder: Recorder::new(),
            counts: Counts::default(),
        }
    }

    /// Checks the next record.
    pub fn feed(&mut self, record: &Record) -> Result<Step, AuditFault> {
        match record {
            Record::Block(bytes) => self.feed_block(bytes),
            Record::Certificate(bytes) => self.feed_certificate(bytes),
            Record::Signature(signed) => self.feed_signature(signed),
            Record::Proof(bytes) => {
                self.counts.proofs += 1;
                Ok(Step::Proof(bytes.clone()))
            }
        }
    }

    /// The chain so far; `None` before block 0.
    pub fn sequence(&self) -> Option<&Sequence> {
        self.sequence.as_ref()
    }

    /// Gives the chain up for use.
    pub fn into_sequence(self) -> Option<(Sequence, Recorder)> {
        self.sequence.map(|s| (s, self.recorder))
    }

    /// The chain records found so far.
    pub fn chain_records(&self) -> &[ChainRecord] {
        self.recorder.records()
    }

    /// What was found so far; `None` before block 0.
    pub fn report(&self) -> Option<Report> {
        let sequence = self.sequence.as_ref()?;
        let counts = &self.counts;
        Some(Report {
            blocks: counts.blocks,
            replaced: counts.replaced,
            transactions: sequence.last().tree_size,
            certificates: counts.certificates,
            signatures: counts.signatures,
            proofs: counts.proofs,
            configurations: sequence.configurations().len() as u64,
            uncertified: sequence.uncertified().len() as u64,
            last: *sequence.last(),
            certified: *sequence.certified(),
            torn: None,
        })
    }

    fn feed_block(&mut self, bytes: &Bytes) -> Result<Step, AuditFault> {
        let block = Block::decode(bytes.clone()).map_err(AuditFault::Block)?;
        let Some(sequence) = &mut self.sequence else {
            let (sequence, appended) = Sequence::from_block0(self.pin, &block)?;
            self.sequence = Some(sequence);
            self.counts.blocks += 1;
            return Ok(Step::Block {
                block: Box::new(block),
                appended,
                retracted_to: None,
            });
        };
        let retracted_to = replaces(sequence, &block);
        if let Some(index) = retracted_to {
            let before = sequence.uncertified().len();
            sequence.retract(index)?;
            self.recorder.retracted(index);
            let replaced = (before - sequence.uncertified().len()) as u64;
            self.counts.replaced += replaced;
            self.counts.blocks -= replaced;
        }
        let appended = sequence.append(&block)?;
        self.recorder.appended(&block, &appended);
        self.counts.blocks += 1;
        Ok(Step::Block {
            block: Box::new(block),
            appended,
            retracted_to,
        })
    }

    fn feed_certificate(&mut self, bytes: &Bytes) -> Result<Step, AuditFault> {
        let certificate = Certificate::decode(bytes).map_err(AuditFault::CertificateBytes)?;
        let sequence = self.sequence.as_mut().ok_or(AuditFault::NoBlockZero)?;
        let certified = sequence.certify(&certificate)?;
        self.recorder.certified(&certificate, sequence);
        self.counts.certificates += 1;
        Ok(Step::Certificate(certified))
    }

    fn feed_signature(&mut self, signed: &SignedAt) -> Result<Step, AuditFault> {
        let sequence = self.sequence.as_ref().ok_or(AuditFault::NoBlockZero)?;
        self.counts.signatures += 1;
        let judged = judge(sequence, signed)?;
        Ok(Step::Signature {
            signed: *signed,
            judged,
        })
    }
}

/// Audits whole segments in order. Only the last may be torn.
pub fn audit_segments(
    pin: Digest,
    segments: impl IntoIterator<Item = Bytes>,
) -> Result<(Audit, Report), AuditError> {
    let mut audit = Audit::new(pin);
    let mut torn = None;
    let mut segments = segments.into_iter().enumerate().peekable();
    while let Some((segment, bytes)) = segments.next() {
        let last = segments.peek().is_none();
        match audit_segment(&mut audit, pin, bytes) {
            Ok(()) => {}
            Err((at, AuditFault::Damage(Damage::Torn { .. }))) if last => {
                torn = Some((segment, at));
            }
            Err((at, fault)) => return Err(AuditError { segment, at, fault }),
        }
    }
    match audit.report() {
        Some(report) => Ok((audit, Report { torn, ..report })),
        None => Err(AuditError {
            segment: 0,
            at: 0,
            fault: AuditFault::NoBlockZero,
        }),
    }
}

fn audit_segment(audit: &mut Audit, pin: Digest, bytes: Bytes) -> Result<(), (u64, AuditFault)> {
    let mut scanner = Scanner::new(bytes).map_err(|damage| (0, damage.into()))?;
    let header = *scanner.header();
    if header.network != pin {
        return Err((
            0,
            AuditFault::Network {
                found: header.network,
            },
        ));
    }
    let mut first = true;
    while let Some(item) = scanner.next() {
        let placed = item.map_err(|damage| (scanner.valid_len(), damage.into()))?;
        let step = audit
            .feed(&placed.record)
            .map_err(|fault| (placed.at, fault))?;
        if let (Step::Block { block, .. }, true) = (&step, first) {
            first = false;
            let (stated, found) = (header.first_index, block.header().index);
            if stated != found {
                return Err((placed.at, AuditFault::FirstIndex { stated, found }));
            }
        }
    }
    Ok(())
}

/// If the block follows one below the newest: that one's index.
fn replaces(sequence: &Sequence, block: &Block) -> Option<u64> {
    let follows = block.header().follows_index()?;
    (follows < sequence.last().index).then_some(follows)
}

fn judge(sequence: &Sequence, signed: &SignedAt) -> Result<bool, AuditFault> {
    let Some(head) = sequence
        .head_at(signed.index)
        .filter(|h| h.hash == signed.header_hash)
    else {
        return Ok(false);
    };
    let signer = signed.signature.signer;
    let voter = sequence
        .configuration_named(&head.configuration)
        .and_then(|c| c.voter(signer));
    let Some(voter) = voter else { return Ok(false) };
    signed
        .signature
        .verify(&sequence.network(), head, voter)
        .map(|()| true)
        .map_err(|_| AuditFault::Signature {
            signer,
            index: signed.index,
        })
}
