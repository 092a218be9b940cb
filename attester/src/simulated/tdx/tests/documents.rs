//! Each check of the signed documents of the collateral, broken alone.

use synod_attestation::{
    intel::{
        pck::{PckExtension, SgxType},
        pem::decode_chain,
        qe_identity::QeIdentity,
        tcb_info::TcbInfo,
    },
    x509::{Certificate, RevocationList},
};

use super::*;
use crate::simulated::der;

#[test]
fn documents_are_refused_outside_their_time() {
    let (past, past_s) = (json!("2026-11-19T23:59:59Z"), NOW_S - 1);
    let (future, future_s) = (json!("2026-11-20T00:00:01Z"), NOW_S + 1);
    let ran_out = DocumentError::Expired {
        next_s: past_s,
        now_s: NOW_S,
    };
    let not_yet = DocumentError::NotYetValid {
        issued_s: future_s,
        now_s: NOW_S,
    };
    Case::with_tcb_info(|info| info["nextUpdate"] = past.clone())
        .is_refused(IntelError::TcbInfo(ran_out.clone()));
    Case::with_qe_identity(|identity| identity["nextUpdate"] = past)
        .is_refused(IntelError::QeIdentity(ran_out));
    Case::with_tcb_info(|info| info["issueDate"] = future.clone())
        .is_refused(IntelError::TcbInfo(not_yet.clone()));
    Case::with_qe_identity(|identity| identity["issueDate"] = future)
        .is_refused(IntelError::QeIdentity(not_yet));
}

#[test]
fn documents_are_refused_when_their_text_or_signature_is_changed() {
    let mut case = Case::new();
    // The same JSON, written with one more space.
    case.collateral.tcb_info.insert(1, ' ');
    case.is_refused(IntelError::TcbInfo(DocumentError::Signature));
    let mut case = Case::new();
    case.collateral.qe_identity.insert(1, ' ');
    case.is_refused(IntelError::QeIdentity(DocumentError::Signature));
    for change in [
        |signature: &mut Vec<u8>| signature[3] ^= 1,
        |signature: &mut Vec<u8>| signature.fill(0),
        |signature: &mut Vec<u8>| signature.truncate(63),
        |signature: &mut Vec<u8>| signature.push(0),
        |signature: &mut Vec<u8>| signature.clear(),
    ] {
        let mut case = Case::new();
        change(&mut case.collateral.tcb_info_signature);
        case.is_refused(IntelError::TcbInfo(DocumentError::Signature));
        let mut case = Case::new();
        change(&mut case.collateral.qe_identity_signature);
        case.is_refused(IntelError::QeIdentity(DocumentError::Signature));
    }
}

#[test]
fn documents_are_refused_when_they_are_for_another_tee_or_platform() {
    Case::with_tcb_info(|info| info["id"] = json!("SGX"))
        .is_refused(IntelError::TcbInfo(DocumentError::Id("SGX".to_owned())));
    Case::with_qe_identity(|identity| identity["id"] = json!("QE"))
        .is_refused(IntelError::QeIdentity(DocumentError::Id("QE".to_owned())));
    Case::with_tcb_info(|info| info["fmspc"] = json!("00906EA10000")).is_refused(
        IntelError::Fmspc {
            platform: FMSPC,
            collateral: [0, 0x90, 0x6e, 0xa1, 0, 0],
        },
    );
    Case::with_tcb_info(|info| info["pceId"] = json!("0100")).is_refused(IntelError::PceId {
        platform: [0, 0],
        collateral: [1, 0],
    });
    // The case of the digits means nothing.
    let lower = json!(hex::encode(FMSPC));
    let case = Case::with_tcb_info(|info| info["fmspc"] = lower);
    assert_eq!(status(&case), TcbStatus::UpToDate);
}

#[test]
fn documents_are_refused_when_their_form_is_not_known() {
    Case::with_tcb_info(|info| info["version"] = json!(2))
        .is_refused(IntelError::TcbInfo(DocumentError::Version(2)));
    Case::with_tcb_info(|info| info["tcbType"] = json!(1))
        .is_refused(IntelError::TcbInfo(DocumentError::TcbType(1)));
    Case::with_qe_identity(|identity| identity["version"] = json!(4))
        .is_refused(IntelError::QeIdentity(DocumentError::Version(4)));
    let malformed = |case: Case| {
        let error = case.error();
        let expected = matches!(
            error,
            IntelError::TcbInfo(DocumentError::Malformed(_))
                | IntelError::QeIdentity(DocumentError::Malformed(_))
        );
        assert!(expected, "{error}");
    };
    let level = |field: &'static str, value: Value| {
        Case::with_tcb_info(|info| info["tcbLevels"][0][field] = value)
    };
    malformed(level("tcbStatus", json!("Excellent")));
    // A status that only verifiers give.
    malformed(level("tcbStatus", json!("TDRelaunchAdvised")));
    malformed(level("tcbDate", json!("2025-11-12")));
    malformed(Case::with_tcb_info(|info| info["fmspc"] = json!("00")));
    malformed(Case::with_tcb_info(|info| info["tdxModule"] = Value::Null));
    malformed(Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"] = Value::Null;
    }));
    malformed(Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][15] = Value::Null;
    }));
    malformed(Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][0]["svn"] = json!(256);
    }));
    malformed(Case::with_qe_identity(|identity| {
        identity["mrsigner"] = json!("zz".repeat(32));
    }));
    malformed(Case::with_qe_identity(|identity| {
        identity["tcbLevels"][0]["tcbStatus"] = json!("SWHardeningNeeded");
    }));
    malformed(Case::with_tcb_info(|info| *info = json!([])));
}

#[test]
fn document_is_refused_when_it_is_longer_than_any() {
    let mut case = Case::new();
    let length = 256 * 1024 + 1;
    case.collateral.tcb_info = " ".repeat(length);
    case.is_refused(IntelError::TcbInfo(DocumentError::TooLong(length)));
}

#[test]
fn documents_are_refused_when_their_signer_is_no_child_of_the_root() {
    let mut case = Case::new();
    // The PCK signs in the place of Intel's signer of TCB information.
    let chain = case.pck_chain();
    let signed = case.collateral.tcb_info.as_bytes();
    case.collateral.tcb_info_signature = case.domain.platform.pck.sign(signed);
    case.collateral.tcb_info_issuer_chain = chain.concat();
    case.is_refused(IntelError::ChainLength {
        chain: Chain::TcbInfo,
        expected: 2,
        found: 3,
    });
    case.collateral.tcb_info_issuer_chain = chain[0].clone() + &chain[2];
    case.is_refused(certificate(
        Link::TcbInfoSigner,
        CertificateError::WrongIssuer,
    ));
    let mut case = Case::new();
    case.collateral.qe_identity_issuer_chain = chain[0].clone() + &chain[2];
    case.is_refused(certificate(
        Link::QeIdentitySigner,
        CertificateError::WrongIssuer,
    ));
    let mut case = Case::new();
    case.collateral.qe_identity_issuer_chain = chain[2].clone();
    case.is_refused(IntelError::ChainLength {
        chain: Chain::QeIdentity,
        expected: 2,
        found: 1,
    });
}

#[test]
fn mutated_documents_lists_and_certificates_are_read_or_refused_without_panic() {
    let case = Case::new();
    let leaf = decode_chain(case.pck_chain()[0].as_bytes()).expect("a chain");
    let inputs = [
        case.collateral.tcb_info.as_bytes(),
        case.collateral.qe_identity.as_bytes(),
        &case.collateral.pck_crl,
        &leaf[0],
        case.collateral.tcb_info_issuer_chain.as_bytes(),
        &case.domain.platform.pck_extension(),
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..4000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let mut bytes = inputs[(state >> 8) as usize % inputs.len()].to_vec();
        let at = (state >> 16) as usize % bytes.len();
        match state >> 61 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, (state >> 40) as u8),
            _ => bytes[at] = (state >> 40) as u8,
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = TcbInfo::parse(text);
            let _ = QeIdentity::parse(text);
        }
        let _ = RevocationList::parse(&bytes);
        let _ = Certificate::parse(&bytes);
        let _ = PckExtension::parse(&bytes);
        let _ = decode_chain(&bytes);
    }
}

#[test]
fn pck_extension_has_one_form() {
    let sound = Case::new().domain.platform.pck_extension();
    let parsed = PckExtension::parse(&sound).expect("a sound extension");
    assert_eq!(parsed.sgx_type, SgxType::Scalable);
    for length in 0..sound.len() {
        assert!(PckExtension::parse(&sound[..length]).is_err(), "{length}");
    }
    assert!(PckExtension::parse(&[&sound[..], &[0]].concat()).is_err());
    let entry = |arcs: &[u32], value| der::entry(&sgx(arcs), value);
    let with = |more: Vec<u8>| {
        let content = [&sound[4..], &more].concat();
        PckExtension::parse(&der::sequence(&[content]))
    };
    // What is not known is passed over; what appears twice is not.
    assert!(with(entry(&[8], der::octets(&[1]))).is_ok());
    assert_eq!(
        with(entry(&[3], der::octets(&[0, 0]))),
        Err(IntelError::PckExtension("an entry appears twice"))
    );
    let flags = der::sequence(&[entry(&[7, 3], vec![1, 1, 0xff])]);
    let flagged = with(entry(&[7], flags)).expect("a sound extension");
    assert_eq!(
        (flagged.smt_enabled, flagged.cached_keys),
        (Some(true), None)
    );
    let lax = der::sequence(&[entry(&[7, 3], vec![1, 1, 1])]);
    assert!(with(entry(&[7], lax)).is_err());
    assert!(with(entry(&[6], der::octets(&[1; 15]))).is_err());
    assert!(with(entry(&[6], der::octets(&[1; 16]))).is_ok());
    // Each value is of its own kind, and nothing follows it in its entry.
    let kinds = |flag: Vec<u8>| with(entry(&[7], der::sequence(&[entry(&[7, 3], flag)])));
    assert!(kinds(vec![1, 1, 0]).is_ok());
    assert!(kinds(vec![2, 1, 0]).is_err());
    assert!(with(entry(&[7], der::octets(&[]))).is_err());
    assert!(
        with(entry(
            &[6],
            vec![0x0c, 16].into_iter().chain([1; 16]).collect()
        ))
        .is_err()
    );
    let more = [der::octets(&[1; 16]), der::octets(&[])].concat();
    assert!(with(entry(&[6], more)).is_err());
    let svn = der::entry(&sgx(&[2, 17]), der::integer(11));
    let octets = der::entry(&sgx(&[2, 17]), der::octets(&[11]));
    assert_eq!(svn.len(), octets.len());
    let at = sound.windows(svn.len()).position(|bytes| bytes == svn);
    let at = at.expect("the PCE's version");
    let mut wrong = sound.clone();
    wrong[at..at + svn.len()].copy_from_slice(&octets);
    assert_eq!(
        PckExtension::parse(&wrong),
        Err(IntelError::PckExtension("PCE SVN"))
    );
}
