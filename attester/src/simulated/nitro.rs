//! A simulated AWS Nitro enclave: a COSE_Sign1 document under a chain that
//! ends in a certificate of three hours.

use coset::{CborSerializable, CoseSign1Builder, HeaderBuilder, iana};
use minicbor::Encoder;
use synod_attestation::{Endorsements, simulated};
use synod_crypto::ecdsa::P384SigningKey;

use crate::{
    attester::AttesterError,
    simulated::{
        certificate::{Issuer, IssuerKey, Profile, SubjectKey, name, subject},
        fault::Fault,
        keys::{self, Keys},
    },
};

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
const PCRS: u8 = 16;
const REGION: &str = "eu-nowhere-1.aws.nitro-enclaves";

pub(crate) struct NitroEnclave {
    pcrs: Vec<[u8; 48]>,
    module_id: String,
    root: P384SigningKey,
    region: P384SigningKey,
    instance: P384SigningKey,
    enclave: P384SigningKey,
}

impl NitroEnclave {
    pub(crate) fn new(
        measurement: [u8; 48],
        keys: &Keys,
        fault: Option<Fault>,
    ) -> Result<Self, AttesterError> {
        let debug = fault == Some(Fault::Debug);
        let instance: [u8; 8] = keys.bytes("nitro instance");
        let enclave: [u8; 8] = keys.bytes("nitro enclave");
        Ok(Self {
            pcrs: (0..PCRS)
                .map(|index| match index {
                    0..=2 if debug => [0; 48],
                    0 => measurement,
                    1..=4 => keys.bytes(&format!("nitro pcr {index}")),
                    _ => [0; 48],
                })
                .collect(),
            module_id: format!("i-{}-enc{}", hex::encode(instance), hex::encode(enclave)),
            root: keys::aws_root()?,
            region: keys.p384("nitro region")?,
            instance: keys.p384("nitro instance key")?,
            enclave: keys.p384("nitro enclave key")?,
        })
    }

    pub(crate) fn collect(
        &self,
        report_data: &[u8; 64],
        now_ms: u64,
    ) -> Result<(Vec<u8>, Endorsements), AttesterError> {
        let (leaf, chain) = self.chain(now_ms / 1000)?;
        let payload = self.payload(report_data, now_ms, &leaf, &chain);
        let protected = HeaderBuilder::new()
            .algorithm(iana::Algorithm::ES384)
            .build();
        let document = CoseSign1Builder::new()
            .protected(protected)
            .payload(payload)
            .create_signature(&[], |signed| self.enclave.sign(signed))
            .build()
            .to_vec()
            .map_err(|_| AttesterError::Encoding("a document"))?;
        Ok((document, Endorsements::Nitro))
    }

    /// The leaf, and the authorities from the root on.
    fn chain(&self, now_s: u64) -> Result<(Vec<u8>, Vec<Vec<u8>>), AttesterError> {
        let root = Issuer {
            name: subject(simulated::AWS_ROOT)?,
            key: IssuerKey::P384(&self.root),
        };
        let region_issuer = Issuer {
            name: name(REGION)?,
            key: IssuerKey::P384(&self.region),
        };
        let instance_issuer = Issuer {
            name: name(&self.module_id)?,
            key: IssuerKey::P384(&self.instance),
        };
        let authority = |common_name, key: &P384SigningKey, serial, issuer: &Issuer<'_>, below| {
            issuer.issue(&Profile {
                common_name,
                key: SubjectKey::P384(key.public_sec1()),
                serial,
                from_s: now_s.saturating_sub(DAY_S),
                until_s: now_s + 20 * DAY_S,
                authority: Some(below),
                extensions: Vec::new(),
            })
        };
        let region = authority(REGION, &self.region, 2, &root, 1)?;
        let instance = authority(&self.module_id, &self.instance, 3, &region_issuer, 0)?;
        let leaf = instance_issuer.issue(&Profile {
            common_name: "enclave",
            key: SubjectKey::P384(self.enclave.public_sec1()),
            serial: 4,
            // Backdated, since a ledger's clock runs behind.
            from_s: now_s.saturating_sub(HOUR_S / 2),
            until_s: now_s + 3 * HOUR_S,
            authority: None,
            extensions: Vec::new(),
        })?;
        Ok((leaf, vec![simulated::AWS_ROOT.to_vec(), region, instance]))
    }

    fn payload(
        &self,
        report_data: &[u8; 64],
        now_ms: u64,
        leaf: &[u8],
        chain: &[Vec<u8>],
    ) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(4 * 1024));
        self.write(&mut encoder, report_data, now_ms, leaf, chain)
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    /// The map as the NSM writes it, of indefinite length.
    fn write(
        &self,
        encoder: &mut Encoder<Vec<u8>>,
        report_data: &[u8; 64],
        now_ms: u64,
        leaf: &[u8],
        chain: &[Vec<u8>],
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.begin_map()?;
        encoder.str("module_id")?.str(&self.module_id)?;
        encoder.str("digest")?.str("SHA384")?;
        encoder.str("timestamp")?.u64(now_ms)?;
        encoder.str("pcrs")?.map(u64::from(PCRS))?;
        for (index, pcr) in (0..PCRS).zip(&self.pcrs) {
            encoder.u8(index)?.bytes(pcr)?;
        }
        encoder.str("certificate")?.bytes(leaf)?;
        encoder.str("cabundle")?.array(chain.len() as u64)?;
        for certificate in chain {
            encoder.bytes(certificate)?;
        }
        encoder.str("public_key")?.null()?;
        encoder.str("user_data")?.bytes(report_data)?;
        encoder.str("nonce")?.null()?;
        encoder.end()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
