//! A simulated guest of AMD SEV-SNP on EPYC Turin: report version 5 under a
//! VCEK, ASK and ARK chain.

use synod_attestation::{
    Endorsements, SnpEndorsements, simulated,
    snp::product::{Product, TcbVersion},
};
use synod_crypto::ecdsa::P384SigningKey;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    attester::AttesterError,
    simulated::{
        certificate::{Issuer, IssuerKey, Profile, SubjectKey, subject},
        der,
        fault::Fault,
        keys::{Keys, RsaKey},
    },
};

const REPORT_BYTES: usize = 0x4a0;
const SIGNED_BYTES: usize = 0x2a0;

const DAY_S: u64 = 24 * 3600;
/// AMD issues VCEKs for seven years.
const VCEK_YEARS_S: u64 = 7 * 365 * DAY_S;

const CURRENT: TcbVersion = TcbVersion {
    fmc: 1,
    bootloader: 1,
    tee: 1,
    snp: 4,
    microcode: 0x51,
};
const OLD: TcbVersion = TcbVersion {
    fmc: 0,
    bootloader: 1,
    tee: 0,
    snp: 2,
    microcode: 0x10,
};

pub(crate) struct SnpGuest {
    measurement: [u8; 48],
    chip_id: [u8; 8],
    report_id: [u8; 32],
    tcb: TcbVersion,
    policy: u64,
    vcek: P384SigningKey,
    ask: RsaKey,
    ark: RsaKey,
}

impl SnpGuest {
    pub(crate) fn new(
        measurement: [u8; 48],
        keys: &Keys,
        fault: Option<Fault>,
    ) -> Result<Self, AttesterError> {
        // ABI 0.31, SMT allowed, and the bit that is always one.
        let sound = 0x1f | 1 << 16 | 1 << 17;
        Ok(Self {
            measurement,
            chip_id: keys.bytes("snp chip"),
            report_id: keys.bytes("snp report id"),
            tcb: if fault == Some(Fault::OldFirmware) {
                OLD
            } else {
                CURRENT
            },
            policy: match fault {
                Some(Fault::Debug) => sound | 1 << 19,
                Some(Fault::Migratable) => sound | 1 << 18,
                _ => sound,
            },
            vcek: keys.p384("snp vcek")?,
            ask: RsaKey::ask()?,
            ark: RsaKey::ark()?,
        })
    }

    pub(crate) fn collect(
        &self,
        report_data: &[u8; 64],
        now_ms: u64,
    ) -> Result<(Vec<u8>, Endorsements), AttesterError> {
        let today_s = now_ms / 1000 / DAY_S * DAY_S;
        let yesterday_s = today_s.saturating_sub(DAY_S);
        let endorsements = SnpEndorsements {
            signer: self.vcek_certificate(yesterday_s, self.vcek_extensions())?,
            intermediate: simulated::AMD_ASK.to_vec(),
            root: simulated::AMD_ARK.to_vec(),
            crl: Some(self.revocation_list(&[], yesterday_s)?),
        };
        Ok((self.report(report_data), Endorsements::Snp(endorsements)))
    }

    /// The report, laid out as in 56860, `ATTESTATION_REPORT`.
    fn report(&self, report_data: &[u8; 64]) -> Vec<u8> {
        let tcb = self.tcb.to_bytes(Product::Turin);
        // SMT, ECC, alias check, and a bit that real Turin sets.
        let platform_info: u64 = 0b0110_0101;
        let mut report = vec![0; REPORT_BYTES];
        for (at, field) in [
            (0x00, 5_u32.to_le_bytes().as_slice()),
            (0x04, &1_u32.to_le_bytes()),
            (0x08, &self.policy.to_le_bytes()),
            (0x34, &1_u32.to_le_bytes()),
            (0x38, &tcb),
            (0x40, &platform_info.to_le_bytes()),
            (0x50, report_data),
            (0x90, &self.measurement),
            (0x140, &self.report_id),
            (0x160, &[0xff; 32]),
            (0x180, &tcb),
            // CPUID family, model, stepping of Turin.
            (0x188, &[0x1a, 0x02, 0x01]),
            (0x1a0, &self.chip_id),
            (0x1e0, &tcb),
            // Firmware 1.55, build 41: current and committed.
            (0x1e8, &[41, 55, 1, 0, 41, 55, 1, 0]),
            (0x1f0, &tcb),
            // Mitigation vectors at launch and now.
            (0x1f8, &0x3f_u64.to_le_bytes()),
            (0x200, &0x3f_u64.to_le_bytes()),
        ] {
            report[at..at + field.len()].copy_from_slice(field);
        }
        self.sign(&mut report);
        report
    }

    /// Signs a report: R and S little-endian, each in a field of 72 bytes.
    fn sign(&self, report: &mut [u8]) {
        let signature = self.vcek.sign(&report[..SIGNED_BYTES]);
        let (r, s) = signature.split_at(48);
        for (at, scalar) in [(SIGNED_BYTES, r), (SIGNED_BYTES + 72, s)] {
            let little_endian: Vec<u8> = scalar.iter().rev().copied().collect();
            report[at..at + 48].copy_from_slice(&little_endian);
        }
    }

    fn vcek_certificate(
        &self,
        from_s: u64,
        extensions: Vec<(ObjectIdentifier, Vec<u8>)>,
    ) -> Result<Vec<u8>, AttesterError> {
        let issuer = Issuer {
            name: subject(simulated::AMD_ASK)?,
            key: IssuerKey::RsaPss(&self.ask),
        };
        issuer.issue(&Profile {
            common_name: "SEV-VCEK",
            key: SubjectKey::P384(self.vcek.public_sec1()),
            serial: 0,
            from_s,
            until_s: from_s + VCEK_YEARS_S,
            authority: None,
            extensions,
        })
    }

    /// What a VCEK says (57230, certificate extensions).
    fn vcek_extensions(&self) -> Vec<(ObjectIdentifier, Vec<u8>)> {
        let version = |arc, value| (amd(&[3, arc]), der::integer(value));
        vec![
            (amd(&[1]), der::integer(1)),
            (amd(&[2]), der::text("Turin")),
            version(1, self.tcb.bootloader),
            version(2, self.tcb.tee),
            version(3, self.tcb.snp),
            version(8, self.tcb.microcode),
            version(9, self.tcb.fmc),
            // The chip's id stands here bare, without DER of its own.
            (amd(&[4]), self.chip_id.to_vec()),
        ]
    }

    fn revocation_list(&self, revoked: &[u32], from_s: u64) -> Result<Vec<u8>, AttesterError> {
        let issuer = Issuer {
            name: subject(simulated::AMD_ARK)?,
            key: IssuerKey::RsaPss(&self.ark),
        };
        issuer.revoke(revoked, from_s, from_s + 365 * DAY_S)
    }
}

/// AMD's arc `1.3.6.1.4.1.3704.1`, continued.
fn amd(arcs: &[u32]) -> ObjectIdentifier {
    let arc = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1");
    arcs.iter().fold(arc, |oid, arc| {
        oid.push_arc(*arc).expect("the arcs are few and small")
    })
}

#[cfg(test)]
mod tests;
