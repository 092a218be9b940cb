//! Each check of what a certificate or a list may say, broken alone.

use synod_attestation::intel::{collateral::CheckedCollateral, pem::decode_chain};
use x509_cert::{
    TbsCertificate, Version,
    crl::TbsCertList,
    der::asn1::{ObjectIdentifier, OctetString},
};

use super::{chains::*, *};
use crate::simulated::certificate::unknown_critical;

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

fn unknown() -> CertificateError {
    CertificateError::UnknownCriticalExtension("2.5.29.37".to_owned())
}

fn set(certificate: &mut TbsCertificate, oid: ObjectIdentifier, value: &[u8]) {
    for extension in certificate.extensions.as_mut().expect("extensions") {
        if extension.extn_id == oid {
            extension.extn_value = OctetString::new(value).expect("bytes");
        }
    }
}

/// Sound evidence, but for the PCK authority, which the root issued again
/// after a change.
fn with_authority(change: impl FnOnce(&mut TbsCertificate)) -> Case {
    let mut case = with_chain(|_| (), |_| ());
    let chain = case.collateral.pck_certificate_chain.take();
    let chain = decode_chain(chain.expect("a chain").as_bytes()).expect("a chain");
    let root = case.domain.platform.root().expect("an authority");
    let authority = root.reissue(&chain[1], change);
    let chain = pem(&[&chain[0], &authority, simulated::INTEL_ROOT]);
    case.collateral.pck_certificate_chain = Some(chain.expect("a chain"));
    case
}

#[test]
fn authority_is_refused_when_it_has_an_unknown_critical_extension() {
    let case = with_authority(|authority| {
        let extensions = authority.extensions.as_mut();
        extensions.expect("extensions").push(unknown_critical());
    });
    case.is_refused(certificate(Link::PckAuthority, unknown()));
}

#[test]
fn signer_of_documents_is_refused_when_it_has_an_unknown_critical_extension() {
    let mut case = Case::new();
    let chain = decode_chain(case.collateral.tcb_info_issuer_chain.as_bytes());
    let root = case.domain.platform.root().expect("an authority");
    let signer = root.reissue(&chain.expect("a chain")[0], |signer| {
        let extensions = signer.extensions.as_mut();
        extensions.expect("extensions").push(unknown_critical());
    });
    let chain = pem(&[&signer, simulated::INTEL_ROOT]).expect("a chain");
    let sound = std::mem::replace(&mut case.collateral.tcb_info_issuer_chain, chain.clone());
    case.is_refused(certificate(Link::TcbInfoSigner, unknown()));
    case.collateral.tcb_info_issuer_chain = sound;
    case.collateral.qe_identity_issuer_chain = chain;
    case.is_refused(certificate(Link::QeIdentitySigner, unknown()));
}

#[test]
fn authority_may_issue_only_what_its_constraints_and_usage_say() {
    let issuer = CertificateError::IssuerMayNotSign;
    // An authority by its usage, and not by its constraints, or without any.
    let no_authority = with_authority(|authority| set(authority, BASIC_CONSTRAINTS, &[0x30, 0]));
    no_authority.is_refused(IntelError::PckCrl(issuer.clone()));
    let unconstrained = with_authority(|authority| {
        let extensions = authority.extensions.as_mut().expect("extensions");
        extensions.retain(|extension| extension.extn_id != BASIC_CONSTRAINTS);
    });
    unconstrained.is_refused(IntelError::PckCrl(issuer.clone()));
    // One that may sign lists alone, and one that may sign certificates alone.
    let lists = with_authority(|authority| set(authority, KEY_USAGE, &[3, 2, 1, 2]));
    lists.is_refused(certificate(Link::Pck, issuer.clone()));
    let certificates = with_authority(|authority| set(authority, KEY_USAGE, &[3, 2, 2, 4]));
    certificates.is_refused(IntelError::PckCrl(issuer));
}

#[test]
fn constraints_and_usage_have_one_encoding() {
    let with = |oid, value: &[u8]| with_leaf(|leaf| set(&mut leaf.tbs_certificate, oid, value));
    // No authority, said by silence; then by words, with more, and with more
    // behind it.
    assert!(with(BASIC_CONSTRAINTS, &[0x30, 0]).outcome().is_ok());
    for wrong in [
        &[0x30, 3, 1, 1, 0][..],
        &[0x30, 2, 5, 0],
        &[0x30, 0, 0],
        &[0x30, 4, 2, 2, 1, 0],
    ] {
        with(BASIC_CONSTRAINTS, wrong)
            .is_refused(certificate(Link::Pck, CertificateError::Malformed));
    }
    // `digitalSignature`; then with unused bits that are set, with too many of
    // them, without a byte, with more behind it.
    assert!(with(KEY_USAGE, &[3, 2, 7, 0x80]).outcome().is_ok());
    assert!(with(KEY_USAGE, &[3, 3, 7, 0x80, 0x80]).outcome().is_ok());
    for wrong in [
        &[3, 2, 7, 0xc0][..],
        &[3, 2, 8, 0x80],
        &[3, 1, 0],
        &[3, 2, 7, 0x80, 0],
    ] {
        with(KEY_USAGE, wrong).is_refused(certificate(Link::Pck, CertificateError::Malformed));
    }
}

#[test]
fn keys_and_signatures_are_of_the_kinds_that_intel_uses() {
    let kind = with_leaf(|leaf| {
        let info = &mut leaf.tbs_certificate.subject_public_key_info;
        info.algorithm.oid = RSA;
    });
    kind.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
    let signature = with_leaf(|leaf| {
        leaf.signature_algorithm.oid = RSASSA_PSS;
        leaf.tbs_certificate.signature.oid = RSASSA_PSS;
    });
    signature.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
}

#[test]
fn collateral_is_refused_by_itself_when_its_pck_is_of_another_kind() {
    let case = with_leaf(|leaf| {
        let info = &mut leaf.tbs_certificate.subject_public_key_info;
        info.algorithm.oid = RSA;
    });
    let root = simulated::INTEL_ROOT;
    let checked = CheckedCollateral::check(&case.collateral, Tee::Tdx, root, NOW_MS);
    let expected = certificate(Link::Pck, CertificateError::Algorithm);
    assert_eq!(checked, Err(expected));
}

#[test]
fn certificate_has_at_most_32_extensions() {
    let with = |count: usize| {
        with_leaf(|leaf| {
            let extensions = leaf.tbs_certificate.extensions.as_mut();
            let extensions = extensions.expect("extensions");
            for number in extensions.len()..count {
                let mut extension = unknown_critical();
                extension.critical = false;
                let oid = format!("1.2.3.{number}");
                extension.extn_id = ObjectIdentifier::new_unwrap(&oid);
                extensions.push(extension);
            }
        })
    };
    assert!(with(32).outcome().is_ok());
    with(33).is_refused(certificate(Link::Pck, CertificateError::Malformed));
}

/// Sound evidence, but for both lists, issued again after a change.
fn with_lists(serials: &[u32], change: fn(&mut TbsCertList)) -> [(Case, bool); 2] {
    [true, false].map(|of_root| {
        let mut case = Case::new();
        let platform = &case.domain.platform;
        let issuer = if of_root {
            platform.root()
        } else {
            platform.platform_ca()
        };
        let issuer = issuer.expect("an authority");
        let list = issuer.revoke(serials, NOW_S - DAY_S, NOW_S + DAY_S);
        let list = issuer.reissue_list(&list.expect("a list"), change);
        if of_root {
            case.collateral.root_ca_crl = list;
        } else {
            case.collateral.pck_crl = list;
        }
        (case, of_root)
    })
}

#[track_caller]
fn lists_are_refused(serials: &[u32], change: fn(&mut TbsCertList), expected: &CertificateError) {
    for (case, of_root) in with_lists(serials, change) {
        let expected = expected.clone();
        case.is_refused(if of_root {
            IntelError::RootCrl(expected)
        } else {
            IntelError::PckCrl(expected)
        });
    }
}

#[test]
fn revocation_lists_are_dated_to_their_end_and_of_the_known_version() {
    for (case, _) in with_lists(&[99], |_| ()) {
        assert!(case.outcome().is_ok());
    }
    let malformed = CertificateError::Malformed;
    lists_are_refused(&[], |list| list.next_update = None, &malformed);
    lists_are_refused(&[], |list| list.version = Version::V1, &malformed);
}

#[test]
fn revocation_lists_are_refused_when_a_critical_extension_could_narrow_them() {
    lists_are_refused(
        &[],
        |list| {
            let extensions = list.crl_extensions.as_mut();
            extensions.expect("extensions").push(unknown_critical());
        },
        &unknown(),
    );
    lists_are_refused(
        &[98, 99],
        |list| {
            let entries = list.revoked_certificates.as_mut().expect("entries");
            entries[1].crl_entry_extensions = Some(vec![unknown_critical()]);
        },
        &unknown(),
    );
}
