//! Reads away from the leader: a follower asks the leader how new its state must be, and waits until it is.
//!
//! The leader answers as it does for reads of its own: after a quorum has confirmed that it still leads. So an answer
//! that a follower gives holds whatever was acknowledged anywhere before the read came in.
//!
//! Invariants
//! - an index is believed only from the replica that is followed, and only for a question that still stands;
//! - what waits is bounded, here and at the leader, and given up after a stated time.

use synod_consensus::Input as EngineInput;

use crate::calls::Effects;
use crate::envelope::{Envelope, ReadWord};
use crate::peer_asks::PeerAsk;
use crate::replica::Replica;

impl Replica {
    /// Has a quorum confirm the reads of `ctx`, by way of the leader where that is another.
    pub(crate) fn ask_read_index(&mut self, ctx: u64, out: &mut Effects) {
        if self.leads() {
            if self.is_settled_leader() {
                self.drive(EngineInput::ReadIndex(ctx), out);
            }
        } else if let Some(leader) = self.engine.leader() {
            out.send.push((leader, saying(ReadWord::Ask { ask: ctx })));
        }
    }

    /// Takes what a peer says of a read.
    pub(crate) fn take_read_word(&mut self, from: u64, word: &ReadWord, out: &mut Effects) {
        match *word {
            ReadWord::Ask { ask } => self.take_read_ask(from, ask, out),
            // Only whom this replica follows can know.
            ReadWord::Index { ask, index }
                if !self.leads() && self.engine.leader() == Some(from) =>
            {
                self.desk.confirm_round(ask, index);
            }
            ReadWord::Index { .. } => {}
        }
    }

    /// A peer wants to read. What is not answered, it asks again.
    fn take_read_ask(&mut self, from: u64, ask: u64, out: &mut Effects) {
        if !self.is_settled_leader() {
            return;
        }
        let ctx = self.desk.next_context();
        let since_tick = self.ticks;
        let peer_ask = PeerAsk {
            peer: from,
            ask,
            since_tick,
        };
        self.peer_asks.push(ctx, peer_ask);
        self.drive(EngineInput::ReadIndex(ctx), out);
    }

    /// A quorum confirmed that this replica led when it was asked for `ctx`.
    pub(crate) fn read_confirmed(&mut self, ctx: u64, index: u64, out: &mut Effects) {
        let Some(asked) = self.peer_asks.take(ctx) else {
            return self.desk.confirm_round(ctx, index);
        };
        let word = ReadWord::Index {
            ask: asked.ask,
            // What this leader has acknowledged is certified here, whatever the engine counts.
            index: index.max(self.certified_index()),
        };
        out.send.push((asked.peer, saying(word)));
    }
}

fn saying(word: ReadWord) -> Envelope {
    Envelope {
        read: Some(Box::new(word)),
        ..Envelope::default()
    }
}
