//! Takes receipt files apart for a verifier that is not ours.
//!
//! `cargo run -p synod-client --example unpack_receipts -- NETWORK CHAIN RECEIPTS OUT`, then
//! `python ledger/tests/independent/verify_receipts.py OUT`.
//!
//! NETWORK is the pinned network id, CHAIN the chain file of the service, RECEIPTS a folder of
//! `.receipt` files. The keys come from the chain, followed from the pin, and nowhere else.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use bytes::Bytes;
use synod_client::read_chain;
use synod_crypto::Digest;
use synod_ledger::Receipt;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [network, chain, receipts, out] = &arguments[..] else {
        return Err("usage: unpack_receipts NETWORK CHAIN RECEIPTS OUT".into());
    };
    let network: Digest = network.parse()?;
    let chain = read_chain(network, &Bytes::from(fs::read(chain)?))?;
    let out = PathBuf::from(out);
    fs::create_dir_all(&out)?;
    let voters = chain
        .configurations()
        .flat_map(|configuration| configuration.voters());
    let keys: BTreeMap<_, _> = voters
        .map(|voter| (voter.key.digest(), voter.key))
        .collect();
    let lines = keys.iter().map(|(kid, key)| format!("{kid} {key}\n"));
    fs::write(out.join("keys.txt"), lines.collect::<String>())?;
    let mut count = 0;
    for entry in fs::read_dir(receipts)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "receipt")
        {
            unpack(&path, &out)?;
            count += 1;
        }
    }
    println!("{count} receipts unpacked");
    Ok(())
}

fn unpack(path: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let receipt = Receipt::decode(&fs::read(path)?)?;
    let parts = receipt.cose_parts()?;
    let folder = out.join(receipt.leaf.id().to_string());
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("leaf.bin"), parts.leaf)?;
    for (kid, cose) in parts.receipts {
        fs::write(folder.join(format!("{kid}.cose")), cose)?;
    }
    Ok(())
}
