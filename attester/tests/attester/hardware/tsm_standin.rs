//! A stand-in for configfs-tsm, with its rules: an entry has two generation
//! counters; a report is made when a blob is read and either is behind; what
//! is written to `inblob` counts when the file is closed, and an error then
//! reaches nobody; a driver may be missing, and shows only its own attributes.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use rustix::io::Errno;
use synod_attester::Files;

use crate::hardware::errno;

pub(crate) const ROOT: &str = "/stand-in/tsm/report";

/// What a caller does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Make,
    Remove,
    Open,
    Write,
}

/// What happens before a deed: others may act, or the deed may fail.
type Event = Box<dyn FnMut(&mut Kernel, Deed, &str) -> Option<Errno> + Send>;

/// The kernel's state.
pub(crate) struct Kernel {
    /// The registered driver.
    pub(crate) provider: Option<&'static str>,
    /// The least privilege level, if the driver knows any.
    pub(crate) privlevel_floor: Option<u32>,
    /// The certificate table, if the driver has such a thing.
    pub(crate) auxblob: Option<Vec<u8>>,
    /// The generation of a new entry.
    pub(crate) first_generation: u64,
    /// What `generation` says instead of its number.
    pub(crate) generation_says: Option<&'static str>,
    /// At most so many bytes come with one read.
    pub(crate) piece: usize,
    /// How many reads are interrupted at first.
    pub(crate) interruptions: u32,
    /// At most so many bytes are taken by one write.
    pub(crate) write_most: usize,
    /// Makes a report from report data and privilege level.
    pub(crate) report: fn(&[u8], u32) -> Vec<u8>,
    pub(crate) entries: BTreeMap<String, Entry>,
    /// Every attribute that was written, with its value.
    pub(crate) written: Vec<(String, Vec<u8>)>,
    /// How many entries were ever made.
    pub(crate) made: u32,
}

/// An entry's state.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) write_generation: u64,
    read_generation: u64,
    pub(crate) inblob: Vec<u8>,
    privlevel: u32,
    outblob: Option<Vec<u8>>,
}

/// configfs-tsm, shared between the test and the attester.
#[derive(Clone)]
pub(crate) struct Tsm {
    kernel: Arc<Mutex<Kernel>>,
    event: Arc<Mutex<Event>>,
}

impl Tsm {
    pub(crate) fn sev_guest() -> Self {
        Self::new(Kernel {
            provider: Some("sev_guest"),
            privlevel_floor: Some(0),
            auxblob: Some(Vec::new()),
            first_generation: 0,
            generation_says: None,
            piece: usize::MAX,
            interruptions: 0,
            write_most: usize::MAX,
            report: snp_report,
            entries: BTreeMap::new(),
            written: Vec::new(),
            made: 0,
        })
    }

    pub(crate) fn tdx_guest() -> Self {
        let tsm = Self::sev_guest();
        {
            let mut kernel = tsm.kernel();
            kernel.provider = Some("tdx_guest");
            kernel.privlevel_floor = None;
            kernel.auxblob = None;
            kernel.report = |inblob, _| tdx_quote(4, inblob);
        }
        tsm
    }

    fn new(kernel: Kernel) -> Self {
        Self {
            kernel: Arc::new(Mutex::new(kernel)),
            event: Arc::new(Mutex::new(Box::new(|_, _, _| None))),
        }
    }

    pub(crate) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().expect("no test panics here")
    }

    /// From now on, this happens before each deed.
    pub(crate) fn before_each_deed(
        &self,
        event: impl FnMut(&mut Kernel, Deed, &str) -> Option<Errno> + Send + 'static,
    ) {
        *self.event.lock().expect("no test panics here") = Box::new(event);
    }

    fn begin(&self, deed: Deed, path: &Path) -> io::Result<(MutexGuard<'_, Kernel>, Place)> {
        let place = Place::of(path);
        let mut kernel = self.kernel();
        let mut event = self.event.lock().expect("no test panics here");
        match event(&mut kernel, deed, &place.attribute) {
            Some(error) => Err(errno(error)),
            None => Ok((kernel, place)),
        }
    }
}

/// Entry and attribute of a path.
struct Place {
    entry: String,
    attribute: String,
}

impl Place {
    fn of(path: &Path) -> Self {
        let below = path.strip_prefix(ROOT).expect("a path of configfs-tsm");
        let mut parts = below.iter().map(|part| part.to_string_lossy().into_owned());
        Self {
            entry: parts.next().unwrap_or_default(),
            attribute: parts.next().unwrap_or_default(),
        }
    }
}

impl Kernel {
    /// Another process writes to the entry that there is.
    pub(crate) fn other_writes(&mut self, inblob: &[u8]) {
        let entry = self.entries.values_mut().next().expect("an entry");
        entry.advance().expect("no overflow");
        entry.inblob = inblob.to_vec();
    }

    fn attribute(&mut self, place: &Place) -> io::Result<Vec<u8>> {
        let provider = self.provider;
        let (make, aux, floor) = (self.report, self.auxblob.clone(), self.privlevel_floor);
        let says = self.generation_says;
        let entry = self.entry(place)?;
        let line = |value: String| Ok(format!("{value}\n").into_bytes());
        match place.attribute.as_str() {
            "provider" => line(provider.ok_or(errno(Errno::NXIO))?.to_owned()),
            "generation" => line(match says {
                Some(garbage) => garbage.to_owned(),
                None => entry.write_generation.to_string(),
            }),
            "privlevel_floor" => line(floor.ok_or(errno(Errno::NOENT))?.to_string()),
            "outblob" => entry.blob(make, provider.is_some()),
            "auxblob" => {
                let aux = aux.ok_or(errno(Errno::NOENT))?;
                entry.blob(make, provider.is_some())?;
                Ok(aux)
            }
            _ => Err(errno(Errno::NOENT)),
        }
    }

    fn entry(&mut self, place: &Place) -> io::Result<&mut Entry> {
        self.entries
            .get_mut(&place.entry)
            .ok_or(errno(Errno::NOENT))
    }

    fn store(&mut self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        let floor = self.privlevel_floor;
        let entry = self.entry(place)?;
        match place.attribute.as_str() {
            "inblob" if bytes.len() > 64 => return Err(errno(Errno::FBIG)),
            "inblob" => {
                // On closing: the error of a full counter reaches nobody.
                if entry.advance().is_ok() {
                    entry.inblob = bytes.to_vec();
                }
            }
            "privlevel" => {
                let floor = floor.ok_or(errno(Errno::NOENT))?;
                let text = std::str::from_utf8(bytes).map_err(|_| errno(Errno::INVAL))?;
                let level: u32 = text.parse().map_err(|_| errno(Errno::INVAL))?;
                if !(floor..=3).contains(&level) {
                    return Err(errno(Errno::INVAL));
                }
                entry.advance()?;
                entry.privlevel = level;
            }
            "service_provider" | "service_guid" | "service_manifest_version" => entry.advance()?,
            _ => return Err(errno(Errno::NOENT)),
        }
        self.written.push((place.attribute.clone(), bytes.to_vec()));
        Ok(())
    }
}

impl Entry {
    /// The counter may not catch up with the last reading from behind.
    fn advance(&mut self) -> io::Result<()> {
        if self.write_generation == self.read_generation.wrapping_sub(1) {
            return Err(errno(Errno::BUSY));
        }
        self.write_generation = self.write_generation.wrapping_add(1);
        Ok(())
    }

    fn blob(&mut self, make: fn(&[u8], u32) -> Vec<u8>, driven: bool) -> io::Result<Vec<u8>> {
        if self.inblob.is_empty() {
            return Err(errno(Errno::INVAL));
        }
        if self.outblob.is_none() || self.read_generation != self.write_generation {
            if !driven {
                return Err(errno(Errno::NOTTY));
            }
            self.outblob = Some(make(&self.inblob, self.privlevel));
            self.read_generation = self.write_generation;
        }
        Ok(self.outblob.clone().expect("made above"))
    }
}

impl Files for Tsm {
    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let (mut kernel, place) = self.begin(Deed::Make, path)?;
        if kernel.provider.is_none() {
            return Err(errno(Errno::NXIO));
        }
        if kernel.entries.contains_key(&place.entry) {
            return Err(errno(Errno::EXIST));
        }
        let generation = kernel.first_generation;
        kernel.made += 1;
        let entry = Entry {
            write_generation: generation,
            read_generation: generation,
            ..Entry::default()
        };
        kernel.entries.insert(place.entry, entry);
        Ok(())
    }

    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        let (mut kernel, place) = self.begin(Deed::Remove, path)?;
        let removed = kernel.entries.remove(&place.entry);
        removed.map(|_| ()).ok_or(errno(Errno::NOENT))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read>> {
        let (mut kernel, place) = self.begin(Deed::Open, path)?;
        let content = kernel.attribute(&place)?;
        let interruptions = std::mem::take(&mut kernel.interruptions);
        Ok(Box::new(Pieces {
            content,
            at: 0,
            piece: kernel.piece,
            interruptions,
        }))
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        let (mut kernel, place) = self.begin(Deed::Write, path)?;
        let taken = bytes.len().min(kernel.write_most);
        kernel.store(&place, &bytes[..taken])?;
        Ok(taken)
    }
}

/// A file that is read in pieces.
pub(crate) struct Pieces {
    pub(crate) content: Vec<u8>,
    pub(crate) at: usize,
    pub(crate) piece: usize,
    pub(crate) interruptions: u32,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interruptions > 0 {
            self.interruptions -= 1;
            return Err(errno(Errno::INTR));
        }
        let rest = &self.content[self.at..];
        let length = rest.len().min(buffer.len()).min(self.piece);
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

/// A report of the right shape; nobody signed it.
pub(crate) fn snp_report(inblob: &[u8], privlevel: u32) -> Vec<u8> {
    let mut report = vec![0; 0x4a0];
    report[0] = 3;
    report[0x30..0x34].copy_from_slice(&privlevel.to_le_bytes());
    report[0x50..0x50 + inblob.len()].copy_from_slice(inblob);
    report
}

/// A quote of the right shape; nobody signed it.
pub(crate) fn tdx_quote(version: u8, inblob: &[u8]) -> Vec<u8> {
    let at = if version == 4 { 48 + 520 } else { 54 + 520 };
    let mut quote = vec![0; 5000];
    quote[..5].copy_from_slice(&[version, 0, 2, 0, 0x81]);
    quote[at..at + inblob.len()].copy_from_slice(inblob);
    quote
}
