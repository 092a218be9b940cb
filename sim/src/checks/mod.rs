//! What must hold at every step, held against all replicas at once.
//!
//! Invariants
//! - a checker never helps a run to pass: it reads, and the first violation ends the run.

pub(crate) mod answers;
pub(crate) mod ledger;
pub(crate) mod receipts;
pub(crate) mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::Digest;
use synod_ledger::Head;
use synod_replica::{
    BLOCKS_IN_FLIGHT_MAX, CALLS_WAITING_MAX, Effects, FASTEST, LEAD_MAX_MS, Replica,
};

use crate::clock::{PER_MILLE, RATE_MAX, START_MS};
use crate::hosts::Seen;
use ledger::Ledger;
use receipts::Receipts;
use secrets::Secrets;

/// A leader closes no more blocks of its view than this before the first is certified: besides
/// those of calls an opening block, one that names a new configuration, and one every five seconds
/// while nothing is certified, which no leader stands for long.
const UNCERTIFIED_MAX: usize = BLOCKS_IN_FLIGHT_MAX + 8;
/// One step sends no more messages than this.
const SENT_MAX: usize = 4096;

/// All checkers.
pub(crate) struct Checks {
    pub(crate) ledger: Ledger,
    pub(crate) receipts: Receipts,
    pub(crate) secrets: Secrets,
    /// Who led in each view.
    leaders: BTreeMap<u64, u64>,
    /// The blocks that were ever durable on a replica's disk.
    durable: BTreeMap<u64, BTreeSet<Digest>>,
    /// Replicas that the adversary runs.
    pub(crate) broken: BTreeSet<u64>,
}

impl Checks {
    pub(crate) fn new(network: Digest) -> Self {
        Self {
            ledger: Ledger::default(),
            receipts: Receipts::new(network),
            secrets: Secrets::default(),
            leaders: BTreeMap::new(),
            durable: BTreeMap::new(),
            broken: BTreeSet::new(),
        }
    }

    /// These blocks are durable on the disk of replica `id`.
    pub(crate) fn durable(&mut self, id: u64, blocks: impl IntoIterator<Item = Digest>) {
        self.durable.entry(id).or_default().extend(blocks);
    }

    /// Looks at an honest replica after a step.
    pub(crate) fn look(
        &mut self,
        id: u64,
        replica: &mut Replica,
        seen: &mut Seen,
        effects: &Effects,
        now_us: u64,
    ) -> Result<(), String> {
        replica.check_invariants();
        self.election_safety(id, replica, seen)?;
        bounds(id, replica, effects)?;
        let certified = *replica.machine().sequence().certified();
        let gauges = replica.gauges();
        // The engine of a leader counts what each follower accepted, also where one signed this
        // block and another one a later block, so that no certificate covers it yet. A follower's
        // engine goes by the certificates that it is shown, whatever it counted before as leader.
        let committed = gauges.committed_index;
        let committed_leading = if gauges.leads {
            committed
        } else {
            seen.committed_leading
        };
        let mut uncertified = replica.machine().sequence().uncertified();
        if committed > committed_leading && uncertified.any(|head| head.index == committed) {
            return Err(format!(
                "replica {id} follows, and its engine has committed block {committed}, which is not certified"
            ));
        }
        drop(uncertified);
        time_is_bounded(&certified, now_us)?;
        let newest = replica.machine().history().certified_seqno();
        let went_back = gauges.view < seen.view
            || certified.index < seen.index
            || certified.time_ms < seen.time_ms
            || newest < seen.seqno;
        if went_back {
            return Err(format!(
                "replica {id} goes back: view {}, block {}, seqno {newest}, time {} after {seen:?}",
                gauges.view, certified.index, certified.time_ms
            ));
        }
        if certified.index > seen.index {
            self.ledger.certified(id, replica, seen.index)?;
            self.quorum(id, replica)?;
        }
        *seen = Seen {
            view: gauges.view,
            index: certified.index,
            seqno: newest,
            time_ms: certified.time_ms,
            led: seen.led,
            committed_leading,
        };
        Ok(())
    }

    /// Looks at the product's code in a replica that the adversary runs. What it hears is genuine,
    /// so what it certifies counts; what it says is not looked at.
    pub(crate) fn look_at_broken(
        &mut self,
        id: u64,
        replica: &mut Replica,
        seen: &mut Seen,
    ) -> Result<(), String> {
        let certified = replica.machine().sequence().certified().index;
        if certified > seen.index {
            self.ledger.certified(id, replica, seen.index)?;
            seen.index = certified;
        }
        Ok(())
    }

    /// At most one leader in a view, and it has every certified block.
    fn election_safety(
        &mut self,
        id: u64,
        replica: &Replica,
        seen: &mut Seen,
    ) -> Result<(), String> {
        if !replica.leads() {
            return Ok(());
        }
        let view = replica.gauges().view;
        if seen.led == view {
            return Ok(());
        }
        seen.led = view;
        let leader = *self.leaders.entry(view).or_insert(id);
        if leader != id {
            return Err(format!(
                "replicas {leader} and {id} both lead in view {view}"
            ));
        }
        self.ledger.complete(id, replica)
    }

    /// What is certified was signed by a quorum of enough vendors, each of which had it on disk.
    fn quorum(&self, id: u64, replica: &Replica) -> Result<(), String> {
        let history = replica.machine().history();
        let Some(certificate) = history.newest_certificate() else {
            return Ok(());
        };
        let Some(block) = history.block(certificate.index) else {
            return Ok(());
        };
        let named = &block.header().configuration;
        let Some(configuration) = replica.machine().sequence().configuration_named(named) else {
            return Err(format!(
                "replica {id} certified block {} under no configuration",
                certificate.index
            ));
        };
        if certificate.view != block.header().view || certificate.header_hash != block.hash() {
            return Err(format!(
                "replica {id} holds a certificate over block {} that is not of its view {}",
                certificate.index,
                block.header().view
            ));
        }
        let signers: BTreeSet<u64> = certificate.signatures.iter().map(|s| s.signer).collect();
        if let Err(error) = configuration.is_quorum_and_diverse(&signers) {
            return Err(format!(
                "block {} is certified by {signers:?}: {error}",
                certificate.index
            ));
        }
        let hash = block.hash();
        let not_durable = signers.iter().find(|signer| {
            let on_disk = self
                .durable
                .get(signer)
                .is_some_and(|blocks| blocks.contains(&hash));
            !on_disk && !self.broken.contains(signer)
        });
        match not_durable {
            Some(signer) => Err(format!(
                "replica {signer} signed block {}, which is not durable on its disk",
                certificate.index
            )),
            None => Ok(()),
        }
    }
}

/// Wherever the wall clocks jump, also those of a majority, the ledger's time gains no more than
/// the rule allows on what the monotonic clocks have run.
fn time_is_bounded(certified: &Head, now_us: u64) -> Result<(), String> {
    let gained_ms = certified.time_ms.saturating_sub(START_MS);
    let ran_ms = now_us / 1000 * RATE_MAX / PER_MILLE;
    let allowed_ms = FASTEST * ran_ms + LEAD_MAX_MS;
    if gained_ms > allowed_ms {
        return Err(format!(
            "the time of block {} has gained {gained_ms} ms, and may have gained {allowed_ms} ms",
            certified.index
        ));
    }
    Ok(())
}

/// What a replica holds and sends stays within bounds.
fn bounds(id: u64, replica: &Replica, effects: &Effects) -> Result<(), String> {
    let waiting = replica.gauges().calls_waiting;
    let view = replica.gauges().view;
    let uncertified = replica.machine().sequence().uncertified();
    let of_view = uncertified.filter(|head| head.view == view);
    let uncertified = if replica.leads() { of_view.count() } else { 0 };
    let sent = effects.send.len();
    if waiting > CALLS_WAITING_MAX || uncertified > UNCERTIFIED_MAX || sent > SENT_MAX {
        return Err(format!(
            "replica {id} holds {waiting} calls and {uncertified} uncertified blocks, and sends {sent} messages at once"
        ));
    }
    Ok(())
}
