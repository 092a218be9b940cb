//! Block 0: what it must be, and how it is made.
//!
//! It has index 1, view 1, first seqno 1, network and previous hash zero, no
//! readings, no sealed parts, and writes configuration 0, which it names. It needs
//! no certificate: its hash is the network id, which everybody pins.

use synod_crypto::Digest;

use crate::block::{Block, BlockBuilder};
use crate::configuration::Configuration;
use crate::header::{HEADER_FORMAT, Header};
use crate::sequence_error::SequenceError;
use crate::transaction::Leaf;
use crate::tree::Tree;
use crate::written::written_configurations;

/// Makes block 0 from the frames of genesis. Its hash is the network id.
/// `configuration` must be what one of the frames writes as number 0; no frame
/// may have a sealed part.
pub fn genesis_block(
    builder: BlockBuilder,
    proposer: u64,
    time_ms: u64,
    configuration: &Configuration,
) -> Result<Block, SequenceError> {
    let (frames, leaves) = builder.into_parts();
    let mut tree = Tree::new();
    tree.extend(leaves.iter().map(Leaf::hash));
    let header = Header {
        format: HEADER_FORMAT,
        network: Digest::default(),
        view: 1,
        index: 1,
        proposer,
        first_seqno: 1,
        count: frames.len() as u32,
        previous: Digest::default(),
        tree_size: tree.size(),
        root: tree.root(),
        configuration: configuration.digest(),
        time_ms,
        readings: Vec::new(),
        empties: Vec::new(),
    };
    let block = Block::assemble(header, &frames);
    read(block.hash(), &block)?;
    Ok(block)
}

/// What block 0 begins: the configuration, its leaves and their tree.
pub(crate) struct Genesis {
    pub(crate) configuration: Configuration,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) tree: Tree,
}

/// Checks block 0 against the pin and every rule for it.
pub(crate) fn read(pin: Digest, block: &Block) -> Result<Genesis, SequenceError> {
    if block.hash() != pin {
        return Err(SequenceError::Pin {
            expected: pin,
            found: block.hash(),
        });
    }
    check_genesis(block)?;
    let written = written_configurations(block.frames(), 1)?;
    let [configuration] =
        <[Configuration; 1]>::try_from(written).map_err(|_| SequenceError::Genesis {
            field: "configuration write",
        })?;
    check_genesis_configuration(block.header(), &configuration)?;
    let mut tree = Tree::new();
    let leaves = block.leaves();
    tree.extend(leaves.iter().map(Leaf::hash));
    if tree.root() != block.header().root {
        return Err(SequenceError::Root);
    }
    Ok(Genesis {
        configuration,
        leaves,
        tree,
    })
}

fn check_genesis(block: &Block) -> Result<(), SequenceError> {
    let header = block.header();
    let zero = Digest::default();
    let rules = [
        (header.network == zero, "network"),
        (header.view == 1, "view"),
        (header.index == 1, "index"),
        (header.first_seqno == 1, "first seqno"),
        (header.previous == zero, "previous hash"),
        (header.readings.is_empty(), "reading"),
        (header.empties.is_empty(), "list of empty entries"),
        (
            block.frames().iter().all(|f| f.sealed.is_empty()),
            "sealed part",
        ),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some(&(_, field)) => Err(SequenceError::Genesis { field }),
        None => Ok(()),
    }
}

fn check_genesis_configuration(
    header: &Header,
    configuration: &Configuration,
) -> Result<(), SequenceError> {
    let rules = [
        (configuration.number() == 0, "configuration number"),
        (
            configuration.predecessor() == Digest::default(),
            "configuration predecessor",
        ),
        (
            configuration.digest() == header.configuration,
            "configuration",
        ),
        (configuration.voter(header.proposer).is_some(), "proposer"),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some(&(_, field)) => Err(SequenceError::Genesis { field }),
        None => Ok(()),
    }
}
