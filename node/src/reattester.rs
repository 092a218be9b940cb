//! A running replica attests anew, again and again, long before the verdict on it lapses.
//!
//! When: at two thirds of the verdict's lifetime, or sooner if the configuration says so; each
//! replica a little earlier by its own measure, so that not all do it at once. After a failure with
//! growing pauses, and in any case right after the verdict has lapsed: a verdict ends where its
//! endorsements do, and newer ones are there then. What it never does: give up while the ledger
//! knows the replica.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use synod_crypto::Digest;
use synod_governance::{
    AttestedStatement, BlockRef, Input, Reattest, ReplicaRecord, ReplicaStatus, join_nonce,
};
use synod_ledger::TxId;
use synod_replica::governance::Request;
use synod_replica::{Caller, Replica};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::core::{Core, Stopped};
use synod_identity::{AttestedIdentity, Evident, IdentityError, log, now_ms};

/// The record is looked at anew at least so often: the time may be set, the record may change.
const LOOK_EVERY_MS: u64 = 5_000;
/// The pause after a first failure, and the longest one.
const PAUSE_MIN_MS: u64 = 500;
const PAUSE_MAX_MS: u64 = 10 * 60 * 1000;
/// So long after a lapse it is tried again, whatever the pause.
const AFTER_LAPSE_MS: u64 = 1_000;

/// Why the evidence did not get on the ledger.
#[derive(Debug, thiserror::Error)]
enum AttestError {
    /// The TEE, or who endorses it, gave nothing.
    #[error("no evidence: {0}")]
    Evidence(#[from] IdentityError),
    /// The leader refused it.
    #[error("{0}")]
    Refused(String),
    /// It was not heard, or not in time.
    #[error("not recorded: {0}")]
    NotRecorded(String),
    /// The node stops.
    #[error("the node stops")]
    Stopping,
}

/// How attesting anew goes, for status and metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// When it is due next (Unix milliseconds).
    pub(crate) next_ms: u64,
    /// Failures so far.
    pub(crate) failures: u64,
    /// What was wrong the last time; none once it worked.
    pub(crate) trouble: Option<String>,
}

/// The progress, shared with the door.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Progress>>);

impl Told {
    /// How it goes now.
    pub(crate) fn now(&self) -> Progress {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What attesting anew takes.
pub(crate) struct Reattester {
    pub(crate) own_identity: AttestedIdentity,
    pub(crate) core: Core,
    pub(crate) network: Digest,
    /// The longest time between two, where the configuration says so.
    pub(crate) every: Option<Duration>,
    /// Takes the new evidence once it is on the ledger.
    pub(crate) evident: watch::Sender<Arc<Evident>>,
    pub(crate) told: Told,
}

/// What the ledger says of this replica, and the newest block.
struct Standing {
    record: ReplicaRecord,
    block: BlockRef,
}

impl Standing {
    fn of(replica: &mut Replica) -> Option<Self> {
        let view = replica.network_view();
        let (index, hash, _) = view.certified;
        let mut replicas = view.replicas.iter();
        let record = replicas.find(|record| record.id == view.id)?.clone();
        let block = BlockRef { index, hash };
        Some(Self { record, block })
    }
}

impl Reattester {
    /// Runs until the node stops or the ledger has removed this replica.
    pub(crate) async fn run(self) {
        let mut again_ms = None;
        let mut failures = 0;
        while let Ok(standing) = self.core.look(Standing::of).await {
            let Some(standing) = standing else {
                sleep(Duration::from_millis(LOOK_EVERY_MS)).await;
                continue;
            };
            if standing.record.status == ReplicaStatus::Removed {
                let cause = standing.record.cause.unwrap_or_default();
                log::error("attest", format_args!("this replica was removed: {cause}"));
                return;
            }
            let due_ms = again_ms.unwrap_or_else(|| self.due_ms(&standing.record));
            self.told.lock().next_ms = due_ms;
            let now_ms = now_ms();
            if now_ms < due_ms {
                let wait_ms = (due_ms - now_ms).min(LOOK_EVERY_MS);
                sleep(Duration::from_millis(wait_ms)).await;
                continue;
            }
            match self.attest_anew(&standing).await {
                Ok(evident) => {
                    self.succeeded(evident);
                    (again_ms, failures) = (None, 0);
                }
                Err(AttestError::Stopping) => return,
                Err(error) => {
                    failures += 1;
                    self.failed(&error);
                    again_ms = Some(retry_ms(
                        &standing.record,
                        failures,
                        synod_identity::now_ms(),
                    ));
                }
            }
        }
    }

    /// When to attest anew by what is on record.
    fn due_ms(&self, record: &ReplicaRecord) -> u64 {
        let wait_ms = self
            .every
            .map_or(u64::MAX, |every| every.as_millis() as u64);
        let wait_ms = wait_ms.min(two_thirds_ms(record));
        let [share, ..] = *record.identity().digest().as_bytes();
        let sooner_ms = wait_ms / 8 * u64::from(share) / 256;
        let due_ms = record.attested_ms.saturating_add(wait_ms - sooner_ms);
        // The ledger takes none before.
        due_ms.max(record.attests_again_ms())
    }

    async fn attest_anew(&self, standing: &Standing) -> Result<Evident, AttestError> {
        let identity = self.own_identity.identity();
        let nonce = join_nonce(&standing.block.hash, &identity.public());
        let collected_ms = now_ms();
        let attested = self.own_identity.attest(self.network, nonce).await?;
        let recorded_by = Some(self.submit(standing, &attested).await?);
        Ok(Evident {
            attested,
            collected_ms,
            recorded_by,
        })
    }

    async fn submit(
        &self,
        standing: &Standing,
        attested: &AttestedStatement,
    ) -> Result<TxId, AttestError> {
        let (id, identity) = (standing.record.id, self.own_identity.identity());
        let request = Reattest::sign(id, attested.clone(), standing.block, &identity);
        let request = Input::Reattest(Box::new(request)).encode();
        let request = Request::Reattest(request.into());
        match self.core.ask(Caller::default(), request).await {
            Ok(Ok(recorded)) => Ok(recorded.tx),
            Ok(Err(error)) => Err(match error.refusal() {
                Some(why) => AttestError::Refused(why),
                None => AttestError::NotRecorded(error.to_string()),
            }),
            Err(Stopped) => Err(AttestError::Stopping),
        }
    }

    fn succeeded(&self, evident: Evident) {
        let by = evident.recorded_by.map(|tx| tx.to_string());
        log::info(
            "attest",
            format_args!("attested anew by transaction {}", by.unwrap_or_default()),
        );
        self.told.lock().trouble = None;
        // Somebody reads it as long as the door is open.
        let _ = self.evident.send(Arc::new(evident));
    }

    fn failed(&self, error: &AttestError) {
        match error {
            AttestError::Refused(why) => {
                log::error("attest", format_args!("fresh evidence was refused: {why}"));
            }
            other => log::warn("attest", other),
        }
        let mut progress = self.told.lock();
        progress.failures += 1;
        progress.trouble = Some(error.to_string());
    }
}

/// Two thirds of the lifetime of the verdict on record (milliseconds).
pub(crate) fn two_thirds_ms(record: &ReplicaRecord) -> u64 {
    record.expires_ms.saturating_sub(record.attested_ms) / 3 * 2
}

/// When to try again after so many failures in a row.
fn retry_ms(record: &ReplicaRecord, failures: u32, now_ms: u64) -> u64 {
    let lifetime_ms = record.expires_ms.saturating_sub(record.attested_ms);
    let most_ms = (lifetime_ms / 16).clamp(PAUSE_MIN_MS, PAUSE_MAX_MS);
    let pause_ms = PAUSE_MIN_MS
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(most_ms);
    let again_ms = now_ms.saturating_add(pause_ms);
    let lapsed_ms = record.expires_ms.saturating_add(AFTER_LAPSE_MS);
    if now_ms < lapsed_ms {
        again_ms.min(lapsed_ms)
    } else {
        again_ms
    }
}

#[cfg(test)]
mod tests {
    use synod_attestation::{NodeStatement, Role, Tee};
    use synod_crypto::{HpkeSecretKey, Secret, SigningKey};
    use synod_governance::Address;

    use super::*;

    /// Attested at 1000, lapses at 161,000.
    fn record() -> ReplicaRecord {
        let seed = Secret::new([1; 32]);
        ReplicaRecord {
            id: 1,
            statement: NodeStatement {
                identity: SigningKey::from_seed(&seed).public(),
                tls: vec![1],
                hpke: HpkeSecretKey::from_seed(&seed).public(),
                role: Role::Replica,
                context: Digest::ZERO,
                nonce: Digest::ZERO,
            },
            tee: Tee::Tdx,
            simulated: true,
            measurement: Vec::new(),
            status: ReplicaStatus::Voter,
            cause: None,
            policy: Digest::ZERO,
            expires_ms: 161_000,
            address: Address {
                public_url: String::new(),
                peer: String::new(),
            },
            address_number: 0,
            joined_seqno: 1,
            since_index: 1,
            demoted_ms: None,
            attested_ms: 1_000,
            attested_index: 0,
            attested_seqno: 1,
            removal: None,
            hardware: None,
            machine: None,
            replaces: None,
            replaceable: false,
            unheard_ms: None,
        }
    }

    #[test]
    fn pauses_grow_up_to_a_sixteenth_of_the_lifetime() {
        let pauses: Vec<u64> = [1, 2, 3, 4, 5, 6, 40]
            .map(|failures| retry_ms(&record(), failures, 100_000) - 100_000)
            .into();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }

    #[test]
    fn it_is_tried_again_right_after_the_lapse() {
        assert_eq!(retry_ms(&record(), 9, 160_000), 162_000);
        assert_eq!(retry_ms(&record(), 9, 162_000), 172_000);
    }

    #[test]
    fn two_thirds_of_a_lifetime_leave_time_for_failures() {
        assert_eq!(two_thirds_ms(&record()), 106_666);
        let lapsed_before = ReplicaRecord {
            expires_ms: 0,
            ..record()
        };
        assert_eq!(two_thirds_ms(&lapsed_before), 0);
    }
}
