//! Whatever stands in the files of configfs-tsm and of Gramine, in pieces of
//! whatever length: no panic, bounded reading, folders removed, and only a
//! report that carries our report data is handed out.
#![no_main]

use std::{
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Evidence, ReportData};
use synod_attester::{Attester as _, ConfigfsTsm, Files, Gramine, Pause, TsmOptions};

/// Gives out the fuzzer's bytes: two of length, then a file.
#[derive(Clone)]
struct Given {
    bytes: Arc<Vec<u8>>,
    at: usize,
    folders: Arc<AtomicI64>,
    generation: u64,
}

impl Given {
    fn take(&mut self, length: usize) -> &[u8] {
        let start = self.at;
        self.at = (start + length).min(self.bytes.len());
        &self.bytes[start..self.at]
    }

    fn outcome(&mut self) -> io::Result<()> {
        match self.take(1).first() {
            Some(0xff) => Err(io::Error::from_raw_os_error(16)),
            Some(0xfe) => Err(io::Error::from_raw_os_error(22)),
            Some(0xfd) => Err(io::Error::from_raw_os_error(17)),
            Some(0xfc) => Err(io::Error::from_raw_os_error(2)),
            _ => Ok(()),
        }
    }
}

/// Reads in pieces of at most 700 bytes.
struct Pieces(io::Cursor<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(700);
        self.0.read(&mut into[..length])
    }
}

impl Files for Given {
    fn make_folder(&mut self, _path: &Path) -> io::Result<()> {
        self.outcome()?;
        self.folders.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove_folder(&mut self, _path: &Path) -> io::Result<()> {
        self.folders.fetch_sub(1, Ordering::Relaxed);
        self.outcome()
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read>> {
        self.outcome()?;
        let content = match self.take(2) {
            // Sound most of the time, so that the rest is reached.
            [0, _] | [0] | [] if path.ends_with("generation") => {
                self.generation.to_string().into_bytes()
            }
            &[low, high] => {
                let length = usize::from(u16::from_le_bytes([low, high]));
                self.take(length).to_vec()
            }
            _ => Vec::new(),
        };
        Ok(Box::new(Pieces(io::Cursor::new(content))))
    }

    fn write(&mut self, _path: &Path, bytes: &[u8]) -> io::Result<usize> {
        self.outcome()?;
        self.generation += 1;
        Ok(bytes.len())
    }
}

struct NoPause;

impl Pause for NoPause {
    fn pause(&mut self, _length: Duration) {}
}

fuzz_target!(|bytes: &[u8]| {
    let wanted = ReportData::from([0x41; 64]);
    let folders = Arc::new(AtomicI64::new(0));
    let files = Given {
        bytes: Arc::new(bytes.to_vec()),
        at: 0,
        folders: folders.clone(),
        generation: 0,
    };
    let root = Path::new("/given");
    let tsm = ConfigfsTsm::open(
        root,
        Box::new(files.clone()),
        Box::new(NoPause),
        TsmOptions::default(),
    );
    let gramine = Gramine::open(root, Box::new(files), Box::new(NoPause));
    let quoted = [
        tsm.ok().and_then(|mut tsm| tsm.quote(&wanted, 0).ok()),
        gramine
            .ok()
            .and_then(|mut files| files.quote(&wanted, 0).ok()),
    ];
    for quoted in quoted.into_iter().flatten() {
        let evidence = quoted.evidence.bytes();
        assert!(evidence.len() <= Evidence::BYTES_MAX);
        assert!(evidence.windows(64).any(|window| window == [0x41; 64]));
    }
    assert_eq!(folders.load(Ordering::Relaxed), 0);
});
