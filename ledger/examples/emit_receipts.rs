//! Makes a small ledger and writes its receipts for a verifier that is not ours.
//!
//! `cargo run -p synod-ledger --example emit_receipts -- DIR`, then
//! `python ledger/tests/independent/verify_receipts.py DIR`.
//!
//! Layout: `DIR/keys.txt` has a line `kid-hex public-key-hex` for each signer;
//! each folder beside it is one transaction, with `leaf.bin` (the tree's entry)
//! and a `<kid-hex>.cose` for each signature.
#![allow(clippy::disallowed_methods, reason = "an example writes files")]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use synod_ledger::Receipt;

#[path = "../tests/promises/network.rs"]
#[allow(dead_code, reason = "the tests use all of it, this example a part")]
mod network;

fn main() -> io::Result<()> {
    let Some(dir) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: emit_receipts DIR"));
    };
    let mut network = network::Network::usual();
    network.transact(5);
    network.certify(&[1, 2]);
    network.elect(2);
    network.propose(vec![network::write_set("public:notes", b"k", Some(b"v"))]);
    network.certify(&[1, 2, 3]);
    fs::create_dir_all(&dir)?;
    let keys: Vec<String> = network
        .sequence
        .configuration()
        .voters()
        .iter()
        .map(|v| format!("{} {}\n", v.key.digest(), v.key))
        .collect();
    fs::write(dir.join("keys.txt"), keys.concat())?;
    for seqno in 1..=network.sequence.last().tree_size {
        let receipt = network.receipt(seqno, &[1, 2, 3]);
        write(&dir.join(receipt.leaf.id().to_string()), &receipt)?;
    }
    Ok(())
}

fn write(dir: &Path, receipt: &Receipt) -> io::Result<()> {
    let parts = receipt.cose_parts().map_err(io::Error::other)?;
    fs::create_dir_all(dir)?;
    fs::write(dir.join("leaf.bin"), parts.leaf)?;
    for (kid, cose) in parts.receipts {
        fs::write(dir.join(format!("{kid}.cose")), cose)?;
    }
    Ok(())
}
