//! Each check of certificates and revocation lists, broken alone.

use x509_cert::{
    der::{
        Encode, EncodePem,
        asn1::{Any, BitString, ObjectIdentifier, OctetString},
        pem::LineEnding,
    },
    ext::Extension,
};

use super::*;

#[test]
fn chain_is_refused_under_the_root_of_the_vendor() {
    let found = sha256(&[simulated::INTEL_ROOT]);
    assert_eq!(
        Case::new().verify(&Anchors::Vendor(VendorRoots::built_in())),
        Err(VerifyError::Intel(IntelError::RootNotTrusted { found }))
    );
    let mut case = Case::new();
    let vendor = include_bytes!("../../../../../attestation/roots/intel-sgx-root.der");
    assert_eq!(
        verify_signatures_only(&case.quote, None, vendor),
        Err(IntelError::RootNotTrusted { found })
    );
    // The vendor's root stands at the end of the chain, but did not sign it.
    let mut chain = case.pck_chain();
    chain[2] = pem(&[vendor]).expect("a certificate");
    case.collateral.pck_certificate_chain = Some(chain.concat());
    let found = sha256(&[vendor]);
    case.is_refused(IntelError::RootNotTrusted { found });
}

#[test]
fn chain_is_refused_when_a_member_is_missing_or_too_many() {
    let whole = Case::new().pck_chain();
    for (members, found) in [
        (&[0][..], 1),
        (&[0, 1], 2),
        (&[0, 2], 2),
        (&[1, 2], 2),
        (&[0, 1, 1, 2], 4),
        (&[], 0),
    ] {
        let mut case = Case::new();
        let chain: String = members.iter().map(|at| whole[*at].as_str()).collect();
        case.collateral.pck_certificate_chain = Some(chain);
        case.is_refused(IntelError::ChainLength {
            chain: Chain::Pck,
            expected: 3,
            found,
        });
    }
    let mut case = Case::new();
    case.collateral.pck_certificate_chain = Some("no chain".to_owned());
    case.is_refused(IntelError::Pem(Chain::Pck));
}

#[test]
fn chain_is_refused_when_its_members_are_exchanged() {
    let chain = Case::new().pck_chain();
    let mut case = Case::new();
    case.collateral.pck_certificate_chain = Some(chain[1].clone() + &chain[0] + &chain[2]);
    case.is_refused(certificate(
        Link::PckAuthority,
        CertificateError::WrongIssuer,
    ));
    let mut case = Case::new();
    case.collateral.pck_certificate_chain = Some(chain[1].clone() + &chain[1] + &chain[2]);
    case.is_refused(certificate(Link::Pck, CertificateError::WrongIssuer));
}

/// The profiles that the simulated authorities issue by, to be changed.
fn profile<'a>(common_name: &'a str, key: &'a P256SigningKey, serial: u32) -> Profile<'a> {
    Profile {
        common_name,
        key: SubjectKey::P256(key.public_sec1()),
        serial,
        from_s: NOW_S - DAY_S,
        until_s: NOW_S + DAY_S,
        authority: None,
        extensions: Vec::new(),
    }
}

/// Sound evidence, but for the PCK certificate or its authority.
pub(super) fn with_chain(
    leaf: impl FnOnce(&mut Profile<'_>),
    authority: impl FnOnce(&mut Profile<'_>),
) -> Case {
    let mut case = Case::new();
    let domain = &case.domain;
    let mut of_leaf = profile("Intel SGX PCK Certificate", &domain.platform.pck, 4);
    of_leaf.extensions = vec![(sgx(&[]), domain.platform.pck_extension())];
    leaf(&mut of_leaf);
    let mut of_authority = profile(PLATFORM_CA, &domain.platform.platform_ca, 2);
    of_authority.authority = Some(0);
    authority(&mut of_authority);
    let issuer = Issuer {
        name: name(of_authority.common_name).expect("a name"),
        key: IssuerKey::P256(&domain.platform.platform_ca),
    };
    let leaf = issuer.issue(&of_leaf).expect("a certificate");
    let root = domain.platform.root().expect("an authority");
    let authority = root.issue(&of_authority).expect("a certificate");
    let chain = pem(&[&leaf, &authority, simulated::INTEL_ROOT]).expect("a chain");
    case.collateral.pck_certificate_chain = Some(chain);
    case.collateral.pck_crl_issuer_chain = String::new();
    case
}

#[test]
fn chain_that_is_issued_anew_is_sound() {
    assert_eq!(status(&with_chain(|_| (), |_| ())), TcbStatus::UpToDate);
}

#[test]
fn each_certificate_is_refused_after_its_end_and_before_its_begin() {
    let (past_s, future_s) = (NOW_S - 1, NOW_S + 1);
    let not_yet = |from_s| CertificateError::NotYetValid {
        from_s,
        now_s: NOW_S,
    };
    with_chain(|leaf| leaf.until_s = past_s, |_| ())
        .is_refused(certificate(Link::Pck, expired(past_s, NOW_S)));
    with_chain(|leaf| leaf.from_s = future_s, |_| ())
        .is_refused(certificate(Link::Pck, not_yet(future_s)));
    with_chain(|_| (), |authority| authority.until_s = past_s)
        .is_refused(certificate(Link::PckAuthority, expired(past_s, NOW_S)));
    with_chain(|_| (), |authority| authority.from_s = future_s)
        .is_refused(certificate(Link::PckAuthority, not_yet(future_s)));
    for chain in [Chain::TcbInfo, Chain::QeIdentity] {
        let link = link_of(chain);
        with_signer(chain, |signer| signer.until_s = past_s)
            .is_refused(certificate(link, expired(past_s, NOW_S)));
        with_signer(chain, |signer| signer.from_s = future_s)
            .is_refused(certificate(link, not_yet(future_s)));
    }
}

#[test]
fn certificates_are_valid_through_their_last_second() {
    let case = with_chain(|leaf| leaf.until_s = NOW_S, |_| ());
    assert_eq!(status(&case), TcbStatus::UpToDate);
    assert_eq!(claims(&case).collateral_expires_ms, NOW_MS);
}

#[test]
fn certificate_is_refused_when_its_name_is_not_one_that_intel_uses_there() {
    let refused = |case: Case, link, found: &str| {
        let found = found.to_owned();
        case.is_refused(IntelError::Name { link, found });
    };
    let case = with_chain(|leaf| leaf.common_name = "Intel SGX TCB Signing", |_| ());
    refused(case, Link::Pck, "Intel SGX TCB Signing");
    let case = with_chain(|_| (), |authority| authority.common_name = "Some CA");
    refused(case, Link::PckAuthority, "Some CA");
    let case = with_signer(Chain::TcbInfo, |signer| {
        signer.common_name = "Intel SGX PCK Certificate";
    });
    refused(case, Link::TcbInfoSigner, "Intel SGX PCK Certificate");
}

#[test]
fn certificate_is_refused_where_it_may_not_stand() {
    // It may not sign its list either, which is looked at first.
    with_chain(|_| (), |authority| authority.authority = None)
        .is_refused(IntelError::PckCrl(CertificateError::IssuerMayNotSign));
    with_chain(|leaf| leaf.authority = Some(0), |_| ())
        .is_refused(certificate(Link::Pck, CertificateError::Authority));
    with_signer(Chain::TcbInfo, |signer| signer.authority = Some(0)).is_refused(certificate(
        Link::TcbInfoSigner,
        CertificateError::Authority,
    ));
}

#[test]
fn certificate_is_refused_when_its_issuer_did_not_sign_it() {
    let mut case = Case::new();
    // The PCK certificate, issued by another key under the authority's name.
    let domain = &case.domain;
    let impostor = Issuer {
        name: name(PLATFORM_CA).expect("a name"),
        key: IssuerKey::P256(&domain.platform.tcb_signer),
    };
    let mut of_leaf = profile("Intel SGX PCK Certificate", &domain.platform.pck, 4);
    of_leaf.extensions = vec![(sgx(&[]), domain.platform.pck_extension())];
    let leaf = impostor.issue(&of_leaf).expect("a certificate");
    let mut chain = case.pck_chain();
    chain[0] = pem(&[&leaf]).expect("a certificate");
    case.collateral.pck_certificate_chain = Some(chain.concat());
    case.is_refused(certificate(Link::Pck, CertificateError::BadSignature));
}

/// Sound evidence, but for the PCK certificate, which its authority signed
/// again after a change.
pub(super) fn with_leaf(change: impl FnOnce(&mut x509_cert::Certificate)) -> Case {
    let mut case = Case::new();
    let mut chain = case.pck_chain();
    let leaf = x509_cert::Certificate::load_pem_chain(chain[0].as_bytes());
    let mut leaf = leaf.expect("a chain").remove(0);
    change(&mut leaf);
    let signed = leaf.tbs_certificate.to_der().expect("a certificate");
    let signature = case.domain.platform.platform_ca.sign_der(&signed);
    leaf.signature = BitString::from_bytes(&signature).expect("a signature");
    chain[0] = leaf.to_pem(LineEnding::LF).expect("a certificate");
    case.collateral.pck_certificate_chain = Some(chain.concat());
    case
}

#[test]
fn certificate_is_refused_when_it_has_an_unknown_critical_extension() {
    // A certificate of Intel's has none; this one says that it is for servers.
    let with = |critical| {
        with_leaf(|leaf| {
            let extensions = leaf.tbs_certificate.extensions.as_mut();
            extensions.expect("extensions").push(Extension {
                extn_id: ObjectIdentifier::new_unwrap("2.5.29.37"),
                critical,
                extn_value: OctetString::new([0x30, 0]).expect("bytes"),
            });
        })
    };
    assert_eq!(status(&with(false)), TcbStatus::UpToDate);
    let unknown = CertificateError::UnknownCriticalExtension("2.5.29.37".to_owned());
    with(true).is_refused(certificate(Link::Pck, unknown));
}

#[test]
fn certificate_is_refused_when_it_is_of_another_version_or_algorithm() {
    let version = with_leaf(|leaf| leaf.tbs_certificate.version = x509_cert::Version::V2);
    version.is_refused(certificate(Link::Pck, CertificateError::Malformed));
    let sha_384 = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
    let differ = with_leaf(|leaf| leaf.signature_algorithm.oid = sha_384);
    differ.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
    let both = with_leaf(|leaf| {
        leaf.signature_algorithm.oid = sha_384;
        leaf.tbs_certificate.signature.oid = sha_384;
    });
    both.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
    let curve = with_leaf(|leaf| {
        let info = &mut leaf.tbs_certificate.subject_public_key_info;
        let secp384r1 = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        info.algorithm.parameters = Some(Any::encode_from(&secp384r1).expect("a curve"));
    });
    curve.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
}

#[test]
fn certificate_is_refused_when_its_key_may_not_sign() {
    let case = with_leaf(|leaf| {
        let extensions = leaf.tbs_certificate.extensions.as_mut();
        for extension in extensions.expect("extensions") {
            if extension.extn_id == ObjectIdentifier::new_unwrap("2.5.29.15") {
                // `keyAgreement` alone.
                let usage = OctetString::new([3, 2, 3, 8]);
                extension.extn_value = usage.expect("bytes");
            }
        }
    });
    case.is_refused(certificate(Link::Pck, CertificateError::MayNotSign));
}

#[test]
fn pck_extension_is_refused_when_it_is_missing_or_wrong() {
    let missing = with_chain(|leaf| leaf.extensions.clear(), |_| ());
    missing.is_refused(IntelError::PckExtension("missing"));
    let twice = with_chain(
        |leaf| leaf.extensions.push(leaf.extensions[0].clone()),
        |_| (),
    );
    twice.is_refused(certificate(Link::Pck, CertificateError::Malformed));
    let empty = with_chain(|leaf| leaf.extensions[0].1 = vec![0x30, 0], |_| ());
    empty.is_refused(IntelError::PckExtension("PPID"));
}

fn link_of(chain: Chain) -> Link {
    match chain {
        Chain::TcbInfo => Link::TcbInfoSigner,
        Chain::QeIdentity => Link::QeIdentitySigner,
        Chain::Pck => Link::Pck,
    }
}

/// Sound evidence, but for the certificate of a document's signer.
pub(super) fn with_signer(chain: Chain, change: impl FnOnce(&mut Profile<'_>)) -> Case {
    let mut case = Case::new();
    let mut signer = profile("Intel SGX TCB Signing", &case.domain.platform.tcb_signer, 3);
    change(&mut signer);
    let root = case.domain.platform.root().expect("an authority");
    let signer = root.issue(&signer).expect("a certificate");
    let text = pem(&[&signer, simulated::INTEL_ROOT]).expect("a chain");
    match chain {
        Chain::TcbInfo => case.collateral.tcb_info_issuer_chain = text,
        _ => case.collateral.qe_identity_issuer_chain = text,
    }
    case
}

#[test]
fn revoked_certificates_are_refused() {
    let revoked = |by_root: bool, serial, link| {
        let mut case = Case::new();
        let span = (NOW_S - DAY_S, NOW_S + DAY_S);
        if by_root {
            let root = case.domain.platform.root().expect("an authority");
            case.collateral.root_ca_crl =
                root.revoke(&[1, serial], span.0, span.1).expect("a list");
        } else {
            let authority = case.domain.platform.platform_ca().expect("an authority");
            case.collateral.pck_crl = authority
                .revoke(&[9, serial], span.0, span.1)
                .expect("a list");
        }
        case.is_refused(certificate(link, CertificateError::Revoked));
    };
    revoked(false, 4, Link::Pck);
    revoked(true, 2, Link::PckAuthority);
    // The simulated root has the same number as the signer: 3.
    revoked(true, 3, Link::Root);
    let mut case = with_signer(Chain::TcbInfo, |signer| signer.serial = 77);
    let root = case.domain.platform.root().expect("an authority");
    let list = root.revoke(&[77], NOW_S - DAY_S, NOW_S + DAY_S);
    case.collateral.root_ca_crl = list.expect("a list");
    case.is_refused(certificate(Link::TcbInfoSigner, CertificateError::Revoked));
    let mut case = with_signer(Chain::QeIdentity, |signer| signer.serial = 77);
    let root = case.domain.platform.root().expect("an authority");
    let list = root.revoke(&[77], NOW_S - DAY_S, NOW_S + DAY_S);
    case.collateral.root_ca_crl = list.expect("a list");
    case.is_refused(certificate(
        Link::QeIdentitySigner,
        CertificateError::Revoked,
    ));
}

#[test]
fn each_revocation_list_is_refused_outside_its_time() {
    let (past_s, future_s) = (NOW_S - 1, NOW_S + 1);
    let not_yet = CertificateError::NotYetValid {
        from_s: future_s,
        now_s: NOW_S,
    };
    let with = |of_root: bool, from_s, until_s| {
        let mut case = Case::new();
        let list = if of_root {
            case.domain.platform.root().expect("an authority")
        } else {
            case.domain.platform.platform_ca().expect("an authority")
        };
        let list = list.revoke(&[], from_s, until_s).expect("a list");
        if of_root {
            case.collateral.root_ca_crl = list;
        } else {
            case.collateral.pck_crl = list;
        }
        case
    };
    let stale = (NOW_S - DAY_S, past_s);
    with(true, stale.0, stale.1).is_refused(IntelError::RootCrl(expired(past_s, NOW_S)));
    with(false, stale.0, stale.1).is_refused(IntelError::PckCrl(expired(past_s, NOW_S)));
    let early = (future_s, NOW_S + DAY_S);
    with(true, early.0, early.1).is_refused(IntelError::RootCrl(not_yet.clone()));
    with(false, early.0, early.1).is_refused(IntelError::PckCrl(not_yet));
}

#[test]
fn each_revocation_list_is_refused_when_it_is_foreign_or_malformed() {
    let mut case = Case::new();
    case.collateral.pck_crl = case.collateral.root_ca_crl.clone();
    case.is_refused(IntelError::PckCrlOfAnotherAuthority);
    let mut case = Case::new();
    case.collateral.root_ca_crl = case.collateral.pck_crl.clone();
    case.is_refused(IntelError::RootCrl(CertificateError::WrongIssuer));
    for wrong in [vec![], vec![0x30], vec![0x30, 0]] {
        let mut case = Case::new();
        case.collateral.pck_crl = wrong.clone();
        case.is_refused(IntelError::PckCrl(CertificateError::Malformed));
        let mut case = Case::new();
        case.collateral.root_ca_crl = wrong;
        case.is_refused(IntelError::RootCrl(CertificateError::Malformed));
    }
    let mut case = Case::new();
    case.collateral.pck_crl.push(0);
    case.is_refused(IntelError::PckCrl(CertificateError::Malformed));
}

#[test]
fn each_revocation_list_is_refused_when_its_issuer_did_not_sign_it() {
    let mut case = Case::new();
    let domain = &case.domain;
    let impostor = |common_name| Issuer {
        name: common_name,
        key: IssuerKey::P256(&domain.platform.tcb_signer),
    };
    let of_authority = impostor(name(PLATFORM_CA).expect("a name"));
    let pck_crl = of_authority.revoke(&[], NOW_S - DAY_S, NOW_S + DAY_S);
    let of_root = impostor(subject(simulated::INTEL_ROOT).expect("a name"));
    let root_crl = of_root.revoke(&[], NOW_S - DAY_S, NOW_S + DAY_S);
    case.collateral.pck_crl = pck_crl.expect("a list");
    case.is_refused(IntelError::PckCrl(CertificateError::BadSignature));
    case.collateral.root_ca_crl = root_crl.expect("a list");
    case.is_refused(IntelError::RootCrl(CertificateError::BadSignature));
}

#[test]
fn list_of_the_other_pck_authority_is_refused_by_name() {
    let processor = "Intel SGX PCK Processor CA";
    let case = with_chain(|_| (), |authority| authority.common_name = processor);
    case.is_refused(IntelError::PckCrlOfAnotherAuthority);
}
