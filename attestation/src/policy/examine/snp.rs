//! The rules for AMD SEV-SNP, held against claims.

use std::{collections::BTreeSet, str::FromStr};

use crate::{
    policy::{
        check::Check,
        choice::{Unknown, UnknownBits},
        rule::Rule,
        rules::snp::{MinimumTcb, SnpRules},
    },
    snp::{
        claims::{SigningKey, SnpClaims},
        product::{Product, TcbVersion},
    },
};

pub(super) fn examine(snp: &SnpClaims, rules: &SnpRules, unknown: Unknown) -> Vec<Check> {
    let mut checks = guest(snp, rules);
    checks.extend(platform(snp, rules));
    checks.extend(minimums(snp, rules));
    checks.extend(mitigations(snp, rules, unknown));
    checks
}

/// How the guest was launched.
fn guest(snp: &SnpClaims, rules: &SnpRules) -> Vec<Check> {
    let debug = Check::absent(
        Rule::NotDebug,
        snp.policy.debug(),
        rules.dangerous_allow_debug,
        "debug",
    );
    let migration = Check::absent(
        Rule::NotMigratable,
        snp.policy.migration_agent(),
        rules.dangerous_allow_migration,
        "migration agent",
    );
    let socket = Check::present(
        Rule::SingleSocket,
        snp.policy.single_socket(),
        rules.require_single_socket,
        "single socket",
    );
    let swap = Check::present(
        Rule::PageSwapDisable,
        snp.policy.page_swap_disabled(),
        rules.require_page_swap_disable,
        "page swap disable",
    );
    let mut checks = vec![
        debug
            .of("sev-snp.policy")
            .key("sev-snp.dangerous_allow_debug"),
        migration
            .of("sev-snp.policy")
            .key("sev-snp.dangerous_allow_migration"),
        vmpl(snp, rules),
        Check::new(
            Rule::Svn,
            snp.guest_svn >= rules.guest_svn_min,
            format!("guest SVN at least {}", rules.guest_svn_min),
            snp.guest_svn,
        )
        .of("sev-snp.guest_svn")
        .key("sev-snp.guest_svn_min"),
        socket
            .of("sev-snp.policy")
            .key("sev-snp.require_single_socket"),
        swap.of("sev-snp.policy")
            .key("sev-snp.require_page_swap_disable"),
    ];
    checks.extend(key(
        Rule::IdKey,
        &snp.id_key_digest,
        &rules.id_keys,
        "sev-snp.id_key_digest",
        "sev-snp.id_keys",
    ));
    checks.extend(key(
        Rule::AuthorKey,
        &snp.author_key_digest,
        &rules.author_keys,
        "sev-snp.author_key_digest",
        "sev-snp.author_keys",
    ));
    checks
}

fn vmpl(snp: &SnpClaims, rules: &SnpRules) -> Check {
    let check = match rules.vmpl {
        Some(exact) => Check::new(
            Rule::Vmpl,
            snp.vmpl == exact,
            format!("exactly VMPL {exact}"),
            format!("VMPL {}", snp.vmpl),
        )
        .key("sev-snp.vmpl"),
        None => Check::new(
            Rule::Vmpl,
            snp.vmpl <= rules.vmpl_max,
            format!("VMPL at most {}", rules.vmpl_max),
            format!("VMPL {}", snp.vmpl),
        )
        .key("sev-snp.vmpl_max"),
    };
    check.of("sev-snp.vmpl")
}

fn key(
    rule: Rule,
    found: &[u8; 48],
    accepted: &BTreeSet<String>,
    claim: &'static str,
    path: &'static str,
) -> Option<Check> {
    if accepted.is_empty() {
        return None;
    }
    let found = hex::encode(found);
    let passed = accepted.contains(&found);
    let expected = format!("one of {} accepted keys", accepted.len());
    Some(
        Check::new(rule, passed, expected, found)
            .of(claim)
            .key(path),
    )
}

/// What the guest runs on.
fn platform(snp: &SnpClaims, rules: &SnpRules) -> Vec<Check> {
    let info = snp.platform_info;
    let property = |rule, present, wanted, name, key: &'static str| {
        Check::present(rule, present, wanted, name)
            .of("sev-snp.platform_info")
            .key(key)
    };
    vec![
        Check::new(
            Rule::Product,
            rules.products.contains(snp.product.name()),
            format!("one of {:?}", rules.products),
            snp.product,
        )
        .of("sev-snp.product")
        .key("sev-snp.products"),
        signing_key(snp, rules),
        property(
            Rule::AliasCheck,
            info.alias_check_complete(),
            rules.require_alias_check,
            "memory alias check",
            "sev-snp.require_alias_check",
        ),
        property(
            Rule::CiphertextHiding,
            info.ciphertext_hiding(),
            rules.require_ciphertext_hiding,
            "ciphertext hiding",
            "sev-snp.require_ciphertext_hiding",
        ),
        Check::absent(
            Rule::SmtOff,
            info.smt(),
            !rules.require_smt_off,
            "simultaneous multi-threading",
        )
        .of("sev-snp.platform_info")
        .key("sev-snp.require_smt_off"),
        Check::present(
            Rule::RevocationList,
            snp.revocation_checked,
            rules.require_revocation_list,
            "revocation list",
        )
        .of("sev-snp.revocation_checked")
        .key("sev-snp.require_revocation_list"),
        unknown_bits(snp, rules),
    ]
}

fn signing_key(snp: &SnpClaims, rules: &SnpRules) -> Check {
    let rule = Rule::SigningKey;
    let check = match &snp.signing_key {
        SigningKey::Vcek => {
            Check::new(rule, true, "a key of the chip", "VCEK").key("sev-snp.allow_vlek")
        }
        SigningKey::Vlek { csp_id } if !rules.allow_vlek => Check::new(
            rule,
            false,
            "a key of the chip",
            format!("VLEK of {csp_id}"),
        )
        .key("sev-snp.allow_vlek"),
        SigningKey::Vlek { csp_id } => {
            let passed = rules.csp_ids.is_empty() || rules.csp_ids.contains(csp_id);
            let expected = format!("a key of one of {:?}", rules.csp_ids);
            Check::new(rule, passed, expected, format!("VLEK of {csp_id}")).key("sev-snp.csp_ids")
        }
    };
    check.of("sev-snp.signing_key")
}

fn unknown_bits(snp: &SnpClaims, rules: &SnpRules) -> Check {
    let info = snp.platform_info.unknown_bits();
    let policy = snp.policy.unknown_bits();
    let allowed = rules.unknown_bits == UnknownBits::Allow;
    let expected = if allowed {
        "any bits"
    } else {
        "known bits only"
    };
    Check::new(
        Rule::UnknownBits,
        allowed || info | policy == 0,
        expected,
        format!("unknown bits {info:#x} of the platform, {policy:#x} of the policy"),
    )
    .of("sev-snp.platform_info")
    .key("sev-snp.unknown_bits")
}

fn minimums(snp: &SnpClaims, rules: &SnpRules) -> Vec<Check> {
    let reported = [("reported", snp.reported_tcb)];
    let committed = [("committed", snp.committed_tcb)];
    let launch = [("launch", snp.launch_tcb)];
    let current = [("current", snp.current_tcb)];
    let all = [reported[0], committed[0], launch[0], current[0]];
    let versions: [&[(&str, TcbVersion)]; 5] = [&all, &reported, &committed, &launch, &current];
    let mut checks: Vec<Check> = rules
        .minimums()
        .into_iter()
        .zip(versions)
        .filter_map(|((key, minimums), versions)| {
            let stated = minimums
                .iter()
                .find(|(name, _)| Product::from_str(name) == Ok(snp.product));
            // The first table stands for all, so it shows even when empty.
            match stated {
                Some((name, minimum)) => {
                    Some(tcb(&format!("sev-snp.{key}.{name}"), minimum, versions))
                }
                None if key == "tcb_min" => {
                    Some(tcb("sev-snp.tcb_min", &MinimumTcb::default(), versions))
                }
                None => None,
            }
        })
        .collect();
    checks.push(committed_firmware(snp, rules));
    checks
}

/// All the given versions must reach the minimum TCB.
fn tcb(key: &str, minimum: &MinimumTcb, versions: &[(&str, TcbVersion)]) -> Check {
    let least = minimum.version();
    let (which, found) = versions
        .iter()
        .find(|(_, version)| !version.is_at_least(&least))
        .unwrap_or(&versions[0]);
    let behind = minimum.behind(*found);
    let mend = match (*which, behind.is_empty()) {
        ("launch", false) => "update the firmware of the platform, and launch the guest again",
        ("committed", false) => "commit the newer firmware (SNP_COMMIT)",
        ("reported", false) => "raise the reported TCB (SNP_CONFIG), and fetch its certificate",
        _ => Rule::Tcb.hint(),
    };
    Check::new(
        Rule::Tcb,
        behind.is_empty(),
        format!("at least {least}"),
        format!("{which} {found}"),
    )
    .of("sev-snp.tcb")
    .key(key.to_owned())
    .mended_by(mend)
    .behind_by(behind)
}

fn committed_firmware(snp: &SnpClaims, rules: &SnpRules) -> Check {
    let committed = snp.committed_tcb.is_at_least(&snp.current_tcb)
        && snp.committed_firmware >= snp.current_firmware;
    Check::present(
        Rule::CommittedFirmware,
        committed,
        rules.require_committed_firmware,
        "commitment to the firmware that runs",
    )
    .of("sev-snp.committed_tcb")
    .key("sev-snp.require_committed_firmware")
}

fn mitigations(snp: &SnpClaims, rules: &SnpRules, unknown: Unknown) -> Vec<Check> {
    let vectors = [
        (
            &rules.launch_mitigations,
            snp.mitigations.map(|vectors| vectors.launch),
            "sev-snp.launch_mitigations",
        ),
        (
            &rules.current_mitigations,
            snp.mitigations.map(|vectors| vectors.current),
            "sev-snp.current_mitigations",
        ),
    ];
    vectors
        .into_iter()
        .filter(|(bits, ..)| !bits.is_empty())
        .map(|(bits, vector, key)| {
            let expected = format!("mitigations {bits:?}");
            let check = match vector {
                None => Check::unstated(Rule::Mitigations, unknown, expected),
                Some(vector) => {
                    let all = bits.iter().all(|bit| vector >> bit & 1 == 1);
                    Check::new(Rule::Mitigations, all, expected, format!("{vector:#x}"))
                }
            };
            check.of("sev-snp.mitigations").key(key)
        })
        .collect()
}
