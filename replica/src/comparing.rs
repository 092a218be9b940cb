//! Comparing certified histories: a replica that meets another certified history than its own
//! halts.
//!
//! A leader's heartbeats show its newest certified block, header and certificate. Whoever finds
//! that it is not of its own certified chain has the proof that history was forked, keeps it, shows
//! its own block to the peer, and says nothing any more. Whoever meets a conflict that does not
//! prove anything yet shows its own certified block, so that the other side can judge. What is
//! signed under an ended configuration halts nobody: see [`ShownBlock`].
//!
//! Invariants
//! - a replica halts only on a block that verifies under a configuration which its own chain has
//!   not ended;
//! - what is kept, shown and reported is bounded for each peer and view.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{Certificate, Head, Record, ShownBlock, Standing};
use synod_mutation::mutation;

use crate::calls::{Batch, Effects, Notice};
use crate::core::{Core, encoded};
use crate::envelope::Envelope;

impl Core {
    /// Compares what a peer's certificate says of history with this replica's own.
    pub(crate) fn compare_histories(
        &mut self,
        from: u64,
        certificate: &Bytes,
        header: Option<&Bytes>,
        out: &mut Effects,
    ) {
        if self.certificate_bytes.as_ref() == Some(certificate) {
            return;
        }
        let Ok(certificate) = Certificate::decode(certificate) else {
            return;
        };
        if self.is_certified_here(certificate.index, &certificate.header_hash) {
            return;
        }
        let ahead = certificate.index > self.certified_index();
        match header.cloned() {
            None if ahead => {}
            None => self.show_history(from, certificate.index, out),
            Some(header) => {
                let shown = ShownBlock {
                    header,
                    certificate,
                };
                if ahead {
                    self.histories.keep(from, shown);
                } else {
                    self.judge_shown(from, &shown, out);
                }
            }
        }
    }

    /// Compares what was ahead when it was shown and is not any more.
    pub(crate) fn compare_kept(&mut self, out: &mut Effects) {
        for (from, shown) in self.histories.due(self.certified_index()) {
            let (index, hash) = shown.place();
            if !self.halted && !self.is_certified_here(index, &hash) {
                self.judge_shown(from, &shown, out);
            }
        }
    }

    fn is_certified_here(&self, index: u64, hash: &Digest) -> bool {
        let ours = self.machine.history().block(index);
        index <= self.certified_index() && ours.is_some_and(|ours| ours.hash() == *hash)
    }

    /// What a shown block is to this replica's chain.
    pub(crate) fn standing_of(&self, shown: &ShownBlock) -> Result<Standing, String> {
        let ours = self.machine.history().block_up_to(shown.certificate.index);
        let ours: Option<Head> = ours.map(synod_ledger::Block::head);
        shown
            .standing(self.machine.sequence(), ours.as_ref())
            .map_err(|error| error.to_string())
    }

    fn judge_shown(&mut self, from: u64, shown: &ShownBlock, out: &mut Effects) {
        match self.standing_of(shown) {
            Ok(Standing::OnChain | Standing::Ahead) => {}
            Ok(Standing::Fork { index }) => self.halt_on_fork(from, index, shown, out),
            Ok(Standing::Superseded { .. }) if mutation!("superseded-certificate-halts") => {
                self.halt_on_fork(from, shown.certificate.index, shown, out);
            }
            Ok(Standing::Superseded { number }) => {
                if self.histories.may_report(from, self.engine.term()) {
                    let index = shown.certificate.index;
                    let what = format!(
                        "it shows another block {index}, signed under configuration {number}, which has ended"
                    );
                    self.refuse(from, what, Some(shown.encode()), out);
                }
            }
            Err(why) => out.notices.push(Notice::Dropped { peer: from, why }),
        }
    }

    /// Keeps the proof, shows the peer the other half of it, and stops for good.
    pub(crate) fn halt_on_fork(
        &mut self,
        from: u64,
        index: u64,
        shown: &ShownBlock,
        out: &mut Effects,
    ) {
        assert!(
            index <= self.certified_index(),
            "only what is certified here can be contradicted"
        );
        let proof = Record::Proof(shown.encode());
        out.persist.push(Batch {
            number: None,
            records: vec![encoded(&proof)],
        });
        let why =
            format!("a certificate of replica {from} contradicts the certified block {index}");
        let last_word = self.own_shown(index);
        self.halt(&why, out);
        out.send.extend(last_word.map(|envelope| (from, envelope)));
    }

    /// Shows a peer the certified block of this replica's own that covers `index`, once in each
    /// view.
    pub(crate) fn show_history(&mut self, peer: u64, index: u64, out: &mut Effects) {
        if self.histories.may_show(peer, self.engine.term()) {
            let shown = self.own_shown(index);
            out.send.extend(shown.map(|envelope| (peer, envelope)));
        }
    }

    /// The oldest certified block that covers `index`, with its header, as it goes to a peer.
    fn own_shown(&self, index: u64) -> Option<Envelope> {
        let history = self.machine.history();
        let certificate = history.certificate_covering(index)?;
        let header = history.block(certificate.index)?.header_bytes().clone();
        Some(Envelope {
            certificate: Some(certificate.encode()),
            header: Some(header),
            ..Envelope::default()
        })
    }

    /// Records what a peer did that no honest replica can do, and stops hearing it for this view.
    pub(crate) fn refuse(
        &mut self,
        peer: u64,
        what: String,
        proof: Option<Bytes>,
        out: &mut Effects,
    ) {
        self.misbehaviours += 1;
        self.ignored.insert(peer, self.engine.term());
        if let Some(proof) = proof {
            out.persist.push(Batch {
                number: None,
                records: vec![encoded(&Record::Proof(proof))],
            });
        }
        out.notices.push(Notice::Misbehaved { peer, what });
    }
}
