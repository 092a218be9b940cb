//! States of Intel's platforms, freshly signed: evidence and collateral that
//! differ from the simulated ones in what they say, under signatures that hold.
//!
//! A change of bytes mostly breaks a signature, and then nothing behind the
//! signatures is looked at. Here the simulated vendor's published root key
//! certifies an authority, a signer of documents and a platform anew, and
//! these sign whatever was drawn: TCB levels, module and quoting enclave's
//! identities, security versions, bodies of quotes, revocation lists, dates.

mod authority;
mod documents;
mod draw;
mod platform;

use std::iter;

use rcgen::RevocationReason;
use serde_json::Value;
use synod_attestation::{
    Anchors, Details, Endorsements, MockRoots, ReportData, Tee, intel::pck::PckExtension,
    simulated, verify,
};
use synod_attester::{Attester, Simulated};

use crate::sets::Set;
use authority::{Authority, Entry, Key, Profile, Span};
use draw::Draw;
use platform::{Platform, Template};

const DAY_S: u64 = 24 * 3600;
/// When the simulated evidence is collected.
const NOW_S: u64 = 1_795_132_800;
/// Serial numbers; the root's own is 3.
const AUTHORITY: u64 = 0x21;
const SIGNER: u64 = 0x22;
const PCK: u64 = 0x1234_5678_9abc;
const SERIALS: [u64; 4] = [3, AUTHORITY, SIGNER, PCK];
const REASONS: [Option<RevocationReason>; 4] = [
    None,
    Some(RevocationReason::KeyCompromise),
    Some(RevocationReason::CertificateHold),
    Some(RevocationReason::Unspecified),
];

/// A simulated platform of `tee`, the keys of its vendor, and the draws.
pub struct States {
    tee: Tee,
    draw: Draw,
    template: Template,
    pck: PckExtension,
    tcb_info: Value,
    qe_identity: Value,
    keys: Keys,
}

struct Keys {
    root: Key,
    authority: Key,
    signer: Key,
    pck: Key,
    attestation: Key,
}

/// The chains of one case, in PEM.
struct Chains {
    authority: String,
    signer: String,
    pck: String,
}

impl States {
    /// States of platforms for `tee`, which is SGX or TDX, by `seed`.
    pub fn new(tee: Tee, seed: u64) -> Self {
        let mut attester = Simulated::new(tee, [0x4d; 48], [9; 32]).expect("it can be simulated");
        let quoted = attester.quote(&ReportData::from_statement(b"state"), NOW_S * 1000);
        let quoted = quoted.expect("the simulation answers");
        let Some(Endorsements::Intel(collateral)) = &quoted.endorsements else {
            unreachable!("the simulation endorses itself, and is of Intel");
        };
        let json = |text: &str| serde_json::from_str(text).expect("the documents are JSON");
        let anchors = Anchors::Simulated(MockRoots::published());
        let endorsements = quoted.endorsements.as_ref().expect("they are there");
        let claims = verify(&quoted.evidence, endorsements, &anchors, NOW_S * 1000);
        let pck = match claims.expect("the simulation is sound").details {
            Details::Tdx(tdx) => tdx.pck,
            Details::Sgx(sgx) => sgx.pck,
            _ => unreachable!("quotes are of SGX or TDX"),
        };
        Self {
            tee,
            draw: Draw::new(seed),
            template: Template::of(tee, quoted.evidence.bytes()),
            pck,
            tcb_info: json(&collateral.tcb_info),
            qe_identity: json(&collateral.qe_identity),
            keys: Keys {
                root: Key::root(),
                authority: Key::numbered(1),
                signer: Key::numbered(2),
                pck: Key::numbered(3),
                attestation: Key::numbered(4),
            },
        }
    }

    /// The next `count` states, each as a set to judge.
    pub fn sets(&mut self, count: usize) -> impl Iterator<Item = Set> {
        let mut number = 0;
        iter::from_fn(move || {
            number += 1;
            Some(self.next(format!("{} state {number}", self.tee)))
        })
        .take(count)
    }

    fn next(&mut self, id: String) -> Set {
        let platform = Platform::draw(&mut self.draw, &self.pck);
        let root = Authority::new("Intel SGX Root CA", &self.keys.root);
        let authority = Authority::new("Intel SGX PCK Platform CA", &self.keys.authority);
        let draw = &mut self.draw;
        let chains = chains(draw, &self.keys, [&root, &authority], &platform);
        let root_crl = root.revoke(&entries(draw), span(draw));
        let pck_crl = authority.revoke(&entries(draw), span(draw));
        let valid = span(draw);
        let tcb_info = documents::tcb_info(draw, &self.tcb_info, self.tee, &platform, valid);
        let valid = span(draw);
        let qe_identity = documents::qe_identity(draw, &self.qe_identity, valid);
        let signed = self.template.signed_part(draw, self.tee);
        let keys = [&self.keys.attestation, &self.keys.pck];
        let evidence = self.template.quote(draw, signed, keys, &chains.pck);
        let (tcb_info, qe_identity) = (tcb_info.to_string(), qe_identity.to_string());
        let sign = |text: &str| self.keys.signer.sign_fixed(text.as_bytes());
        let parts = [
            ("pck_crl_issuer_chain", chains.authority.into()),
            ("root_ca_crl", root_crl),
            ("pck_crl", pck_crl),
            ("tcb_info_issuer_chain", chains.signer.clone().into()),
            ("tcb_info_signature", sign(&tcb_info)),
            ("tcb_info", tcb_info.into()),
            ("qe_identity_issuer_chain", chains.signer.into()),
            ("qe_identity_signature", sign(&qe_identity)),
            ("qe_identity", qe_identity.into()),
        ];
        Set {
            id,
            evidence,
            parts: parts.map(|(name, part)| (name.to_owned(), part)).into(),
            now_ms: NOW_S * 1000 + draw.pick(&[0, 1, 999]),
        }
    }
}

fn chains(
    draw: &mut Draw,
    keys: &Keys,
    [root, authority]: [&Authority<'_>; 2],
    platform: &Platform,
) -> Chains {
    let of_authority = root.issue(Profile {
        common_name: "Intel SGX PCK Platform CA",
        key: &keys.authority,
        serial: AUTHORITY,
        valid: span(draw),
        authority: true,
        sgx: None,
    });
    let of_signer = root.issue(Profile {
        common_name: "Intel SGX TCB Signing",
        key: &keys.signer,
        serial: SIGNER,
        valid: span(draw),
        authority: false,
        sgx: None,
    });
    let of_platform = authority.issue(Profile {
        common_name: "Intel SGX PCK Certificate",
        key: &keys.pck,
        serial: PCK,
        valid: span(draw),
        authority: false,
        sgx: Some(platform.extension()),
    });
    Chains {
        authority: pem(&[&of_authority, simulated::INTEL_ROOT]),
        signer: pem(&[&of_signer, simulated::INTEL_ROOT]),
        pck: pem(&[&of_platform, &of_authority, simulated::INTEL_ROOT]),
    }
}

/// A span of time that mostly holds now; its ends may be now to the second.
fn span(draw: &mut Draw) -> Span {
    let day = |draw: &mut Draw| 1 + draw.below(20 * DAY_S);
    let mut span = Span {
        from_s: NOW_S - day(draw),
        until_s: NOW_S + day(draw),
    };
    if draw.one_in(120) {
        span.from_s = draw.pick(&[NOW_S - 1, NOW_S, NOW_S, NOW_S + 1]);
        span.until_s = span.until_s.max(NOW_S + 2);
    } else if draw.one_in(120) {
        span.until_s = draw.pick(&[NOW_S - 1, NOW_S, NOW_S, NOW_S + 1]);
        span.from_s = span.from_s.min(NOW_S - 2);
    }
    span
}

/// Entries of a revocation list: none, others', or our own.
fn entries(draw: &mut Draw) -> Vec<Entry> {
    if !draw.one_in(6) {
        return Vec::new();
    }
    let count = 1 + draw.below(3);
    let entry = |_| Entry {
        serial: match draw.below(12) {
            0 => draw.pick(&SERIALS),
            other => 0x4000 + other,
        },
        at_s: draw.pick(&[NOW_S - DAY_S, NOW_S + DAY_S]),
        reason: draw.pick(&REASONS),
    };
    (0..count).map(entry).collect()
}

fn pem(chain: &[&[u8]]) -> String {
    let one = |der: &&[u8]| {
        pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, der)
            .expect("a certificate is short")
    };
    chain.iter().map(one).collect()
}
