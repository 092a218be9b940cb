//! Founding: block 0.

use synod_attestation::{Expected, Freshness, Role, Verdict};
use synod_crypto::Digest;
use synod_kv::Transaction;

use crate::entries::UserEntry;
use crate::execute::join::record;
use crate::execute::state::{Outcome, write_replica};
use crate::execute::{configuration, keys};
use crate::facts::{Context, VoterEntry};
use crate::genesis::{APPROVAL_CONTENT_TYPE, Approval, FOUNDERS_MAX, Founder, Genesis};
use crate::manifest::Manifest;
use crate::records::{GovernanceRecord, ReplicaStatus, ServiceRecord};
use crate::refusal::Refusal;
use crate::signatures;
use crate::tables::{self, GOVERNANCE, POLICY, SERVICE, map};
use crate::view::{View, voter};

pub(super) fn found(
    tx: &mut Transaction<'_>,
    genesis: &Genesis,
    ctx: &Context<'_>,
) -> Result<Outcome, Refusal> {
    if View::new(&*tx).service()?.is_some() {
        return Err(Refusal::AlreadyFounded);
    }
    if ctx.network != Digest::default() || ctx.index != 1 || ctx.seqno != 1 {
        return Err(Refusal::NotBlockZero);
    }
    let manifest = Manifest::from_toml(&genesis.manifest)?;
    let file = manifest.file();
    if ctx.time_ms < file.start_time_ms {
        let start_time_ms = file.start_time_ms;
        return Err(Refusal::BeforeStart {
            time_ms: ctx.time_ms,
            start_time_ms,
        });
    }
    genesis
        .secret
        .check(0, manifest.members(), file.recovery_threshold)?;
    let voters = write_founders(tx, ctx, &manifest, &genesis.founders)?;
    let mut governance = GovernanceRecord {
        next_sequence: 1,
        next_replica: voters.len() as u64 + 1,
        configuration: 0,
        vendors_demanded: file.required_vendors,
        diverse: false,
        generation: 0,
        changed_index: ctx.index,
    };
    configuration::write_first(tx, ctx, &mut governance, &voters)?;
    write_agreement(tx, &manifest)?;
    tables::write(tx, map::GOVERNANCE, GOVERNANCE, &governance)?;
    tables::write(tx, map::SHARES, &0u64.to_be_bytes(), &genesis.secret)?;
    Ok(Outcome {
        configuration: Some(0),
        ..Outcome::default()
    })
}

fn write_founders(
    tx: &mut Transaction<'_>,
    ctx: &Context<'_>,
    manifest: &Manifest,
    founders: &[Founder],
) -> Result<Vec<VoterEntry>, Refusal> {
    if founders.is_empty() || founders.len() > FOUNDERS_MAX {
        return Err(Refusal::Founders(founders.len()));
    }
    let mut voters = Vec::new();
    for (founder, id) in founders.iter().zip(1u64..) {
        keys::check_unused(&*tx, &founder.attested.statement)?;
        founder.address.check()?;
        let verdict = judge(ctx, manifest, founder)?;
        let replica = record(id, &verdict, &founder.address, ReplicaStatus::Voter, ctx);
        write_replica(tx, &replica)?;
        keys::record(tx, &replica.statement, id)?;
        voters.push(voter(&replica));
    }
    Ok(voters)
}

/// A founder needs the policy's verdict and the members' approval.
fn judge(ctx: &Context<'_>, manifest: &Manifest, founder: &Founder) -> Result<Verdict, Refusal> {
    let attested = &founder.attested;
    let (members, threshold) = (manifest.members(), manifest.file().threshold);
    let signed = signatures::verify(
        &founder.approvals,
        APPROVAL_CONTENT_TYPE,
        members,
        threshold,
    )?;
    if Approval::decode(&signed)? != Approval::of(manifest.digest(), attested) {
        return Err(Refusal::ApprovalOfAnother);
    }
    let expected = Expected {
        role: Role::Replica,
        context: manifest.digest(),
        // There is no chain yet that freshness could be compared with. The members vouch: the
        // identity key was born in the process that they approve.
        freshness: Freshness::Elsewhere,
    };
    let policy = manifest.policy();
    Ok(policy.appraise(
        &attested.evidence,
        &attested.endorsements,
        &attested.statement,
        &expected,
        ctx.time_ms,
    )?)
}

/// Writes what the manifest says into the maps.
fn write_agreement(tx: &mut Transaction<'_>, manifest: &Manifest) -> Result<(), Refusal> {
    let file = manifest.file();
    let service = ServiceRecord {
        name: file.name.clone(),
        manifest: manifest.digest(),
        opening: None,
        threshold: file.threshold,
        recovery_threshold: file.recovery_threshold,
        join: file.join,
        removal_grace_s: file.removal_grace_s,
        unheard_s: file.unheard_s,
        open_voters: file.open_voters,
    };
    tables::write(tx, map::SERVICE, SERVICE, &service)?;
    tables::write_bytes(
        tx,
        map::POLICY,
        POLICY,
        manifest.policy().to_toml().into_bytes(),
    )?;
    for (member, position) in file.members.iter().zip(1u16..) {
        tables::write(tx, map::MEMBERS, &position.to_be_bytes(), member)?;
    }
    for user in &file.users {
        write_user(tx, user)?;
    }
    Ok(())
}

pub(super) fn write_user(tx: &mut Transaction<'_>, user: &UserEntry) -> Result<(), Refusal> {
    tables::write(tx, map::USERS, user.name.as_bytes(), user)?;
    Ok(tables::write(
        tx,
        map::FINGERPRINTS,
        user.fingerprint.as_bytes(),
        &user.name,
    )?)
}
