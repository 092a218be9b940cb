//! The disk thread: it takes batches of records, makes them durable, and says so.
//!
//! Invariants
//! - one sync for all the batches that waited together;
//! - a batch is reported only when it, and every one before it, is durable;
//! - nothing is reported as durable unless the files stood at their place after its sync: a process
//!   can write into files that somebody has deleted or moved, and the system calls that a success;
//! - the files are looked at once in [`CHECK_EVERY`] as well while nothing is written;
//! - a failing disk loses nothing: the batches are kept and tried again, with growing pauses, and
//!   the replica is told to take no writes meanwhile. So is one whose files are gone, until they
//!   are back;
//! - a disk that does not return is noticed from beside ([`crate::disk_watch`]), and the replica is
//!   told the same.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use synod_replica::Batch;

use crate::disk_trouble::DiskTrouble;
use crate::disk_watch::{DiskWatch, HANG_MAX, Outcome};
use crate::segments::Segments;
use synod_identity::{log, spawn_critical};

/// What the disk thread reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskReport {
    /// The batch with this number, and all before it, is durable.
    Persisted(u64),
    /// Whether the disk refuses writes or hangs, told once for each change.
    Full(bool),
}

/// The first pause after a failed write.
pub(crate) const RETRY_FIRST: Duration = Duration::from_millis(50);
/// The longest pause after a failed write.
pub(crate) const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// The files are looked at this often while nothing is written.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Records that nobody waits for become durable after this time of rest.
const REST: Duration = Duration::from_millis(20);

/// A running disk thread. Dropping it makes durable what was handed over, if the disk allows, and
/// ends it.
#[derive(Debug)]
pub(crate) struct Disk {
    sender: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    /// Starts the thread; `report` is called on it or on the one that watches it, and `trouble`
    /// tells why the disk takes no writes.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub(crate) fn start(
        segments: Segments,
        trouble: DiskTrouble,
        report: impl Fn(DiskReport) + Clone + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::start_with(segments, trouble, HANG_MAX, report)
    }

    fn start_with(
        segments: Segments,
        trouble: DiskTrouble,
        hang_max: Duration,
        report: impl Fn(DiskReport) + Clone + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let (lives, ends) = channel();
        let tell = report.clone();
        let watch = DiskWatch::new(trouble, hang_max, move |full| tell(DiskReport::Full(full)));
        let writer = Writer {
            segments,
            watch: watch.clone(),
            report,
            newest: None,
            failed: None,
            _lives: lives,
        };
        spawn_critical("disk-watch", move || watch.watch(&ends))?;
        let thread = spawn_critical("disk", move || writer.run(&receiver))?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Hands over a batch. Never waits.
    pub(crate) fn persist(&self, batch: Batch) {
        if let Some(sender) = &self.sender {
            // The thread ends only when this sender is dropped.
            let _ = sender.send(batch);
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer<F, T> {
    segments: Segments,
    watch: Arc<DiskWatch<T>>,
    report: F,
    /// The newest number that nobody was told of.
    newest: Option<u64>,
    /// While the disk fails: the pause, and when it ends.
    failed: Option<(Duration, Instant)>,
    /// Ends the thread that watches this one.
    _lives: Sender<()>,
}

impl<F: Fn(DiskReport), T: Fn(bool)> Writer<F, T> {
    fn run(mut self, batches: &Receiver<Batch>) {
        loop {
            match self.next(batches) {
                Ok(batch) => self.take(batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Whatever waits goes along with the same sync.
            while let Ok(batch) = batches.try_recv() {
                self.take(batch);
            }
            if self.failed.is_none_or(|(_, until)| until <= Instant::now()) {
                self.settle();
            }
        }
        self.watch.begin(Instant::now());
        let done = self.segments.write().and_then(|()| self.segments.sync());
        if let Err(error) = done.and_then(|()| self.segments.check()) {
            log::error(
                "disk",
                format_args!("the last records could not be written: {error}"),
            );
        }
    }

    fn next(&self, batches: &Receiver<Batch>) -> Result<Batch, RecvTimeoutError> {
        let pause = match self.failed {
            Some((_, until)) => until.saturating_duration_since(Instant::now()),
            None if self.segments.is_durable() => CHECK_EVERY,
            None => REST,
        };
        batches.recv_timeout(pause)
    }

    fn take(&mut self, batch: Batch) {
        self.segments.queue(batch.records);
        self.newest = batch.number.or(self.newest);
    }

    /// Writes what waits; syncs it where somebody waits for it, or nothing else came for a while.
    fn settle(&mut self) {
        let rested = self.segments.is_written();
        let wanted = self.newest.is_some() || rested;
        self.watch.begin(Instant::now());
        let done = self
            .segments
            .write()
            .and_then(|()| if wanted { self.segments.sync() } else { Ok(()) })
            .and_then(|()| self.segments.check());
        let outcome = match done {
            Err(error) => Outcome::Failed(error),
            Ok(()) if self.segments.is_durable() => Outcome::Durable,
            Ok(()) => Outcome::Written,
        };
        match outcome {
            Outcome::Durable => self.failed = None,
            Outcome::Written => {}
            Outcome::Failed(_) => self.failed = Some(self.next_pause()),
        }
        let number = self.newest.take_if(|_| matches!(outcome, Outcome::Durable));
        self.watch.end(&outcome, || {
            if let Some(number) = number {
                (self.report)(DiskReport::Persisted(number));
            }
        });
    }

    /// The pause after a failed write, and when it ends.
    fn next_pause(&self) -> (Duration, Instant) {
        let pause = self
            .failed
            .map_or(RETRY_FIRST, |(pause, _)| (pause * 2).min(RETRY_LONGEST));
        (pause, Instant::now() + pause)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use synod_crypto::Digest;
    use synod_ledger::{Record, Scanner};

    use super::*;
    use crate::catalog::Catalog;
    use crate::config::Durability;
    use crate::sample::{self, encoded};
    use crate::volume::{SegmentFile, Volume};

    /// Files in memory, on a disk that can be full, that writes short, and whose sync can fail.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<FakeState>>);

    #[derive(Default)]
    struct FakeState {
        files: Vec<(String, Vec<u8>)>,
        room: usize,
        syncs: usize,
        syncs_fail: bool,
        /// A sync waits for a word from here.
        syncs_wait: Option<Receiver<()>>,
        /// Why the files are not at their place.
        gone: Option<io::ErrorKind>,
    }

    struct FakeFile(Fake, usize);

    impl Volume for Fake {
        fn create(&mut self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
            let mut state = self.0.lock().unwrap();
            if state.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.files.push((name.to_owned(), Vec::new()));
            let at = state.files.len() - 1;
            drop(state);
            Ok(Box::new(FakeFile(self.clone(), at)))
        }

        fn check(&mut self) -> io::Result<()> {
            let gone = self.0.lock().unwrap().gone;
            gone.map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    impl SegmentFile for FakeFile {
        fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
            let mut state = self.0.0.lock().unwrap();
            let short = bytes.len().min(state.room);
            state.room -= short;
            let file = &mut state.files[self.1].1;
            assert_eq!(file.len() as u64, at, "writes begin at the end");
            file.extend_from_slice(&bytes[..short]);
            if short < bytes.len() {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(())
            }
        }

        fn sync(&mut self) -> io::Result<()> {
            let waits = self.0.0.lock().unwrap().syncs_wait.take();
            if let Some(waits) = waits {
                waits.recv().expect("a word that ends it");
            }
            let mut state = self.0.0.lock().unwrap();
            state.syncs += 1;
            if state.syncs_fail {
                Err(io::ErrorKind::Other.into())
            } else {
                Ok(())
            }
        }

        fn cut(&mut self, len: u64) -> io::Result<()> {
            self.0.0.lock().unwrap().files[self.1]
                .1
                .truncate(len as usize);
            Ok(())
        }
    }

    impl Fake {
        fn with_room(room: usize) -> Self {
            let fake = Self::default();
            fake.0.lock().unwrap().room = room;
            fake
        }

        fn segments(&self, segment_bytes: u64, durability: Durability) -> (Segments, Catalog) {
            let catalog = Catalog::new("/nowhere".into());
            let segments = Segments::new(
                self.clone(),
                catalog.clone(),
                Digest::default(),
                segment_bytes,
                durability,
            );
            (segments, catalog)
        }

        /// Every record in every file, which must be whole to its end.
        fn records(&self) -> Vec<Record> {
            let state = self.0.lock().unwrap();
            let scan = |bytes: &Vec<u8>| {
                let scanner = Scanner::new(Bytes::from(bytes.clone())).expect("a segment header");
                scanner
                    .map(|placed| placed.expect("a whole record").record)
                    .collect::<Vec<_>>()
            };
            state
                .files
                .iter()
                .flat_map(|(_, bytes)| scan(bytes))
                .collect()
        }
    }

    fn proof(number: u8) -> Record {
        Record::Proof(Bytes::from(vec![number; 100]))
    }

    fn block() -> Record {
        sample::block(1)
    }

    fn batch(number: u64, records: &[Record]) -> Batch {
        Batch {
            number: Some(number),
            records: records.iter().map(encoded).collect(),
        }
    }

    fn start(
        segments: Segments,
        report: impl Fn(DiskReport) + Clone + Send + Sync + 'static,
    ) -> std::io::Result<Disk> {
        Disk::start(segments, DiskTrouble::default(), report)
    }

    const LARGE: u64 = 1 << 20;
    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn full_disk_loses_nothing_and_is_told_once() {
        let header_and_block = 60 + encoded(&block()).len();
        let fake = Fake::with_room(header_and_block + 50);
        let (told, reports) = channel();
        let disk = start(fake.segments(LARGE, Durability::Disk).0, move |report| {
            told.send(report).unwrap();
        })
        .unwrap();
        disk.persist(batch(1, &[block()]));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Persisted(1)));
        disk.persist(batch(2, &[proof(1)]));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(true)));
        disk.persist(batch(3, &[proof(2)]));
        assert!(
            reports.recv_timeout(Duration::from_millis(300)).is_err(),
            "told once, and nothing is called durable"
        );
        fake.0.lock().unwrap().room = 10_000;
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Persisted(3)));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(false)));
        drop(disk);
        assert_eq!(fake.records(), [block(), proof(1), proof(2)]);
    }

    #[test]
    fn nothing_is_called_durable_while_the_files_are_not_at_their_place() {
        let fake = Fake::with_room(100_000);
        let trouble = DiskTrouble::default();
        let (told, reports) = channel();
        let segments = fake.segments(LARGE, Durability::Disk).0;
        let disk = Disk::start(segments, trouble.clone(), move |report| {
            told.send(report).unwrap();
        })
        .unwrap();
        disk.persist(batch(1, &[block()]));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Persisted(1)));
        fake.0.lock().unwrap().gone = Some(io::ErrorKind::NotFound);
        // Writing and syncing succeed all the same.
        disk.persist(batch(2, &[proof(1)]));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(true)));
        assert!(trouble.now().is_some());
        assert!(
            reports.recv_timeout(Duration::from_millis(300)).is_err(),
            "told once, and nothing is called durable"
        );
        fake.0.lock().unwrap().gone = None;
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Persisted(2)));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(false)));
        assert_eq!(trouble.now(), None);
    }

    #[test]
    fn a_sync_that_does_not_return_is_noticed_and_its_return_ends_it() {
        let fake = Fake::with_room(100_000);
        let trouble = DiskTrouble::default();
        let (told, reports) = channel();
        let (word, waits) = channel();
        fake.0.lock().unwrap().syncs_wait = Some(waits);
        let segments = fake.segments(LARGE, Durability::Disk).0;
        let hang_max = Duration::from_millis(50);
        let report = move |report| told.send(report).unwrap();
        let disk = Disk::start_with(segments, trouble.clone(), hang_max, report).unwrap();
        disk.persist(batch(1, &[block()]));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(true)));
        assert!(trouble.now().is_some());
        word.send(()).unwrap();
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Persisted(1)));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(false)));
        assert_eq!(trouble.now(), None);
        drop(disk);
        assert_eq!(fake.records(), [block()]);
    }

    #[test]
    fn files_that_are_gone_are_noticed_while_nothing_is_written() {
        let fake = Fake::with_room(100_000);
        let (told, reports) = channel();
        let disk = start(fake.segments(LARGE, Durability::Disk).0, move |report| {
            told.send(report).unwrap();
        })
        .unwrap();
        fake.0.lock().unwrap().gone = Some(io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(true)));
        drop(disk);
    }

    #[test]
    fn full_disk_at_a_new_file_loses_nothing() {
        let fake = Fake::with_room(0);
        let (told, reports) = channel();
        let disk = start(fake.segments(LARGE, Durability::Disk).0, move |report| {
            told.send(report).unwrap();
        })
        .unwrap();
        disk.persist(batch(1, &[block(), proof(1)]));
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Full(true)));
        for room in [30, 1, 10_000] {
            fake.0.lock().unwrap().room = room;
            std::thread::sleep(Duration::from_millis(120));
        }
        assert_eq!(reports.recv_timeout(SOON), Ok(DiskReport::Persisted(1)));
        drop(disk);
        assert_eq!(fake.records(), [block(), proof(1)]);
    }

    #[test]
    fn records_are_written_again_after_a_failed_sync() {
        let fake = Fake::with_room(100_000);
        let (mut segments, catalog) = fake.segments(LARGE, Durability::Disk);
        segments.queue([encoded(&block())]);
        segments.write().and_then(|()| segments.sync()).unwrap();
        let durable = catalog.bytes();
        segments.queue([encoded(&proof(1))]);
        fake.0.lock().unwrap().syncs_fail = true;
        segments.write().and_then(|()| segments.sync()).unwrap_err();
        assert_eq!((segments.is_durable(), catalog.bytes()), (false, durable));
        fake.0.lock().unwrap().syncs_fail = false;
        segments.write().and_then(|()| segments.sync()).unwrap();
        assert!(segments.is_durable() && catalog.bytes() > durable);
        assert_eq!(fake.records(), [block(), proof(1)]);
    }

    #[test]
    fn batches_that_wait_together_share_one_sync() {
        let fake = Fake::with_room(100_000);
        let (mut segments, _) = fake.segments(LARGE, Durability::Disk);
        for number in 0..20 {
            segments.queue([encoded(&block()), encoded(&proof(number))]);
        }
        segments.write().and_then(|()| segments.sync()).unwrap();
        assert_eq!(fake.0.lock().unwrap().syncs, 1);
        assert_eq!(fake.records().len(), 40);
    }

    #[test]
    fn durability_in_memory_never_syncs() {
        let fake = Fake::with_room(100_000);
        let (mut segments, catalog) = fake.segments(LARGE, Durability::Memory);
        segments.queue([encoded(&block())]);
        segments.write().and_then(|()| segments.sync()).unwrap();
        assert_eq!(fake.0.lock().unwrap().syncs, 0);
        assert!(segments.is_durable() && catalog.bytes() > 0);
    }

    #[test]
    fn files_roll_at_their_size_and_begin_with_a_block() {
        let fake = Fake::with_room(1_000_000);
        let (mut segments, catalog) = fake.segments(2_000, Durability::Disk);
        let records: Vec<Record> = (0..30)
            .flat_map(|n| [block(), proof(n), proof(n)])
            .collect();
        segments.queue(records.iter().map(encoded));
        segments.write().and_then(|()| segments.sync()).unwrap();
        let files = fake.0.lock().unwrap().files.clone();
        assert!(files.len() > 2 && files.is_sorted_by_key(|(name, _)| name.clone()));
        for (_, bytes) in &files {
            let first = Scanner::new(Bytes::from(bytes.clone()))
                .unwrap()
                .next()
                .unwrap()
                .unwrap();
            assert!(matches!(first.record, Record::Block(_)));
        }
        assert_eq!(fake.records(), records);
        assert_eq!(
            catalog.bytes(),
            files
                .iter()
                .map(|(_, bytes)| bytes.len() as u64)
                .sum::<u64>()
        );
    }

    #[test]
    fn records_that_nobody_waits_for_become_durable_at_rest() {
        let fake = Fake::with_room(100_000);
        let (segments, catalog) = fake.segments(LARGE, Durability::Disk);
        let disk = start(segments, |_| {}).unwrap();
        disk.persist(Batch {
            number: None,
            records: vec![encoded(&block())],
        });
        let begun = Instant::now();
        while catalog.bytes() == 0 && begun.elapsed() < SOON {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(catalog.bytes() > 0);
    }
}
