//! Machines that are not here: files as a map, for detection to look at.

use std::collections::BTreeMap;

use synod_attester::{Access, Missing, OsError, Probe, TSM_ROOT, TsmError};

/// A machine made of files.
pub(crate) struct StandInMachine {
    files: BTreeMap<String, String>,
    access: BTreeMap<String, Access>,
    provider: Result<&'static str, TsmError>,
}

impl StandInMachine {
    /// A virtual machine on AMD's or Intel's processor, with a new kernel.
    pub(crate) fn guest(vendor: &str, flags: &str) -> Self {
        Self {
            files: BTreeMap::new(),
            access: BTreeMap::new(),
            provider: Err(TsmError::NoProvider),
        }
        .cpu(vendor, &format!("fpu hypervisor {flags}"))
        .file("/proc/sys/kernel/osrelease", "6.12.3-cloud\n")
        .file(
            "/proc/filesystems",
            "nodev\tsysfs\nnodev\tconfigfs\n\text4\n",
        )
        .file(
            "/proc/mounts",
            "none /sys/kernel/config configfs rw 0 0\nproc /proc proc rw 0 0\n",
        )
    }

    pub(crate) fn cpu(self, vendor: &str, flags: &str) -> Self {
        let cpuinfo = format!(
            "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 25\nmodel\t\t: 17\n\
             model name\t: A Processor\nmicrocode\t: 0xa101148\nflags\t\t: {flags}\n\n\
             processor\t: 1\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n"
        );
        self.file("/proc/cpuinfo", &cpuinfo)
    }

    pub(crate) fn file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.to_owned(), content.to_owned());
        self.access(path, Access::Granted)
    }

    pub(crate) fn without(mut self, path: &str) -> Self {
        self.files.remove(path);
        self.access.remove(path);
        self
    }

    pub(crate) fn access(mut self, path: &str, access: Access) -> Self {
        self.access.insert(path.to_owned(), access);
        self
    }

    /// configfs-tsm is there, and answers so.
    pub(crate) fn tsm(mut self, provider: Result<&'static str, TsmError>) -> Self {
        self.provider = provider;
        self.access(TSM_ROOT, Access::Granted)
    }
}

impl Probe for StandInMachine {
    fn read(&self, path: &str) -> Result<Vec<u8>, Missing> {
        match (self.files.get(path), self.access.get(path)) {
            (Some(content), _) => Ok(content.clone().into_bytes()),
            (None, None) => Err(Missing::Absent),
            (None, Some(_)) => Err(Missing::Unreadable(OsError::from(std::io::Error::from(
                std::io::ErrorKind::PermissionDenied,
            )))),
        }
    }

    fn access(&self, path: &str) -> Access {
        // A folder is there if something is in it.
        let inside = format!("{path}/");
        let is_folder = self.access.keys().any(|known| known.starts_with(&inside));
        match self.access.get(path) {
            Some(access) => *access,
            None if is_folder => Access::Granted,
            None => Access::Absent,
        }
    }

    fn tsm_provider(&self, root: &str) -> Result<String, TsmError> {
        assert_eq!(root, TSM_ROOT);
        self.provider.clone().map(str::to_owned)
    }
}
