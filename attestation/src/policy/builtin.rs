//! The policies that are built in.

use crate::{
    intel::status::TcbStatus,
    measurement::Measurement,
    policy::rules::{Accepted, Kind, NitroRules, Policy, Rules, SnpRules, TdxRules},
    snp::product::Product,
    tee::Tee,
};

impl Policy {
    /// Real hardware with current firmware, running one of `workloads`.
    pub fn production(workloads: &[(Tee, Measurement, &str)]) -> Self {
        built_in(Rules {
            accept: accept(workloads),
            verdict_lifetime_s: 24 * 3600,
            ..strict("production", Kind::Production)
        })
    }

    /// Simulated hardware running one of `workloads`. Otherwise as strict as
    /// production, so that nothing surprises on the way there.
    pub fn development(workloads: &[(Tee, Measurement, &str)]) -> Self {
        built_in(Rules {
            accept: accept(workloads),
            ..strict("development", Kind::Development)
        })
    }

    /// Real hardware of any age and any workload, not debugged: a yardstick
    /// for the verifier, not for use.
    pub fn baseline() -> Self {
        let mut rules = strict("baseline", Kind::Evaluation);
        rules.dangerous_accept_any_measurement = true;
        rules.sev_snp = Some(SnpRules {
            products: Product::ALL.map(|product| product.name().to_owned()).into(),
            require_alias_check: false,
            ..SnpRules::default()
        });
        built_in(rules)
    }
}

fn strict(name: &str, kind: Kind) -> Rules {
    Rules {
        name: name.to_owned(),
        kind,
        verdict_lifetime_s: 7 * 24 * 3600,
        evidence_age_max_s: 3600,
        dangerous_accept_any_measurement: false,
        accept: Vec::new(),
        sev_snp: Some(SnpRules::default()),
        tdx: Some(TdxRules {
            statuses: [TcbStatus::UpToDate.name().to_owned()].into(),
            ..TdxRules::default()
        }),
        nitro: Some(NitroRules::default()),
    }
}

fn accept(workloads: &[(Tee, Measurement, &str)]) -> Vec<Accepted> {
    workloads
        .iter()
        .map(|(tee, measurement, label)| Accepted {
            tee: tee.name().to_owned(),
            measurement: measurement.to_string(),
            label: (*label).to_owned(),
        })
        .collect()
}

fn built_in(mut rules: Rules) -> Policy {
    rules
        .accept
        .dedup_by(|a, b| (&a.tee, &a.measurement) == (&b.tee, &b.measurement));
    Policy::try_from(rules).expect("built-in rules are a policy")
}
