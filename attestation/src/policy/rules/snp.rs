//! The rules for AMD SEV-SNP, as they are written.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    policy::choice::UnknownBits,
    snp::product::{Product, TcbVersion},
};

/// Rules for AMD SEV-SNP.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the policy's text"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnpRules {
    /// Accepted processors: `milan`, `genoa`, `turin`. By default all of them,
    /// so that their tier of trust decides.
    pub products: BTreeSet<String>,
    /// Lowest accepted firmware, by product, for all four versions that a
    /// report names: reported, committed, launch and current.
    pub tcb_min: BTreeMap<String, MinimumTcb>,
    /// Lowest firmware that the signing key may be derived from.
    pub reported_tcb_min: BTreeMap<String, MinimumTcb>,
    /// Lowest firmware that the platform may be able to go back to.
    pub committed_tcb_min: BTreeMap<String, MinimumTcb>,
    /// Lowest firmware that the guest may have been launched on.
    pub launch_tcb_min: BTreeMap<String, MinimumTcb>,
    /// Lowest firmware that may run now.
    pub current_tcb_min: BTreeMap<String, MinimumTcb>,
    /// Refuse a platform that can go back to older firmware than it runs.
    pub require_committed_firmware: bool,
    /// Least privileged level (`VMPL`) that may speak for the guest.
    pub vmpl_max: u32,
    /// The one level that may speak for the guest, where it must not be a more
    /// privileged one either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmpl: Option<u32>,
    /// Lowest security version of the guest.
    pub guest_svn_min: u32,
    /// Bits of the mitigation vector that must be set at launch.
    pub launch_mitigations: BTreeSet<u8>,
    /// Bits of the mitigation vector that must be set now.
    pub current_mitigations: BTreeSet<u8>,
    /// Require the firmware's check for aliased memory (`BadRAM`).
    pub require_alias_check: bool,
    /// Require that the host cannot read ciphertext.
    pub require_ciphertext_hiding: bool,
    /// Require that simultaneous multi-threading is off.
    pub require_smt_off: bool,
    /// Require that the guest stays on one socket.
    pub require_single_socket: bool,
    /// Require that the host cannot move the guest's pages.
    pub require_page_swap_disable: bool,
    /// Require a revocation list among the endorsements.
    pub require_revocation_list: bool,
    /// Accept reports under a key of a provider's fleet (VLEK), which does not
    /// name the chip.
    pub allow_vlek: bool,
    /// Providers whose fleet keys are accepted; empty: any.
    pub csp_ids: BTreeSet<String>,
    /// Keys (SHA-384, hexadecimal), one of which must have signed the guest's
    /// id block; empty: no id block is needed.
    pub id_keys: BTreeSet<String>,
    /// Keys (SHA-384, hexadecimal), one of which must have certified the id
    /// key; empty: none is needed.
    pub author_keys: BTreeSet<String>,
    /// What is made of bits of the platform's information and the guest's
    /// policy that this program does not know. Turin sets one.
    pub unknown_bits: UnknownBits,
    /// Accept guests that the host may look into.
    pub dangerous_allow_debug: bool,
    /// Accept guests that a migration agent may move.
    pub dangerous_allow_migration: bool,
}

impl Default for SnpRules {
    fn default() -> Self {
        Self {
            products: Product::ALL.map(|product| product.name().to_owned()).into(),
            tcb_min: BTreeMap::new(),
            reported_tcb_min: BTreeMap::new(),
            committed_tcb_min: BTreeMap::new(),
            launch_tcb_min: BTreeMap::new(),
            current_tcb_min: BTreeMap::new(),
            require_committed_firmware: false,
            vmpl_max: 0,
            vmpl: None,
            guest_svn_min: 0,
            launch_mitigations: BTreeSet::new(),
            current_mitigations: BTreeSet::new(),
            require_alias_check: true,
            require_ciphertext_hiding: false,
            require_smt_off: false,
            require_single_socket: false,
            require_page_swap_disable: false,
            require_revocation_list: false,
            allow_vlek: true,
            csp_ids: BTreeSet::new(),
            id_keys: BTreeSet::new(),
            author_keys: BTreeSet::new(),
            unknown_bits: UnknownBits::Allow,
            dangerous_allow_debug: false,
            dangerous_allow_migration: false,
        }
    }
}

impl SnpRules {
    /// The five tables of minimum TCBs, by their keys.
    pub fn minimums(&self) -> [(&'static str, &BTreeMap<String, MinimumTcb>); 5] {
        [
            ("tcb_min", &self.tcb_min),
            ("reported_tcb_min", &self.reported_tcb_min),
            ("committed_tcb_min", &self.committed_tcb_min),
            ("launch_tcb_min", &self.launch_tcb_min),
            ("current_tcb_min", &self.current_tcb_min),
        ]
    }
}

/// The minimum TCB: the oldest firmware that is accepted on an AMD platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MinimumTcb {
    /// First mutable code (Turin only).
    pub fmc: u8,
    /// Boot loader of the secure processor.
    pub bootloader: u8,
    /// Operating system of the secure processor.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Microcode patch level.
    pub microcode: u8,
    /// When this firmware came out (`2026-02`), for messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dated: Option<String>,
    /// What it mends (`AMD-SB-3019`), for messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}

impl MinimumTcb {
    /// The minimum TCB as a version.
    pub fn version(&self) -> TcbVersion {
        TcbVersion {
            fmc: self.fmc,
            bootloader: self.bootloader,
            tee: self.tee,
            snp: self.snp,
            microcode: self.microcode,
        }
    }

    /// For each component that is too old, one sentence.
    pub fn behind(&self, found: TcbVersion) -> Vec<String> {
        let components = [
            ("fmc", self.fmc, found.fmc),
            ("bootloader", self.bootloader, found.bootloader),
            ("tee", self.tee, found.tee),
            ("snp", self.snp, found.snp),
            ("microcode", self.microcode, found.microcode),
        ];
        let source = self.source();
        components
            .into_iter()
            .filter(|(_, need, have)| have < need)
            .map(|(name, need, have)| {
                format!("{name} {need:#x}{source} needed; you have {have:#x}")
            })
            .collect()
    }

    fn source(&self) -> String {
        let dated = self.dated.as_ref().map(|dated| format!(" of {dated}"));
        let advisory = self.advisory.as_ref().map(|name| format!(" ({name})"));
        dated.into_iter().chain(advisory).collect()
    }
}
