//! What a policy finds when it looks at genuine claims. It makes no verdict.

mod intel;
mod nitro;
mod snp;

use crate::{
    claims::{Claims, Details},
    policy::{check::Check, choice::Unknown, document::Policy, rule::Rule, tier},
    reference_values::Difference,
};

/// How far the clock of an attester may run ahead of the verifier's.
const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

impl Policy {
    /// Holds the policy's rules for workload and platform against the claims of
    /// lead evidence, at `now_ms` (Unix milliseconds). Every rule is checked,
    /// also after one failed.
    pub fn examine(&self, claims: &Claims, now_ms: u64) -> Vec<Check> {
        self.examine_part(None, claims, now_ms)
    }

    /// The same for the claims of one part of composite evidence; `None` names
    /// the lead.
    pub(in crate::policy) fn examine_part(
        &self,
        part: Option<&str>,
        claims: &Claims,
        now_ms: u64,
    ) -> Vec<Check> {
        let mut checks = vec![self.measurement(part, claims), self.tier(claims)];
        checks.extend(self.hardware(claims));
        checks.extend(claims.made_ms.map(|made_ms| self.age(made_ms, now_ms)));
        checks.extend(self.collateral_age(claims, now_ms));
        checks.extend(self.platform(claims, now_ms));
        self.locate(checks)
    }

    fn platform(&self, claims: &Claims, now_ms: u64) -> Vec<Check> {
        let rules = self.rules();
        let unknown = rules.unknown;
        match &claims.details {
            Details::Snp(snp) => {
                let rules = rules.sev_snp.as_ref();
                rules.map(|rules| snp::examine(snp, rules, unknown))
            }
            Details::Tdx(tdx) => {
                let rules = rules.tdx.as_ref();
                rules.map(|rules| {
                    let mut checks = intel::examine_tdx(tdx, rules, unknown, now_ms);
                    checks.push(intel::event_log(&claims.logs, rules));
                    checks
                })
            }
            Details::Sgx(sgx) => {
                let rules = rules.sgx.as_ref();
                rules.map(|rules| intel::examine_sgx(sgx, rules, unknown, now_ms))
            }
            Details::Nitro(nitro) => rules.nitro.map(|rules| vec![nitro::debug(nitro, rules)]),
        }
        // That the policy has no rules for the TEE is a check of its own.
        .unwrap_or_default()
    }

    /// Whether the policy has rules for the kind of TEE at all.
    pub(in crate::policy) fn tee_accepted(&self, tee: crate::tee::Tee) -> Check {
        use crate::tee::Tee;
        let rules = self.rules();
        let passed = match tee {
            Tee::SevSnp => rules.sev_snp.is_some(),
            Tee::Tdx => rules.tdx.is_some(),
            Tee::Sgx => rules.sgx.is_some(),
            Tee::Nitro => rules.nitro.is_some(),
        };
        let expected = "a kind of TEE that the policy has rules for";
        Check::new(Rule::TeeAccepted, passed, expected, tee)
            .of("tee")
            .key(tee.name())
    }

    fn measurement(&self, part: Option<&str>, claims: &Claims) -> Check {
        let rule = Rule::Measurement;
        let found = &claims.measurement;
        if self.rules().dangerous_accept_any_measurement {
            return Check::new(rule, true, "any measurement", found)
                .waived_if(true)
                .key("dangerous_accept_any_measurement");
        }
        let mut nearest: Option<(String, &str, Vec<Difference>)> = None;
        for (key, values) in self.keyed_reference_values() {
            if values.tee() != claims.tee || values.part() != part {
                continue;
            }
            let differences = values.differences(claims);
            let label = values.label();
            if differences.is_empty() {
                return Check::new(rule, true, label, format!("{found} ({label})")).key(key);
            }
            let best = nearest.as_ref().map_or(usize::MAX, |(.., d)| d.len());
            if differences.len() < best {
                nearest = Some((key, label, differences));
            }
        }
        not_accepted(claims, nearest)
    }

    fn tier(&self, claims: &Claims) -> Check {
        let (vendor, product) = tier::product(claims);
        let (entry, tier) = tier::find(&self.rules().tier, vendor, product);
        let least = self.rules().tier_min;
        let found = format!(
            "{vendor} {product} is of tier {}: {}",
            tier.tier, tier.reason
        );
        let mend = match entry {
            Some(_) => "use hardware of a higher tier".to_owned(),
            None => format!(
                "use hardware of a higher tier, or state in a `[[tier]]` why {product} deserves one"
            ),
        };
        Check::new(
            Rule::Tier,
            tier.tier >= least,
            format!("tier {least} or higher"),
            found,
        )
        .key("tier_min")
        .mended_by(mend)
    }

    /// Checks that bear on the one piece of hardware, if the policy has any.
    fn hardware(&self, claims: &Claims) -> Vec<Check> {
        let rules = self.rules();
        let id = claims.hardware_id.as_str();
        let check = |passed, expected, key| {
            let found = if claims.hardware_id.is_stated() {
                id
            } else {
                "hardware that does not name itself"
            };
            Check::new(Rule::Hardware, passed, expected, found)
                .of("hardware-id")
                .key(key)
        };
        let mut checks = Vec::new();
        if rules.require_listed_hardware || !rules.hardware_allow.is_empty() {
            let listed = claims.hardware_id.is_stated() && lists(&rules.hardware_allow, id);
            checks.push(check(listed, "hardware that is listed", "hardware_allow"));
        }
        if !rules.hardware_deny.is_empty() {
            let passed = if claims.hardware_id.is_stated() {
                !lists(&rules.hardware_deny, id)
            } else {
                rules.unknown == Unknown::Accept
            };
            checks.push(check(
                passed,
                "hardware that is not denied",
                "hardware_deny",
            ));
        }
        checks
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
        .of("made")
        .key("evidence_age_max_s")
    }

    /// Only for Intel: the others issue no statements that are renewed by the
    /// month.
    fn collateral_age(&self, claims: &Claims, now_ms: u64) -> Option<Check> {
        let age_max_s = self.rules().collateral_age_max_s?;
        if claims.tee.vendor() != "intel" {
            return None;
        }
        let expected = format!("collateral issued at most {age_max_s} s ago");
        let check = match claims.endorsed_since_ms {
            Some(since_ms) => {
                let age_s = now_ms.saturating_sub(since_ms) / 1000;
                let found = format!("issued {age_s} s ago");
                Check::new(Rule::CollateralAge, age_s <= age_max_s, expected, found)
            }
            None => Check::unstated(Rule::CollateralAge, self.rules().unknown, expected),
        };
        Some(check.of("endorsed-since").key("collateral_age_max_s"))
    }
}

fn not_accepted(claims: &Claims, nearest: Option<(String, &str, Vec<Difference>)>) -> Check {
    let expected = format!("one of the accepted {} workloads", claims.tee);
    let Some((key, label, differences)) = nearest else {
        let found = format!("{}, and none is accepted", claims.measurement);
        return Check::new(Rule::Measurement, false, expected, found).key("accept");
    };
    let found = match differences.as_slice() {
        [one] if one.field == "measurement" => one.found.clone(),
        several => {
            let texts: Vec<_> = several.iter().map(ToString::to_string).collect();
            format!("nearest to `{label}`, but {}", texts.join(", "))
        }
    };
    Check::new(Rule::Measurement, false, expected, found).key(key)
}

/// Whether an id, or the beginning of it before a `*`, is listed.
fn lists(list: &[String], id: &str) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(beginning) => id.starts_with(beginning),
        None => entry == id,
    })
}

#[cfg(test)]
mod tests;
