//! How the replica applies governance: the leader executes each recorded input, and every replica
//! recomputes the result.
//!
//! This module joins two crates that do not know each other: it answers governance's questions
//! about the ledger, and encodes its configurations for it.
//!
//! The time by which evidence is judged is that of the block *before*: it is known when the leader
//! executes.

use synod_crypto::{Digest, PublicKey, sha256};
use synod_governance::{
    BlockRef, CertifiedBlock, Context, Facts, Input, Mismatch, NextConfiguration, Refusal,
    SignedAction, execute, map, recompute,
};
use synod_kv::{MapName, Store, WriteSet};
use synod_ledger::{BlockSignature, Configuration, ConfigurationError, Header, Sequence, Voter};

use crate::calls::CallError;
use crate::change::Membership;
use crate::history::History;

/// The generation of the first ledger secret.
pub(crate) const FIRST_GENERATION: u64 = 0;

/// Governance does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GovernanceError {
    /// Recorded writes are not what their input gives. The block's proposer is at fault.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The input is refused. Its author is at fault.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The configuration that governance decided on is not one.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
}

/// What an enacted input leaves.
pub(crate) struct Enacted {
    /// All writes, public, the input among them.
    pub(crate) writes: WriteSet,
    /// The change of the engine's membership.
    pub(crate) membership: Option<Membership>,
    /// The replica that the input is about.
    pub(crate) replica: Option<u64>,
    /// Whether it changes who is in the engine or what a quorum must show.
    pub(crate) changes_quorum: bool,
}

/// What the ledger answers to governance about one block.
struct LedgerFacts<'a> {
    sequence: Option<&'a Sequence>,
    history: Option<&'a History>,
    /// A leader vouches for certified blocks only; whoever recomputes looks along the block's own
    /// chain.
    certified_only: bool,
}

impl Facts for LedgerFacts<'_> {
    fn certified_block(&self, index: u64) -> Option<CertifiedBlock> {
        let sequence = self.sequence?;
        if self.certified_only && index > sequence.certified().index {
            return None;
        }
        let head = self.history?.head(index)?;
        Some(CertifiedBlock {
            hash: head.hash,
            time_ms: head.time_ms,
        })
    }

    fn is_signed_block(
        &self,
        signer: u64,
        key: &PublicKey,
        block: BlockRef,
        signature: &[u8],
    ) -> bool {
        let (Some(sequence), Some(history)) = (self.sequence, self.history) else {
            return false;
        };
        let head = history
            .head(block.index)
            .filter(|head| head.hash == block.hash);
        let signature = minicbor::decode::<BlockSignature>(signature)
            .ok()
            .filter(|found| found.signer == signer)
            .filter(|found| minicbor::to_vec(found).is_ok_and(|again| again == signature));
        let (Some(head), Some(signature)) = (head, signature) else {
            return false;
        };
        let voter = Voter {
            id: signer,
            key: *key,
            vendor: String::new(),
        };
        signature.verify(&sequence.network(), &head, &voter).is_ok()
    }

    fn encode_configuration(&self, next: &NextConfiguration<'_>) -> Vec<u8> {
        let predecessor = next
            .predecessor
            .map_or_else(Digest::default, |bytes| sha256(&[bytes]));
        let voters = next
            .voters
            .iter()
            .map(|voter| Voter {
                id: voter.id,
                key: voter.key,
                vendor: voter.vendor.clone(),
            })
            .collect();
        // Governance judged the voters already; the ledger refuses at the latest when the block is
        // appended.
        Configuration::new(next.number, predecessor, voters, next.required_vendors).map_or_else(
            |_| Vec::new(),
            |configuration| configuration.encode().to_vec(),
        )
    }
}

/// Recomputes what the transaction `seqno` of a block that was just appended to the chain does to
/// governance.
pub(crate) fn check(
    store: &Store,
    sequence: &Sequence,
    history: &History,
    header: &Header,
    seqno: u64,
    writes: &WriteSet,
) -> Result<Option<Membership>, GovernanceError> {
    if !synod_governance::touches_reserved(writes) {
        return Ok(None);
    }
    let configuration = sequence
        .configuration_named(&header.configuration)
        .map_or(0, |named| named.number());
    let facts = LedgerFacts {
        sequence: Some(sequence),
        history: Some(history),
        certified_only: false,
    };
    let context = Context {
        network: header.network,
        index: header.index,
        seqno,
        time_ms: history
            .newest()
            .map_or(header.time_ms, |before| before.header().time_ms),
        configuration,
        facts: &facts,
    };
    let outcome = recompute(&mut store.begin(), writes, &context)?;
    Ok(outcome.and_then(|outcome| outcome.change))
}

/// Executes an input on the newest state, for the block that comes next.
pub(crate) fn enact(
    store: &Store,
    sequence: &Sequence,
    history: &History,
    input: &Input,
    index: u64,
) -> Result<Enacted, CallError> {
    let facts = LedgerFacts {
        sequence: Some(sequence),
        history: Some(history),
        certified_only: true,
    };
    let context = Context {
        network: sequence.network(),
        index,
        seqno: sequence.next_seqno(),
        time_ms: sequence.last().time_ms,
        configuration: sequence.in_force().number(),
        facts: &facts,
    };
    let mut transaction = store.begin();
    let outcome = execute(&mut transaction, input, &context)
        .map_err(|refusal| CallError::Governance(Box::new(refusal)))?;
    let (_, writes) = transaction.finish();
    Ok(Enacted {
        writes,
        membership: outcome.change,
        replica: outcome.replica,
        changes_quorum: outcome.change.is_some() || outcome.configuration.is_some(),
    })
}

/// Executes genesis on the empty state; returns its writes and configuration 0.
pub(crate) fn enact_genesis(
    input: &Input,
    time_ms: u64,
) -> Result<(WriteSet, Configuration), GovernanceError> {
    let facts = LedgerFacts {
        sequence: None,
        history: None,
        certified_only: true,
    };
    let context = Context {
        network: Digest::default(),
        index: 1,
        seqno: 1,
        time_ms,
        configuration: 0,
        facts: &facts,
    };
    let store = Store::new();
    let mut transaction = store.begin();
    execute(&mut transaction, input, &context)?;
    let (_, writes) = transaction.finish();
    let key = 0u64.to_be_bytes();
    let written = writes.get(&configurations(), &key).flatten();
    let configuration = Configuration::decode(written.map_or(&[], |bytes| &bytes[..]))?;
    Ok((writes, configuration))
}

fn configurations() -> MapName {
    MapName::new(map::CONFIGURATIONS).expect("the service's own map names are valid")
}

/// Reads a governance act as it came through the door.
pub(crate) fn decode_action(bytes: &[u8]) -> Result<Input, CallError> {
    let signed =
        SignedAction::decode(bytes).map_err(|error| CallError::Malformed(error.to_string()))?;
    Ok(Input::Action(signed))
}

/// Reads a joiner's request as it came through the door.
pub(crate) fn decode_join(bytes: &[u8]) -> Result<Input, CallError> {
    match Input::decode(bytes).map_err(|error| CallError::Malformed(error.to_string()))? {
        input @ (Input::Join(_) | Input::Address(_)) => Ok(input),
        _ => Err(CallError::Malformed("not a request to join".to_owned())),
    }
}

/// Reads a request of a replica in its own name as it came from it: fresh evidence, or its leave.
pub(crate) fn decode_own(bytes: &[u8]) -> Result<Input, CallError> {
    match Input::decode(bytes).map_err(|error| CallError::Malformed(error.to_string()))? {
        input @ (Input::Reattest(_) | Input::Leave(_)) => Ok(input),
        _ => Err(CallError::Malformed(
            "not a request that a replica makes in its own name".to_owned(),
        )),
    }
}

/// The digest that the leaf of a governance transaction binds as its request.
pub(crate) fn digest_of(input: &Input) -> Digest {
    sha256(&[&input.encode()])
}
