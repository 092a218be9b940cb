//! Blocks and records for tests: of the right shape, proving nothing.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{HEADER_FORMAT, Header, Record};

/// An empty block with this index, in its encoding.
pub(crate) fn block_bytes(index: u64) -> Bytes {
    let header = Header {
        format: HEADER_FORMAT,
        network: Digest::default(),
        view: 1,
        index,
        proposer: 1,
        first_seqno: index,
        count: 0,
        previous: Digest::default(),
        tree_size: index - 1,
        root: Digest::default(),
        configuration: Digest::default(),
        time_ms: 0,
        readings: Vec::new(),
        empties: Vec::new(),
    };
    let mut encoder = minicbor::Encoder::new(Vec::new());
    let written = encoder
        .array(2)
        .and_then(|to| to.bytes(&header.encode()))
        .and_then(|to| to.array(0))
        .map(|_| ());
    written.expect("writing to memory");
    encoder.into_writer().into()
}

/// A block record.
pub(crate) fn block(index: u64) -> Record {
    Record::Block(block_bytes(index))
}

/// A record in the form in which the replica hands it out.
pub(crate) fn encoded(record: &Record) -> Bytes {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes.into()
}
