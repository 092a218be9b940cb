//! Signatures, certificates and readings: how a block in the log becomes a committed one.
//!
//! Invariants
//! - an acknowledgement of a block of the current view without a valid signature never reaches the
//!   engine, so the engine commits no block of its view without a certificate. A new leader's empty
//!   entry bears no signature: what stands below it may be committed in the engine before the
//!   opening block certifies it;
//! - a certificate moves the certified position only after it was verified against the block at
//!   hand;
//! - a leader counts its own signature only when its own disk has the block.

use bytes::Bytes;
use synod_consensus::{Input as EngineInput, Message};
use synod_crypto::Digest;
use synod_ledger::{
    BlockSignature, Certificate, Certified, CertifyError, ClockReading, Head, Record,
    VerifiedClockReading, Voter,
};

use crate::calls::{Batch, Effects, Notice};
use crate::core::{Core, encoded};
use crate::envelope::Envelope;
use crate::members;

/// Own signatures are kept for so many indices below the certified one, for acknowledgements sent
/// again.
const SIGNATURES_KEPT: u64 = 1024;
/// A follower that has certified all but so many of the blocks that its leader has certified takes
/// up new ones.
const LEVEL_BLOCKS: u64 = 16;

impl Core {
    /// The readings for the next block: the newest ones of the voters that were heard, and the
    /// leader's own. They stay at hand for the blocks after it: a block needs those of a majority
    /// at once.
    pub(crate) fn readings_for_block(&mut self) -> Vec<VerifiedClockReading> {
        let own = self
            .own_reading()
            .and_then(|own| own.verify(&self.network, &self.keys.identity.public()).ok());
        if let Some(own) = own {
            self.clock.keep(own);
        }
        let sequence = self.machine.sequence();
        self.clock
            .for_block(|vetted| sequence.is_usable(vetted.reading()))
    }

    /// Keeps a voter's reading for the next blocks, if this replica leads.
    pub(crate) fn take_reading(&mut self, from: u64, reading: ClockReading) {
        if !self.leads() || reading.replica != from {
            return;
        }
        let Some(key) = self
            .machine
            .sequence()
            .newest_configuration()
            .voter(from)
            .map(|voter| voter.key)
        else {
            return;
        };
        if let Ok(vetted) = reading.verify(&self.network, &key) {
            self.clock.keep(vetted);
        }
    }

    /// Shows the clock the newest certified block, and tells when the ledger's time begins or ends
    /// to lag.
    pub(crate) fn watch_ledger_time(&mut self, out: &mut Effects) {
        let level = self.leads()
            || self.certified_index().saturating_add(LEVEL_BLOCKS) >= self.shown_commit;
        if self
            .clock
            .certified(self.machine.sequence().certified(), level)
        {
            let behind_ms = self.clock.too_far_behind();
            out.notices.push(Notice::LedgerTime { behind_ms });
        }
    }

    /// The disk has everything up to batch `number`: the engine may answer, and a leader counts
    /// itself.
    pub(crate) fn persisted(&mut self, number: u64, out: &mut Effects) {
        let mut durable = None;
        while let Some((_, last)) = self
            .unpersisted
            .front()
            .copied()
            .filter(|(batch, _)| *batch <= number)
        {
            self.unpersisted.pop_front();
            durable = Some(last);
        }
        self.drive(EngineInput::Persisted(number), out);
        if let Some(last) = durable.filter(|_| self.leads()) {
            self.count_own_signatures(last, out);
        }
    }

    pub(crate) fn count_own_signatures(&mut self, durable: u64, out: &mut Effects) {
        let due: Vec<u64> = self
            .tallies
            .range(..=durable)
            .map(|(index, _)| *index)
            .collect();
        for index in due {
            let Some(signature) = self.signatures.get(&index).copied() else {
                continue;
            };
            let completed = self
                .tallies
                .get_mut(&index)
                .and_then(|tally| tally.add_own(signature));
            if let Some((certificate, certified)) = completed {
                self.certified(certificate, &certified, out);
            }
        }
    }

    /// A peer says that it holds the log up to `index`.
    pub(crate) fn acknowledged(
        &mut self,
        from: u64,
        index: u64,
        message: Message,
        tail: Option<Digest>,
        signature: Option<BlockSignature>,
        out: &mut Effects,
    ) {
        if !self.leads() || message.term != self.engine.term() {
            self.drive(EngineInput::Received(message), out);
            return;
        }
        let ours = self.machine.history().tail_hash(index);
        if index > self.engine.last_index() || (tail.is_some() && ours.is_some() && tail != ours) {
            let what = format!("it acknowledges another chain at index {index}");
            self.show_history(from, index, out);
            return self.refuse(from, what, None, out);
        }
        let head = self
            .machine
            .history()
            .block(index)
            .map(synod_ledger::Block::head);
        let Some(head) = head.filter(|head| head.view == message.term) else {
            self.drive(EngineInput::Received(message), out);
            return;
        };
        match self.count_signature(from, &head, signature) {
            Ok(certificate) => {
                self.drive(EngineInput::Received(message), out);
                if let Some((certificate, certified)) = certificate {
                    self.certified(certificate, &certified, out);
                }
            }
            Err(why) => out.notices.push(Notice::Dropped {
                peer: from,
                why: why.to_owned(),
            }),
        }
    }

    /// Counts a signature that rides on an acknowledgement of a block of this view.
    fn count_signature(
        &mut self,
        from: u64,
        head: &Head,
        signature: Option<BlockSignature>,
    ) -> Result<Option<(Certificate, Certified)>, &'static str> {
        let signature = signature
            .filter(|signature| signature.signer == from)
            .ok_or("no signature on its block")?;
        // A change block is certified under the configuration that it names: whom it demotes or
        // removes signs it too.
        let sequence = self.machine.sequence();
        let named = sequence.configuration_named(&head.configuration);
        if named.is_some_and(|named| named.voter(from).is_none()) {
            if sequence.newest_configuration().voter(from).is_none() {
                self.learner_signed(from, head, signature)?;
            }
            return Ok(None);
        }
        match self.tallies.get_mut(&head.index) {
            Some(tally) if tally.head().hash == head.hash => tally
                .add(signature)
                .map_err(|_| "its signature is not valid"),
            _ => Ok(None),
        }
    }

    /// A learner's signature over a block of this chain is what it will be promoted on.
    fn learner_signed(
        &mut self,
        from: u64,
        head: &Head,
        signature: BlockSignature,
    ) -> Result<(), &'static str> {
        let key = members::identity_of(&self.machine.store(), from)
            .ok_or("it is not a replica of this network")?;
        let voter = Voter {
            id: from,
            key,
            vendor: String::new(),
        };
        signature
            .verify(&self.network, head, &voter)
            .map_err(|_| "its signature is not valid")?;
        self.learners
            .insert(from, (head.index, head.hash, signature));
        Ok(())
    }

    /// A block of this replica's own view is certified.
    pub(crate) fn certified(
        &mut self,
        certificate: Certificate,
        certified: &Certified,
        out: &mut Effects,
    ) {
        let bytes = certificate.encode();
        self.machine.advance(certificate, certified);
        self.announce(&bytes, out);
    }

    /// Keeps a certificate, and a leader tells everybody.
    fn announce(&mut self, bytes: &Bytes, out: &mut Effects) {
        self.watch_ledger_time(out);
        let index = self.certified_index();
        out.persist.push(Batch {
            number: None,
            records: vec![encoded(&Record::Certificate(bytes.clone()))],
        });
        self.certificate_bytes = Some(bytes.clone());
        self.parked.forget_up_to(index);
        self.tallies = self.tallies.split_off(&(index + 1));
        self.signatures = self
            .signatures
            .split_off(&index.saturating_sub(SIGNATURES_KEPT));
        if self.leads() {
            for peer in self
                .engine
                .peers()
                .into_iter()
                .filter(|peer| peer.id != self.id)
            {
                let envelope = Envelope {
                    certificate: Some(bytes.clone()),
                    ..Envelope::default()
                };
                out.send.push((peer.id, envelope));
            }
        }
    }

    /// Takes a certificate from a peer: verified before it means anything.
    pub(crate) fn take_certificate(&mut self, from: u64, bytes: &Bytes, out: &mut Effects) {
        if self.certificate_bytes.as_ref() == Some(bytes) {
            return;
        }
        let Ok(certificate) = Certificate::decode(bytes) else {
            return;
        };
        if certificate.index <= self.certified_index() {
            return;
        }
        let early = self.try_certificate(certificate, out);
        // Only the leader announces; whatever else is said of blocks ahead finds no room here.
        self.parked
            .extend(early.filter(|_| self.engine.leader() == Some(from)));
    }

    /// Some certificates came before their blocks: now the blocks may be here.
    pub(crate) fn take_parked_certificates(&mut self, out: &mut Effects) {
        let last = self.machine.sequence().last().index;
        for certificate in self.parked.due(last) {
            if certificate.index > self.certified_index() {
                let early = self.try_certificate(certificate, out);
                self.parked.extend(early);
            }
        }
    }

    /// Takes a certificate up, or gives it back where the block is not here yet.
    fn try_certificate(
        &mut self,
        certificate: Certificate,
        out: &mut Effects,
    ) -> Option<Certificate> {
        let bytes = certificate.encode();
        let early = certificate.clone();
        match self.machine.certify(certificate) {
            Ok(_) => {
                self.announce(&bytes, out);
                None
            }
            Err(
                CertifyError::NotAtHand { .. }
                | CertifyError::OtherBlock {
                    certified: false, ..
                },
            ) => Some(early),
            Err(_) => None,
        }
    }
}
