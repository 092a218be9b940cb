//! A simulated trust domain of Intel TDX: quote version 4.

use serde_json::{Value, json};
use synod_attestation::Endorsements;

use crate::{
    attester::AttesterError,
    simulated::{
        fault::Fault,
        intel::{
            CPU_SVN, DAY_S, Dates, FMSPC, INTEL_QE_VENDOR, IntelPlatform, PCE_SVN, QuotingEnclave,
            components,
        },
        keys::Keys,
    },
};

const TD_QE: QuotingEnclave = QuotingEnclave {
    id: "TD_QE",
    product: 2,
};
/// Module SVN, module version, late microcode.
const TEE_TCB_CURRENT: [u8; 16] = [8, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const TEE_TCB_OLD: [u8; 16] = [4, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(crate) struct TrustDomain {
    platform: IntelPlatform,
    measurement: [u8; 48],
    rtmrs: [u8; 192],
    tee_tcb_svn: [u8; 16],
    attributes: u64,
}

impl TrustDomain {
    pub(crate) fn new(
        measurement: [u8; 48],
        keys: &Keys,
        fault: Option<Fault>,
    ) -> Result<Self, AttesterError> {
        let sept_ve_disable = 1 << 28;
        let old = fault == Some(Fault::OldFirmware);
        let debug = fault == Some(Fault::Debug);
        Ok(Self {
            platform: IntelPlatform::new(keys, CPU_SVN)?,
            measurement,
            rtmrs: keys.bytes("tdx rtmrs"),
            tee_tcb_svn: if old { TEE_TCB_OLD } else { TEE_TCB_CURRENT },
            attributes: sept_ve_disable | u64::from(debug),
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
        let collateral = self.platform.collateral(chains, from_s, TD_QE, tcb_info)?;
        Ok((quote, Endorsements::Intel(Box::new(collateral))))
    }

    /// The quote, version 4 (Intel, "TDX DCAP Quoting Library API", appendix 3).
    fn quote(&self, report_data: &[u8; 64], pck_chain: &str) -> Vec<u8> {
        let mut quote = Vec::with_capacity(8 * 1024);
        // Header: version, key type, TEE, reserved, vendor, user data.
        quote.extend([4, 0, 2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]);
        quote.extend(INTEL_QE_VENDOR);
        quote.extend([0; 20]);
        self.body(&mut quote, report_data);
        self.platform.sign(quote, TD_QE, pck_chain)
    }

    fn body(&self, quote: &mut Vec<u8>, report_data: &[u8; 64]) {
        quote.extend(self.tee_tcb_svn);
        // MRSEAM, and MRSIGNERSEAM, which is zero for Intel's module.
        quote.extend([0x5e; 48]);
        quote.extend([0; 48]);
        // SEAM attributes, domain attributes, XFAM.
        quote.extend([0; 8]);
        quote.extend(self.attributes.to_le_bytes());
        quote.extend(0x0006_00e7_u64.to_le_bytes());
        quote.extend(self.measurement);
        // MRCONFIGID, MROWNER, MROWNERCONFIG.
        quote.extend([0; 3 * 48]);
        quote.extend(self.rtmrs);
        quote.extend(report_data);
    }
}

/// TCB information with a current and an outdated level of the module.
fn tcb_info(dates: &Dates) -> Value {
    let zero_signer = "0".repeat(96);
    json!({
        "id": "TDX", "version": 3, "issueDate": dates.issued, "nextUpdate": dates.next,
        "fmspc": hex::encode_upper(FMSPC), "pceId": "0000", "tcbType": 0,
        "tcbEvaluationDataNumber": 20,
        "tdxModule": {
            "mrsigner": zero_signer,
            "attributes": "0000000000000000", "attributesMask": "FFFFFFFFFFFFFFFF",
        },
        "tdxModuleIdentities": [{
            "id": "TDX_01", "mrsigner": zero_signer,
            "attributes": "0000000000000000", "attributesMask": "FFFFFFFFFFFFFFFF",
            "tcbLevels": [
                { "tcb": { "isvsvn": 8 }, "tcbDate": "2025-11-12T00:00:00Z",
                  "tcbStatus": "UpToDate" },
                { "tcb": { "isvsvn": 2 }, "tcbDate": "2023-08-09T00:00:00Z",
                  "tcbStatus": "OutOfDate", "advisoryIDs": ["INTEL-SA-01036"] },
            ],
        }],
        "tcbLevels": [{
            "tcb": {
                "sgxtcbcomponents": components(&CPU_SVN), "pcesvn": PCE_SVN,
                "tdxtcbcomponents": components(&[5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            },
            "tcbDate": "2025-11-12T00:00:00Z", "tcbStatus": "UpToDate",
        }],
    })
}

#[cfg(test)]
mod tests;
