//! The chain of configurations, followed from the pin, with what the members opened.

use bytes::Bytes;
use synod_api::ChainFile;
use synod_crypto::Digest;
use synod_ledger::{Block, Chain, ChainRecord};

use crate::checks::Failure;
use crate::opening;

/// Reads a chain file and follows it from the pin.
///
/// # Errors
/// [`Failure`]: the step that does not hold.
pub fn read_chain(network: Digest, file: &Bytes) -> Result<Chain, Failure> {
    let file = ChainFile::decode(file).map_err(|error| Failure::ChainFile(error.to_string()))?;
    start_chain(network, &file)
}

fn start_chain(pin: Digest, file: &ChainFile) -> Result<Chain, Failure> {
    let mut chain = Chain::start(pin, file.block0.clone()).map_err(|error| Failure::Network {
        pin,
        error: Box::new(error),
    })?;
    follow_records(&mut chain, &file.records)?;
    if let Some(signed) = &file.opening {
        let block0 = Block::decode(file.block0.clone()).expect("the chain began with it");
        opening::open(&mut chain, &block0, signed)?;
    }
    Ok(chain)
}

/// Follows records one by one.
pub(crate) fn follow_records(chain: &mut Chain, records: &[Bytes]) -> Result<(), Failure> {
    for (position, bytes) in records.iter().enumerate() {
        let record = ChainRecord::decode(bytes)
            .map_err(|error| Failure::ChainFile(format!("record {position}: {error}")))?;
        chain.follow(&record).map_err(|error| Failure::Chain {
            position,
            error: Box::new(error),
        })?;
    }
    Ok(())
}
