//! Tiers of trust: how much a vendor's keys in a product are worth.
//!
//! - 3: the hardware never leaves the vendor's own sites, and no break of its
//!   root of trust is published;
//! - 2: no software breaks the root of trust; somebody at the machine may
//!   (interposers on the memory bus: WireTap, Battering RAM, TEE.fail), which
//!   the vendor excludes from its promise;
//! - 1: software alone is said to break the root of trust, and nothing mends
//!   it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::claims::{Claims, Details};

/// A product, its tier and why, as a policy states it in place of the table
/// that is built in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierEntry {
    /// `amd`, `intel` or `aws`.
    pub vendor: String,
    /// `milan`, `genoa`, `turin`; `sgx`, `tdx`; `nitro`.
    pub product: String,
    /// 1 to 3; higher is better.
    pub tier: u8,
    /// Why.
    pub reason: String,
}

/// How much a product is trusted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier<'a> {
    /// 1 to 3; higher is better.
    pub tier: u8,
    /// Why.
    pub reason: Cow<'a, str>,
}

/// Every product with its vendor, tier and reason.
pub const BUILT_IN: [(&str, &str, u8, &str); 6] = [
    (
        "amd",
        "milan",
        1,
        "arXiv 2605.12990 claims that software alone extracts the seed of the VCEK, so reports of any TCB can be forged",
    ),
    ("amd", "genoa", 2, INTERPOSERS),
    ("amd", "turin", 2, INTERPOSERS),
    ("intel", "sgx", 2, INTERPOSERS),
    ("intel", "tdx", 2, INTERPOSERS),
    (
        "aws",
        "nitro",
        3,
        "the hardware stays on the vendor's sites; the vendor is its operator as well",
    ),
];

const INTERPOSERS: &str =
    "interposers on the memory bus are published, software that extracts the keys is not";

/// The vendor and the product that claims are about.
pub fn product(claims: &Claims) -> (&'static str, &'static str) {
    let product = match &claims.details {
        Details::Snp(snp) => snp.product.name(),
        _ => claims.tee.name(),
    };
    (claims.tee.vendor(), product)
}

/// Whether vendor and product are in the table.
pub(in crate::policy) fn is_known(vendor: &str, product: &str) -> bool {
    BUILT_IN
        .iter()
        .any(|(known, name, ..)| (*known, *name) == (vendor, product))
}

/// The tier of a product: as `entries` state it, else as it is built in.
pub(in crate::policy) fn find<'a>(
    entries: &'a [TierEntry],
    vendor: &str,
    product: &str,
) -> (Option<usize>, Tier<'a>) {
    let stated = entries
        .iter()
        .position(|entry| (entry.vendor.as_str(), entry.product.as_str()) == (vendor, product));
    if let Some(index) = stated {
        let entry = &entries[index];
        let reason = Cow::Borrowed(entry.reason.as_str());
        return (
            stated,
            Tier {
                tier: entry.tier,
                reason,
            },
        );
    }
    let built_in = BUILT_IN
        .iter()
        .find(|(known, name, ..)| (*known, *name) == (vendor, product));
    let (tier, reason) = built_in.map_or((1, "nothing is known of it"), |row| (row.2, row.3));
    let reason = Cow::Borrowed(reason);
    (None, Tier { tier, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{snp::product::Product, tee::Tee};

    #[test]
    fn every_product_has_a_tier_and_milan_is_below_genoa_and_turin() {
        let tier = |vendor: &str, product: &str| find(&[], vendor, product).1.tier;
        for product in Product::ALL {
            assert!(is_known("amd", product.name()));
        }
        for tee in Tee::ALL.into_iter().filter(|tee| *tee != Tee::SevSnp) {
            assert!(is_known(tee.vendor(), tee.name()));
        }
        assert!(tier("amd", "milan") < tier("amd", "genoa"));
        assert!(tier("amd", "milan") < tier("amd", "turin"));
        assert_eq!(tier("amd", "rome"), 1);
    }
}
