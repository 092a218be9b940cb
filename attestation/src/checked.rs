//! Endorsements that were checked once, to verify many pieces of evidence with.
//!
//! Invariants:
//! - [`CheckedEndorsements`] are made by [`Endorsements::check`] alone, so
//!   holding them means that chains, lists and signatures hold up to a root;
//! - they say when they are valid, and verify nothing at another time.

use synod_crypto::Digest;

use crate::{
    anchors::Anchors, endorsements::Endorsements, error::VerifyError,
    intel::collateral::CheckedCollateral, snp::chain::CheckedChain, tee::Tee,
};

/// Endorsements that lead to a trusted root, for a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedEndorsements {
    tee: Tee,
    simulated: bool,
    anchors: Digest,
    inner: Inner,
}

/// What was checked, by vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inner {
    Snp(Box<CheckedChain>),
    Intel(Box<CheckedCollateral>),
    /// The trusted root: a document holds its own chain.
    Nitro(Digest),
}

impl Endorsements {
    /// Checks these as endorsements of evidence of `tee`, up to one of
    /// `anchors`, at `now_ms` (Unix milliseconds). Of composite endorsements
    /// each has to be checked by itself.
    ///
    /// # Errors
    /// When they do not fit the TEE, or a check of the vendor's family fails.
    pub fn check(
        &self,
        tee: Tee,
        anchors: &Anchors,
        now_ms: u64,
    ) -> Result<CheckedEndorsements, VerifyError> {
        let inner = match (self, tee) {
            (Self::Snp(snp), Tee::SevSnp) => {
                Inner::Snp(Box::new(CheckedChain::check(snp, anchors, now_ms)?))
            }
            (Self::Intel(collateral), Tee::Sgx | Tee::Tdx) => {
                let root = &anchors.roots().intel;
                let checked = CheckedCollateral::check(collateral, tee, root, now_ms)?;
                Inner::Intel(Box::new(checked))
            }
            (Self::Nitro, Tee::Nitro) => Inner::Nitro(anchors.roots().aws),
            _ => {
                return Err(VerifyError::Mismatch {
                    evidence: tee,
                    endorsements: self.vendor(),
                });
            }
        };
        Ok(CheckedEndorsements {
            tee,
            simulated: anchors.simulated(),
            anchors: anchors.digest(),
            inner,
        })
    }
}

impl CheckedEndorsements {
    /// The TEE whose evidence these verify.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// Whether they lead to a simulated root.
    pub fn simulated(&self) -> bool {
        self.simulated
    }

    /// The digest of the anchors that they were checked with.
    pub fn anchors(&self) -> Digest {
        self.anchors
    }

    /// The first and the last millisecond (Unix) at which they verify
    /// anything.
    pub fn window_ms(&self) -> (u64, u64) {
        match &self.inner {
            Inner::Snp(chain) => chain.window_ms(),
            Inner::Intel(collateral) => {
                let window = collateral.window();
                // The last second belongs to it.
                (window.from_ms, window.until_ms.saturating_add(999))
            }
            Inner::Nitro(_) => (0, u64::MAX),
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}
