//! What block 0 tells offline of the TEEs behind a network: the founders' evidence, and the
//! members' policy, by which every later voter was judged.
//!
//! The network id is the hash of block 0, so whoever pins it has pinned both. The evidence of later
//! voters is not in a chain file: whoever appraises by a policy of his own learns which voters that
//! leaves out.

use bytes::Bytes;
use synod_api::ChainFile;
use synod_attestation::{Expected, Freshness, Policy, Role};
use synod_client::Failure as NotProven;
use synod_crypto::Digest;
use synod_governance::{Founder, Input, View};
use synod_ledger::Chain;
use synod_replica::Machine;

use crate::instant::in_utc;
use crate::outcome::{Failure, Outcome};

/// What is said wherever something is shown that only simulated hardware vouches for.
pub(crate) const SIMULATED: &str = "SIMULATED: no hardware vouches for it";

/// What block 0 of one network says.
pub(crate) struct NetworkEvidence {
    network: Digest,
    manifest: Digest,
    policy: Policy,
    founders: Vec<Founder>,
    founded_ms: u64,
}

/// What a policy of the caller's own said of a network.
pub(crate) struct Appraised {
    /// The name of the policy.
    pub(crate) policy: String,
    /// The time at which it judged, in Unix milliseconds.
    pub(crate) at_ms: u64,
    /// The founders, whose evidence it accepts.
    pub(crate) founders: usize,
    /// The voters whose evidence the chain file does not hold: the members' policy alone judged
    /// them.
    pub(crate) without_evidence: Vec<u64>,
}

impl NetworkEvidence {
    /// Reads a chain file whose block 0 must hash to `network`.
    pub(crate) fn of_chain_file(network: Digest, file: &Bytes) -> Outcome<Self> {
        let file =
            ChainFile::decode(file).map_err(|error| NotProven::ChainFile(error.to_string()))?;
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::not_verified(format!("block 0 of network {network}: {error}"))
        };
        let machine =
            Machine::from_block0(network, file.block0, None).map_err(|error| unreadable(&error))?;
        let store = machine.store();
        let snapshot = store
            .snapshot(store.head())
            .map_err(|error| unreadable(&error))?;
        let view = View::new(&snapshot);
        let Some(Input::Genesis(genesis)) = view.input(1).map_err(|error| unreadable(&error))?
        else {
            return Err(unreadable(&"it does not contain a founding"));
        };
        let service = view.service().map_err(|error| unreadable(&error))?;
        Ok(Self {
            network,
            manifest: service
                .ok_or_else(|| unreadable(&"it does not contain a founding"))?
                .manifest,
            policy: view.policy().map_err(|error| unreadable(&error))?,
            founders: genesis.founders,
            founded_ms: machine.sequence().last().time_ms,
        })
    }

    /// Whether only simulated hardware vouches: every voter was judged by the members' policy,
    /// which holds either vendors' roots or published ones.
    pub(crate) fn simulated(&self) -> bool {
        self.policy.anchors().simulated()
    }

    /// Judges the founders' evidence by a policy of the caller's own, at `at_ms` (Unix
    /// milliseconds) or else at the time of block 0.
    ///
    /// # Errors
    /// The policy refuses a founder, or holds other roots than the members' policy, by which later
    /// voters were judged.
    pub(crate) fn appraise(
        &self,
        policy: &Policy,
        at_ms: Option<u64>,
        chain: &Chain,
    ) -> Outcome<Appraised> {
        if self.simulated() && !policy.anchors().simulated() {
            return Err(Failure::not_verified(format!(
                "network {} is SIMULATED, but policy `{}` accepts only real hardware",
                self.network,
                policy.name()
            ))
            .with_hint(format!(
                "the members' policy `{}` in block 0 accepts evidence under published roots",
                self.policy.name()
            )));
        }
        let at_ms = at_ms.unwrap_or(self.founded_ms);
        for (position, founder) in self.founders.iter().enumerate() {
            self.appraise_founder(policy, founder, at_ms)
                .map_err(|failure| {
                    failure.during(format!(
                        "replica {}, a founder of network {}, at {}",
                        position + 1,
                        self.network,
                        in_utc(at_ms)
                    ))
                })?;
        }
        Ok(Appraised {
            policy: policy.name().to_owned(),
            at_ms,
            founders: self.founders.len(),
            without_evidence: self.later_voters(chain),
        })
    }

    fn appraise_founder(&self, policy: &Policy, founder: &Founder, at_ms: u64) -> Outcome {
        let expected = Expected {
            role: Role::Replica,
            context: self.manifest,
            freshness: Freshness::Elsewhere,
        };
        let attested = &founder.attested;
        policy
            .appraise(
                &attested.evidence,
                &attested.endorsements,
                &attested.statement,
                &expected,
                at_ms,
            )
            .map(drop)
            .map_err(|refusal| Failure::not_verified(&refusal).with_hint(refusal.hint()))
    }

    /// The voters of all configurations that are no founders.
    fn later_voters(&self, chain: &Chain) -> Vec<u64> {
        let founders = self.founders.len() as u64;
        let ids = chain
            .configurations()
            .flat_map(|configuration| configuration.voters().iter().map(|voter| voter.id))
            .filter(|id| *id > founders);
        let later: std::collections::BTreeSet<u64> = ids.collect();
        later.into_iter().collect()
    }
}
