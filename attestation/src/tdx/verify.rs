//! From a TDX quote to claims.

use dcap_qvl::{
    QuoteClaims, QuoteCollateralV3, QuotePolicy, TcbStatus as QvlStatus,
    intel::extract_cert_chain,
    quote::{Quote, TDReport10},
    verify::QuoteVerifier,
};
use synod_crypto::{Digest, sha256};

use crate::{
    endorsements::IntelCollateral,
    intel::status::TcbStatus,
    tdx::{
        backend::Backend,
        claims::{TdAttributes, TdxClaims},
        error::TdxError,
    },
};

/// Verifies a quote up to the trusted root at `now_ms`; the root's digest
/// comes with the claims.
pub(crate) fn verify(
    bytes: &[u8],
    collateral: &IntelCollateral,
    trusted_root: &[u8],
    now_ms: u64,
) -> Result<(TdxClaims, Digest), TdxError> {
    check_kind(bytes)?;
    let root = check_root(bytes, collateral, trusted_root)?;
    let now_s = now_ms / 1000;
    // Debug and service domains are claims, for a policy to judge.
    let claims = QuoteVerifier::<Backend>::new_with_config(trusted_root.to_vec())
        .allow_debug(true)
        .allow_service_td(true)
        .verify_with_policy(
            bytes,
            to_qvl(collateral),
            now_s,
            &QuotePolicy::claims_only(now_s),
        )
        .map_err(|error| TdxError::of_dcap_qvl(format!("{error:#}")))?;
    check_tail(bytes)?;
    Ok((to_claims(&claims)?, root))
}

/// Only TDX quotes of versions 4 and 5 are read.
fn check_kind(bytes: &[u8]) -> Result<(), TdxError> {
    let version = number(bytes, 0, 2)?;
    if !(4..=5).contains(&version) {
        return Err(TdxError::UnknownKind(format!("quote version {version}")));
    }
    if number(bytes, 4, 4)? != 0x81 {
        return Err(TdxError::UnknownKind("not a TDX quote".to_owned()));
    }
    Ok(())
}

/// Some clouds pad quotes with zeros to a fixed length; nothing else may
/// follow one.
fn check_tail(bytes: &[u8]) -> Result<(), TdxError> {
    let body_end = match number(bytes, 0, 2)? {
        4 => 48 + 584,
        _ => 54 + number(bytes, 50, 4)?,
    };
    let end = body_end + 4 + number(bytes, body_end, 4)?;
    match bytes.get(end..) {
        Some(rest) if rest.iter().all(|byte| *byte == 0) => Ok(()),
        Some(_) => Err(TdxError::Trailing),
        None => Err(too_short()),
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize, TdxError> {
    let little_endian = bytes.get(at..at + length).ok_or_else(too_short)?;
    let fold = |number, byte: &u8| (number << 8) | usize::from(*byte);
    Ok(little_endian.iter().rev().fold(0, fold))
}

fn too_short() -> TdxError {
    TdxError::Malformed("too short".to_owned())
}

/// Names the root that the quote's chain ends in, so that a quote under
/// another root is refused for that reason. The trust itself does not rest on
/// this: the chain is verified up to the root that is passed to the verifier.
fn check_root(
    bytes: &[u8],
    collateral: &IntelCollateral,
    trusted_root: &[u8],
) -> Result<Digest, TdxError> {
    let last = match &collateral.pck_certificate_chain {
        Some(pem) => last_of_pem(pem)?,
        None => last_in_quote(bytes)?,
    };
    let found = sha256(&[&last]);
    if found != sha256(&[trusted_root]) {
        return Err(TdxError::RootNotTrusted { found });
    }
    Ok(found)
}

fn last_in_quote(bytes: &[u8]) -> Result<Vec<u8>, TdxError> {
    let quote = Quote::parse(bytes).map_err(|error| TdxError::Malformed(format!("{error:#}")))?;
    extract_cert_chain(&quote)
        .ok()
        .and_then(|mut chain| chain.pop())
        .ok_or(TdxError::NoPckChain)
}

fn last_of_pem(pem: &str) -> Result<Vec<u8>, TdxError> {
    let chain =
        x509_cert::Certificate::load_pem_chain(pem.as_bytes()).map_err(|_| TdxError::NoPckChain)?;
    chain
        .last()
        .and_then(|certificate| x509_cert::der::Encode::to_der(certificate).ok())
        .ok_or(TdxError::NoPckChain)
}

fn to_qvl(collateral: &IntelCollateral) -> QuoteCollateralV3 {
    QuoteCollateralV3 {
        pck_crl_issuer_chain: collateral.pck_crl_issuer_chain.clone(),
        root_ca_crl: collateral.root_ca_crl.clone(),
        pck_crl: collateral.pck_crl.clone(),
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain.clone(),
        tcb_info: collateral.tcb_info.clone(),
        tcb_info_signature: collateral.tcb_info_signature.clone(),
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain.clone(),
        qe_identity: collateral.qe_identity.clone(),
        qe_identity_signature: collateral.qe_identity_signature.clone(),
        pck_certificate_chain: collateral.pck_certificate_chain.clone(),
    }
}

fn to_claims(claims: &QuoteClaims) -> Result<TdxClaims, TdxError> {
    let report: &TDReport10 = claims
        .report
        .as_td10()
        .ok_or_else(|| TdxError::UnknownKind("not a TDX quote".to_owned()))?;
    let newer = claims.report.as_td15();
    Ok(TdxClaims {
        version: claims.header.version,
        attributes: TdAttributes(u64::from_le_bytes(report.td_attributes)),
        xfam: u64::from_le_bytes(report.xfam),
        mr_td: report.mr_td,
        mr_config_id: report.mr_config_id,
        mr_owner: report.mr_owner,
        mr_owner_config: report.mr_owner_config,
        rtmrs: [report.rt_mr0, report.rt_mr1, report.rt_mr2, report.rt_mr3],
        report_data: report.report_data,
        mr_seam: report.mr_seam,
        tee_tcb_svn: report.tee_tcb_svn,
        tee_tcb_svn2: newer.map(|newer| newer.tee_tcb_svn2),
        mr_service_td: newer.map(|newer| newer.mr_service_td),
        status: status(claims.tcb.status),
        advisories: claims.tcb.advisory_ids.clone(),
        tcb_date_ms: claims.platform.tcb_date_tag.saturating_mul(1000),
        evaluation_number: claims.tcb.eval_data_number,
        fmspc: claims.platform.pck.fmspc,
        ppid: claims.platform.pck.ppid.clone(),
        collateral_expires_ms: claims.earliest_expiration_date.saturating_mul(1000),
    })
}

fn status(status: QvlStatus) -> TcbStatus {
    match status {
        QvlStatus::UpToDate => TcbStatus::UpToDate,
        QvlStatus::SWHardeningNeeded => TcbStatus::SwHardeningNeeded,
        QvlStatus::ConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        QvlStatus::ConfigurationAndSWHardeningNeeded => {
            TcbStatus::ConfigurationAndSwHardeningNeeded
        }
        QvlStatus::TDRelaunchAdvised => TcbStatus::TdRelaunchAdvised,
        QvlStatus::TDRelaunchAdvisedConfigurationNeeded => {
            TcbStatus::TdRelaunchAdvisedConfigurationNeeded
        }
        QvlStatus::OutOfDate => TcbStatus::OutOfDate,
        QvlStatus::OutOfDateConfigurationNeeded => TcbStatus::OutOfDateConfigurationNeeded,
        QvlStatus::Revoked => TcbStatus::Revoked,
    }
}
