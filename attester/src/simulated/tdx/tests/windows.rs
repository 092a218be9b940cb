//! Until when checked collateral, and a verdict that rests on it, may be used:
//! until the first of its parts expires, whichever that is.

use synod_attestation::intel::{
    collateral::{CheckedCollateral, Window},
    pem::decode_chain,
};

use super::{chains::*, *};
use crate::simulated::intel::le32;

/// What each part is cut down to.
const SHORT: Window = Window {
    from_ms: NOW_MS,
    until_ms: NOW_MS + 1000,
};
const UNTIL_S: u64 = NOW_S + 1;

fn checked(case: &Case) -> CheckedCollateral {
    CheckedCollateral::check(&case.collateral, Tee::Tdx, simulated::INTEL_ROOT, NOW_MS)
        .expect("sound collateral")
}

fn shorten(profile: &mut Profile<'_>) {
    (profile.from_s, profile.until_s) = (NOW_S, UNTIL_S);
}

fn shorten_document(document: &mut Value) {
    document["issueDate"] = json!("2026-11-20T00:00:00Z");
    document["nextUpdate"] = json!("2026-11-20T00:00:01Z");
}

#[test]
fn window_is_that_of_the_part_that_is_valid_for_the_shortest_time() {
    let sound = checked(&Case::new()).window();
    assert!(sound.from_ms < SHORT.from_ms && sound.until_ms > SHORT.until_ms);
    let mut root_crl = Case::new();
    let root = root_crl.domain.platform.root().expect("an authority");
    root_crl.collateral.root_ca_crl = root.revoke(&[], NOW_S, UNTIL_S).expect("a list");
    let mut pck_crl = Case::new();
    let authority = pck_crl.domain.platform.platform_ca().expect("an authority");
    pck_crl.collateral.pck_crl = authority.revoke(&[], NOW_S, UNTIL_S).expect("a list");
    // The authority stands next to its list, and the PCK chain in the quote.
    let mut authority = Case::new();
    let chain = with_chain(|_| (), shorten).collateral.pck_certificate_chain;
    let chain = decode_chain(chain.expect("a chain").as_bytes()).expect("a chain");
    authority.collateral.pck_crl_issuer_chain =
        pem(&[&chain[1], simulated::INTEL_ROOT]).expect("a chain");
    for (part, case) in [
        ("TCB information", Case::with_tcb_info(shorten_document)),
        ("QE identity", Case::with_qe_identity(shorten_document)),
        ("its signer", with_signer(Chain::TcbInfo, shorten)),
        (
            "the other's signer",
            with_signer(Chain::QeIdentity, shorten),
        ),
        ("root list", root_crl),
        ("PCK list", pck_crl),
        ("authority of the list", authority),
        ("PCK", with_chain(shorten, |_| ())),
        ("authority of the PCK", with_chain(|_| (), shorten)),
    ] {
        // The list of the PCK is looked at when the PCK is known.
        assert_eq!(checked(&case).window(), SHORT, "{part}");
        assert_eq!(
            claims(&case).collateral_expires_ms,
            SHORT.until_ms,
            "{part}"
        );
    }
}

#[test]
fn claims_lapse_with_the_chain_in_the_quote_as_well() {
    let mut case = with_chain(shorten, |_| ());
    let chain = case.collateral.pck_certificate_chain.take();
    let chain = chain.expect("a chain");
    case.collateral.pck_crl_issuer_chain = Case::new().collateral.pck_crl_issuer_chain;
    case.quote.truncate(CHAIN);
    case.quote[CHAIN - 4..].copy_from_slice(&le32(chain.len()));
    case.quote.extend(chain.as_bytes());
    let length = case.quote.len();
    case.quote[QE_REPORT - 4..QE_REPORT].copy_from_slice(&le32(length - QE_REPORT));
    case.quote[SIGNATURE_LENGTH..SIGNATURE].copy_from_slice(&le32(length - SIGNATURE));
    assert!(checked(&case).window().until_ms > SHORT.until_ms);
    assert_eq!(claims(&case).collateral_expires_ms, SHORT.until_ms);
}

#[test]
fn collateral_is_as_old_as_its_oldest_part() {
    let early = json!("2026-11-10T00:00:00Z");
    let early_ms = NOW_MS - 10 * DAY_S * 1000;
    let info = Case::with_tcb_info(|info| info["issueDate"] = early.clone());
    let identity = Case::with_qe_identity(|identity| identity["issueDate"] = early);
    let mut list = Case::new();
    let authority = list.domain.platform.platform_ca().expect("an authority");
    let revoked = authority.revoke(&[], NOW_S - 10 * DAY_S, NOW_S + DAY_S);
    list.collateral.pck_crl = revoked.expect("a list");
    assert!(checked(&Case::new()).issued_ms() > early_ms);
    for case in [info, identity, list] {
        assert_eq!(checked(&case).issued_ms(), early_ms);
        let claims = case.outcome().expect("genuine evidence");
        assert_eq!(claims.endorsed_since_ms, Some(early_ms));
    }
}

#[test]
fn platform_is_behind_since_the_first_newer_level_that_any_part_of_it_misses() {
    // 2026-03-01.
    let missed_ms = NOW_MS - 264 * DAY_S * 1000;
    let levels = |document: &mut Value, svn: &str| {
        let met = document["tcbLevels"][0].clone();
        // Out of reach: one that is older than the level that is met, which
        // does not count, and two newer ones, of which the first does.
        for date in ["2019-01-01", "2026-05-01", "2026-03-01"] {
            let mut level = met.clone();
            level["tcb"][svn] = json!(99);
            level["tcbDate"] = json!(format!("{date}T00:00:00Z"));
            let levels = document["tcbLevels"].as_array_mut();
            levels.expect("levels").insert(0, level);
        }
    };
    assert_eq!(claims(&Case::new()).levels.missed_since_ms, None);
    let platform = Case::with_tcb_info(|info| levels(info, "pcesvn"));
    let module = Case::with_tcb_info(|info| {
        levels(&mut info["tdxModuleIdentities"][0], "isvsvn");
    });
    let enclave = Case::with_qe_identity(|identity| levels(identity, "isvsvn"));
    for (part, case) in [("platform", platform), ("module", module), ("QE", enclave)] {
        let missed = claims(&case).levels.missed_since_ms;
        assert_eq!(missed, Some(missed_ms), "{part}");
    }
}
