//! What detection found: for people as text, for programs as JSON.

use std::fmt;

use serde::{Serialize, Serializer};
use synod_attestation::Tee;

use crate::detect::machine::Machine;

/// A road to evidence of real hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackEnd {
    /// Linux' configfs-tsm.
    ConfigfsTsm,
    /// `/dev/sev-guest`.
    SevGuest,
    /// `/dev/nsm`.
    Nsm,
    /// Gramine's files.
    Gramine,
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// The machine.
    pub machine: Machine,
    /// Each TEE that this program knows.
    pub tees: Vec<Finding>,
    /// The privilege level of this SEV-SNP guest, if the kernel tells it.
    pub vmpl: Option<u8>,
}

/// What was found of one TEE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    #[serde(serialize_with = "tee_name")]
    pub tee: Tee,
    /// The road that would be taken; `None`: this TEE is not available.
    pub by: Option<BackEnd>,
    /// What the processor and the kernel say of this TEE.
    pub prospect: String,
    /// Every road, the best first.
    pub roads: Vec<Road>,
    /// What would mend it, in order; empty if nothing has to be mended.
    pub mend: Vec<String>,
}

/// A road, and whether it can be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Road {
    /// Which.
    pub back_end: BackEnd,
    /// Where it begins.
    pub path: String,
    /// Whether it can be taken.
    pub state: State,
    /// Why, in words.
    pub why: String,
}

/// Whether a road can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It can.
    Ready,
    /// It is not there.
    Absent,
    /// It is there, and this process may not take it.
    Denied,
    /// It is there, and does not lead to this TEE.
    Elsewhere,
    /// It is there, and failed.
    Failed,
}

impl Detection {
    /// What was found of `tee`.
    pub fn of(&self, tee: Tee) -> Option<&Finding> {
        self.tees.iter().find(|finding| finding.tee == tee)
    }
}

impl Finding {
    /// Whether evidence of this TEE can be made here.
    pub fn is_available(&self) -> bool {
        self.by.is_some()
    }
}

impl BackEnd {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigfsTsm => "configfs-tsm",
            Self::SevGuest => "sev-guest",
            Self::Nsm => "nsm",
            Self::Gramine => "gramine",
        }
    }
}

impl fmt::Display for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        writeln!(f, "processor  {}", or_unknown(&machine.cpu_name))?;
        let kind = if machine.is_virtual {
            "virtual machine"
        } else {
            "no hypervisor seen"
        };
        writeln!(f, "machine    {} ({kind})", or_unknown(&machine.product))?;
        writeln!(f, "kernel     {}", or_unknown(&machine.kernel))?;
        for fact in &machine.facts {
            writeln!(f, "seen       {}: {}", fact.path, fact.meaning)?;
        }
        self.tees.iter().try_for_each(|finding| finding.fmt(f))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            Some(by) => writeln!(f, "\n{}: available, by {by}", self.tee)?,
            None => writeln!(f, "\n{}: not available", self.tee)?,
        }
        writeln!(f, "  {}", self.prospect)?;
        for road in &self.roads {
            writeln!(
                f,
                "  {:<13}{}: {}",
                road.back_end.name(),
                road.path,
                road.why
            )?;
        }
        for mend in &self.mend {
            writeln!(f, "  to mend      {mend}")?;
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn tee_name<S: Serializer>(tee: &Tee, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(tee.name())
}
