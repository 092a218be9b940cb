//! Each rule of a policy, broken alone, on claims that no hardware made.

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::Digest;

use super::*;
use crate::{
    claims::{HardwareId, Tcb},
    intel::{
        levels::{Component, Shortfall, TcbLevels},
        pck::PckExtension,
        status::TcbStatus,
    },
    measurement::Measurement,
    nitro::claims::NitroClaims,
    policy::{
        choice::UnknownBits,
        rules::{
            Kind, Rules,
            intel::TdxRules,
            snp::{MinimumTcb, SnpRules},
        },
        tier::TierEntry,
    },
    reference_values::Accepted,
    snp::{
        claims::{GuestPolicy, KeyInfo, Mitigations, PlatformInfo, SigningKey, SnpClaims},
        product::{Product, TcbVersion},
        report::FirmwareVersion,
    },
    tdx::{attributes::TdAttributes, claims::TdxClaims, report::TdExtension},
    tee::Tee,
};

mod bounds;
mod sgx;
mod values;

const NOW_MS: u64 = 1_795_132_800_000;
const TCB: TcbVersion = TcbVersion {
    fmc: 1,
    bootloader: 2,
    tee: 3,
    snp: 4,
    microcode: 80,
};

const FIRMWARE: FirmwareVersion = FirmwareVersion {
    major: 1,
    minor: 55,
    build: 41,
};

fn snp() -> SnpClaims {
    SnpClaims {
        version: 5,
        product: Product::Turin,
        cpuid: None,
        signing_key: SigningKey::Vcek,
        key_info: KeyInfo(0),
        guest_svn: 0,
        policy: GuestPolicy(0x3_0000),
        family_id: [0; 16],
        image_id: [0; 16],
        vmpl: 0,
        platform_info: PlatformInfo(0b10_0000),
        report_data: [0; 64],
        measurement: [1; 48],
        host_data: [0; 32],
        id_key_digest: [0; 48],
        author_key_digest: [0; 48],
        report_id: [0; 32],
        report_id_ma: [0xff; 32],
        chip_id: [0; 64],
        chip_id_masked: false,
        current_tcb: TCB,
        reported_tcb: TCB,
        committed_tcb: TCB,
        launch_tcb: TCB,
        current_firmware: FIRMWARE,
        committed_firmware: FIRMWARE,
        mitigations: Some(Mitigations {
            launch: 0,
            current: 0,
        }),
        chain_expires_ms: NOW_MS,
        revocation_checked: true,
    }
}

fn tdx() -> TdxClaims {
    TdxClaims {
        version: 5,
        attributes: TdAttributes(1 << 28),
        xfam: 0,
        mr_td: [1; 48],
        mr_config_id: [0; 48],
        mr_owner: [0; 48],
        mr_owner_config: [0; 48],
        rtmrs: [[0; 48]; 4],
        report_data: [0; 64],
        mr_seam: [0; 48],
        mr_signer_seam: [0; 48],
        seam_attributes: 0,
        tee_tcb_svn: [0; 16],
        tee_tcb_svn2: Some([0; 16]),
        mr_service_td: Some([0; 48]),
        extension: None,
        status: TcbStatus::UpToDate,
        advisories: Vec::new(),
        tcb_date_ms: 0,
        evaluation_number: 18,
        fmspc: [0; 6],
        ppid: Vec::new(),
        collateral_expires_ms: NOW_MS,
        pck: PckExtension::zero(),
        levels: TcbLevels::up_to_date(),
    }
}

fn claims(tee: Tee, details: Details) -> Claims {
    Claims {
        tee,
        measurement: Measurement::from([1; 48]),
        hardware_id: HardwareId("amd-chip:01".to_owned()),
        tcb: Tcb::Unstated,
        debug: false,
        report_data: None,
        simulated: false,
        root: Digest::ZERO,
        made_ms: None,
        endorsed_since_ms: None,
        endorsed_until_ms: None,
        logs: Vec::new(),
        parts: Vec::new(),
        details,
    }
}

fn policy(change: impl FnOnce(&mut Rules)) -> Policy {
    let tees = [Tee::SevSnp, Tee::Tdx, Tee::Nitro];
    let workloads = tees.map(|tee| (tee, Measurement::from([1; 48]), "test"));
    let mut rules = Policy::production(&workloads).rules().clone();
    change(&mut rules);
    Policy::try_from(rules).expect("a policy")
}

/// The rules that the claims break.
fn broken(policy: &Policy, claims: &Claims) -> Vec<Rule> {
    policy
        .examine(claims, NOW_MS)
        .into_iter()
        .filter(|check| !check.passed)
        .map(|check| check.rule)
        .collect()
}

fn snp_breaks(rules: impl FnOnce(&mut SnpRules), change: impl FnOnce(&mut SnpClaims)) -> Vec<Rule> {
    let mut snp = snp();
    change(&mut snp);
    let policy = policy(|all| rules(all.sev_snp.as_mut().expect("rules for SEV-SNP")));
    broken(&policy, &claims(Tee::SevSnp, Details::Snp(Box::new(snp))))
}

fn tdx_breaks(rules: impl FnOnce(&mut TdxRules), change: impl FnOnce(&mut TdxClaims)) -> Vec<Rule> {
    let mut tdx = tdx();
    change(&mut tdx);
    let policy = policy(|all| rules(all.tdx.as_mut().expect("rules for TDX")));
    broken(&policy, &claims(Tee::Tdx, Details::Tdx(Box::new(tdx))))
}

#[test]
fn sound_claims_break_no_rule() {
    assert_eq!(snp_breaks(|_| (), |_| ()), []);
    assert_eq!(tdx_breaks(|_| (), |_| ()), []);
}

#[test]
fn snp_claims_break_exactly_the_rule_that_they_are_wrong_by() {
    let breaks = |change: fn(&mut SnpClaims)| snp_breaks(|_| (), change);
    assert_eq!(breaks(|snp| snp.policy.0 |= 1 << 19), [Rule::NotDebug]);
    assert_eq!(breaks(|snp| snp.policy.0 |= 1 << 18), [Rule::NotMigratable]);
    assert_eq!(breaks(|snp| snp.vmpl = 1), [Rule::Vmpl]);
    assert_eq!(breaks(|snp| snp.product = Product::Milan), [Rule::Tier]);
    assert_eq!(breaks(|snp| snp.platform_info.0 = 0), [Rule::AliasCheck]);
}

#[test]
fn snp_platform_must_reach_the_minimum_with_every_firmware_it_names() {
    let minimum = |rules: &mut SnpRules| {
        let text = "fmc = 1\nbootloader = 2\ntee = 3\nsnp = 4\nmicrocode = 80";
        let minimum = toml::from_str(text).expect("a minimum");
        rules.tcb_min.insert("turin".to_owned(), minimum);
    };
    let lower = TcbVersion {
        microcode: 79,
        ..TCB
    };
    let higher = TcbVersion { snp: 5, ..TCB };
    let breaks = |change: &dyn Fn(&mut SnpClaims)| snp_breaks(minimum, change);
    assert_eq!(breaks(&|_| ()), []);
    assert_eq!(breaks(&|snp| snp.reported_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.committed_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.launch_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.current_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.current_tcb = higher), []);
    // A minimum for another product does not count.
    let other = |snp: &mut SnpClaims| {
        snp.product = Product::Genoa;
        snp.launch_tcb = lower;
    };
    assert_eq!(breaks(&other), []);
}

#[test]
fn tcb_minimum_counts_component_by_component() {
    for (component, lower) in [
        ("fmc", TcbVersion { fmc: 0, ..TCB }),
        (
            "bootloader",
            TcbVersion {
                bootloader: 1,
                ..TCB
            },
        ),
        ("tee", TcbVersion { tee: 2, ..TCB }),
        (
            "snp",
            TcbVersion {
                snp: 3,
                microcode: 255,
                ..TCB
            },
        ),
        (
            "microcode",
            TcbVersion {
                microcode: 79,
                ..TCB
            },
        ),
    ] {
        assert!(!lower.is_at_least(&TCB), "{component}");
    }
    assert!(TCB.is_at_least(&TCB));
}

#[test]
fn what_the_policy_does_not_demand_gets_no_tick_where_it_is_missing() {
    let shown = |checked: bool, required: bool| {
        let mut snp = snp();
        snp.revocation_checked = checked;
        let policy = policy(|all| {
            let rules = all.sev_snp.as_mut().expect("rules for SEV-SNP");
            rules.require_revocation_list = required;
        });
        let claims = claims(Tee::SevSnp, Details::Snp(Box::new(snp)));
        let checks = policy.examine(&claims, NOW_MS);
        let mut of = checks
            .iter()
            .filter(|check| check.rule == Rule::RevocationList);
        let check = of.next().expect("the check is made");
        (
            check.waived,
            check.to_string().chars().next().expect("a mark"),
        )
    };
    assert_eq!(shown(true, true), (false, '✓'));
    assert_eq!(shown(false, true), (false, '✗'));
    assert_eq!(shown(false, false), (true, '-'));
    assert_eq!(shown(true, false), (false, '✓'), "more than was demanded");
}

#[test]
fn snp_properties_are_asked_for_only_where_the_policy_requires_them() {
    let hide = |rules: &mut SnpRules| rules.require_ciphertext_hiding = true;
    assert_eq!(snp_breaks(hide, |_| ()), [Rule::CiphertextHiding]);
    assert_eq!(snp_breaks(hide, |snp| snp.platform_info.0 |= 1 << 4), []);
    let list = |rules: &mut SnpRules| rules.require_revocation_list = true;
    let unchecked = |snp: &mut SnpClaims| snp.revocation_checked = false;
    assert_eq!(snp_breaks(list, unchecked), [Rule::RevocationList]);
    assert_eq!(snp_breaks(|_| (), unchecked), []);
    let no_alias = |rules: &mut SnpRules| rules.require_alias_check = false;
    assert_eq!(snp_breaks(no_alias, |snp| snp.platform_info.0 = 0), []);
}

#[test]
fn unknown_platform_bits_break_no_rule() {
    assert_eq!(snp_breaks(|_| (), |snp| snp.platform_info.0 = u64::MAX), []);
}

#[test]
fn tdx_claims_break_exactly_the_rule_that_they_are_wrong_by() {
    let breaks = |change: fn(&mut TdxClaims)| tdx_breaks(|_| (), change);
    assert_eq!(breaks(|tdx| tdx.attributes.0 |= 1), [Rule::NotDebug]);
    for bit in 1..8 {
        let profiled = tdx_breaks(|_| (), |tdx| tdx.attributes.0 |= 1 << bit);
        assert_eq!(profiled, [Rule::NotProfiled]);
    }
    assert_eq!(
        breaks(|tdx| tdx.attributes.0 |= 1 << 29),
        [Rule::NotMigratable]
    );
    assert_eq!(breaks(|tdx| tdx.attributes.0 = 0), [Rule::SeptVeDisable]);
    assert_eq!(
        breaks(|tdx| tdx.attributes.0 |= 1 << 17),
        [Rule::NoServiceTd]
    );
    assert_eq!(
        breaks(|tdx| tdx.mr_service_td = Some([1; 48])),
        [Rule::NoServiceTd]
    );
    assert_eq!(breaks(|tdx| tdx.mr_service_td = None), []);
    let bound_now = |hash| {
        tdx_breaks(
            |_| (),
            |tdx| tdx.extension = Some(Box::new(extension(hash))),
        )
    };
    assert_eq!(bound_now([1; 48]), [Rule::NoServiceTd]);
    assert_eq!(bound_now([0; 48]), []);
}

/// The extended form of TDX 1.5, with this digest of service domains bound now.
fn extension(service_td_hash: [u8; 48]) -> TdExtension {
    TdExtension {
        vm_id: 0,
        td_id: [0; 32],
        device_info: [0; 48],
        init_service_td_hash: [0; 48],
        init_service_td_attributes: 0,
        init_cpu_svn: [0; 16],
        init_tee_tcb_svn: [0; 16],
        init_fmspc: [0; 12],
        service_td_hash,
        service_td_attributes: 0,
    }
}

#[test]
fn every_status_but_the_listed_ones_is_refused() {
    for status in TcbStatus::ALL {
        let expected: &[Rule] = match status {
            TcbStatus::UpToDate => &[],
            _ => &[Rule::Tcb],
        };
        assert_eq!(tdx_breaks(|_| (), |tdx| tdx.status = status), expected);
    }
}

#[test]
fn revoked_platform_is_refused_even_by_a_policy_that_lists_it() {
    let all = |rules: &mut TdxRules| {
        rules.statuses = TcbStatus::ALL.map(|status| status.name().to_owned()).into();
    };
    assert_eq!(tdx_breaks(all, |tdx| tdx.status = TcbStatus::OutOfDate), []);
    assert_eq!(
        tdx_breaks(all, |tdx| tdx.status = TcbStatus::Revoked),
        [Rule::Tcb]
    );
}

#[test]
fn denied_advisories_and_old_evaluations_are_refused() {
    let deny = |rules: &mut TdxRules| {
        rules.denied_advisories.insert("INTEL-SA-01036".to_owned());
    };
    let applies = |tdx: &mut TdxClaims| tdx.advisories.push("INTEL-SA-01036".to_owned());
    assert_eq!(tdx_breaks(deny, applies), [Rule::Advisories]);
    assert_eq!(tdx_breaks(|_| (), applies), []);
    let newer = |rules: &mut TdxRules| rules.evaluation_number_min = 19;
    assert_eq!(tdx_breaks(newer, |_| ()), [Rule::EvaluationNumber]);
    assert_eq!(tdx_breaks(newer, |tdx| tdx.evaluation_number = 19), []);
}

#[test]
fn nitro_is_debugged_when_its_three_first_registers_are_zero() {
    let pcrs = |zero: &[u8]| -> BTreeMap<u8, [u8; 48]> {
        (0..3)
            .map(|index| (index, [u8::from(!zero.contains(&index)); 48]))
            .collect()
    };
    let breaks = |zero: &[u8]| {
        let nitro = NitroClaims {
            module_id: "i-1-enc1".to_owned(),
            timestamp_ms: NOW_MS,
            pcrs: pcrs(zero),
            user_data: None,
            nonce: None,
            public_key: None,
            chain_expires_ms: NOW_MS,
        };
        broken(
            &policy(|_| ()),
            &claims(Tee::Nitro, Details::Nitro(Box::new(nitro))),
        )
    };
    assert_eq!(breaks(&[0, 1, 2]), [Rule::NotDebug]);
    assert_eq!(breaks(&[0, 1]), []);
    assert_eq!(breaks(&[]), []);
}

/// The rules that the claims break, with the keys that say so.
fn keys(policy: &Policy, claims: &Claims) -> Vec<(Rule, String)> {
    policy
        .examine(claims, NOW_MS)
        .into_iter()
        .filter(|check| !check.passed)
        .map(|check| (check.rule, check.path.unwrap_or_default().into_owned()))
        .collect()
}

fn snp_keys(
    rules: impl FnOnce(&mut SnpRules),
    change: impl FnOnce(&mut SnpClaims),
) -> Vec<(Rule, String)> {
    let mut snp = snp();
    change(&mut snp);
    let policy = policy(|all| rules(all.sev_snp.as_mut().expect("rules for SEV-SNP")));
    keys(&policy, &claims(Tee::SevSnp, Details::Snp(Box::new(snp))))
}

fn tdx_keys(
    rules: impl FnOnce(&mut TdxRules),
    change: impl FnOnce(&mut TdxClaims),
) -> Vec<(Rule, String)> {
    let mut tdx = tdx();
    change(&mut tdx);
    let policy = policy(|all| rules(all.tdx.as_mut().expect("rules for TDX")));
    keys(&policy, &claims(Tee::Tdx, Details::Tdx(Box::new(tdx))))
}

fn one(rule: Rule, path: &str) -> Vec<(Rule, String)> {
    vec![(rule, path.to_owned())]
}

#[test]
fn each_rule_for_a_guest_is_broken_alone_and_names_its_key() {
    let accept = |key: [u8; 48]| BTreeSet::from([hex::encode(key)]);
    assert_eq!(
        snp_keys(|_| (), |snp| snp.policy.0 |= 1 << 19),
        one(Rule::NotDebug, "sev-snp.dangerous_allow_debug")
    );
    assert_eq!(
        snp_keys(|_| (), |snp| snp.policy.0 |= 1 << 18),
        one(Rule::NotMigratable, "sev-snp.dangerous_allow_migration")
    );
    assert_eq!(
        snp_keys(|_| (), |snp| snp.vmpl = 1),
        one(Rule::Vmpl, "sev-snp.vmpl_max")
    );
    assert_eq!(
        snp_keys(|rules| rules.vmpl = Some(2), |snp| snp.vmpl = 1),
        one(Rule::Vmpl, "sev-snp.vmpl")
    );
    assert_eq!(
        snp_keys(|rules| rules.vmpl = Some(2), |snp| snp.vmpl = 2),
        []
    );
    assert_eq!(
        snp_keys(|rules| rules.guest_svn_min = 1, |_| ()),
        one(Rule::Svn, "sev-snp.guest_svn_min")
    );
    assert_eq!(
        snp_keys(|rules| rules.require_single_socket = true, |_| ()),
        one(Rule::SingleSocket, "sev-snp.require_single_socket")
    );
    assert_eq!(
        snp_keys(|rules| rules.require_page_swap_disable = true, |_| ()),
        one(Rule::PageSwapDisable, "sev-snp.require_page_swap_disable")
    );
    assert_eq!(
        snp_keys(|rules| rules.id_keys = accept([1; 48]), |_| ()),
        one(Rule::IdKey, "sev-snp.id_keys")
    );
    assert_eq!(
        snp_keys(|rules| rules.id_keys = accept([0; 48]), |_| ()),
        []
    );
    assert_eq!(
        snp_keys(|rules| rules.author_keys = accept([1; 48]), |_| ()),
        one(Rule::AuthorKey, "sev-snp.author_keys")
    );
}

#[test]
fn each_rule_for_an_amd_platform_is_broken_alone_and_names_its_key() {
    let vlek = |snp: &mut SnpClaims| {
        snp.signing_key = SigningKey::Vlek {
            csp_id: "cloud".to_owned(),
        };
    };
    assert_eq!(
        snp_keys(
            |rules| {
                rules.products.remove("turin");
            },
            |_| ()
        ),
        one(Rule::Product, "sev-snp.products")
    );
    assert_eq!(
        snp_keys(|rules| rules.allow_vlek = false, vlek),
        one(Rule::SigningKey, "sev-snp.allow_vlek")
    );
    let other = |rules: &mut SnpRules| rules.csp_ids = BTreeSet::from(["other".to_owned()]);
    assert_eq!(
        snp_keys(other, vlek),
        one(Rule::SigningKey, "sev-snp.csp_ids")
    );
    assert_eq!(snp_keys(|_| (), vlek), []);
    assert_eq!(
        snp_keys(
            |rules| rules.require_smt_off = true,
            |snp| snp.platform_info.0 |= 1
        ),
        one(Rule::SmtOff, "sev-snp.require_smt_off")
    );
    let refuse = |rules: &mut SnpRules| rules.unknown_bits = UnknownBits::Refuse;
    for change in [
        |snp: &mut SnpClaims| snp.platform_info.0 |= 1 << 6,
        |snp: &mut SnpClaims| snp.platform_info.0 |= 1 << 8,
        |snp: &mut SnpClaims| snp.policy.0 |= 1 << 26,
    ] {
        let broken = snp_keys(refuse, change);
        assert_eq!(broken, one(Rule::UnknownBits, "sev-snp.unknown_bits"));
        assert_eq!(snp_keys(|_| (), change), []);
    }
    assert_eq!(snp_keys(refuse, |_| ()), []);
    let provisional = |snp: &mut SnpClaims| snp.committed_tcb.microcode -= 1;
    let committed = |rules: &mut SnpRules| rules.require_committed_firmware = true;
    assert_eq!(
        snp_keys(committed, provisional),
        one(
            Rule::CommittedFirmware,
            "sev-snp.require_committed_firmware"
        )
    );
    assert_eq!(snp_keys(|_| (), provisional), []);
}

type Set = fn(&mut SnpRules, BTreeMap<String, MinimumTcb>);
type Lower = fn(&mut SnpClaims);

#[test]
fn each_firmware_has_a_minimum_of_its_own() {
    let minimum = || {
        let minimum = MinimumTcb {
            microcode: 80,
            ..MinimumTcb::default()
        };
        BTreeMap::from([("turin".to_owned(), minimum)])
    };
    let cases: [(Set, Lower, &str); 4] = [
        (
            |rules, minimum| rules.reported_tcb_min = minimum,
            |snp| snp.reported_tcb.microcode = 79,
            "sev-snp.reported_tcb_min.turin",
        ),
        (
            |rules, minimum| rules.committed_tcb_min = minimum,
            |snp| snp.committed_tcb.microcode = 79,
            "sev-snp.committed_tcb_min.turin",
        ),
        (
            |rules, minimum| rules.launch_tcb_min = minimum,
            |snp| snp.launch_tcb.microcode = 79,
            "sev-snp.launch_tcb_min.turin",
        ),
        (
            |rules, minimum| rules.current_tcb_min = minimum,
            |snp| snp.current_tcb.microcode = 79,
            "sev-snp.current_tcb_min.turin",
        ),
    ];
    for (index, (set, _, path)) in cases.iter().enumerate() {
        for (other, (_, lower, _)) in cases.iter().enumerate() {
            let broken = snp_keys(|rules| set(rules, minimum()), lower);
            let expected = if index == other {
                one(Rule::Tcb, path)
            } else {
                Vec::new()
            };
            assert_eq!(broken, expected);
        }
    }
}

#[test]
fn minimum_says_what_is_needed_since_when_and_what_is_there() {
    let mut snp = snp();
    snp.current_tcb.microcode = 0xce;
    let minimum = MinimumTcb {
        microcode: 0xd1,
        dated: Some("2026-02".to_owned()),
        advisory: Some("AMD-SB-7033".to_owned()),
        ..MinimumTcb::default()
    };
    let policy = policy(|all| {
        let rules = all.sev_snp.as_mut().expect("rules for SEV-SNP");
        rules.current_tcb_min.insert("turin".to_owned(), minimum);
    });
    let checks = policy.examine(&claims(Tee::SevSnp, Details::Snp(Box::new(snp))), NOW_MS);
    let failed = checks.iter().find(|check| !check.passed);
    assert_eq!(
        failed.expect("a failed check").behind,
        ["microcode 0xd1 of 2026-02 (AMD-SB-7033) needed; you have 0xce"]
    );
}

#[test]
fn mitigations_are_required_bit_by_bit_and_unknown_ones_as_the_policy_says() {
    let launch = |rules: &mut SnpRules| rules.launch_mitigations = BTreeSet::from([0, 3]);
    let current = |rules: &mut SnpRules| rules.current_mitigations = BTreeSet::from([63]);
    let with = |launch, current| {
        move |snp: &mut SnpClaims| snp.mitigations = Some(Mitigations { launch, current })
    };
    assert_eq!(snp_keys(launch, with(0b1001, 0)), []);
    assert_eq!(
        snp_keys(launch, with(0b0001, u64::MAX)),
        one(Rule::Mitigations, "sev-snp.launch_mitigations")
    );
    assert_eq!(snp_keys(current, with(0, 1 << 63)), []);
    assert_eq!(
        snp_keys(current, with(u64::MAX, 1)),
        one(Rule::Mitigations, "sev-snp.current_mitigations")
    );
    let unstated = |snp: &mut SnpClaims| snp.mitigations = None;
    assert_eq!(
        snp_keys(launch, unstated),
        one(Rule::Mitigations, "sev-snp.launch_mitigations")
    );
    let mut old = snp();
    unstated(&mut old);
    let lenient = policy(|all| {
        all.unknown = Unknown::Accept;
        launch(all.sev_snp.as_mut().expect("rules for SEV-SNP"));
    });
    let claims = claims(Tee::SevSnp, Details::Snp(Box::new(old)));
    assert_eq!(keys(&lenient, &claims), []);
}

#[test]
fn each_rule_for_a_domain_is_broken_alone_and_names_its_key() {
    for (bit, rule, path) in [
        (0, Rule::NotDebug, "tdx.dangerous_allow_debug"),
        (4, Rule::NotProfiled, "tdx.dangerous_allow_profiling"),
        (29, Rule::NotMigratable, "tdx.dangerous_allow_migration"),
        (17, Rule::NoServiceTd, "tdx.dangerous_allow_service_td"),
    ] {
        assert_eq!(
            tdx_keys(|_| (), |tdx| tdx.attributes.0 |= 1 << bit),
            one(rule, path)
        );
    }
    assert_eq!(
        tdx_keys(|_| (), |tdx| tdx.attributes.0 = 0),
        one(Rule::SeptVeDisable, "tdx.dangerous_allow_sept_ve")
    );
    assert_eq!(
        tdx_keys(|rules| rules.require_event_log = true, |_| ()),
        one(Rule::EventLog, "tdx.require_event_log")
    );
    let only = |rules: &mut TdxRules| {
        rules.accepted_advisories = Some(BTreeSet::from(["INTEL-SA-1".to_owned()]));
    };
    let both = |tdx: &mut TdxClaims| {
        tdx.advisories = vec!["INTEL-SA-1".to_owned(), "INTEL-SA-2".to_owned()];
    };
    assert_eq!(
        tdx_keys(only, both),
        one(Rule::Advisories, "tdx.accepted_advisories")
    );
    assert_eq!(
        tdx_keys(only, |tdx| tdx.advisories = vec!["INTEL-SA-1".to_owned()]),
        []
    );
}

#[test]
fn dangerous_choices_for_a_domain_accept_what_they_name_and_no_more() {
    let every = |rules: &mut TdxRules| {
        rules.dangerous_allow_debug = true;
        rules.dangerous_allow_profiling = true;
        rules.dangerous_allow_migration = true;
        rules.dangerous_allow_service_td = true;
        rules.dangerous_allow_sept_ve = true;
    };
    let mut all = tdx();
    all.attributes.0 = !(1 << 28);
    all.mr_service_td = Some([1; 48]);
    let policy = policy(|rules| {
        rules.kind = Kind::Evaluation;
        every(rules.tdx.as_mut().expect("rules for TDX"));
    });
    let claims = claims(Tee::Tdx, Details::Tdx(Box::new(all)));
    assert_eq!(keys(&policy, &claims), []);
}

#[test]
fn tdx_module_must_reach_the_minimum_at_launch_and_now() {
    let minimum = |rules: &mut TdxRules| rules.tee_tcb_svn_min = vec![5, 1];
    let reached = |tdx: &mut TdxClaims| {
        tdx.tee_tcb_svn[..2].copy_from_slice(&[5, 1]);
        tdx.tee_tcb_svn2 = Some([9; 16]);
    };
    assert_eq!(tdx_keys(minimum, reached), []);
    let expected = one(Rule::Tcb, "tdx.tee_tcb_svn_min");
    let launch = |tdx: &mut TdxClaims| {
        reached(tdx);
        tdx.tee_tcb_svn[1] = 0;
    };
    assert_eq!(tdx_keys(minimum, launch), expected);
    let now = |tdx: &mut TdxClaims| {
        reached(tdx);
        tdx.tee_tcb_svn2 = Some([4; 16]);
    };
    assert_eq!(tdx_keys(minimum, now), expected);
}

#[test]
fn hardware_is_admitted_by_its_id_or_the_beginning_of_it() {
    let check = |id: &str, change: &dyn Fn(&mut Rules)| {
        let mut claims = claims(Tee::SevSnp, Details::Snp(Box::new(snp())));
        claims.hardware_id = HardwareId(id.to_owned());
        keys(&policy(change), &claims)
    };
    let allow = |rules: &mut Rules| rules.hardware_allow = vec!["amd-chip:0a*".to_owned()];
    let deny = |rules: &mut Rules| rules.hardware_deny = vec!["amd-chip:0a01".to_owned()];
    let listed = |rules: &mut Rules| rules.require_listed_hardware = true;
    assert_eq!(check("amd-chip:0a01", &allow), []);
    let not_allowed = one(Rule::Hardware, "hardware_allow");
    assert_eq!(check("amd-chip:0b01", &allow), not_allowed);
    assert_eq!(check("amd-chip:0a01", &listed), not_allowed);
    assert_eq!(check("amd-chip:0a02", &deny), []);
    let denied = one(Rule::Hardware, "hardware_deny");
    assert_eq!(check("amd-chip:0a01", &deny), denied);
    // A chip that hides its id may be any.
    assert_eq!(check("amd-chip:0000", &allow), not_allowed);
    assert_eq!(check("amd-chip:0000", &deny), denied);
    let lenient = |rules: &mut Rules| {
        deny(rules);
        rules.unknown = Unknown::Accept;
    };
    assert_eq!(check("amd-chip:0000", &lenient), []);
}

#[test]
fn tier_of_a_product_can_be_raised_with_a_reason() {
    let milan = |snp: &mut SnpClaims| snp.product = Product::Milan;
    assert_eq!(snp_keys(|_| (), milan), one(Rule::Tier, "tier_min"));
    let mut snp = snp();
    milan(&mut snp);
    let claims = claims(Tee::SevSnp, Details::Snp(Box::new(snp)));
    let raised = policy(|rules| {
        rules.tier.push(TierEntry {
            vendor: "amd".to_owned(),
            product: "milan".to_owned(),
            tier: 2,
            reason: "our own machines, in our own cage".to_owned(),
        });
    });
    assert_eq!(keys(&raised, &claims), []);
    let checks = raised.examine(&claims, NOW_MS);
    let tier = checks.iter().find(|check| check.rule == Rule::Tier);
    assert!(tier.expect("a check").found.contains("in our own cage"));
}

#[test]
fn collateral_must_not_be_older_than_the_policy_says() {
    let check = |since_ms, unknown| {
        let mut claims = claims(Tee::Tdx, Details::Tdx(Box::new(tdx())));
        claims.endorsed_since_ms = since_ms;
        let policy = policy(|rules| {
            rules.collateral_age_max_s = Some(60);
            rules.unknown = unknown;
        });
        keys(&policy, &claims)
    };
    let broken = one(Rule::CollateralAge, "collateral_age_max_s");
    assert_eq!(check(Some(NOW_MS - 60_999), Unknown::Refuse), []);
    assert_eq!(check(Some(NOW_MS - 61_000), Unknown::Refuse), broken);
    assert_eq!(check(None, Unknown::Refuse), broken);
    assert_eq!(check(None, Unknown::Accept), []);
}

#[test]
fn workload_must_match_every_reference_value_that_is_given() {
    let entry = |change: &dyn Fn(&mut Accepted)| {
        let mut entry = Accepted::of(Tee::Tdx, &Measurement::from([1; 48]), "ours");
        change(&mut entry);
        let policy = policy(|rules| rules.accept = vec![entry.clone()]);
        keys(&policy, &claims(Tee::Tdx, Details::Tdx(Box::new(tdx()))))
    };
    let zeros = || Some("00".repeat(48));
    let ones = || Some("01".repeat(48));
    assert_eq!(entry(&|_| ()), []);
    assert_eq!(entry(&|e| e.rtmr3 = zeros()), []);
    let broken = one(Rule::Measurement, "accept[0]");
    assert_eq!(entry(&|e| e.rtmr3 = ones()), broken);
    assert_eq!(entry(&|e| e.rtmr0 = ones()), broken);
    assert_eq!(entry(&|e| e.mr_config_id = ones()), broken);
    assert_eq!(entry(&|e| e.mr_owner = ones()), broken);
    assert_eq!(entry(&|e| e.mr_seam = ones()), broken);
    assert_eq!(entry(&|e| e.mr_td = zeros()), broken);
    assert_eq!(entry(&|e| e.mr_td = ones()), []);
    // What is accepted as a part is not accepted as a lead.
    assert_eq!(
        entry(&|e| e.part = Some("host".to_owned())),
        one(Rule::Measurement, "accept")
    );
}

#[test]
fn guest_must_match_every_reference_value_that_is_given() {
    let entry = |change: &dyn Fn(&mut Accepted)| {
        let mut entry = Accepted::of(Tee::SevSnp, &Measurement::from([1; 48]), "ours");
        change(&mut entry);
        let policy = policy(|rules| rules.accept = vec![entry.clone()]);
        keys(&policy, &claims(Tee::SevSnp, Details::Snp(Box::new(snp()))))
    };
    let broken = one(Rule::Measurement, "accept[0]");
    assert_eq!(entry(&|e| e.host_data = Some("00".repeat(32))), []);
    assert_eq!(entry(&|e| e.host_data = Some("01".repeat(32))), broken);
    assert_eq!(entry(&|e| e.id_key_digest = Some("01".repeat(48))), broken);
    assert_eq!(
        entry(&|e| e.author_key_digest = Some("01".repeat(48))),
        broken
    );
    assert_eq!(entry(&|e| e.family_id = Some("01".repeat(16))), broken);
    assert_eq!(entry(&|e| e.image_id = Some("01".repeat(16))), broken);
    assert_eq!(entry(&|e| e.guest_svn_min = Some(0)), []);
    assert_eq!(entry(&|e| e.guest_svn_min = Some(1)), broken);
    assert_eq!(entry(&|e| e.measurement = Some("02".repeat(48))), broken);
}

/// A platform that missed the level of a day before now.
fn out_of_date(status: TcbStatus) -> TdxClaims {
    let mut tdx = tdx();
    tdx.status = status;
    tdx.levels.missed_since_ms = Some(NOW_MS - 86_400_000);
    tdx.levels.newest.date_ms = NOW_MS - 86_400_000;
    tdx.levels.behind.push(Shortfall {
        component: Component::Sgx {
            index: 0,
            name: "Early Microcode Update".to_owned(),
        },
        have: 0xce,
        need: 0xd1,
    });
    tdx
}

#[test]
fn out_of_date_platform_is_accepted_within_its_grace_and_not_a_moment_longer() {
    let check = |grace_s, status, extra: &[TcbStatus]| {
        let policy = policy(|all| {
            let rules = all.tdx.as_mut().expect("rules for TDX");
            rules.status_grace_s = grace_s;
            let extra = extra.iter().map(|status| status.name().to_owned());
            rules.statuses.extend(extra);
        });
        let tdx = out_of_date(status);
        keys(&policy, &claims(Tee::Tdx, Details::Tdx(Box::new(tdx))))
    };
    let broken = one(Rule::Tcb, "tdx.statuses");
    for status in [TcbStatus::OutOfDate, TcbStatus::TdRelaunchAdvised] {
        assert_eq!(check(86_400, status, &[]), []);
        assert_eq!(check(86_399, status, &[]), broken);
        assert_eq!(check(0, status, &[]), broken);
    }
    // What is wrong apart from the age must be accepted by itself.
    let both = TcbStatus::OutOfDateConfigurationNeeded;
    assert_eq!(check(86_400, both, &[]), broken);
    assert_eq!(check(86_400, both, &[TcbStatus::ConfigurationNeeded]), []);
    for status in [
        TcbStatus::Revoked,
        TcbStatus::ConfigurationNeeded,
        TcbStatus::SwHardeningNeeded,
    ] {
        assert_eq!(check(86_400, status, &[]), broken);
    }
    // Nobody knows since when: no grace.
    let mut unknown = out_of_date(TcbStatus::OutOfDate);
    unknown.levels.missed_since_ms = None;
    let policy = policy(|all| {
        all.tdx.as_mut().expect("rules for TDX").status_grace_s = 86_400;
    });
    let claims = claims(Tee::Tdx, Details::Tdx(Box::new(unknown)));
    assert_eq!(keys(&policy, &claims), broken);
}

#[test]
fn out_of_date_platform_is_told_what_it_lacks_and_since_when() {
    let tdx = out_of_date(TcbStatus::OutOfDate);
    let claims = claims(Tee::Tdx, Details::Tdx(Box::new(tdx)));
    let checks = policy(|_| ()).examine(&claims, NOW_MS);
    let failed = checks.iter().find(|check| !check.passed);
    let failed = failed.expect("a failed check");
    assert_eq!(
        failed.behind,
        ["SGX component 0 (Early Microcode Update) at SVN 209 of 2026-11-19 needed; you have 206"]
    );
    assert!(failed.mend.contains("update microcode"));
}

#[test]
fn smt_of_an_intel_platform_is_judged_as_far_as_it_is_stated() {
    let required = |rules: &mut TdxRules| rules.require_smt_off = true;
    let broken = one(Rule::SmtOff, "tdx.require_smt_off");
    let with = |smt| move |tdx: &mut TdxClaims| tdx.pck.smt_enabled = smt;
    assert_eq!(tdx_keys(required, with(Some(false))), []);
    assert_eq!(tdx_keys(required, with(Some(true))), broken);
    assert_eq!(tdx_keys(required, with(None)), broken);
    assert_eq!(tdx_keys(|_| (), with(Some(true))), []);
}
