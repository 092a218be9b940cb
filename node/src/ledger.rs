//! The door's calls about the ledger: transactions, receipts, the chain of configurations, and the
//! records themselves.

use bytes::Bytes;
use synod_api::{Base64, ConsistencyReply, ErrorCode, Problem, TxReply};
use synod_crypto::Digest;
use synod_gateway::ledger::{Call, Reply};
use synod_gateway::{Answer, Broken, Caller, Records};
use synod_ledger::TxId;
use synod_replica::Caller as Who;
use synod_replica::ledger::{Receipt, Status};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::ledger_reader::read_ledger;
use crate::running::Running;
use crate::views;
use synod_identity::log;

/// Pieces of the ledger that wait for a slow reader.
const PIECES_WAITING: usize = 4;

impl Running {
    /// Answers a call about the ledger; `who` is the caller as the replica knows it.
    pub(crate) async fn ledger(&self, caller: Caller, who: Who, call: Call) -> Answer<Reply> {
        match call {
            Call::Status(transaction_id) => {
                let status = self.ask(who, Status(transaction_id)).await?;
                Ok(Reply::Status(TxReply {
                    transaction_id,
                    status,
                }))
            }
            Call::Receipt(transaction) => {
                let file = self.ask(who, Receipt(transaction)).await?;
                Ok(Reply::Receipt { transaction, file })
            }
            Call::Chain => {
                let parts = self.core.look(|replica| replica.chain()).await?;
                Ok(Reply::Chain(views::chain_file(parts).encode().into()))
            }
            Call::Consistency { from, to } => self.consistency(from, to).await,
            Call::Records { from } => self.records(caller, from),
        }
    }

    async fn consistency(&self, from: u64, to: Option<u64>) -> Answer<Reply> {
        let proof = self.core.look(move |replica| replica.consistency(from, to));
        let Some((to, path)) = proof.await? else {
            return Err(Problem::new(ErrorCode::TransactionUnknown)
                .with_detail("this replica does not know so many certified transactions")
                .with_hint("leave out `to`, or ask again or another replica")
                .into());
        };
        let hash = |hash: &Digest| Base64(Bytes::copy_from_slice(hash.as_bytes()));
        Ok(Reply::Consistency(ConsistencyReply {
            from,
            to,
            path: path.iter().map(hash).collect(),
        }))
    }

    /// The receipt file of a transaction, if there is one by now.
    pub(crate) async fn receipt_file(&self, who: Who, tx: TxId) -> Option<Bytes> {
        self.ask(who, Receipt(tx)).await.ok()
    }

    fn records(&self, caller: Caller, from: u64) -> Answer<Reply> {
        let key = caller.fingerprint.map(Digest::from);
        let replica = key.filter(|key| self.known.is_replica(key));
        let place = self.streams.take(replica, caller.source).ok_or_else(|| {
            Problem::new(ErrorCode::Overloaded)
                .with_detail("too many streams of the ledger at once")
        })?;
        let (pieces, records) = mpsc::channel(PIECES_WAITING);
        let (catalog, runtime) = (self.catalog.clone(), Handle::current());
        tokio::task::spawn_blocking(move || {
            let read = read_ledger(&catalog, from, |piece| {
                runtime.block_on(place.send(&pieces, piece))
            });
            drop(place);
            if let Err(error) = read {
                log::warn("ledger", &error);
                // The reader may be gone already, or slow: this thread does not wait for it.
                runtime.spawn(async move { drop(pieces.send(Err(Broken)).await) });
            }
        });
        Ok(Reply::Records(Records(records)))
    }
}
