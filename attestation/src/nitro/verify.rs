//! From a Nitro document to claims.
//!
//! Source: AWS, "Verifying the root of trust" of the Nitro Enclaves guide.

use synod_crypto::{Digest, ecdsa};

use crate::{
    nitro::{claims::NitroClaims, document::Document, error::NitroError},
    x509::{Certificate, CertificateError},
};

/// How far the clock that a document is dated by may differ from that of the
/// authority which issues its leaf.
const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

/// Verifies a document up to the trusted root at `now_ms`; the root's digest
/// comes with the claims.
pub(crate) fn verify(
    bytes: &[u8],
    trusted_root: &Digest,
    now_ms: u64,
) -> Result<(NitroClaims, Digest), NitroError> {
    let document = Document::parse(bytes)?;
    let chain = parse_chain(&document)?;
    let root = check_chain(&chain, trusted_root, now_ms / 1000)?;
    check_signature(&chain, &document)?;
    let chain_expires_ms = chain.iter().map(Certificate::expires_ms).min().unwrap_or(0);
    let claims = NitroClaims {
        module_id: document.module_id,
        timestamp_ms: document.timestamp_ms,
        pcrs: document.pcrs,
        user_data: document.user_data,
        nonce: document.nonce,
        public_key: document.public_key,
        chain_expires_ms,
    };
    Ok((claims, root))
}

/// The certificates from the root to the leaf. The document lists the
/// authorities in that order, and the leaf apart.
fn parse_chain(document: &Document) -> Result<Vec<Certificate>, NitroError> {
    document
        .chain
        .iter()
        .chain([&document.certificate])
        .enumerate()
        .map(|(position, der)| Certificate::parse(der).map_err(at(position)))
        .collect()
}

/// The root is pinned whole, so its signature over itself says no more.
fn check_chain(
    chain: &[Certificate],
    trusted_root: &Digest,
    now_s: u64,
) -> Result<Digest, NitroError> {
    let root = chain.first().ok_or(NitroError::ChainLength(0))?;
    if root.digest() != *trusted_root {
        return Err(NitroError::RootNotTrusted {
            found: root.digest(),
        });
    }
    for (position, certificate) in chain.iter().enumerate() {
        certificate.check_itself(now_s).map_err(at(position))?;
        certificate.p384_key().map_err(at(position))?;
    }
    for (position, pair) in chain.windows(2).enumerate() {
        let [issuer, issued] = pair else { continue };
        // Authorities between the issuer and the leaf, which is none.
        let below = chain.len() - 2 - position;
        issued
            .check_issued_by(issuer, below)
            .map_err(at(position + 1))?;
    }
    Ok(root.digest())
}

/// The NSM makes a leaf for the document, or takes one that it made less than
/// three hours ago.
fn check_timestamp(leaf: &Certificate, timestamp_ms: u64) -> Result<(), NitroError> {
    let (from_ms, until_ms) = (leaf.valid_from_ms(), leaf.expires_ms());
    let earliest_ms = from_ms.saturating_sub(CLOCK_SKEW_MS);
    let latest_ms = until_ms.saturating_add(CLOCK_SKEW_MS);
    if !(earliest_ms..=latest_ms).contains(&timestamp_ms) {
        return Err(NitroError::Timestamp {
            timestamp_ms,
            from_ms,
            until_ms,
        });
    }
    Ok(())
}

fn check_signature(chain: &[Certificate], document: &Document) -> Result<(), NitroError> {
    let leaf = chain.last().ok_or(NitroError::ChainLength(0))?;
    let position = chain.len() - 1;
    leaf.check_end_entity().map_err(at(position))?;
    check_timestamp(leaf, document.timestamp_ms)?;
    let key = leaf.p384_key().map_err(at(position))?;
    ecdsa::verify_p384_sha384(key, &document.signed, &document.signature)
        .map_err(|_| NitroError::DocumentSignature)
}

fn at(position: usize) -> impl Fn(CertificateError) -> NitroError {
    move |problem| NitroError::Certificate { position, problem }
}
