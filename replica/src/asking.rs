//! Reads away from the leader: a follower asks the leader how new its state must be, and waits until it is.
//!
//! The leader answers as it does for reads of its own: after a quorum has confirmed that it still leads. So an answer
//! that a follower gives holds whatever was acknowledged anywhere before the read came in.
//!
//! Invariants
//! - an index is believed only from the replica that is followed, and only for a question that still stands;
//! - what waits is bounded, here and at the leader, and given up after a stated time.

use std::collections::BTreeMap;

use synod_consensus::Input as EngineInput;

use crate::calls::Effects;
use crate::desk::READ_TICKS_MAX;
use crate::envelope::{Envelope, ReadIndex};
use crate::replica::Replica;

/// So many questions of one peer stand at a time; the oldest gives way.
const ASKS_OF_PEER_MAX: usize = 8;

/// The questions of peers that a quorum is to confirm, by the context under which it does; a leader's.
#[derive(Debug, Default)]
pub(crate) struct PeerAsks(BTreeMap<u64, PeerAsk>);

#[derive(Debug, Clone, Copy)]
struct PeerAsk {
    peer: u64,
    ask: u64,
    since_tick: u64,
}

impl PeerAsks {
    fn push(&mut self, ctx: u64, ask: PeerAsk) {
        let of_peer = || self.0.iter().filter(|(_, known)| known.peer == ask.peer);
        if of_peer().count() >= ASKS_OF_PEER_MAX
            && let Some(oldest) = of_peer().map(|(ctx, _)| *ctx).next()
        {
            self.0.remove(&oldest);
        }
        self.0.insert(ctx, ask);
    }

    /// Forgets what waited too long; whoever asked has given it up as well.
    pub(crate) fn expire(&mut self, tick: u64) {
        self.0
            .retain(|_, ask| tick < ask.since_tick + READ_TICKS_MAX);
    }

    /// Leadership was lost.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Replica {
    /// Has a quorum confirm the reads of `ctx`, by way of the leader where that is another.
    pub(crate) fn ask_read_index(&mut self, ctx: u64, out: &mut Effects) {
        if self.leads() {
            if self.is_settled_leader() {
                self.drive(EngineInput::ReadIndex(ctx), out);
            }
        } else if let Some(leader) = self.engine.leader() {
            let envelope = Envelope {
                read_ask: Some(ctx),
                ..Envelope::default()
            };
            out.send.push((leader, envelope));
        }
    }

    /// A peer wants to read. What is not answered, it asks again.
    pub(crate) fn take_read_ask(&mut self, from: u64, ask: u64, out: &mut Effects) {
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
        let Some(asked) = self.peer_asks.0.remove(&ctx) else {
            return self.desk.confirm_round(ctx, index);
        };
        let read_index = ReadIndex {
            ask: asked.ask,
            // What this leader has acknowledged is certified here, whatever the engine counts.
            index: index.max(self.certified_index()),
        };
        let envelope = Envelope {
            read_index: Some(read_index),
            ..Envelope::default()
        };
        out.send.push((asked.peer, envelope));
    }

    /// The leader says how new the state must be.
    pub(crate) fn take_read_index(&mut self, from: u64, answer: ReadIndex) {
        if !self.leads() && self.engine.leader() == Some(from) {
            self.desk.confirm_round(answer.ask, answer.index);
        }
    }
}
