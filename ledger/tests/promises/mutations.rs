//! Parsers of outside bytes survive whatever they are given: valid bytes are
//! changed in ten thousand seeded ways each, and nothing may panic.

use bytes::Bytes;
use synod_crypto::{Entropy, Secret};
use synod_ledger::{
    Block, Certificate, ChainRecord, Configuration, Header, Interior, Leaf, LedgerSecret, Opener,
    Place, Purpose, Receipt, ReceiptPolicy, Record, Scanner, Sealer, ShownBlock, audit_segments,
    public_writes,
};

use crate::network::{Network, configuration_write, preimage, write_set};

const ROUNDS: usize = 10_000;

/// Changes up to three bytes, cuts, doubles or inserts, as the stream says.
fn mutated(valid: &[u8], entropy: &mut Entropy) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..=entropy.take::<1>()[0] % 3 {
        let [kind, value, a, b] = entropy.take::<4>();
        let at = usize::from(u16::from_le_bytes([a, b])) % bytes.len().max(1);
        match kind % 8 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), value),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
        }
    }
    bytes
}

fn survive(valid: &[u8], mut parse: impl FnMut(Vec<u8>)) {
    let mut entropy = Entropy::from_seed(Secret::new([3; 32]));
    parse(valid.to_vec());
    for _ in 0..ROUNDS {
        parse(mutated(valid, &mut entropy));
    }
}

#[test]
fn blocks_and_headers() {
    let mut network = Network::usual();
    let readings = [network.vetted(1, u64::MAX), network.vetted(2, u64::MAX)];
    network.elect(1);
    let writes = vec![write_set("public:m", b"k", Some(b"v")); 3];
    let mut follower = network.sequence.clone();
    let (block, _) = network.try_propose(writes, &readings).expect("valid");
    survive(block.bytes(), |bytes| {
        if let Ok(block) = Block::decode(bytes.into())
            && follower.append(&block).is_ok()
        {
            follower.retract(1).expect("uncertified");
        }
    });
    survive(block.header_bytes(), |bytes| drop(Header::decode(&bytes)));
}

#[test]
fn certificates_and_configurations() {
    let network = Network::usual();
    let certificate = network.certificate(network.sequence.last(), &[1, 2]);
    let block = network.blocks.last().expect("block 0");
    let shown = ShownBlock {
        header: block.header_bytes().clone(),
        certificate: certificate.clone(),
    };
    survive(&shown.encode(), |bytes| {
        if let Ok(shown) = ShownBlock::decode(&bytes) {
            assert_eq!(shown.encode(), bytes);
            let _ = shown.standing(&network.sequence, None);
        }
    });
    survive(&certificate.encode(), |bytes| {
        drop(Certificate::decode(&bytes));
    });
    let configuration = network.sequence.configuration().encode();
    survive(&configuration, |bytes| drop(Configuration::decode(&bytes)));
}

#[test]
fn receipts_and_chain_records() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    network.certify(&[1, 2]);
    let before = synod_ledger::Chain::start(network.network(), network.blocks[0].bytes().clone());
    let mut before = before.expect("valid");
    let first = before.current().digest();
    before.open(0, &first).expect("it is the first");
    let receipt = network.receipt(2, &[1, 2]).encode();
    let policy = ReceiptPolicy::default();
    survive(&receipt, |bytes| {
        if let Ok(receipt) = Receipt::decode(&bytes) {
            drop(receipt.verify(&before, &policy));
            drop(receipt.cose_parts());
        }
    });
    survive(&network.recorder.records()[0].encode(), |bytes| {
        if let Ok(record) = ChainRecord::decode(&bytes) {
            drop(before.clone().follow(&record));
        }
    });
}

#[test]
fn leaves_writes_and_seals() {
    let network = Network::usual();
    let leaf = network.blocks[0].leaf(0).expect("leaf").encode();
    survive(&leaf, |bytes| _ = Leaf::decode(&bytes));
    let writes = write_set("public:m", b"k", Some(b"v"));
    survive(&writes, |bytes| {
        _ = public_writes::find(&bytes, "public:m", b"k");
    });

    let place = Place {
        network: network.network(),
        replica: 1,
        view: 1,
        seqno: 2,
        previous: network.network(),
    };
    let secret = || LedgerSecret {
        generation: 1,
        secret: Secret::new([1; 32]),
    };
    let purpose = Purpose::Transaction;
    let interior = Interior {
        writes,
        reply: preimage(2),
        caller: Bytes::from_static(b"somebody"),
        execution: Some(Bytes::from_static(b"how it came to be")),
    }
    .encode();
    let mut sealer = Sealer::new(&secret(), place.network, 1, 1, purpose);
    let sealed = sealer
        .seal(2, place.previous, interior.clone())
        .expect("sealed");
    let mut opener = Opener::new();
    opener.add(secret());
    survive(&sealed, |bytes| drop(opener.open(&bytes, &place, purpose)));
    survive(&interior, |bytes| drop(Interior::decode(&bytes.into())));
}

#[test]
fn segments() {
    let mut network = Network::usual();
    network.transact(2);
    network.certify(&[1, 2]);
    network
        .records
        .push(Record::Proof(Bytes::from_static(b"proof")));
    let pin = network.network();
    survive(&network.segment(), |bytes| {
        let bytes = Bytes::from(bytes);
        if let Ok(scanner) = Scanner::new(bytes.clone()) {
            let _ = scanner.count();
        }
        drop(audit_segments(pin, [bytes]));
    });
}
