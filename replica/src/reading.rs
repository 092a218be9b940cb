//! Linearizable reads: what a quorum confirmed after they came in is served from certified state,
//! on any replica.
//!
//! A follower asks the leader how new its state must be, and waits until it is. The leader answers
//! as it does for reads of its own: after a quorum has confirmed that it still leads. So an answer
//! that a follower gives holds whatever was acknowledged anywhere before the read came in.
//!
//! Invariants
//! - a linearizable read is served from the newest certified state, once that covers the index
//!   which a quorum confirmed after the read came in;
//! - an index is believed only from the replica that is followed, and only for a question that
//!   still stands;
//! - what waits is bounded, here and at the leader, and given up after a stated time.

use synod_consensus::Input as EngineInput;
use synod_mutation::mutation;

use crate::calls::{CallError, Effects, Reply};
use crate::core::Core;
use crate::envelope::{Envelope, ReadWord};
use crate::executing::AppCalls;
use crate::kv_calls::KvCalls;
use crate::peer_asks::{PeerAsk, PeerAsks};
use crate::read_rounds::ReadCall;

/// Reads for which a quorum is asked; those of this replica wait in [`Core`], those of peers here.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// A leader's.
    asks: PeerAsks,
}

impl Reads {
    /// Starts a round for the reads that came in.
    pub(crate) fn flush(core: &mut Core, out: &mut Effects) {
        if core.leads() && !core.is_settled_leader() {
            return;
        }
        if let Some(ctx) = core.rounds.open_round(core.ticks) {
            Self::ask_read_index(core, ctx, out);
        }
    }

    /// Starts a round for answers that wrote nothing. Reads wait for a flush, so that many share a
    /// round.
    pub(crate) fn confirm_answers(core: &mut Core, out: &mut Effects) {
        if core.rounds.has_new_answers() {
            Self::flush(core, out);
        }
    }

    /// Asks again for what was lost, and gives up what waited too long.
    pub(crate) fn tick(&mut self, core: &mut Core, out: &mut Effects) {
        for ctx in core.rounds.stale_rounds(core.ticks) {
            Self::ask_read_index(core, ctx, out);
        }
        self.asks.expire(core.ticks);
        let expired = core.rounds.expired(core.ticks);
        for asker in expired {
            out.reply(asker, Reply::Failed(CallError::Stale));
        }
    }

    /// Serves the confirmed reads that the certified state covers, and lets confirmed answers leave
    /// with their blocks.
    pub(crate) fn serve(
        core: &mut Core,
        kv_calls: &KvCalls,
        app_calls: &mut AppCalls,
        out: &mut Effects,
    ) {
        let (calls, answers) = core.rounds.ready(core.certified_index());
        for (index, answer) in answers {
            core.pending.hold(index, answer);
        }
        core.answer_certified(out);
        for call in calls {
            let asker = call.asker();
            let reply = match call {
                ReadCall::App(queued) => app_calls.begin_read(queued),
                ReadCall::Kv {
                    caller, operate, ..
                } => Some(kv_calls.read(core, caller, &operate)),
            };
            if let Some(reply) = reply {
                out.reply(asker, reply);
            }
        }
    }

    /// Panics where what waits here is not what must be.
    pub(crate) fn check_invariants(&self, core: &Core) {
        assert!(
            core.leads() || self.asks.is_empty(),
            "a leader alone is asked"
        );
        self.asks.check_invariants();
    }

    /// Leadership was lost.
    pub(crate) fn clear(&mut self) {
        self.asks.clear();
    }

    /// Has a quorum confirm the reads of `ctx`, by way of the leader where that is another.
    pub(crate) fn ask_read_index(core: &mut Core, ctx: u64, out: &mut Effects) {
        if core.leads() {
            if mutation!("unconfirmed-reads") {
                core.rounds.confirm_round(ctx, core.certified_index());
            } else if core.is_settled_leader() {
                core.drive(EngineInput::ReadIndex(ctx), out);
            }
        } else if mutation!("follower-reads-at-once") {
            core.rounds.confirm_round(ctx, 0);
        } else if let Some(leader) = core.engine.leader() {
            out.send.push((leader, saying(ReadWord::Ask { ask: ctx })));
        }
    }

    /// Takes what a peer says of a read.
    pub(crate) fn take_read_word(
        &mut self,
        core: &mut Core,
        from: u64,
        word: &ReadWord,
        out: &mut Effects,
    ) {
        match *word {
            ReadWord::Ask { ask } => self.take_read_ask(core, from, ask, out),
            // Only whom this replica follows can know.
            ReadWord::Index { ask, index }
                if !core.leads() && core.engine.leader() == Some(from) =>
            {
                core.rounds.confirm_round(ask, index);
            }
            ReadWord::Index { .. } => {}
        }
    }

    /// A peer wants to read. What is not answered, it asks again.
    fn take_read_ask(&mut self, core: &mut Core, from: u64, ask: u64, out: &mut Effects) {
        if !core.is_settled_leader() {
            return;
        }
        let ctx = core.rounds.next_context();
        let since_tick = core.ticks;
        let peer_ask = PeerAsk {
            peer: from,
            ask,
            since_tick,
        };
        self.asks.push(ctx, peer_ask);
        core.drive(EngineInput::ReadIndex(ctx), out);
    }

    /// A quorum confirmed that this replica led when it was asked for `ctx`.
    pub(crate) fn confirmed(&mut self, core: &mut Core, ctx: u64, index: u64, out: &mut Effects) {
        let Some(asked) = self.asks.take(ctx) else {
            return core.rounds.confirm_round(ctx, index);
        };
        let word = ReadWord::Index {
            ask: asked.ask,
            // What this leader has acknowledged is certified here, whatever the engine counts.
            index: index.max(core.certified_index()),
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
