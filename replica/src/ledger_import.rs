//! Imports a whole ledger, record by record: for a joiner, an audit, and recovery.
//!
//! Everything is checked that a replica checks, governance included; nothing of what a folder says
//! is believed. Without secrets only the public half is replayed, which is all that governance
//! needs.
//!
//! A block that follows one below the newest takes the place of the uncertified blocks above that
//! one: so an append-only file tells of a truncated tail.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{
    Block, Certificate, CertifyError, LedgerSecret, Malformed, Opener, Record, RetractsCertified,
};

use crate::machine::{BlockFault, Claim, Machine};

/// Why a record is refused. Whoever wrote or sent the ledger is at fault.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first record is not block 0.
    #[error("the ledger does not begin with block 0")]
    NoBlockZero,
    /// A block is refused.
    #[error(transparent)]
    Block(#[from] BlockFault),
    /// A block would take the place of a certified one.
    #[error(transparent)]
    Certified(#[from] RetractsCertified),
    /// A certificate is malformed.
    #[error("malformed certificate: {0}")]
    CertificateBytes(Malformed),
    /// A certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] CertifyError),
    /// A replica's recorded signature over a block at hand is not valid.
    #[error("the recorded signature of replica {signer} over block {index} is not valid")]
    Signature {
        /// The signer.
        signer: u64,
        /// The block's index.
        index: u64,
    },
}

/// What was imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks in the chain, block 0 included.
    pub blocks: u64,
    /// Uncertified blocks that others took the place of.
    pub replaced: u64,
    /// Certificates verified.
    pub certificates: u64,
    /// Signatures found.
    pub signatures: u64,
    /// Refused things that the replica kept as proof.
    pub proofs: u64,
}

/// A ledger that is being imported.
pub struct LedgerImport {
    pin: Digest,
    secrets: Option<Vec<LedgerSecret>>,
    machine: Option<Machine>,
    counts: Counts,
}

impl LedgerImport {
    /// Begins; the first record fed must be block 0 with this hash. With secrets the private half
    /// is replayed too.
    pub fn new(pin: Digest, secrets: Option<Vec<LedgerSecret>>) -> Self {
        Self {
            pin,
            secrets,
            machine: None,
            counts: Counts::default(),
        }
    }

    /// Checks and takes the next record.
    ///
    /// # Errors
    /// [`ImportError`]; the import stands as before.
    pub fn feed(&mut self, record: &Record) -> Result<(), ImportError> {
        match record {
            Record::Block(bytes) => self.block(bytes.clone()),
            Record::Certificate(bytes) => self.certificate(bytes),
            Record::Signature(signed) => self.signature(signed),
            Record::Proof(_) => {
                self.counts.proofs += 1;
                Ok(())
            }
        }
    }

    /// The machine so far; none before block 0.
    pub fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// What was taken in so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The machine at the newest certified block: the uncertified tail, which promises nothing, is
    /// cut off.
    ///
    /// # Errors
    /// [`ImportError::NoBlockZero`] where nothing was fed.
    pub fn finish(self) -> Result<Machine, ImportError> {
        let mut machine = self.machine.ok_or(ImportError::NoBlockZero)?;
        let certified = machine.sequence().certified().index;
        machine.retract(certified)?;
        Ok(machine)
    }

    fn block(&mut self, bytes: Bytes) -> Result<(), ImportError> {
        let Some(machine) = &mut self.machine else {
            let opener = self.secrets.take().map(|secrets| {
                let mut opener = Opener::new();
                secrets.into_iter().for_each(|secret| opener.add(secret));
                opener
            });
            self.machine = Some(Machine::from_block0(self.pin, bytes, opener)?);
            self.counts.blocks = 1;
            return Ok(());
        };
        let block = Block::decode(bytes).map_err(BlockFault::from)?;
        let follows = block.header().follows_index().unwrap_or(u64::MAX);
        if follows < machine.sequence().last().index {
            let gone = machine.retract(follows)?.len() as u64;
            self.counts.replaced += gone;
            self.counts.blocks -= gone;
        }
        machine.append(block, Claim::Recorded)?;
        self.counts.blocks += 1;
        Ok(())
    }

    fn certificate(&mut self, bytes: &Bytes) -> Result<(), ImportError> {
        let machine = self.machine.as_mut().ok_or(ImportError::NoBlockZero)?;
        let certificate = Certificate::decode(bytes).map_err(ImportError::CertificateBytes)?;
        machine.certify(certificate)?;
        machine.compact(None);
        self.counts.certificates += 1;
        Ok(())
    }

    fn signature(&mut self, signed: &synod_ledger::SignedAt) -> Result<(), ImportError> {
        let machine = self.machine.as_ref().ok_or(ImportError::NoBlockZero)?;
        self.counts.signatures += 1;
        let sequence = machine.sequence();
        let Some(head) = sequence
            .head_at(signed.index)
            .filter(|head| head.hash == signed.header_hash)
        else {
            return Ok(());
        };
        let signer = signed.signature.signer;
        let named = sequence.configuration_named(&head.configuration);
        let Some(voter) = named.and_then(|named| named.voter(signer)) else {
            return Ok(());
        };
        let valid = signed.signature.verify(&sequence.network(), head, voter);
        valid.map_err(|_| ImportError::Signature {
            signer,
            index: signed.index,
        })
    }
}
