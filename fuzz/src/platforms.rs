//! Simulated platforms, whose evidence is genuine under the published roots,
//! and what of evidence and endorsements somebody signed.

use synod_attestation::{
    Anchors, Claims, Endorsements, Evidence, IntelCollateral, MockRoots, ReportData,
    SnpEndorsements, Tee, intel::pem::decode_chain, intel::quote::Quote, nitro::document::Document,
    verify,
};
use synod_attester::{Attester as _, Simulated};

/// When the evidence is made (Unix milliseconds).
pub const NOW_MS: u64 = 1_795_132_800_000;

/// Genuine evidence, and what it comes to.
pub struct Platform {
    /// What the TEE emits.
    pub evidence: Evidence,
    /// What its vendor adds.
    pub endorsements: Endorsements,
    /// What both say, as they are.
    pub claims: Claims,
    /// What they say if no revocation list of SEV-SNP comes along.
    pub claims_without_list: Claims,
}

/// The roots of simulated platforms.
pub fn anchors() -> Anchors {
    Anchors::Simulated(MockRoots::published())
}

/// Two platforms of each kind.
///
/// # Panics
/// When the simulated attester gives no genuine evidence.
pub fn platforms() -> Vec<Platform> {
    let kinds = Simulated::TEES.into_iter();
    kinds
        .flat_map(|tee| [platform(tee, 1), platform(tee, 2)])
        .collect()
}

fn platform(tee: Tee, seed: u8) -> Platform {
    let mut attester = Simulated::new(tee, [0x30 + seed; 48], [seed; 32])
        .unwrap_or_else(|error| panic!("{tee} is simulated: {error}"));
    let quoted = attester
        .quote(&ReportData::from([0x40 + seed; 64]), NOW_MS)
        .unwrap_or_else(|error| panic!("{tee} gives evidence: {error}"));
    let evidence = quoted.evidence;
    let endorsements = quoted
        .endorsements
        .expect("simulated platforms endorse themselves");
    let claims = |endorsements| {
        verify(&evidence, endorsements, &anchors(), NOW_MS)
            .unwrap_or_else(|error| panic!("evidence of {tee} is genuine: {error}"))
    };
    Platform {
        claims: claims(&endorsements),
        claims_without_list: claims(&without_list(&endorsements)),
        evidence,
        endorsements,
    }
}

fn without_list(endorsements: &Endorsements) -> Endorsements {
    let mut endorsements = endorsements.clone();
    if let Endorsements::Snp(chain) = &mut endorsements {
        chain.crl = None;
    }
    endorsements
}

/// Everything in evidence and endorsements that somebody signed and that
/// whoever accepts them relied on, piece by piece. `None` if they are not even
/// of the right shape.
pub fn signed(evidence: &Evidence, endorsements: &Endorsements) -> Option<Vec<Vec<u8>>> {
    let bytes = evidence.bytes();
    match (evidence.tee(), endorsements) {
        (Tee::SevSnp, Endorsements::Snp(chain)) => of_snp(bytes, chain),
        (Tee::Tdx, Endorsements::Intel(collateral)) => of_intel(bytes, collateral),
        (Tee::Sgx, Endorsements::Intel(collateral)) => of_intel(bytes, collateral),
        (Tee::Nitro, Endorsements::Nitro) => of_nitro(bytes),
        _ => None,
    }
}

/// The report before its signature, and what was signed of certificates and
/// list.
fn of_snp(report: &[u8], chain: &SnpEndorsements) -> Option<Vec<Vec<u8>>> {
    let certificates = [&chain.signer, &chain.intermediate, &chain.root];
    let mut signed = vec![report.get(..0x2a0)?.to_vec()];
    for der in certificates.into_iter().chain(&chain.crl) {
        signed.push(to_be_signed(der)?);
    }
    Some(signed)
}

/// Header and body of the quote, the attestation key, the quoting enclave's
/// report, documents, lists and certificates.
fn of_intel(bytes: &[u8], collateral: &IntelCollateral) -> Option<Vec<Vec<u8>>> {
    // Header and body; a quote of version 4 wraps the enclave's report once more.
    let (body, wrapped) = match bytes.first()? {
        3 => (48 + 384, 0),
        _ => (48 + 584, 6),
    };
    let report = body + 4 + 128 + wrapped;
    let mut signed = vec![
        bytes.get(..body)?.to_vec(),
        bytes.get(body + 4 + 64..body + 4 + 128)?.to_vec(),
        bytes.get(report..report + 384)?.to_vec(),
        collateral.tcb_info.as_bytes().to_vec(),
        collateral.qe_identity.as_bytes().to_vec(),
        to_be_signed(&collateral.root_ca_crl)?,
        to_be_signed(&collateral.pck_crl)?,
    ];
    let quote = Quote::parse(bytes).ok()?;
    for der in decode_chain(quote.pck_chain()?).ok()?.iter().take(2) {
        signed.push(to_be_signed(der)?);
    }
    // The chain of the PCK list's issuer is a hint only: the quote holds that issuer.
    for chain in [
        &collateral.tcb_info_issuer_chain,
        &collateral.qe_identity_issuer_chain,
    ] {
        signed.push(to_be_signed(decode_chain(chain.as_bytes()).ok()?.first()?)?);
    }
    Some(signed)
}

/// The payload, whose one encoding need not be kept to, field by field.
fn of_nitro(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let document = Document::parse(bytes).ok()?;
    let fields = (
        document.module_id,
        document.timestamp_ms,
        document.pcrs,
        [document.public_key, document.user_data, document.nonce],
    );
    let mut signed = vec![format!("{fields:?}").into_bytes()];
    for der in document.chain.iter().chain([&document.certificate]) {
        signed.push(to_be_signed(der)?);
    }
    Some(signed)
}

/// What of a certificate or a list is signed: the first element of the outer
/// sequence (RFC 5280 §4.1, §5.1), with its header.
fn to_be_signed(der: &[u8]) -> Option<Vec<u8>> {
    let (header, _) = element(der)?;
    let inner = der.get(header..)?;
    let (header, length) = element(inner)?;
    Some(inner.get(..header + length)?.to_vec())
}

/// The lengths of an element's header and of its content.
fn element(der: &[u8]) -> Option<(usize, usize)> {
    match *der.get(1)? {
        short @ ..=0x7f => Some((2, usize::from(short))),
        0x81 => Some((3, usize::from(*der.get(2)?))),
        0x82 => Some((
            4,
            usize::from(u16::from_be_bytes([*der.get(2)?, *der.get(3)?])),
        )),
        _ => None,
    }
}
