//! SGX and TDX: ours, and `dcap-qvl`.

use std::{fs, path::Path};

use dcap_qvl::{
    PckCertFlag, PckIdentity, QuoteCollateralV3, QuotePolicy, config::Config,
    configs::RustCryptoConfig, verify::QuoteVerifier,
};
use serde_json::{Value, json};
use synod_attestation::{
    Anchors, Details, Endorsements, Evidence, VerifyError, anchors::VendorRoots,
    intel::pck::PckExtension, verify,
};

use crate::{
    Outcome,
    compare::variants,
    sets::{Loaded, Set},
};

const TEXTS: [&str; 5] = [
    "pck_crl_issuer_chain",
    "tcb_info_issuer_chain",
    "tcb_info",
    "qe_identity_issuer_chain",
    "qe_identity",
];
const BINARIES: [&str; 4] = [
    "root_ca_crl",
    "pck_crl",
    "tcb_info_signature",
    "qe_identity_signature",
];

/// The parts of a set.
pub fn load(folder: &Path) -> Loaded {
    let quote = fs::read(folder.join("quote.bin")).ok()?;
    let collateral = fs::read(folder.join("collateral.json")).ok()?;
    let collateral: Value = serde_json::from_slice(&collateral).ok()?;
    let text = |name: &str| {
        let value = collateral[name].as_str().unwrap_or_default();
        (name.to_owned(), value.as_bytes().to_vec())
    };
    let binary = |name: &str| {
        let (name, hexadecimal) = text(name);
        (name, hex(&hexadecimal))
    };
    let parts = TEXTS
        .iter()
        .map(|name| text(name))
        .chain(BINARIES.iter().map(|name| binary(name)));
    Some((quote, parts.collect()))
}

fn hex(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    text.chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn collateral_json(set: &Set) -> Option<String> {
    let mut object = serde_json::Map::new();
    for name in TEXTS {
        object.insert(name.to_owned(), json!(set.text(name)?));
    }
    for name in BINARIES {
        let text: String = set.part(name).iter().map(|b| format!("{b:02x}")).collect();
        object.insert(name.to_owned(), json!(text));
    }
    Some(Value::Object(object).to_string())
}

/// The set in our types, if it is in form at all.
pub fn material(set: &Set) -> Option<(Evidence, Endorsements)> {
    let evidence = Evidence::detect(set.evidence.clone()).ok()?;
    let endorsements = Endorsements::intel_from_json(&collateral_json(set)?).ok()?;
    Some((evidence, endorsements))
}

/// Ours, under Intel's own root.
pub fn ours(set: &Set) -> Outcome {
    ours_under(&Anchors::Vendor(VendorRoots::built_in()), set)
}

/// Ours, under these roots.
pub fn ours_under(anchors: &Anchors, set: &Set) -> Outcome {
    let refused = |reason: &str| Outcome::Refused(reason.to_owned());
    let Some((evidence, endorsements)) = material(set) else {
        return refused("not even in form");
    };
    match verify(&evidence, &endorsements, anchors, set.now_ms) {
        Ok(claims) => Outcome::Genuine(match claims.details {
            Details::Tdx(tdx) => Verdict {
                status: claims.tcb.to_string(),
                advisories: tdx.advisories,
                tcb_date_s: tdx.tcb_date_ms / 1000,
                evaluation_number: tdx.evaluation_number,
                expires_s: tdx.collateral_expires_ms / 1000,
                quoting_enclave: tdx.levels.quoting_enclave.status.to_string(),
                platform: platform(&tdx.pck),
            }
            .describe(),
            Details::Sgx(sgx) => Verdict {
                status: claims.tcb.to_string(),
                advisories: sgx.advisories,
                tcb_date_s: sgx.tcb_date_ms / 1000,
                evaluation_number: sgx.evaluation_number,
                expires_s: sgx.collateral_expires_ms / 1000,
                quoting_enclave: sgx.levels.quoting_enclave.status.to_string(),
                platform: platform(&sgx.pck),
            }
            .describe(),
            _ => unreachable!("quotes are of SGX or TDX"),
        }),
        Err(VerifyError::Mismatch { .. }) => refused("mismatch"),
        Err(error) => Outcome::Refused(variants(&error)),
    }
}

/// What both verifiers say of a genuine quote.
struct Verdict {
    status: String,
    advisories: Vec<String>,
    tcb_date_s: u64,
    evaluation_number: u32,
    expires_s: u64,
    quoting_enclave: String,
    platform: String,
}

impl Verdict {
    /// In words; of the advisories only which they are counts.
    fn describe(mut self) -> String {
        self.advisories.sort();
        self.advisories.dedup();
        let Self {
            status,
            advisories,
            tcb_date_s,
            evaluation_number,
            expires_s,
            quoting_enclave,
            platform,
        } = self;
        format!(
            "{status} {advisories:?}, TCB of {tcb_date_s}, evaluation {evaluation_number}, until \
             {expires_s}, quoting enclave {quoting_enclave}, platform {platform}"
        )
    }
}

fn platform(pck: &PckExtension) -> String {
    format!(
        "{:?}",
        (
            (&pck.ppid[..], pck.cpu_svn, pck.pce_svn, &pck.pce_id[..]),
            (pck.fmspc, pck.sgx_type as u8, pck.platform_instance),
            [pck.dynamic_platform, pck.cached_keys, pck.smt_enabled],
        )
    )
}

fn platform_of_other(pck: &PckIdentity) -> String {
    let flag = |flag: PckCertFlag| match flag {
        PckCertFlag::False => Some(false),
        PckCertFlag::True => Some(true),
        PckCertFlag::Undefined => None,
    };
    format!(
        "{:?}",
        (
            (&pck.ppid[..], pck.cpu_svn, pck.pce_svn, &pck.pce_id[..]),
            (pck.fmspc, pck.sgx_type, pck.platform_instance_id),
            [pck.dynamic_platform, pck.cached_keys, pck.smt_enabled].map(flag),
        )
    )
}

/// The other, with cryptography that is written in Rust as well.
pub fn other(set: &Set, root: &[u8]) -> Outcome {
    other_with::<RustCryptoConfig>(set, root)
}

/// The other, with some cryptography; `ring` is the fast one. Debug and service
/// domains are claims with us, so it allows them.
pub fn other_with<C: Config>(set: &Set, root: &[u8]) -> Outcome {
    let Some(collateral) = to_qvl(set) else {
        return Outcome::Refused("malformed collateral".to_owned());
    };
    let now_s = set.now_ms / 1000;
    let verified = QuoteVerifier::<C>::new_with_config(root.to_vec())
        .allow_debug(true)
        .allow_service_td(true)
        .verify_with_policy(
            &set.evidence,
            collateral,
            now_s,
            &QuotePolicy::claims_only(now_s),
        );
    match verified {
        Ok(claims) => Outcome::Genuine(
            Verdict {
                status: claims.tcb.status.to_string(),
                advisories: claims.tcb.advisory_ids,
                tcb_date_s: claims.platform.tcb_date_tag,
                evaluation_number: claims.tcb.eval_data_number,
                expires_s: claims.earliest_expiration_date,
                quoting_enclave: claims.qe.tcb_level.tcb_status.to_string(),
                platform: platform_of_other(&claims.platform.pck),
            }
            .describe(),
        ),
        Err(error) => Outcome::Refused(shortened(&format!("{error:#}"))),
    }
}

/// The message without numbers, so that equal reasons count as one.
fn shortened(message: &str) -> String {
    let text: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
    text.chars().take(100).collect()
}

fn to_qvl(set: &Set) -> Option<QuoteCollateralV3> {
    Some(QuoteCollateralV3 {
        pck_crl_issuer_chain: set.text("pck_crl_issuer_chain")?,
        root_ca_crl: set.part("root_ca_crl").to_vec(),
        pck_crl: set.part("pck_crl").to_vec(),
        tcb_info_issuer_chain: set.text("tcb_info_issuer_chain")?,
        tcb_info: set.text("tcb_info")?,
        tcb_info_signature: set.part("tcb_info_signature").to_vec(),
        qe_identity_issuer_chain: set.text("qe_identity_issuer_chain")?,
        qe_identity: set.text("qe_identity")?,
        qe_identity_signature: set.part("qe_identity_signature").to_vec(),
        pck_certificate_chain: None,
    })
}
