//! What rules must keep to before they are a policy.

use std::{collections::BTreeSet, str::FromStr};

use crate::{
    intel::status::TcbStatus,
    policy::{
        error::PolicyError,
        rules::{
            Kind, Rules,
            intel::PlatformRules,
            snp::{MinimumTcb, SnpRules},
        },
        tier::{self, TierEntry},
    },
    snp::product::Product,
    tee::Tee,
};

const TIME_MAX_S: u64 = 366 * 24 * 3600;

/// Longest text of a name, an id or a reason, in bytes.
const TEXT_MAX: usize = 512;

/// Holds rules against everything but their accepted workloads.
pub(in crate::policy) fn check(rules: &Rules) -> Result<(), PolicyError> {
    if rules.name.is_empty() || rules.name.len() > 128 {
        return Err(PolicyError::Name);
    }
    check_time("verdict_lifetime_s", rules.verdict_lifetime_s)?;
    check_time("evidence_age_max_s", rules.evidence_age_max_s)?;
    if let Some(seconds) = rules.collateral_age_max_s {
        check_time("collateral_age_max_s", seconds)?;
    }
    check_tiers(rules)?;
    check_hardware("hardware_allow", &rules.hardware_allow)?;
    check_hardware("hardware_deny", &rules.hardware_deny)?;
    check_parts(rules)?;
    if let Some(snp) = &rules.sev_snp {
        check_snp(snp)?;
    }
    if let Some(tdx) = &rules.tdx {
        check_intel(&tdx.platform())?;
        bounded("tdx.tee_tcb_svn_min", tdx.tee_tcb_svn_min.len() <= 16)?;
    }
    if let Some(sgx) = &rules.sgx {
        check_intel(&sgx.platform())?;
    }
    match rules.kind {
        Kind::Production => check_no_danger(rules),
        Kind::Evaluation | Kind::Development => Ok(()),
    }
}

fn check_time(name: &'static str, seconds: u64) -> Result<(), PolicyError> {
    (1..=TIME_MAX_S)
        .contains(&seconds)
        .then_some(())
        .ok_or(PolicyError::Time(name))
}

fn bounded(name: &'static str, holds: bool) -> Result<(), PolicyError> {
    holds.then_some(()).ok_or(PolicyError::Bounds(name))
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_MAX
}

fn check_tiers(rules: &Rules) -> Result<(), PolicyError> {
    bounded("tier_min", (1..=3).contains(&rules.tier_min))?;
    let mut seen = BTreeSet::new();
    for entry in &rules.tier {
        let TierEntry {
            vendor, product, ..
        } = entry;
        bounded("tier.tier", (1..=3).contains(&entry.tier))?;
        bounded("tier.reason", is_text(&entry.reason))?;
        if !tier::is_known(vendor, product) {
            return Err(PolicyError::Unknown {
                what: "product",
                name: format!("{vendor}/{product}"),
            });
        }
        if !seen.insert((vendor, product)) {
            return Err(PolicyError::Duplicate(format!("{vendor}/{product}")));
        }
    }
    Ok(())
}

fn check_hardware(name: &'static str, ids: &[String]) -> Result<(), PolicyError> {
    const KINDS: [&str; 4] = ["amd-chip:", "amd-fleet:", "intel-ppid:", "aws-module:"];
    for id in ids {
        bounded(name, is_text(id))?;
        if !KINDS.iter().any(|kind| id.starts_with(kind)) {
            return Err(PolicyError::Unknown {
                what: "kind of hardware id",
                name: id.clone(),
            });
        }
    }
    Ok(())
}

fn check_parts(rules: &Rules) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for part in &rules.require_part {
        parsed::<Tee>("TEE", &part.tee)?;
        bounded("require_part.name", is_text(&part.name))?;
        if !seen.insert(&part.name) {
            return Err(PolicyError::Duplicate(part.name.clone()));
        }
    }
    bounded("require_part", rules.require_part.len() <= 8)
}

fn check_snp(snp: &SnpRules) -> Result<(), PolicyError> {
    for name in &snp.products {
        parsed::<Product>("AMD product", name)?;
    }
    for (_, minimums) in snp.minimums() {
        for (name, minimum) in minimums {
            parsed::<Product>("AMD product", name)?;
            check_minimum(minimum)?;
        }
    }
    let vectors = snp
        .launch_mitigations
        .iter()
        .chain(&snp.current_mitigations);
    bounded("sev-snp.launch_mitigations", vectors.max() <= Some(&63))?;
    bounded("sev-snp.vmpl", snp.vmpl.is_none_or(|vmpl| vmpl <= 3))?;
    check_keys("sev-snp.id_keys", &snp.id_keys)?;
    check_keys("sev-snp.author_keys", &snp.author_keys)
}

fn check_minimum(minimum: &MinimumTcb) -> Result<(), PolicyError> {
    let dated = minimum.dated.as_deref().is_none_or(is_date);
    bounded("tcb_min.dated", dated)?;
    bounded(
        "tcb_min.advisory",
        minimum.advisory.as_deref().is_none_or(is_text),
    )
}

/// `2026-02` or `2026-02-10`.
fn is_date(text: &str) -> bool {
    let digits =
        |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<_> = text.split('-').collect();
    match parts.as_slice() {
        [year, month] => digits(year, 4) && digits(month, 2),
        [year, month, day] => digits(year, 4) && digits(month, 2) && digits(day, 2),
        _ => false,
    }
}

fn check_keys(name: &'static str, keys: &BTreeSet<String>) -> Result<(), PolicyError> {
    let is_key = |key: &String| {
        hex::decode(key).is_ok_and(|bytes| bytes.len() == 48) && *key == key.to_lowercase()
    };
    bounded(name, keys.iter().all(is_key))
}

fn check_intel(rules: &PlatformRules<'_>) -> Result<(), PolicyError> {
    for name in rules.statuses {
        parsed::<TcbStatus>("TCB status", name)?;
    }
    let (status, collateral) = match rules.table {
        "tdx" => ("tdx.status_grace_s", "tdx.collateral_grace_s"),
        _ => ("sgx.status_grace_s", "sgx.collateral_grace_s"),
    };
    check_time(status, rules.status_grace_s.max(1))?;
    check_time(collateral, rules.collateral_grace_s.max(1))
}

/// Reads a name that must be known.
pub(in crate::policy) fn parsed<T: FromStr>(
    what: &'static str,
    name: &str,
) -> Result<T, PolicyError> {
    name.parse().map_err(|_| PolicyError::Unknown {
        what,
        name: name.to_owned(),
    })
}

fn check_no_danger(rules: &Rules) -> Result<(), PolicyError> {
    match dangers(rules).into_iter().find(|(_, chosen)| *chosen) {
        Some((name, _)) => Err(PolicyError::DangerousInProduction(name)),
        None => Ok(()),
    }
}

/// Every dangerous choice, and whether it was made. To trust a product of tier
/// 1, a production policy must raise its tier and say why.
fn dangers(rules: &Rules) -> Vec<(&'static str, bool)> {
    let snp = |choice: fn(&SnpRules) -> bool| rules.sev_snp.as_ref().is_some_and(choice);
    let mut dangers = vec![
        (
            "dangerous_accept_any_measurement",
            rules.dangerous_accept_any_measurement,
        ),
        ("tier_min", rules.tier_min < 2),
        (
            "sev-snp.dangerous_allow_debug",
            snp(|rules| rules.dangerous_allow_debug),
        ),
        (
            "sev-snp.dangerous_allow_migration",
            snp(|rules| rules.dangerous_allow_migration),
        ),
        (
            "nitro.dangerous_allow_debug",
            rules.nitro.is_some_and(|rules| rules.dangerous_allow_debug),
        ),
        (
            "sgx.dangerous_allow_debug",
            rules
                .sgx
                .as_ref()
                .is_some_and(|rules| rules.dangerous_allow_debug),
        ),
    ];
    if let Some(tdx) = &rules.tdx {
        dangers.extend([
            ("tdx.dangerous_allow_debug", tdx.dangerous_allow_debug),
            (
                "tdx.dangerous_allow_profiling",
                tdx.dangerous_allow_profiling,
            ),
            (
                "tdx.dangerous_allow_migration",
                tdx.dangerous_allow_migration,
            ),
            (
                "tdx.dangerous_allow_service_td",
                tdx.dangerous_allow_service_td,
            ),
            ("tdx.dangerous_allow_sept_ve", tdx.dangerous_allow_sept_ve),
        ]);
    }
    dangers
}

#[cfg(test)]
mod tests;
