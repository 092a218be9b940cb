//! What a machine says about itself: processor, kernel, cloud, and what its
//! host could offer to guests. None of it is proof; it helps an operator.

use serde::Serialize;

use crate::detect::probe::{Access, Probe};

/// The maker of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CpuVendor {
    /// `AuthenticAMD`.
    Amd,
    /// `GenuineIntel`.
    Intel,
    /// Another, or unknown.
    Other,
}

/// A machine, as it shows itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The kernel's release, such as `6.1.0-13-amd64`.
    pub kernel: Option<String>,
    /// Who made the processor.
    pub cpu_vendor: CpuVendor,
    /// The processor's own name.
    pub cpu_name: Option<String>,
    /// The processor's family and model.
    pub cpu_model: Option<(u32, u32)>,
    /// The microcode's version, as the kernel writes it.
    pub microcode: Option<String>,
    /// Flags of the processor that have to do with TEEs.
    pub cpu_flags: Vec<String>,
    /// Whether a hypervisor runs below.
    pub is_virtual: bool,
    /// Who made the machine, real or virtual, such as `Google Google Compute Engine`.
    pub product: Option<String>,
    /// What else an operator may want to know.
    pub facts: Vec<Fact>,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Where.
    pub path: String,
    /// What it means.
    pub meaning: String,
}

/// Flags of `/proc/cpuinfo` that are told.
const FLAGS: [&str; 9] = [
    "hypervisor",
    "sme",
    "sev",
    "sev_es",
    "sev_snp",
    "tdx_guest",
    "tdx_host_platform",
    "sgx",
    "sgx_lc",
];

/// Switches of KVM, and what they mean when they are on.
const SWITCHES: [(&str, &str); 5] = [
    (
        "/sys/module/kvm_amd/parameters/sev",
        "this host can run SEV guests",
    ),
    (
        "/sys/module/kvm_amd/parameters/sev_es",
        "this host can run SEV-ES guests",
    ),
    (
        "/sys/module/kvm_amd/parameters/sev_snp",
        "this host can run SEV-SNP guests",
    ),
    (
        "/sys/module/kvm_intel/parameters/tdx",
        "this host can run TDX guests",
    ),
    (
        "/sys/module/kvm_intel/parameters/sgx",
        "this host can pass SGX on to guests",
    ),
];

/// Files whose being there means something.
const SIGNS: [(&str, &str); 9] = [
    ("/dev/sev", "a host's door to AMD's secure processor"),
    (SNP_GUEST_SIGNS[0], "this is a SEV-SNP guest"),
    (SNP_GUEST_SIGNS[1], "this is a SEV-SNP guest"),
    ("/dev/tdx_guest", "this is a TDX guest"),
    (
        "/sys/firmware/acpi/tables/CCEL",
        "the firmware kept an event log of this guest's start",
    ),
    ("/dev/sgx_enclave", "SGX enclaves can run here"),
    (
        "/dev/sgx_provision",
        "enclaves here can get a provisioning key, as quoting needs",
    ),
    (
        "/dev/nitro_enclaves",
        "this is an EC2 instance that can start Nitro enclaves",
    ),
    ("/dev/tpmrm0", "there is a TPM, perhaps a virtual one"),
];

/// What only a SEV-SNP guest shows: its own privilege level, and the device
/// that the driver `sev-guest` binds to.
pub(crate) const SNP_GUEST_SIGNS: [&str; 2] = [
    "/sys/devices/system/cpu/sev/vmpl",
    "/sys/bus/platform/devices/sev-guest",
];

impl Machine {
    pub(crate) fn look(probe: &dyn Probe) -> Self {
        let mut machine = of_cpuinfo(&text(probe, "/proc/cpuinfo").unwrap_or_default());
        machine.kernel = text(probe, "/proc/sys/kernel/osrelease");
        machine.product = product(probe);
        machine.facts = facts(probe);
        machine
    }

    pub(crate) fn has_flag(&self, flag: &str) -> bool {
        self.cpu_flags.iter().any(|seen| seen == flag)
    }

    /// Whether the kernel is older than `major.minor`; an unknown one is not.
    pub(crate) fn kernel_is_older_than(&self, major: u32, minor: u32) -> bool {
        self.kernel
            .as_deref()
            .and_then(kernel_version)
            .is_some_and(|version| version < (major, minor))
    }
}

/// A short text file, trimmed and printable.
pub(crate) fn text(probe: &dyn Probe, path: &str) -> Option<String> {
    let bytes = probe.read(path).ok()?;
    let text: String = String::from_utf8_lossy(&bytes)
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads the first processor of `/proc/cpuinfo`; all are alike.
pub(crate) fn of_cpuinfo(cpuinfo: &str) -> Machine {
    let first = cpuinfo.split("\n\n").next().unwrap_or_default();
    let value = |wanted: &str| {
        first
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == wanted)
            .map(|(_, value)| value.trim())
    };
    let flags: Vec<&str> = value("flags").unwrap_or_default().split(' ').collect();
    let number = |key| value(key).and_then(|number| number.parse().ok());
    Machine {
        kernel: None,
        cpu_vendor: match value("vendor_id") {
            Some("AuthenticAMD") => CpuVendor::Amd,
            Some("GenuineIntel") => CpuVendor::Intel,
            _ => CpuVendor::Other,
        },
        cpu_name: value("model name").map(str::to_owned),
        cpu_model: number("cpu family").zip(number("model")),
        microcode: value("microcode").map(str::to_owned),
        cpu_flags: FLAGS
            .into_iter()
            .filter(|flag| flags.contains(flag))
            .map(str::to_owned)
            .collect(),
        is_virtual: flags.contains(&"hypervisor"),
        product: None,
        facts: Vec::new(),
    }
}

/// The first two numbers of a kernel's release.
pub(crate) fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What the firmware says of the machine (DMI), or the hypervisor of itself.
fn product(probe: &dyn Probe) -> Option<String> {
    let parts: Vec<String> = ["sys_vendor", "product_name"]
        .into_iter()
        .filter_map(|name| text(probe, &format!("/sys/class/dmi/id/{name}")))
        .collect();
    if parts.is_empty() {
        return text(probe, "/sys/hypervisor/type");
    }
    Some(parts.join(" "))
}

fn facts(probe: &dyn Probe) -> Vec<Fact> {
    let on = SWITCHES
        .into_iter()
        .filter(|(path, _)| matches!(text(probe, path).as_deref(), Some("Y" | "y" | "1")));
    let there = SIGNS
        .into_iter()
        .filter(|(path, _)| probe.access(path) != Access::Absent);
    on.chain(there)
        .map(|(path, meaning)| Fact {
            path: path.to_owned(),
            meaning: meaning.to_owned(),
        })
        .collect()
}
