//! A replica's disk: bytes become durable when a sync ends, and only those survive a crash.
//!
//! Invariants
//! - syncs end in the order in which they began;
//! - a crash leaves everything that is durable and any part of what is not.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{Block, RECORD_HEADER_LEN, Record, Scanner, SegmentHeader};
use synod_replica::Recall;

use crate::random::Random;

/// A sync of a healthy disk takes so long at most.
const SYNC_US_MAX: u64 = 2000;

/// The ledger's one segment of a replica.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    bytes: Vec<u8>,
    durable: usize,
    /// Blocks in what is written and not durable: where each ends, and its hash.
    blocks: Vec<(usize, Digest)>,
    /// The newest sync ends at this time.
    pub(crate) sync_ends_us: u64,
    /// While it does, no sync ends: the disk is full or hangs.
    pub(crate) stuck: bool,
    /// A sync takes so long at most.
    pub(crate) sync_us_max: u64,
}

impl Disk {
    /// The folder of a founder.
    pub(crate) fn founded(network: Digest, block0: Bytes) -> Self {
        let header = SegmentHeader {
            network,
            first_index: 1,
        };
        let mut bytes = header.encode().to_vec();
        Record::Block(block0).encode(&mut bytes);
        Self::copied(bytes)
    }

    /// The folder of a joiner: what it fetched, checked and synced.
    pub(crate) fn copied(bytes: Vec<u8>) -> Self {
        Self {
            durable: bytes.len(),
            bytes,
            blocks: Vec::new(),
            sync_ends_us: 0,
            stuck: false,
            sync_us_max: SYNC_US_MAX,
        }
    }

    /// Writes a record; it is not durable yet.
    pub(crate) fn append(&mut self, record: &Bytes) {
        self.bytes.extend_from_slice(record);
        // The kind stands after the length; 1 is a block.
        if record.get(4) == Some(&1)
            && let Ok(block) = Block::decode(record.slice(RECORD_HEADER_LEN..))
        {
            self.blocks.push((self.bytes.len(), block.hash()));
        }
    }

    /// Syncs are fast again.
    pub(crate) fn heal(&mut self) {
        (self.stuck, self.sync_us_max) = (false, SYNC_US_MAX);
    }

    /// How much is written.
    pub(crate) fn written(&self) -> usize {
        self.bytes.len()
    }

    /// A sync of the first `length` bytes has ended; gives the blocks that are durable by it.
    pub(crate) fn synced(&mut self, length: usize) -> Vec<Digest> {
        self.durable = self.durable.max(length);
        let kept = self.blocks.partition_point(|(end, _)| *end <= length);
        self.blocks.drain(..kept).map(|(_, hash)| hash).collect()
    }

    /// What a crash leaves, if `kept` of the bytes that are not durable survive.
    pub(crate) fn crash(mut self, kept: usize) -> Vec<u8> {
        self.bytes.truncate(self.durable.saturating_add(kept));
        self.bytes
    }

    /// How many bytes a crash may take.
    pub(crate) fn at_risk(&self) -> usize {
        self.bytes.len() - self.durable
    }

    /// All bytes, as whoever asks for the ledger reads them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a host reads back that is not what was written: a bit has changed, a block is another,
    /// some are missing.
    pub(crate) fn misread(mut records: Vec<Record>, random: &mut Random) -> Vec<Record> {
        let blocks: Vec<usize> = (0..records.len())
            .filter(|at| matches!(records[*at], Record::Block(_)))
            .collect();
        let (Some(at), Some(other)) = (random.pick(&blocks), random.pick(&blocks)) else {
            return records;
        };
        match random.below(4) {
            0 => {
                if let Record::Block(block) = &mut records[at] {
                    let mut changed = block.to_vec();
                    let bit = random.below(8 * changed.len() as u64);
                    changed[usize::try_from(bit / 8).expect("a place in a block")] ^=
                        1 << (bit % 8);
                    *block = changed.into();
                }
            }
            1 => records.swap(at, other),
            2 => drop(records.remove(at)),
            _ => records.truncate(at),
        }
        records
    }

    /// What the host reads back of its files.
    pub(crate) fn recall(&self, recall: Recall) -> Vec<Record> {
        let Ok(scanner) = Scanner::new(Bytes::copy_from_slice(&self.bytes)) else {
            return Vec::new();
        };
        let (mut records, mut begun, mut bytes) = (Vec::new(), false, 0);
        for placed in scanner.map_while(Result::ok) {
            if let Record::Block(block) = &placed.record {
                let index = Block::decode(block.clone()).map_or(0, |block| block.header().index);
                begun |= index >= recall.from;
            }
            if begun && bytes < recall.bytes_max {
                bytes += usize::try_from(placed.end - placed.at).unwrap_or(usize::MAX);
                records.push(placed.record);
            }
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crash_takes_what_was_not_synced_and_nothing_else() {
        let mut disk = Disk::copied(b"whole".to_vec());
        disk.append(&Bytes::from_static(b"synced"));
        disk.synced(disk.written());
        disk.append(&Bytes::from_static(b"lost"));
        assert_eq!(disk.at_risk(), 4);
        assert_eq!(disk.clone().crash(0), b"wholesynced");
        assert_eq!(disk.crash(2), b"wholesyncedlo");
    }
}
