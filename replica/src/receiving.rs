//! What comes from a peer goes to those whose business it is, in an order that matters.
//!
//! The certificate comes first: the block beside it may need it, and a replica that meets another
//! certified history halts before it takes up anything else. The engine's message comes last, when
//! all that it may rest on was heard.

use crate::calls::Effects;
use crate::envelope::Envelope;
use crate::following::Beside;
use crate::replica::Replica;

impl Replica {
    /// Takes an envelope; `from` is who the channel says it comes from.
    pub(crate) fn receive(&mut self, from: u64, envelope: Envelope, out: &mut Effects) {
        self.membership.silence.note(from, self.core.ticks);
        if let Some(certificate) = &envelope.certificate {
            self.core.take_certificate(from, certificate, out);
            self.core
                .compare_histories(from, certificate, envelope.header.as_ref(), out);
            self.core.compare_kept(out);
            if self.core.halted {
                return;
            }
        }
        if let Some(reading) = envelope.reading.clone() {
            self.core.take_reading(from, *reading);
        }
        if let Some(submission) = envelope.submission.clone() {
            self.own_requests
                .take_submission(&mut self.core, from, submission, out);
        }
        if let Some(refusal) = envelope.refusal.clone() {
            self.own_requests.take_refusal(from, refusal, out);
        }
        if let Some(report) = envelope.app_report.clone() {
            self.deploying.take_report(&self.core, from, *report, out);
        }
        if !envelope.unheard.is_empty() {
            self.membership
                .silence
                .take_unheard(&self.core, from, &envelope.unheard);
        }
        if let Some(word) = &envelope.read {
            self.reads.take_read_word(&mut self.core, from, word, out);
        }
        if let Some(message) = envelope.message {
            let beside = Beside {
                tail: envelope.tail,
                certificate: envelope.certificate,
                signature: envelope.signature,
                disk_refuses: envelope.disk_refuses == Some(true),
            };
            self.core.hear(from, message, &beside, out);
        }
    }
}
