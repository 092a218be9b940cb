//! Receipts: the proof that a transaction is committed, for anybody, offline.
//!
//! - A receipt exists as soon as a block is certified whose tree has the leaf.
//! - It holds a COSE receipt (RFC 9942) of each signer, so that tools which know
//!   nothing of Synod verify them one by one, and the header, so that Synod's own
//!   clients check quorum, diversity and configuration.
//! - A receipt whose header names a configuration that the chain has superseded proves
//!   nothing by that header, its view, index and signatures: whoever holds old keys can
//!   make such. It counts only with a proof that its leaf is in the tree of the chain
//!   record that ended the configuration; what is said of head and signers is the record's.
//! - A receipt counts only if the configuration that certified it is the one that the members
//!   opened, or a later one: only a founder vouches for what voters signed before.
//! - [`Receipt::verify`] is the only maker of [`Committed`].

use std::collections::BTreeSet;
use std::ops::Deref;

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, sha256};

use crate::block::BLOCK_BYTES_MAX;
use crate::canonical::{self, Malformed};
use crate::chain::{Chain, Ended};
use crate::configuration::{Configuration, QuorumError, VOTERS_MAX};
use crate::cose_receipt::{self, CoseReceipt, CoseReceiptError};
use crate::header::{Head, Header};
use crate::signature::{protected_header, sig_structure};
use crate::transaction::{Leaf, ReplyPreimage, TxId};
use crate::tree::{InclusionProof, ProofError};

/// The longest receipt in bytes.
pub const RECEIPT_BYTES_MAX: usize = BLOCK_BYTES_MAX;
/// The version of the receipt file that this crate writes and reads.
pub const RECEIPT_FORMAT: u16 = 2;

/// A receipt as it is handed out and stored. Proves nothing until verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The certified block's header, encoded: the transaction's block or a later one.
    pub header: Bytes,
    /// The transaction's leaf.
    pub leaf: Leaf,
    /// The preimage of the leaf's reply digest; only the receiver of the answer has it.
    pub opening: Option<ReplyPreimage>,
    /// The transaction's public writes, if they are to be shown.
    pub public: Option<Bytes>,
    /// A COSE receipt of each signer.
    pub cose: Vec<Bytes>,
    /// That the leaf is in the tree of the chain record that ended the configuration which the
    /// header names. Needed only where that tree is not the header's own.
    pub ending: Option<InclusionProof>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    version: u16,
    #[n(1)]
    header: ByteVec,
    #[n(2)]
    leaf: ByteVec,
    #[n(3)]
    opening: Option<ByteVec>,
    #[n(4)]
    public: Option<ByteVec>,
    #[n(5)]
    cose: Vec<ByteVec>,
    #[n(6)]
    ending: Option<InclusionProof>,
}

/// What the verifier asks beyond the configuration's own quorum and diversity,
/// which always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptPolicy {
    /// The fewest signers.
    pub signers_min: usize,
    /// The fewest vendors among them.
    pub vendors_min: usize,
    /// Whether receipts count that were made before the members opened the network; see
    /// [`Chain::open`]. Whoever holds a founder's key can make such of anything.
    pub before_opening: bool,
}

impl Default for ReceiptPolicy {
    fn default() -> Self {
        Self {
            signers_min: 1,
            vendors_min: 1,
            before_opening: false,
        }
    }
}

/// Witness that `T` is committed. Made only by [`Receipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T>(T);

impl<T> Deref for Committed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What a verified receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The transaction's leaf.
    pub leaf: Leaf,
    /// Request and answer, if the receipt opens them.
    pub reply: Option<ReplyPreimage>,
    /// The public writes, if the receipt shows them.
    pub public: Option<Bytes>,
    /// The certified block that covers it: the receipt's own, or that of the chain record which
    /// ended the receipt's configuration.
    pub head: Head,
    /// The number of the configuration that certified that block.
    pub configuration: u64,
    /// The signers of that block: replica id and vendor, ascending by id.
    pub signers: Vec<(u64, String)>,
    /// Whether that configuration voted before the members opened the network; only where the
    /// policy lets such count.
    pub before_opening: bool,
}

/// The given answer is not the one that the receipt proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The receipt does not open request and answer.
    #[error("the receipt has no opening of the answer")]
    NotOpened,
    /// It answers another request.
    #[error("the receipt is for a different request")]
    Request,
    /// Its answer had another status.
    #[error("the receipt is for an answer of status {proven}")]
    Status {
        /// The status proven.
        proven: u16,
    },
    /// Its answer had another body.
    #[error("the receipt is for a different response body")]
    Response,
}

impl Transaction {
    /// The transaction's name.
    pub fn id(&self) -> TxId {
        self.leaf.id()
    }

    /// Whether this transaction answered `request` with `status` and `body`.
    pub fn check_answer(
        &self,
        request: &Digest,
        status: u16,
        body: &[u8],
    ) -> Result<(), AnswerError> {
        let reply = self.reply.as_ref().ok_or(AnswerError::NotOpened)?;
        if reply.request != *request {
            return Err(AnswerError::Request);
        }
        if reply.status != status {
            return Err(AnswerError::Status {
                proven: reply.status,
            });
        }
        if reply.response != sha256(&[body]) {
            return Err(AnswerError::Response);
        }
        Ok(())
    }
}

/// Why a receipt is refused. Whoever handed it out is wrong, unless noted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The header is malformed.
    #[error("the header is malformed: {0}")]
    Header(Malformed),
    /// The header is of another network than the chain.
    #[error("the receipt is from network {found}, which is not the expected one")]
    Network {
        /// The network found.
        found: Digest,
    },
    /// The chain does not know the configuration named: perhaps a record is to be
    /// fetched and followed first.
    #[error("configuration {digest} is unknown; the chain may have newer configurations")]
    UnknownConfiguration {
        /// The digest named.
        digest: Digest,
    },
    /// The configuration voted before the members opened the network, or the given chain knows of
    /// no opening.
    #[error(
        "it was made under configuration {number}, before the members opened the network{}", opened_text(*.opened)
    )]
    BeforeOpening {
        /// The number of the configuration.
        number: u64,
        /// The number of the one that they opened, if the chain has it.
        opened: Option<u64>,
    },
    /// The given chain has superseded the configuration, and the receipt does not prove that its
    /// leaf is in the tree by which the configuration ended. The receipt may be honest, but older
    /// than the chain: a replica gives a new one for the same transaction.
    #[error(
        "configuration {number} was superseded at block {at}, and the receipt holds no proof for the tree of that block; an honest one is renewed with `synod receipt renew FILE`"
    )]
    Superseded {
        /// The number of the configuration.
        number: u64,
        /// Index of the block by which it ended.
        at: u64,
    },
    /// The proof for the tree by which the configuration ended is for another leaf.
    #[error("the proof for the tree at the end of configuration {number} is for a different leaf")]
    EndingPlace {
        /// The number of the configuration.
        number: u64,
    },
    /// The proof for the tree by which the configuration ended does not lead to its root.
    #[error("the proof for the tree at the end of configuration {number} is not valid: {error}")]
    Ending {
        /// The number of the configuration.
        number: u64,
        /// What is wrong.
        error: ProofError,
    },
    /// The leaf is not a valid leaf of this header's tree.
    #[error("the leaf is not in the header's tree")]
    Leaf,
    /// The opening is not the leaf's.
    #[error("the hash of the opening differs from the leaf's reply digest")]
    Opening,
    /// The public writes are not the leaf's.
    #[error("the hash of the public writes differs from the one in the leaf")]
    PublicWrites,
    /// There are more COSE receipts than voters can be.
    #[error("more COSE receipts than voters")]
    TooManySigners,
    /// A COSE receipt is malformed.
    #[error("COSE receipt {position} is refused: {error}")]
    Cose {
        /// Its position in the file.
        position: usize,
        /// What is wrong.
        error: CoseReceiptError,
    },
    /// A COSE receipt is by a key that belongs to no voter.
    #[error("COSE receipt {position} is signed by a key that does not belong to a voter")]
    UnknownSigner {
        /// Its position in the file.
        position: usize,
    },
    /// A voter signs twice.
    #[error("replica {signer} signs twice")]
    DuplicateSigner {
        /// The id at fault.
        signer: u64,
    },
    /// A COSE receipt names another network.
    #[error("the signature of replica {signer} is for a different network")]
    Issuer {
        /// The signer.
        signer: u64,
    },
    /// A COSE receipt is over another block.
    #[error("the signature of replica {signer} is over a different block")]
    WrongBlock {
        /// The signer.
        signer: u64,
    },
    /// A COSE receipt is of another view.
    #[error("the signature of replica {signer} is from a different view")]
    WrongView {
        /// The signer.
        signer: u64,
    },
    /// A proof is for another leaf or another tree.
    #[error("the proof with the signature of replica {signer} is for a different leaf or tree")]
    ProofPlace {
        /// The signer.
        signer: u64,
    },
    /// A proof does not lead to the root.
    #[error("the proof with the signature of replica {signer} is not valid: {error}")]
    Proof {
        /// The signer.
        signer: u64,
        /// What is wrong.
        error: ProofError,
    },
    /// A signature is not valid.
    #[error("the signature of replica {signer} is not valid")]
    BadSignature {
        /// The signer.
        signer: u64,
    },
    /// The signers are no diverse quorum of their configuration.
    #[error("there are not enough signers: {0}")]
    Quorum(#[from] QuorumError),
    /// Fewer signers than the verifier's policy asks.
    #[error("{found} signers, but the policy requires {needed}")]
    PolicySigners {
        /// Signers found.
        found: usize,
        /// Signers asked for.
        needed: usize,
    },
    /// Fewer vendors than the verifier's policy asks.
    #[error("signers of {found} vendors, but the policy requires {needed}")]
    PolicyVendors {
        /// Vendors found.
        found: usize,
        /// Vendors asked for.
        needed: usize,
    },
}

fn opened_text(opened: Option<u64>) -> String {
    match opened {
        Some(number) => format!(" with configuration {number}"),
        None => ", which this chain does not show open".to_owned(),
    }
}

/// What an independent verifier needs of a receipt: it rebuilds `root` from the
/// leaf data and checks each COSE receipt under the key that its `kid` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoseParts {
    /// The leaf data: the tree's entry.
    pub leaf: Vec<u8>,
    /// The root, which is the detached payload.
    pub root: Digest,
    /// Each COSE receipt with the `kid` of its signer.
    pub receipts: Vec<(Digest, Bytes)>,
}

impl Receipt {
    /// Deterministic CBOR: the receipt file.
    pub fn encode(&self) -> Bytes {
        canonical::encode(&Wire {
            version: RECEIPT_FORMAT,
            header: self.header.to_vec().into(),
            leaf: self.leaf.encode().into(),
            opening: self.opening.as_ref().map(|o| o.encode().into()),
            public: self.public.as_ref().map(|p| p.to_vec().into()),
            cose: self.cose.iter().map(|c| c.to_vec().into()).collect(),
            ending: self.ending.clone(),
        })
        .into()
    }

    /// Reads a receipt file.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        canonical::check_version(bytes, RECEIPT_FORMAT)?;
        let wire: Wire = canonical::decode(bytes, RECEIPT_BYTES_MAX)?;
        if wire.cose.len() > VOTERS_MAX {
            return Err(Malformed::Shape);
        }
        Ok(Self {
            header: Vec::from(wire.header).into(),
            leaf: Leaf::decode(&wire.leaf)?,
            opening: wire
                .opening
                .map(|o| ReplyPreimage::decode(&o))
                .transpose()?,
            public: wire.public.map(|p| Vec::from(p).into()),
            cose: wire.cose.into_iter().map(|c| Vec::from(c).into()).collect(),
            ending: wire.ending,
        })
    }

    /// Checks everything that the receipt claims, from the signatures to the leaf,
    /// against configurations that the chain has verified.
    pub fn verify(
        &self,
        chain: &Chain,
        policy: &ReceiptPolicy,
    ) -> Result<Committed<Transaction>, ReceiptError> {
        let (header, head) = Head::of_bytes(&self.header).map_err(ReceiptError::Header)?;
        let configuration = configuration_of(chain, &header)?;
        let before_opening = check_opened(chain, configuration, policy)?;
        self.check_openings()?;
        let (head, signers) = if let Some(ended) = chain.ended(&header.configuration) {
            self.check_ending(&head, ended, configuration.number())?;
            (*ended.head(), ended.signers().iter().copied().collect())
        } else {
            self.check_leaf(&header)?;
            let signers = self.check_signers(chain.network(), &head, configuration)?;
            (head, signers)
        };
        check_policy(&signers, configuration, policy)?;
        Ok(Committed(Transaction {
            leaf: self.leaf,
            reply: self.opening.clone(),
            public: self.public.clone(),
            head,
            configuration: configuration.number(),
            signers: named_signers(&signers, configuration),
            before_opening,
        }))
    }

    /// The parts for a verifier that is not ours.
    pub fn cose_parts(&self) -> Result<CoseParts, ReceiptError> {
        let (_, head) = Head::of_bytes(&self.header).map_err(ReceiptError::Header)?;
        let receipts = self
            .cose
            .iter()
            .enumerate()
            .map(|(position, bytes)| Ok((parse(position, bytes)?.kid, bytes.clone())))
            .collect::<Result<_, ReceiptError>>()?;
        Ok(CoseParts {
            leaf: self.leaf.encode(),
            root: head.root,
            receipts,
        })
    }

    /// A leaf lies in the tree, is of no later view, and of the block's own view
    /// exactly if the block itself holds it.
    fn check_leaf(&self, header: &Header) -> Result<(), ReceiptError> {
        let leaf = &self.leaf;
        let own = leaf.seqno >= header.first_seqno;
        let placed = (1..=header.tree_size).contains(&leaf.seqno);
        let view = leaf.view <= header.view && (!own || leaf.view == header.view);
        if placed && view && Leaf::decode(&leaf.encode()).is_ok() {
            Ok(())
        } else {
            Err(ReceiptError::Leaf)
        }
    }

    /// The leaf is in the tree of the certified block by which the configuration ended: by the
    /// attached proof, or by the receipt's own where its header has the very same tree.
    fn check_ending(&self, own: &Head, ended: &Ended, number: u64) -> Result<(), ReceiptError> {
        let (leaf, end) = (&self.leaf, ended.head());
        let attached = self.ending.as_ref();
        let proof = match attached.filter(|proof| proof.tree_size == end.tree_size) {
            Some(proof) => proof.clone(),
            None if (own.tree_size, own.root) == (end.tree_size, end.root) => self.own_proof()?,
            None => {
                let at = end.index;
                return Err(ReceiptError::Superseded { number, at });
            }
        };
        if leaf.view > end.view || Leaf::decode(&leaf.encode()).is_err() {
            return Err(ReceiptError::Leaf);
        }
        let index = proof.leaf_index.checked_add(1);
        if proof.tree_size != end.tree_size || index != Some(leaf.seqno) {
            return Err(ReceiptError::EndingPlace { number });
        }
        proof
            .verify(&leaf.hash(), &end.root)
            .map_err(|error| ReceiptError::Ending { number, error })
    }

    /// The proof that the first signer's COSE receipt carries.
    fn own_proof(&self) -> Result<InclusionProof, ReceiptError> {
        let (found, needed) = (0, 1);
        let first = self.cose.first();
        let first = first.ok_or(QuorumError::TooFew { found, needed })?;
        Ok(parse(0, first)?.proof)
    }

    fn check_openings(&self) -> Result<(), ReceiptError> {
        if self
            .opening
            .as_ref()
            .is_some_and(|o| o.digest() != self.leaf.reply)
        {
            return Err(ReceiptError::Opening);
        }
        if self
            .public
            .as_ref()
            .is_some_and(|p| sha256(&[p]) != self.leaf.public)
        {
            return Err(ReceiptError::PublicWrites);
        }
        Ok(())
    }

    fn check_signers(
        &self,
        network: Digest,
        head: &Head,
        configuration: &Configuration,
    ) -> Result<BTreeSet<u64>, ReceiptError> {
        let subject = Subject {
            network,
            head,
            leaf: &self.leaf,
            leaf_hash: self.leaf.hash(),
        };
        if self.cose.len() > configuration.voters().len() {
            return Err(ReceiptError::TooManySigners);
        }
        let mut signers = BTreeSet::new();
        for (position, bytes) in self.cose.iter().enumerate() {
            let receipt = parse(position, bytes)?;
            let voter = configuration
                .voter_by_kid(&receipt.kid)
                .ok_or(ReceiptError::UnknownSigner { position })?;
            let signer = voter.id;
            if !signers.insert(signer) {
                return Err(ReceiptError::DuplicateSigner { signer });
            }
            subject.check(&receipt, signer)?;
            let message = subject.message(&receipt.kid);
            voter
                .key
                .verify(&message, &receipt.signature)
                .map_err(|_| ReceiptError::BadSignature { signer })?;
        }
        Ok(signers)
    }
}

/// What every COSE receipt of a file must be about.
struct Subject<'a> {
    network: Digest,
    head: &'a Head,
    leaf: &'a Leaf,
    leaf_hash: Digest,
}

impl Subject<'_> {
    fn check(&self, receipt: &CoseReceipt, signer: u64) -> Result<(), ReceiptError> {
        if receipt.issuer != self.network {
            return Err(ReceiptError::Issuer { signer });
        }
        if receipt.header_hash != self.head.hash {
            return Err(ReceiptError::WrongBlock { signer });
        }
        if receipt.view != self.head.view {
            return Err(ReceiptError::WrongView { signer });
        }
        let proof = &receipt.proof;
        if proof.tree_size != self.head.tree_size || proof.leaf_index != self.leaf.seqno - 1 {
            return Err(ReceiptError::ProofPlace { signer });
        }
        proof
            .verify(&self.leaf_hash, &self.head.root)
            .map_err(|error| ReceiptError::Proof { signer, error })
    }

    fn message(&self, kid: &Digest) -> Vec<u8> {
        let head = self.head;
        let protected = protected_header(&self.network, kid, &head.hash, head.view);
        sig_structure(&protected, head.root.as_bytes())
    }
}

fn parse(position: usize, bytes: &[u8]) -> Result<CoseReceipt, ReceiptError> {
    cose_receipt::parse(bytes).map_err(|error| ReceiptError::Cose { position, error })
}

fn configuration_of<'a>(
    chain: &'a Chain,
    header: &Header,
) -> Result<&'a Configuration, ReceiptError> {
    if header.network != chain.network() {
        return Err(ReceiptError::Network {
            found: header.network,
        });
    }
    let digest = header.configuration;
    let configuration = chain.configuration(&digest);
    configuration
        .map(|c| &**c)
        .ok_or(ReceiptError::UnknownConfiguration { digest })
}

/// Whether the configuration voted before the members opened the network, if the policy lets that
/// count.
fn check_opened(
    chain: &Chain,
    configuration: &Configuration,
    policy: &ReceiptPolicy,
) -> Result<bool, ReceiptError> {
    let (number, opened) = (configuration.number(), chain.opening());
    let before = opened.is_none_or(|opened| number < opened);
    if before && !policy.before_opening {
        return Err(ReceiptError::BeforeOpening { number, opened });
    }
    Ok(before)
}

fn check_policy(
    signers: &BTreeSet<u64>,
    configuration: &Configuration,
    policy: &ReceiptPolicy,
) -> Result<(), ReceiptError> {
    configuration.is_quorum_and_diverse(signers)?;
    if signers.len() < policy.signers_min {
        return Err(ReceiptError::PolicySigners {
            found: signers.len(),
            needed: policy.signers_min,
        });
    }
    let vendors: BTreeSet<_> = named_signers(signers, configuration)
        .into_iter()
        .map(|(_, vendor)| vendor)
        .collect();
    if vendors.len() < policy.vendors_min {
        return Err(ReceiptError::PolicyVendors {
            found: vendors.len(),
            needed: policy.vendors_min,
        });
    }
    Ok(())
}

fn named_signers(signers: &BTreeSet<u64>, configuration: &Configuration) -> Vec<(u64, String)> {
    let voters = signers.iter().filter_map(|&id| configuration.voter(id));
    voters.map(|v| (v.id, v.vendor.clone())).collect()
}
