//! What two policies see otherwise, and which of them is stricter.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;
use serde_json::Value;

use crate::policy::document::Policy;

/// Which of two policies is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

/// A key that two policies answer otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyDifference {
    /// The key: `tdx.statuses`.
    pub path: String,
    /// What the first policy says, as JSON; `None`: nothing.
    pub first: Option<Value>,
    /// What the second policy says.
    pub second: Option<Value>,
    /// Which of them is stricter in this key, where that can be said.
    pub stricter: Option<Side>,
}

impl fmt::Display for KeyDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or_else(|| "not set".to_owned(), Value::to_string)
        };
        let (first, second) = (text(&self.first), text(&self.second));
        write!(f, "{}: {first} → {second}", self.path)?;
        match self.stricter {
            Some(Side::First) => f.write_str(" (laxer)"),
            Some(Side::Second) => f.write_str(" (stricter)"),
            None => Ok(()),
        }
    }
}

impl Policy {
    /// Every key that `a` and `b` answer otherwise, defaults included, in
    /// order.
    pub fn diff(a: &Policy, b: &Policy) -> Vec<KeyDifference> {
        let (first, second) = (keys(a), keys(b));
        let paths: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
        paths
            .into_iter()
            .filter(|path| first.get(*path) != second.get(*path))
            .map(|path| {
                let (first, second) = (first.get(path).cloned(), second.get(path).cloned());
                KeyDifference {
                    stricter: stricter(path, first.as_ref(), second.as_ref()),
                    path: path.clone(),
                    first,
                    second,
                }
            })
            .collect()
    }
}

/// The leaves of a policy: tables are entered, lists are not. A table of rules
/// for a TEE is a leaf as well, so that its absence shows.
fn keys(policy: &Policy) -> BTreeMap<String, Value> {
    let rules = serde_json::to_value(policy.rules()).expect("rules are plain data");
    let mut keys = BTreeMap::new();
    enter("", &rules, &mut keys);
    keys
}

fn enter(path: &str, value: &Value, keys: &mut BTreeMap<String, Value>) {
    let Value::Object(table) = value else {
        keys.insert(path.to_owned(), value.clone());
        return;
    };
    if TEES.contains(&path) {
        keys.insert(path.to_owned(), Value::from("accepted"));
    }
    for (key, value) in table {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        enter(&path, value, keys);
    }
}

/// Tables whose absence refuses a kind of TEE.
const TEES: [&str; 4] = ["sev-snp", "tdx", "sgx", "nitro"];

fn stricter(path: &str, first: Option<&Value>, second: Option<&Value>) -> Option<Side> {
    let key = path.rsplit('.').next().unwrap_or(path);
    let in_absent_tee = |value: Option<&Value>| value.is_none() && path.contains('.');
    if TEES.contains(&path) {
        return side(first.is_none(), second.is_none());
    }
    if is_minimum(path) {
        let number = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
        return side(
            number(first) > number(second),
            number(second) > number(first),
        );
    }
    if key == "collateral_age_max_s" {
        let bound = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(u64::MAX);
        return side(bound(first) < bound(second), bound(second) < bound(first));
    }
    // Only the table differs, which has an entry of its own.
    if in_absent_tee(first) || in_absent_tee(second) {
        return None;
    }
    by_name(key, first?, second?)
}

/// Which side is stricter by what the key's name promises.
fn by_name(key: &str, first: &Value, second: &Value) -> Option<Side> {
    if let (Some(a), Some(b)) = (first.as_u64(), second.as_u64()) {
        return match key {
            "verdict_lifetime_s" => side(a < b, b < a),
            _ if key.ends_with("_max") || key.ends_with("_max_s") || key.ends_with("_grace_s") => {
                side(a < b, b < a)
            }
            _ if key.ends_with("_min") => side(a > b, b > a),
            _ => None,
        };
    }
    if let (Some(a), Some(b)) = (first.as_bool(), second.as_bool()) {
        return if key.starts_with("require_") {
            side(a, b)
        } else {
            side(!a, !b)
        };
    }
    if let (Some(a), Some(b)) = (first.as_array(), second.as_array()) {
        return by_list(key, a, b);
    }
    match (key, first.as_str(), second.as_str()) {
        ("unknown" | "unknown_bits", Some(a), Some(b)) => side(a == "refuse", b == "refuse"),
        _ => None,
    }
}

fn by_list(key: &str, a: &[Value], b: &[Value]) -> Option<Side> {
    let within = |inner: &[Value], outer: &[Value]| inner.iter().all(|value| outer.contains(value));
    match key {
        // More entries refuse more.
        "denied_advisories"
        | "hardware_deny"
        | "launch_mitigations"
        | "current_mitigations"
        | "require_part" => side(within(b, a), within(a, b)),
        // Fewer entries refuse more.
        "statuses" | "products" | "accepted_advisories" | "accept" => {
            side(within(a, b), within(b, a))
        }
        // Likewise, but none at all refuses nothing.
        "hardware_allow" | "csp_ids" | "id_keys" | "author_keys" => match (a, b) {
            ([], _) => Some(Side::Second),
            (_, []) => Some(Side::First),
            _ => side(within(a, b), within(b, a)),
        },
        _ => None,
    }
}

/// A version in one of the minimum TCBs of AMD platforms.
fn is_minimum(path: &str) -> bool {
    let keys: Vec<_> = path.split('.').collect();
    matches!(keys.as_slice(), ["sev-snp", minimum, _, key]
        if minimum.ends_with("tcb_min") && !matches!(*key, "dated" | "advisory"))
}

fn side(first: bool, second: bool) -> Option<Side> {
    match (first, second) {
        (true, false) => Some(Side::First),
        (false, true) => Some(Side::Second),
        _ => None,
    }
}
