//! Whether a machine is, or could be, a guest of a TEE: from what processor
//! and kernel say.

use synod_attestation::Tee;

use crate::detect::{
    machine::{CpuVendor, Machine, SNP_GUEST_SIGNS},
    probe::{Access, Probe},
};

/// What a machine is to a TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It runs in this TEE.
    Inside,
    /// It could host it.
    Host,
    /// It is a virtual machine, and nothing says that it runs in this TEE.
    Guest,
    /// Its processor does not have this TEE.
    Foreign,
}

/// What a machine is to one TEE.
pub(crate) struct Prospect {
    tee: Tee,
    standing: Standing,
}

impl Prospect {
    pub(crate) fn of(probe: &dyn Probe, machine: &Machine, tee: Tee) -> Self {
        let there = |path: &str| probe.access(path) != Access::Absent;
        let inside = match tee {
            Tee::SevSnp => {
                SNP_GUEST_SIGNS.into_iter().any(there)
                    || (machine.is_virtual && machine.has_flag("sev_snp"))
            }
            Tee::Tdx => machine.has_flag("tdx_guest"),
            Tee::Nitro => there("/dev/nsm"),
            Tee::Sgx => there("/dev/attestation"),
        };
        let host = match tee {
            Tee::SevSnp => !machine.is_virtual && machine.has_flag("sev_snp"),
            Tee::Tdx => !machine.is_virtual && machine.has_flag("tdx_host_platform"),
            Tee::Nitro => there("/dev/nitro_enclaves"),
            Tee::Sgx => there("/dev/sgx_enclave") || machine.has_flag("sgx"),
        };
        let foreign = match tee {
            Tee::SevSnp => machine.cpu_vendor != CpuVendor::Amd,
            Tee::Tdx | Tee::Sgx => machine.cpu_vendor != CpuVendor::Intel,
            Tee::Nitro => false,
        };
        let standing = match (inside, host, foreign) {
            (true, ..) => Standing::Inside,
            (_, true, _) => Standing::Host,
            (.., true) => Standing::Foreign,
            _ => Standing::Guest,
        };
        Self { tee, standing }
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let words = match (self.tee, self.standing) {
            (Tee::Nitro, Standing::Inside) => "this is a Nitro enclave",
            (Tee::Nitro, Standing::Host) => "this is the instance, not the enclave",
            (Tee::Nitro, _) => "nothing says that this is a Nitro enclave",
            (Tee::Sgx, Standing::Inside) => "this program runs under Gramine",
            (Tee::Sgx, Standing::Host) => "the processor has SGX; this program runs outside of it",
            (Tee::Sgx, Standing::Guest) => "the processor shows no SGX",
            (_, Standing::Inside) => "processor and kernel say that this is such a guest",
            (_, Standing::Host) => "this machine can host such guests, but is not one itself",
            (_, Standing::Guest) => "nothing says that this is such a guest",
            (_, Standing::Foreign) => "the processor is of another maker",
        };
        words.to_owned()
    }

    /// What would mend it where no road leads anywhere; `None` inside of the
    /// TEE, where the roads themselves must be mended.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match (self.tee, self.standing) {
            (_, Standing::Inside) => None,
            (Tee::SevSnp, Standing::Host) => {
                Some("start a SEV-SNP guest on this host, and run `synod` there")
            }
            (Tee::Tdx, Standing::Host) => {
                Some("start a TDX guest on this host, and run `synod` there")
            }
            (Tee::Nitro, Standing::Host) => {
                Some("put `synod` into an enclave image, and start it with `nitro-cli run-enclave`")
            }
            (Tee::Sgx, Standing::Host) => Some(
                "run `synod` under Gramine, with `sgx.remote_attestation = \"dcap\"` in its manifest",
            ),
            (Tee::SevSnp, _) => Some(
                "use a confidential machine with AMD SEV-SNP (EPYC of the 3rd generation or later)",
            ),
            (Tee::Tdx, _) => Some(
                "use a confidential machine with Intel TDX (Xeon of the 4th generation or later)",
            ),
            (Tee::Sgx, _) => {
                Some("use a machine with Intel SGX2 and flexible launch control, and Gramine on it")
            }
            (Tee::Nitro, _) => {
                Some("use an EC2 instance with Nitro enclaves switched on, and run `synod` in one")
            }
        }
    }
}
