//! From an SEV-SNP report to claims.

use synod_crypto::{Digest, ecdsa};

use crate::{
    endorsements::SnpEndorsements,
    snp::{
        chain::Chain,
        claims::{GuestPolicy, Mitigations, PlatformInfo, SigningKey, SnpClaims},
        error::SnpError,
        product::{Product, TcbVersion},
        report::{KeyKind, Report, SIGNED_BYTES},
    },
};

/// Verifies a report up to one of `roots` at `now_ms`; the root's digest comes
/// with the claims.
pub(crate) fn verify(
    bytes: &[u8],
    endorsements: &SnpEndorsements,
    roots: &[(Product, Digest)],
    now_ms: u64,
) -> Result<(SnpClaims, Digest), SnpError> {
    let report = Report::parse(bytes)?;
    let chain = Chain::verify(endorsements, report.key_kind, roots, now_ms / 1000)?;
    check_product(&report, &chain)?;
    check_tcb(&report, &chain)?;
    check_chip(&report, &chain)?;
    ecdsa::verify_p384_sha384(
        chain.signer_key()?,
        &bytes[..SIGNED_BYTES],
        &report.signature,
    )
    .map_err(|_| SnpError::ReportSignature)?;
    let root = chain.root;
    Ok((claims(&report, &chain)?, root))
}

fn check_product(report: &Report, chain: &Chain) -> Result<(), SnpError> {
    match report.product {
        Some(product) if product != chain.product => Err(SnpError::ProductMismatch {
            report: product,
            chain: chain.product,
        }),
        _ => chain.check_product_name(),
    }
}

/// The signing key is derived from the reported firmware, so the certificate
/// must name exactly that.
fn check_tcb(report: &Report, chain: &Chain) -> Result<(), SnpError> {
    let certificate = chain.tcb()?;
    if certificate.to_bytes(chain.product) != report.reported_tcb {
        return Err(SnpError::TcbMismatch {
            certificate,
            report: TcbVersion::from_bytes(chain.product, report.reported_tcb),
        });
    }
    Ok(())
}

/// A VCEK belongs to one chip. A VLEK belongs to none, and a host that masks
/// the chip's id leaves nothing to compare.
fn check_chip(report: &Report, chain: &Chain) -> Result<(), SnpError> {
    if report.key_kind == KeyKind::Vlek {
        return Ok(());
    }
    let chip_id = chain.chip_id()?;
    let expected = if report.chip_masked { [0; 64] } else { chip_id };
    if report.chip_id != expected {
        return Err(SnpError::ChipMismatch);
    }
    Ok(())
}

fn claims(report: &Report, chain: &Chain) -> Result<SnpClaims, SnpError> {
    let tcb = |bytes| TcbVersion::from_bytes(chain.product, bytes);
    let signing_key = match report.key_kind {
        KeyKind::Vcek => SigningKey::Vcek,
        KeyKind::Vlek => SigningKey::Vlek {
            csp_id: chain.csp_id()?,
        },
    };
    Ok(SnpClaims {
        version: report.version,
        product: chain.product,
        signing_key,
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
        chip_id: report.chip_id,
        current_tcb: tcb(report.current_tcb),
        reported_tcb: tcb(report.reported_tcb),
        committed_tcb: tcb(report.committed_tcb),
        launch_tcb: tcb(report.launch_tcb),
        mitigations: report
            .mitigations
            .map(|(launch, current)| Mitigations { launch, current }),
        chain_expires_ms: chain.expires_ms,
        revocation_checked: chain.revocation_checked,
    })
}
