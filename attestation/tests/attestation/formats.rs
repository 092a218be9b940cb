//! Encoded statements, evidence and endorsements have one form each.

use synod_attestation::{
    Endorsements, EndorsementsError, Evidence, EvidenceError, IntelCollateral, NodeStatement,
    ReportData, Role, SnpEndorsements, StatementError, Tee,
    eventlog::{EventLog, Kind},
};
use synod_crypto::{Digest, HpkePublicKey, PublicKey, sha512};

fn statement() -> NodeStatement {
    NodeStatement {
        identity: PublicKey::from([1; 32]),
        tls: vec![2; 91],
        hpke: HpkePublicKey::from([3; 32]),
        role: Role::Worker,
        context: Digest::from([4; 32]),
        nonce: Digest::from([5; 32]),
    }
}

fn endorsements() -> [Endorsements; 4] {
    let snp = SnpEndorsements {
        signer: vec![1; 300],
        intermediate: vec![2; 20],
        root: vec![],
        crl: None,
    };
    let with_crl = SnpEndorsements {
        crl: Some(vec![3; 5]),
        ..snp.clone()
    };
    let tdx = IntelCollateral {
        pck_crl_issuer_chain: "a".to_owned(),
        root_ca_crl: vec![1],
        pck_crl: vec![2],
        tcb_info_issuer_chain: "b".to_owned(),
        tcb_info: "{}".to_owned(),
        tcb_info_signature: vec![3; 64],
        qe_identity_issuer_chain: "c".to_owned(),
        qe_identity: "{}".to_owned(),
        qe_identity_signature: vec![4; 64],
        pck_certificate_chain: None,
    };
    [
        Endorsements::Snp(snp),
        Endorsements::Snp(with_crl),
        Endorsements::Intel(Box::new(tdx)),
        Endorsements::Nitro,
    ]
}

#[test]
fn statement_survives_its_encoding() {
    let encoded = statement().encode();
    assert_eq!(NodeStatement::decode(&encoded), Ok(statement()));
}

#[test]
fn report_data_is_the_whole_sha_512_of_the_statement() {
    let expected = ReportData::from(sha512(&[&statement().encode()]));
    assert_eq!(statement().report_data(), expected);
    assert!(ReportData::try_from([0; 63].as_slice()).is_err());
    assert!(ReportData::try_from([0; 65].as_slice()).is_err());
}

#[test]
fn report_data_depends_on_every_field_of_the_statement() {
    let base = statement().report_data();
    let mut others = vec![statement(); 6];
    others[0].identity = PublicKey::from([9; 32]);
    others[1].tls = vec![9; 91];
    others[2].hpke = HpkePublicKey::from([9; 32]);
    others[3].role = Role::Client;
    others[4].context = Digest::from([9; 32]);
    others[5].nonce = Digest::from([9; 32]);
    for other in others {
        assert_ne!(other.report_data(), base);
    }
}

#[test]
fn statement_is_refused_when_it_is_cut_or_bytes_follow() {
    let encoded = statement().encode();
    for length in 0..encoded.len() {
        assert!(NodeStatement::decode(&encoded[..length]).is_err());
    }
    let longer = [encoded, vec![0]].concat();
    assert_eq!(
        NodeStatement::decode(&longer),
        Err(StatementError::NotCanonical)
    );
}

#[test]
fn statement_is_refused_in_another_encoding_of_the_same_content() {
    let encoded = statement().encode();
    // The version 1 in two bytes instead of one.
    let version = 1 + 1 + "synod-node-statement".len();
    assert_eq!(encoded[version], 1);
    let wide = [&encoded[..version], &[0x18, 1], &encoded[version + 1..]].concat();
    assert_eq!(
        NodeStatement::decode(&wide),
        Err(StatementError::NotCanonical)
    );
}

#[test]
fn statement_is_refused_with_another_label_version_role_or_an_endless_key() {
    let encoded = statement().encode();
    let version = 1 + 1 + "synod-node-statement".len();
    let with = |at: usize, byte: u8| {
        let mut changed = encoded.clone();
        changed[at] = byte;
        NodeStatement::decode(&changed)
    };
    assert_eq!(with(5, b'x'), Err(StatementError::UnknownVersion));
    assert_eq!(with(version, 2), Err(StatementError::UnknownVersion));
    let role = version + 1 + 34 + 93 + 34;
    assert_eq!(with(role, 9), Err(StatementError::UnknownRole(9)));
    for length in [0, NodeStatement::TLS_BYTES_MAX + 1] {
        let mut other = statement();
        other.tls = vec![0; length];
        assert_eq!(
            NodeStatement::decode(&other.encode()),
            Err(StatementError::TlsLength(length))
        );
    }
}

#[test]
fn evidence_survives_its_encoding_and_has_no_other() {
    for tee in Tee::ALL {
        let evidence = Evidence::new(tee, vec![7; 1000]).expect("short evidence");
        let encoded = evidence.encode();
        assert_eq!(Evidence::decode(&encoded), Ok(evidence));
        let longer = [encoded.as_slice(), &[0]].concat();
        assert_eq!(Evidence::decode(&longer), Err(EvidenceError::Malformed));
        assert!(Evidence::decode(&encoded[..encoded.len() - 1]).is_err());
    }
}

#[test]
fn evidence_is_refused_when_it_is_too_long_or_of_an_unknown_kind() {
    let long = vec![0; Evidence::BYTES_MAX + 1];
    assert_eq!(
        Evidence::new(Tee::Tdx, long.clone()),
        Err(EvidenceError::TooLong(long.len()))
    );
    let longer = vec![0; Evidence::TOTAL_BYTES_MAX + 1];
    assert_eq!(
        Evidence::decode(&longer),
        Err(EvidenceError::TooLong(longer.len()))
    );
    assert_eq!(
        Evidence::decode(&[0x82, 9, 0x40]),
        Err(EvidenceError::UnknownKind)
    );
    assert_eq!(
        Evidence::detect(b"MZ".to_vec()),
        Err(EvidenceError::UnknownKind)
    );
    assert_eq!(
        Evidence::detect(Vec::new()),
        Err(EvidenceError::UnknownKind)
    );
}

#[test]
fn endorsements_survive_their_encoding_and_have_no_other() {
    for endorsements in endorsements() {
        let encoded = endorsements.encode();
        assert_eq!(Endorsements::decode(&encoded), Ok(endorsements));
        let longer = [encoded.as_slice(), &[0]].concat();
        assert_eq!(
            Endorsements::decode(&longer),
            Err(EndorsementsError::Malformed)
        );
        for length in 0..encoded.len() {
            assert!(Endorsements::decode(&encoded[..length]).is_err());
        }
    }
}

#[test]
fn endorsements_are_refused_when_they_are_too_long_or_of_an_unknown_kind() {
    let long = vec![0; Endorsements::BYTES_MAX + 1];
    assert_eq!(
        Endorsements::decode(&long),
        Err(EndorsementsError::TooLong(long.len()))
    );
    assert_eq!(
        Endorsements::decode(&[0x81, 9]),
        Err(EndorsementsError::UnknownKind)
    );
    assert_eq!(
        Endorsements::intel_from_json("{\"tcb_info\": 1}"),
        Err(EndorsementsError::Malformed)
    );
}

fn composite() -> Evidence {
    let host = Evidence::new(Tee::Nitro, vec![8; 30]).expect("short evidence");
    let device = Evidence::new(Tee::Tdx, vec![9; 40])
        .and_then(|device| device.with_log(Kind::Dstack, b"[]".to_vec()))
        .expect("short evidence");
    Evidence::new(Tee::Tdx, vec![7; 50])
        .and_then(|lead| lead.with_log(Kind::Dstack, vec![1; 3]))
        .and_then(|lead| lead.with_log(Kind::Ccel, vec![2; 4]))
        .and_then(|lead| lead.with_part("host", host))
        .and_then(|lead| lead.with_part("device-1", device))
        .expect("small composite evidence")
}

#[test]
fn composite_evidence_survives_its_encoding_and_has_no_other() {
    let encoded = composite().encode();
    assert_eq!(Evidence::decode(&encoded), Ok(composite()));
    let names: Vec<_> = composite()
        .parts()
        .iter()
        .map(|p| p.name().to_owned())
        .collect();
    assert_eq!(names, ["host", "device-1"]);
    let kinds: Vec<_> = composite().logs().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Ccel, Kind::Dstack]);
    for length in 0..encoded.len() {
        assert!(Evidence::decode(&encoded[..length]).is_err());
    }
    let longer = [encoded.as_slice(), &[0]].concat();
    assert_eq!(Evidence::decode(&longer), Err(EvidenceError::Malformed));
    // Evidence without logs and parts has the short form only.
    assert_eq!(
        Evidence::decode(&[0x84, 2, 0x41, 7, 0x80, 0x80]),
        Err(EvidenceError::Malformed)
    );
    // Logs stand in the order of their kinds, each once.
    let logs = |first: u8, second: u8| {
        let log = |kind| [0x82, kind, 0x40];
        let head = [0x84, 2, 0x41, 7, 0x82].as_slice();
        Evidence::decode(&[head, &log(first), &log(second), &[0x80]].concat())
    };
    assert!(logs(1, 2).is_ok());
    assert_eq!(logs(2, 1), Err(EvidenceError::Malformed));
    assert_eq!(logs(1, 1), Err(EvidenceError::SecondLog(Kind::Ccel)));
    assert_eq!(logs(1, 9), Err(EvidenceError::UnknownKind));
}

#[test]
fn composite_evidence_is_bounded_in_parts_depth_names_and_bytes() {
    let small = || Evidence::new(Tee::Tdx, vec![7]).expect("short evidence");
    let part = |name: &str| small().with_part(name, small());
    for name in ["", "Host", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(part(name), Err(EvidenceError::PartName));
    }
    let one = part("a").expect("a part");
    assert_eq!(
        one.clone().with_part("a", small()),
        Err(EvidenceError::PartName)
    );
    assert_eq!(
        small().with_part("b", one.clone()),
        Err(EvidenceError::NestedPart)
    );
    let mut nested = vec![0x84, 2, 0x41, 7, 0x80, 0x81, 0x82, 0x61, b'b'];
    nested.extend(one.encode());
    assert_eq!(Evidence::decode(&nested), Err(EvidenceError::NestedPart));
    let full = (0..Evidence::PARTS_MAX).fold(small(), |lead, index| {
        lead.with_part(&format!("p{index}"), small())
            .expect("a part")
    });
    assert_eq!(
        full.with_part("p8", small()),
        Err(EvidenceError::TooManyParts)
    );
    let nitro = Evidence::new(Tee::Nitro, vec![1]).expect("short evidence");
    assert_eq!(
        nitro.with_log(Kind::Ccel, vec![]),
        Err(EvidenceError::NoLog(Tee::Nitro))
    );
    let long = || vec![0; EventLog::BYTES_MAX];
    let two_logs = small()
        .with_log(Kind::Ccel, long())
        .and_then(|lead| lead.with_log(Kind::Dstack, long()));
    assert!(matches!(two_logs, Err(EvidenceError::TooLong(_))));
    let long_part = small().with_log(Kind::Ccel, long()).expect("one long log");
    let lead = small().with_part("a", long_part.clone()).expect("a part");
    assert!(matches!(
        lead.with_part("b", long_part),
        Err(EvidenceError::TooLong(_))
    ));
}

#[test]
fn composite_endorsements_survive_their_encoding_and_are_not_nested() {
    let [snp, _, intel, nitro] = endorsements();
    let parts = vec![intel, nitro.clone()];
    let composite = Endorsements::composite(snp.clone(), parts.clone()).expect("endorsements");
    assert_eq!(composite.lead(), &snp);
    assert_eq!(composite.parts(), parts);
    assert!(composite.fits(Tee::SevSnp) && !composite.fits(Tee::Tdx));
    let encoded = composite.encode();
    assert_eq!(Endorsements::decode(&encoded), Ok(composite.clone()));
    for length in 0..encoded.len() {
        assert!(Endorsements::decode(&encoded[..length]).is_err());
    }
    let nested = Endorsements::composite(nitro.clone(), vec![composite.clone()]);
    assert_eq!(nested, Err(EndorsementsError::Composite));
    let nested = [&[0x83, 0, 0x81, 3, 0x81], encoded.as_slice()].concat();
    assert_eq!(
        Endorsements::decode(&nested),
        Err(EndorsementsError::Composite)
    );
    let many = Endorsements::composite(nitro.clone(), vec![nitro; 9]);
    assert_eq!(many, Err(EndorsementsError::Composite));
}

#[test]
fn evidence_is_detected_in_every_form_that_is_seen_in_the_field() {
    let quote = |start: &[u8], length: usize| {
        let mut bytes = start.to_vec();
        bytes.resize(length, 0);
        Evidence::detect(bytes).map(|evidence| evidence.tee())
    };
    assert_eq!(quote(&[3, 0, 2, 0, 0, 0, 0, 0], 4734), Ok(Tee::Sgx));
    assert_eq!(quote(&[5, 0, 2, 0, 0, 0, 0, 0], 4734), Ok(Tee::Sgx));
    assert_eq!(quote(&[4, 0, 2, 0, 0x81, 0, 0, 0], 8000), Ok(Tee::Tdx));
    assert_eq!(quote(&[5, 0, 2, 0, 0x81, 0, 0, 0], 8000), Ok(Tee::Tdx));
    assert_eq!(quote(&[0x84, 0x44], 4000), Ok(Tee::Nitro));
    assert_eq!(quote(&[0xd2, 0x84, 0x44], 4000), Ok(Tee::Nitro));
    for version in 2..=5 {
        assert_eq!(quote(&[version, 0, 0, 0], 0x4a0), Ok(Tee::SevSnp));
    }
    assert_eq!(quote(&[3, 0, 0, 0], 0x49f), Err(EvidenceError::UnknownKind));
}

#[test]
fn mutated_bytes_never_panic_a_decoder() {
    let mut seeds = vec![
        statement().encode(),
        Evidence::new(Tee::Tdx, vec![7; 40])
            .expect("short evidence")
            .encode(),
    ];
    seeds.push(composite().encode());
    seeds.extend(endorsements().iter().map(Endorsements::encode));
    let [snp, _, intel, nitro] = endorsements();
    let joined = Endorsements::composite(snp, vec![intel, nitro]).expect("endorsements");
    seeds.push(joined.encode());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..10_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 56) as u8;
        }
        let statement = NodeStatement::decode(&bytes);
        assert!(statement.is_err() || statement.is_ok_and(|s| s.encode() == bytes));
        let evidence = Evidence::decode(&bytes);
        assert!(evidence.is_err() || evidence.is_ok_and(|e| e.encode() == bytes));
        let endorsements = Endorsements::decode(&bytes);
        assert!(endorsements.is_err() || endorsements.is_ok_and(|e| e.encode() == bytes));
    }
}
