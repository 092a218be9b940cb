//! The engine: one raft-rs node, driven so that the invariants of the crate hold.
//!
//! One input is one turn: check it, hand it to raft-rs, drain raft-rs completely. Nothing is
//! left half done between turns.

use std::collections::{BTreeMap, VecDeque};
use synod_mutation::mutation;

use bytes::Bytes;
use raft::eraftpb::MessageType;
use raft::{RawNode, Ready, StateRole, eraftpb};

use crate::admission::{self, State};
use crate::convert::{
    change_to_raft, entry_from_raft, entry_to_raft, message_from_raft, message_to_raft,
    read_context, read_of,
};
use crate::entry::{Change, Entry, Payload};
use crate::interface::{
    Batch, DroppedReason, Effects, Fetch, Groups, Input, Peer, Proposed, ReadReady, Role,
    RoleChange, Start, Tuning,
};
use crate::log::Log;
use crate::message::{Body, Message};
use crate::refused::{Refused, StartError};
use crate::setup::{check_groups, check_start, check_tuning, config, sorted};
use crate::timeout::election_ticks;

/// A replica's part in consensus.
pub struct Engine {
    node: RawNode<Log>,
    tuning: Tuning,
    seed: u64,
    groups: Groups,
    /// Committed changes of membership that were handed out and not applied yet.
    unapplied: VecDeque<(u64, Change)>,
    /// The last committed index that was handed out.
    handed_out: u64,
    /// Numbers of the batches that wait for the disk.
    in_flight: VecDeque<u64>,
    /// Messages that wait for the disk, by the number of the turn that made them.
    held: VecDeque<(u64, Message)>,
    /// Number of raft-rs's newest `Ready`.
    newest_ready: u64,
    fetching: Option<Fetch>,
    /// Whether this replica may ask for votes.
    may_stand: bool,
    reported: RoleChange,
    refusals: BTreeMap<&'static str, u64>,
}

impl Engine {
    /// An engine that follows, at the end of the ledger that `start` describes.
    pub fn new(start: Start, tuning: Tuning) -> Result<Self, StartError> {
        check_start(&start)?;
        check_tuning(&tuning)?;
        let log = Log::new(&start)?;
        let config = config(&start, &tuning);
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config, log, &logger)
            .map_err(|error| StartError::Tuning(error.to_string()))?;
        let mut engine = Self {
            node,
            tuning,
            seed: start.seed,
            groups: Groups::none(),
            unapplied: VecDeque::new(),
            handed_out: start.index,
            in_flight: VecDeque::new(),
            held: VecDeque::new(),
            newest_ready: 0,
            fetching: None,
            may_stand: true,
            reported: RoleChange {
                role: Role::Follower,
                term: start.term,
                leader: None,
            },
            refusals: BTreeMap::new(),
        };
        engine.assign(start.groups);
        engine.set_timeout();
        Ok(engine)
    }

    /// Takes one input. A refusal changes nothing but the count of refusals.
    pub fn step(&mut self, input: Input) -> Result<Effects, Refused> {
        let mut effects = Effects::default();
        let taken = self.take(input, &mut effects);
        self.set_timeout();
        match taken {
            Ok(()) => {
                self.drain(&mut effects);
                Ok(effects)
            }
            Err(refused) => {
                *self.refusals.entry(refused.name()).or_default() += 1;
                Err(refused)
            }
        }
    }

    /// Whether `step` would take this message. Nothing changes.
    pub fn would_accept(&self, message: &Message) -> Result<(), Refused> {
        admission::check(self, message)
    }

    /// This replica's id.
    pub fn id(&self) -> u64 {
        self.node.raft.id
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.node.raft.term
    }

    /// The current role.
    pub fn role(&self) -> Role {
        match self.node.raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader => Role::Leader,
        }
    }

    /// The leader of the current term, if known; possibly this replica.
    pub fn leader(&self) -> Option<u64> {
        Some(self.node.raft.leader_id).filter(|id| *id != 0)
    }

    /// Index of the last entry, persisted or not.
    pub fn last_index(&self) -> u64 {
        self.log().last_index()
    }

    /// Term of the last entry.
    pub fn last_term(&self) -> u64 {
        self.log()
            .term_at(self.last_index())
            .expect("the last entry's term is always known")
    }

    /// The engine's commit index. Outside the engine, committed means certified.
    pub fn commit(&self) -> u64 {
        self.node.raft.raft_log.committed
    }

    /// The index up to which committed entries count as applied: everything handed out, but
    /// nothing from the first unapplied change of membership on.
    pub fn applied(&self) -> u64 {
        self.node.raft.raft_log.applied
    }

    /// The index up to which entries are persisted.
    pub fn persisted(&self) -> u64 {
        self.node.raft.raft_log.persisted
    }

    /// The term of the entry at `index`; `None` beyond the log or before its history.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        self.log().term_at(index)
    }

    /// The entry at `index`, if memory still holds it.
    pub fn entry(&self, index: u64) -> Option<Entry> {
        self.log().entry(index).map(entry_from_raft)
    }

    /// The voters of the applied configuration, sorted.
    pub fn voters(&self) -> Vec<u64> {
        sorted(self.node.raft.prs().conf().to_conf_state().voters)
    }

    /// The learners of the applied configuration, sorted.
    pub fn learners(&self) -> Vec<u64> {
        sorted(self.node.raft.prs().conf().to_conf_state().learners)
    }

    /// The groups in force.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The index up to which this leader knows `peer` to hold its log, persisted; for this
    /// replica itself what its disk reported. `None` if it is not a member.
    pub fn matched(&self, peer: u64) -> Option<u64> {
        self.node
            .raft
            .prs()
            .get(peer)
            .map(|progress| progress.matched)
    }

    /// All members as this replica sees them, by id. Meaningful on a leader only.
    pub fn peers(&self) -> Vec<Peer> {
        let voters = self.voters();
        let progress = self.node.raft.prs().iter();
        let mut peers: Vec<Peer> = progress
            .map(|(id, progress)| Peer {
                id: *id,
                voter: voters.binary_search(id).is_ok(),
                matched: progress.matched,
                next: progress.next_idx,
                active: progress.recent_active || *id == self.id(),
            })
            .collect();
        peers.sort_by_key(|peer| peer.id);
        peers
    }

    /// The committed change of membership that is to be applied next, if any.
    pub fn pending_change(&self) -> Option<(u64, Change)> {
        self.unapplied.front().copied()
    }

    /// Whether a proposal of a change would be dropped, because an earlier change or an entry
    /// of an earlier term may be unapplied.
    pub fn change_is_blocked(&self) -> bool {
        self.node.raft.has_pending_conf()
    }

    /// The voter that leadership is being handed to, if any.
    pub fn transferring_to(&self) -> Option<u64> {
        self.node.raft.lead_transferee
    }

    /// How often each kind of refusal happened, by its name.
    pub fn refusals(&self) -> &BTreeMap<&'static str, u64> {
        &self.refusals
    }

    fn take(&mut self, input: Input, effects: &mut Effects) -> Result<(), Refused> {
        match input {
            Input::Tick => self.tick(),
            Input::Received(message) => self.receive(message)?,
            Input::Propose(payload) => match self.propose(payload) {
                Ok(proposed) => effects.proposed = Some(proposed),
                Err(reason) => effects.dropped = Some(reason),
            },
            Input::Persisted(number) => self.persisted_up_to(number, effects)?,
            Input::Apply { index, groups } => self.apply(index, groups)?,
            Input::ReadIndex(ctx) => effects.dropped = self.read_index(ctx).err(),
            Input::Transfer(to) => effects.dropped = self.transfer(to).err(),
            Input::Campaign => effects.dropped = self.campaign().err(),
            Input::MayStand(may) => self.let_stand(may),
            Input::Groups(groups) => {
                check_groups(&groups, &self.voters())
                    .map_err(|required| Refused::GroupsTooFew { required })?;
                self.assign(groups);
            }
            Input::Fetched(entries) => self.fetched(&entries)?,
            Input::Unreachable(peer) => self.node.report_unreachable(peer),
        }
        Ok(())
    }

    fn tick(&mut self) {
        if self.may_stand || self.role() == Role::Leader {
            if !self.would_lead_unpersisted() {
                self.node.tick();
            }
        } else {
            self.tick_aside();
        }
    }

    /// A tick of a replica that may not stand. Where raft-rs would campaign, it only forgets its
    /// leader. The time must pass all the same: a voter that takes its leader to be alive grants
    /// no votes.
    fn tick_aside(&mut self) {
        let raft = &mut self.node.raft;
        raft.election_elapsed += 1;
        if raft.pass_election_timeout() {
            let term = raft.term;
            raft.become_follower(term, 0);
        }
    }

    /// A candidate that may no longer stand withdraws: it is a follower that has voted for itself.
    fn let_stand(&mut self, may: bool) {
        self.may_stand = may;
        if !may && matches!(self.role(), Role::PreCandidate | Role::Candidate) {
            let term = self.term();
            self.node.raft.become_follower(term, 0);
            self.held
                .retain(|(_, message)| !matches!(message.body, Body::Vote { .. }));
        }
    }

    /// A sole voter leads the moment it campaigns, and raft-rs does not survive a leader that
    /// begins with unpersisted entries. It waits for its disk.
    fn would_lead_unpersisted(&self) -> bool {
        let sole = self.node.raft.prs().is_singleton() && self.node.raft.promotable();
        sole && self.role() != Role::Leader && !self.in_flight.is_empty()
    }

    fn receive(&mut self, mut message: Message) -> Result<(), Refused> {
        admission::check(self, &message)?;
        if let Body::Vote {
            last_index,
            last_term,
            ..
        } = &mut message.body
        {
            if mutation!("vote-twice") {
                (self.node.raft.vote, self.node.raft.leader_id) = (0, 0);
            }
            if mutation!("vote-for-shorter-logs") {
                (*last_index, *last_term) = (u64::MAX >> 2, message.term);
            }
        }
        let from = message.from;
        self.node
            .step(message_to_raft(message))
            .map_err(|_| Refused::UnknownPeer { from })
    }

    fn propose(&mut self, payload: Payload) -> Result<Proposed, DroppedReason> {
        self.proposable(&payload)?;
        let expected = Proposed {
            index: self.last_index() + 1,
            term: self.term(),
        };
        let entry = Entry {
            index: expected.index,
            term: expected.term,
            payload,
        };
        let mut message = eraftpb::Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = self.id();
        message.entries = vec![entry_to_raft(&entry)].into();
        self.node
            .raft
            .step(message)
            .map_err(|_| DroppedReason::WrongRole)?;
        let raft_log = &self.node.raft.raft_log;
        let stands = raft_log.unstable_entries().last().map(entry_from_raft);
        let as_proposed = stands.is_some_and(|stands| {
            let same_kind = stands.payload.change() == entry.payload.change();
            let same_block =
                stands.payload.block().map(Bytes::len) == entry.payload.block().map(Bytes::len);
            (stands.index, stands.term) == (entry.index, entry.term) && same_kind && same_block
        });
        assert!(as_proposed, "a proposal is appended as it is");
        Ok(expected)
    }

    fn proposable(&self, payload: &Payload) -> Result<(), DroppedReason> {
        if self.role() != Role::Leader {
            return Err(DroppedReason::WrongRole);
        }
        if self.transferring_to().is_some() {
            return Err(DroppedReason::Transferring);
        }
        if !payload.is_well_formed() || *payload == Payload::Empty {
            return Err(DroppedReason::PayloadUnfit);
        }
        let Some(change) = payload.change() else {
            return Ok(());
        };
        if self.change_is_blocked() {
            return Err(DroppedReason::ChangePending);
        }
        if !self.fits(change) || self.unseats_itself(change) {
            return Err(DroppedReason::ChangeUnfit);
        }
        Ok(())
    }

    /// Whether the change takes this replica's own vote. A leader hands over first: raft-rs would
    /// let it go on as a leader that proposes nothing and prevents elections.
    fn unseats_itself(&self, change: Change) -> bool {
        change == Change::Remove(self.id()) || change == Change::Demote(self.id())
    }

    /// Whether the change has its one meaning in the applied configuration: nobody is demoted
    /// by being added, nobody is removed who is not there, and a voter remains.
    fn fits(&self, change: Change) -> bool {
        let (voters, learners) = (self.voters(), self.learners());
        match change {
            Change::AddLearner(id) => !voters.contains(&id) && !learners.contains(&id),
            Change::Promote(id) => learners.contains(&id),
            Change::Demote(id) => voters.contains(&id) && voters.len() > 1,
            Change::Remove(id) => {
                learners.contains(&id) || (voters.contains(&id) && voters.len() > 1)
            }
        }
    }

    fn persisted_up_to(&mut self, number: u64, effects: &mut Effects) -> Result<(), Refused> {
        if !self.in_flight.contains(&number) {
            return Err(Refused::NotInFlight { number });
        }
        while self.in_flight.front().is_some_and(|first| *first <= number) {
            self.in_flight.pop_front();
        }
        let settled = self
            .in_flight
            .front()
            .map_or(self.newest_ready, |next| next - 1);
        self.settle(settled, effects);
        Ok(())
    }

    /// Everything up to raft-rs's `Ready` of this number is durable: tell raft-rs, and let go
    /// of the messages that waited.
    fn settle(&mut self, number: u64, effects: &mut Effects) {
        self.node.on_persist_ready(number);
        while self.held.front().is_some_and(|(made, _)| *made <= number) {
            let message = self.held.pop_front().map(|(_, message)| message);
            effects.send.extend(message);
        }
    }

    fn apply(&mut self, index: u64, groups: Groups) -> Result<(), Refused> {
        let next = self.pending_change().filter(|(next, _)| *next == index);
        let (_, change) = next.ok_or(Refused::NotTheNextChange { index })?;
        if !self.fits(change) {
            return Err(Refused::ChangeUnfit { index });
        }
        check_groups(&groups, &after(change, self.voters()))
            .map_err(|required| Refused::GroupsTooFew { required })?;
        if self.unseats_itself(change) && self.role() == Role::Leader {
            let term = self.term();
            self.node.raft.become_follower(term, 0);
        }
        // The stricter of the two rules holds while the membership changes.
        if groups.required == 2 {
            self.node.raft.enable_group_commit(true);
        }
        self.assign_groups(&groups);
        self.node
            .apply_conf_change(&change_to_raft(change))
            .map_err(|_| Refused::ChangeUnfit { index })?;
        self.unapplied.pop_front();
        self.assign(groups);
        Ok(())
    }

    fn assign(&mut self, groups: Groups) {
        if groups.required == 2 {
            self.node.raft.enable_group_commit(true);
        }
        self.assign_groups(&groups);
        if groups.required != 2 {
            self.node.raft.enable_group_commit(false);
        }
        self.groups = groups;
    }

    fn assign_groups(&mut self, groups: &Groups) {
        let pairs: Vec<(u64, u64)> = groups.of.iter().map(|(id, group)| (*id, *group)).collect();
        self.node.raft.assign_commit_groups(&pairs);
    }

    fn read_index(&mut self, ctx: u64) -> Result<(), DroppedReason> {
        if self.role() != Role::Leader {
            return Err(DroppedReason::WrongRole);
        }
        if !self.node.raft.commit_to_current_term() {
            return Err(DroppedReason::NothingCommittedInTerm);
        }
        self.node.read_index(read_context(ctx).to_vec());
        Ok(())
    }

    fn transfer(&mut self, to: u64) -> Result<(), DroppedReason> {
        if self.role() != Role::Leader {
            return Err(DroppedReason::WrongRole);
        }
        if to == self.id() || !self.voters().contains(&to) {
            return Err(DroppedReason::PeerUnfit);
        }
        self.node.transfer_leader(to);
        Ok(())
    }

    fn campaign(&mut self) -> Result<(), DroppedReason> {
        if self.role() == Role::Leader || !self.node.raft.promotable() {
            return Err(DroppedReason::WrongRole);
        }
        if !self.may_stand {
            return Err(DroppedReason::MayNotStand);
        }
        let change_waits = !self.unapplied.is_empty();
        if self.would_lead_unpersisted() || change_waits {
            return Err(DroppedReason::NotSettled);
        }
        self.node.campaign().map_err(|_| DroppedReason::WrongRole)
    }

    fn fetched(&mut self, entries: &[Entry]) -> Result<(), Refused> {
        let asked = self.fetching.ok_or(Refused::NotFetched { from: 0 })?;
        let from = asked.from;
        if entries.len() as u64 > asked.to - asked.from + 1 {
            return Err(Refused::NotFetched { from });
        }
        let again = self
            .node
            .mut_store()
            .take_fetched(from, entries)
            .ok_or(Refused::NotFetched { from })?;
        self.fetching = None;
        if !entries.is_empty() {
            for context in again {
                self.node.on_entries_fetched(context);
            }
        }
        Ok(())
    }

    /// Takes everything out of raft-rs, until it has nothing more to say.
    fn drain(&mut self, effects: &mut Effects) {
        while self.node.has_ready() {
            let ready = self.node.ready();
            self.take_ready(ready, effects);
        }
        self.advance_applied();
        self.set_timeout();
        let (entries_max, bytes_max) = (
            self.tuning.entries_in_memory_max,
            self.tuning.bytes_in_memory_max,
        );
        let applied = self.applied();
        self.node
            .mut_store()
            .compact(applied, entries_max, bytes_max);
        self.report_role(effects);
        self.ask_for_old_entries(effects);
    }

    fn take_ready(&mut self, mut ready: Ready, effects: &mut Effects) {
        let number = ready.number();
        self.newest_ready = number;
        let entries = ready.take_entries();
        let replaced = self.node.mut_store().append(&entries);
        self.hand_out(&ready.take_committed_entries(), effects);
        post(&ready.take_messages(), effects);
        for message in ready.take_persisted_messages() {
            self.hold_or_send(number, &message, effects);
        }
        effects.reads.extend(
            ready
                .take_read_states()
                .iter()
                .filter_map(|read| read_of(&read.request_ctx).map(|ctx| (ctx, read.index)))
                .map(|(ctx, index)| ReadReady { ctx, index }),
        );
        self.node.advance_append_async(ready);
        if !entries.is_empty() {
            assert!(effects.persist.is_none(), "one input appends once");
            self.in_flight.push_back(number);
            effects.persist = Some(Batch {
                number,
                truncate_from: replaced,
                entries: entries.iter().map(entry_from_raft).collect(),
            });
        } else if self.in_flight.is_empty() {
            self.settle(number, effects);
        }
    }

    fn hand_out(&mut self, entries: &[eraftpb::Entry], effects: &mut Effects) {
        for entry in entries.iter().map(entry_from_raft) {
            assert_eq!(entry.index, self.handed_out + 1, "commits come in order");
            self.handed_out = entry.index;
            let change = entry.payload.change();
            self.unapplied
                .extend(change.map(|change| (entry.index, change)));
            effects.committed.push(entry);
        }
    }

    /// Heartbeat replies promise nothing about the log and leave at once. The rest waits for
    /// the disk; of repeated calls for a vote only the newest waits.
    fn hold_or_send(&mut self, number: u64, raw: &eraftpb::Message, effects: &mut Effects) {
        let message = message_from_raft(raw);
        let may_leave = matches!(message.body, Body::HeartbeatReply { .. })
            || mutation!("acknowledge-before-persist");
        if may_leave {
            effects.send.push(message);
            return;
        }
        if matches!(message.body, Body::Vote { .. }) {
            self.held.retain(|(_, earlier)| {
                earlier.to != message.to || !matches!(earlier.body, Body::Vote { .. })
            });
        }
        self.held.push_back((number, message));
    }

    /// Entries without a change of membership need no applying by the caller; the first change
    /// that waits stops the count.
    fn advance_applied(&mut self) {
        let change_waits_at = self.unapplied.front().map(|(index, _)| index - 1);
        let target = change_waits_at.unwrap_or(u64::MAX).min(self.handed_out);
        if target > self.applied() {
            self.node.advance_apply_to(target);
        }
    }

    fn report_role(&mut self, effects: &mut Effects) {
        let now = RoleChange {
            role: self.role(),
            term: self.term(),
            leader: self.leader(),
        };
        if now == self.reported {
            return;
        }
        if now.role != Role::Leader {
            self.node.mut_store().forget_fetches();
        }
        self.reported = now;
        effects.role = Some(now);
    }

    fn ask_for_old_entries(&mut self, effects: &mut Effects) {
        if self.fetching.is_none() && self.role() == Role::Leader {
            self.fetching = self.log().wanted(self.tuning.fetch_max);
            effects.fetch = self.fetching;
        }
    }

    /// raft-rs draws election timeouts from the system's randomness whenever it changes its
    /// role; this replaces what it drew before it can matter.
    fn set_timeout(&mut self) {
        let tuning = &self.tuning;
        let (min, max) = (tuning.election_ticks_min, tuning.election_ticks_max);
        let raft = &mut self.node.raft;
        let ticks = election_ticks(self.seed, raft.id, raft.term, min, max);
        raft.set_randomized_election_timeout(ticks);
    }

    /// Checks what must hold after each step, and panics where it does not. For tests and
    /// simulations.
    pub fn check_invariants(&self) {
        self.log().check_invariants(self.applied());
        assert!(
            self.applied() <= self.commit() && self.commit() <= self.last_index(),
            "what is applied is committed, and what is committed is at hand"
        );
    }

    fn log(&self) -> &Log {
        self.node.store()
    }
}

impl State for Engine {
    fn id(&self) -> u64 {
        Self::id(self)
    }
    fn term(&self) -> u64 {
        Self::term(self)
    }
    fn role(&self) -> Role {
        Self::role(self)
    }
    fn leader(&self) -> Option<u64> {
        Self::leader(self)
    }
    fn commit(&self) -> u64 {
        Self::commit(self)
    }
    fn last_index(&self) -> u64 {
        Self::last_index(self)
    }
    fn term_at(&self, index: u64) -> Option<u64> {
        Self::term_at(self, index)
    }
    fn matched(&self, peer: u64) -> Option<u64> {
        Self::matched(self, peer)
    }
    fn may_stand(&self) -> bool {
        self.may_stand
    }
    fn batches_in_flight(&self) -> usize {
        self.in_flight.len()
    }
    fn unpersisted_max(&self) -> usize {
        self.tuning.unpersisted_max
    }
}

/// The voters once the change is applied.
fn after(change: Change, mut voters: Vec<u64>) -> Vec<u64> {
    match change {
        Change::AddLearner(_) => {}
        Change::Promote(id) => voters.push(id),
        Change::Demote(id) | Change::Remove(id) => voters.retain(|voter| *voter != id),
    }
    voters
}

/// Sends in the order of the receivers, each receiver's messages in raft-rs's order.
fn post(messages: &[eraftpb::Message], effects: &mut Effects) {
    let mut messages: Vec<Message> = messages.iter().map(message_from_raft).collect();
    messages.sort_by_key(|message| message.to);
    effects.send.extend(messages);
}
