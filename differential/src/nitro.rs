//! Nitro: ours, and `nsm-nitro-enclave-utils`.

use std::{fs, path::Path};

use nsm_nitro_enclave_utils::{
    api::nsm::AttestationDoc, time::Time, verify::AttestationDocVerifierExt,
};
use synod_attestation::{
    Anchors, Endorsements, Evidence, Tee, VerifyError, anchors::VendorRoots, verify,
};

use crate::{
    Outcome,
    compare::variants,
    sets::{Loaded, Set},
};

/// The parts of a set.
pub fn load(folder: &Path) -> Loaded {
    Some((
        fs::read(folder.join("attestation_doc.cbor")).ok()?,
        Vec::new(),
    ))
}

/// The set in our types, if it is in form at all.
pub fn material(set: &Set) -> Option<(Evidence, Endorsements)> {
    let evidence = Evidence::new(Tee::Nitro, set.evidence.clone()).ok()?;
    Some((evidence, Endorsements::Nitro))
}

/// Ours.
pub fn ours(set: &Set) -> Outcome {
    let Some((evidence, endorsements)) = material(set) else {
        return Outcome::Refused("too long".to_owned());
    };
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    match verify(&evidence, &endorsements, &anchors, set.now_ms) {
        Ok(claims) => Outcome::Genuine(claims.measurement.to_string()),
        Err(VerifyError::Nitro(error)) => Outcome::Refused(variants(&error)),
        Err(error) => Outcome::Refused(variants(&error)),
    }
}

/// The other, given AWS's root as `root` (DER).
pub fn other(set: &Set, root: &[u8]) -> Outcome {
    let now_ms = set.now_ms;
    let time = Time::new(Box::new(move || now_ms));
    match AttestationDoc::from_cose(&set.evidence, root, time) {
        Ok(document) => {
            let image = document.pcrs.get(&0).map_or(&[][..], |pcr| pcr);
            Outcome::Genuine(image.iter().map(|b| format!("{b:02x}")).collect())
        }
        Err(error) => Outcome::Refused(format!("{:?}", error.kind())),
    }
}
