//! Whether endorsements are for the platform that was asked about, and how
//! long they last. Whether they are genuine is `attestation`'s to say.

use synod_attestation::{
    Endorsements, IntelCollateral, SnpEndorsements, Tee, snp::product::Product,
};

use crate::{
    answer::{self, AnswerError},
    certificate::{Certificate, RevocationList, Validity},
    error::EndorserError,
    pem,
    platform::{AmdPlatform, Platform},
};

/// Checks that `endorsements` are for `platform`.
pub(crate) fn check(platform: &Platform, endorsements: &Endorsements) -> Result<(), EndorserError> {
    match (platform, endorsements) {
        (Platform::Intel(intel), Endorsements::Intel(collateral)) => {
            check_intel(intel.tee, Some(intel.fmspc), collateral)
        }
        (Platform::IntelUnnamed { tee, .. }, Endorsements::Intel(collateral)) => {
            check_intel(*tee, None, collateral)
        }
        (Platform::Amd(amd), Endorsements::Snp(snp)) => check_amd(amd, snp),
        (Platform::Nitro, Endorsements::Nitro) => Ok(()),
        (_, other) => Err(mismatch("vendor", vendor(platform), other.vendor())),
    }
}

fn vendor(platform: &Platform) -> &'static str {
    match platform {
        Platform::Intel(_) | Platform::IntelUnnamed { .. } => Tee::Tdx.vendor(),
        Platform::Amd(_) => Tee::SevSnp.vendor(),
        Platform::Nitro => Tee::Nitro.vendor(),
    }
}

fn check_intel(
    tee: Tee,
    fmspc: Option<[u8; 6]>,
    collateral: &IntelCollateral,
) -> Result<(), EndorserError> {
    for (what, text) in [
        ("TCB information", &collateral.tcb_info),
        ("identity of the quoting enclave", &collateral.qe_identity),
    ] {
        let stated = answer::stated(text).map_err(unreadable(what))?;
        if stated.tee != Some(tee) {
            let found = stated.tee.map_or("another TEE", Tee::name);
            return Err(mismatch(what, tee.name(), found));
        }
    }
    let stated = answer::stated(&collateral.tcb_info).map_err(unreadable("TCB information"))?;
    match fmspc {
        Some(asked) if stated.fmspc != Some(asked) => Err(mismatch(
            "FMSPC of the TCB information",
            hex::encode(asked),
            stated.fmspc.map_or_else(String::new, hex::encode),
        )),
        _ => Ok(()),
    }
}

fn check_amd(platform: &AmdPlatform, snp: &SnpEndorsements) -> Result<(), EndorserError> {
    let signer = Certificate::parse(&snp.signer)
        .ok_or(AnswerError::Certificate)
        .map_err(unreadable("VCEK or VLEK"))?;
    let product = signer.product();
    let Some(product) = product.filter(|found| platform.products.contains(found)) else {
        return Err(mismatch(
            "product of the VCEK or VLEK",
            format!("{:?}", platform.products),
            product.map_or("unknown", Product::name),
        ));
    };
    let asked = platform.tcb(product);
    match signer.tcb() {
        Some(found) if found == asked => {}
        found => {
            let found = found.map_or_else(String::new, |found| found.to_string());
            return Err(mismatch(
                "firmware of the VCEK or VLEK",
                asked.to_string(),
                found,
            ));
        }
    }
    match platform.hardware_id(product) {
        Some(asked) if signer.hardware_id() != Some(asked) => Err(mismatch(
            "chip of the VCEK",
            hex::encode(asked),
            signer.hardware_id().map_or_else(String::new, hex::encode),
        )),
        _ => Ok(()),
    }
}

/// When all parts of `endorsements` are valid, by their own account.
pub(crate) fn validity(endorsements: &Endorsements) -> Option<Validity> {
    match endorsements {
        Endorsements::Nitro => None,
        Endorsements::Composite(_) => endorsements
            .parts()
            .iter()
            .chain([endorsements.lead()])
            .filter_map(validity)
            .reduce(Validity::and),
        Endorsements::Snp(snp) => {
            let certificates = [&snp.signer, &snp.intermediate, &snp.root];
            let mut all = certificates
                .iter()
                .filter_map(|der| Some(Certificate::parse(der)?.validity()));
            let first = all.next()?;
            let list = snp.crl.as_ref().and_then(|der| RevocationList::parse(der));
            let lists = list.map(|list| list.validity());
            Some(all.chain(lists).fold(first, Validity::and))
        }
        Endorsements::Intel(collateral) => of_intel(collateral),
    }
}

fn of_intel(collateral: &IntelCollateral) -> Option<Validity> {
    let tcb_info = answer::stated(&collateral.tcb_info).ok()?.validity;
    let identity = answer::stated(&collateral.qe_identity).ok()?.validity;
    let lists = [&collateral.pck_crl, &collateral.root_ca_crl]
        .into_iter()
        .filter_map(|der| Some(RevocationList::parse(der)?.validity()));
    let certificates = [
        Some(&collateral.tcb_info_issuer_chain),
        Some(&collateral.qe_identity_issuer_chain),
        Some(&collateral.pck_crl_issuer_chain),
        collateral.pck_certificate_chain.as_ref(),
    ]
    .into_iter()
    .flatten()
    .filter_map(|chain| pem::certificates(chain.as_bytes()).ok())
    .flatten()
    .filter_map(|der| Some(Certificate::parse(&der)?.validity()));
    let all = lists.chain(certificates);
    Some(all.fold(tcb_info.and(identity), Validity::and))
}

fn unreadable(what: &'static str) -> impl Fn(AnswerError) -> EndorserError {
    move |problem| EndorserError::Unreadable { what, problem }
}

fn mismatch(
    what: &'static str,
    asked: impl Into<String>,
    found: impl Into<String>,
) -> EndorserError {
    EndorserError::Mismatch {
        what,
        asked: asked.into(),
        found: found.into(),
    }
}
