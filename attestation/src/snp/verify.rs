//! From an SEV-SNP report to claims.

use synod_crypto::ecdsa;

use crate::{
    anchors::Anchors,
    endorsements::SnpEndorsements,
    snp::{
        chain::{CheckedChain, KeyOwner},
        claims::{GuestPolicy, KeyInfo, Mitigations, PlatformInfo, SigningKey, SnpClaims},
        error::SnpError,
        product::{Product, TcbVersion},
        report::{Report, SIGNED_BYTES},
    },
};

/// Verifies a report and its chain at `now_ms` (Unix milliseconds).
pub fn verify(
    bytes: &[u8],
    endorsements: &SnpEndorsements,
    anchors: &Anchors,
    now_ms: u64,
) -> Result<(SnpClaims, CheckedChain), SnpError> {
    let report = Report::parse(bytes)?;
    let chain = CheckedChain::check(endorsements, anchors, now_ms)?;
    let claims = verify_parsed(bytes, &report, &chain)?;
    Ok((claims, chain))
}

/// Verifies a report with a chain that was checked before, at `now_ms` (Unix
/// milliseconds).
pub fn verify_report(
    bytes: &[u8],
    chain: &CheckedChain,
    now_ms: u64,
) -> Result<SnpClaims, SnpError> {
    let report = Report::parse(bytes)?;
    chain.check_window(now_ms)?;
    verify_parsed(bytes, &report, chain)
}

fn verify_parsed(
    bytes: &[u8],
    report: &Report,
    chain: &CheckedChain,
) -> Result<SnpClaims, SnpError> {
    check_product(report, chain)?;
    check_key(report, chain)?;
    check_tcb(report, chain)?;
    let chip_id_masked = check_chip(report, chain)?;
    ecdsa::verify_p384_sha384(
        chain.public_key(),
        &bytes[..SIGNED_BYTES],
        &report.signature,
    )
    .map_err(|_| SnpError::ReportSignature)?;
    Ok(claims(report, chain, chip_id_masked))
}

fn check_product(report: &Report, chain: &CheckedChain) -> Result<(), SnpError> {
    let Some(cpuid) = report.cpuid else {
        return Ok(());
    };
    let (family, model) = (cpuid.family, cpuid.model);
    let product =
        Product::of_cpuid(family, model).ok_or(SnpError::UnknownProduct { family, model })?;
    if product == Product::Venice {
        return Err(SnpError::ProductWithoutRoot(product));
    }
    if product != chain.product() {
        return Err(SnpError::ProductMismatch {
            report: product,
            chain: chain.product(),
        });
    }
    Ok(())
}

/// The chain must be of the kind of key that the report names, and a masked
/// VCEK signs nothing.
fn check_key(report: &Report, chain: &CheckedChain) -> Result<(), SnpError> {
    if report.key_kind != chain.key_kind() {
        return Err(SnpError::KeyKindMismatch {
            report: report.key_kind,
            chain: chain.key_kind(),
        });
    }
    let of_chip = matches!(chain.owner(), KeyOwner::Chip(_));
    if of_chip && KeyInfo(report.key_info).chip_key_masked() {
        return Err(SnpError::ChipKeyMasked);
    }
    Ok(())
}

/// The signing key is derived from the reported firmware, so the certificate
/// must name exactly that.
fn check_tcb(report: &Report, chain: &CheckedChain) -> Result<(), SnpError> {
    let certificate = chain.tcb();
    if certificate.to_bytes(chain.product()) != report.reported_tcb {
        return Err(SnpError::TcbMismatch {
            certificate,
            report: TcbVersion::from_bytes(chain.product(), report.reported_tcb),
        });
    }
    Ok(())
}

/// A VCEK belongs to one chip, which the host may mask in the report with
/// zeros; then the signature alone tells it. A VLEK belongs to no chip. Tells
/// whether the chip is masked.
fn check_chip(report: &Report, chain: &CheckedChain) -> Result<bool, SnpError> {
    let masked = report.chip_id == [0; 64];
    match chain.owner() {
        KeyOwner::Chip(chip_id) if !masked && report.chip_id != **chip_id => {
            Err(SnpError::ChipMismatch)
        }
        _ => Ok(masked),
    }
}

fn claims(report: &Report, chain: &CheckedChain, chip_id_masked: bool) -> SnpClaims {
    let tcb = |bytes| TcbVersion::from_bytes(chain.product(), bytes);
    let (signing_key, chip_id) = match chain.owner() {
        KeyOwner::Chip(chip_id) => (SigningKey::Vcek, **chip_id),
        KeyOwner::Fleet { csp_id } => {
            let csp_id = csp_id.clone();
            (SigningKey::Vlek { csp_id }, report.chip_id)
        }
    };
    SnpClaims {
        version: report.version,
        product: chain.product(),
        cpuid: report.cpuid,
        signing_key,
        key_info: KeyInfo(report.key_info),
        guest_svn: report.guest_svn,
        policy: GuestPolicy(report.policy),
        family_id: report.family_id,
        image_id: report.image_id,
        vmpl: report.vmpl,
        platform_info: PlatformInfo(report.platform_info),
        report_data: report.report_data,
        measurement: report.measurement,
        host_data: report.host_data,
        id_key_digest: report.id_key_digest,
        author_key_digest: report.author_key_digest,
        report_id: report.report_id,
        report_id_ma: report.report_id_ma,
        chip_id,
        chip_id_masked,
        current_tcb: tcb(report.current_tcb),
        reported_tcb: tcb(report.reported_tcb),
        committed_tcb: tcb(report.committed_tcb),
        launch_tcb: tcb(report.launch_tcb),
        current_firmware: report.current_firmware,
        committed_firmware: report.committed_firmware,
        mitigations: report
            .mitigations
            .map(|(launch, current)| Mitigations { launch, current }),
        chain_expires_ms: chain.expires_ms(),
        revocation_checked: chain.revocation_checked(),
    }
}
