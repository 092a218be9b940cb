//! Answers that rest on blocks leave once those are certified, with receipts under the newest
//! certified root.

use synod_ledger::{InclusionProof, ReceiptIssuer, ReplyPreimage, TxId};
use synod_mutation::mutation;

use crate::app::{self, AppReply, ChunkTaken};
use crate::caller::Caller;
use crate::calls::{CallError, Effects, Reply};
use crate::core::Core;
use crate::governance::Recorded;
use crate::kv;
use crate::pending_replies::{AppOutcome, Outcome, PendingReply};
use synod_ledger::TxStatus;

/// A replica that heard of no leader for so many ticks (5 s of 20 ms) answers no local reads.
pub(crate) const LOCAL_READ_TICKS_MAX: u64 = 250;

impl Core {
    /// Hands out the answers that rest on certified blocks.
    pub(crate) fn answer_certified(&mut self, out: &mut Effects) {
        for held in self.pending.certified(self.certified_index()) {
            let asker = held.asker;
            let reply = self.reply_of(held);
            out.reply(asker, reply);
        }
    }

    fn reply_of(&mut self, held: PendingReply) -> Reply {
        match held.outcome {
            Outcome::Failed(error) => Reply::Failed(error),
            Outcome::Governance(replica) => match held.tx {
                Some(tx) => Reply::Governance(Recorded { tx, replica }),
                None => Reply::Failed(CallError::Retry),
            },
            Outcome::Chunk { as_of } => Reply::App(app::Reply::ChunkTaken(ChunkTaken {
                tx: held.tx,
                as_of: self.machine.history().certified_tx(as_of),
            })),
            Outcome::App(outcome) => self.app_reply_of(held.tx, *outcome),
            Outcome::Kv {
                as_of,
                answer,
                receipt,
                repeats,
            } => {
                let tx = repeats.or(held.tx);
                let as_of = self.machine.history().certified_tx(as_of);
                let receipt = tx
                    .filter(|_| receipt)
                    .and_then(|tx| self.receipt_with_opening(tx));
                Reply::Kv(kv::Reply::Answered {
                    tx,
                    as_of,
                    answer,
                    receipt,
                    repeated: repeats.is_some(),
                })
            }
        }
    }

    fn app_reply_of(&mut self, tx: Option<TxId>, outcome: AppOutcome) -> Reply {
        let tx = outcome.repeats.or(tx);
        let receipt = tx
            .filter(|_| outcome.receipt)
            .and_then(|tx| self.receipt_with_opening(tx));
        Reply::App(app::Reply::Called(Box::new(AppReply {
            tx,
            as_of: self.machine.history().certified_tx(outcome.as_of),
            response: outcome.response,
            receipt,
            repeated: outcome.repeats.is_some(),
        })))
    }

    /// The receipt of a committed transaction. Whoever made it gets the reply opened, others the
    /// bare leaf.
    pub(crate) fn receipt(&mut self, tx: TxId, caller: Caller) -> Result<bytes::Bytes, CallError> {
        match self.machine.history().status(tx) {
            TxStatus::Committed => {}
            TxStatus::Pending => return Err(CallError::NotYet { tx }),
            TxStatus::Invalid => return Err(CallError::Invalid { tx }),
            TxStatus::Unknown => return Err(CallError::NotFound),
        }
        let interior = self.machine.interior(tx.seqno);
        let mine = interior.filter(|interior| {
            caller
                .fingerprint
                .is_some_and(|print| print.as_bytes()[..] == interior.caller[..])
        });
        self.assemble_receipt(tx, mine.map(|interior| interior.reply))
            .ok_or(CallError::NotFound)
    }

    fn receipt_with_opening(&mut self, tx: TxId) -> Option<bytes::Bytes> {
        let opening = self
            .machine
            .interior(tx.seqno)
            .map(|interior| interior.reply);
        self.assemble_receipt(tx, opening)
    }

    /// Every receipt stands under the newest certified root, however old its transaction is: a
    /// client whose chain is as new as this replica's can judge it by signatures that are not
    /// superseded.
    fn assemble_receipt(&self, tx: TxId, opening: Option<ReplyPreimage>) -> Option<bytes::Bytes> {
        let history = self.machine.history();
        let sequence = self.machine.sequence();
        let (block, position) = history.find(tx.seqno)?;
        let certificate = if mutation!("receipt-under-the-first-root") {
            history.certificate_covering(block.header().index)?
        } else {
            history.newest_certificate()?
        };
        let certified = history.block(certificate.index)?;
        let leaf = block.leaf(position)?;
        let public = block.frames()[position].public.clone();
        let head = certified.head();
        let configuration = sequence.configuration_named(&head.configuration)?;
        let proof = sequence.tree().prove(tx.seqno - 1, head.tree_size)?;
        let header = certified.header_bytes().clone();
        let issuer = ReceiptIssuer::new(&self.network, header, head, certificate, configuration);
        let mut receipt = issuer.issue(leaf, &proof, opening, Some(public));
        if !mutation!("receipt-under-the-first-root") {
            receipt.ending = self.ending(tx.seqno, configuration.number());
        }
        Some(receipt.encode())
    }

    /// While a change is certified and no certified block names the new configuration yet, whoever
    /// follows the chain needs the proof that the leaf is in the tree by which configuration
    /// `number` ended.
    fn ending(&self, seqno: u64, number: u64) -> Option<InclusionProof> {
        let records = self.machine.chain_records();
        let record = records.get(usize::try_from(number).ok()?)?;
        let ended = record.proof.tree_size;
        self.machine.sequence().tree().prove(seqno - 1, ended)
    }

    /// Whether no leader was heard of for too long to answer from here.
    pub(crate) fn is_stale(&self) -> bool {
        !self.is_settled_leader() && self.ticks > self.leader_heard_tick + LOCAL_READ_TICKS_MAX
    }
}
