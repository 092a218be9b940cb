//! The rules for Intel TDX and SGX, held against claims.

use crate::{
    eventlog::BoundLog,
    intel::{
        levels::{Component, Shortfall, TcbLevels},
        status::TcbStatus,
    },
    policy::{
        check::Check,
        choice::Unknown,
        listing,
        rule::Rule,
        rules::intel::{PlatformRules, SgxRules, TdxRules},
    },
    sgx::claims::SgxClaims,
    tdx::{claims::TdxClaims, report::TdExtension},
};

/// What Intel says of a platform, for TDX and SGX alike.
struct Platform<'a> {
    status: TcbStatus,
    advisories: &'a [String],
    evaluation_number: u32,
    levels: &'a TcbLevels,
    smt: Option<bool>,
}

pub(super) fn examine_tdx(
    tdx: &TdxClaims,
    rules: &TdxRules,
    unknown: Unknown,
    now_ms: u64,
) -> Vec<Check> {
    let platform = Platform {
        status: tdx.status,
        advisories: &tdx.advisories,
        evaluation_number: tdx.evaluation_number,
        levels: &tdx.levels,
        smt: tdx.pck.smt_enabled,
    };
    let mut checks = attributes(tdx, rules);
    checks.extend(examine_platform(&platform, &rules.platform(), now_ms));
    checks.extend(module_svn(tdx, rules));
    let smt = rules.require_smt_off;
    checks.push(smt_off(&platform, smt, unknown, "tdx.require_smt_off"));
    checks
}

pub(super) fn examine_sgx(
    sgx: &SgxClaims,
    rules: &SgxRules,
    unknown: Unknown,
    now_ms: u64,
) -> Vec<Check> {
    let platform = Platform {
        status: sgx.status,
        advisories: &sgx.advisories,
        evaluation_number: sgx.evaluation_number,
        levels: &sgx.levels,
        smt: sgx.pck.smt_enabled,
    };
    let debug = Check::absent(
        Rule::NotDebug,
        sgx.report.attributes.debug(),
        rules.dangerous_allow_debug,
        "debug",
    );
    let mut checks = vec![debug.of("sgx.attributes").key("sgx.dangerous_allow_debug")];
    checks.extend(examine_platform(&platform, &rules.platform(), now_ms));
    let smt = rules.require_smt_off;
    checks.push(smt_off(&platform, smt, unknown, "sgx.require_smt_off"));
    if rules.isv_svn_min > 0 {
        checks.push(
            Check::new(
                Rule::Svn,
                sgx.report.isv_svn >= rules.isv_svn_min,
                format!("ISVSVN at least {}", rules.isv_svn_min),
                sgx.report.isv_svn,
            )
            .of("sgx.isv_svn")
            .key("sgx.isv_svn_min"),
        );
    }
    checks
}

fn attributes(tdx: &TdxClaims, rules: &TdxRules) -> Vec<Check> {
    let bits = tdx.attributes.0;
    let bound_now = |extension: &TdExtension| extension.service_td_hash != [0; 48];
    let service_td = tdx.mr_service_td.is_some_and(|digest| digest != [0; 48])
        || tdx.attributes.service_td_extension()
        || tdx.extension.as_deref().is_some_and(bound_now);
    let checks = [
        (
            Check::absent(
                Rule::NotDebug,
                bits & 1 != 0,
                rules.dangerous_allow_debug,
                "debug",
            ),
            "tdx.dangerous_allow_debug",
        ),
        (
            Check::absent(
                Rule::NotProfiled,
                bits & 0xfe != 0,
                rules.dangerous_allow_profiling,
                "profiling",
            ),
            "tdx.dangerous_allow_profiling",
        ),
        (
            Check::absent(
                Rule::NotMigratable,
                tdx.attributes.migratable(),
                rules.dangerous_allow_migration,
                "migration",
            ),
            "tdx.dangerous_allow_migration",
        ),
        (
            Check::absent(
                Rule::SeptVeDisable,
                !tdx.attributes.sept_ve_disable(),
                rules.dangerous_allow_sept_ve,
                "silent page faults by the host (no SEPT_VE_DISABLE)",
            ),
            "tdx.dangerous_allow_sept_ve",
        ),
        (
            Check::absent(
                Rule::NoServiceTd,
                service_td,
                rules.dangerous_allow_service_td,
                "service domain",
            ),
            "tdx.dangerous_allow_service_td",
        ),
    ];
    checks
        .into_iter()
        .map(|(check, key)| check.of("tdx.attributes").key(key))
        .collect()
}

/// Verification has bound every log that came along.
pub(super) fn event_log(logs: &[BoundLog], rules: &TdxRules) -> Check {
    let kinds: Vec<_> = logs.iter().map(|log| log.kind().name()).collect();
    let found = match kinds.as_slice() {
        [] => "no event log".to_owned(),
        kinds => format!("event log {}, bound to the registers", kinds.join(", ")),
    };
    let expected = if rules.require_event_log {
        "an event log"
    } else {
        "an event log or none"
    };
    let passed = !logs.is_empty() || !rules.require_event_log;
    Check::new(Rule::EventLog, passed, expected, found)
        .of("tdx.rtmrs")
        .key("tdx.require_event_log")
}

/// Each component of the module, at launch and now, must reach the minimum TCB.
fn module_svn(tdx: &TdxClaims, rules: &TdxRules) -> Option<Check> {
    let minimum = &rules.tee_tcb_svn_min;
    if minimum.is_empty() {
        return None;
    }
    let versions = [Some(tdx.tee_tcb_svn), tdx.tee_tcb_svn2];
    let reaches = |svn: &[u8; 16]| svn.iter().zip(minimum).all(|(have, need)| have >= need);
    let lower = versions.iter().flatten().find(|svn| !reaches(svn));
    let found = lower.unwrap_or(&tdx.tee_tcb_svn);
    let behind = found
        .iter()
        .zip(minimum)
        .enumerate()
        .filter(|(_, (have, need))| have < need)
        .map(|(index, (have, need))| {
            format!("TDX module component {index} at SVN {need} needed; you have {have}")
        })
        .collect();
    Some(
        Check::new(
            Rule::Tcb,
            lower.is_none(),
            format!("TDX module at least {minimum:?}"),
            format!("{found:?}"),
        )
        .of("tdx.tee_tcb_svn")
        .key("tdx.tee_tcb_svn_min")
        .behind_by(behind),
    )
}

fn examine_platform(platform: &Platform<'_>, rules: &PlatformRules<'_>, now_ms: u64) -> Vec<Check> {
    let table = rules.table;
    let mut checks = vec![status(platform, rules, now_ms)];
    let denied: Vec<_> = platform
        .advisories
        .iter()
        .filter(|advisory| rules.denied_advisories.contains(*advisory))
        .collect();
    checks.push(
        Check::new(
            Rule::Advisories,
            denied.is_empty(),
            format!("none of {:?}", rules.denied_advisories),
            format!("{denied:?}"),
        )
        .of("intel.advisories")
        .key(format!("{table}.denied_advisories")),
    );
    checks.extend(rules.accepted_advisories.map(|accepted| {
        let others: Vec<_> = platform
            .advisories
            .iter()
            .filter(|advisory| !accepted.contains(*advisory))
            .collect();
        Check::new(
            Rule::Advisories,
            others.is_empty(),
            format!("none but {accepted:?}"),
            format!("{others:?}"),
        )
        .of("intel.advisories")
        .key(format!("{table}.accepted_advisories"))
    }));
    checks.push(
        Check::new(
            Rule::EvaluationNumber,
            platform.evaluation_number >= rules.evaluation_number_min,
            format!("at least {}", rules.evaluation_number_min),
            platform.evaluation_number,
        )
        .of("intel.evaluation_number")
        .key(format!("{table}.evaluation_number_min")),
    );
    checks
}

/// A revoked platform is accepted by no policy, whatever it lists.
fn status(platform: &Platform<'_>, rules: &PlatformRules<'_>, now_ms: u64) -> Check {
    let status = platform.status;
    let lists =
        |status: TcbStatus| status != TcbStatus::Revoked && rules.statuses.contains(status.name());
    let levels = platform.levels;
    let grace_until_ms = grace_until(platform, rules);
    let in_grace = up_to_date_but_for_age(status).is_some_and(lists)
        && grace_until_ms.is_some_and(|until_ms| now_ms <= until_ms);
    let newer = levels.newest.date_ms != levels.platform.date_ms;
    let newest = newer.then(|| format!("; the newest is of {}", day(levels.newest.date_ms)));
    let until = grace_until_ms.filter(|_| in_grace);
    let grace = until.map(|ms| format!("; in its grace until {}", listing::instant(ms)));
    let found = format!(
        "{status} {:?}, at the level of {}{}{}",
        platform.advisories,
        day(levels.platform.date_ms),
        newest.unwrap_or_default(),
        grace.unwrap_or_default()
    );
    let key = if !lists(status) && in_grace {
        "status_grace_s"
    } else {
        "statuses"
    };
    Check::new(
        Rule::Tcb,
        lists(status) || in_grace,
        format!("TCB status one of {:?}", rules.statuses),
        found,
    )
    .of("intel.status")
    .key(format!("{}.{key}", rules.table))
    .mended_by(mend(status))
    .behind_by(behind(levels))
}

/// Until when an out-of-date platform is accepted all the same.
fn grace_until(platform: &Platform<'_>, rules: &PlatformRules<'_>) -> Option<u64> {
    if rules.status_grace_s == 0 {
        return None;
    }
    let since_ms = platform.levels.missed_since_ms?;
    Some(since_ms.saturating_add(rules.status_grace_s.saturating_mul(1000)))
}

/// What is left of a status when the age of the firmware is forgiven.
fn up_to_date_but_for_age(status: TcbStatus) -> Option<TcbStatus> {
    match status {
        TcbStatus::OutOfDate | TcbStatus::TdRelaunchAdvised => Some(TcbStatus::UpToDate),
        TcbStatus::OutOfDateConfigurationNeeded
        | TcbStatus::TdRelaunchAdvisedConfigurationNeeded => Some(TcbStatus::ConfigurationNeeded),
        _ => None,
    }
}

fn mend(status: TcbStatus) -> &'static str {
    match status {
        TcbStatus::UpToDate => "nothing is to be mended",
        TcbStatus::SwHardeningNeeded => {
            "harden the workload as the advisories say, then list the status in the policy"
        }
        TcbStatus::ConfigurationNeeded => "configure the platform as the advisories say",
        TcbStatus::ConfigurationAndSwHardeningNeeded => {
            "configure the platform and harden the workload as the advisories say"
        }
        TcbStatus::TdRelaunchAdvised => "launch the domain again: the platform is current now",
        TcbStatus::TdRelaunchAdvisedConfigurationNeeded => {
            "launch the domain again, and configure the platform as the advisories say"
        }
        TcbStatus::OutOfDate => "update microcode and firmware of the platform",
        TcbStatus::OutOfDateConfigurationNeeded => {
            "update microcode and firmware of the platform, and configure it as the advisories say"
        }
        TcbStatus::Revoked => "use another platform: Intel does not trust this one any more",
    }
}

/// One sentence for each component that is behind. The date is that of the
/// platform's newest level; module and quoting enclave have levels of their
/// own.
fn behind(levels: &TcbLevels) -> Vec<String> {
    let date = format!(" of {}", day(levels.newest.date_ms));
    let sentence = |missing: &Shortfall| match missing.component {
        Component::Sgx { .. } | Component::Tdx { .. } | Component::Pce => {
            missing.sentence_with(&date)
        }
        Component::Module | Component::QuotingEnclave => missing.sentence(),
    };
    levels.behind.iter().map(sentence).collect()
}

/// The day of a time.
fn day(ms: u64) -> String {
    listing::instant(ms).chars().take(10).collect()
}

/// Intel states it for multi-package platforms only.
fn smt_off(platform: &Platform<'_>, required: bool, unknown: Unknown, key: &'static str) -> Check {
    let rule = Rule::SmtOff;
    let check = match platform.smt {
        Some(on) => Check::absent(rule, on, !required, "simultaneous multi-threading"),
        None if required => Check::unstated(rule, unknown, "no simultaneous multi-threading"),
        None => Check::new(rule, true, "anything", "not stated").waived_if(true),
    };
    check.of("intel.pck.smt_enabled").key(key)
}
