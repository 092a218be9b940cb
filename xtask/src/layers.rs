//! The table of layers: which crate may import which. Imports go only downward.
//!
//! Dependencies of tests may look upward, because they are in nobody's product.

use crate::finding::Finding;
use crate::workspace::Package;

/// A crate, its layer, and the crates that it may import.
struct Layer {
    crate_name: &'static str,
    level: u8,
    may_import: May,
}

/// What a crate may import.
enum May {
    /// These.
    Only(&'static [&'static str]),
    /// Every crate of a lower layer but these: what wires the others together.
    AllBelowBut(&'static [&'static str]),
}

impl Layer {
    fn may_import(&self, name: &str) -> bool {
        match self.may_import {
            May::Only(names) => names.contains(&name),
            May::AllBelowBut(names) => {
                let is_below = find(name).is_some_and(|imported| imported.level < self.level);
                is_below && !names.contains(&name)
            }
        }
    }
}

const fn layer(level: u8, crate_name: &'static str, names: &'static [&'static str]) -> Layer {
    Layer {
        crate_name,
        level,
        may_import: May::Only(names),
    }
}

const fn wiring(level: u8, crate_name: &'static str, names: &'static [&'static str]) -> Layer {
    Layer {
        crate_name,
        level,
        may_import: May::AllBelowBut(names),
    }
}

/// Only the simulator switches known faults on, and nothing but a tool makes components.
const NOT_WIRED: &[&str] = &["synod-mutation", "synod-componentize"];

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
        &[
            "synod-crypto",
            "synod-kv",
            "synod-ledger",
            "synod-attestation",
        ],
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
        "synod-component",
        &["synod-crypto", "synod-governance", "synod-kv"],
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
            "synod-component",
            "synod-replica",
        ],
    ),
    wiring(6, "synod-node", NOT_WIRED),
    wiring(7, "synod-testbed", &["synod-mutation"]),
    wiring(7, "synod-sim", &["synod-node", "synod-componentize"]),
    wiring(8, "synod-cli", &["synod-mutation", "synod-sim"]),
    layer(8, "xtask", &["synod-componentize"]),
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
            if !layer.may_import(imported) {
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
        let (May::Only(names) | May::AllBelowBut(names)) = layer.may_import;
        for name in names {
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
