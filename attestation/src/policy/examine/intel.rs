//! The rules for Intel TDX and SGX, held against claims.

use crate::{
    eventlog::BoundLog,
    intel::status::TcbStatus,
    policy::{
        check::Check,
        rule::Rule,
        rules::intel::{PlatformRules, SgxRules, TdxRules},
    },
    sgx::claims::SgxClaims,
    tdx::claims::TdxClaims,
};

/// What Intel says of a platform, for TDX and SGX alike.
struct Platform<'a> {
    status: TcbStatus,
    advisories: &'a [String],
    evaluation_number: u32,
}

pub(super) fn examine_tdx(tdx: &TdxClaims, rules: &TdxRules, now_ms: u64) -> Vec<Check> {
    let platform = Platform {
        status: tdx.status,
        advisories: &tdx.advisories,
        evaluation_number: tdx.evaluation_number,
    };
    let mut checks = attributes(tdx, rules);
    checks.extend(examine_platform(&platform, &rules.platform(), now_ms));
    checks.extend(module_svn(tdx, rules));
    checks
}

pub(super) fn examine_sgx(sgx: &SgxClaims, rules: &SgxRules, now_ms: u64) -> Vec<Check> {
    let platform = Platform {
        status: sgx.status,
        advisories: &sgx.advisories,
        evaluation_number: sgx.evaluation_number,
    };
    let debug = flag(
        Rule::NotDebug,
        sgx.report.attributes.debug(),
        rules.dangerous_allow_debug,
        "debug",
    );
    let mut checks = vec![debug.of("sgx.attributes").key("sgx.dangerous_allow_debug")];
    checks.extend(examine_platform(&platform, &rules.platform(), now_ms));
    if rules.isv_svn_min > 0 {
        checks.push(
            Check::new(
                Rule::Tcb,
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
    let service_td = tdx.mr_service_td.is_some_and(|digest| digest != [0; 48])
        || tdx.attributes.service_td_extension();
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

/// Each component of the module, at launch and now, must reach the floor.
fn module_svn(tdx: &TdxClaims, rules: &TdxRules) -> Option<Check> {
    let floor = &rules.tee_tcb_svn_min;
    if floor.is_empty() {
        return None;
    }
    let versions = [Some(tdx.tee_tcb_svn), tdx.tee_tcb_svn2];
    let reaches = |svn: &[u8; 16]| svn.iter().zip(floor).all(|(have, need)| have >= need);
    let lower = versions.iter().flatten().find(|svn| !reaches(svn));
    let found = lower.unwrap_or(&tdx.tee_tcb_svn);
    let behind = found
        .iter()
        .zip(floor)
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
            format!("TDX module at least {floor:?}"),
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
fn status(platform: &Platform<'_>, rules: &PlatformRules<'_>, _now_ms: u64) -> Check {
    let status = platform.status;
    let listed = status != TcbStatus::Revoked && rules.statuses.contains(status.name());
    Check::new(
        Rule::Tcb,
        listed,
        format!("TCB status one of {:?}", rules.statuses),
        format!("{status} {:?}", platform.advisories),
    )
    .of("intel.status")
    .key(format!("{}.statuses", rules.table))
}
