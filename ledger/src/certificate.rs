//! Quorum certificates: what makes a block committed.
//!
//! - A [`Certificate`] holds signatures over one block by voters of the
//!   configuration that its header names. It covers that block and all before it.
//! - [`Certified`] is the witness that one was verified; only this module makes it.
//! - [`Tally`] is how a leader gathers one: each signature is checked once, when
//!   it arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, Signature};
use synod_mutation::mutation;

use crate::canonical::{self, Malformed};
use crate::configuration::{Configuration, QuorumError, VOTERS_MAX};
use crate::header::Head;
use crate::signature::BlockSignature;

/// The longest encoding of a certificate in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

/// Signatures over one block, sorted by signer. Proves nothing until verified.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Certificate {
    /// The block's hash.
    #[n(0)]
    pub header_hash: Digest,
    /// The block's view.
    #[n(1)]
    pub view: u64,
    /// The block's index.
    #[n(2)]
    pub index: u64,
    /// One signature for each signer, ascending by signer.
    #[n(3)]
    pub signatures: Vec<BlockSignature>,
}

/// Witness that a block was certified by the configuration it names. Everything
/// below it is committed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certified {
    index: u64,
    view: u64,
    header_hash: Digest,
}

impl Certified {
    /// The block's index.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The block's view.
    pub fn view(&self) -> u64 {
        self.view
    }

    /// The block's hash.
    pub fn header_hash(&self) -> Digest {
        self.header_hash
    }

    fn of(head: &Head) -> Self {
        Self {
            index: head.index,
            view: head.view,
            header_hash: head.hash,
        }
    }
}

/// Why a certificate does not certify the given block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is over another block.
    #[error("the certificate is over a different block")]
    WrongBlock,
    /// It states another view than the block's header.
    #[error("the certificate states view {found}, but the block is in view {expected}")]
    WrongView {
        /// The header's view.
        expected: u64,
        /// The certificate's view.
        found: u64,
    },
    /// It states another index than the block's header.
    #[error("the certificate states index {found}, but the block is at index {expected}")]
    WrongIndex {
        /// The header's index.
        expected: u64,
        /// The certificate's index.
        found: u64,
    },
    /// The configuration given is not the one that the block's header names.
    #[error("the block names a different configuration")]
    WrongConfiguration,
    /// A signer is not a voter of the configuration.
    #[error("replica {signer} is not a voter of the configuration")]
    UnknownSigner {
        /// The id at fault.
        signer: u64,
    },
    /// A signer occurs twice, or signers do not ascend.
    #[error("replica {signer} signs twice or out of order")]
    DuplicateSigner {
        /// The id at fault.
        signer: u64,
    },
    /// A signature is not the signer's over this block.
    #[error("the signature of replica {signer} is not valid")]
    BadSignature {
        /// The id at fault.
        signer: u64,
    },
    /// The signers are too few or of too few vendors.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
}

impl Certificate {
    /// Deterministic CBOR.
    pub fn encode(&self) -> Bytes {
        canonical::encode(self).into()
    }

    /// Reads an encoding; order and validity of signatures are for [`Self::verify`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let certificate: Self = canonical::decode(bytes, CERTIFICATE_BYTES_MAX)?;
        if certificate.signatures.len() > VOTERS_MAX {
            return Err(Malformed::Shape);
        }
        Ok(certificate)
    }

    /// Checks that voters of `configuration`, enough of them and of enough
    /// vendors, signed this block. The only way from bytes to [`Certified`].
    pub fn verify(
        &self,
        network: &Digest,
        head: &Head,
        configuration: &Configuration,
    ) -> Result<Certified, CertificateError> {
        self.check_subject(head, configuration)?;
        let mut signers = BTreeSet::new();
        let mut last = None;
        for signature in &self.signatures {
            let signer = signature.signer;
            let again = last.is_some_and(|id| id >= signer);
            if again && !mutation!("signer-counts-twice") {
                return Err(CertificateError::DuplicateSigner { signer });
            }
            last = Some(signer);
            check_one(network, head, configuration, signature)?;
            signers.insert(signer);
        }
        let counted_twice =
            mutation!("signer-counts-twice") && self.signatures.len() >= configuration.quorum();
        if !counted_twice && !mutation!("certificate-quorum-unchecked") {
            configuration.is_quorum_and_diverse(&signers)?;
        }
        Ok(Certified::of(head))
    }

    fn check_subject(
        &self,
        head: &Head,
        configuration: &Configuration,
    ) -> Result<(), CertificateError> {
        if self.view != head.view && !mutation!("certificate-view-unchecked") {
            return Err(CertificateError::WrongView {
                expected: head.view,
                found: self.view,
            });
        }
        if self.index != head.index {
            return Err(CertificateError::WrongIndex {
                expected: head.index,
                found: self.index,
            });
        }
        if self.header_hash != head.hash {
            return Err(CertificateError::WrongBlock);
        }
        if configuration.digest() != head.configuration {
            return Err(CertificateError::WrongConfiguration);
        }
        Ok(())
    }
}

fn check_one(
    network: &Digest,
    head: &Head,
    configuration: &Configuration,
    signature: &BlockSignature,
) -> Result<(), CertificateError> {
    let signer = signature.signer;
    let voter = configuration
        .voter(signer)
        .ok_or(CertificateError::UnknownSigner { signer })?;
    signature
        .verify(network, head, voter)
        .map_err(|_| CertificateError::BadSignature { signer })
}

/// Gathers the signatures over one block until they certify it.
#[derive(Clone, Debug)]
pub struct Tally {
    network: Digest,
    head: Head,
    configuration: Arc<Configuration>,
    signatures: BTreeMap<u64, Signature>,
    done: bool,
}

impl Tally {
    /// Starts with no signature. `configuration` must be the one the block names.
    pub fn new(
        network: Digest,
        head: Head,
        configuration: Arc<Configuration>,
    ) -> Result<Self, CertificateError> {
        if configuration.digest() != head.configuration {
            return Err(CertificateError::WrongConfiguration);
        }
        Ok(Self {
            network,
            head,
            configuration,
            signatures: BTreeMap::new(),
            done: false,
        })
    }

    /// The block.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Who has signed so far.
    pub fn signers(&self) -> impl Iterator<Item = u64> + '_ {
        self.signatures.keys().copied()
    }

    /// Checks and counts one signature. Returns certificate and witness once,
    /// when the signatures first suffice. A signer's second signature is not looked at.
    pub fn add(
        &mut self,
        signature: BlockSignature,
    ) -> Result<Option<(Certificate, Certified)>, CertificateError> {
        if self.signatures.contains_key(&signature.signer) {
            return Ok(None);
        }
        if !mutation!("tally-without-check") {
            check_one(&self.network, &self.head, &self.configuration, &signature)?;
        }
        self.signatures
            .insert(signature.signer, signature.signature);
        Ok(self.complete())
    }

    /// Counts a signature that the caller just made itself with the signer's key,
    /// and that therefore needs no check.
    pub fn add_own(&mut self, signature: BlockSignature) -> Option<(Certificate, Certified)> {
        self.configuration.voter(signature.signer)?;
        self.signatures
            .insert(signature.signer, signature.signature);
        self.complete()
    }

    fn complete(&mut self) -> Option<(Certificate, Certified)> {
        let signers: BTreeSet<u64> = self.signatures.keys().copied().collect();
        let enough = self.configuration.is_quorum_and_diverse(&signers).is_ok()
            || (mutation!("own-signature-twice")
                && signers.len() + 1 >= self.configuration.quorum());
        if self.done || !enough {
            return None;
        }
        self.done = true;
        let signatures = self
            .signatures
            .iter()
            .map(|(&signer, &signature)| BlockSignature { signer, signature })
            .collect();
        let head = &self.head;
        let certificate = Certificate {
            header_hash: head.hash,
            view: head.view,
            index: head.index,
            signatures,
        };
        Some((certificate, Certified::of(head)))
    }
}
