//! Which attester makes a process's evidence.

use synod_attestation::Tee;

/// Who makes a process's evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttesterChoice {
    /// A simulated TEE of this kind: real formats, published roots.
    Simulated(Tee),
    /// This machine's TEE: of this kind, or the strongest that is found.
    Hardware(Option<Tee>),
}

impl AttesterChoice {
    /// The kind of TEE, where it is named.
    pub fn tee(self) -> Option<Tee> {
        match self {
            Self::Simulated(tee) => Some(tee),
            Self::Hardware(tee) => tee,
        }
    }
}
