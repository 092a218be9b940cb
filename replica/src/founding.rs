//! Founding a network: block 0 from the manifest, the founders' evidence and the members'
//! approvals.

use bytes::Bytes;
use synod_crypto::{Digest, Entropy, Secret};
use synod_governance::{
    Founder, Genesis, Input, Manifest, ManifestError, WrapError, WrappedSecret,
};
use synod_ledger::{Block, BlockBuilder, LedgerSecret, SequenceError, genesis_block};

use crate::governance_checks::{self, GovernanceError};

/// Why no network was founded.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// The manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The ledger secret cannot be wrapped for these members.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// Evidence, approvals or manifest do not hold.
    #[error("genesis is refused: {0}")]
    Governance(#[from] GovernanceError),
    /// The block is not a block 0.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
}

/// A network that was just founded.
#[derive(Debug)]
pub struct Founded {
    /// The network id: the hash of block 0.
    pub network: Digest,
    /// Block 0, encoded.
    pub block: Bytes,
    /// The first ledger secret.
    pub secret: LedgerSecret,
}

/// Makes block 0. `now_ms` is the founder's clock: the first ledger time, but never before the
/// manifest's start.
///
/// # Errors
/// [`FoundError`]; every founder's evidence and approvals are judged as every replica and audit
/// will judge them.
pub fn found(
    manifest: &[u8],
    founders: Vec<Founder>,
    entropy: &mut Entropy,
    now_ms: u64,
) -> Result<Founded, FoundError> {
    let parsed = Manifest::from_toml(manifest)?;
    let secret: Secret<32> = entropy.secret();
    let wrapped = WrappedSecret::wrap(
        &secret,
        governance_checks::FIRST_GENERATION,
        parsed.members(),
        parsed.file().recovery_threshold,
        &parsed.digest(),
        entropy,
    )?;
    let input = Input::Genesis(Box::new(Genesis {
        manifest: manifest.to_vec(),
        founders,
        secret: wrapped,
    }));
    let time_ms = now_ms.max(parsed.file().start_time_ms);
    let block = block_zero(&input, time_ms)?;
    let secret = LedgerSecret {
        generation: governance_checks::FIRST_GENERATION,
        secret,
    };
    Ok(Founded {
        network: block.hash(),
        block: block.bytes().clone(),
        secret,
    })
}

fn block_zero(input: &Input, time_ms: u64) -> Result<Block, FoundError> {
    let (writes, configuration) = governance_checks::enact_genesis(input, time_ms)?;
    let mut builder = BlockBuilder::new(1, 1);
    builder.push(writes.encode().into(), Bytes::new(), Digest::default());
    Ok(genesis_block(builder, 1, time_ms, &configuration)?)
}
