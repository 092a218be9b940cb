//! Each rule of a policy, broken alone, on claims that no hardware made.

use std::collections::BTreeMap;

use synod_crypto::Digest;

use super::*;
use crate::{
    claims::{HardwareId, Tcb},
    intel::status::TcbStatus,
    measurement::Measurement,
    nitro::claims::NitroClaims,
    policy::{
        choice::UnknownBits,
        rules::{
            Rules,
            intel::TdxRules,
            snp::{SnpRules, TcbFloor},
        },
        tier::TierEntry,
    },
    snp::{
        claims::{GuestPolicy, KeyInfo, Mitigations, PlatformInfo, SigningKey, SnpClaims},
        product::{Product, TcbVersion},
        report::FirmwareVersion,
    },
    tdx::claims::{TdAttributes, TdxClaims},
    tee::Tee,
};

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
        tee_tcb_svn: [0; 16],
        tee_tcb_svn2: Some([0; 16]),
        mr_service_td: Some([0; 48]),
        status: TcbStatus::UpToDate,
        advisories: Vec::new(),
        tcb_date_ms: 0,
        evaluation_number: 18,
        fmspc: [0; 6],
        ppid: Vec::new(),
        collateral_expires_ms: NOW_MS,
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
fn snp_platform_must_reach_the_floor_with_every_firmware_it_names() {
    let floor = |rules: &mut SnpRules| {
        let text = "fmc = 1\nbootloader = 2\ntee = 3\nsnp = 4\nmicrocode = 80";
        let floor = toml::from_str(text).expect("a floor");
        rules.tcb_min.insert("turin".to_owned(), floor);
    };
    let lower = TcbVersion {
        microcode: 79,
        ..TCB
    };
    let higher = TcbVersion { snp: 5, ..TCB };
    let breaks = |change: &dyn Fn(&mut SnpClaims)| snp_breaks(floor, change);
    assert_eq!(breaks(&|_| ()), []);
    assert_eq!(breaks(&|snp| snp.reported_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.committed_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.launch_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.current_tcb = lower), [Rule::Tcb]);
    assert_eq!(breaks(&|snp| snp.current_tcb = higher), []);
    // A floor for another product does not count.
    let other = |snp: &mut SnpClaims| {
        snp.product = Product::Genoa;
        snp.launch_tcb = lower;
    };
    assert_eq!(breaks(&other), []);
}

#[test]
fn tcb_floor_counts_component_by_component() {
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
