//! Policies are read strictly, written back, and named by their rules alone.

use synod_attestation::{
    Accepted, Measurement, Policy, PolicyError, Tee,
    policy::rules::{Kind, Rules},
    reference_values::ReferenceError,
};

const TEXT: &str = r#"
name = "ours"
kind = "production"

[[accept]]
tee = "tdx"
measurement = "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d"
label = "build 7"

[[accept]]
tee = "nitro"
measurement = "4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e"

[sev-snp]
[sev-snp.tcb_min.genoa]
microcode = 84

[tdx]
[nitro]
"#;

fn read(text: &str) -> Result<Policy, PolicyError> {
    Policy::from_toml(text)
}

fn changed(from: &str, to: &str) -> Result<Policy, PolicyError> {
    assert!(TEXT.contains(from));
    read(&TEXT.replace(from, to))
}

#[test]
fn policy_is_read_with_strict_defaults() {
    let policy = read(TEXT).expect("a policy");
    assert_eq!(policy.kind(), Kind::Production);
    assert!(!policy.anchors().simulated());
    let measurement = Measurement::from([0x4d; 48]);
    let accepted = policy.rules().accept.iter();
    let accepts = |tee: Tee| {
        let entry = Accepted::of(tee, &measurement, "build 7");
        accepted.clone().any(|other| *other == entry)
    };
    assert!(accepts(Tee::Tdx) && !accepts(Tee::Nitro));
    let snp = policy.rules().sev_snp.as_ref().expect("rules for SEV-SNP");
    assert!(snp.require_alias_check && !snp.dangerous_allow_debug);
    assert_eq!(policy.rules().tier_min, 2);
    assert_eq!(snp.vmpl_max, 0);
    let tdx = policy.rules().tdx.as_ref().expect("rules for TDX");
    assert_eq!(tdx.statuses.iter().collect::<Vec<_>>(), ["UpToDate"]);
}

#[test]
fn policy_that_is_written_and_read_is_the_same_policy() {
    let policies = [
        read(TEXT).expect("a policy"),
        Policy::baseline(),
        Policy::production(&[(Tee::SevSnp, Measurement::from([1; 48]), "a")]),
        Policy::development(&[(Tee::Nitro, Measurement::from([2; 48]), "b")]),
    ];
    for policy in policies {
        let again = read(&policy.to_toml()).expect("a policy");
        assert_eq!(again, policy);
        assert_eq!(again.digest(), policy.digest());
    }
}

#[test]
fn digest_does_not_depend_on_the_order_of_writing() {
    let workloads = [
        (Tee::Tdx, Measurement::from([1; 48]), "a"),
        (Tee::SevSnp, Measurement::from([2; 48]), "b"),
    ];
    let forward = Policy::production(&workloads);
    let backward = Policy::production(&[workloads[1].clone(), workloads[0].clone()]);
    assert_eq!(forward.digest(), backward.digest());
}

#[test]
fn digest_tells_policies_apart() {
    let base = read(TEXT).expect("a policy").digest();
    for (from, to) in [
        ("\"ours\"", "\"theirs\""),
        ("\"production\"", "\"development\""),
        ("\"production\"", "\"evaluation\""),
        ("4d4d4d", "4d4d4e"),
        ("build 7", "build 8"),
        ("microcode = 84", "microcode = 85"),
        ("[nitro]", ""),
        (
            "[tdx]",
            "[tdx]\ndangerous_allow_debug = false\nevaluation_number_min = 17",
        ),
    ] {
        let other = changed(from, to).expect("a policy").digest();
        assert_ne!(other, base, "{from} -> {to}");
    }
}

#[test]
fn production_policy_cannot_be_dangerous() {
    for (from, to, named) in [
        (
            "\n[[accept]]",
            "dangerous_accept_any_measurement = true\n[[accept]]",
            "dangerous_accept_any_measurement",
        ),
        (
            "[sev-snp]",
            "[sev-snp]\ndangerous_allow_debug = true",
            "sev-snp.dangerous_allow_debug",
        ),
        (
            "[sev-snp]",
            "[sev-snp]\ndangerous_allow_migration = true",
            "sev-snp.dangerous_allow_migration",
        ),
        (
            "[tdx]",
            "[tdx]\ndangerous_allow_debug = true",
            "tdx.dangerous_allow_debug",
        ),
        (
            "[tdx]",
            "[tdx]\ndangerous_allow_service_td = true",
            "tdx.dangerous_allow_service_td",
        ),
        (
            "[tdx]",
            "[tdx]\ndangerous_allow_profiling = true",
            "tdx.dangerous_allow_profiling",
        ),
        (
            "[tdx]",
            "[tdx]\ndangerous_allow_migration = true",
            "tdx.dangerous_allow_migration",
        ),
        (
            "[tdx]",
            "[tdx]\ndangerous_allow_sept_ve = true",
            "tdx.dangerous_allow_sept_ve",
        ),
        (
            "[nitro]",
            "[nitro]\ndangerous_allow_debug = true",
            "nitro.dangerous_allow_debug",
        ),
        (
            "[nitro]",
            "[sgx]\ndangerous_allow_debug = true\n[nitro]",
            "sgx.dangerous_allow_debug",
        ),
        ("\n[[accept]]", "tier_min = 1\n[[accept]]", "tier_min"),
    ] {
        let text = TEXT.replacen(from, to, 1);
        assert_eq!(read(&text), Err(PolicyError::DangerousInProduction(named)));
        let evaluation = text.replace("\"production\"", "\"evaluation\"");
        assert!(read(&evaluation).is_ok());
    }
}

#[test]
fn policy_with_unknown_names_is_refused() {
    let unknown = |result: Result<Policy, PolicyError>| match result {
        Err(PolicyError::Unknown { what, name }) => (what, name),
        other => panic!("expected an unknown name, found {other:?}"),
    };
    assert_eq!(
        changed("\"nitro\"", "\"nitre\""),
        Err(PolicyError::Reference {
            index: 1,
            problem: ReferenceError::UnknownTee("nitre".to_owned())
        })
    );
    assert_eq!(
        changed("4d4d4d4d", "4d4d4d"),
        Err(PolicyError::Reference {
            index: 0,
            problem: ReferenceError::Value {
                field: "measurement",
                length: 48
            }
        })
    );
    assert_eq!(
        unknown(changed("[tdx]", "[tdx]\nstatuses = [\"Uptodate\"]")),
        ("TCB status", "Uptodate".to_owned())
    );
    assert_eq!(
        unknown(changed("[sev-snp.tcb_min.genoa]", "[sev-snp.tcb_min.rome]")),
        ("AMD product", "rome".to_owned())
    );
}

#[test]
fn policy_with_an_unknown_field_is_refused_and_the_line_is_named() {
    let result = changed("[tdx]", "[tdx]\ndangerous_allow_debugging = true");
    let Err(PolicyError::Malformed(message)) = result else {
        panic!("expected a malformed policy, found {result:?}")
    };
    assert!(message.contains("line"), "{message}");
    assert!(message.contains("dangerous_allow_debugging"), "{message}");
}

#[test]
fn policy_with_a_workload_twice_is_refused() {
    let twice = changed("\"nitro\"", "\"tdx\"")
        .expect("two workloads of one TEE")
        .to_toml()
        .replace("4e4e", "4d4d");
    assert_eq!(
        read(&twice),
        Err(PolicyError::Duplicate("accept[1]".to_owned()))
    );
}

#[test]
fn policy_with_an_empty_name_or_an_endless_time_is_refused() {
    assert_eq!(changed("\"ours\"", "\"\""), Err(PolicyError::Name));
    for line in ["verdict_lifetime_s = 0", "verdict_lifetime_s = 99999999"] {
        let with = format!("kind = \"production\"\n{line}");
        assert_eq!(
            changed("kind = \"production\"", &with),
            Err(PolicyError::Time("verdict_lifetime_s"))
        );
    }
    let with = "kind = \"production\"\nevidence_age_max_s = 0";
    assert_eq!(
        changed("kind = \"production\"", with),
        Err(PolicyError::Time("evidence_age_max_s"))
    );
}

#[test]
fn policy_that_is_too_long_is_refused() {
    let long = "#".repeat(Policy::BYTES_MAX + 1);
    assert_eq!(read(&long), Err(PolicyError::TooLong(long.len())));
}

#[test]
fn policy_can_stand_inside_another_document() {
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Manifest {
        policy: Policy,
    }
    let manifest = Manifest {
        policy: Policy::development(&[(Tee::Tdx, Measurement::from([1; 48]), "a")]),
    };
    let text = toml::to_string(&manifest).expect("a document");
    let again: Manifest = toml::from_str(&text).expect("a document");
    assert_eq!(again.policy, manifest.policy);
    let rules = Rules::from(again.policy);
    assert_eq!(rules.name, "development");
}

#[test]
fn mutated_policies_never_panic() {
    let mut bytes = TEXT.as_bytes().to_vec();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..3_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (state >> 33) as usize % bytes.len();
        let before = bytes[at];
        bytes[at] = (state >> 56) as u8;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = read(text);
        }
        if state & 7 != 0 {
            bytes[at] = before;
        }
        if state.is_multiple_of(64) {
            bytes = TEXT.as_bytes().to_vec();
        }
    }
}
