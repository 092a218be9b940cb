//! Whether endorsements are genuine, before anybody gets them: chains, lists
//! and signatures up to the roots, as `attestation` checks them.
//!
//! Evidence is not judged here. Whoever appraises it will find what is wrong
//! with it, and needs the endorsements for that.

use synod_attestation::{
    Anchors, Endorsements, Tee, VerifyError,
    intel::collateral::CheckedCollateral,
    snp::{
        chain::CheckedChain,
        error::{Link, SnpError},
    },
};

use crate::error::EndorserError;

/// Checks that `endorsements`, for evidence of `tee`, lead to `anchors` and are
/// valid at `now_ms`.
pub(crate) fn check(
    tee: Tee,
    endorsements: &Endorsements,
    anchors: &Anchors,
    now_ms: u64,
) -> Result<(), EndorserError> {
    let checked = match endorsements {
        Endorsements::Nitro => Ok(()),
        Endorsements::Snp(snp) => CheckedChain::check(snp, anchors, now_ms)
            .map(|_| ())
            .map_err(VerifyError::Snp),
        Endorsements::Intel(collateral) => {
            CheckedCollateral::check(collateral, tee, anchors.intel_root(), now_ms)
                .map(|_| ())
                .map_err(VerifyError::Intel)
        }
        Endorsements::Composite(_) => Err(VerifyError::Mismatch {
            evidence: tee,
            endorsements: endorsements.vendor(),
        }),
    };
    checked.map_err(|error| EndorserError::NotGenuine(Box::new(error)))
}

/// Whether AMD's revocation list itself is what fails. A list that revokes
/// does not fail: then a certificate does.
pub(crate) fn is_list(error: &EndorserError) -> bool {
    let EndorserError::NotGenuine(error) = error else {
        return false;
    };
    matches!(
        **error,
        VerifyError::Snp(SnpError::Certificate {
            link: Link::RevocationList,
            ..
        })
    )
}
