//! The table of layers: which crate may import which. Imports go only downward.
//!
//! Dependencies of tests may look upward, because they are in nobody's product.

use crate::finding::Finding;
use crate::workspace::Package;

/// A crate, its layer, and the crates that it may import.
struct Layer {
    crate_name: &'static str,
    level: u8,
    may_import: &'static [&'static str],
}

const fn layer(level: u8, crate_name: &'static str, may_import: &'static [&'static str]) -> Layer {
    Layer {
        crate_name,
        level,
        may_import,
    }
}

/// All crates, from the lowest layer up.
const LAYERS: &[Layer] = &[
    layer(0, "synod-mutation", &[]),
    layer(1, "synod-kv", &["synod-mutation"]),
    layer(1, "synod-consensus", &["synod-mutation"]),
    layer(1, "synod-crypto", &[]),
    layer(1, "synod-componentize", &[]),
    layer(2, "synod-attestation", &["synod-crypto"]),
    layer(2, "synod-ledger", &["synod-crypto", "synod-mutation"]),
    layer(
        3,
        "synod-governance",
        &[
            "synod-kv",
            "synod-attestation",
            "synod-crypto",
            "synod-mutation",
        ],
    ),
    layer(3, "synod-attester", &["synod-attestation", "synod-crypto"]),
    layer(3, "synod-endorser", &["synod-attestation", "synod-crypto"]),
    layer(3, "synod-channel", &["synod-attestation", "synod-crypto"]),
    layer(
        3,
        "synod-api",
        &["synod-kv", "synod-ledger", "synod-attestation"],
    ),
    layer(
        4,
        "synod-replica",
        &[
            "synod-kv",
            "synod-consensus",
            "synod-crypto",
            "synod-attestation",
            "synod-ledger",
            "synod-governance",
            "synod-mutation",
        ],
    ),
    layer(
        4,
        "synod-identity",
        &[
            "synod-attestation",
            "synod-attester",
            "synod-channel",
            "synod-crypto",
            "synod-endorser",
            "synod-governance",
            "synod-ledger",
        ],
    ),
    layer(
        4,
        "synod-client",
        &[
            "synod-api",
            "synod-channel",
            "synod-endorser",
            "synod-ledger",
            "synod-governance",
            "synod-attestation",
            "synod-crypto",
        ],
    ),
    layer(
        5,
        "synod-gateway",
        &["synod-api", "synod-replica", "synod-governance"],
    ),
    layer(
        5,
        "synod-runtime",
        &[
            "synod-crypto",
            "synod-kv",
            "synod-governance",
            "synod-replica",
        ],
    ),
    layer(6, "synod-node", ALL_BELOW_PROGRAMS),
    layer(7, "synod-testbed", PROGRAMS_TOO),
    layer(7, "synod-sim", ALL_BELOW_PROGRAMS),
    layer(8, "synod-cli", EVERYTHING),
    layer(8, "xtask", &["synod-componentize"]),
];

/// What the wiring of a program may import: everything below it.
const ALL_BELOW_PROGRAMS: &[&str] = &[
    "synod-mutation",
    "synod-kv",
    "synod-consensus",
    "synod-crypto",
    "synod-attestation",
    "synod-ledger",
    "synod-governance",
    "synod-attester",
    "synod-endorser",
    "synod-channel",
    "synod-api",
    "synod-replica",
    "synod-identity",
    "synod-client",
    "synod-gateway",
    "synod-runtime",
];

/// The one binary carries the programs as sub-commands, and a synod in memory for tests of apps.
const EVERYTHING: &[&str] = &[
    "synod-kv",
    "synod-consensus",
    "synod-crypto",
    "synod-attestation",
    "synod-ledger",
    "synod-governance",
    "synod-attester",
    "synod-endorser",
    "synod-channel",
    "synod-api",
    "synod-replica",
    "synod-identity",
    "synod-client",
    "synod-gateway",
    "synod-runtime",
    "synod-node",
    "synod-testbed",
    "synod-componentize",
];

/// A synod in one process is put together as the programs are.
const PROGRAMS_TOO: &[&str] = &[
    "synod-kv",
    "synod-consensus",
    "synod-crypto",
    "synod-attestation",
    "synod-ledger",
    "synod-governance",
    "synod-attester",
    "synod-endorser",
    "synod-channel",
    "synod-api",
    "synod-replica",
    "synod-identity",
    "synod-client",
    "synod-gateway",
    "synod-runtime",
    "synod-node",
    "synod-componentize",
];

/// Holds the packages against the table, and the table against itself.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = check_table();
    for package in packages {
        let Some(layer) = find(&package.name) else {
            let message = format!(
                "`{}` stands on no layer (xtask/src/layers.rs)",
                package.name
            );
            findings.push(Finding::of(&package.manifest, message));
            continue;
        };
        for imported in &package.imports {
            if !layer.may_import.contains(&imported.as_str()) {
                let message = format!("`{}` may not import `{imported}`", package.name);
                findings.push(Finding::of(&package.manifest, message));
            }
        }
    }
    for layer in LAYERS {
        if !packages
            .iter()
            .any(|package| package.name == layer.crate_name)
        {
            let message = format!(
                "`{}` is in the layer table, and does not exist",
                layer.crate_name
            );
            findings.push(Finding::of("xtask/src/layers.rs", message));
        }
    }
    findings
}

fn check_table() -> Vec<Finding> {
    let mut findings = Vec::new();
    for layer in LAYERS {
        for name in layer.may_import {
            if find(name).is_none_or(|imported| imported.level >= layer.level) {
                let message = format!("`{}` → `{name}` does not run downward", layer.crate_name);
                findings.push(Finding::of("xtask/src/layers.rs", message));
            }
        }
    }
    findings
}

fn find(name: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.crate_name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_of_the_table_runs_downward() {
        assert_eq!(check_table(), []);
    }
}
