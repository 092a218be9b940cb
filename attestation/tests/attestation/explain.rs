//! Policies explain themselves: lines, names, differences, comparisons.

use synod_attestation::{
    Accepted, Binding, Endorsements, Evidence, Outcome, Policy, PolicyError, Rule, Tee,
    policy::{builtin::TEXTS, diff::Side, lines::Line, rules::Rules},
};

const NAMES: [&str; 4] = ["production", "strict-physical", "development", "baseline"];

#[test]
fn built_in_policies_are_known_by_name_and_their_text_is_the_policy() {
    for name in NAMES {
        let policy = Policy::by_name(name).expect("a built-in policy");
        assert_eq!(policy.name(), name);
        let text = Policy::text_of(name).expect("a text");
        assert!(text.starts_with("# "), "{name} has no comment");
        let read = Policy::from_toml(text).expect("a policy");
        assert_eq!(read.digest(), policy.digest());
        let written = Policy::from_toml(&policy.to_toml()).expect("a policy");
        assert_eq!(written.digest(), policy.digest());
    }
    assert_eq!(TEXTS.len(), NAMES.len());
    assert!(Policy::by_name("lax").is_none());
    assert_eq!(Policy::by_name("production"), Some(Policy::production(&[])));
    assert_eq!(Policy::by_name("baseline"), Some(Policy::baseline()));
}

#[test]
fn comments_order_and_written_defaults_do_not_change_the_digest() {
    let a = "name = \"x\"\nkind = \"evaluation\"\n[tdx]\n[nitro]\n";
    let b = "# why\nkind = \"evaluation\"\nname = \"x\"\ntier_min = 2\n\n[nitro]\n\n[tdx]\nstatuses = [\"UpToDate\"]\n";
    let c = "kind = \"evaluation\"\nname = \"x\"\ntier_min = 1\n[nitro]\n[tdx]\n";
    let digest = |text| Policy::from_toml(text).expect("a policy").digest();
    assert_eq!(digest(a), digest(b));
    assert_ne!(digest(a), digest(c));
}

#[test]
fn digests_in_large_and_small_letters_are_one_policy() {
    let text = |digits: &str| {
        let measurement = digits.repeat(48);
        format!(
            "name = \"x\"\nkind = \"evaluation\"\n[[accept]]\ntee = \"tdx\"\nmeasurement = \"{measurement}\"\n"
        )
    };
    let small = Policy::from_toml(&text("ab")).expect("a policy");
    let large = Policy::from_toml(&text("AB")).expect("a policy");
    assert_eq!(small.digest(), large.digest());
}

const TEXT: &str = r#"# line 1
name = "ours"
kind = "evaluation"
hardware_deny = [
    "aws-module:i-1*",
]

[[accept]]
tee = "nitro"
pcr0 = "010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101"
label = "first"

[[accept]]
tee = "nitro"
label = "second"
pcr8 = "020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202"

[nitro]
dangerous_allow_debug = false
[tdx]
"#;

#[test]
fn keys_are_found_in_the_lines_where_they_are_written() {
    let policy = Policy::from_toml(TEXT).expect("a policy");
    for (path, line) in [
        ("name", 2),
        ("kind", 3),
        ("hardware_deny", 4),
        ("hardware_deny[0]", 5),
        ("accept[0].tee", 9),
        ("accept[0].pcr0", 10),
        ("accept[1].pcr8", 16),
        ("nitro", 18),
        ("nitro.dangerous_allow_debug", 19),
        ("tdx", 20),
    ] {
        assert_eq!(policy.line(path), Line::Written(line), "{path}");
    }
    assert_eq!(policy.line("tdx.statuses"), Line::Default);
    let unread = Policy::try_from(Rules::from(policy)).expect("a policy");
    assert_eq!(unread.line("name"), Line::Unknown);
}

#[test]
fn refusal_of_unreadable_evidence_is_explained_without_claims() {
    let evidence = Evidence::new(Tee::Nitro, vec![0x84]).expect("short evidence");
    let policy = Policy::by_name("production").expect("a policy");
    let against = [Policy::baseline()];
    let appraisal = policy.explain(
        &evidence,
        &Endorsements::Nitro,
        Binding::Nothing,
        0,
        &against,
    );
    assert!(!appraisal.is_trusted());
    assert!(!appraisal.bound);
    assert_eq!(
        appraisal.outcome,
        Outcome::Refused {
            rule: Rule::Genuine,
            broken: 1
        }
    );
    assert_eq!(appraisal.parts[0].claims, []);
    assert!(!appraisal.parts[0].genuine);
    assert_eq!(appraisal.against[0].policy, "baseline");
    let json = serde_json::to_value(&appraisal).expect("an appraisal is JSON");
    assert_eq!(json["outcome"]["result"], "refused");
    assert_eq!(json["outcome"]["rule"], "genuine");
    assert_eq!(json["parts"][0]["tee"], "nitro");
    assert!(appraisal.to_string().contains("may be a copy"));
}

#[test]
fn policies_that_differ_say_in_what_and_which_is_stricter() {
    let production = Policy::by_name("production").expect("a policy");
    let strict = Policy::by_name("strict-physical").expect("a policy");
    assert_eq!(Policy::diff(&production, &production), []);
    let differences = Policy::diff(&production, &strict);
    let of = |path: &str| {
        let found = differences.iter().find(|one| one.path == path);
        found.unwrap_or_else(|| panic!("{path} differs")).stricter
    };
    for path in [
        "verdict_lifetime_s",
        "evidence_age_max_s",
        "collateral_age_max_s",
        "require_listed_hardware",
        "sev-snp.products",
        "sev-snp.allow_vlek",
        "sev-snp.require_ciphertext_hiding",
    ] {
        assert_eq!(of(path), Some(Side::Second), "{path}");
    }
    assert_eq!(of("name"), None);
    let back = Policy::diff(&strict, &production);
    assert_eq!(back.len(), differences.len());
    let lifetime = back.iter().find(|one| one.path == "verdict_lifetime_s");
    assert_eq!(lifetime.and_then(|one| one.stricter), Some(Side::First));
}

#[test]
fn stricter_side_is_known_for_floors_lists_and_missing_tees() {
    let policy = |text: &str| {
        let text = format!("name = \"x\"\nkind = \"evaluation\"\n{text}");
        Policy::from_toml(&text).expect("a policy")
    };
    for (lax, strict, path) in [
        ("[nitro]", "", "nitro"),
        ("tier_min = 1", "tier_min = 3", "tier_min"),
        ("", "collateral_age_max_s = 60", "collateral_age_max_s"),
        ("unknown = \"accept\"", "", "unknown"),
        ("", "hardware_deny = [\"amd-chip:01\"]", "hardware_deny"),
        ("", "hardware_allow = [\"amd-chip:01\"]", "hardware_allow"),
        (
            "[tdx]\nstatuses = [\"UpToDate\", \"OutOfDate\"]",
            "[tdx]",
            "tdx.statuses",
        ),
        (
            "[tdx]",
            "[tdx]\ndenied_advisories = [\"INTEL-SA-1\"]",
            "tdx.denied_advisories",
        ),
        ("[tdx]\nstatus_grace_s = 60", "[tdx]", "tdx.status_grace_s"),
        (
            "[tdx]\ndangerous_allow_debug = true",
            "[tdx]",
            "tdx.dangerous_allow_debug",
        ),
        (
            "[sev-snp]",
            "[sev-snp.tcb_min.genoa]\nmicrocode = 84",
            "sev-snp.tcb_min.genoa.microcode",
        ),
        (
            "[sev-snp]",
            "[sev-snp]\nunknown_bits = \"refuse\"",
            "sev-snp.unknown_bits",
        ),
        (
            "[sev-snp]",
            "[sev-snp]\nlaunch_mitigations = [1]",
            "sev-snp.launch_mitigations",
        ),
        ("[sev-snp]\nvmpl_max = 3", "[sev-snp]", "sev-snp.vmpl_max"),
    ] {
        let differences = Policy::diff(&policy(lax), &policy(strict));
        let found = differences.iter().find(|one| one.path == path);
        let found = found.unwrap_or_else(|| panic!("{path} differs"));
        assert_eq!(found.stricter, Some(Side::Second), "{found}");
    }
}

#[test]
fn rules_out_of_their_bounds_are_no_policy() {
    let read = |text: &str| {
        let text = format!("name = \"x\"\nkind = \"evaluation\"\n{text}");
        Policy::from_toml(&text).err()
    };
    for (text, key) in [
        ("tier_min = 0", "tier_min"),
        ("tier_min = 4", "tier_min"),
        (
            "[sev-snp]\nlaunch_mitigations = [64]",
            "sev-snp.launch_mitigations",
        ),
        ("[sev-snp]\nvmpl = 4", "sev-snp.vmpl"),
        ("[sev-snp]\nid_keys = [\"00\"]", "sev-snp.id_keys"),
        ("[sev-snp.tcb_min.genoa]\ndated = \"soon\"", "tcb_min.dated"),
        (
            "[tdx]\ntee_tcb_svn_min = [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
            "tdx.tee_tcb_svn_min",
        ),
        (
            "[[tier]]\nvendor = \"amd\"\nproduct = \"milan\"\ntier = 2\nreason = \"\"",
            "tier.reason",
        ),
    ] {
        assert_eq!(read(text), Some(PolicyError::Bounds(key)), "{text}");
    }
    for (text, key) in [
        ("[tdx]\nstatus_grace_s = 99999999", "tdx.status_grace_s"),
        (
            "[sgx]\ncollateral_grace_s = 99999999",
            "sgx.collateral_grace_s",
        ),
        ("collateral_age_max_s = 0", "collateral_age_max_s"),
    ] {
        assert_eq!(read(text), Some(PolicyError::Time(key)), "{text}");
    }
    let unknown = "hardware_allow = [\"serial:1\"]";
    assert!(matches!(read(unknown), Some(PolicyError::Unknown { .. })));
}

#[test]
fn zero_stands_for_no_signer_and_names_nobodys_code() {
    use synod_attestation::reference_values::{ReferenceError, ReferenceValues};
    for (tee, field) in [(Tee::SevSnp, 0), (Tee::SevSnp, 1), (Tee::Nitro, 2)] {
        let read = |digest: String| {
            let mut entry = Accepted {
                tee: tee.name().to_owned(),
                ..Accepted::default()
            };
            let slots = [
                &mut entry.id_key_digest,
                &mut entry.author_key_digest,
                &mut entry.pcr8,
            ];
            *slots.into_iter().nth(field).expect("three fields") = Some(digest);
            ReferenceValues::try_from(&entry).err()
        };
        assert_eq!(read("00".repeat(48)), Some(ReferenceError::Empty));
        assert_eq!(read("01".repeat(48)), None);
    }
}

#[test]
fn entry_without_code_or_signer_would_accept_anything_and_is_refused() {
    use synod_attestation::reference_values::{ReferenceError, ReferenceValues};
    let read = |change: &dyn Fn(&mut Accepted)| {
        let mut entry = Accepted::default();
        change(&mut entry);
        ReferenceValues::try_from(&entry).err()
    };
    let digest = || Some("01".repeat(48));
    let short = || Some("01".repeat(32));
    assert_eq!(
        read(&|e| {
            e.tee = "tdx".to_owned();
            e.rtmr3 = digest();
        }),
        Some(ReferenceError::Empty)
    );
    assert_eq!(
        read(&|e| {
            e.tee = "sev-snp".to_owned();
            e.host_data = short();
        }),
        Some(ReferenceError::Empty)
    );
    // A signer alone signs anything.
    assert_eq!(
        read(&|e| {
            e.tee = "sgx".to_owned();
            e.mr_signer = short();
        }),
        Some(ReferenceError::Empty)
    );
    assert_eq!(
        read(&|e| {
            e.tee = "sgx".to_owned();
            e.mr_signer = short();
            e.isv_prod_id = Some(1);
        }),
        None
    );
    assert_eq!(
        read(&|e| {
            e.tee = "nitro".to_owned();
            e.mr_td = digest();
        }),
        Some(ReferenceError::Foreign {
            field: "mr_td",
            tee: Tee::Nitro
        })
    );
    assert_eq!(
        read(&|e| {
            e.tee = "nitro".to_owned();
            e.pcr0 = digest();
            e.isv_svn_min = Some(1);
        }),
        Some(ReferenceError::Foreign {
            field: "isv_svn_min",
            tee: Tee::Nitro
        })
    );
}

#[test]
fn production_cannot_accept_products_of_the_lowest_tier_without_a_reason() {
    let text = Policy::text_of("production").expect("a text");
    let lower = text.replace("tier_min = 2", "tier_min = 1");
    assert_eq!(
        Policy::from_toml(&lower),
        Err(PolicyError::DangerousInProduction("tier_min"))
    );
    for danger in [
        "dangerous_allow_profiling",
        "dangerous_allow_migration",
        "dangerous_allow_sept_ve",
    ] {
        let dangerous = text.replace("[tdx]", &format!("[tdx]\n{danger} = true"));
        assert!(matches!(
            Policy::from_toml(&dangerous),
            Err(PolicyError::DangerousInProduction(named)) if named == format!("tdx.{danger}")
        ));
    }
    let sgx = text.replace("[sgx]", "[sgx]\ndangerous_allow_debug = true");
    assert_eq!(
        Policy::from_toml(&sgx),
        Err(PolicyError::DangerousInProduction(
            "sgx.dangerous_allow_debug"
        ))
    );
}
