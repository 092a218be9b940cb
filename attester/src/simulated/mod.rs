//! A simulated TEE: real evidence formats, published roots.
//!
//! Invariants:
//! - the evidence of a given kind of TEE is what real hardware emits, byte for
//!   byte in layout, chain and signature algorithms;
//! - its roots are those of `attestation::simulated`, so no policy for real
//!   hardware accepts it.

mod certificate;
mod der;
pub(crate) mod fault;
mod intel;
mod keys;
mod nitro;
mod sgx;
mod snp;
mod tdx;

use synod_attestation::{Evidence, Measurement, ReportData, Tee};

use crate::{
    attester::{Attester, AttesterError, Quoted},
    simulated::{
        fault::Fault, keys::Keys, nitro::NitroEnclave, sgx::SgxEnclave, snp::SnpGuest,
        tdx::TrustDomain,
    },
};

/// A simulated TEE.
pub struct Simulated {
    tee: Tee,
    platform: Platform,
}

enum Platform {
    Snp(Box<SnpGuest>),
    Tdx(Box<TrustDomain>),
    Nitro(Box<NitroEnclave>),
    Sgx(Box<SgxEnclave>),
}

impl Simulated {
    /// The kinds of TEE that can be simulated.
    pub const TEES: [Tee; 4] = [Tee::SevSnp, Tee::Tdx, Tee::Nitro, Tee::Sgx];

    /// What evidence of `tee` says of a workload with this `measurement`: with
    /// SGX, which has room for 32 bytes, the first of them.
    pub fn measurement(tee: Tee, measurement: &[u8; 48]) -> Measurement {
        match tee {
            Tee::Sgx => Measurement::from(mr_enclave(measurement)),
            Tee::SevSnp | Tee::Tdx | Tee::Nitro => Measurement::from(*measurement),
        }
    }

    /// A TEE of the kind `tee` that runs a workload with this `measurement`.
    /// The seed settles which platform it is: its id and its keys.
    pub fn new(tee: Tee, measurement: [u8; 48], seed: [u8; 32]) -> Result<Self, AttesterError> {
        Self::faulty(tee, measurement, seed, None)
    }

    /// As [`Simulated::new`], with a fault, to see it refused.
    pub fn faulty(
        tee: Tee,
        measurement: [u8; 48],
        seed: [u8; 32],
        fault: Option<Fault>,
    ) -> Result<Self, AttesterError> {
        let keys = Keys::new(seed);
        let platform = match tee {
            Tee::SevSnp => Platform::Snp(Box::new(SnpGuest::new(measurement, &keys, fault)?)),
            Tee::Tdx => Platform::Tdx(Box::new(TrustDomain::new(measurement, &keys, fault)?)),
            Tee::Nitro => Platform::Nitro(Box::new(NitroEnclave::new(measurement, &keys, fault)?)),
            Tee::Sgx => {
                let measurement = mr_enclave(&measurement);
                Platform::Sgx(Box::new(SgxEnclave::new(measurement, &keys, fault)?))
            }
        };
        Ok(Self { tee, platform })
    }
}

impl Attester for Simulated {
    fn quote(&mut self, report_data: &ReportData, now_ms: u64) -> Result<Quoted, AttesterError> {
        let report_data = report_data.as_bytes();
        let (bytes, endorsements) = match &self.platform {
            Platform::Snp(guest) => guest.collect(report_data, now_ms)?,
            Platform::Tdx(domain) => domain.collect(report_data, now_ms)?,
            Platform::Nitro(enclave) => enclave.collect(report_data, now_ms)?,
            Platform::Sgx(enclave) => enclave.collect(report_data, now_ms)?,
        };
        let evidence =
            Evidence::new(self.tee, bytes).map_err(|_| AttesterError::Encoding("the evidence"))?;
        Ok(Quoted {
            evidence,
            endorsements: Some(endorsements),
            certificate_table: Vec::new(),
        })
    }

    fn tee(&self) -> Tee {
        self.tee
    }
}

fn mr_enclave(measurement: &[u8; 48]) -> [u8; 32] {
    let (first, _) = measurement
        .split_first_chunk()
        .expect("48 bytes begin with 32");
    *first
}
