//! Reads the ledger's files back for whoever asks over HTTPS: joiners and auditors.
//!
//! Invariants
//! - only bytes that the catalog lists are read, so nothing that a loss of power would take back is
//!   shown;
//! - what follows the newest certificate is held back: an uncertified block is nobody's business;
//! - signatures and proofs, which are this replica's own memory, stay here;
//! - the reader holds one chunk and the records since the last certificate, never a whole file.
//!
//! The stream is records as in a segment file, without a segment's header.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{Block, Damage, Placed, Record, SEGMENT_HEADER_LEN, Scanner, SegmentHeader};
use synod_replica::Recall;

use crate::catalog::{Catalog, Segment};

/// Bytes that are read from a file at once.
const CHUNK_BYTES: usize = 1 << 20;
/// A reader has caught up once no more than this came since it last looked: far less than replicas
/// keep in memory.
const CAUGHT_UP_BYTES: u64 = 4 << 20;

/// Why the ledger cannot be read back. The disk's fault, or of whoever changed the files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// What the system says.
    #[error("cannot read the ledger: {0}")]
    Io(#[from] io::Error),
    /// The bytes are not those that were written.
    #[error("the ledger file `{file}` is damaged: {damage}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong, and where in the file.
        damage: Damage,
    },
    /// Whoever the records were for is gone.
    #[error("the reader is gone")]
    Gone,
}

/// Gives out the certified ledger from the block with index `from` on, in pieces of whole records.
/// `take` returns false to stop.
///
/// The ledger may grow meanwhile, and is followed until what is left is little: then whoever reads
/// can have the rest from the replicas' memory.
///
/// # Errors
/// [`ReadError`]; what was given out before is sound.
pub(crate) fn read_ledger(
    catalog: &Catalog,
    from: u64,
    mut take: impl FnMut(Bytes) -> bool,
) -> Result<(), ReadError> {
    let mut held = Held {
        from,
        begun: false,
        records: Vec::new(),
    };
    let mut give = |record: &Record, raw: &[u8]| {
        let wanted = held.push(record, raw).is_none_or(&mut take);
        if wanted { Ok(()) } else { Err(ReadError::Gone) }
    };
    let mut cursor: Option<Cursor> = None;
    loop {
        let segments = match &cursor {
            None => catalog.starting_at(from),
            Some(cursor) => catalog.at_and_after(&cursor.segment.path),
        };
        let mut given = 0;
        for segment in segments {
            let mut open = match cursor.take() {
                Some(open) if open.segment.path == segment.path => open,
                _ => Cursor::open(segment.clone())?,
            };
            given += open.read_to(segment.readable, &mut give)?;
            cursor = Some(open);
        }
        if given <= CAUGHT_UP_BYTES {
            return Ok(());
        }
    }
}

/// Blocks and certificates from the block with index `recall.from` on, about as many bytes as are
/// asked for. Nothing of them is verified but that they are whole.
///
/// # Errors
/// [`ReadError`].
pub(crate) fn read_back(
    catalog: &Catalog,
    network: Digest,
    recall: Recall,
) -> Result<Vec<Record>, ReadError> {
    let head = SegmentHeader {
        network,
        first_index: recall.from,
    };
    let mut bytes = head.encode().to_vec();
    let read = read_ledger(catalog, recall.from, |piece| {
        bytes.extend_from_slice(&piece);
        bytes.len() < recall.bytes_max
    });
    match read {
        Ok(()) | Err(ReadError::Gone) => {}
        Err(error) => return Err(error),
    }
    let scanner = Scanner::new(Bytes::from(bytes)).expect("a header was made just now");
    // The reader gives whole records.
    Ok(scanner
        .map_while(Result::ok)
        .map(|placed| placed.record)
        .collect())
}

/// Records since the last certificate.
struct Held {
    from: u64,
    begun: bool,
    records: Vec<u8>,
}

impl Held {
    /// Takes a record; gives out all that it certifies.
    fn push(&mut self, record: &Record, raw: &[u8]) -> Option<Bytes> {
        match record {
            Record::Block(bytes) => {
                let index =
                    Block::decode(bytes.clone()).map_or(u64::MAX, |block| block.header().index);
                self.begun |= index >= self.from;
                if self.begun {
                    self.records.extend_from_slice(raw);
                }
                // Block 0 is pinned: it needs no certificate.
                (index == 1 && self.begun).then(|| std::mem::take(&mut self.records).into())
            }
            Record::Certificate(_) if self.begun => {
                self.records.extend_from_slice(raw);
                Some(std::mem::take(&mut self.records).into())
            }
            _ => None,
        }
    }
}

/// A place in a file that may grow.
struct Cursor {
    segment: Segment,
    file: File,
    window: Window,
    /// Bytes that were read.
    read: u64,
    /// Bytes that the window has moved on.
    base: u64,
}

impl Cursor {
    /// The beginning of a file.
    fn open(segment: Segment) -> io::Result<Self> {
        let file = File::open(&segment.path)?;
        Ok(Self {
            segment,
            file,
            window: Window::default(),
            read: 0,
            base: 0,
        })
    }

    /// Hands every record up to the offset `readable` to `take`, with its bytes as they stand
    /// there. Returns how many bytes that was.
    fn read_to(
        &mut self,
        readable: u64,
        mut take: impl FnMut(&Record, &[u8]) -> Result<(), ReadError>,
    ) -> Result<u64, ReadError> {
        let begun = self.read;
        let mut chunk = vec![0; CHUNK_BYTES];
        while self.read < readable {
            let wanted = (readable - self.read).min(CHUNK_BYTES as u64) as usize;
            let count = self.file.read(&mut chunk[..wanted])?;
            if count == 0 {
                return Err(self.damaged(Damage::Torn { at: self.read }));
            }
            self.read += count as u64;
            self.window.bytes.extend_from_slice(&chunk[..count]);
            let ended = self.read == readable;
            if self.window.bytes.len() < SEGMENT_HEADER_LEN && !ended {
                continue;
            }
            let whole = self
                .window
                .scan(ended, &mut take)
                .map_err(|fault| match fault {
                    Fault::Damage(damage) => self.damaged(shifted(damage, self.base)),
                    Fault::Taker(error) => error,
                })?;
            self.base += whole;
        }
        Ok(self.read - begun)
    }

    fn damaged(&self, damage: Damage) -> ReadError {
        ReadError::Damaged {
            file: name(&self.segment),
            damage,
        }
    }
}

/// A file's header, and the bytes that were read and not yet handed out.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
}

enum Fault {
    Damage(Damage),
    Taker(ReadError),
}

impl Window {
    /// Hands out the whole records; returns how far the window moved on.
    fn scan(
        &mut self,
        ended: bool,
        take: &mut impl FnMut(&Record, &[u8]) -> Result<(), ReadError>,
    ) -> Result<u64, Fault> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let mut scanner = Scanner::new(bytes.clone()).map_err(Fault::Damage)?;
        loop {
            match scanner.next() {
                Some(Ok(Placed { at, end, record })) => {
                    take(&record, &bytes[at as usize..end as usize]).map_err(Fault::Taker)?;
                }
                Some(Err(Damage::Torn { .. })) if !ended => break,
                Some(Err(damage)) => return Err(Fault::Damage(damage)),
                None => break,
            }
        }
        let whole = scanner.valid_len() as usize;
        self.bytes.extend_from_slice(&bytes[..SEGMENT_HEADER_LEN]);
        self.bytes.extend_from_slice(&bytes[whole..]);
        Ok((whole - SEGMENT_HEADER_LEN) as u64)
    }
}

fn shifted(damage: Damage, base: u64) -> Damage {
    match damage {
        Damage::Torn { at } => Damage::Torn { at: at + base },
        Damage::Corrupt { at, what } => Damage::Corrupt {
            at: at + base,
            what,
        },
    }
}

fn name(segment: &Segment) -> String {
    segment
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Durability;
    use crate::sample::{block, encoded};
    use crate::segments::{Segments, segment_files};
    use crate::volume::Folder;

    fn certificate(number: u8) -> Record {
        Record::Certificate(Bytes::from(vec![number; 40]))
    }

    /// Files of about two kilobytes in a folder of their own.
    fn segments(folder: &Path) -> (Segments, Catalog) {
        let catalog = Catalog::new(folder.to_owned());
        let volume = Folder::create(folder).expect("a new folder");
        let segments = Segments::new(
            volume,
            catalog.clone(),
            Digest::default(),
            2_000,
            Durability::Disk,
        );
        (segments, catalog)
    }

    fn write(segments: &mut Segments, records: &[Record]) {
        segments.queue(records.iter().map(encoded));
        segments
            .write()
            .and_then(|()| segments.sync())
            .expect("the disk works");
    }

    fn read(catalog: &Catalog, from: u64) -> Vec<u8> {
        let mut all = Vec::new();
        read_ledger(catalog, from, |piece| {
            all.extend_from_slice(&piece);
            true
        })
        .expect("a sound ledger");
        all
    }

    fn bytes(records: &[Record]) -> Vec<u8> {
        records
            .iter()
            .flat_map(|record| encoded(record).to_vec())
            .collect()
    }

    #[test]
    fn certified_records_come_back_over_many_files() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        let mut records = vec![block(1)];
        (2..100).for_each(|index| records.extend([block(index), certificate(index as u8)]));
        write(&mut segments, &records);
        assert!(segment_files(&dir.path().join("ledger")).unwrap().len() > 3);
        assert_eq!(read(&catalog, 1), bytes(&records));
        let tail: Vec<Record> = records[2 * 60 - 3..].to_vec();
        assert_eq!(tail[0], block(60));
        assert_eq!(read(&catalog, 60), bytes(&tail));
    }

    #[test]
    fn ledger_that_grows_while_it_is_read_is_followed_until_little_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let (segments, catalog) = segments(&dir.path().join("ledger"));
        let mut segments = Some(segments);
        let grow = |segments: &mut Segments, from: u64, records: u64| {
            let proof = Record::Proof(Bytes::from(vec![7; 64 * 1024]));
            let made: Vec<Record> = (from..from + records)
                .flat_map(|index| [block(index), proof.clone(), certificate(1)])
                .collect();
            write(segments, &made);
        };
        grow(segments.as_mut().unwrap(), 1, 100);
        let (mut given, mut grown) = (Vec::new(), 100);
        read_ledger(&catalog, 1, |piece| {
            given.extend_from_slice(&piece);
            // While a piece is on its way, so much is written as was read; in the end the writer
            // rests.
            if grown < 400 {
                grow(segments.as_mut().unwrap(), grown + 1, 1);
                grown += 1;
            }
            true
        })
        .unwrap();
        let expected: Vec<Record> = (1..=400)
            .flat_map(|index| [block(index), certificate(1)])
            .collect();
        assert_eq!(given, bytes(&expected));
    }

    #[test]
    fn ledger_that_grows_for_ever_does_not_keep_its_reader_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        write(&mut segments, &[block(1), block(2), certificate(2)]);
        let mut index = 2;
        read_ledger(&catalog, 1, |_| {
            index += 1;
            write(&mut segments, &[block(index), certificate(3)]);
            true
        })
        .unwrap();
        assert!(index < 100, "{index}");
    }

    #[test]
    fn what_follows_the_newest_certificate_is_held_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        let proof = Record::Proof(Bytes::from_static(b"mine"));
        write(
            &mut segments,
            &[block(1), block(2), proof, certificate(2), block(3)],
        );
        assert_eq!(
            read(&catalog, 1),
            bytes(&[block(1), block(2), certificate(2)])
        );
        write(&mut segments, &[certificate(3)]);
        assert_eq!(read(&catalog, 3), bytes(&[block(3), certificate(3)]));
    }

    #[test]
    fn block_zero_needs_no_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        write(&mut segments, &[block(1), block(2)]);
        assert_eq!(read(&catalog, 1), bytes(&[block(1)]));
        assert!(read(&catalog, 2).is_empty());
    }

    #[test]
    fn unsynced_records_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        write(&mut segments, &[block(1)]);
        segments.queue([encoded(&block(2)), encoded(&certificate(2))]);
        segments.write().unwrap();
        assert_eq!(read(&catalog, 1), bytes(&[block(1)]));
    }

    #[test]
    fn flipped_bit_is_found_and_nothing_after_it_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ledger");
        let (mut segments, catalog) = segments(&folder);
        write(
            &mut segments,
            &[block(1), block(2), certificate(2), block(3), certificate(3)],
        );
        let file = segment_files(&folder).unwrap().remove(0);
        let mut changed = std::fs::read(&file).unwrap();
        let at = SEGMENT_HEADER_LEN + bytes(&[block(1), block(2), certificate(2)]).len() + 30;
        changed[at] ^= 1;
        std::fs::write(&file, changed).unwrap();
        let mut given = Vec::new();
        let error = read_ledger(&catalog, 1, |piece| {
            given.extend_from_slice(&piece);
            true
        });
        assert!(
            matches!(
                error,
                Err(ReadError::Damaged {
                    damage: Damage::Corrupt { .. },
                    ..
                })
            ),
            "{error:?}"
        );
        assert_eq!(given, bytes(&[block(1), block(2), certificate(2)]));
    }

    #[test]
    fn file_that_was_cut_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ledger");
        let (mut segments, catalog) = segments(&folder);
        write(&mut segments, &[block(1), block(2), certificate(2)]);
        let file = segment_files(&folder).unwrap().remove(0);
        let whole = std::fs::read(&file).unwrap();
        let last_record = bytes(&[certificate(2)]).len();
        for cut in [3, last_record, last_record + 1] {
            let left = whole.len() - cut;
            std::fs::write(&file, &whole[..left]).unwrap();
            let error = read_ledger(&catalog, 1, |_| true);
            let Err(ReadError::Damaged {
                damage: Damage::Torn { at },
                ..
            }) = error
            else {
                panic!("{error:?}")
            };
            assert_eq!(at, left as u64);
        }
    }

    #[test]
    fn about_as_much_is_read_back_as_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        let mut records = vec![block(1)];
        (2..100).for_each(|index| records.extend([block(index), certificate(index as u8)]));
        write(&mut segments, &records);
        let recall = |bytes_max| Recall {
            from: 60,
            bytes_max,
        };
        let all = read_back(&catalog, Digest::default(), recall(1 << 20)).unwrap();
        assert_eq!(all, records[2 * 60 - 3..]);
        let some = read_back(&catalog, Digest::default(), recall(2_000)).unwrap();
        assert!(some.len() < all.len() && all.starts_with(&some) && some.len() >= 2);
    }

    #[test]
    fn reading_ends_when_the_reader_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (mut segments, catalog) = segments(&dir.path().join("ledger"));
        write(&mut segments, &[block(1), block(2), certificate(2)]);
        assert!(matches!(
            read_ledger(&catalog, 1, |_| false),
            Err(ReadError::Gone)
        ));
    }

    #[test]
    fn folder_of_an_earlier_run_is_never_written_to() {
        let dir = tempfile::tempdir().unwrap();
        Folder::create(&dir.path().join("ledger")).unwrap();
        let again = Folder::create(&dir.path().join("ledger")).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
