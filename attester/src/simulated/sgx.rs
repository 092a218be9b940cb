//! A simulated enclave of Intel SGX: quote version 3.

use serde_json::{Value, json};
use synod_attestation::Endorsements;

use crate::{
    attester::AttesterError,
    simulated::{
        fault::Fault,
        intel::{
            CPU_SVN, CPU_SVN_OLD, DAY_S, Dates, FMSPC, INTEL_QE_VENDOR, IntelPlatform, PCE_SVN,
            QuotingEnclave, components,
        },
        keys::Keys,
    },
};

const QE: QuotingEnclave = QuotingEnclave {
    id: "QE",
    product: 1,
};
/// Attributes INIT, DEBUG, MODE64BIT (Intel SDM, volume 3D, `ATTRIBUTES`).
const INIT: u8 = 0x01;
const DEBUG: u8 = 0x02;
const MODE_64_BIT: u8 = 0x04;

pub(crate) struct SgxEnclave {
    platform: IntelPlatform,
    measurement: [u8; 32],
    signer: [u8; 32],
    cpu_svn: [u8; 16],
    attributes: u8,
}

impl SgxEnclave {
    pub(crate) fn new(
        measurement: [u8; 32],
        keys: &Keys,
        fault: Option<Fault>,
    ) -> Result<Self, AttesterError> {
        let cpu_svn = if fault == Some(Fault::OldFirmware) {
            CPU_SVN_OLD
        } else {
            CPU_SVN
        };
        let debug = if fault == Some(Fault::Debug) {
            DEBUG
        } else {
            0
        };
        Ok(Self {
            platform: IntelPlatform::new(keys, cpu_svn)?,
            measurement,
            signer: keys.bytes("sgx signer"),
            cpu_svn,
            attributes: INIT | MODE_64_BIT | debug,
        })
    }

    pub(crate) fn collect(
        &self,
        report_data: &[u8; 64],
        now_ms: u64,
    ) -> Result<(Vec<u8>, Endorsements), AttesterError> {
        let today_s = now_ms / 1000 / DAY_S * DAY_S;
        let from_s = today_s.saturating_sub(DAY_S);
        let chains = self.platform.chains(from_s)?;
        let quote = self.quote(report_data, &chains.pck);
        let collateral = self.platform.collateral(chains, from_s, QE, tcb_info)?;
        Ok((quote, Endorsements::Intel(Box::new(collateral))))
    }

    /// The quote, version 3 (Intel, "SGX ECDSA QuoteGenReference", appendix A.4).
    fn quote(&self, report_data: &[u8; 64], pck_chain: &str) -> Vec<u8> {
        let mut quote = Vec::with_capacity(8 * 1024);
        // Header: version, key type, reserved, SVNs of QE and PCE, vendor, user
        // data.
        quote.extend([3, 0, 2, 0, 0, 0, 0, 0, 6, 0, PCE_SVN, 0]);
        quote.extend(INTEL_QE_VENDOR);
        quote.extend([0; 20]);
        quote.extend(self.report(report_data));
        self.platform.sign(quote, QE, pck_chain)
    }

    /// The enclave's report (Intel SDM, volume 3D, `REPORTBODY`).
    fn report(&self, report_data: &[u8; 64]) -> [u8; 384] {
        let mut report = [0; 384];
        for (at, field) in [
            (0, self.cpu_svn.as_slice()),
            // Attributes and XFRM.
            (48, &[self.attributes, 0, 0, 0, 0, 0, 0, 0, 0xe7]),
            (64, &self.measurement),
            (128, &self.signer),
            // Product 1, security version 1.
            (256, &[1, 0, 1, 0]),
            (320, report_data),
        ] {
            report[at..at + field.len()].copy_from_slice(field);
        }
        report
    }
}

/// TCB information with a current and an outdated level of the platform.
fn tcb_info(dates: &Dates) -> Value {
    json!({
        "id": "SGX", "version": 3, "issueDate": dates.issued, "nextUpdate": dates.next,
        "fmspc": hex::encode_upper(FMSPC), "pceId": "0000", "tcbType": 0,
        "tcbEvaluationDataNumber": 20,
        "tcbLevels": [
            { "tcb": { "sgxtcbcomponents": components(&CPU_SVN), "pcesvn": PCE_SVN },
              "tcbDate": "2025-11-12T00:00:00Z", "tcbStatus": "UpToDate" },
            { "tcb": { "sgxtcbcomponents": components(&CPU_SVN_OLD), "pcesvn": PCE_SVN },
              "tcbDate": "2023-08-09T00:00:00Z", "tcbStatus": "OutOfDate",
              "advisoryIDs": ["INTEL-SA-00828"] },
        ],
    })
}

#[cfg(test)]
mod tests;
