//! Whether evidence speaks for what was asked. No judgement: only that the
//! back-end did not hand out another party's report.

use synod_attestation::Tee;

/// Length of an SEV-SNP report (56860, `ATTESTATION_REPORT`).
pub(crate) const SNP_REPORT_BYTES: usize = 0x4a0;

const SNP_REPORT_DATA: usize = 0x50;
/// Header of 48 bytes, then 320 bytes into the enclave's report.
const SGX_REPORT_DATA: usize = 48 + 320;
/// Header of 48 bytes, then 520 bytes into the body; a quote of version 5
/// has a descriptor of 6 bytes between them.
const TDX_REPORT_DATA: [(u8, usize); 2] = [(4, 48 + 520), (5, 48 + 6 + 520)];

/// The report data in evidence of `tee`, if the bytes are of that shape.
/// Nitro's documents are not looked into.
pub(crate) fn report_data(tee: Tee, evidence: &[u8]) -> Option<&[u8]> {
    let at = match tee {
        Tee::SevSnp => SNP_REPORT_DATA,
        Tee::Tdx => {
            let version = evidence.first()?;
            let known = TDX_REPORT_DATA.iter().find(|(known, _)| known == version)?;
            known.1
        }
        Tee::Sgx if evidence.first() == Some(&3) => SGX_REPORT_DATA,
        Tee::Sgx | Tee::Nitro => return None,
    };
    evidence.get(at..at + 64)
}
