//! The JSON schema of policies says what the program reads, neither more nor
//! less.
#![allow(
    clippy::disallowed_methods,
    reason = "the schema is a file of the repository"
)]

use std::{fs, path::Path};

use serde_json::Value;
use synod_attestation::{
    Accepted, Policy, Tee,
    policy::{
        builtin::TEXTS,
        rules::{RequiredPart, Rules, snp::MinimumTcb},
        tier::TierEntry,
    },
};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/policy.schema.json");
    let text = fs::read_to_string(path).expect("the schema is there");
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// Follows `$ref`.
fn resolve<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    match node["$ref"].as_str() {
        None => node,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            root.pointer(pointer).expect("the reference has a target")
        }
    }
}

/// Where `value` breaks the schema, as far as the schema's words that occur in
/// it go: an unknown word is a fault of this test.
fn faults(root: &Value, node: &Value, value: &Value, path: &str) -> Vec<String> {
    let node = resolve(root, node);
    let mut found = Vec::new();
    for (word, rule) in node.as_object().expect("a schema is an object") {
        let fault = match word.as_str() {
            "type" => !is_of_type(value, rule.as_str().expect("a type")),
            "enum" => !rule.as_array().expect("a list").contains(value),
            "minimum" => value.as_i64() < rule.as_i64(),
            "maximum" => value.as_i64() > rule.as_i64(),
            "minLength" => value.as_str().map(|text| text.len() as u64) < rule.as_u64(),
            "maxLength" => value.as_str().map(|text| text.len() as u64) > rule.as_u64(),
            "maxItems" => value.as_array().map(|list| list.len() as u64) > rule.as_u64(),
            "uniqueItems" => repeats(value),
            "required" => {
                let names = rule.as_array().expect("a list");
                names
                    .iter()
                    .any(|name| value.get(name.as_str().expect("a name")).is_none())
            }
            "additionalProperties" => {
                assert_eq!(*rule, Value::Bool(false), "{path}");
                let known = &node["properties"];
                let mut names = value.as_object().expect("a table").keys();
                names.any(|name| known.get(name).is_none())
            }
            "properties" | "items" => {
                found.extend(inside(root, node, value, path));
                false
            }
            // Patterns are held against values by the policy's own reader.
            "pattern" | "description" | "default" | "title" | "$schema" | "$id" | "$defs" => false,
            other => panic!("this test does not know the word `{other}`"),
        };
        if fault {
            found.push(format!("{path}: {word} {rule}"));
        }
    }
    found
}

fn inside(root: &Value, node: &Value, value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(table) => table
            .iter()
            .filter_map(|(key, value)| {
                let node = node["properties"].get(key)?;
                Some(faults(root, node, value, &format!("{path}.{key}")))
            })
            .flatten()
            .collect(),
        Value::Array(list) => list
            .iter()
            .flat_map(|value| faults(root, &node["items"], value, &format!("{path}[]")))
            .collect(),
        _ => Vec::new(),
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("this test does not know the type `{other}`"),
    }
}

fn repeats(value: &Value) -> bool {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    (1..list.len()).any(|index| list[..index].contains(&list[index]))
}

fn keeps(policy: &Policy) -> Vec<String> {
    let schema = schema();
    let value = serde_json::to_value(policy.rules()).expect("rules are JSON");
    faults(&schema, &schema, &value, "policy")
}

/// A workload of each TEE with every value there is.
fn workloads() -> Vec<Accepted> {
    let digest = |length| Some("01".repeat(length));
    let of = |tee: Tee| Accepted {
        tee: tee.name().to_owned(),
        label: "all".to_owned(),
        part: Some("host".to_owned()),
        measurement: digest(if tee == Tee::Sgx { 32 } else { 48 }),
        ..Accepted::default()
    };
    vec![
        Accepted {
            mr_enclave: digest(32),
            mr_signer: digest(32),
            isv_prod_id: Some(1),
            isv_svn_min: Some(1),
            ..of(Tee::Sgx)
        },
        Accepted {
            mr_td: digest(48),
            rtmr0: digest(48),
            rtmr1: digest(48),
            rtmr2: digest(48),
            rtmr3: digest(48),
            mr_config_id: digest(48),
            mr_owner: digest(48),
            mr_seam: digest(48),
            ..of(Tee::Tdx)
        },
        Accepted {
            host_data: digest(32),
            id_key_digest: digest(48),
            author_key_digest: digest(48),
            family_id: digest(16),
            image_id: digest(16),
            guest_svn_min: Some(1),
            ..of(Tee::SevSnp)
        },
        Accepted {
            pcr0: digest(48),
            pcr1: digest(48),
            pcr2: digest(48),
            pcr3: digest(48),
            pcr4: digest(48),
            pcr8: digest(48),
            ..of(Tee::Nitro)
        },
    ]
}

/// A policy that writes every key there is.
fn full() -> Policy {
    let mut rules = Rules::from(Policy::baseline());
    rules.collateral_age_max_s = Some(60);
    rules.hardware_allow.push("amd-chip:01".to_owned());
    rules.hardware_deny.push("aws-module:i-1*".to_owned());
    rules.tier.push(TierEntry {
        vendor: "amd".to_owned(),
        product: "milan".to_owned(),
        tier: 3,
        reason: "to see the key".to_owned(),
    });
    rules.require_part.push(RequiredPart {
        name: "host".to_owned(),
        tee: "tdx".to_owned(),
    });
    rules.accept = workloads();
    let snp = rules.sev_snp.as_mut().expect("rules for SEV-SNP");
    let minimum = MinimumTcb {
        dated: Some("2026-02".to_owned()),
        advisory: Some("AMD-SB-1".to_owned()),
        ..MinimumTcb::default()
    };
    for minimums in [
        &mut snp.tcb_min,
        &mut snp.reported_tcb_min,
        &mut snp.committed_tcb_min,
        &mut snp.launch_tcb_min,
        &mut snp.current_tcb_min,
    ] {
        for product in ["milan", "genoa", "turin"] {
            minimums.insert(product.to_owned(), minimum.clone());
        }
    }
    snp.vmpl = Some(1);
    let advisories = Some(["INTEL-SA-1".to_owned()].into());
    let tdx = rules.tdx.as_mut().expect("rules for TDX");
    tdx.accepted_advisories.clone_from(&advisories);
    rules
        .sgx
        .as_mut()
        .expect("rules for SGX")
        .accepted_advisories = advisories;
    Policy::try_from(rules).expect("a policy")
}

#[test]
fn built_in_policies_keep_to_the_schema() {
    for (name, text) in TEXTS {
        let policy = Policy::from_toml(text).expect("a policy");
        assert_eq!(keeps(&policy), Vec::<String>::new(), "{name}");
        let written: Value = toml::from_str(text).expect("TOML");
        let schema = schema();
        assert_eq!(
            faults(&schema, &schema, &written, name),
            Vec::<String>::new()
        );
    }
}

/// Both directions: every key that is written stands in the schema, and every
/// key of the schema is written.
#[test]
fn schema_has_every_key_and_no_other() {
    let policy = full();
    assert_eq!(keeps(&policy), Vec::<String>::new());
    let schema = schema();
    let written = serde_json::to_value(policy.rules()).expect("rules are JSON");
    assert_eq!(
        unwritten(&schema, &schema, &[&written], "policy"),
        Vec::<String>::new()
    );
}

/// Keys of the schema that none of `values` has.
fn unwritten(root: &Value, node: &Value, values: &[&Value], path: &str) -> Vec<String> {
    let node = resolve(root, node);
    if node.get("items").is_some() {
        let entries: Vec<&Value> = values
            .iter()
            .filter_map(|v| v.as_array())
            .flatten()
            .collect();
        return unwritten(root, &node["items"], &entries, &format!("{path}[]"));
    }
    let Some(properties) = node["properties"].as_object() else {
        return Vec::new();
    };
    let mut missing = Vec::new();
    for (key, node) in properties {
        let path = format!("{path}.{key}");
        let below: Vec<&Value> = values.iter().filter_map(|value| value.get(key)).collect();
        if below.is_empty() {
            missing.push(path);
        } else {
            missing.extend(unwritten(root, node, &below, &path));
        }
    }
    missing
}

#[test]
fn unknown_keys_are_refused_by_schema_and_program_alike() {
    let text = full().to_toml();
    let tables = [
        "",
        "[[accept]]",
        "[[tier]]",
        "[[require_part]]",
        "[sev-snp]",
        "[sev-snp.tcb_min.genoa]",
        "[tdx]",
        "[sgx]",
        "[nitro]",
    ];
    let schema = schema();
    for table in tables {
        let with = if table.is_empty() {
            format!("surprise = 1\n{text}")
        } else {
            assert!(text.contains(table), "{table} in {text}");
            text.replacen(table, &format!("{table}\nsurprise = 1"), 1)
        };
        let value: Value = toml::from_str(&with).expect("TOML");
        assert!(
            !faults(&schema, &schema, &value, "policy").is_empty(),
            "{table}"
        );
        assert!(Policy::from_toml(&with).is_err(), "{table}");
    }
}

#[test]
fn defaults_of_the_schema_are_those_of_the_program() {
    let text = "name = \"x\"\nkind = \"production\"\n[sev-snp]\n[tdx]\n[sgx]\n[nitro]";
    let policy = Policy::from_toml(text).expect("a policy");
    let rules = serde_json::to_value(policy.rules()).expect("rules are JSON");
    let schema = schema();
    let mut compared = 0;
    for table in ["", "sev-snp", "tdx", "sgx", "nitro"] {
        let (node, values) = if table.is_empty() {
            (&schema, &rules)
        } else {
            (&schema["$defs"][table], &rules[table])
        };
        for (key, node) in node["properties"].as_object().expect("keys") {
            if let Some(default) = node.get("default") {
                let sorted = |value: &Value| {
                    let mut texts: Vec<String> = value
                        .as_array()
                        .map(|list| list.iter().map(Value::to_string).collect())
                        .unwrap_or_default();
                    texts.sort();
                    (texts, value.as_array().is_none().then(|| value.clone()))
                };
                assert_eq!(sorted(default), sorted(&values[key]), "{table}.{key}");
                compared += 1;
            }
        }
    }
    assert!(compared > 40, "{compared} defaults");
}
