//! Answers that leave: once certified, and reads, linearizable or local.
//!
//! Invariants
//! - a linearizable read is served from the newest certified state, once that covers the index which a quorum
//!   confirmed after the read came in;
//! - a local read names the seqno that it is as of, and is refused when no leader was heard of for too long.

use synod_ledger::{InclusionProof, ReceiptIssuer, ReplyPreimage, TxId};

use crate::app::Caller;
use crate::calls::{Call, CallError, Effects, Operate, Reply, Request, TxStatus};
use crate::desk::{AppOutcome, Outcome, Resting};
use crate::executing::errand;
use crate::guest::AppReply;
use crate::replica::Replica;
use crate::users;

/// A replica that heard of no leader for so many ticks (5 s of 20 ms) answers no local reads.
pub(crate) const LOCAL_READ_TICKS_MAX: u64 = 250;

impl Replica {
    /// Starts a round for the reads that came in.
    pub(crate) fn flush_reads(&mut self, out: &mut Effects) {
        if self.leads() && !self.is_settled_leader() {
            return;
        }
        if let Some(ctx) = self.desk.open_round(self.ticks) {
            self.ask_read_index(ctx, out);
        }
    }

    /// Asks again for what was lost, and gives up what waited too long.
    pub(crate) fn tick_reads(&mut self, out: &mut Effects) {
        for ctx in self.desk.stale_rounds(self.ticks) {
            self.ask_read_index(ctx, out);
        }
        self.peer_asks.expire(self.ticks);
        let expired = self.desk.expired_reads(self.ticks);
        out.replies.extend(
            expired
                .into_iter()
                .map(|call| (call.id, Reply::Failed(CallError::Stale))),
        );
    }

    /// Serves the confirmed reads that the certified state covers.
    pub(crate) fn serve_reads(&mut self, out: &mut Effects) {
        let ready = self.desk.ready_reads(self.certified_index());
        for call in ready {
            let id = call.id;
            let reply = match &call.request {
                Request::App(_) => self.begin_app_read(call),
                _ => Some(self.read(&call)),
            };
            out.replies.extend(reply.map(|reply| (id, reply)));
        }
    }

    /// Certified state is new enough for this read of an app; a reply only where there is no room for it.
    fn begin_app_read(&mut self, call: Call) -> Option<Reply> {
        let refused = self.floor.reads.submit(errand(call)?).err();
        refused.map(|_| Reply::Failed(CallError::Busy))
    }

    /// Whether no leader was heard of for too long to answer from here.
    pub(crate) fn is_stale(&self) -> bool {
        !self.is_settled_leader() && self.ticks > self.leader_heard_tick + LOCAL_READ_TICKS_MAX
    }

    /// Reads from this replica's certified state, without asking anybody.
    pub(crate) fn local_read(&mut self, call: &Call) -> Reply {
        if self.is_stale() {
            return Reply::Failed(CallError::Stale);
        }
        self.read(call)
    }

    fn read(&self, call: &Call) -> Reply {
        let Request::Operate(operate) = &call.request else {
            return Reply::Failed(CallError::NotFound);
        };
        let as_of = self.machine.history().certified_seqno();
        match self.read_certified(call.caller, operate) {
            Ok(answer) => Reply::Answered {
                tx: None,
                as_of: self.machine.history().certified_tx(as_of),
                answer,
                receipt: None,
                repeated: false,
            },
            Err(error) => Reply::Failed(error),
        }
    }

    fn read_certified(
        &self,
        caller: Caller,
        operate: &Operate,
    ) -> Result<crate::app::Answer, CallError> {
        let state = self.certified_state();
        let mut transaction = state.begin();
        users::authorize(&transaction, caller, &operate.operation)?;
        Ok(self.app.execute(&mut transaction, &operate.operation)?)
    }

    /// Hands out the answers that rest on certified blocks.
    pub(crate) fn answer_certified(&mut self, out: &mut Effects) {
        for resting in self.desk.certified(self.certified_index()) {
            let call = resting.call;
            let reply = self.reply_of(resting);
            out.replies.push((call, reply));
        }
    }

    fn reply_of(&mut self, resting: Resting) -> Reply {
        match resting.outcome {
            Outcome::Failed(error) => Reply::Failed(error),
            Outcome::Governed(replica) => match resting.tx {
                Some(tx) => Reply::Governed { tx, replica },
                None => Reply::Failed(CallError::Retry),
            },
            Outcome::App(outcome) => self.app_reply_of(resting.tx, *outcome),
            Outcome::Answered {
                as_of,
                answer,
                receipt,
                repeats,
            } => {
                let tx = repeats.or(resting.tx);
                let as_of = self.machine.history().certified_tx(as_of);
                let receipt = tx
                    .filter(|_| receipt)
                    .and_then(|tx| self.receipt_with_opening(tx));
                Reply::Answered {
                    tx,
                    as_of,
                    answer,
                    receipt,
                    repeated: repeats.is_some(),
                }
            }
        }
    }

    fn app_reply_of(&mut self, tx: Option<TxId>, outcome: AppOutcome) -> Reply {
        let tx = outcome.repeats.or(tx);
        let receipt = tx
            .filter(|_| outcome.receipt)
            .and_then(|tx| self.receipt_with_opening(tx));
        Reply::App(Box::new(AppReply {
            tx,
            as_of: self.machine.history().certified_tx(outcome.as_of),
            response: outcome.response,
            receipt,
            repeated: outcome.repeats.is_some(),
        }))
    }

    /// The receipt of a committed transaction. Whoever made it gets the reply opened, others the bare leaf.
    pub(crate) fn receipt(&mut self, tx: TxId, caller: Caller) -> Result<bytes::Bytes, CallError> {
        match self.machine.history().status(tx) {
            TxStatus::Committed => {}
            TxStatus::Pending => return Err(CallError::NotYet { tx }),
            TxStatus::Invalid | TxStatus::Unknown => return Err(CallError::NotFound),
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

    /// Every receipt stands under the newest certified root, however old its transaction is: a client whose chain is
    /// as new as this replica's can judge it by signatures that are not superseded.
    fn assemble_receipt(&self, tx: TxId, opening: Option<ReplyPreimage>) -> Option<bytes::Bytes> {
        let history = self.machine.history();
        let sequence = self.machine.sequence();
        let (block, position) = history.find(tx.seqno)?;
        let certificate = history.newest_certificate()?;
        let certified = history.block(certificate.index)?;
        let leaf = block.leaf(position)?;
        let public = block.frames()[position].public.clone();
        let head = certified.head();
        let configuration = sequence.configuration_named(&head.configuration)?;
        let proof = sequence.tree().prove(tx.seqno - 1, head.tree_size)?;
        let header = certified.header_bytes().clone();
        let issuer = ReceiptIssuer::new(&self.network, header, head, certificate, configuration);
        let mut receipt = issuer.issue(leaf, &proof, opening, Some(public));
        receipt.ending = self.ending(tx.seqno, configuration.number());
        Some(receipt.encode())
    }

    /// While a change is certified and no certified block names the new configuration yet, whoever follows the chain
    /// needs the proof that the leaf is in the tree by which configuration `number` ended.
    fn ending(&self, seqno: u64, number: u64) -> Option<InclusionProof> {
        let records = self.machine.chain_records();
        let record = records.get(usize::try_from(number).ok()?)?;
        let ended = record.proof.tree_size;
        self.machine.sequence().tree().prove(seqno - 1, ended)
    }
}
