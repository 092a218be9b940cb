//! Quotes of version 5 and of enclaves, made with the keys of a domain.

use synod_attestation::{
    intel::collateral::{CheckedCollateral, Window},
    sgx::claims::SgxClaims,
};

use super::*;
use crate::simulated::intel::{le32, wrapped};

const TD_1_0: u16 = 2;
const TD_1_5: u16 = 3;
const TD_1_5_EX: u16 = 4;
const ENCLAVE: u16 = 1;
/// What the extended form of TDX 1.5 adds, in bytes.
const EXTENSION_BYTES: usize = 237;

/// A quote of version 5 over this body.
fn version_5(case: &Case, tee_type: u8, body_type: u16, body: &[u8]) -> Vec<u8> {
    let mut quote = header(5, tee_type);
    quote.extend(body_type.to_le_bytes());
    quote.extend(le32(body.len()));
    quote.extend(body);
    let certified = certified(case);
    sign(case, quote, &certified)
}

/// A quote of version 3 over this enclave's report.
fn version_3(case: &Case, body: &[u8]) -> Vec<u8> {
    let mut quote = header(3, 0);
    quote.extend(body);
    // In version 3 nothing stands around the certification of the key.
    let certified = certified(case).split_off(6);
    sign(case, quote, &certified)
}

fn header(version: u8, tee_type: u8) -> Vec<u8> {
    let mut header = vec![version, 0, 2, 0, tee_type, 0, 0, 0, 0, 0, 0, 0];
    header.extend(INTEL_QE_VENDOR);
    header.extend([0; 20]);
    header
}

fn certified(case: &Case) -> Vec<u8> {
    let key = &case.domain.platform.attestation_key.public_sec1()[1..];
    let chain = Case::new().pck_chain().concat();
    wrapped(&case.domain.platform.certify(key, TD_QE, &chain))
}

fn sign(case: &Case, mut quote: Vec<u8>, certified: &[u8]) -> Vec<u8> {
    let key = &case.domain.platform.attestation_key;
    let signature = key.sign(&quote);
    let public = &key.public_sec1()[1..];
    quote.extend(le32(signature.len() + public.len() + certified.len()));
    quote.extend(signature);
    quote.extend(public);
    quote.extend(certified);
    quote
}

/// Sound evidence of a domain in version 5: launched with one set of security
/// versions, now at another.
fn domain_of_1_5(launch: [u8; 2], current: [u8; 2]) -> Case {
    let mut case = Case::new();
    let mut body = case.quote[BODY..BODY + 584].to_vec();
    body[..2].copy_from_slice(&launch);
    let mut svn2 = TEE_TCB_CURRENT;
    svn2[..2].copy_from_slice(&current);
    body.extend(svn2);
    body.extend([0; 48]);
    case.quote = version_5(&case, 0x81, TD_1_5, &body);
    case
}

/// The same with other TCB information.
fn with_info(mut case: Case, change: impl FnOnce(&mut Value)) -> Case {
    let other = Case::with_tcb_info(change).collateral;
    case.collateral.tcb_info = other.tcb_info;
    case.collateral.tcb_info_signature = other.tcb_info_signature;
    case
}

#[test]
fn each_body_of_a_domain_is_read() {
    let mut case = Case::new();
    let mut body = case.quote[BODY..BODY + 584].to_vec();
    case.quote = version_5(&case, 0x81, TD_1_0, &body);
    let of_1_0 = claims(&case);
    assert_eq!((of_1_0.version, of_1_0.tee_tcb_svn2), (5, None));
    body.extend(TEE_TCB_CURRENT);
    body.extend([0x51; 48]);
    case.quote = version_5(&case, 0x81, TD_1_5, &body);
    let of_1_5 = claims(&case);
    assert_eq!(of_1_5.tee_tcb_svn2, Some(TEE_TCB_CURRENT));
    assert_eq!(of_1_5.mr_service_td, Some([0x51; 48]));
    assert_eq!(of_1_5.extension, None);
    body.extend((0..EXTENSION_BYTES).map(|at| at as u8));
    assert_eq!(body.len(), 885);
    case.quote = version_5(&case, 0x81, TD_1_5_EX, &body);
    let extended = claims(&case).extension.expect("an extension");
    assert_eq!(extended.vm_id, 0);
    assert_eq!((extended.td_id[0], extended.td_id[31]), (1, 32));
    assert_eq!(extended.device_info[0], 33);
    assert_eq!(extended.init_service_td_hash[0], 81);
    assert_eq!(extended.init_service_td_attributes & 0xff, 129);
    assert_eq!(extended.init_cpu_svn[0], 137);
    assert_eq!(extended.init_tee_tcb_svn[0], 153);
    assert_eq!(extended.init_fmspc[0], 169);
    assert_eq!(extended.service_td_hash[0], 181);
    assert_eq!(extended.service_td_attributes & 0xff, 229);
}

#[test]
fn each_byte_of_a_longer_body_is_signed() {
    let mut body = Case::new().quote[BODY..BODY + 584].to_vec();
    body.extend(TEE_TCB_CURRENT);
    body.extend([0; 48 + EXTENSION_BYTES]);
    for at in [48, 50, 54, 54 + 584, 54 + 600, 54 + 648, 54 + 884] {
        let mut case = Case::new();
        case.quote = version_5(&case, 0x81, TD_1_5_EX, &body);
        assert!(case.outcome().is_ok());
        case.quote[at] ^= 0x40;
        assert!(case.outcome().is_err(), "{at}");
    }
}

#[test]
fn domain_that_only_was_launched_on_old_firmware_should_be_launched_again() {
    let (new, old) = ([8, 1], [4, 1]);
    assert_eq!(status(&domain_of_1_5(new, new)), TcbStatus::UpToDate);
    assert_eq!(status(&domain_of_1_5(old, old)), TcbStatus::OutOfDate);
    let advised = domain_of_1_5(old, new);
    assert_eq!(status(&advised), TcbStatus::TdRelaunchAdvised);
    assert_eq!(claims(&advised).levels.current, Some(TcbStatus::UpToDate));
    // What was launched on the new firmware runs on it.
    assert_eq!(status(&domain_of_1_5(new, old)), TcbStatus::UpToDate);
    let configured = with_info(domain_of_1_5(old, new), |info| {
        info["tcbLevels"][0]["tcbStatus"] = json!("ConfigurationNeeded");
    });
    assert_eq!(
        status(&configured),
        TcbStatus::TdRelaunchAdvisedConfigurationNeeded
    );
}

#[test]
fn firmware_of_now_must_meet_a_level_too() {
    let error = domain_of_1_5([8, 1], [1, 1]).error();
    assert!(error.signatures_hold());
    let below = matches!(
        error,
        IntelError::NoTcbLevel {
            part: Part::Module,
            ..
        }
    );
    assert!(below, "{error}");
    let without = with_info(domain_of_1_5([8, 1], [8, 2]), |_| ());
    without.is_refused(IntelError::ModuleUnknown(2));
    // Component 2 is too old for the platform's level, but only now.
    let mut case = domain_of_1_5([8, 1], [8, 1]);
    let mut body = case.quote[54..54 + 648].to_vec();
    body[584 + 2] = 7;
    case.quote = version_5(&case, 0x81, TD_1_5, &body);
    let error = case.error();
    let now = matches!(
        error,
        IntelError::NoTcbLevel {
            part: Part::CurrentPlatform,
            ..
        }
    );
    assert!(now, "{error}");
    let revoked = with_info(domain_of_1_5([8, 1], [4, 1]), |info| {
        info["tdxModuleIdentities"][0]["tcbLevels"][1]["tcbStatus"] = json!("Revoked");
    });
    revoked.is_refused(IntelError::Revoked(Part::CurrentPlatform));
}

/// The report of an enclave, each field of which tells itself from the others.
fn enclave() -> Vec<u8> {
    let mut report = vec![0; 384];
    for (at, field) in [
        (0, &[1; 16][..]),
        (16, &[2, 0, 0, 0]),
        (32, &[3; 16]),
        (48, &[0x85, 0, 0, 0, 0, 0, 0, 0, 0xe7]),
        (64, &[0x4d; 32]),
        (128, &[5; 32]),
        (192, &[6; 64]),
        (256, &[7, 0, 8, 0, 9, 0]),
        (304, &[10; 16]),
        (320, &[0x5a; 64]),
    ] {
        report[at..at + field.len()].copy_from_slice(field);
    }
    report
}

/// Sound collateral for enclaves, and a quote of one.
fn enclave_case(report: &[u8]) -> Case {
    let mut case = Case::with_tcb_info(|info| info["id"] = json!("SGX"));
    let of_qe = Case::with_qe_identity(|identity| identity["id"] = json!("QE"));
    case.collateral.qe_identity = of_qe.collateral.qe_identity;
    case.collateral.qe_identity_signature = of_qe.collateral.qe_identity_signature;
    case.quote = version_3(&case, report);
    case
}

fn verify_enclave(case: &Case) -> Result<Claims, VerifyError> {
    let evidence = Evidence::detect(case.quote.clone()).expect("a quote");
    assert_eq!(evidence.tee(), Tee::Sgx);
    let endorsements = Endorsements::Intel(Box::new(case.collateral.clone()));
    let anchors = Anchors::Simulated(MockRoots::published());
    verify(&evidence, &endorsements, &anchors, case.now_ms)
}

fn enclave_claims(case: &Case) -> Box<SgxClaims> {
    match verify_enclave(case).expect("genuine evidence").details {
        Details::Sgx(sgx) => sgx,
        other => panic!("expected the claims of an enclave, found {other:?}"),
    }
}

#[test]
fn enclave_is_genuine_and_its_claims_are_those_of_the_quote() {
    let mut case = enclave_case(&enclave());
    for version in [3, 5] {
        if version == 5 {
            case.quote = version_5(&case, 0, ENCLAVE, &enclave());
        }
        let claims = verify_enclave(&case).expect("genuine evidence");
        assert_eq!(claims.measurement.as_bytes(), [0x4d; 32]);
        assert_eq!(claims.report_data, Some([0x5a; 64].into()));
        assert!(!claims.debug);
        let sgx = enclave_claims(&case);
        assert_eq!((sgx.version, sgx.status), (version, TcbStatus::UpToDate));
        let report = &sgx.report;
        assert_eq!(report.cpu_svn, [1; 16]);
        assert_eq!(report.misc_select, 2);
        assert_eq!(report.isv_ext_prod_id, [3; 16]);
        assert!(report.attributes.key_separation() && !report.attributes.provision_key());
        assert_eq!(report.mr_signer, [5; 32]);
        assert_eq!(report.config_id, [6; 64]);
        let numbers = (report.isv_prod_id, report.isv_svn, report.config_svn);
        assert_eq!(numbers, (7, 8, 9));
        assert_eq!(report.isv_family_id, [10; 16]);
    }
}

#[test]
fn debugged_enclave_is_genuine_and_says_so() {
    let mut report = enclave();
    report[48] |= 2;
    let claims = verify_enclave(&enclave_case(&report)).expect("genuine evidence");
    assert!(claims.debug);
}

#[test]
fn enclave_with_reserved_bytes_is_refused_although_all_signatures_hold() {
    for at in [20, 31, 96, 127, 160, 191, 262, 303] {
        let mut report = enclave();
        report[at] = 1;
        assert_eq!(
            verify_enclave(&enclave_case(&report)),
            Err(VerifyError::Intel(IntelError::Reserved)),
            "{at}"
        );
    }
    assert!(IntelError::Reserved.signatures_hold());
}

#[test]
fn enclaves_quote_is_refused_when_a_signed_byte_is_changed_or_it_is_cut() {
    for at in [30, 48, 48 + 48, 48 + 64, 48 + 128, 48 + 256, 48 + 383] {
        let mut case = enclave_case(&enclave());
        case.quote[at] ^= 1;
        assert_eq!(
            verify_enclave(&case),
            Err(VerifyError::Intel(IntelError::QuoteSignature)),
            "{at}"
        );
    }
    let whole = enclave_case(&enclave()).quote;
    for length in 0..whole.len() {
        let error = Quote::parse(&whole[..length]).expect_err("a cut quote");
        assert!(
            matches!(error, IntelError::Truncated(_)),
            "{length}: {error}"
        );
    }
}

#[test]
fn enclave_and_domain_are_not_mistaken_for_each_other() {
    // Collateral for domains, a quote of an enclave, and the other way round.
    let mut enclave = enclave_case(&enclave());
    let of_domain = Case::new();
    let wrong = IntelError::TcbInfo(DocumentError::Id("TDX".to_owned()));
    let swapped = std::mem::replace(&mut enclave.collateral, of_domain.collateral.clone());
    assert_eq!(verify_enclave(&enclave), Err(VerifyError::Intel(wrong)));
    let mut domain = of_domain;
    domain.collateral = swapped;
    domain.is_refused(IntelError::TcbInfo(DocumentError::Id("SGX".to_owned())));
    // Collateral that was checked for the one is no use for the other.
    let sound = Case::new().collateral;
    let root = simulated::INTEL_ROOT;
    let checked = CheckedCollateral::check(&sound, Tee::Tdx, root, NOW_MS).expect("sound");
    assert_eq!(
        synod_attestation::intel::verify::verify_quote(&enclave.quote, &checked, NOW_MS),
        Err(IntelError::WrongTee {
            expected: Tee::Tdx,
            found: Tee::Sgx,
        })
    );
}

#[test]
fn checked_collateral_serves_many_quotes_and_no_longer_than_it_is_valid() {
    use synod_attestation::intel::verify::verify_quote;
    let first = Case::new();
    let root = simulated::INTEL_ROOT;
    let checked =
        CheckedCollateral::check(&first.collateral, Tee::Tdx, root, NOW_MS).expect("sound");
    let (second, _) = first.domain.collect(&[0x77; 64], NOW_MS).expect("evidence");
    for quote in [&first.quote, &second] {
        assert!(verify_quote(quote, &checked, NOW_MS).is_ok());
    }
    let Window { from_ms, until_ms } = checked.window();
    assert!(verify_quote(&second, &checked, from_ms).is_ok());
    assert!(verify_quote(&second, &checked, until_ms + 999).is_ok());
    for now_ms in [from_ms - 1, until_ms + 1000] {
        assert_eq!(
            verify_quote(&second, &checked, now_ms),
            Err(IntelError::CollateralTime {
                from_ms,
                until_ms,
                now_ms,
            })
        );
    }
}

#[test]
fn identity_of_the_enclaves_quoting_enclave_has_one_version() {
    let mut case = enclave_case(&enclave());
    let of_qe = Case::with_qe_identity(|identity| {
        identity["id"] = json!("QE");
        identity["version"] = json!(3);
    });
    case.collateral.qe_identity = of_qe.collateral.qe_identity;
    case.collateral.qe_identity_signature = of_qe.collateral.qe_identity_signature;
    let wrong = IntelError::QeIdentity(DocumentError::Version(3));
    assert_eq!(verify_enclave(&case), Err(VerifyError::Intel(wrong)));
}

#[test]
fn module_with_attributes_that_the_mask_leaves_out_is_refused() {
    const SEAM_ATTRIBUTES: usize = 112;
    let mut case = Case::new();
    let mut body = case.quote[BODY..BODY + 584].to_vec();
    body[SEAM_ATTRIBUTES] = 2;
    case.quote = version_5(&case, 0x81, TD_1_0, &body);
    let masked = with_info(case, |info| {
        info["tdxModuleIdentities"][0]["attributesMask"] = json!("0100000000000000");
    });
    masked.is_refused(IntelError::ModuleAttributes {
        found: 2,
        expected: 0,
        mask: 1,
    });
}

#[test]
fn components_of_an_unversioned_module_count_with_the_platform() {
    let mut domain = domain();
    domain.tee_tcb_svn = [4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let case = with_info(Case::of(domain), |info| {
        info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"][0]["svn"] = json!(5);
    });
    case.is_refused(IntelError::NoTcbLevel {
        part: Part::Platform,
        behind: vec![Shortfall {
            component: Component::Tdx {
                index: 0,
                name: String::new(),
            },
            have: 4,
            need: 5,
        }],
    });
}
