//! Detection: what is told of machines with and without TEEs.

use rustix::io::Errno;
use synod_attestation::Tee;
use synod_attester::{
    Access, BackEnd, CpuVendor, Finding, NothingToPick, OsError, State, SystemProbe, TsmError,
    detect, pick,
};

use crate::hardware::{errno, machine_standin::StandInMachine};

const AMD: &str = "AuthenticAMD";
const INTEL: &str = "GenuineIntel";

fn finding(machine: &StandInMachine, tee: Tee) -> Finding {
    let detection = detect(machine);
    detection.of(tee).expect("every TEE is told of").clone()
}

#[track_caller]
fn mends(machine: &StandInMachine, tee: Tee, words: &str) {
    let finding = finding(machine, tee);
    assert_eq!(finding.by, None);
    let found = finding.mend.iter().any(|mend| mend.contains(words));
    assert!(found, "`{words}` is not in {:?}", finding.mend);
}

fn snp_guest() -> StandInMachine {
    StandInMachine::guest(AMD, "").file("/sys/devices/system/cpu/sev/vmpl", "2\n")
}

#[test]
fn snp_guest_with_configfs_tsm_is_available() {
    let machine = snp_guest()
        .tsm(Ok("sev_guest"))
        .access("/dev/sev-guest", Access::Granted);
    let finding = finding(&machine, Tee::SevSnp);
    assert_eq!(finding.by, Some(BackEnd::ConfigfsTsm));
    assert!(finding.mend.is_empty() && finding.is_available());
    assert_eq!(finding.roads.len(), 2);
    let detection = detect(&machine);
    assert_eq!(detection.vmpl, Some(2));
    assert_eq!(detection.machine.cpu_vendor, CpuVendor::Amd);
    assert_eq!(detection.machine.microcode.as_deref(), Some("0xa101148"));
    let others = [Tee::Tdx, Tee::Nitro, Tee::Sgx];
    assert!(
        others
            .iter()
            .all(|tee| !detection.of(*tee).expect("told of").is_available())
    );
}

#[test]
fn old_kernel_is_told_and_the_device_taken() {
    let machine = snp_guest()
        .file("/proc/sys/kernel/osrelease", "6.1.0-13-amd64\n")
        .access("/dev/sev-guest", Access::Granted);
    let finding = finding(&machine, Tee::SevSnp);
    assert_eq!(finding.by, Some(BackEnd::SevGuest));
    assert_eq!(finding.roads[0].state, State::Absent);
    assert_eq!(
        finding.roads[0].why,
        "kernel ≥ 6.7 needed, this is 6.1.0-13-amd64"
    );
}

#[test]
fn device_that_a_group_may_open_names_the_group() {
    let machine = snp_guest()
        .file("/etc/group", "root:x:0:\nsev:x:117:alice\n")
        .access("/dev/sev-guest", Access::Denied { group: Some(117) });
    mends(&machine, Tee::SevSnp, "a member of the group `sev`");
    let unnamed = snp_guest().access("/dev/sev-guest", Access::Denied { group: Some(5) });
    mends(&unnamed, Tee::SevSnp, "a member of the group `5`");
    let nobody = snp_guest().access("/dev/sev-guest", Access::Denied { group: None });
    mends(&nobody, Tee::SevSnp, "run `synod` as root");
}

#[test]
fn device_that_fails_tells_the_error() {
    let error = OsError::from(errno(Errno::IO));
    let machine = snp_guest().access("/dev/sev-guest", Access::Failed(error));
    let road = finding(&machine, Tee::SevSnp).roads[1].clone();
    assert_eq!((road.state, road.why), (State::Failed, error.to_string()));
}

#[test]
fn snp_guest_without_driver_is_told_to_load_it() {
    mends(&snp_guest(), Tee::SevSnp, "modprobe sev-guest");
    mends(
        &snp_guest().tsm(Err(TsmError::NoProvider)),
        Tee::SevSnp,
        "modprobe sev-guest",
    );
}

#[test]
fn configfs_that_is_not_mounted_or_not_known_is_told() {
    let unmounted = snp_guest().file("/proc/mounts", "proc /proc proc rw 0 0\n");
    let mount = "mount -t configfs none /sys/kernel/config";
    mends(&unmounted, Tee::SevSnp, mount);
    let unknown = snp_guest().file("/proc/filesystems", "nodev\tsysfs\n");
    mends(&unknown, Tee::SevSnp, "modprobe configfs");
}

#[test]
fn user_who_may_not_make_entries_is_told_to_be_root() {
    let denied = TsmError::File {
        file: "entry",
        error: errno(Errno::ACCESS).into(),
    };
    let machine = StandInMachine::guest(INTEL, "tdx_guest").tsm(Err(denied));
    mends(&machine, Tee::Tdx, "as root");
    assert_eq!(finding(&machine, Tee::Tdx).roads[0].state, State::Denied);
}

#[test]
fn tdx_guest_is_available_and_its_driver_leads_nobody_else() {
    let machine = StandInMachine::guest(INTEL, "tdx_guest").tsm(Ok("tdx_guest"));
    assert_eq!(finding(&machine, Tee::Tdx).by, Some(BackEnd::ConfigfsTsm));
    let snp = finding(&machine, Tee::SevSnp);
    assert_eq!((snp.by, snp.roads[0].state), (None, State::Elsewhere));
    assert_eq!(snp.prospect, "the processor is of another maker");
    assert_eq!(snp.mend.len(), 1);
}

#[test]
fn tdx_guest_without_driver_is_told_to_load_it() {
    let machine = StandInMachine::guest(INTEL, "tdx_guest");
    mends(&machine, Tee::Tdx, "modprobe tdx-guest");
}

#[test]
fn plain_guest_is_told_to_use_another_machine_rather_than_to_load_drivers() {
    let machine = StandInMachine::guest(AMD, "");
    for tee in Tee::ALL {
        let finding = finding(&machine, tee);
        assert_eq!(finding.mend.len(), 1, "{finding}");
        assert!(finding.mend[0].starts_with("use a"), "{finding}");
    }
}

#[test]
fn hosts_are_told_what_they_can_host() {
    let amd = StandInMachine::guest(AMD, "")
        .cpu(AMD, "fpu sme sev sev_es sev_snp")
        .file("/sys/module/kvm_amd/parameters/sev_snp", "Y\n")
        .file("/sys/module/kvm_amd/parameters/sev_es", "N\n")
        .access("/dev/sev", Access::Denied { group: None });
    mends(&amd, Tee::SevSnp, "start a SEV-SNP guest on this host");
    let facts = detect(&amd).machine.facts;
    let seen: Vec<_> = facts.iter().map(|fact| fact.path.as_str()).collect();
    assert_eq!(seen, ["/sys/module/kvm_amd/parameters/sev_snp", "/dev/sev"]);
    let intel = StandInMachine::guest(INTEL, "")
        .cpu(INTEL, "fpu sgx sgx_lc tdx_host_platform")
        .access("/dev/sgx_enclave", Access::Granted);
    mends(&intel, Tee::Tdx, "start a TDX guest on this host");
    mends(&intel, Tee::Sgx, "run `synod` under Gramine");
}

#[test]
fn nitro_enclave_and_its_parent_are_told_apart() {
    let enclave = StandInMachine::guest(AMD, "").access("/dev/nsm", Access::Granted);
    assert_eq!(finding(&enclave, Tee::Nitro).by, Some(BackEnd::Nsm));
    let parent = StandInMachine::guest(AMD, "").access("/dev/nitro_enclaves", Access::Granted);
    mends(&parent, Tee::Nitro, "nitro-cli run-enclave");
}

#[test]
fn gramine_is_available_with_dcap_alone() {
    let kind = "/dev/attestation/attestation_type";
    let dcap = StandInMachine::guest(INTEL, "sgx").file(kind, "dcap");
    assert_eq!(finding(&dcap, Tee::Sgx).by, Some(BackEnd::Gramine));
    for other in ["none", "epid"] {
        let machine = StandInMachine::guest(INTEL, "sgx").file(kind, other);
        mends(&machine, Tee::Sgx, "sgx.remote_attestation = \"dcap\"");
        assert!(finding(&machine, Tee::Sgx).roads[0].why.contains(other));
    }
    let unreadable =
        StandInMachine::guest(INTEL, "sgx").access(kind, Access::Denied { group: None });
    assert_eq!(finding(&unreadable, Tee::Sgx).roads[0].state, State::Failed);
}

#[test]
fn machine_that_tells_nothing_is_survived() {
    let machine = StandInMachine::guest(AMD, "")
        .without("/proc/cpuinfo")
        .without("/proc/sys/kernel/osrelease")
        .without("/proc/filesystems")
        .without("/proc/mounts");
    let detection = detect(&machine);
    assert_eq!(detection.machine.cpu_vendor, CpuVendor::Other);
    assert_eq!(detection.machine.kernel, None);
    assert!(detection.tees.iter().all(|finding| !finding.is_available()));
    let garbage = machine
        .file("/proc/cpuinfo", "::::\n\n\n: :\u{0}\u{1b}[2J")
        .file("/proc/sys/kernel/osrelease", "99999999999999999999.x");
    assert!(!detect(&garbage).to_string().contains('\u{1b}'));
}

#[test]
fn cloud_is_told_by_its_firmware() {
    let machine = snp_guest()
        .file("/sys/class/dmi/id/sys_vendor", "Google\n")
        .file("/sys/class/dmi/id/product_name", "Google Compute Engine\n");
    let product = detect(&machine).machine.product;
    assert_eq!(product.as_deref(), Some("Google Google Compute Engine"));
}

#[test]
fn detection_reads_as_json() {
    let machine = snp_guest().tsm(Ok("sev_guest"));
    let json = serde_json::to_value(detect(&machine)).expect("JSON");
    assert_eq!(json["tees"][0]["tee"], "sev-snp");
    assert_eq!(json["tees"][0]["by"], "configfs-tsm");
    assert_eq!(json["tees"][0]["roads"][1]["state"], "absent");
    assert_eq!(json["tees"][1]["by"], serde_json::Value::Null);
    assert_eq!(json["machine"]["cpu_vendor"], "amd");
    assert_eq!(json["machine"]["is_virtual"], true);
}

#[test]
fn nothing_is_picked_where_nothing_is_and_never_a_simulated_tee() {
    let detection = detect(&StandInMachine::guest(AMD, ""));
    assert_eq!(pick(&detection, None).err(), Some(NothingToPick::NoTee));
    let wanted = pick(&detection, Some(Tee::Tdx)).err();
    assert_eq!(wanted, Some(NothingToPick::NotAvailable(Tee::Tdx)));
}

/// Whatever this machine is, looking at it does no harm and comes to an end;
/// and what it offers gives evidence.
#[test]
fn this_machine_is_told_of_honestly() {
    let detection = detect(&SystemProbe);
    eprintln!("{detection}");
    assert_eq!(detection.tees.len(), Tee::ALL.len());
    for finding in &detection.tees {
        assert_eq!(finding.is_available(), finding.mend.is_empty(), "{finding}");
        if finding.is_available() {
            let mut attester = pick(&detection, Some(finding.tee)).expect("what was found");
            attester
                .quote(&crate::hardware::report_data(), crate::hardware::NOW_MS)
                .expect("evidence of what was found");
        }
    }
}
