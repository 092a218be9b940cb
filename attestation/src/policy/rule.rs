//! The rules that a policy can break, by their stable names.

use std::fmt;

use serde::{Serialize, Serializer};

/// A rule of a policy. Each refusal names the one that it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The policy accepts this kind of TEE.
    TeeAccepted,
    /// The evidence is not under a simulated root, where the policy wants
    /// hardware.
    NotSimulated,
    /// The evidence is genuine.
    Genuine,
    /// The evidence binds exactly the given statement, so its keys.
    Binding,
    /// The statement is meant for this network (or this genesis manifest).
    Context,
    /// The statement holds the nonce that was asked for.
    Nonce,
    /// The statement names the role that was asked for.
    Role,
    /// The workload is one of the accepted ones.
    Measurement,
    /// The host cannot look into the TEE.
    NotDebug,
    /// The evidence is not older than the policy allows.
    Age,
    /// AMD: the processor is of an accepted product.
    Product,
    /// The platform's firmware is recent enough.
    Tcb,
    /// AMD: the guest speaks from an accepted privilege level.
    Vmpl,
    /// The workload cannot be moved to another platform.
    NotMigratable,
    /// AMD: the firmware found no aliased memory.
    AliasCheck,
    /// AMD: the host cannot read ciphertext.
    CiphertextHiding,
    /// A revocation list was available.
    RevocationList,
    /// Intel: the host cannot fault the domain's pages silently.
    SeptVeDisable,
    /// Intel: no service domain is bound to this one.
    NoServiceTd,
    /// Intel: no advisory applies that the policy denies.
    Advisories,
    /// Intel: the collateral stems from a recent enough evaluation.
    EvaluationNumber,
    /// Intel: the host cannot profile the domain.
    NotProfiled,
    /// The vendor and product are of a high enough tier of trust.
    Tier,
    /// The very piece of hardware is one that the policy admits.
    Hardware,
    /// The vendor's statements are recent enough.
    CollateralAge,
    /// No bit is set whose meaning this program does not know.
    UnknownBits,
    /// The workload states a high enough security version.
    Svn,
    /// AMD: the firmware mends what the policy asks for.
    Mitigations,
    /// AMD: the firmware that runs is committed: the platform cannot go back.
    CommittedFirmware,
    /// No second thread runs on the cores.
    SmtOff,
    /// AMD: the guest stays on one socket.
    SingleSocket,
    /// AMD: the host cannot move the guest's pages.
    PageSwapDisable,
    /// AMD: the report is signed by an accepted kind of key.
    SigningKey,
    /// AMD: an accepted key signed the guest's id block.
    IdKey,
    /// AMD: an accepted key certified the id key.
    AuthorKey,
    /// An event log is there and matches the registers.
    EventLog,
    /// The evidence has the parts that the policy demands, and no others.
    Parts,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 37] = [
        Self::TeeAccepted,
        Self::NotSimulated,
        Self::Genuine,
        Self::Binding,
        Self::Context,
        Self::Nonce,
        Self::Role,
        Self::Measurement,
        Self::NotDebug,
        Self::Age,
        Self::Product,
        Self::Tcb,
        Self::Vmpl,
        Self::NotMigratable,
        Self::AliasCheck,
        Self::CiphertextHiding,
        Self::RevocationList,
        Self::SeptVeDisable,
        Self::NoServiceTd,
        Self::Advisories,
        Self::EvaluationNumber,
        Self::NotProfiled,
        Self::Tier,
        Self::Hardware,
        Self::CollateralAge,
        Self::UnknownBits,
        Self::Svn,
        Self::Mitigations,
        Self::CommittedFirmware,
        Self::SmtOff,
        Self::SingleSocket,
        Self::PageSwapDisable,
        Self::SigningKey,
        Self::IdKey,
        Self::AuthorKey,
        Self::EventLog,
        Self::Parts,
    ];

    /// The stable name of the rule.
    pub fn code(self) -> &'static str {
        match self {
            Self::TeeAccepted => "tee-accepted",
            Self::NotSimulated => "not-simulated",
            Self::Genuine => "genuine",
            Self::Binding => "binding",
            Self::Context => "context",
            Self::Nonce => "nonce",
            Self::Role => "role",
            Self::Measurement => "measurement",
            Self::NotDebug => "not-debug",
            Self::Age => "age",
            Self::Product => "product",
            Self::Tcb => "tcb",
            Self::Vmpl => "vmpl",
            Self::NotMigratable => "not-migratable",
            Self::AliasCheck => "alias-check",
            Self::CiphertextHiding => "ciphertext-hiding",
            Self::RevocationList => "revocation-list",
            Self::SeptVeDisable => "sept-ve-disable",
            Self::NoServiceTd => "no-service-td",
            Self::Advisories => "advisories",
            Self::EvaluationNumber => "evaluation-number",
            Self::NotProfiled => "not-profiled",
            Self::Tier => "tier",
            Self::Hardware => "hardware",
            Self::CollateralAge => "collateral-age",
            Self::UnknownBits => "unknown-bits",
            Self::Svn => "svn",
            Self::Mitigations => "mitigations",
            Self::CommittedFirmware => "committed-firmware",
            Self::SmtOff => "smt-off",
            Self::SingleSocket => "single-socket",
            Self::PageSwapDisable => "page-swap-disable",
            Self::SigningKey => "signing-key",
            Self::IdKey => "id-key",
            Self::AuthorKey => "author-key",
            Self::EventLog => "event-log",
            Self::Parts => "parts",
        }
    }

    /// What would mend a refusal by this rule.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TeeAccepted => "the policy must list this kind of TEE",
            Self::NotSimulated => {
                "simulated evidence is accepted by policies of kind `development` only"
            }
            Self::Genuine => {
                "the attester must send evidence and endorsements that belong together and are valid now"
            }
            Self::Binding => "the attester must make evidence for exactly these keys",
            Self::Context => "the evidence was made for another network; check the network id",
            Self::Nonce => "the evidence is stale or replayed; ask for fresh evidence",
            Self::Role => "the attester must state the role that it wants",
            Self::Measurement => "run the accepted build, or accept this measurement in the policy",
            Self::NotDebug => "launch the workload without debugging",
            Self::Age => "ask for fresh evidence, and check the clocks",
            Self::Product => "use a processor that the policy lists",
            Self::Tcb => "update the firmware of the platform",
            Self::Vmpl => "request the report from the guest's own privilege level",
            Self::NotMigratable => "launch the workload without migration",
            Self::AliasCheck => "update the firmware, and enable its memory alias check",
            Self::CiphertextHiding => "enable ciphertext hiding on the host",
            Self::RevocationList => "fetch the vendor's revocation list",
            Self::SeptVeDisable => "launch the domain with SEPT_VE_DISABLE",
            Self::NoServiceTd => "launch the domain without service domains",
            Self::Advisories => "mend what the advisory describes",
            Self::EvaluationNumber => "fetch newer collateral",
            Self::NotProfiled => "launch the domain without profiling (TD attributes, bits 1 to 7)",
            Self::Tier => {
                "use hardware of a higher tier, or state in a `[[tier]]` of the policy why this one deserves it"
            }
            Self::Hardware => "enrol the hardware in the policy, or use other hardware",
            Self::CollateralAge => "fetch the collateral again",
            Self::UnknownBits => "use a newer verifier that knows the bit, or allow unknown bits",
            Self::Svn => "run a newer build of the workload",
            Self::Mitigations => "update the firmware, and launch the workload again",
            Self::CommittedFirmware => "commit the firmware (SNP_COMMIT)",
            Self::SmtOff => "turn simultaneous multi-threading off in the firmware setup",
            Self::SingleSocket => "launch the guest with the policy bit SINGLE_SOCKET",
            Self::PageSwapDisable => "launch the guest with the policy bit PAGE_SWAP_DISABLE",
            Self::SigningKey => "ask the firmware for a report under the chip's own key (VCEK)",
            Self::IdKey => "launch the guest with an id block under an accepted key",
            Self::AuthorKey => "launch the guest with an id block under an accepted author key",
            Self::EventLog => "send the event log along with the quote",
            Self::Parts => "send exactly the parts that the policy declares",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
