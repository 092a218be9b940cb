//! A stand-in for `/dev/attestation` of Gramine: the quote is made when it is
//! opened, over the report data that was last written.

use std::{
    io::{self, Read},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use rustix::io::Errno;
use synod_attester::Files;

use crate::hardware::{errno, tsm_standin::Pieces};

pub(crate) const ROOT: &str = "/stand-in/attestation";

/// The library OS.
pub(crate) struct LibraryOs {
    /// The scheme of the manifest; `None`: the files are not there.
    pub(crate) scheme: Option<&'static str>,
    pub(crate) report_data: [u8; 64],
    pub(crate) quote: fn(&[u8; 64]) -> Vec<u8>,
    /// Errors of the next openings of `quote`.
    pub(crate) fails: Vec<Errno>,
    pub(crate) write_most: usize,
    pub(crate) piece: usize,
}

#[derive(Clone)]
pub(crate) struct GramineFiles(Arc<Mutex<LibraryOs>>);

impl GramineFiles {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LibraryOs {
            scheme: Some("dcap"),
            report_data: [0; 64],
            quote: sgx_quote,
            fails: Vec::new(),
            write_most: usize::MAX,
            piece: usize::MAX,
        })))
    }

    pub(crate) fn os(&self) -> MutexGuard<'_, LibraryOs> {
        self.0.lock().expect("no test panics here")
    }
}

impl Files for GramineFiles {
    fn make_folder(&mut self, _path: &Path) -> io::Result<()> {
        Err(errno(Errno::ACCESS))
    }

    fn remove_folder(&mut self, _path: &Path) -> io::Result<()> {
        Err(errno(Errno::ACCESS))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read>> {
        let mut os = self.os();
        let scheme = os.scheme.ok_or(errno(Errno::NOENT))?;
        let content = match path.strip_prefix(ROOT).ok().and_then(Path::to_str) {
            Some("attestation_type") => scheme.as_bytes().to_vec(),
            Some("quote") if scheme == "dcap" => {
                if let Some(error) = os.fails.pop() {
                    return Err(errno(error));
                }
                (os.quote)(&os.report_data)
            }
            _ => return Err(errno(Errno::NOENT)),
        };
        Ok(Box::new(Pieces {
            content,
            at: 0,
            piece: os.piece,
            interruptions: 0,
        }))
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        let mut os = self.os();
        if path != Path::new(ROOT).join("user_report_data") || os.scheme.is_none() {
            return Err(errno(Errno::NOENT));
        }
        let taken = bytes.len().min(os.write_most).min(64);
        os.report_data[..taken].copy_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

/// A quote of the right shape; nobody signed it.
pub(crate) fn sgx_quote(report_data: &[u8; 64]) -> Vec<u8> {
    let mut quote = vec![0; 4700];
    quote[..3].copy_from_slice(&[3, 0, 2]);
    quote[368..432].copy_from_slice(report_data);
    quote
}
