//! A whole cluster in one process: virtual time, a network and disks that a seed makes
//! adversarial, and an oracle that checks Raft's promises after every step.
//!
//! Tests speak a small language: `cluster.stop(1)`, `cluster.partition(&[&[1], &[2, 3]])`,
//! `cluster.run_for(500)`, `cluster.expect_committed(index)`. The same seed gives the same
//! trace, byte for byte.

mod oracle;
mod random;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use synod_consensus::{
    Batch, Change, DroppedReason, Effects, Engine, Entry, Groups, Input, Message, Payload,
    Proposed, ReadReady, Refused, Role, Start, TermRun, Tuning,
};

use oracle::Oracle;
pub(crate) use random::Random;

/// What the network and the disks do, in milliseconds and percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) delay_ms: (u64, u64),
    pub(crate) disk_ms: (u64, u64),
    pub(crate) drop_percent: u64,
    pub(crate) duplicate_percent: u64,
}

impl Faults {
    pub(crate) fn calm() -> Self {
        Self {
            delay_ms: (1, 2),
            disk_ms: (1, 2),
            drop_percent: 0,
            duplicate_percent: 0,
        }
    }

    pub(crate) fn hostile() -> Self {
        Self {
            delay_ms: (1, 120),
            disk_ms: (1, 60),
            drop_percent: 10,
            duplicate_percent: 10,
        }
    }
}

enum Event {
    Tick(u64),
    Deliver(Vec<u8>),
    DiskDone(u64, u64),
    Fetched(u64, u64, u64),
}

pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) alive: bool,
    pub(crate) disk: Disk,
    pub(crate) committed: Vec<Entry>,
    pub(crate) reads: Vec<ReadReady>,
    pub(crate) fetches: usize,
}

/// What a replica has written, and what it has been asked to write.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) stored: BTreeMap<u64, Entry>,
    pub(crate) waiting: VecDeque<Batch>,
    pub(crate) stuck: bool,
}

impl Disk {
    fn write(&mut self, batch: &Batch) {
        if let Some(from) = batch.truncate_from {
            self.stored.retain(|index, _| *index < from);
        }
        for entry in &batch.entries {
            self.stored.insert(entry.index, entry.clone());
        }
    }
}

type Filter = Box<dyn Fn(&Message) -> bool>;

pub(crate) struct Cluster {
    pub(crate) now: u64,
    pub(crate) nodes: BTreeMap<u64, Node>,
    pub(crate) oracle: Oracle,
    pub(crate) faults: Faults,
    pub(crate) trace: Vec<String>,
    /// Messages that `capture` matched, in order, instead of delivered.
    pub(crate) captured: Vec<Message>,
    /// Whether followers apply changes of membership at once, and leaders, too.
    pub(crate) apply_by_itself: bool,
    /// The groups of every configuration from here on.
    pub(crate) groups: Groups,
    pub(crate) tuning: Tuning,
    seed: u64,
    random: Random,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    cut: BTreeSet<(u64, u64)>,
    capture: Option<Filter>,
}

impl Cluster {
    /// Replicas 1 to `size`, all voters, after the genesis block.
    pub(crate) fn new(seed: u64, size: u64) -> Self {
        Self::with_groups(seed, size, Groups::none())
    }

    pub(crate) fn with_groups(seed: u64, size: u64, groups: Groups) -> Self {
        let mut cluster = Self::empty(seed, groups, Tuning::default());
        let voters: Vec<u64> = (1..=size).collect();
        for id in 1..=size {
            cluster.start(id, &voters, &[]);
        }
        cluster
    }

    pub(crate) fn with_tuning(seed: u64, size: u64, tuning: Tuning) -> Self {
        let mut cluster = Self::empty(seed, Groups::none(), tuning);
        let voters: Vec<u64> = (1..=size).collect();
        for id in 1..=size {
            cluster.start(id, &voters, &[]);
        }
        cluster
    }

    fn empty(seed: u64, groups: Groups, tuning: Tuning) -> Self {
        Self {
            now: 0,
            nodes: BTreeMap::new(),
            oracle: Oracle::default(),
            faults: Faults::calm(),
            trace: Vec::new(),
            captured: Vec::new(),
            apply_by_itself: true,
            groups,
            tuning,
            seed,
            random: Random::new(seed),
            events: BTreeMap::new(),
            sequence: 0,
            cut: BTreeSet::new(),
            capture: None,
        }
    }

    /// A replica that knows the genesis block and this configuration.
    pub(crate) fn start(&mut self, id: u64, voters: &[u64], learners: &[u64]) {
        let start = Start {
            id,
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            groups: self.groups.clone(),
            index: 1,
            term: 1,
            seed: self.seed,
            history: vec![TermRun { first: 1, term: 1 }],
            tail: Vec::new(),
        };
        self.start_from(start);
    }

    /// A replica that starts at the end of a verified ledger.
    pub(crate) fn start_from(&mut self, start: Start) {
        let id = start.id;
        let engine = Engine::new(start, self.tuning).expect("the start is valid");
        let node = Node {
            engine,
            alive: true,
            disk: Disk::default(),
            committed: Vec::new(),
            reads: Vec::new(),
            fetches: 0,
        };
        self.nodes.insert(id, node);
        let phase = id % self.tuning.tick_ms;
        self.schedule(self.tuning.tick_ms + phase, Event::Tick(id));
    }

    /// A new replica with everything that is committed now, as an out-of-band copy of the
    /// ledger would give it. `voters` and `learners` are what it read there.
    pub(crate) fn join(&mut self, id: u64, voters: &[u64], learners: &[u64]) {
        let ledger = self.oracle.committed.clone();
        let mut history = vec![TermRun { first: 1, term: 1 }];
        for entry in ledger.values() {
            if history.last().is_none_or(|run| run.term != entry.term) {
                history.push(TermRun {
                    first: entry.index,
                    term: entry.term,
                });
            }
        }
        let (index, term) = ledger.values().last().map_or((1, 1), |e| (e.index, e.term));
        self.start_from(Start {
            id,
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            groups: self.groups.clone(),
            index,
            term,
            seed: self.seed,
            history,
            tail: Vec::new(),
        });
        self.node_mut(id).disk.stored = ledger;
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        &self.nodes[&id]
    }

    pub(crate) fn node_mut(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).expect("the replica was started")
    }

    pub(crate) fn engine(&self, id: u64) -> &Engine {
        &self.nodes[&id].engine
    }

    /// SIGKILL. There is no way back: a restart is a new replica.
    pub(crate) fn stop(&mut self, id: u64) {
        self.note(format!("stop {id}"));
        self.node_mut(id).alive = false;
    }

    /// Only replicas of one part hear each other.
    pub(crate) fn partition(&mut self, parts: &[&[u64]]) {
        self.note(format!("partition {parts:?}"));
        let ids: Vec<u64> = self.nodes.keys().copied().collect();
        let part_of = |id: u64| parts.iter().position(|part| part.contains(&id));
        self.cut.clear();
        for from in &ids {
            for to in &ids {
                if part_of(*from) != part_of(*to) {
                    self.cut.insert((*from, *to));
                }
            }
        }
    }

    /// Messages from `from` to `to` are lost from now on.
    pub(crate) fn cut(&mut self, from: u64, to: u64) {
        self.cut.insert((from, to));
    }

    pub(crate) fn heal(&mut self) {
        self.note("heal".into());
        self.cut.clear();
    }

    /// Messages that match go to `captured` instead of to their receivers.
    pub(crate) fn capture(&mut self, filter: impl Fn(&Message) -> bool + 'static) {
        self.capture = Some(Box::new(filter));
    }

    pub(crate) fn stop_capturing(&mut self) {
        self.capture = None;
    }

    pub(crate) fn disk_hangs(&mut self, id: u64) {
        self.note(format!("disk {id} hangs"));
        self.node_mut(id).disk.stuck = true;
    }

    pub(crate) fn disk_works(&mut self, id: u64) {
        self.note(format!("disk {id} works"));
        self.node_mut(id).disk.stuck = false;
        let numbers: Vec<u64> = self
            .node(id)
            .disk
            .waiting
            .iter()
            .map(|b| b.number)
            .collect();
        for number in numbers {
            self.schedule(1, Event::DiskDone(id, number));
        }
    }

    pub(crate) fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(((at, _), event)) = self.next_event(end) {
            self.now = at;
            self.happen(event);
        }
        self.now = end;
        oracle::check_logs(&self.nodes);
    }

    /// Runs until the condition holds and returns how long it took, in ms.
    pub(crate) fn run_until(&mut self, limit_ms: u64, condition: impl Fn(&Self) -> bool) -> u64 {
        let start = self.now;
        while !condition(self) {
            assert!(
                self.now - start < limit_ms,
                "not reached within {limit_ms} ms; the end of the trace:
{}",
                self.end_of_trace()
            );
            self.run_for(1);
        }
        self.now - start
    }

    /// The living leader of the highest term.
    pub(crate) fn leader(&self) -> Option<u64> {
        self.living()
            .filter(|(_, node)| node.engine.role() == Role::Leader)
            .max_by_key(|(_, node)| node.engine.term())
            .map(|(id, _)| *id)
    }

    fn living(&self) -> impl Iterator<Item = (&u64, &Node)> {
        self.nodes.iter().filter(|(_, node)| node.alive)
    }

    /// Runs until there is a leader that has committed in its term.
    pub(crate) fn settle(&mut self) -> u64 {
        self.run_until(10_000, |cluster| {
            cluster.leader().is_some_and(|id| {
                let engine = cluster.engine(id);
                engine.term_at(engine.commit()) == Some(engine.term())
            })
        });
        self.leader().expect("a leader was just there")
    }

    /// Makes this replica lead, and runs until it has committed in its term.
    pub(crate) fn elect(&mut self, id: u64) {
        self.lead(id);
        self.run_until(10_000, |cluster| {
            let engine = cluster.engine(id);
            engine.term_at(engine.commit()) == Some(engine.term())
        });
    }

    /// Makes this replica lead: by a transfer, or by campaigning from the first moment at which
    /// the others' patience with a dead leader is over, before their own timeouts.
    pub(crate) fn lead(&mut self, id: u64) {
        for _ in 0..1000 {
            let input = match self.leader() {
                Some(leader) if leader == id => return,
                Some(leader) if self.hear_each_other(leader, id) => (leader, Input::Transfer(id)),
                _ => (id, Input::Campaign),
            };
            self.input(input.0, input.1)
                .expect("neither is a peer's message");
            self.run_for(5);
        }
        panic!("{id} does not lead");
    }

    fn hear_each_other(&self, one: u64, other: u64) -> bool {
        !self.cut.contains(&(one, other)) && !self.cut.contains(&(other, one))
    }

    /// Proposes a block at the leader.
    pub(crate) fn propose(&mut self, text: &str) -> Proposed {
        let leader = self.leader().expect("someone leads");
        self.propose_at(leader, text)
            .expect("the leader takes the block")
    }

    pub(crate) fn propose_at(&mut self, id: u64, text: &str) -> Result<Proposed, DroppedReason> {
        self.propose_payload(id, Payload::Block(Bytes::copy_from_slice(text.as_bytes())))
    }

    pub(crate) fn propose_change(
        &mut self,
        id: u64,
        change: Change,
    ) -> Result<Proposed, DroppedReason> {
        let block = Bytes::from(format!("{change:?}"));
        self.propose_payload(id, Payload::Change { change, block })
    }

    pub(crate) fn propose_payload(
        &mut self,
        id: u64,
        payload: Payload,
    ) -> Result<Proposed, DroppedReason> {
        let effects = self
            .input(id, Input::Propose(payload))
            .expect("a proposal is no peer's message");
        match (effects.proposed, effects.dropped) {
            (Some(proposed), None) => Ok(proposed),
            (None, Some(reason)) => Err(reason),
            other => panic!("a proposal is either taken or dropped, not {other:?}"),
        }
    }

    /// Proposes at the leader and runs until everybody alive has committed it.
    pub(crate) fn commit(&mut self, text: &str) -> u64 {
        let proposed = self.propose(text);
        self.expect_committed(proposed.index);
        proposed.index
    }

    /// Changes the membership and runs until everybody alive has applied it.
    pub(crate) fn change(&mut self, change: Change) -> u64 {
        let leader = self.leader().expect("someone leads");
        self.run_until(5000, |cluster| !cluster.engine(leader).change_is_blocked());
        let proposed = self
            .propose_change(leader, change)
            .expect("the change fits");
        self.run_until(5000, |cluster| {
            cluster
                .members()
                .iter()
                .all(|id| cluster.engine(*id).applied() >= proposed.index)
        });
        proposed.index
    }

    /// The living members, as the leader sees them.
    pub(crate) fn members(&self) -> Vec<u64> {
        let leader = self.leader().expect("someone leads");
        let engine = self.engine(leader);
        let mut members = engine.voters();
        members.extend(engine.learners());
        members.retain(|id| self.nodes.get(id).is_some_and(|node| node.alive));
        members
    }

    /// Runs until all living replicas have committed `index`.
    pub(crate) fn expect_committed(&mut self, index: u64) {
        self.run_until(10_000, |cluster| {
            cluster
                .living()
                .all(|(_, node)| node.engine.commit() >= index)
        });
    }

    /// Runs for `ms` and expects that nobody commits `index` meanwhile.
    pub(crate) fn expect_uncommitted(&mut self, index: u64, ms: u64) {
        self.run_for(ms);
        for (id, node) in self.living() {
            let commit = node.engine.commit();
            assert!(
                commit < index,
                "{id} committed {commit}, {index} was not expected"
            );
        }
    }

    /// Asks for a read at `id`.
    pub(crate) fn read(&mut self, id: u64, ctx: u64) -> Option<DroppedReason> {
        let effects = self.input(id, Input::ReadIndex(ctx));
        effects.expect("a read is no peer's message").dropped
    }

    /// Takes the captured messages that match, in order.
    pub(crate) fn take_captured(&mut self, filter: impl Fn(&Message) -> bool) -> Vec<Message> {
        let all = std::mem::take(&mut self.captured);
        let (matching, rest) = all.into_iter().partition(filter);
        self.captured = rest;
        matching
    }

    /// Hands a message to its receiver now, past the network.
    pub(crate) fn deliver(&mut self, message: Message) -> Result<Effects, Refused> {
        self.input(message.to, Input::Received(message))
    }

    /// Everything that `id` takes in goes through here.
    pub(crate) fn input(&mut self, id: u64, input: Input) -> Result<Effects, Refused> {
        let now = self.now;
        let shown = format!("{input:?}");
        let node = self.node_mut(id);
        let outcome = node.engine.step(input);
        if let Err(refused) = &outcome {
            self.note(format!("{now} {id} <- {shown} refused {refused:?}"));
            return outcome;
        }
        let effects = outcome.expect("errors returned above");
        if shown != "Tick" || effects != Effects::default() {
            self.note(format!("{now} {id} <- {shown} -> {effects:?}"));
        }
        self.perform(id, &effects);
        Ok(effects)
    }

    fn perform(&mut self, id: u64, effects: &Effects) {
        if let Some(batch) = &effects.persist {
            self.node_mut(id).disk.waiting.push_back(batch.clone());
            if !self.node(id).disk.stuck {
                let delay = self.random.between(self.faults.disk_ms);
                self.schedule(delay, Event::DiskDone(id, batch.number));
            }
        }
        for message in &effects.send {
            assert_eq!(message.from, id, "nobody speaks for another");
            self.transmit(message);
        }
        self.node_mut(id)
            .reads
            .extend(effects.reads.iter().copied());
        self.node_mut(id)
            .committed
            .extend(effects.committed.iter().cloned());
        self.oracle.check_step(&self.nodes, id, effects);
        if let Some(fetch) = effects.fetch {
            self.node_mut(id).fetches += 1;
            let delay = self.random.between(self.faults.disk_ms);
            self.schedule(delay, Event::Fetched(id, fetch.from, fetch.to));
        }
        self.apply_changes(id);
    }

    /// What a replica does with committed changes: a follower applies at once, a leader when
    /// the test lets it.
    fn apply_changes(&mut self, id: u64) {
        let engine = self.engine(id);
        let leads = engine.role() == Role::Leader;
        let Some((index, _)) = engine.pending_change() else {
            return;
        };
        if !leads || self.apply_by_itself {
            self.apply(id, index).expect("a committed change applies");
        }
    }

    pub(crate) fn apply(&mut self, id: u64, index: u64) -> Result<Effects, Refused> {
        let groups = self.groups.clone();
        self.input(id, Input::Apply { index, groups })
    }

    fn transmit(&mut self, message: &Message) {
        if self.capture.as_ref().is_some_and(|filter| filter(message)) {
            self.captured.push(message.clone());
            return;
        }
        let copies = if self.random.percent(self.faults.duplicate_percent) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.random.percent(self.faults.drop_percent) {
                continue;
            }
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            let delay = self.random.between(self.faults.delay_ms);
            self.schedule(delay, Event::Deliver(bytes));
        }
    }

    fn schedule(&mut self, delay: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + delay, self.sequence), event);
    }

    fn next_event(&mut self, end: u64) -> Option<((u64, u64), Event)> {
        let (at, _) = *self.events.first_key_value()?.0;
        if at > end {
            None
        } else {
            self.events.pop_first()
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(id) => {
                if self.node(id).alive {
                    self.schedule(self.tuning.tick_ms, Event::Tick(id));
                    self.input(id, Input::Tick)
                        .expect("a tick is never refused");
                }
            }
            Event::Deliver(bytes) => {
                let message = Message::decode(&bytes.into()).expect("what was sent is a message");
                let open = !self.cut.contains(&(message.from, message.to));
                if open && self.nodes.get(&message.to).is_some_and(|node| node.alive) {
                    // A refusal is a lost message; the trace has it.
                    let _refused = self.deliver(message);
                }
            }
            Event::DiskDone(id, number) => self.disk_done(id, number),
            Event::Fetched(id, from, to) => {
                if self.node(id).alive {
                    let stored = &self.node(id).disk.stored;
                    let entries = stored.range(from..=to).map(|(_, e)| e.clone()).collect();
                    self.input(id, Input::Fetched(entries))
                        .expect("own entries fit");
                }
            }
        }
    }

    /// The disk finished everything up to this batch.
    fn disk_done(&mut self, id: u64, number: u64) {
        let node = self.node_mut(id);
        if !node.alive || node.disk.stuck {
            return;
        }
        let mut wrote = false;
        while node
            .disk
            .waiting
            .front()
            .is_some_and(|b| b.number <= number)
        {
            let batch = node.disk.waiting.pop_front().expect("just seen");
            node.disk.write(&batch);
            wrote = true;
        }
        if wrote {
            self.input(id, Input::Persisted(number))
                .expect("the batch was in flight");
        }
    }

    /// The last lines that are no heartbeats, cut short.
    fn end_of_trace(&self) -> String {
        let mut lines: Vec<String> = self
            .trace
            .iter()
            .rev()
            .filter(|line| !line.contains("Heartbeat"))
            .take(15)
            .map(|line| line.chars().take(240).collect())
            .collect();
        lines.reverse();
        lines.join("\n")
    }

    fn note(&mut self, line: String) {
        self.trace.push(line);
    }

    /// Random proposals, changes of nothing but blocks, for `ms`.
    pub(crate) fn busy_for(&mut self, ms: u64, every_ms: u64) -> usize {
        let end = self.now + ms;
        let mut taken = 0;
        while self.now < end {
            if let Some(leader) = self.leader() {
                let text = format!("block at {}", self.now);
                taken += usize::from(self.propose_at(leader, &text).is_ok());
            }
            self.run_for(every_ms);
        }
        taken
    }
}
