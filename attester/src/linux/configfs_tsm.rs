//! configfs-tsm: one face of Linux (6.7 and later) for the reports of SEV-SNP
//! and TDX (`Documentation/ABI/testing/configfs-tsm`).
//!
//! A report is made in an *entry*: a folder whose files are its attributes.
//! The kernel makes a report when `outblob` is read, over what was last
//! written to `inblob` and to the options; `generation` counts the writes.
//!
//! Invariants:
//! - an entry is made for each report, under a name of our own, and is removed
//!   in any case;
//! - a report is handed out only if `generation` grew by exactly our writes and
//!   the report carries our report data: so nobody else's report is taken for
//!   ours, and a write that the kernel refused in silence (it acts on `inblob`
//!   when the file is closed) does not go unnoticed;
//! - every read, every retry and every pause is bounded.

use std::{
    io,
    path::{Path, PathBuf},
};

use synod_attestation::{Evidence, Tee};

use crate::{
    files::{Files, read_whole},
    os_error::OsError,
    retry::{Pause, with_retries},
    spoken::{SNP_REPORT_BYTES, report_data},
};

/// Where Linux shows it, once configfs is mounted.
pub const TSM_ROOT: &str = "/sys/kernel/config/tsm/report";

/// How many names are tried for an entry.
const NAMES_MAX: u32 = 16;
/// How often a report is asked for again because another wrote to the entry.
const DISTURBANCES_MAX: u32 = 4;
/// Longest text attribute that is read.
const TEXT_BYTES_MAX: usize = 256;
/// Longest certificate table that is read: as long as the kernel keeps one.
const AUX_BYTES_MAX: usize = 32 * 1024;

/// What a caller may request in addition to the report data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TsmOptions {
    /// The privilege level (VMPL) that the report is to name; by default the
    /// least that the kernel allows, which is the guest's own.
    pub privlevel: Option<u8>,
    /// The service that is to make the report, such as `svsm`.
    pub service_provider: Option<String>,
    /// Which of its services is to be attested, as a GUID.
    pub service_guid: Option<String>,
    /// The version of that service's manifest.
    pub service_manifest_version: Option<u32>,
}

/// configfs-tsm gave no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TsmError {
    /// An attribute, or the entry itself, cannot be used.
    #[error("`{file}`: {error}")]
    File {
        /// Its name in the entry; `entry` for the entry.
        file: &'static str,
        /// What the kernel said.
        error: OsError,
    },
    /// No driver of a TEE is registered with configfs-tsm.
    #[error("no TEE driver is registered")]
    NoProvider,
    /// Every name that was tried for an entry is taken.
    #[error("all {0} candidate names for an entry are taken")]
    NamesTaken(u32),
    /// The attribute stayed busy through all retries.
    #[error("`{file}` stayed busy: {error}")]
    Busy {
        /// Its name in the entry.
        file: &'static str,
        /// What the kernel said last.
        error: OsError,
    },
    /// The kernel took only a part of a message.
    #[error("only {written} of {of} bytes were written to `{file}`")]
    ShortWrite {
        /// Its name in the entry.
        file: &'static str,
        /// Bytes that were taken.
        written: usize,
        /// Bytes that were offered.
        of: usize,
    },
    /// An attribute holds more than it can.
    #[error("`{file}` is longer than the {most} bytes allowed")]
    TooLong {
        /// Its name in the entry.
        file: &'static str,
        /// The bound.
        most: usize,
    },
    /// A text attribute is not what it should be.
    #[error("`{file}` has the unexpected value `{text}`")]
    Text {
        /// Its name in the entry.
        file: &'static str,
        /// What stands in it, printable.
        text: String,
    },
    /// The driver belongs to a TEE that this program cannot judge.
    #[error("unknown provider `{0}`")]
    ProviderUnknown(String),
    /// The driver changed while the report was made.
    #[error("the provider changed from `{before}` to `{after}`")]
    ProviderChanged {
        /// At first.
        before: String,
        /// In the end.
        after: String,
    },
    /// Another process wrote to our entry each time that we asked.
    #[error("another process wrote to this entry {0} times in a row")]
    Disturbed(u32),
    /// The report has not the length of a report.
    #[error("report is {0} bytes, expected 1184")]
    Length(usize),
    /// The report speaks for other report data than ours.
    #[error("the report does not contain the report data that was written")]
    ForeignReport,
}

/// Asks for reports through configfs-tsm.
pub struct ConfigfsTsm {
    entries: Entries,
    options: TsmOptions,
    provider: String,
    tee: Tee,
}

impl ConfigfsTsm {
    /// Opens configfs-tsm under `root` (usually [`TSM_ROOT`]) and learns which
    /// TEE answers.
    pub fn open(
        root: &Path,
        files: Box<dyn Files>,
        pause: Box<dyn Pause>,
        options: TsmOptions,
    ) -> Result<Self, TsmError> {
        let mut entries = Entries {
            root: root.to_owned(),
            files,
            pause,
            names: 0,
        };
        let provider = entries.make()?.text("provider")?;
        Ok(Self {
            tee: tee_of(&provider)?,
            provider,
            entries,
            options,
        })
    }

    /// The name of the driver that answers under `root`, known here or not.
    pub fn provider_at(
        root: &Path,
        files: Box<dyn Files>,
        pause: Box<dyn Pause>,
    ) -> Result<String, TsmError> {
        let mut entries = Entries {
            root: root.to_owned(),
            files,
            pause,
            names: 0,
        };
        entries.make()?.text("provider")
    }

    /// The name of the driver that answers, such as `tdx_guest`.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The kind of TEE that answers.
    pub(crate) fn tee_kind(&self) -> Tee {
        self.tee
    }

    /// A report over `wanted`, and what came with it.
    pub(crate) fn report(&mut self, wanted: &[u8; 64]) -> Result<TsmReport, TsmError> {
        let mut entry = self.entries.make()?;
        entry.is_of(&self.provider)?;
        for _ in 0..DISTURBANCES_MAX {
            let Some(report) = entry.report(&self.options, wanted)? else {
                continue;
            };
            entry.is_of(&self.provider)?;
            check_length(self.tee, &report.outblob)?;
            if report_data(self.tee, &report.outblob) != Some(wanted.as_slice()) {
                return Err(TsmError::ForeignReport);
            }
            return Ok(report);
        }
        Err(TsmError::Disturbed(DISTURBANCES_MAX))
    }
}

/// Where entries are made.
struct Entries {
    root: PathBuf,
    files: Box<dyn Files>,
    pause: Box<dyn Pause>,
    /// How many names were used so far.
    names: u64,
}

impl Entries {
    fn make(&mut self) -> Result<Entry<'_>, TsmError> {
        for _ in 0..NAMES_MAX {
            let name = format!("synod-{}-{}", std::process::id(), self.names);
            self.names += 1;
            let path = self.root.join(name);
            let made = with_retries(&mut *self.pause, || self.files.make_folder(&path));
            match made {
                Ok(()) => {
                    return Ok(Entry {
                        path,
                        files: &mut *self.files,
                        pause: &mut *self.pause,
                    });
                }
                // A process of the same number died here once, or lives in
                // another container.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(entry_error(error)),
            }
        }
        Err(TsmError::NamesTaken(NAMES_MAX))
    }
}

/// What one reading gave.
pub(crate) struct TsmReport {
    /// The report or quote.
    pub(crate) outblob: Vec<u8>,
    /// With SEV-SNP, the certificate table; may be empty.
    pub(crate) auxblob: Vec<u8>,
}

/// An entry of ours; removed when it is dropped.
struct Entry<'a> {
    path: PathBuf,
    files: &'a mut dyn Files,
    pause: &'a mut dyn Pause,
}

impl Entry<'_> {
    /// A report over `wanted`, or `None` if another wrote in between.
    fn report(
        &mut self,
        options: &TsmOptions,
        wanted: &[u8; 64],
    ) -> Result<Option<TsmReport>, TsmError> {
        let before = self.number("generation")?;
        let settings = self.settings(options)?;
        for (file, value) in &settings {
            self.write(file, value.as_bytes())?;
        }
        self.write("inblob", wanted)?;
        let report = TsmReport {
            outblob: self.read("outblob", Evidence::BYTES_MAX)?,
            auxblob: self.read_optional("auxblob", AUX_BYTES_MAX)?,
        };
        let writes = settings.len() as u64 + 1;
        // The kernel's counter may wrap.
        let ours = self.number("generation")? == before.wrapping_add(writes);
        Ok(ours.then_some(report))
    }

    /// The options as attributes and their values.
    fn settings(&mut self, options: &TsmOptions) -> Result<Vec<(&'static str, String)>, TsmError> {
        let privlevel = match options.privlevel {
            Some(level) => Some(u64::from(level)),
            None => self.least_privlevel()?,
        };
        let version = options.service_manifest_version;
        Ok([
            ("privlevel", privlevel.map(|level| level.to_string())),
            ("service_provider", options.service_provider.clone()),
            ("service_guid", options.service_guid.clone()),
            (
                "service_manifest_version",
                version.map(|version| version.to_string()),
            ),
        ]
        .into_iter()
        .filter_map(|(file, value)| Some((file, value?)))
        .collect())
    }

    /// The level of this guest, unless it is the kernel's default.
    fn least_privlevel(&mut self) -> Result<Option<u64>, TsmError> {
        match self.number("privlevel_floor") {
            Ok(0) => Ok(None),
            Ok(floor) => Ok(Some(floor)),
            Err(TsmError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn is_of(&mut self, provider: &str) -> Result<(), TsmError> {
        let now = self.text("provider")?;
        if now == provider {
            return Ok(());
        }
        Err(TsmError::ProviderChanged {
            before: provider.to_owned(),
            after: now,
        })
    }

    fn read(&mut self, file: &'static str, most: usize) -> Result<Vec<u8>, TsmError> {
        let path = self.path.join(file);
        let content = with_retries(self.pause, || read_whole(self.files, &path, most))
            .map_err(|error| file_error(file, error))?;
        if content.len() > most {
            return Err(TsmError::TooLong { file, most });
        }
        Ok(content)
    }

    /// An attribute that some drivers do not have.
    fn read_optional(&mut self, file: &'static str, most: usize) -> Result<Vec<u8>, TsmError> {
        match self.read(file, most) {
            Err(TsmError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Vec::new())
            }
            read => read,
        }
    }

    fn write(&mut self, file: &'static str, bytes: &[u8]) -> Result<(), TsmError> {
        let path = self.path.join(file);
        let written = with_retries(self.pause, || self.files.write(&path, bytes))
            .map_err(|error| file_error(file, error))?;
        if written == bytes.len() {
            return Ok(());
        }
        Err(TsmError::ShortWrite {
            file,
            written,
            of: bytes.len(),
        })
    }

    fn text(&mut self, file: &'static str) -> Result<String, TsmError> {
        let bytes = self.read(file, TEXT_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let text = text.escape_debug().to_string();
            return Err(TsmError::Text { file, text });
        }
        Ok(text.to_owned())
    }

    fn number(&mut self, file: &'static str) -> Result<u64, TsmError> {
        let text = self.text(file)?;
        text.parse().map_err(|_| TsmError::Text { file, text })
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        // If it cannot be removed, the next report takes another name.
        let _ = self.files.remove_folder(&self.path);
    }
}

/// The TEE behind a driver.
fn tee_of(provider: &str) -> Result<Tee, TsmError> {
    match provider {
        "sev_guest" => Ok(Tee::SevSnp),
        "tdx_guest" => Ok(Tee::Tdx),
        _ => Err(TsmError::ProviderUnknown(provider.to_owned())),
    }
}

fn check_length(tee: Tee, outblob: &[u8]) -> Result<(), TsmError> {
    let right = match tee {
        Tee::SevSnp => outblob.len() == SNP_REPORT_BYTES,
        _ => report_data(tee, outblob).is_some(),
    };
    right.then_some(()).ok_or(TsmError::Length(outblob.len()))
}

fn file_error(file: &'static str, error: OsError) -> TsmError {
    if error.is_transient() {
        TsmError::Busy { file, error }
    } else {
        TsmError::File { file, error }
    }
}

fn entry_error(error: OsError) -> TsmError {
    // `ENXIO`: configfs-tsm is there, and nothing behind it.
    if error.code() == Some(rustix::io::Errno::NXIO.raw_os_error()) {
        return TsmError::NoProvider;
    }
    file_error("entry", error)
}
