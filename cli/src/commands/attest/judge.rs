//! One judgement: the best that any of the endorsements available can bring.

use synod_attestation::{Appraisal, Binding, Endorsements, Evidence, Policy};

/// Judges with each of `candidates`, and gives the first appraisal that trusts, else the one that
/// got furthest.
pub(super) fn best(
    policy: &Policy,
    evidence: &Evidence,
    candidates: &[Endorsements],
    binding: Binding<'_>,
    at_ms: u64,
    against: &[Policy],
) -> Option<Appraisal> {
    let mut best: Option<Appraisal> = None;
    for endorsements in candidates {
        let appraisal = policy.explain(evidence, endorsements, binding, at_ms, against);
        if appraisal.is_trusted() {
            return Some(appraisal);
        }
        if best
            .as_ref()
            .is_none_or(|known| standing(&appraisal) > standing(known))
        {
            best = Some(appraisal);
        }
    }
    best
}

/// How far evidence got: genuine, or at least signed.
fn standing(appraisal: &Appraisal) -> (bool, bool) {
    let lead = appraisal.parts.first();
    (
        lead.is_some_and(|part| part.genuine),
        lead.is_some_and(|part| part.signatures_hold),
    )
}
