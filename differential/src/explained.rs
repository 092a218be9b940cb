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
        "refused: Certificate.Ark.Algorithm",
        "genuine",
        "the algorithm of the unsigned half of a certificate was changed; `sev` does not compare it",
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

/// Freshly signed states of SGX and TDX against `dcap-qvl` 0.7.1. Where only
/// ours accepts, a policy still judges what the claims say.
pub const INTEL_STATES: &[Row] = &[
    (
        "genuine",
        "refused: CrlExpired",
        "at `nextUpdate` to the second; Intel's verifier, too, counts that second in",
    ),
    (
        "genuine",
        "refused: Failed to verify certificate chain: CrlExpired",
        "at `nextUpdate` to the second; Intel's verifier, too, counts that second in",
    ),
    (
        "genuine",
        "refused: SGX TEE quote must have version ",
        "a quote of version 5 may hold an enclave's report; `dcap-qvl` reads those of version 3 only",
    ),
    (
        "genuine",
        "refused: TD migration is enabled",
        "a claim with us (`migratable`), which policies judge",
    ),
    (
        "genuine",
        "refused: SEPT_VE_DISABLE is not enabled",
        "a claim with us, which policies judge",
    ),
    (
        "genuine",
        "refused: SERVTD_EXT is enabled",
        "a claim with us; `dcap-qvl` refuses it in a body of TDX 1.0, whatever is allowed",
    ),
    (
        "refused: Intel.PceId",
        "genuine",
        "`dcap-qvl` does not hold the platform's PCE id against that of the TCB information",
    ),
    (
        "refused: Intel.TcbInfo.TcbType",
        "genuine",
        "`dcap-qvl` does not look at `tcbType`, which says how levels are compared",
    ),
    (
        "refused: Intel.TcbInfo.Version",
        "genuine",
        "`dcap-qvl` accepts TCB information of other versions if it has the form of version 3",
    ),
    (
        "refused: Intel.TcbInfo.Malformed",
        "genuine",
        "a status without a place there, or no TDX components, in a level that `dcap-qvl` did not get to",
    ),
    (
        "refused: Intel.QeIdentity.Malformed",
        "genuine",
        "a status without a place there, in a level that `dcap-qvl` did not get to",
    ),
    (
        "refused: Intel.QeBinding",
        "genuine",
        "`dcap-qvl` ignores the second half of the quoting enclave's report data, which the format sets to zero",
    ),
    (
        "refused: Intel.Reserved",
        "genuine",
        "`dcap-qvl` ignores reserved bytes of an enclave's report",
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
