//! Each bound of a policy's text, overstepped alone.

use std::collections::BTreeMap;

use super::*;
use crate::{
    measurement::Measurement,
    policy::{document::Policy, rules::RequiredPart},
};

const DAYS_366_S: u64 = 31_622_400;

/// What becomes of the production policy after a change.
fn changed(change: impl FnOnce(&mut Rules)) -> Result<(), PolicyError> {
    let workload = [(Tee::Tdx, Measurement::from([1; 48]), "test")];
    let mut rules = Policy::production(&workload).rules().clone();
    change(&mut rules);
    Policy::try_from(rules).map(|_| ())
}

fn snp(change: impl FnOnce(&mut SnpRules)) -> Result<(), PolicyError> {
    changed(|rules| change(rules.sev_snp.as_mut().expect("rules for SEV-SNP")))
}

fn unknown(what: &'static str, name: &str) -> Result<(), PolicyError> {
    let name = name.to_owned();
    Err(PolicyError::Unknown { what, name })
}

fn out_of_bounds(name: &'static str) -> Result<(), PolicyError> {
    Err(PolicyError::Bounds(name))
}

#[test]
fn name_has_at_most_128_bytes() {
    assert_eq!(changed(|rules| rules.name = "n".repeat(128)), Ok(()));
    let long = changed(|rules| rules.name = "n".repeat(129));
    assert_eq!(long, Err(PolicyError::Name));
}

#[test]
fn times_are_between_a_second_and_a_leap_year() {
    type Set = fn(&mut Rules, u64);
    let times: [(&str, Set); 3] = [
        ("verdict_lifetime_s", |rules, s| {
            rules.verdict_lifetime_s = s;
        }),
        ("evidence_age_max_s", |rules, s| {
            rules.evidence_age_max_s = s;
        }),
        ("collateral_age_max_s", |rules, s| {
            rules.collateral_age_max_s = Some(s);
        }),
    ];
    for (name, set) in times {
        for seconds in [1, DAYS_366_S] {
            assert_eq!(changed(|rules| set(rules, seconds)), Ok(()));
        }
        for seconds in [0, DAYS_366_S + 1] {
            let refused = Err(PolicyError::Time(name));
            assert_eq!(changed(|rules| set(rules, seconds)), refused);
        }
    }
}

#[test]
fn graces_are_at_most_a_leap_year_and_may_be_zero() {
    type Set = fn(&mut Rules, u64);
    let graces: [(&str, Set); 4] = [
        ("tdx.status_grace_s", |rules, s| {
            rules.tdx.as_mut().expect("rules").status_grace_s = s;
        }),
        ("tdx.collateral_grace_s", |rules, s| {
            rules.tdx.as_mut().expect("rules").collateral_grace_s = s;
        }),
        ("sgx.status_grace_s", |rules, s| {
            rules.sgx.as_mut().expect("rules").status_grace_s = s;
        }),
        ("sgx.collateral_grace_s", |rules, s| {
            rules.sgx.as_mut().expect("rules").collateral_grace_s = s;
        }),
    ];
    for (name, set) in graces {
        for seconds in [0, DAYS_366_S] {
            assert_eq!(changed(|rules| set(rules, seconds)), Ok(()));
        }
        let refused = Err(PolicyError::Time(name));
        assert_eq!(changed(|rules| set(rules, DAYS_366_S + 1)), refused);
    }
}

fn tier(change: impl FnOnce(&mut TierEntry)) -> Result<(), PolicyError> {
    let mut entry = TierEntry {
        vendor: "amd".to_owned(),
        product: "milan".to_owned(),
        tier: 2,
        reason: "our own machines".to_owned(),
    };
    change(&mut entry);
    changed(|rules| rules.tier.push(entry))
}

#[test]
fn tiers_are_1_to_3_of_known_products_with_a_reason() {
    for least in [2, 3] {
        assert_eq!(changed(|rules| rules.tier_min = least), Ok(()));
    }
    for least in [0, 4] {
        let refused = out_of_bounds("tier_min");
        assert_eq!(changed(|rules| rules.tier_min = least), refused);
    }
    assert_eq!(tier(|_| ()), Ok(()));
    assert_eq!(tier(|entry| entry.tier = 0), out_of_bounds("tier.tier"));
    assert_eq!(tier(|entry| entry.tier = 4), out_of_bounds("tier.tier"));
    let reason = out_of_bounds("tier.reason");
    assert_eq!(tier(|entry| entry.reason.clear()), reason);
    assert_eq!(tier(|entry| entry.reason = "r".repeat(513)), reason);
    assert_eq!(tier(|entry| entry.reason = "r".repeat(512)), Ok(()));
    assert_eq!(
        tier(|entry| entry.product = "rome".to_owned()),
        unknown("product", "amd/rome")
    );
    assert_eq!(
        tier(|entry| entry.vendor = "intel".to_owned()),
        unknown("product", "intel/milan")
    );
}

#[test]
fn product_has_one_tier() {
    let entry = |tier| TierEntry {
        vendor: "amd".to_owned(),
        product: "milan".to_owned(),
        tier,
        reason: "our own machines".to_owned(),
    };
    let twice = changed(|rules| rules.tier = vec![entry(1), entry(2)]);
    assert_eq!(twice, Err(PolicyError::Duplicate("amd/milan".to_owned())));
}

#[test]
fn hardware_is_named_by_a_known_kind_of_id() {
    type Set = fn(&mut Rules, String);
    let lists: [(&str, Set); 2] = [
        ("hardware_allow", |rules, id| rules.hardware_allow.push(id)),
        ("hardware_deny", |rules, id| rules.hardware_deny.push(id)),
    ];
    for (name, set) in lists {
        let with = |id: &str| changed(|rules| set(rules, id.to_owned()));
        for kind in ["amd-chip", "amd-fleet", "intel-ppid", "aws-module"] {
            assert_eq!(with(&format!("{kind}:01")), Ok(()));
        }
        assert_eq!(with("*"), unknown("kind of hardware id", "*"));
        assert_eq!(with("amd-chip"), unknown("kind of hardware id", "amd-chip"));
        assert_eq!(with(""), out_of_bounds(name));
        let long = format!("amd-chip:{}", "0".repeat(504));
        assert_eq!(with(&long), out_of_bounds(name));
        assert_eq!(with(&long[..512]), Ok(()));
    }
}

#[test]
fn parts_have_names_of_their_own_and_known_tees() {
    let with = |names: &[&str], tee: &str| {
        changed(|rules| {
            rules.require_part = names
                .iter()
                .map(|name| RequiredPart {
                    name: (*name).to_owned(),
                    tee: tee.to_owned(),
                })
                .collect();
        })
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    assert_eq!(with(&names[..8], "tdx"), Ok(()));
    assert_eq!(with(&names, "tdx"), out_of_bounds("require_part"));
    assert_eq!(with(&["a"], "trustzone"), unknown("TEE", "trustzone"));
    assert_eq!(with(&[""], "tdx"), out_of_bounds("require_part.name"));
    let twice = Err(PolicyError::Duplicate("a".to_owned()));
    assert_eq!(with(&["a", "a"], "tdx"), twice);
}

#[test]
fn products_of_amd_are_known_wherever_they_are_named() {
    let rome = || BTreeMap::from([("rome".to_owned(), MinimumTcb::default())]);
    let expected = unknown("AMD product", "rome");
    let products = snp(|rules| {
        rules.products.insert("rome".to_owned());
    });
    assert_eq!(products, expected);
    assert_eq!(snp(|rules| rules.tcb_min = rome()), expected);
    assert_eq!(snp(|rules| rules.reported_tcb_min = rome()), expected);
    assert_eq!(snp(|rules| rules.committed_tcb_min = rome()), expected);
    assert_eq!(snp(|rules| rules.launch_tcb_min = rome()), expected);
    assert_eq!(snp(|rules| rules.current_tcb_min = rome()), expected);
}

#[test]
fn numbers_for_amd_are_those_that_reports_can_hold() {
    let mitigations = out_of_bounds("sev-snp.launch_mitigations");
    assert_eq!(
        snp(|rules| rules.launch_mitigations = BTreeSet::from([63])),
        Ok(())
    );
    assert_eq!(
        snp(|rules| rules.launch_mitigations = BTreeSet::from([64])),
        mitigations
    );
    assert_eq!(
        snp(|rules| rules.current_mitigations = BTreeSet::from([0, 64])),
        mitigations
    );
    assert_eq!(snp(|rules| rules.vmpl = Some(3)), Ok(()));
    assert_eq!(
        snp(|rules| rules.vmpl = Some(4)),
        out_of_bounds("sev-snp.vmpl")
    );
}

#[test]
fn keys_are_digests_of_48_bytes_in_small_letters() {
    type Set = fn(&mut SnpRules, BTreeSet<String>);
    let lists: [(&str, Set); 2] = [
        ("sev-snp.id_keys", |rules, keys| rules.id_keys = keys),
        ("sev-snp.author_keys", |rules, keys| {
            rules.author_keys = keys;
        }),
    ];
    for (name, set) in lists {
        let with = |key: String| snp(|rules| set(rules, BTreeSet::from([key])));
        assert_eq!(with("ab".repeat(48)), Ok(()));
        for wrong in [
            "AB".repeat(48),
            "ab".repeat(47),
            "ab".repeat(49),
            "zz".repeat(48),
        ] {
            assert_eq!(with(wrong), out_of_bounds(name));
        }
    }
}

#[test]
fn minimum_is_dated_by_month_or_day_and_names_its_advisory() {
    let with = |minimum: MinimumTcb| {
        snp(|rules| rules.tcb_min = BTreeMap::from([("turin".to_owned(), minimum)]))
    };
    let dated = |text: &str| {
        with(MinimumTcb {
            dated: Some(text.to_owned()),
            ..MinimumTcb::default()
        })
    };
    assert_eq!(dated("2026-02"), Ok(()));
    assert_eq!(dated("2026-02-10"), Ok(()));
    for wrong in [
        "",
        "2026",
        "26-02",
        "2026-2",
        "2026-02-1",
        "2026-0a",
        "2026-02-10-1",
    ] {
        assert_eq!(dated(wrong), out_of_bounds("tcb_min.dated"), "{wrong}");
    }
    let advisory = |text: String| {
        with(MinimumTcb {
            advisory: Some(text),
            ..MinimumTcb::default()
        })
    };
    assert_eq!(advisory("AMD-SB-3019".to_owned()), Ok(()));
    assert_eq!(advisory(String::new()), out_of_bounds("tcb_min.advisory"));
}

#[test]
fn statuses_of_intel_are_known_and_a_module_has_16_components() {
    let tdx = changed(|rules| {
        let rules = rules.tdx.as_mut().expect("rules for TDX");
        rules.statuses.insert("Fine".to_owned());
    });
    assert_eq!(tdx, unknown("TCB status", "Fine"));
    let sgx = changed(|rules| {
        let rules = rules.sgx.as_mut().expect("rules for SGX");
        rules.statuses.insert("Fine".to_owned());
    });
    assert_eq!(sgx, unknown("TCB status", "Fine"));
    let minimum = |length| {
        changed(|rules| {
            rules.tdx.as_mut().expect("rules for TDX").tee_tcb_svn_min = vec![0; length];
        })
    };
    assert_eq!(minimum(16), Ok(()));
    assert_eq!(minimum(17), out_of_bounds("tdx.tee_tcb_svn_min"));
}
