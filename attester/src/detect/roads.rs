//! Each road to evidence, tried: whether it can be taken, why not, and what
//! would mend it.

use std::io;

use synod_attestation::Tee;

use crate::{
    detect::{
        finding::{BackEnd, Road, State},
        machine::{Machine, text},
        probe::{Access, Missing, Probe},
    },
    gramine::GRAMINE_ROOT,
    linux::{
        configfs_tsm::{TSM_ROOT, TsmError},
        nsm::NSM_DEVICE,
        sev_guest::SEV_GUEST_DEVICE,
    },
};

/// Where configfs is mounted.
const CONFIGFS: &str = "/sys/kernel/config";

/// A road that was tried.
pub(crate) struct Tried {
    pub(crate) road: Road,
    pub(crate) mend: Option<String>,
}

impl Tried {
    /// Nothing of this TEE is at this road's beginning.
    pub(crate) fn leads_nowhere(&self) -> bool {
        matches!(self.road.state, State::Absent | State::Elsewhere)
    }
}

/// configfs-tsm, for SEV-SNP and TDX.
pub(crate) fn tsm(probe: &dyn Probe, machine: &Machine, tee: Tee) -> Tried {
    let road = |state, why: String, mend: Option<String>| Tried {
        road: Road {
            back_end: BackEnd::ConfigfsTsm,
            path: TSM_ROOT.to_owned(),
            state,
            why,
        },
        mend,
    };
    let (provider, module) = match tee {
        Tee::Tdx => ("tdx_guest", "tdx-guest"),
        _ => ("sev_guest", "sev-guest"),
    };
    let load = || Some(format!("load the driver: `modprobe {module}`"));
    if let Some((why, mend)) = without_tsm(probe, machine, module) {
        return road(State::Absent, why, Some(mend));
    }
    match probe.tsm_provider(TSM_ROOT) {
        Ok(found) if found == provider => road(State::Ready, format!("`{found}` answers"), None),
        Ok(found) => road(State::Elsewhere, format!("`{found}` answers"), None),
        Err(TsmError::NoProvider) => {
            road(State::Absent, "no driver is registered".to_owned(), load())
        }
        Err(TsmError::File { error, .. }) if error.kind() == io::ErrorKind::PermissionDenied => {
            road(
                State::Denied,
                "this user may not make entries".to_owned(),
                Some("run `synod` as root: the kernel lets nobody else make entries".to_owned()),
            )
        }
        Err(error) => road(State::Failed, error.to_string(), load()),
    }
}

/// Why configfs-tsm is not there at all, and what would mend that.
fn without_tsm(probe: &dyn Probe, machine: &Machine, module: &str) -> Option<(String, String)> {
    if probe.access(TSM_ROOT) != Access::Absent {
        return None;
    }
    if machine.kernel_is_older_than(6, 7) {
        let kernel = machine.kernel.as_deref().unwrap_or_default();
        let why = format!("kernel ≥ 6.7 needed, this is {kernel}");
        return Some((why, "use a kernel of version 6.7 or later".to_owned()));
    }
    let lists = |path, word: &str| {
        text(probe, path).is_some_and(|list| list.split_whitespace().any(|entry| entry == word))
    };
    let (why, mend) = if !lists("/proc/filesystems", "configfs") {
        (
            "the kernel does not have configfs".to_owned(),
            format!("load configfs and the driver: `modprobe configfs && modprobe {module}`"),
        )
    } else if !lists("/proc/mounts", "configfs") {
        (
            "configfs is not mounted".to_owned(),
            format!("mount configfs: `mount -t configfs none {CONFIGFS}`"),
        )
    } else {
        (
            "configfs is mounted, without `tsm`".to_owned(),
            format!("load the driver: `modprobe {module}`"),
        )
    };
    Some((why, mend))
}

/// `/dev/sev-guest`.
pub(crate) fn sev_guest(probe: &dyn Probe, machine: &Machine) -> Tried {
    let mend = if machine.kernel_is_older_than(5, 19) {
        "use a kernel of version 5.19 or later"
    } else {
        "load the driver: `modprobe sev-guest`"
    };
    device(probe, BackEnd::SevGuest, SEV_GUEST_DEVICE, mend)
}

/// `/dev/nsm`.
pub(crate) fn nsm(probe: &dyn Probe, machine: &Machine) -> Tried {
    let mend = if machine.kernel_is_older_than(6, 8) {
        "use a kernel of version 6.8 or later, or load Amazon's driver `nsm`"
    } else {
        "load the driver: `modprobe nsm`"
    };
    device(probe, BackEnd::Nsm, NSM_DEVICE, mend)
}

/// Gramine's files.
pub(crate) fn gramine(probe: &dyn Probe) -> Tried {
    let tried = |state, why: String, mend: Option<&str>| Tried {
        road: Road {
            back_end: BackEnd::Gramine,
            path: GRAMINE_ROOT.to_owned(),
            state,
            why,
        },
        mend: mend.map(str::to_owned),
    };
    let path = format!("{GRAMINE_ROOT}/attestation_type");
    match probe.read(&path) {
        Ok(scheme) if scheme.trim_ascii() == b"dcap" => {
            tried(State::Ready, "Gramine offers DCAP".to_owned(), None)
        }
        Ok(scheme) => tried(
            State::Failed,
            format!(
                "Gramine offers `{}`, not `dcap`",
                String::from_utf8_lossy(&scheme).trim().escape_debug()
            ),
            Some("put `sgx.remote_attestation = \"dcap\"` into Gramine's manifest"),
        ),
        Err(Missing::Absent) => tried(
            State::Absent,
            "does not exist".to_owned(),
            Some("run `synod` under Gramine, in an enclave (`gramine-sgx`)"),
        ),
        Err(Missing::Unreadable(error)) => tried(
            State::Failed,
            error.to_string(),
            Some("mount `/dev/attestation` in Gramine's manifest (`sgx.remote_attestation`)"),
        ),
    }
}

fn device(probe: &dyn Probe, back_end: BackEnd, path: &str, if_absent: &str) -> Tried {
    let (state, why, mend) = match probe.access(path) {
        Access::Granted => (State::Ready, "can be opened".to_owned(), None),
        Access::Absent => (
            State::Absent,
            "does not exist".to_owned(),
            Some(if_absent.to_owned()),
        ),
        Access::Denied { group } => (
            State::Denied,
            "this user may not open it".to_owned(),
            Some(who_may(probe, group)),
        ),
        Access::Failed(error) => (State::Failed, error.to_string(), None),
    };
    Tried {
        road: Road {
            back_end,
            path: path.to_owned(),
            state,
            why,
        },
        mend,
    }
}

/// The user to run as.
fn who_may(probe: &dyn Probe, group: Option<u32>) -> String {
    match group.filter(|group| *group != 0) {
        Some(group) => {
            let groups = text(probe, "/etc/group").unwrap_or_default();
            let name = group_name(&groups, group).unwrap_or_else(|| group.to_string());
            format!("run `synod` as a member of the group `{name}`, or as root")
        }
        None => "run `synod` as root".to_owned(),
    }
}

/// The name of a group in `/etc/group`.
pub(crate) fn group_name(groups: &str, wanted: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(wanted)).then(|| name.to_owned())
    })
}
