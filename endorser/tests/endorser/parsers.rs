//! Parsers of outside bytes meet damaged bytes: they may refuse, never panic,
//! and what they let pass is within its bounds.

use synod_attestation::{Evidence, Tee};
use synod_endorser::{
    answer::{self, CHAIN_HEADER_BYTES_MAX},
    bundle::{Bundle, CANDIDATES_MAX},
    part::CRL_BYTES_MAX,
    pem,
    platform::Platform,
    quote,
    record::Record,
};

use crate::service::{
    Act,
    scene::{Scene, percent_encoded, signed_page},
};

/// Numbers that look random and are the same every time (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a length")
    }

    /// `bytes` with a few bytes changed, cut off, doubled or put in.
    fn damaged(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(damaged.len().max(1));
            let byte = self.next().to_le_bytes()[0];
            match self.below(4) {
                0 => damaged.truncate(at),
                1 => damaged.insert(at.min(damaged.len()), byte),
                2 => damaged.extend_from_within(at.min(damaged.len())..),
                _ => {
                    if let Some(found) = damaged.get_mut(at) {
                        *found = byte;
                    }
                }
            }
        }
        damaged
    }
}

fn page(scene: &Scene, field: &str) -> Vec<u8> {
    match signed_page(field, "x", scene.collateral()) {
        Act::Page(_, body) => body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_cut_out_of_an_answer_stands_there_word_for_word() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let tcb_info = page(&scene, "tcbInfo");
    let identity = page(&scene, "enclaveIdentity");
    let cut = answer::tcb_info(&tcb_info).expect("it is an answer");
    assert_eq!(cut.text, scene.collateral().tcb_info);
    let cut = answer::qe_identity(&identity).expect("it is an answer");
    assert_eq!(cut.text, scene.collateral().qe_identity);
    // White space and the order of keys are part of what was signed.
    let spaced = b" { \"signature\" : \"00\", \"tcbInfo\" : { \"b\" :1 , \"a\": [ ] } } ";
    let spaced =
        String::from_utf8_lossy(spaced).replace("\"00\"", &format!("\"{}\"", "00".repeat(64)));
    let cut = answer::tcb_info(spaced.as_bytes()).expect("it is an answer");
    assert_eq!(cut.text, "{ \"b\" :1 , \"a\": [ ] }");
    let mut seeded = Seeded(1);
    for _ in 0..3_000 {
        let damaged = seeded.damaged(&tcb_info);
        if let Ok(cut) = answer::tcb_info(&damaged) {
            let text = cut.text.as_bytes();
            assert!(damaged.windows(text.len()).any(|window| window == text));
            assert_eq!(cut.signature.len(), 64);
            let _ = answer::stated(&cut.text);
        }
    }
}

#[test]
fn an_answer_with_a_field_twice_or_one_too_many_is_refused() {
    let signature = "00".repeat(64);
    for body in [
        format!("{{\"tcbInfo\":{{}},\"tcbInfo\":{{}},\"signature\":\"{signature}\"}}"),
        format!("{{\"tcbInfo\":{{}},\"signature\":\"{signature}\",\"more\":1}}"),
        format!("{{\"tcbInfo\":{{}},\"signature\":\"{signature}\"}}x"),
        format!("{{\"enclaveIdentity\":{{}},\"signature\":\"{signature}\"}}"),
    ] {
        assert!(answer::tcb_info(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn chains_in_headers_are_read_within_their_bounds() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let chain = &scene.collateral().tcb_info_issuer_chain;
    let encoded = percent_encoded(chain);
    assert_eq!(answer::chain_of_header(&encoded).as_ref(), Ok(chain));
    assert!(answer::chain_of_header(&"a".repeat(CHAIN_HEADER_BYTES_MAX + 1)).is_err());
    let mut seeded = Seeded(2);
    for _ in 0..3_000 {
        let damaged = seeded.damaged(encoded.as_bytes());
        if let Ok(text) = std::str::from_utf8(&damaged)
            && let Ok(chain) = answer::chain_of_header(text)
        {
            let count = pem::certificates(chain.as_bytes())
                .expect("it was read")
                .len();
            assert!((2..=4).contains(&count));
        }
    }
}

#[test]
fn lists_are_known_in_der_in_pem_and_in_hexadecimal() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let der = &scene.collateral().pck_crl;
    let pem = pem::encode(&[der]).replace("CERTIFICATE", "X509 CRL");
    let digits = format!("{}\n", hex::encode(der));
    for form in [der.as_slice(), pem.as_bytes(), digits.as_bytes()] {
        assert_eq!(answer::revocation_list(form).as_ref(), Ok(der));
    }
    let mut seeded = Seeded(3);
    for form in [der.as_slice(), pem.as_bytes(), digits.as_bytes()] {
        for _ in 0..1_000 {
            if let Ok(list) = answer::revocation_list(&seeded.damaged(form)) {
                assert!(list.len() <= CRL_BYTES_MAX);
            }
        }
    }
}

#[test]
fn records_are_read_from_their_one_encoding_only() {
    let record = Record {
        url: "https://kds.test/x".to_owned(),
        fetched_ms: 1,
        header: Some("chain".to_owned()),
        body: vec![7; 300],
    };
    let encoded = record.encode();
    let mut seeded = Seeded(4);
    for _ in 0..5_000 {
        let damaged = seeded.damaged(&encoded);
        if let Ok(read) = Record::decode(&damaged) {
            assert_eq!(read.encode(), damaged);
        }
    }
}

#[test]
fn quotes_are_read_to_their_certification_data_and_no_further() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let bytes = scene.evidence.bytes();
    for length in 0..bytes.len() {
        assert!(quote::certification(&bytes[..length]).is_err(), "{length}");
    }
    let mut seeded = Seeded(5);
    for _ in 0..3_000 {
        let damaged = seeded.damaged(bytes);
        if let Ok(evidence) = Evidence::new(Tee::Tdx, damaged) {
            let _ = Platform::of(&evidence);
        }
    }
}

#[test]
fn folders_of_damaged_files_make_a_bounded_number_of_candidates() {
    let mut seeded = Seeded(6);
    for tee in [Tee::Tdx, Tee::SevSnp] {
        let scene = Scene::simulated(tee, 1);
        let platform = Platform::of(&scene.evidence).expect("it names its platform");
        let files: Vec<Vec<u8>> = scene
            .pages()
            .into_values()
            .filter_map(|act| match act {
                Act::Page(_, body) => Some(body),
                _ => None,
            })
            .chain([scene.endorsements.encode()])
            .collect();
        let mut bundle = Bundle::default();
        for round in 0..200 {
            for file in &files {
                bundle.take(file);
                bundle.take(&seeded.damaged(file));
            }
            if round % 50 == 0 {
                let candidates = bundle.candidates(&platform).unwrap_or_default();
                assert!(candidates.len() <= CANDIDATES_MAX);
            }
        }
    }
}
