//! What simulated SGX and TDX share: a platform of Intel with its PCK chain,
//! its quoting enclave, and complete collateral in the shape of PCS v4.

use std::time::Duration;

use serde_json::{Value, json};
use synod_attestation::{IntelCollateral, simulated};
use synod_crypto::{ecdsa::P256SigningKey, sha256};
use x509_cert::der::{DateTime, Decode, EncodePem, asn1::ObjectIdentifier, pem::LineEnding};

use crate::{
    attester::AttesterError,
    simulated::{
        certificate::{Issuer, IssuerKey, Profile, SubjectKey, name, subject},
        der,
        keys::{self, Keys},
    },
};

pub(crate) const DAY_S: u64 = 24 * 3600;
/// Intel's collateral lasts thirty days.
const COLLATERAL_S: u64 = 30 * DAY_S;
const CERTIFICATE_S: u64 = 7 * 365 * DAY_S;

pub(crate) const PLATFORM_CA: &str = "Intel SGX PCK Platform CA";
pub(crate) const FMSPC: [u8; 6] = [0x50, 0x53, 0x59, 0x4e, 0x4f, 0x44];
pub(crate) const CPU_SVN: [u8; 16] = [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
pub(crate) const CPU_SVN_OLD: [u8; 16] = [6, 6, 2, 2, 3, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0];
pub(crate) const PCE_SVN: u8 = 11;
pub(crate) const QE_ISV_SVN: u16 = 6;
const QE_MR_SIGNER: [u8; 32] = [0x51; 32];
pub(crate) const INTEL_QE_VENDOR: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];

/// One of Intel's quoting enclaves.
#[derive(Clone, Copy)]
pub(crate) struct QuotingEnclave {
    /// The id in its identity.
    pub(crate) id: &'static str,
    /// Its product id.
    pub(crate) product: u16,
}

/// A platform of Intel.
pub(crate) struct IntelPlatform {
    ppid: [u8; 16],
    cpu_svn: [u8; 16],
    root: P256SigningKey,
    pub(crate) platform_ca: P256SigningKey,
    pub(crate) tcb_signer: P256SigningKey,
    pub(crate) pck: P256SigningKey,
    pub(crate) attestation_key: P256SigningKey,
}

impl IntelPlatform {
    pub(crate) fn new(keys: &Keys, cpu_svn: [u8; 16]) -> Result<Self, AttesterError> {
        Ok(Self {
            ppid: keys.bytes("intel ppid"),
            cpu_svn,
            root: keys::intel_root()?,
            platform_ca: keys.p256("intel platform ca")?,
            tcb_signer: keys.p256("intel tcb signer")?,
            pck: keys.p256("intel pck")?,
            attestation_key: keys.p256("intel attestation key")?,
        })
    }

    pub(crate) fn chains(&self, from_s: u64) -> Result<Chains, AttesterError> {
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

    pub(crate) fn root(&self) -> Result<Issuer<'_>, AttesterError> {
        Ok(Issuer {
            name: subject(simulated::INTEL_ROOT)?,
            key: IssuerKey::P256(&self.root),
        })
    }

    pub(crate) fn platform_ca(&self) -> Result<Issuer<'_>, AttesterError> {
        Ok(Issuer {
            name: name(PLATFORM_CA)?,
            key: IssuerKey::P256(&self.platform_ca),
        })
    }

    /// The extension of a PCK certificate: PPID, TCB, PCE id, FMSPC, type
    /// (Intel, "PCK Certificate and CRL Profile Specification").
    pub(crate) fn pck_extension(&self) -> Vec<u8> {
        let components = self
            .cpu_svn
            .iter()
            .zip(1..)
            .map(|(svn, component)| der::entry(&sgx(&[2, component]), der::integer(*svn)));
        let tcb: Vec<_> = components
            .chain([
                der::entry(&sgx(&[2, 17]), der::integer(PCE_SVN)),
                der::entry(&sgx(&[2, 18]), der::octets(&self.cpu_svn)),
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

    /// The beginning of a quote, made whole: the attestation key's signature
    /// and what vouches for that key.
    pub(crate) fn sign(&self, mut quote: Vec<u8>, qe: QuotingEnclave, pck_chain: &str) -> Vec<u8> {
        let signature = self.attestation_key.sign(&quote);
        let key = &self.attestation_key.public_sec1()[1..];
        let mut certified = self.certify(key, qe, pck_chain);
        if quote[0] > 3 {
            certified = wrapped(&certified);
        }
        quote.extend(le32(signature.len() + key.len() + certified.len()));
        quote.extend(signature);
        quote.extend(key);
        quote.extend(certified);
        quote
    }

    /// The quoting enclave's report on the attestation key, signed by the PCK.
    pub(crate) fn certify(
        &self,
        attestation_key: &[u8],
        qe: QuotingEnclave,
        pck_chain: &str,
    ) -> Vec<u8> {
        let authentication = [0; 32];
        let report_data = sha256(&[attestation_key, &authentication]);
        let mut certified = self.qe_report(qe, report_data.as_bytes());
        certified.extend(self.pck.sign(&certified));
        certified.extend([32, 0]);
        certified.extend(authentication);
        certified.extend([5, 0]);
        certified.extend(le32(pck_chain.len()));
        certified.extend(pck_chain.as_bytes());
        certified
    }

    fn qe_report(&self, qe: QuotingEnclave, report_data: &[u8; 32]) -> Vec<u8> {
        let mut report = vec![0; 384];
        for (at, field) in [
            (0, self.cpu_svn.as_slice()),
            // Attributes INIT, PROVISION_KEY, MODE64BIT, and XFRM.
            (48, &[0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7]),
            (64, &[0x9e; 32]),
            (128, &QE_MR_SIGNER),
            (256, &qe.product.to_le_bytes()),
            (258, &QE_ISV_SVN.to_le_bytes()),
            (320, report_data),
        ] {
            report[at..at + field.len()].copy_from_slice(field);
        }
        report
    }

    /// Collateral that is valid from `from_s` on, with TCB information that
    /// `tcb_info` makes for its dates.
    pub(crate) fn collateral(
        &self,
        chains: Chains,
        from_s: u64,
        qe: QuotingEnclave,
        tcb_info: fn(&Dates) -> Value,
    ) -> Result<IntelCollateral, AttesterError> {
        let until_s = from_s + COLLATERAL_S;
        let dates = Dates {
            issued: date(from_s)?,
            next: date(until_s)?,
        };
        let tcb_info = tcb_info(&dates).to_string();
        let qe_identity = qe_identity(&dates, qe).to_string();
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

/// When a document was issued and when the next one comes, as it writes them.
pub(crate) struct Dates {
    pub(crate) issued: String,
    pub(crate) next: String,
}

/// PEM chains, leaf first.
pub(crate) struct Chains {
    pub(crate) pck: String,
    pub(crate) authority: String,
    pub(crate) tcb_signer: String,
}

/// Security versions as TCB information writes them.
pub(crate) fn components(svns: &[u8; 16]) -> Vec<Value> {
    svns.iter().map(|svn| json!({ "svn": svn })).collect()
}

fn qe_identity(dates: &Dates, qe: QuotingEnclave) -> Value {
    json!({
        "id": qe.id, "version": 2, "issueDate": dates.issued, "nextUpdate": dates.next,
        "tcbEvaluationDataNumber": 20,
        "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": hex::encode_upper(QE_MR_SIGNER), "isvprodid": qe.product,
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

pub(crate) fn pem(chain: &[&[u8]]) -> Result<String, AttesterError> {
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

/// From version 4 on, what vouches for the attestation key stands within
/// certification data of type 6.
pub(crate) fn wrapped(certified: &[u8]) -> Vec<u8> {
    [&[6, 0][..], &le32(certified.len()), certified].concat()
}

pub(crate) fn le32(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("a quote is shorter than 4 GiB")
        .to_le_bytes()
}

/// Intel's arc `1.2.840.113741.1.13.1`, continued.
pub(crate) fn sgx(arcs: &[u32]) -> ObjectIdentifier {
    let arc = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");
    arcs.iter().fold(arc, |oid, arc| {
        oid.push_arc(*arc).expect("the arcs are few and small")
    })
}
