//! The ledger's files, written in order by one writer.
//!
//! Invariants
//! - records reach the files in the order in which they were queued, each exactly once;
//! - a record leaves the queue only when it is durable; until then any failure cuts the file back
//!   to its last durable byte, and the records are written again;
//! - a file begins with a block, and the one before it is durable by then.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{Block, RECORD_HEADER_LEN, SegmentHeader};

use crate::catalog::Catalog;
use crate::config::Durability;
use crate::volume::{SegmentFile, Volume};

/// The files of one ledger, open for appending.
pub(crate) struct Segments {
    volume: Box<dyn Volume>,
    catalog: Catalog,
    network: Digest,
    segment_bytes: u64,
    durability: Durability,
    queue: VecDeque<Bytes>,
    open: Option<Open>,
    ordinal: u64,
}

/// The file that grows.
struct Open {
    file: Box<dyn SegmentFile>,
    /// What opens the file, as long as it is not durable.
    header: Option<[u8; synod_ledger::SEGMENT_HEADER_LEN]>,
    /// Bytes that are durable.
    durable: u64,
    /// Bytes that were handed to the system.
    written: u64,
    /// How many records at the head of the queue lie between the two.
    records: usize,
    /// Whether bytes past `durable` may stand in the file that were never counted.
    dirty: bool,
}

impl Segments {
    /// The ledger of `network`, whose files begin a new one past `segment_bytes`.
    pub(crate) fn new(
        volume: impl Volume,
        catalog: Catalog,
        network: Digest,
        segment_bytes: u64,
        durability: Durability,
    ) -> Self {
        Self {
            volume: Box::new(volume),
            catalog,
            network,
            segment_bytes,
            durability,
            queue: VecDeque::new(),
            open: None,
            ordinal: 0,
        }
    }

    /// Queues encoded records.
    pub(crate) fn queue(&mut self, records: impl IntoIterator<Item = Bytes>) {
        self.queue.extend(records);
    }

    /// Whether everything that was queued is durable.
    pub(crate) fn is_durable(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether everything that was queued is with the system, durable or not.
    pub(crate) fn is_written(&self) -> bool {
        self.queue.len() == self.open.as_ref().map_or(0, |open| open.records)
    }

    /// Hands all that is queued to the system.
    ///
    /// # Errors
    /// What the system says. A crash here leaves a torn tail, which the reader cuts off; carrying
    /// on, the next call does.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        self.mend()?;
        while let Some(next) = self.next_unwritten() {
            if self.must_roll(&next) {
                self.sync()?;
                self.roll(&next)?;
            }
            self.write_run()?;
        }
        Ok(())
    }

    /// Makes durable what was written: one sync for all of it.
    ///
    /// # Errors
    /// What the system says; all since the last success is written again by the next
    /// [`Self::write`].
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.written == open.durable {
            return Ok(());
        }
        if self.durability == Durability::Disk {
            // After a failed sync the system may have dropped the bytes and call them clean: write
            // them again.
            open.file.sync().inspect_err(|_| open.forget())?;
        }
        open.durable = open.written;
        open.header = None;
        self.queue.drain(..open.records);
        open.records = 0;
        self.catalog.advance(open.durable);
        Ok(())
    }

    /// Whether what was written stands at its place, and a new file could be begun.
    ///
    /// # Errors
    /// What is wrong: nothing that was made durable since the last success may be relied on.
    pub(crate) fn check(&mut self) -> io::Result<()> {
        self.volume.check()
    }

    fn mend(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some(open) if open.dirty => {
                open.file.cut(open.durable)?;
                open.dirty = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn next_unwritten(&self) -> Option<Bytes> {
        let at = self.open.as_ref().map_or(0, |open| open.records);
        self.queue.get(at).cloned()
    }

    /// Only a block may open a file: what follows a block belongs to it.
    fn must_roll(&self, next: &Bytes) -> bool {
        match &self.open {
            None => true,
            Some(open) => open.written >= self.segment_bytes && first_index(next).is_some(),
        }
    }

    fn roll(&mut self, next: &Bytes) -> io::Result<()> {
        let first_index = first_index(next).expect("a ledger begins with a block");
        let name = segment_name(self.ordinal + 1, first_index);
        let file = self.volume.create(&name)?;
        self.ordinal += 1;
        self.catalog.add(&name, first_index);
        let header = SegmentHeader {
            network: self.network,
            first_index,
        }
        .encode();
        self.open = Some(Open {
            file,
            header: Some(header),
            durable: 0,
            written: 0,
            records: 0,
            dirty: false,
        });
        Ok(())
    }

    /// Writes, at once, the records up to the next one that opens a file, or up to
    /// [`WRITE_BYTES_MAX`].
    fn write_run(&mut self) -> io::Result<()> {
        let open = self.open.as_mut().expect("rolled before");
        let mut bytes = Vec::new();
        if let Some(header) = open.header.filter(|_| open.written == 0) {
            bytes.extend_from_slice(&header);
        }
        let mut records = 0;
        for record in self.queue.range(open.records..) {
            let full = open.written + bytes.len() as u64 >= self.segment_bytes
                && first_index(record).is_some();
            if records > 0 && (full || bytes.len() + record.len() > WRITE_BYTES_MAX) {
                break;
            }
            bytes.extend_from_slice(record);
            records += 1;
        }
        open.file
            .write(open.written, &bytes)
            .inspect_err(|_| open.forget())?;
        open.written += bytes.len() as u64;
        open.records += records;
        Ok(())
    }
}

impl Open {
    /// Counts nothing past the durable bytes any more.
    fn forget(&mut self) {
        self.written = self.durable;
        self.records = 0;
        self.dirty = true;
    }
}

/// The most bytes that are copied together for one write, unless a single record is longer.
const WRITE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The kind of a block in a record's header.
const BLOCK_KIND: u8 = 1;

/// The name of a ledger file: its place in the order, and the index of its first block.
fn segment_name(ordinal: u64, first_index: u64) -> String {
    format!("{ordinal:08}-{first_index:016}.ledger")
}

/// Index of the block in an encoded record; none for other records.
fn first_index(record: &Bytes) -> Option<u64> {
    (record.get(4) == Some(&BLOCK_KIND)).then(|| {
        let block = Block::decode(record.slice(RECORD_HEADER_LEN..))
            .expect("the replica hands out whole blocks");
        block.header().index
    })
}

/// The ledger files in a folder, in their order.
///
/// # Errors
/// What the system says.
pub fn segment_files(folder: &std::path::Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ledger")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
