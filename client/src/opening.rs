//! The act by which the members opened a network, held against block 0.
//!
//! Every network begins with one founder, and whoever holds its key can make clients a history of
//! their own from the pin on. The members' keys stand in block 0, which the pin covers: what they
//! signed says from which configuration on the voters are those whose evidence they verified.

use synod_crypto::Digest;
use synod_governance::{Act, Refusal, SignedAction};
use synod_ledger::{Block, Chain, ChainError};

use crate::genesis::{Founding, FoundingError};

/// Why an act does not open the network. Whoever showed it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// Block 0 does not say who the members are.
    #[error("block 0: {0}")]
    Founding(#[from] FoundingError),
    /// It cannot be read, or too few members signed it.
    #[error(transparent)]
    Signed(Box<Refusal>),
    /// The members signed it for another network.
    #[error("the members signed it for network {found}, which is not this network")]
    Network {
        /// The network that they named.
        found: Digest,
    },
    /// The members signed something else.
    #[error("the members signed a different action")]
    OtherAct,
    /// The chain of configurations does not have what they opened.
    #[error(transparent)]
    Chain(#[from] Box<ChainError>),
    /// The configuration has fewer voters than block 0 demands.
    #[error("configuration {number} has {found} voters, but the members require {needed}")]
    TooFewVoters {
        /// The number of the configuration.
        number: u64,
        /// How many vote in it.
        found: usize,
        /// How many must.
        needed: u8,
    },
}

/// Holds the act against block 0 and the chain that follows from it, and marks what it opens. Gives
/// how many members signed. A refused act changes nothing.
pub(crate) fn open(
    chain: &mut Chain,
    block0: &Block,
    signed: &[u8],
) -> Result<usize, OpeningError> {
    let founding = Founding::read(block0)?;
    let refused = |refusal: Refusal| OpeningError::Signed(Box::new(refusal));
    let signed = SignedAction::decode(signed).map_err(|error| refused(error.into()))?;
    let action = signed
        .verify(&founding.members, founding.service.threshold)
        .map_err(refused)?;
    if action.network != chain.network() {
        return Err(OpeningError::Network {
            found: action.network,
        });
    }
    let Act::Open {
        configuration: number,
        digest,
    } = action.act
    else {
        return Err(OpeningError::OtherAct);
    };
    let needed = founding.service.open_voters;
    let found = chain.configuration(&digest).map(|it| it.voters().len());
    if let Some(found) = found.filter(|found| *found < usize::from(needed)) {
        return Err(OpeningError::TooFewVoters {
            number,
            found,
            needed,
        });
    }
    chain.open(number, &digest).map_err(Box::new)?;
    Ok(signed.signatures.len())
}
