//! Why the verifiers disagree, where they do: what ours says, what the other
//! says, and the reason. A pair that is not here fails the comparison.

/// What ours says (its beginning), what the other says (its beginning), why.
pub type Row = (&'static str, &'static str, &'static str);

/// The reason of the first row that fits.
pub fn by(rows: &[Row], ours: &str, other: &str) -> Option<&'static str> {
    rows.iter()
        .find(|row| ours.starts_with(row.0) && other.starts_with(row.1))
        .map(|row| row.2)
}

/// SEV-SNP against `sev` 8.0.0. Ours is the stricter in each.
pub const SNP: &[Row] = &[
    (
        "refused: SignaturePadding",
        "genuine",
        "`sev` ignores the 24 bytes after R and S, which the format reserves as zero",
    ),
    (
        "refused: ReportSignature",
        "genuine",
        "`sev` hashes the report as it writes it again, so changed reserved bytes are lost",
    ),
    (
        "refused: Reserved",
        "genuine",
        "`sev` hashes the report as it writes it again, so changed reserved bytes are lost",
    ),
    (
        "refused: Certificate.Signer.Expired",
        "genuine",
        "`sev` does not look at validity",
    ),
    (
        "refused: Certificate.Signer.NotYetValid",
        "genuine",
        "`sev` does not look at validity",
    ),
    (
        "refused: Certificate.Ark.Expired",
        "genuine",
        "`sev` does not look at validity",
    ),
    (
        "refused: Certificate.Ark.NotYetValid",
        "genuine",
        "`sev` does not look at validity",
    ),
    (
        "refused: Certificate.Intermediate.Algorithm",
        "genuine",
        "the algorithm of the unsigned half of a certificate was changed; `sev` does not compare it",
    ),
    (
        "refused: Certificate.Signer.Algorithm",
        "genuine",
        "the algorithm of the unsigned half of a certificate was changed; `sev` does not compare it",
    ),
    (
        "refused: RootNotTrusted",
        "genuine",
        "`sev` takes the root from the caller and checks that it signed itself",
    ),
    (
        "refused: TcbMismatch",
        "genuine",
        "`sev` does not hold the certificate's firmware versions against the report's",
    ),
    (
        "refused: HardwareId",
        "genuine",
        "`sev` does not hold the certificate's hardware id against the report's chip id",
    ),
];

/// Nitro against `nsm-nitro-enclave-utils` 0.1.3.
pub const NITRO: &[Row] = &[];

/// SGX and TDX against `dcap-qvl` 0.7.1.
/// Ours is the stricter in each.
pub const INTEL: &[Row] = &[
    (
        "refused: Intel.Trailing",
        "genuine",
        "`dcap-qvl` reads the quote that its lengths describe, whatever follows it",
    ),
    (
        "refused: Intel.RootNotTrusted",
        "genuine",
        "`dcap-qvl` does not look at the root that stands in a chain, only at the one it was given",
    ),
    (
        "refused: Intel.ChainLength",
        "genuine",
        "`dcap-qvl` does not look at the root that stands in a chain, so it may be missing",
    ),
    (
        "refused: Intel.Pem",
        "genuine",
        "the text around or inside the PEM of a chain was changed; `dcap-qvl` reads it leniently",
    ),
    (
        "refused: Intel.Certificate.PckAuthority",
        "genuine",
        "the issuer of the PCK revocation list was changed in its unsigned half, or its chain belongs to another list",
    ),
    (
        "refused: Intel.RootCrl.NotYetValid",
        "genuine",
        "`dcap-qvl` accepts a revocation list before its `thisUpdate`",
    ),
    (
        "refused: Intel.PckCrl.NotYetValid",
        "genuine",
        "`dcap-qvl` accepts a revocation list before its `thisUpdate`",
    ),
];
