//! Writes seeds for the fuzz targets of attestation and of all that carries it:
//! `cargo run --example seeds -- corpus`. All stem from simulated platforms.

use std::{fs, io, path::PathBuf};

use bytes::Bytes;
use minicbor::bytes::ByteVec;
use synod_attestation::{
    Credential, Endorsements, IntelCollateral, NodeStatement, Policy, Role, Tee,
    eventlog::{EventLog, Kind},
    intel::{pck::PckExtension, pem::decode_chain, quote::Quote},
    simulated,
    snp::certificate_table,
};
use synod_attester::document_of;
use synod_channel::{End, Party, PeerFrame, Session, SessionClaim};
use synod_client::{Remembered, TrustFile, state_text};
use synod_crypto::{Digest, HpkeSecretKey, Secret, SigningKey, sha384};
use synod_endorser::{answer, folder::collateral_json, pem, record::Record};
use synod_fuzz::platforms::{NOW_MS, Platform, platforms};
use synod_governance::{Address, AttestedStatement, BlockRef, Join};

/// A folder with one folder for each target.
struct Corpus(PathBuf);

impl Corpus {
    fn add(&self, target: &str, name: &str, seed: impl AsRef<[u8]>) -> io::Result<()> {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{name}")), seed)
    }
}

fn main() -> io::Result<()> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "corpus".to_owned());
    let corpus = Corpus(PathBuf::from(folder));
    let platforms = platforms();
    for platform in platforms.iter().step_by(2) {
        // SGX and TDX differ in the quote only.
        if platform.evidence.tee() != Tee::Sgx {
            of_evidence(&corpus, platform)?;
        }
        match &platform.endorsements {
            Endorsements::Intel(collateral) => of_intel(&corpus, platform, collateral)?,
            Endorsements::Snp(snp) => {
                let parts = [&snp.signer, &snp.intermediate, &snp.root];
                of_snp(
                    &corpus,
                    platform,
                    &parts.map(Vec::as_slice),
                    snp.crl.as_deref(),
                )?;
            }
            _ => of_nitro(&corpus, platform)?,
        }
        if matches!(
            platform.endorsements,
            Endorsements::Nitro | Endorsements::Snp(_)
        ) {
            of_nodes(&corpus, platform)?;
        }
    }
    of_edits(&corpus, platforms.len() as u8)?;
    of_logs(&corpus)?;
    of_texts(&corpus)
}

/// Evidence as everything takes it.
fn of_evidence(corpus: &Corpus, platform: &Platform) -> io::Result<()> {
    let (evidence, endorsements) = (&platform.evidence, &platform.endorsements);
    let name = evidence.tee().name();
    corpus.add(
        "attestation_formats",
        &format!("{name}-evidence"),
        evidence.encode(),
    )?;
    corpus.add(
        "attestation_formats",
        &format!("{name}-endorsements"),
        endorsements.encode(),
    )?;
    let both = |length: [u8; 2], evidence: Vec<u8>| {
        [&length[..], &evidence, &endorsements.encode()].concat()
    };
    let encoded = evidence.encode();
    let length = (encoded.len() as u16).to_be_bytes();
    corpus.add("attestation_evidence", name, both(length, encoded))?;
    let bare = evidence.bytes().to_vec();
    let length = (bare.len() as u16).to_le_bytes();
    corpus.add("endorser_folder", name, both(length, bare))
}

fn of_intel(corpus: &Corpus, platform: &Platform, collateral: &IntelCollateral) -> io::Result<()> {
    let name = platform.evidence.tee().name();
    let quote = platform.evidence.bytes();
    corpus.add("attestation_intel_quote", name, quote)?;
    corpus.add(
        "attestation_intel_documents",
        &format!("{name}-tcb"),
        &collateral.tcb_info,
    )?;
    corpus.add(
        "attestation_intel_documents",
        &format!("{name}-qe"),
        &collateral.qe_identity,
    )?;
    let signature = hex(&collateral.tcb_info_signature);
    for (key, document) in [
        ("tcbInfo", &collateral.tcb_info),
        ("enclaveIdentity", &collateral.qe_identity),
    ] {
        let answer = format!(r#"{{"{key}":{document},"signature":"{signature}"}}"#);
        let cut = [
            answer::tcb_info(answer.as_bytes()),
            answer::qe_identity(answer.as_bytes()),
        ];
        assert!(
            cut.iter().any(Result::is_ok),
            "one of both is in the answer"
        );
        corpus.add("endorser_answers", &format!("{name}-{key}"), &answer)?;
    }
    let chain = &collateral.tcb_info_issuer_chain;
    corpus.add("endorser_answers", "chain", chain)?;
    let header = chain.replace('\n', "%0A").replace(' ', "%20");
    answer::chain_of_header(&header).expect("the header is sound");
    corpus.add("endorser_answers", "header", &header)?;
    let length = (quote.len() as u16).to_le_bytes();
    let json = collateral_json(collateral);
    corpus.add(
        "endorser_folder",
        "json",
        [&length[..], quote, json.as_bytes()].concat(),
    )?;
    let record = Record {
        url: "https://api.trustedservices.intel.com/tdx/certification/v4/tcb".to_owned(),
        fetched_ms: NOW_MS,
        header: Some(header),
        body: collateral.tcb_info.clone().into_bytes(),
    };
    of_record(corpus, &record)?;
    of_certificates(corpus, quote, collateral)
}

/// A record with its digest, and without it: the target can add it.
fn of_record(corpus: &Corpus, record: &Record) -> io::Result<()> {
    let whole = record.encode();
    corpus.add("endorser_record", "whole", &whole)?;
    corpus.add("endorser_record", "bare", &whole[..whole.len() - 34])
}

fn of_certificates(corpus: &Corpus, quote: &[u8], collateral: &IntelCollateral) -> io::Result<()> {
    let quote = Quote::parse(quote).expect("a simulated quote parses");
    let pem = quote.pck_chain().expect("it holds its chain");
    let chain = decode_chain(pem).expect("the chain is PEM");
    corpus.add("attestation_x509", "pck", &chain[0])?;
    corpus.add("attestation_x509", "pck-pem", pem)?;
    corpus.add("attestation_x509", "intel-list", &collateral.pck_crl)?;
    corpus.add("endorser_answers", "intel-list", &collateral.pck_crl)?;
    corpus.add(
        "endorser_answers",
        "intel-list-hex",
        hex(&collateral.root_ca_crl),
    )?;
    corpus.add("channel_certificate", "p256", &chain[0])?;
    corpus.add("channel_certificate", "pem", pem)?;
    // The extension of SGX begins with its identifier.
    let oid = [
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01,
    ];
    let found = chain[0].windows(oid.len()).position(|window| window == oid);
    let at = found.expect("a PCK certificate has the extension") + oid.len();
    // An octet string of up to 64 KiB, which holds it.
    let extension = &chain[0][at + 4..];
    let length = 4 + usize::from(u16::from_be_bytes([extension[2], extension[3]]));
    PckExtension::parse(&extension[..length]).expect("the extension is sound");
    corpus.add("attestation_x509", "pck-extension", &extension[..length])
}

fn of_snp(
    corpus: &Corpus,
    platform: &Platform,
    parts: &[&[u8]],
    list: Option<&[u8]>,
) -> io::Result<()> {
    let report = platform.evidence.bytes();
    corpus.add("attestation_snp", "report", report)?;
    corpus.add("attestation_snp", "pem", pem::encode(parts))?;
    let table = table(parts, list);
    certificate_table::parse(&table).expect("the table is sound");
    corpus.add("attestation_snp", "table", &table)?;
    corpus.add("attestation_x509", "rsa", parts[2])?;
    corpus.add("endorser_answers", "rsa", parts[2])?;
    corpus.add("endorser_answers", "amd-pem", pem::encode(&parts[1..]))?;
    if let Some(list) = list {
        corpus.add("attestation_x509", "amd-list", list)?;
    }
    let mut ours = report.to_vec();
    ours[0x50..0x90].fill(0x41);
    let mut response = [0, 1184_u32].map(u32::to_le_bytes).concat();
    response.extend([0; 24]);
    response.extend(&ours);
    corpus.add("attester_answers", "report", &response)?;
    // A good call, no words of firmware or host, no length needed.
    let mut call = vec![0; 7];
    call.extend(&response);
    call.resize(7 + 4000, 0);
    call.extend(&table);
    corpus.add("attester_answers", "sev-guest", &call)?;
    let tsm = tsm_files("sev_guest", &ours, &table[..100]);
    corpus.add("attester_files", "tsm-snp", tsm)
}

/// A table as a host hands it over (AMD 56421).
fn table(parts: &[&[u8]], list: Option<&[u8]>) -> Vec<u8> {
    const GUIDS: [u128; 4] = [
        0x63da_758d_e664_4564_adc5_f4b9_3be8_accd,
        0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782,
        0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae,
        0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea,
    ];
    let contents: Vec<&[u8]> = parts.iter().copied().chain(list).collect();
    let mut at = 24 * (contents.len() as u32 + 1);
    let mut table = Vec::new();
    for (guid, content) in GUIDS.iter().zip(&contents) {
        let mut guid = guid.to_be_bytes();
        guid[..4].reverse();
        guid[4..6].reverse();
        guid[6..8].reverse();
        table.extend(guid);
        table.extend(at.to_le_bytes());
        table.extend((content.len() as u32).to_le_bytes());
        at += content.len() as u32;
    }
    table.extend([0; 24]);
    table.extend(contents.concat());
    table
}

/// What configfs-tsm answers, in the order in which it is asked: an outcome
/// before each call, and before each file its length.
fn tsm_files(provider: &str, report: &[u8], table: &[u8]) -> Vec<u8> {
    let good = |content: &[u8]| {
        let length = (content.len() as u16).to_le_bytes();
        [&[1][..], &length, content].concat()
    };
    let counter = [1, 0, 0];
    let (made, removed, written) = ([1], [1], [1]);
    let name = good(provider.as_bytes());
    [
        // Opening: an entry, the driver's name.
        &made[..],
        &name,
        &removed,
        // A report: entry, name, counter, level, report data, report, table, counter, name.
        &made,
        &name,
        &counter,
        &good(b"0\n"),
        &written,
        &good(report),
        &good(table),
        &counter,
        &name,
        &removed,
    ]
    .concat()
}

fn of_nitro(corpus: &Corpus, platform: &Platform) -> io::Result<()> {
    let document = platform.evidence.bytes();
    corpus.add("attestation_nitro", "document", document)?;
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder
        .map(1)
        .and_then(|encoder| {
            encoder
                .str("Attestation")?
                .map(1)?
                .str("document")?
                .bytes(document)
        })
        .expect("writing to a vector cannot fail");
    let answer = encoder.into_writer();
    document_of(&answer).expect("the answer is sound");
    corpus.add("attester_answers", "nsm", &answer)?;
    corpus.add(
        "attester_answers",
        "nsm-device",
        [&[0], answer.as_slice()].concat(),
    )?;
    corpus.add(
        "attester_answers",
        "nsm-error",
        b"\xa1\x65Error\x6dInvalidArgument",
    )
}

/// What nodes tell each other.
fn of_nodes(corpus: &Corpus, platform: &Platform) -> io::Result<()> {
    let name = platform.evidence.tee().name();
    let identity = SigningKey::from_seed(&Secret::new([1; 32]));
    let statement = NodeStatement {
        identity: identity.public(),
        tls: vec![0x30; 91],
        hpke: HpkeSecretKey::from_seed(&Secret::new([2; 32])).public(),
        role: Role::Replica,
        context: Digest::from([3; 32]),
        nonce: Digest::from([4; 32]),
    };
    corpus.add("attestation_formats", "statement", statement.encode())?;
    let credential = Credential {
        statement: statement.clone(),
        evidence: platform.evidence.clone(),
        endorsements: Some(platform.endorsements.clone()),
    };
    let cmw = credential.to_cmw();
    corpus.add("attestation_cmw", name, cmw.to_cbor())?;
    if let (Tee::Nitro, Ok(json)) = (platform.evidence.tee(), cmw.to_json()) {
        corpus.add("attestation_cmw", "json", json)?;
    }
    let attested = AttestedStatement {
        statement,
        evidence: platform.evidence.clone(),
        endorsements: platform.endorsements.clone(),
    };
    let block = BlockRef {
        index: 3,
        hash: Digest::from([5; 32]),
    };
    let address = Address {
        public_url: "https://a.example:8001".to_owned(),
        peer: "a.example:8002".to_owned(),
    };
    corpus.add(
        "node_messages",
        &format!("{name}-attested"),
        cbor(&attested),
    )?;
    let join = Join::sign(attested, block, address, None, &identity);
    corpus.add("node_messages", &format!("{name}-join"), cbor(&join))?;
    corpus.add("node_messages", "identity", cbor(&identity.public()))?;
    corpus.add(
        "node_messages",
        "approvals",
        cbor(&vec![ByteVec::from(vec![
            0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40,
        ])]),
    )?;
    of_channel(corpus, &identity)
}

fn of_channel(corpus: &Corpus, identity: &SigningKey) -> io::Result<()> {
    let claim = SessionClaim {
        network: Digest::from([3; 32]),
        end: End::Opener,
        from: Party::Replica(1),
        to: Party::Replica(2),
        nonce: Some([9; 32]),
    };
    let session = Session::from_exporter([7; 32]);
    let proof = claim.prove(identity, &session);
    corpus.add("channel_session", "proof", proof.encode())?;
    let frame = PeerFrame {
        network: Digest::from([3; 32]),
        from: 1,
        to: 2,
        counter: 4,
        body: Bytes::from_static(b"a message"),
    };
    let frame = frame.encode().expect("it is short");
    corpus.add("channel_frame", "frame", &frame[4..])?;
    corpus.add(
        "channel_certificate",
        "frames",
        [&frame[..], &frame].concat(),
    )
}

/// Which evidence, which endorsements, minutes, then edits.
fn of_edits(corpus: &Corpus, platforms: u8) -> io::Result<()> {
    for which in 0..platforms {
        let add = |name: &str, edits: &[u8]| {
            let seed = [&[which, which, 0, 0, 0, 0], edits].concat();
            corpus.add("attestation_verify", &format!("{which}-{name}"), seed)
        };
        add("plain", &[])?;
        for field in 0..3 {
            add(&format!("flip-{field}"), &[field, 0x60, 0, 4, 1, 0x80])?;
        }
        let other = which ^ 1;
        corpus.add(
            "attestation_verify",
            &format!("{which}-crossed"),
            [which, other, 0, 0, 0, 0],
        )?;
        corpus.add(
            "attestation_verify",
            &format!("{which}-late"),
            [which, which, 0, 0, 1, 0],
        )?;
    }
    Ok(())
}

fn of_logs(corpus: &Corpus) -> io::Result<()> {
    let mut log = [1_u32, 3].map(u32::to_le_bytes).concat();
    log.extend([0; 20]);
    let header = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02\x01\0\0\0\x0c\0\x30\0\0";
    log.extend((header.len() as u32).to_le_bytes());
    log.extend(header);
    let events: [(u32, u32, &[u8]); 3] = [(1, 4, &[0; 4]), (2, 0x0d, b"kernel\0"), (4, 6, b"tag")];
    for (register, kind, data) in events {
        log.extend([register, kind, 1].map(u32::to_le_bytes).concat());
        log.extend([0x0c, 0]);
        log.extend(sha384(&[data]).as_ref());
        log.extend((data.len() as u32).to_le_bytes());
        log.extend(data);
    }
    log.extend([0xff; 8]);
    EventLog::parse(Kind::Ccel, &log).expect("the log is sound");
    corpus.add("attestation_ccel", "log", log)?;
    let digest = hex(&[0x11; 48]);
    let events = format!(
        r#"[{{"imr":0,"event_type":4,"digest":"{digest}","event":"","event_payload":""}},
        {{"imr":3,"event_type":134217729,"event":"app-id","event_payload":"00ff"}}]"#
    );
    EventLog::parse(Kind::Dstack, events.as_bytes()).expect("the log is sound");
    corpus.add("attestation_dstack_log", "log", events)?;
    Ok(())
}

fn of_texts(corpus: &Corpus) -> io::Result<()> {
    for policy in [
        Policy::production(&[]),
        Policy::strict_physical(&[]),
        Policy::development(&[]),
    ] {
        let name = policy.digest().to_string();
        corpus.add("attestation_policy", &name[..8], policy.to_toml())?;
    }
    let trust = TrustFile {
        network: Digest::from([7; 32]),
        urls: vec!["https://[::1]:8001".parse().expect("an address")],
        service_ca: Some(pem::encode(&[simulated::INTEL_ROOT])),
        policy: Some(Policy::baseline()),
        apps: Vec::new(),
    };
    corpus.add("client_trust", "file", trust.to_toml())?;
    let state = state_text(&Remembered::new(trust.network)).expect("small numbers");
    corpus.add("client_trust", "state", &state)?;
    let (_, body) = state.split_once('\n').expect("a line for the checksum");
    let digest = Digest::from([8; 32]);
    let configuration = format!("{body}\n[configuration]\nnumber = 3\ndigest = \"{digest}\"\n");
    corpus.add("client_trust", "state-body", configuration)?;
    corpus.add("client_trust", "url", "https://a.example:8001")?;
    let machine = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n\
        model name\t: AMD EPYC\nmicrocode\t: 0xa101148\nflags\t\t: fpu sev_snp hypervisor\n\n\
        processor\t: 1\n";
    let texts = [
        machine,
        "6.1.0-13-amd64\n",
        "Amazon EC2",
        "m7a.large",
        "Y",
        "1",
        "sev_guest",
    ];
    corpus.add("attester_detection", "machine", texts.join("\0"))?;
    corpus.add("api_bound", "two", b"\0\x01\x01ak\0\x01\x01bk")?;
    let txn = r#"{"compares":[],"operations":[]}"#;
    corpus.add("api_bound", "txn", format!("\x03\0\0{txn}\x03\0\0{txn}"))?;
    of_keys(corpus)
}

/// Id, two secrets, the service's key.
fn of_keys(corpus: &Corpus) -> io::Result<()> {
    let secret = |generation: u64| (generation, ByteVec::from(vec![6; 32]));
    let ring = (
        2_u64,
        vec![secret(0), secret(1)],
        ByteVec::from(vec![8; 32]),
    );
    corpus.add("replica_keys", "ring", cbor(&ring))
}

fn cbor(value: &impl minicbor::Encode<()>) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory does not fail")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
