//! SEV-SNP: ours, and `sev`.

use std::{fs, path::Path};

use sev::{
    certs::snp::{Chain, Verifiable},
    firmware::guest::AttestationReport,
    parser::ByteParser,
};
use synod_attestation::{
    Anchors, Endorsements, Evidence, SnpEndorsements, Tee, VerifyError, anchors::VendorRoots,
    verify,
};

use crate::{
    Outcome,
    compare::variants,
    sets::{Loaded, Set},
};

/// The parts of a set.
pub fn load(folder: &Path) -> Loaded {
    let part = |name: &str| Some((name.to_owned(), fs::read(folder.join(name)).ok()?));
    let report = fs::read(folder.join("report.bin")).ok()?;
    Some((
        report,
        vec![part("vcek.der")?, part("ask.der")?, part("ark.der")?],
    ))
}

/// The set in our types, if it is in form at all.
pub fn material(set: &Set) -> Option<(Evidence, Endorsements)> {
    let evidence = Evidence::new(Tee::SevSnp, set.evidence.clone()).ok()?;
    let endorsements = Endorsements::Snp(SnpEndorsements {
        signer: set.part("vcek.der").to_vec(),
        intermediate: set.part("ask.der").to_vec(),
        root: set.part("ark.der").to_vec(),
        crl: None,
    });
    Some((evidence, endorsements))
}

/// Ours.
pub fn ours(set: &Set) -> Outcome {
    let Some((evidence, endorsements)) = material(set) else {
        return Outcome::Refused("too long".to_owned());
    };
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    match verify(&evidence, &endorsements, &anchors, set.now_ms) {
        Ok(claims) => Outcome::Genuine(claims.measurement.to_string()),
        Err(VerifyError::Snp(error)) => Outcome::Refused(variants(&error)),
        Err(error) => Outcome::Refused(variants(&error)),
    }
}

/// The other.
pub fn other(set: &Set) -> Outcome {
    let judge = || -> std::io::Result<String> {
        let report = AttestationReport::from_bytes(&set.evidence)?;
        let chain = Chain::from_der(
            set.part("ark.der"),
            set.part("ask.der"),
            set.part("vcek.der"),
        )?;
        (&chain, &report).verify()?;
        Ok(report
            .measurement
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect())
    };
    match judge() {
        Ok(claims) => Outcome::Genuine(claims),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}
