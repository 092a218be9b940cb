//! From a quote to claims.

use synod_crypto::{Digest, ecdsa, sha256};

use crate::{
    intel::{
        chain::{self, Anchor},
        collateral::CheckedCollateral,
        error::{Chain, IntelError, Link},
        pck::PckExtension,
        quote::{Body, Quote},
        report::SgxReport,
        standing::Standing,
    },
    sgx::claims::SgxClaims,
    tdx::claims::TdxClaims,
};

/// What a genuine quote says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteClaims {
    /// Of an SGX enclave.
    Sgx(Box<SgxClaims>),
    /// Of a trust domain.
    Tdx(Box<TdxClaims>),
}

/// What the signatures of a quote prove by themselves: that some platform of
/// Intel's made it at some time. Whether that platform has been revoked or
/// broken since, nobody can say without collateral, so no policy takes this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturesOnly {
    /// Version of the quote.
    pub version: u16,
    /// What is attested.
    pub body: Body,
    /// What Intel certifies about the platform.
    pub pck: PckExtension,
    /// SHA-256 of the root certificate.
    pub root: Digest,
}

/// Verifies a quote with collateral that has been checked, at `now_ms`.
pub fn verify_quote(
    bytes: &[u8],
    collateral: &CheckedCollateral,
    now_ms: u64,
) -> Result<QuoteClaims, IntelError> {
    let quote = Quote::parse(bytes)?;
    let found = quote.body.tee();
    if found != collateral.tee() {
        return Err(IntelError::WrongTee {
            expected: collateral.tee(),
            found,
        });
    }
    collateral.check_time(now_ms)?;
    let checked = collateral.pck(&quote, now_ms / 1000)?;
    let pck = &checked.pck;
    collateral.check_platform(&pck.extension)?;
    let qe_report = check_signatures(&quote, pck.key()?)?;
    collateral.qe_identity.check_report(&qe_report)?;
    // What Intel says of the platform weighs more than how the quote is kept.
    let standing = Standing::of(&quote.body, &qe_report, &pck.extension, collateral)?;
    check_form(&quote)?;
    let expires_ms = collateral.window().and(checked.window).until_ms;
    let pck = checked.into_owned().pck.extension;
    let version = quote.version;
    Ok(match quote.body {
        Body::Sgx(report) => QuoteClaims::Sgx(Box::new(SgxClaims::new(
            version, *report, pck, standing, expires_ms,
        ))),
        Body::Tdx(report) => QuoteClaims::Tdx(Box::new(TdxClaims::new(
            version, *report, pck, standing, expires_ms,
        ))),
    })
}

/// Verifies the signatures of a quote up to the certificate `root` (DER), and
/// nothing that depends on time or on collateral. The PCK chain (PEM) may be
/// handed in where the quote holds none.
pub fn verify_signatures_only(
    bytes: &[u8],
    pck_chain: Option<&str>,
    root: &[u8],
) -> Result<SignaturesOnly, IntelError> {
    let quote = Quote::parse(bytes)?;
    let anchor = Anchor::parse(root)?;
    let handed_in = pck_chain.map(str::as_bytes);
    let pem = handed_in.or(quote.pck_chain());
    let [leaf, issuer, _] = anchor.open(Chain::Pck, pem.ok_or(IntelError::NoPckChain)?)?;
    let authority = chain::parse(Link::PckAuthority, &issuer)?;
    anchor.check_authority(&authority)?;
    let pck = anchor.check_pck(chain::parse(Link::Pck, &leaf)?, &authority)?;
    check_signatures(&quote, pck.key()?)?;
    check_form(&quote)?;
    Ok(SignaturesOnly {
        version: quote.version,
        body: quote.body,
        pck: pck.extension,
        root: anchor.certificate().digest(),
    })
}

/// Checks that the PCK vouches for the quoting enclave, it for the attestation
/// key, and that for the quote; gives back the quoting enclave's report.
fn check_signatures(quote: &Quote<'_>, pck: &[u8]) -> Result<SgxReport, IntelError> {
    ecdsa::verify_p256_sha256(pck, quote.qe_report, quote.qe_report_signature)
        .map_err(|_| IntelError::QeReportSignature)?;
    let qe_report = SgxReport::parse(quote.qe_report)?;
    let bound = sha256(&[quote.key, quote.qe_authentication]);
    let (digest, rest) = qe_report.report_data.split_at(32);
    if digest != bound.as_bytes() || rest.iter().any(|byte| *byte != 0) {
        return Err(IntelError::QeBinding);
    }
    // The key stands there without the mark of an uncompressed point (SEC 1,
    // 2.3.3).
    let mut point = [4; 65];
    point[1..].copy_from_slice(quote.key);
    ecdsa::verify_p256_sha256(&point, quote.signed, quote.signature)
        .map_err(|_| IntelError::QuoteSignature)?;
    Ok(qe_report)
}

/// Checks what no policy could accept in a quote whose signatures hold.
fn check_form(quote: &Quote<'_>) -> Result<(), IntelError> {
    if quote.trailing.iter().any(|byte| *byte != 0) {
        return Err(IntelError::Trailing);
    }
    match &quote.body {
        Body::Sgx(report) if !report.reserved_are_zero => Err(IntelError::Reserved),
        Body::Tdx(report) if report.attributes.reserved() != 0 => {
            Err(IntelError::ReservedAttributes(report.attributes.reserved()))
        }
        _ => Ok(()),
    }
}
