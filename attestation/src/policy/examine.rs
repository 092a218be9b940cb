//! What a policy finds when it looks at genuine claims. It makes no verdict.

use std::str::FromStr;

use crate::{
    claims::{Claims, Details},
    intel::status::TcbStatus,
    nitro::claims::NitroClaims,
    policy::{
        refusal::{Check, Rule},
        rules::{NitroRules, Policy, SnpRules, TdxRules},
    },
    snp::{claims::SnpClaims, product::Product},
    tdx::claims::TdxClaims,
};

/// How far the clock of an attester may run ahead of the verifier's.
const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

impl Policy {
    /// Holds the policy's rules for workload and platform against claims, at
    /// `now_ms` (Unix milliseconds). Every rule is checked, also after one
    /// failed.
    pub fn examine(&self, claims: &Claims, now_ms: u64) -> Vec<Check> {
        let mut checks = vec![self.measurement(claims)];
        checks.extend(claims.made_ms.map(|made_ms| self.age(made_ms, now_ms)));
        let rules = self.rules();
        match (&claims.details, &rules.sev_snp, &rules.tdx, &rules.nitro) {
            (Details::Snp(snp), Some(rules), _, _) => checks.extend(examine_snp(snp, rules)),
            (Details::Tdx(tdx), _, Some(rules), _) => checks.extend(examine_tdx(tdx, rules)),
            (Details::Nitro(nitro), _, _, Some(rules)) => checks.push(debug_nitro(nitro, *rules)),
            _ => checks.push(Check::new(
                Rule::TeeAccepted,
                false,
                "a kind of TEE that the policy has rules for",
                claims.tee,
            )),
        }
        checks
    }

    fn measurement(&self, claims: &Claims) -> Check {
        let rule = Rule::Measurement;
        let found = &claims.measurement;
        if self.rules().dangerous_accept_any_measurement {
            return Check::new(rule, true, "any measurement", found);
        }
        match self.accepted(claims.tee, found) {
            Some(label) => Check::new(rule, true, label, format!("{found} ({label})")),
            None => Check::new(
                rule,
                false,
                format!("one of the accepted {} measurements", claims.tee),
                found,
            ),
        }
    }

    fn age(&self, made_ms: u64, now_ms: u64) -> Check {
        let age_max_ms = self.rules().evidence_age_max_s.saturating_mul(1000);
        let passed = made_ms <= now_ms.saturating_add(CLOCK_SKEW_MS)
            && now_ms.saturating_sub(made_ms) <= age_max_ms;
        Check::new(
            Rule::Age,
            passed,
            format!("evidence made at most {age_max_ms} ms before {now_ms}"),
            format!("made at {made_ms}"),
        )
    }
}

fn examine_snp(snp: &SnpClaims, rules: &SnpRules) -> Vec<Check> {
    vec![
        flag(
            Rule::NotDebug,
            snp.policy.debug(),
            rules.dangerous_allow_debug,
            "debug",
        ),
        flag(
            Rule::NotMigratable,
            snp.policy.migration_agent(),
            rules.dangerous_allow_migration,
            "migration agent",
        ),
        Check::new(
            Rule::Vmpl,
            snp.vmpl <= rules.vmpl_max,
            format!("VMPL at most {}", rules.vmpl_max),
            format!("VMPL {}", snp.vmpl),
        ),
        Check::new(
            Rule::Product,
            rules.products.contains(snp.product.name()),
            format!("one of {:?}", rules.products),
            snp.product,
        ),
        snp_tcb(snp, rules),
        required(
            Rule::AliasCheck,
            snp.platform_info.alias_check_complete(),
            rules.require_alias_check,
            "memory alias check",
        ),
        required(
            Rule::CiphertextHiding,
            snp.platform_info.ciphertext_hiding(),
            rules.require_ciphertext_hiding,
            "ciphertext hiding",
        ),
        required(
            Rule::RevocationList,
            snp.revocation_checked,
            rules.require_revocation_list,
            "revocation list",
        ),
    ]
}

/// The lowest of all firmware that the report names must reach the floor:
/// what the platform can fall back to, and what the guest was launched on.
fn snp_tcb(snp: &SnpClaims, rules: &SnpRules) -> Check {
    let floor = rules
        .tcb_min
        .iter()
        .find(|(name, _)| Product::from_str(name) == Ok(snp.product))
        .map(|(_, floor)| floor.version())
        .unwrap_or_default();
    let versions = [
        ("reported", snp.reported_tcb),
        ("committed", snp.committed_tcb),
        ("launch", snp.launch_tcb),
        ("current", snp.current_tcb),
    ];
    let (which, found) = versions
        .into_iter()
        .find(|(_, version)| !version.is_at_least(&floor))
        .unwrap_or(versions[0]);
    Check::new(
        Rule::Tcb,
        found.is_at_least(&floor),
        format!("at least {floor}"),
        format!("{which} {found}"),
    )
}

fn examine_tdx(tdx: &TdxClaims, rules: &TdxRules) -> Vec<Check> {
    let service_td = tdx.mr_service_td.is_some_and(|digest| digest != [0; 48]);
    let denied: Vec<_> = tdx
        .advisories
        .iter()
        .filter(|advisory| rules.denied_advisories.contains(*advisory))
        .collect();
    vec![
        flag(
            Rule::NotDebug,
            tdx.attributes.debug(),
            rules.dangerous_allow_debug,
            "debug",
        ),
        flag(
            Rule::NotMigratable,
            tdx.attributes.migratable(),
            false,
            "migration",
        ),
        required(
            Rule::SeptVeDisable,
            tdx.attributes.sept_ve_disable(),
            true,
            "SEPT_VE_DISABLE",
        ),
        flag(
            Rule::NoServiceTd,
            service_td || tdx.attributes.service_td_extension(),
            rules.dangerous_allow_service_td,
            "service domain",
        ),
        Check::new(
            Rule::Tcb,
            accepts_status(rules, tdx.status),
            format!("TCB status one of {:?}", rules.statuses),
            format!("{} {:?}", tdx.status, tdx.advisories),
        ),
        Check::new(
            Rule::Advisories,
            denied.is_empty(),
            format!("none of {:?}", rules.denied_advisories),
            format!("{denied:?}"),
        ),
        Check::new(
            Rule::EvaluationNumber,
            tdx.evaluation_number >= rules.evaluation_number_min,
            format!("at least {}", rules.evaluation_number_min),
            tdx.evaluation_number,
        ),
    ]
}

/// A revoked platform is accepted by no policy, whatever it lists.
fn accepts_status(rules: &TdxRules, status: TcbStatus) -> bool {
    status != TcbStatus::Revoked && rules.statuses.contains(status.name())
}

fn debug_nitro(nitro: &NitroClaims, rules: NitroRules) -> Check {
    flag(
        Rule::NotDebug,
        nitro.debug(),
        rules.dangerous_allow_debug,
        "debug (PCR0 to PCR2 are zero)",
    )
}

/// A property that must be absent, unless it is allowed.
fn flag(rule: Rule, present: bool, allowed: bool, name: &str) -> Check {
    let expected = if allowed { "anything" } else { "absent" };
    let found = if present { "present" } else { "absent" };
    Check::new(
        rule,
        !present || allowed,
        format!("{name} {expected}"),
        format!("{name} {found}"),
    )
}

/// A property that must be present, if it is required.
fn required(rule: Rule, present: bool, required: bool, name: &str) -> Check {
    let expected = if required { "present" } else { "anything" };
    let found = if present { "present" } else { "absent" };
    Check::new(
        rule,
        present || !required,
        format!("{name} {expected}"),
        format!("{name} {found}"),
    )
}

#[cfg(test)]
mod tests;
