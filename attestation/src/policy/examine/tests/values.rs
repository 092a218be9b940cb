//! Each reference value, mismatching alone.

use super::{
    bounds::nitro,
    sgx::{sgx, sgx_claims},
    *,
};
use crate::sgx::claims::SgxClaims;

/// Holds claims against one accepted workload.
fn against(entry: Accepted, claims: &Claims) -> Vec<(Rule, String)> {
    let policy = policy(|rules| rules.accept = vec![entry]);
    keys(&policy, claims)
}

fn broken() -> Vec<(Rule, String)> {
    one(Rule::Measurement, "accept[0]")
}

type Choose = fn(&mut Accepted, String);

/// Each field shows a value of its own; that value is wanted and found, and
/// any other is not, which another field shows.
fn each_matches_alone(start: &Accepted, claims: &Claims, fields: &[(Choose, u8, usize)]) {
    for (index, (choose, byte, length)) in fields.iter().enumerate() {
        for other in 0..=0x40_u8 {
            let mut entry = start.clone();
            choose(&mut entry, hex::encode(vec![other; *length]));
            let expected = if other == *byte { vec![] } else { broken() };
            assert_eq!(
                against(entry, claims),
                expected,
                "field {index}, {other:#x}"
            );
        }
    }
}

#[test]
fn each_value_of_an_enclave_must_match() {
    let claims = sgx_claims(sgx());
    let start = Accepted::of(Tee::Sgx, &Measurement::from([1; 32]), "ours");
    let fields: [(Choose, u8, usize); 3] = [
        (|entry, text| entry.measurement = Some(text), 1, 32),
        (|entry, text| entry.mr_enclave = Some(text), 1, 32),
        (|entry, text| entry.mr_signer = Some(text), 2, 32),
    ];
    each_matches_alone(&start, &claims, &fields);
}

#[test]
fn enclave_is_accepted_by_its_signer_product_and_version() {
    let entry = |change: fn(&mut Accepted)| {
        let mut entry = Accepted {
            tee: "sgx".to_owned(),
            label: "any build of ours".to_owned(),
            mr_signer: Some("02".repeat(32)),
            isv_prod_id: Some(3),
            isv_svn_min: Some(4),
            ..Accepted::default()
        };
        change(&mut entry);
        entry
    };
    let with = |change: fn(&mut SgxClaims)| {
        let mut sgx = sgx();
        change(&mut sgx);
        against(entry(|_| ()), &sgx_claims(sgx))
    };
    assert_eq!(with(|_| ()), []);
    assert_eq!(with(|sgx| sgx.report.mr_enclave = [9; 32]), []);
    assert_eq!(with(|sgx| sgx.report.isv_svn = 5), []);
    assert_eq!(with(|sgx| sgx.report.isv_svn = 3), broken());
    assert_eq!(with(|sgx| sgx.report.isv_prod_id = 2), broken());
    assert_eq!(with(|sgx| sgx.report.isv_prod_id = 4), broken());
    assert_eq!(with(|sgx| sgx.report.mr_signer[31] = 3), broken());
    let claims = sgx_claims(sgx());
    assert_eq!(
        against(entry(|e| e.isv_prod_id = Some(4)), &claims),
        broken()
    );
    assert_eq!(
        against(entry(|e| e.isv_svn_min = Some(5)), &claims),
        broken()
    );
    assert_eq!(against(entry(|e| e.isv_svn_min = None), &claims), []);
}

#[test]
fn each_value_of_a_domain_must_match() {
    let mut domain = tdx();
    domain.mr_td = [0x10; 48];
    domain.rtmrs = [[0x11; 48], [0x12; 48], [0x13; 48], [0x14; 48]];
    domain.mr_config_id = [0x15; 48];
    domain.mr_owner = [0x16; 48];
    domain.mr_owner_config = [0x17; 48];
    domain.mr_seam = [0x18; 48];
    domain.mr_signer_seam = [0x19; 48];
    let claims = claims(Tee::Tdx, Details::Tdx(Box::new(domain)));
    let start = Accepted::of(Tee::Tdx, &Measurement::from([1; 48]), "ours");
    let fields: [(Choose, u8, usize); 9] = [
        (|entry, text| entry.measurement = Some(text), 1, 48),
        (|entry, text| entry.mr_td = Some(text), 0x10, 48),
        (|entry, text| entry.rtmr0 = Some(text), 0x11, 48),
        (|entry, text| entry.rtmr1 = Some(text), 0x12, 48),
        (|entry, text| entry.rtmr2 = Some(text), 0x13, 48),
        (|entry, text| entry.rtmr3 = Some(text), 0x14, 48),
        (|entry, text| entry.mr_config_id = Some(text), 0x15, 48),
        (|entry, text| entry.mr_owner = Some(text), 0x16, 48),
        (|entry, text| entry.mr_seam = Some(text), 0x18, 48),
    ];
    each_matches_alone(&start, &claims, &fields);
}

#[test]
fn each_value_of_a_guest_must_match() {
    let mut guest = snp();
    guest.host_data = [0x21; 32];
    guest.id_key_digest = [0x22; 48];
    guest.author_key_digest = [0x23; 48];
    guest.family_id = [0x24; 16];
    guest.image_id = [0x25; 16];
    let claims = claims(Tee::SevSnp, Details::Snp(Box::new(guest)));
    let start = Accepted::of(Tee::SevSnp, &Measurement::from([1; 48]), "ours");
    let fields: [(Choose, u8, usize); 6] = [
        (|entry, text| entry.measurement = Some(text), 1, 48),
        (|entry, text| entry.host_data = Some(text), 0x21, 32),
        (|entry, text| entry.id_key_digest = Some(text), 0x22, 48),
        (|entry, text| entry.author_key_digest = Some(text), 0x23, 48),
        (|entry, text| entry.family_id = Some(text), 0x24, 16),
        (|entry, text| entry.image_id = Some(text), 0x25, 16),
    ];
    each_matches_alone(&start, &claims, &fields);
}

#[test]
fn each_register_of_a_nitro_enclave_must_match_and_be_there() {
    let mut enclave = nitro();
    enclave.pcrs = [0, 1, 2, 3, 4, 8]
        .map(|index| (index, [0x30 + index; 48]))
        .into();
    let with = |enclave: NitroClaims| claims(Tee::Nitro, Details::Nitro(Box::new(enclave)));
    let start = Accepted::of(Tee::Nitro, &Measurement::from([1; 48]), "ours");
    let fields: [(Choose, u8, usize); 7] = [
        (|entry, text| entry.measurement = Some(text), 1, 48),
        (|entry, text| entry.pcr0 = Some(text), 0x30, 48),
        (|entry, text| entry.pcr1 = Some(text), 0x31, 48),
        (|entry, text| entry.pcr2 = Some(text), 0x32, 48),
        (|entry, text| entry.pcr3 = Some(text), 0x33, 48),
        (|entry, text| entry.pcr4 = Some(text), 0x34, 48),
        (|entry, text| entry.pcr8 = Some(text), 0x38, 48),
    ];
    each_matches_alone(&start, &with(enclave.clone()), &fields);
    // A register that the document does not state matches nothing.
    enclave.pcrs.remove(&8);
    let mut entry = start;
    entry.pcr8 = Some("00".repeat(48));
    assert_eq!(against(entry, &with(enclave)), broken());
}

#[test]
fn workload_of_one_tee_is_not_accepted_for_another() {
    let domain = claims(Tee::Tdx, Details::Tdx(Box::new(tdx())));
    let guest = Accepted::of(Tee::SevSnp, &Measurement::from([1; 48]), "ours");
    assert_eq!(against(guest, &domain), one(Rule::Measurement, "accept"));
}
