//! A simulated trust domain of Intel TDX: quote version 4 under a PCK chain,
//! with complete collateral in the shape of PCS v4.

use std::time::Duration;

use serde_json::{Value, json};
use synod_attestation::{Endorsements, IntelCollateral, simulated};
use synod_crypto::{ecdsa::P256SigningKey, sha256};
use x509_cert::der::{DateTime, Decode, EncodePem, asn1::ObjectIdentifier, pem::LineEnding};

use crate::{
    attester::AttesterError,
    simulated::{
        certificate::{Issuer, IssuerKey, Profile, SubjectKey, name, subject},
        der,
        fault::Fault,
        keys::{self, Keys},
    },
};

const DAY_S: u64 = 24 * 3600;
/// Intel's collateral lasts thirty days.
const COLLATERAL_S: u64 = 30 * DAY_S;
const CERTIFICATE_S: u64 = 7 * 365 * DAY_S;

const PLATFORM_CA: &str = "Intel SGX PCK Platform CA";
const FMSPC: [u8; 6] = [0x50, 0x53, 0x59, 0x4e, 0x4f, 0x44];
const CPU_SVN: [u8; 16] = [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
const PCE_SVN: u8 = 11;
const QE_ISV_SVN: u16 = 6;
/// Module SVN, module version, late microcode.
const TEE_TCB_CURRENT: [u8; 16] = [8, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const TEE_TCB_OLD: [u8; 16] = [4, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const QE_MR_SIGNER: [u8; 32] = [0x51; 32];
const INTEL_QE_VENDOR: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];

pub(crate) struct TrustDomain {
    measurement: [u8; 48],
    ppid: [u8; 16],
    rtmrs: [u8; 192],
    tee_tcb_svn: [u8; 16],
    attributes: u64,
    root: P256SigningKey,
    platform_ca: P256SigningKey,
    tcb_signer: P256SigningKey,
    pck: P256SigningKey,
    attestation_key: P256SigningKey,
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
            measurement,
            ppid: keys.bytes("tdx ppid"),
            rtmrs: keys.bytes("tdx rtmrs"),
            tee_tcb_svn: if old { TEE_TCB_OLD } else { TEE_TCB_CURRENT },
            attributes: sept_ve_disable | u64::from(debug),
            root: keys::intel_root()?,
            platform_ca: keys.p256("tdx platform ca")?,
            tcb_signer: keys.p256("tdx tcb signer")?,
            pck: keys.p256("tdx pck")?,
            attestation_key: keys.p256("tdx attestation key")?,
        })
    }

    pub(crate) fn collect(
        &self,
        report_data: &[u8; 64],
        now_ms: u64,
    ) -> Result<(Vec<u8>, Endorsements), AttesterError> {
        let today_s = now_ms / 1000 / DAY_S * DAY_S;
        let from_s = today_s.saturating_sub(DAY_S);
        let chains = self.chains(from_s)?;
        let quote = self.quote(report_data, &chains.pck);
        let collateral = self.collateral(chains, from_s)?;
        Ok((quote, Endorsements::Intel(Box::new(collateral))))
    }

    fn chains(&self, from_s: u64) -> Result<Chains, AttesterError> {
        let root = self.root()?;
        let authority = root.issue(&Profile {
            common_name: PLATFORM_CA,
            key: SubjectKey::P256(self.platform_ca.public_sec1()),
            serial: 2,
            from_s,
            until_s: from_s + CERTIFICATE_S,
            authority: Some(0),
            extensions: Vec::new(),
        })?;
        let tcb_signer = root.issue(&Profile {
            common_name: "Intel SGX TCB Signing",
            key: SubjectKey::P256(self.tcb_signer.public_sec1()),
            serial: 3,
            from_s,
            until_s: from_s + CERTIFICATE_S,
            authority: None,
            extensions: Vec::new(),
        })?;
        let pck = self.platform_ca()?.issue(&Profile {
            common_name: "Intel SGX PCK Certificate",
            key: SubjectKey::P256(self.pck.public_sec1()),
            serial: 4,
            from_s,
            until_s: from_s + CERTIFICATE_S,
            authority: None,
            extensions: vec![(sgx(&[]), self.pck_extension())],
        })?;
        Ok(Chains {
            pck: pem(&[&pck, &authority, simulated::INTEL_ROOT])?,
            authority: pem(&[&authority, simulated::INTEL_ROOT])?,
            tcb_signer: pem(&[&tcb_signer, simulated::INTEL_ROOT])?,
        })
    }

    fn root(&self) -> Result<Issuer<'_>, AttesterError> {
        Ok(Issuer {
            name: subject(simulated::INTEL_ROOT)?,
            key: IssuerKey::P256(&self.root),
        })
    }

    fn platform_ca(&self) -> Result<Issuer<'_>, AttesterError> {
        Ok(Issuer {
            name: name(PLATFORM_CA)?,
            key: IssuerKey::P256(&self.platform_ca),
        })
    }

    /// The extension of a PCK certificate: PPID, TCB, PCE id, FMSPC, type
    /// (Intel, "PCK Certificate and CRL Profile Specification").
    fn pck_extension(&self) -> Vec<u8> {
        let components = CPU_SVN
            .iter()
            .zip(1..)
            .map(|(svn, component)| der::entry(&sgx(&[2, component]), der::integer(*svn)));
        let tcb: Vec<_> = components
            .chain([
                der::entry(&sgx(&[2, 17]), der::integer(PCE_SVN)),
                der::entry(&sgx(&[2, 18]), der::octets(&CPU_SVN)),
            ])
            .collect();
        der::sequence(&[
            der::entry(&sgx(&[1]), der::octets(&self.ppid)),
            der::entry(&sgx(&[2]), der::sequence(&tcb)),
            der::entry(&sgx(&[3]), der::octets(&[0, 0])),
            der::entry(&sgx(&[4]), der::octets(&FMSPC)),
            der::entry(&sgx(&[5]), der::enumerated(1)),
        ])
    }

    /// The quote, version 4 (Intel, "TDX DCAP Quoting Library API", appendix 3).
    fn quote(&self, report_data: &[u8; 64], pck_chain: &str) -> Vec<u8> {
        let mut quote = Vec::with_capacity(8 * 1024);
        // Header: version, key type, TEE, reserved, vendor, user data.
        quote.extend([4, 0, 2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]);
        quote.extend(INTEL_QE_VENDOR);
        quote.extend([0; 20]);
        self.body(&mut quote, report_data);
        let signature = self.attestation_key.sign(&quote);
        let key = self.attestation_key.public_sec1()[1..].to_vec();
        let certified = self.certify(&key, pck_chain);
        let length = signature.len() + key.len() + certified.len();
        quote.extend(le32(length));
        quote.extend(signature);
        quote.extend(key);
        quote.extend(certified);
        quote
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

    /// The quoting enclave's report on the attestation key, signed by the PCK.
    fn certify(&self, attestation_key: &[u8], pck_chain: &str) -> Vec<u8> {
        let authentication = [0; 32];
        let report = quoting_enclave(sha256(&[attestation_key, &authentication]).as_bytes());
        let mut inner = report.clone();
        inner.extend(self.pck.sign(&report));
        inner.extend([32, 0]);
        inner.extend(authentication);
        inner.extend([5, 0]);
        inner.extend(le32(pck_chain.len()));
        inner.extend(pck_chain.as_bytes());
        let mut certified = vec![6, 0];
        certified.extend(le32(inner.len()));
        certified.extend(inner);
        certified
    }

    fn collateral(&self, chains: Chains, from_s: u64) -> Result<IntelCollateral, AttesterError> {
        let until_s = from_s + COLLATERAL_S;
        let dates = (date(from_s)?, date(until_s)?);
        let tcb_info = tcb_info(&dates).to_string();
        let qe_identity = qe_identity(&dates).to_string();
        Ok(IntelCollateral {
            pck_crl_issuer_chain: chains.authority,
            root_ca_crl: self.root()?.revoke(&[], from_s, until_s)?,
            pck_crl: self.platform_ca()?.revoke(&[], from_s, until_s)?,
            tcb_info_issuer_chain: chains.tcb_signer.clone(),
            tcb_info_signature: self.tcb_signer.sign(tcb_info.as_bytes()),
            tcb_info,
            qe_identity_issuer_chain: chains.tcb_signer,
            qe_identity_signature: self.tcb_signer.sign(qe_identity.as_bytes()),
            qe_identity,
            pck_certificate_chain: None,
        })
    }
}

/// PEM chains, leaf first.
struct Chains {
    pck: String,
    authority: String,
    tcb_signer: String,
}

fn quoting_enclave(report_data: &[u8; 32]) -> Vec<u8> {
    let mut report = vec![0; 384];
    for (at, field) in [
        (0, CPU_SVN.as_slice()),
        // Attributes INIT, PROVISION_KEY, MODE64BIT, and XFRM.
        (48, &[0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7]),
        (64, &[0x9e; 32]),
        (128, &QE_MR_SIGNER),
        (256, &2_u16.to_le_bytes()),
        (258, &QE_ISV_SVN.to_le_bytes()),
        (320, report_data),
    ] {
        report[at..at + field.len()].copy_from_slice(field);
    }
    report
}

/// TCB information with a current and an outdated level of the module.
fn tcb_info((issued, next): &(String, String)) -> Value {
    let components =
        |svns: &[u8]| -> Vec<Value> { svns.iter().map(|svn| json!({ "svn": svn })).collect() };
    let zero_signer = "0".repeat(96);
    json!({
        "id": "TDX", "version": 3, "issueDate": issued, "nextUpdate": next,
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

fn qe_identity((issued, next): &(String, String)) -> Value {
    json!({
        "id": "TD_QE", "version": 2, "issueDate": issued, "nextUpdate": next,
        "tcbEvaluationDataNumber": 20,
        "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": hex::encode_upper(QE_MR_SIGNER), "isvprodid": 2,
        "tcbLevels": [{
            "tcb": { "isvsvn": QE_ISV_SVN }, "tcbDate": "2025-11-12T00:00:00Z",
            "tcbStatus": "UpToDate",
        }],
    })
}

fn date(seconds: u64) -> Result<String, AttesterError> {
    DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map(|date| date.to_string())
        .map_err(|_| AttesterError::Time(seconds.saturating_mul(1000)))
}

fn pem(chain: &[&[u8]]) -> Result<String, AttesterError> {
    let wrong = AttesterError::Encoding("a chain of certificates");
    chain
        .iter()
        .map(|der| {
            x509_cert::Certificate::from_der(der)
                .and_then(|certificate| certificate.to_pem(LineEnding::LF))
                .map_err(|_| wrong.clone())
        })
        .collect()
}

fn le32(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("a quote is shorter than 4 GiB")
        .to_le_bytes()
}

/// Intel's arc `1.2.840.113741.1.13.1`, continued.
fn sgx(arcs: &[u32]) -> ObjectIdentifier {
    let arc = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");
    arcs.iter().fold(arc, |oid, arc| {
        oid.push_arc(*arc).expect("the arcs are few and small")
    })
}

#[cfg(test)]
mod tests;
