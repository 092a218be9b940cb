//! Part 6: a receipt for every record, kept and verified offline.

use bytes::Bytes;
use synod_api::TxId;
use synod_client::{ClientError, Service, read_chain, verify_answer};
use synod_crypto::Digest;
use synod_ledger::ReceiptPolicy;

use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::receipt_files::BoundFile;
use crate::up::import::Imported;
use crate::up::layout::Layout;
use crate::up::side_by_side::side_by_side;

/// Fetches the receipts and the chain, keeps them as files, and verifies each with nothing but the
/// pin: signers of `vendors` vendors at least, my request, my answer. Gives their number.
pub(crate) async fn verify_all(
    service: &Service,
    layout: &Layout,
    network: Digest,
    imported: &[Imported],
    vendors: usize,
) -> Outcome<usize> {
    let ids = imported.iter().map(|one| one.written.transaction_id);
    let receipts = Box::pin(side_by_side(ids.map(|id| fetch(service.clone(), id)))).await?;
    let chain_file = service.chain_file().await?;
    files::replace(&layout.chain(), &chain_file, Readers::Everybody)?;
    keep(layout, imported, &receipts)?;

    // From here on nothing is asked of anybody.
    let chain = read_chain(network, &chain_file)?;
    let policy = ReceiptPolicy {
        signers_min: vendors,
        vendors_min: vendors,
        ..ReceiptPolicy::default()
    };
    for (one, receipt) in imported.iter().zip(&receipts) {
        let id = one.written.transaction_id;
        verify_answer(receipt, &chain, &policy, id, &one.written.bound).map_err(|error| {
            Failure::not_verified(format!("the receipt of transaction {id}: {error}"))
        })?;
    }
    if let Some(newest) = receipts.last() {
        service.remember_receipt(&chain, newest).await?;
    }
    Ok(receipts.len())
}

async fn fetch(service: Service, id: TxId) -> Result<Bytes, ClientError> {
    service.receipt(id).await
}

fn keep(layout: &Layout, imported: &[Imported], receipts: &[Bytes]) -> Outcome {
    files::make_folder(&layout.receipts())?;
    for (one, receipt) in imported.iter().zip(receipts) {
        let path = layout
            .receipts()
            .join(format!("{}.receipt", one.record.key));
        let bound = BoundFile {
            transaction_id: one.written.transaction_id.to_string(),
            bound: one.written.bound,
        };
        // Copies that can be fetched again: not worth a flush to the disk each.
        std::fs::write(&path, receipt)
            .and_then(|()| std::fs::write(BoundFile::path_for(&path), bound.to_json()))
            .map_err(|error| {
                Failure::broken(format!("cannot write `{}`: {error}", path.display()))
            })?;
    }
    Ok(())
}
