//! What lies at the very bound of a rule.

use super::{
    sgx::{sgx, sgx_claims},
    *,
};
use crate::eventlog::{self, EventLog};

pub(super) fn nitro() -> NitroClaims {
    NitroClaims {
        module_id: "i-1-enc1".to_owned(),
        timestamp_ms: NOW_MS,
        pcrs: (0..3).map(|index| (index, [1; 48])).collect(),
        user_data: None,
        nonce: None,
        public_key: None,
        chain_expires_ms: NOW_MS,
    }
}

fn guest() -> Claims {
    claims(Tee::SevSnp, Details::Snp(Box::new(snp())))
}

#[test]
fn evidence_is_as_old_as_the_policy_allows_and_not_a_millisecond_older() {
    let at = |made_ms| {
        let mut claims = claims(Tee::Nitro, Details::Nitro(Box::new(nitro())));
        claims.made_ms = Some(made_ms);
        keys(&policy(|rules| rules.evidence_age_max_s = 60), &claims)
    };
    let broken = one(Rule::Age, "evidence_age_max_s");
    assert_eq!(at(NOW_MS), []);
    assert_eq!(at(NOW_MS - 60_000), []);
    assert_eq!(at(NOW_MS - 60_001), broken);
    assert_eq!(at(NOW_MS + CLOCK_SKEW_MS), []);
    assert_eq!(at(NOW_MS + CLOCK_SKEW_MS + 1), broken);
}

#[test]
fn collateral_of_an_enclave_ages_as_that_of_a_domain_and_nothing_else_does() {
    let check = |since_ms, mut claims: Claims| {
        claims.endorsed_since_ms = since_ms;
        let policy = policy(|rules| {
            let enclave = Measurement::from([1; 32]);
            rules.accept.push(Accepted::of(Tee::Sgx, &enclave, "test"));
            rules.collateral_age_max_s = Some(60);
        });
        keys(&policy, &claims)
    };
    let broken = one(Rule::CollateralAge, "collateral_age_max_s");
    // Whole seconds count.
    assert_eq!(check(Some(NOW_MS - 60_999), sgx_claims(sgx())), []);
    assert_eq!(check(Some(NOW_MS - 61_000), sgx_claims(sgx())), broken);
    assert_eq!(check(None, sgx_claims(sgx())), broken);
    // It may be from a clock that runs ahead.
    assert_eq!(check(Some(NOW_MS + 5000), sgx_claims(sgx())), []);
    // AMD's and AWS's endorsements are not issued anew by the month.
    assert_eq!(check(None, guest()), []);
}

#[test]
fn grace_of_an_out_of_date_platform_ends_with_its_last_millisecond() {
    let at = |now_ms| {
        let policy = policy(|all| {
            all.tdx.as_mut().expect("rules for TDX").status_grace_s = 60;
        });
        let mut tdx = tdx();
        tdx.status = TcbStatus::OutOfDate;
        tdx.levels.missed_since_ms = Some(NOW_MS);
        let claims = claims(Tee::Tdx, Details::Tdx(Box::new(tdx)));
        let checks = policy.examine(&claims, now_ms).into_iter();
        let tcb: Vec<_> = checks.filter(|check| check.rule == Rule::Tcb).collect();
        let [check] = tcb.as_slice() else {
            panic!("expected one check of the TCB")
        };
        (check.passed, check.path.as_deref().map(str::to_owned))
    };
    let key = |key: &str| Some(key.to_owned());
    assert_eq!(at(NOW_MS + 60_000), (true, key("tdx.status_grace_s")));
    assert_eq!(at(NOW_MS + 60_001), (false, key("tdx.statuses")));
}

#[test]
fn policy_without_a_grace_grants_none_even_before_a_level_is_dated() {
    let late = |tdx: &mut TdxClaims| {
        tdx.status = TcbStatus::OutOfDate;
        tdx.levels.missed_since_ms = Some(NOW_MS + 86_400_000);
    };
    assert_eq!(tdx_keys(|_| (), late), one(Rule::Tcb, "tdx.statuses"));
    assert_eq!(tdx_keys(|rules| rules.status_grace_s = 1, late), []);
}

#[test]
fn relaunch_of_a_platform_that_needs_configuration_is_forgiven_the_age_alone() {
    let check = |configuration: bool| {
        let policy = policy(|all| {
            let rules = all.tdx.as_mut().expect("rules for TDX");
            rules.status_grace_s = 60;
            if configuration {
                let needed = TcbStatus::ConfigurationNeeded.name();
                rules.statuses.insert(needed.to_owned());
            }
        });
        let mut tdx = tdx();
        tdx.status = TcbStatus::TdRelaunchAdvisedConfigurationNeeded;
        tdx.levels.missed_since_ms = Some(NOW_MS);
        keys(&policy, &claims(Tee::Tdx, Details::Tdx(Box::new(tdx))))
    };
    assert_eq!(check(false), one(Rule::Tcb, "tdx.statuses"));
    assert_eq!(check(true), []);
}

#[test]
fn minimums_are_reached_by_their_own_number() {
    assert_eq!(
        snp_keys(|rules| rules.guest_svn_min = 7, |snp| snp.guest_svn = 7),
        []
    );
    assert_eq!(
        snp_keys(|rules| rules.guest_svn_min = 7, |snp| snp.guest_svn = 6),
        one(Rule::Svn, "sev-snp.guest_svn_min")
    );
    let second = |rules: &mut SnpRules| rules.vmpl_max = 1;
    assert_eq!(snp_keys(second, |snp| snp.vmpl = 1), []);
    assert_eq!(
        snp_keys(second, |snp| snp.vmpl = 2),
        one(Rule::Vmpl, "sev-snp.vmpl_max")
    );
    assert_eq!(
        tdx_keys(|rules| rules.evaluation_number_min = 18, |_| ()),
        []
    );
    assert_eq!(
        tdx_keys(|rules| rules.evaluation_number_min = 19, |_| ()),
        one(Rule::EvaluationNumber, "tdx.evaluation_number_min")
    );
}

#[test]
fn provisional_firmware_shows_in_its_version_as_well() {
    let committed = |rules: &mut SnpRules| rules.require_committed_firmware = true;
    let broken = one(
        Rule::CommittedFirmware,
        "sev-snp.require_committed_firmware",
    );
    assert_eq!(snp_keys(committed, |_| ()), []);
    assert_eq!(
        snp_keys(committed, |snp| snp.committed_firmware.build -= 1),
        broken
    );
    assert_eq!(
        snp_keys(committed, |snp| snp.committed_tcb.bootloader -= 1),
        broken
    );
}

#[test]
fn properties_of_a_guest_are_required_where_the_policy_says_so_and_then_suffice() {
    type Choice = (fn(&mut SnpRules), fn(&mut SnpClaims));
    let choices: [Choice; 6] = [
        (
            |rules| rules.require_single_socket = true,
            |snp| snp.policy.0 |= 1 << 20,
        ),
        (
            |rules| rules.require_page_swap_disable = true,
            |snp| snp.policy.0 |= 1 << 25,
        ),
        (|rules| rules.require_smt_off = true, |_| ()),
        (
            |rules| rules.author_keys = BTreeSet::from([hex::encode([7; 48])]),
            |snp| snp.author_key_digest = [7; 48],
        ),
        (
            |rules| rules.csp_ids = BTreeSet::from(["cloud".to_owned()]),
            |snp| {
                let csp_id = "cloud".to_owned();
                snp.signing_key = SigningKey::Vlek { csp_id };
            },
        ),
        (|rules| rules.allow_vlek = false, |_| ()),
    ];
    for (index, (rules, change)) in choices.into_iter().enumerate() {
        assert_eq!(snp_keys(rules, change), [], "choice {index}");
    }
}

#[test]
fn event_log_is_wanted_only_where_the_policy_requires_it() {
    let required = |rules: &mut TdxRules| rules.require_event_log = true;
    assert_eq!(tdx_keys(|_| (), |_| ()), []);
    assert_eq!(
        tdx_keys(required, |_| ()),
        one(Rule::EventLog, "tdx.require_event_log")
    );
    let log = EventLog::parse(eventlog::Kind::Dstack, b"[]").expect("an empty log");
    let bound = log.bind(&[[0; 48]; 4]).expect("no event, no change");
    let mut with = claims(Tee::Tdx, Details::Tdx(Box::new(tdx())));
    with.logs.push(bound);
    let policy = policy(|all| required(all.tdx.as_mut().expect("rules for TDX")));
    assert_eq!(keys(&policy, &with), []);
}

#[test]
fn hardware_is_named_whole_unless_the_entry_ends_with_a_star() {
    let check = |id: &str, change: &dyn Fn(&mut Rules)| {
        let mut claims = guest();
        claims.hardware_id = HardwareId(id.to_owned());
        keys(&policy(change), &claims)
    };
    let allow = |rules: &mut Rules| rules.hardware_allow = vec!["amd-chip:0a".to_owned()];
    let deny = |rules: &mut Rules| rules.hardware_deny = vec!["amd-chip:0a".to_owned()];
    let star = |rules: &mut Rules| rules.hardware_deny = vec!["amd-chip:0a*".to_owned()];
    let not_allowed = one(Rule::Hardware, "hardware_allow");
    let denied = one(Rule::Hardware, "hardware_deny");
    assert_eq!(check("amd-chip:0a", &allow), []);
    assert_eq!(check("amd-chip:0a01", &allow), not_allowed);
    assert_eq!(check("amd-chip:0a01", &deny), []);
    assert_eq!(check("amd-chip:0a01", &star), denied);
    assert_eq!(check("amd-chip:0b01", &star), []);
    // Denied is denied, also where it is allowed.
    let both = |rules: &mut Rules| {
        allow(rules);
        deny(rules);
    };
    assert_eq!(check("amd-chip:0a", &both), denied);
    // Zeros are not a name, not even where the policy lists them.
    let zeros = |rules: &mut Rules| rules.hardware_allow = vec!["amd-chip:0*".to_owned()];
    assert_eq!(check("amd-chip:0000", &zeros), not_allowed);
    assert_eq!(check("amd-chip:0001", &zeros), []);
}

#[test]
fn tier_of_a_product_must_be_that_of_the_policy_or_higher() {
    let check = |least| keys(&policy(|rules| rules.tier_min = least), &guest());
    assert_eq!(check(2), []);
    assert_eq!(check(3), one(Rule::Tier, "tier_min"));
}

#[test]
fn workload_is_any_only_where_the_policy_says_so() {
    let mut other = guest();
    other.measurement = Measurement::from([9; 48]);
    assert_eq!(
        keys(&policy(|_| ()), &other),
        one(Rule::Measurement, "accept[1]")
    );
    let any = policy(|rules| {
        rules.kind = Kind::Evaluation;
        rules.dangerous_accept_any_measurement = true;
    });
    assert_eq!(keys(&any, &other), []);
}

#[test]
fn tee_is_accepted_only_where_the_policy_has_rules_for_it() {
    type Remove = fn(&mut Rules);
    let cases: [(Tee, Remove); 4] = [
        (Tee::SevSnp, |rules| rules.sev_snp = None),
        (Tee::Tdx, |rules| rules.tdx = None),
        (Tee::Sgx, |rules| rules.sgx = None),
        (Tee::Nitro, |rules| rules.nitro = None),
    ];
    for (tee, remove) in cases {
        let policy = policy(remove);
        for other in Tee::ALL {
            let check = policy.tee_accepted(other);
            assert_eq!(check.rule, Rule::TeeAccepted);
            assert_eq!(check.passed, other != tee, "{other} without {tee}");
        }
    }
}
