//! The engine is driven: it gets its inputs, what it says is written and sent, and what goes along
//! with its messages.

use bytes::Bytes;
use synod_consensus::{Body, Input as EngineInput};
use synod_ledger::{BlockSignature, ClockReading, Record, SignedAt};
use synod_mutation::mutation;

use crate::calls::{Batch, Effects, Notice};
use crate::core::{Core, Event, encoded};
use crate::envelope::Envelope;

impl Core {
    /// Gives the engine an input and carries out what it says. A refusal is counted by the engine.
    pub(crate) fn drive(&mut self, input: EngineInput, out: &mut Effects) -> bool {
        match self.engine.step(input) {
            Ok(effects) => {
                let taken = effects.dropped.is_none();
                self.absorb(effects, out);
                taken
            }
            Err(refused) => {
                out.notices.push(Notice::Dropped {
                    peer: 0,
                    why: refused.to_string(),
                });
                false
            }
        }
    }

    /// Writes and sends what the engine decided; the rest waits for [`Replica`](crate::Replica) to
    /// route it.
    fn absorb(&mut self, effects: synod_consensus::Effects, out: &mut Effects) {
        if let Some(batch) = effects.persist {
            self.persist(&batch, out);
        }
        for message in effects.send {
            let to = message.to;
            let envelope = self.envelope_for(message);
            out.send.push((to, envelope));
        }
        let reads = effects.reads.into_iter().map(Event::ReadConfirmed);
        self.events.extend(reads);
        self.events.extend(effects.fetch.map(Event::Fetch));
        self.events.extend(effects.role.map(Event::Role));
    }

    /// Turns entries into records: each block, with this replica's signature if the block is of
    /// this view.
    fn persist(&mut self, batch: &synod_consensus::Batch, out: &mut Effects) {
        let mut records = Vec::new();
        for entry in &batch.entries {
            if entry.payload.block().is_none() {
                continue;
            }
            let block = self
                .machine
                .history()
                .block(entry.index)
                .expect("the machine holds what the engine logs");
            records.push(encoded(&Record::Block(block.bytes().clone())));
            if entry.term == self.engine.term() {
                let head = block.head();
                let signature =
                    BlockSignature::sign(&self.keys.identity, self.id, &self.network, &head);
                self.signatures.insert(entry.index, signature);
                let signed = SignedAt {
                    index: entry.index,
                    header_hash: head.hash,
                    signature,
                };
                records.push(encoded(&Record::Signature(signed)));
            }
        }
        let last = batch.entries.last().map_or(0, |entry| entry.index);
        self.unpersisted.push_back((batch.number, last));
        out.persist.push(Batch {
            number: Some(batch.number),
            records,
        });
    }

    /// A joiner signs the certified block at which it starts: it has checked it and has it on disk.
    pub(crate) fn sign_newest(&mut self, out: &mut Effects) {
        let head = *self.machine.sequence().certified();
        let signature = BlockSignature::sign(&self.keys.identity, self.id, &self.network, &head);
        self.signatures.insert(head.index, signature);
        let signed = SignedAt {
            index: head.index,
            header_hash: head.hash,
            signature,
        };
        out.persist.push(Batch {
            number: None,
            records: vec![encoded(&Record::Signature(signed))],
        });
    }

    fn envelope_for(&mut self, message: synod_consensus::Message) -> Envelope {
        let mut envelope = Envelope::default();
        match &message.body {
            Body::Append { index, .. } => {
                envelope.tail = self.machine.history().tail_hash(*index);
                if !mutation!("append-without-certificate") {
                    envelope.certificate = self.certificate_for_append(*index);
                }
            }
            Body::Heartbeat { .. } => {
                envelope.certificate = self.certificate_bytes.clone();
                envelope.header = self.newest_certified_header();
            }
            Body::Accepted { index, .. } => {
                envelope.tail = self.machine.history().tail_hash(*index);
                envelope.signature = self.signature_for(*index, message.term);
                envelope.reading = self.own_reading().map(Box::new);
            }
            Body::HeartbeatReply { .. } => {
                envelope.reading = self.own_reading().map(Box::new);
                envelope.disk_refuses = self.disk_full.then_some(true);
            }
            _ => {}
        }
        envelope.message = Some(message);
        envelope
    }

    /// The signature to send with an acknowledgement of `index` in `term`, if that block is of that
    /// view.
    pub(crate) fn signature_for(&self, index: u64, term: u64) -> Option<BlockSignature> {
        let head = self.machine.history().block(index)?.head();
        if head.view == term {
            self.signatures.get(&index).copied()
        } else {
            None
        }
    }

    /// This replica's clock, signed together with its newest block; not more often than is useful.
    pub(crate) fn own_reading(&mut self) -> Option<ClockReading> {
        let newest = self.machine.sequence().last();
        self.clock
            .read(&self.keys.identity, &self.network, self.id, newest)
    }

    /// The certificate that goes with an append after `index`: the newest that the receiver can use
    /// at once, since it holds every block up to there if the append fits its log. So whoever is
    /// behind is certified on the way, and a block after a change of configuration never comes
    /// without the certificate that the change needs.
    pub(crate) fn certificate_for_append(&self, index: u64) -> Option<Bytes> {
        let kept = self.machine.history().certificate_up_to(index);
        let certificate = kept
            .or_else(|| self.recalled.certificate_up_to(index))
            .or_else(|| self.machine.change_certificate_up_to(index))?;
        if certificate.index == self.certified_index() {
            return self.certificate_bytes.clone();
        }
        Some(certificate.encode())
    }

    /// The header of the newest certified block, where its certificate is at hand.
    fn newest_certified_header(&self) -> Option<Bytes> {
        let history = self.machine.history();
        let certificate = history.newest_certificate()?;
        Some(history.block(certificate.index)?.header_bytes().clone())
    }
}
