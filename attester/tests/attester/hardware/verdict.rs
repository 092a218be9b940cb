//! From the kernel to a verdict: stand-ins that answer with evidence which the
//! verifier takes for genuine, under simulated roots.

use std::path::Path;

use synod_attestation::{
    Anchors, Endorsements, MockRoots, ReportData, SnpEndorsements, Tee, verify,
};
use synod_attester::{
    Attester, AttesterError, ConfigfsTsm, Nsm, PAGE_BYTES, Quoted, SevGuest, Simulated, TsmOptions,
};

use crate::hardware::{
    NOW_MS,
    nsm_standin::NsmModule,
    pauses::Pauses,
    report_data,
    sev_standin::SevDevice,
    tsm_standin::{ROOT, Tsm},
};

const VCEK: [u8; 16] = *b"\x8d\x75\xda\x63\x64\xe6\x64\x45\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
const ASK: [u8; 16] = *b"\x79\xb3\xb7\x4a\xac\xbb\xe4\x4f\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
const ARK: [u8; 16] = *b"\xa4\x06\xb4\xc0\x03\xa8\x52\x49\x97\x43\x3f\xb6\x01\x4c\xd0\xae";

/// What a simulated platform says to these 64 bytes; the same each time.
fn simulated(tee: Tee, report_data: &[u8]) -> Quoted {
    let report_data = ReportData::try_from(report_data).expect("64 bytes");
    Simulated::new(tee, [0x4d; 48], [7; 32])
        .and_then(|mut platform| platform.quote(&report_data, NOW_MS))
        .expect("a simulated TEE")
}

fn evidence(tee: Tee, report_data: &[u8]) -> Vec<u8> {
    simulated(tee, report_data).evidence.bytes().to_vec()
}

fn snp_endorsements() -> SnpEndorsements {
    match simulated(Tee::SevSnp, &[0; 64]).endorsements {
        Some(Endorsements::Snp(endorsements)) => endorsements,
        other => panic!("expected AMD's certificates, found {other:?}"),
    }
}

/// A host's certificate table (AMD 56421).
fn table(certificates: &[([u8; 16], &[u8])]) -> Vec<u8> {
    let mut at = (certificates.len() + 1) * 24;
    let (mut entries, mut content) = (Vec::new(), Vec::new());
    for (guid, certificate) in certificates {
        entries.extend_from_slice(guid);
        for number in [at, certificate.len()] {
            let number = u32::try_from(number).expect("a short table");
            entries.extend_from_slice(&number.to_le_bytes());
        }
        content.extend_from_slice(certificate);
        at += certificate.len();
    }
    entries.extend_from_slice(&[0; 24]);
    [entries, content].concat()
}

fn full_table() -> Vec<u8> {
    let chain = snp_endorsements();
    table(&[
        (VCEK, &chain.signer),
        (ASK, &chain.intermediate),
        (ARK, &chain.root),
    ])
}

#[track_caller]
fn is_genuine(quoted: &Quoted, endorsements: &Endorsements) {
    let anchors = Anchors::Simulated(MockRoots::published());
    let claims = verify(&quoted.evidence, endorsements, &anchors, NOW_MS);
    let claims = claims.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(claims.report_data, Some(report_data()));
    assert_eq!(claims.measurement.as_bytes(), [0x4d; 48]);
}

fn tsm(tsm: &Tsm) -> ConfigfsTsm {
    let (files, pauses) = (Box::new(tsm.clone()), Box::new(Pauses::default()));
    ConfigfsTsm::open(Path::new(ROOT), files, pauses, TsmOptions::default()).expect("a guest")
}

fn snp_guest(table: Vec<u8>) -> Quoted {
    let guest = Tsm::sev_guest();
    guest.kernel().report = |inblob, _| evidence(Tee::SevSnp, inblob);
    guest.kernel().auxblob = Some(table);
    tsm(&guest).quote(&report_data(), NOW_MS).expect("evidence")
}

#[test]
fn snp_evidence_of_configfs_tsm_is_genuine_by_the_hosts_own_certificates() {
    let quoted = snp_guest(full_table());
    let endorsements = quoted.endorsements.clone().expect("a full table");
    is_genuine(&quoted, &endorsements);
}

#[test]
fn snp_evidence_of_the_device_is_genuine_by_the_hosts_own_certificates() {
    let device = SevDevice::new();
    device.platform().report = |inblob, _| evidence(Tee::SevSnp, inblob);
    device.platform().table = full_table();
    assert!(full_table().len() > PAGE_BYTES);
    let mut guest = SevGuest::new(Box::new(device), Box::new(Pauses::default()), 0);
    let quoted = guest.quote(&report_data(), NOW_MS).expect("evidence");
    let endorsements = quoted.endorsements.clone().expect("a full table");
    is_genuine(&quoted, &endorsements);
}

#[test]
fn incomplete_or_malformed_table_leaves_the_evidence_without_endorsements() {
    let chain = snp_endorsements();
    let lone = table(&[(VCEK, &chain.signer)]);
    let of_the_fleet = table(&[(ASK, &chain.intermediate), (ARK, &chain.root)]);
    for table in [
        Vec::new(),
        vec![0; 4096],
        vec![0xff; 4096],
        lone,
        of_the_fleet,
    ] {
        let quoted = snp_guest(table.clone());
        assert_eq!(
            (quoted.endorsements.as_ref(), &quoted.certificate_table),
            (None, &table)
        );
        is_genuine(&quoted, &Endorsements::Snp(chain.clone()));
    }
}

#[test]
fn tdx_evidence_of_configfs_tsm_is_genuine_by_collateral_from_elsewhere() {
    let guest = Tsm::tdx_guest();
    guest.kernel().report = |inblob, _| evidence(Tee::Tdx, inblob);
    let quoted = tsm(&guest).quote(&report_data(), NOW_MS).expect("evidence");
    assert_eq!(quoted.endorsements, None);
    let collateral = simulated(Tee::Tdx, &[0; 64])
        .endorsements
        .expect("collateral");
    is_genuine(&quoted, &collateral);
}

#[test]
fn caller_that_needs_endorsements_is_told_where_there_are_none() {
    let statement = crate::hardware::statement();
    let error = tsm(&Tsm::tdx_guest()).collect(&statement, NOW_MS).err();
    assert_eq!(error, Some(AttesterError::NoEndorsements(Tee::Tdx)));
}

#[test]
fn nitro_evidence_of_the_module_is_genuine() {
    let module = NsmModule::default();
    module.module().document = |user_data| evidence(Tee::Nitro, user_data);
    let mut enclave = Nsm::new(Box::new(module), Box::new(Pauses::default()));
    let quoted = enclave.quote(&report_data(), NOW_MS).expect("evidence");
    is_genuine(&quoted, &Endorsements::Nitro);
}
