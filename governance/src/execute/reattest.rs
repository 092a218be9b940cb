//! A replica attests anew: the verdict on record is replaced by a newer one on the same keys.

use synod_attestation::{NodeStatement, Verdict};

use crate::execute::join::{check_fresh, judge};
use crate::execute::state::{Outcome, State, write_replica};
use crate::reattest::Reattest;
use crate::records::{ReplicaRecord, ReplicaStatus};
use crate::refusal::{Refusal, StatementKey};

pub(super) fn reattest(state: &mut State<'_, '_>, request: &Reattest) -> Result<Outcome, Refusal> {
    let mut replica = state.replica(request.id)?;
    check_standing(&replica)?;
    check_keys(&replica, &request.attested.statement)?;
    check_fresh(state.ctx, request.block)?;
    check_newer(&replica, request.block.index)?;
    request
        .verify(&replica.identity())
        .map_err(|_| Refusal::ReplicaSignature)?;
    let verdict = judge(state, &request.attested, request.block)?;
    check_verdict(&replica, &verdict)?;
    check_interval(&replica, state.ctx.time_ms)?;
    replica.statement = verdict.subject().clone();
    replica.simulated = verdict.simulated();
    replica.policy = verdict.policy();
    replica.expires_ms = verdict.expires_ms();
    replica.attested_ms = state.ctx.time_ms;
    replica.attested_index = request.block.index;
    replica.attested_seqno = state.ctx.seqno;
    write_replica(state.tx, &replica)?;
    Ok(Outcome::about(request.id))
}

fn check_standing(replica: &ReplicaRecord) -> Result<(), Refusal> {
    let (id, status) = (replica.id, replica.status);
    match status {
        ReplicaStatus::Removed => Err(Refusal::AlreadyRemoved { id }),
        ReplicaStatus::Pending => Err(Refusal::NotTrusted { id, status }),
        ReplicaStatus::Trusted | ReplicaStatus::Learner | ReplicaStatus::Voter => Ok(()),
    }
}

/// New evidence vouches for the keys on record: the process is the same, and they were born in it.
fn check_keys(replica: &ReplicaRecord, statement: &NodeStatement) -> Result<(), Refusal> {
    let recorded = &replica.statement;
    let another = |key| {
        Err(Refusal::AnotherKey {
            id: replica.id,
            key,
        })
    };
    if statement.identity != recorded.identity {
        return another(StatementKey::Identity);
    }
    if statement.tls != recorded.tls {
        return another(StatementKey::Tls);
    }
    if statement.hpke != recorded.hpke {
        return another(StatementKey::Hpke);
    }
    Ok(())
}

/// What was recorded once is not recorded again, however fresh it still is.
fn check_newer(replica: &ReplicaRecord, index: u64) -> Result<(), Refusal> {
    let newest = replica.attested_index;
    if index <= newest {
        return Err(Refusal::OlderEvidence {
            id: replica.id,
            newest,
            found: index,
        });
    }
    Ok(())
}

/// What comes too soon is only more to keep.
fn check_interval(replica: &ReplicaRecord, time_ms: u64) -> Result<(), Refusal> {
    let until_ms = replica.attests_again_ms();
    if time_ms < until_ms {
        let id = replica.id;
        return Err(Refusal::AttestedTooSoon { id, until_ms });
    }
    Ok(())
}

/// A process does not change its TEE or its program, and a shorter verdict is no gain.
fn check_verdict(replica: &ReplicaRecord, verdict: &Verdict) -> Result<(), Refusal> {
    let id = replica.id;
    if verdict.tee() != replica.tee {
        return Err(Refusal::AnotherTee {
            id,
            recorded: replica.tee,
            found: verdict.tee(),
        });
    }
    if verdict.claims().measurement.as_bytes() != replica.measurement {
        return Err(Refusal::AnotherMeasurement { id });
    }
    let (recorded_ms, found_ms) = (replica.expires_ms, verdict.expires_ms());
    if found_ms <= recorded_ms {
        return Err(Refusal::NotLonger {
            id,
            recorded_ms,
            found_ms,
        });
    }
    Ok(())
}
