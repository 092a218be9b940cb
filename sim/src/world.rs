//! The world: hosts, network, clients and members, driven by one queue of events in virtual time.
//!
//! Each replica is the product's own; this file is what `node` is to it: it hands inputs in and
//! carries effects out, in their documented order. Everything that the product leaves to its
//! surroundings is decided here by the seed.
//!
//! Invariants
//! - an effect is carried out only while its process lives; a crash may come between any two;
//! - what a step did is checked before anybody hears of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use synod_crypto::{Digest, Entropy, Secret};
use synod_replica::governance::Recorded;
use synod_replica::{
    Boot, Call, Caller, Effects, Envelope, Input, Maps, Notice, Replica, Reply, Request, kv, ledger,
};

use crate::adversary::Adversary;
use crate::agenda::Members;
use crate::birth::{self, Birth};
use crate::checks::Checks;
use crate::clients::{CLIENTS, Client};
use crate::clock::{Clock, START_MS};
use crate::disk::Disk;
use crate::events::{Asker, Event, Trouble};
use crate::history::Done;
use crate::hosts::{Host, Process, Seen};
use crate::network::{Network, OUTSIDE};
use crate::profile::{CALM_WEATHER, Profile};
use crate::queue::Queue;
use crate::random::Random;
use crate::trace::Trace;

/// A replica's clock ticks this often (milliseconds).
const TICK_MS: u64 = 20;
/// What peers sent to a process that stood still is read within this time.
const READ_LATE_US: u64 = 30_000;
/// Hosts on which nothing runs at first.
const SPARE_HOSTS: u64 = 2;
/// What a process that stands still keeps of what comes in.
const INBOX_MAX: usize = 2000;

/// A call on its way.
pub(crate) struct Asked {
    pub(crate) asker: Asker,
    /// Whether a replica has answered.
    replied: bool,
    /// Until it has arrived.
    request: Option<(Caller, Request)>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) now_us: u64,
    pub(crate) queue: Queue<Event>,
    pub(crate) trace: Trace,
    pub(crate) random: Random,
    pub(crate) root: Random,
    pub(crate) profile: Profile,
    pub(crate) network_id: Digest,
    /// The founder's key, and the digest of the configuration in which it votes alone: the
    /// adversary has them.
    pub(crate) founder: (Secret<32>, Digest),
    pub(crate) network: Network,
    pub(crate) hosts: BTreeMap<u64, Host>,
    /// On which host each replica runs or ran.
    pub(crate) places: BTreeMap<u64, u64>,
    pub(crate) calls: BTreeMap<u64, Asked>,
    next_call: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) members: Members,
    pub(crate) checks: Checks,
    pub(crate) adversary: Option<Adversary>,
    pub(crate) history: Vec<Done>,
    /// The newest seqno that any client was told.
    pub(crate) known: u64,
    /// Whether things go wrong now.
    pub(crate) troubled: bool,
    /// Which time of trouble it is.
    pub(crate) round: u64,
    /// Since when nothing goes wrong.
    pub(crate) calm_since_us: u64,
    /// When a process was last lost or stood still.
    pub(crate) lost_us: u64,
    /// When each replica ended that was no voter yet.
    pub(crate) learners_ended_us: BTreeMap<u64, u64>,
    pub(crate) failure: Option<String>,
    /// Counts events as they come.
    pub(crate) pulse: Arc<AtomicU64>,
    /// Old messages, for hosts that send them again.
    pub(crate) recorded: Vec<(u64, u64, Bytes)>,
    /// How often what happened.
    pub(crate) deeds: BTreeMap<&'static str, u64>,
    entropy: Entropy,
}

impl World {
    /// A network of one replica, founded and running; the others are still to join.
    pub(crate) fn found(seed: u64, profile: Profile, shown: bool) -> Self {
        let root = Random::from_seed(seed);
        let mut entropy = root.entropy("keys");
        let mut random = root.fork("world");
        let voters = random.between(profile.voters.0, profile.voters.1);
        let mut hosts = Self::machines(voters + SPARE_HOSTS, &root);
        if profile.broken.is_some() {
            // Not the founder, who alone brings the network up.
            let broken = random.between(2, voters);
            hosts.get_mut(&broken).expect("a host").broken = true;
        }
        let first = &hosts[&1];
        let birth = Birth::on(first.platform, first.tee, &mut entropy);
        let founded = birth::found(&profile.agreement, &birth, &mut entropy);
        let mut import =
            synod_replica::LedgerImport::new(founded.network, Some(vec![founded.secret]));
        let block0 = synod_ledger::Record::Block(founded.block.clone());
        import.feed(&block0).expect("block 0 is sound");
        let machine = import.finish().expect("block 0 is a ledger");
        let founding = machine.sequence().newest_configuration().digest();
        let mut world = Self {
            founder: (birth.identity_seed(), founding),
            now_us: 1_000_000,
            queue: Queue::default(),
            trace: Trace::new(shown),
            network: Network::new(root.fork("network"), CALM_WEATHER),
            random,
            network_id: founded.network,
            hosts,
            places: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 0,
            clients: (0..CLIENTS)
                .map(|at| Client::new(root.fork(&format!("client{at}"))))
                .collect(),
            members: Members::new(root.fork("members"), voters),
            checks: Checks::new(founded.network),
            adversary: profile
                .broken
                .map(|kind| Adversary::new(kind, root.fork("adversary"))),
            history: Vec::new(),
            known: 0,
            troubled: false,
            round: 0,
            calm_since_us: 0,
            lost_us: 0,
            learners_ended_us: BTreeMap::new(),
            failure: None,
            pulse: Arc::default(),
            recorded: Vec::new(),
            deeds: BTreeMap::new(),
            root,
            profile,
            entropy,
        };
        let service_key = world.entropy.secret();
        let disk = Disk::founded(founded.network, founded.block);
        world.boot(1, 1, birth, machine, service_key, disk);
        world.queue.plan(world.now_us + 100_000, Event::Members);
        world.queue.plan(world.now_us + 1_000_000, Event::Audit);
        world
    }

    fn machines(count: u64, root: &Random) -> BTreeMap<u64, Host> {
        let mut entropy = root.entropy("machines");
        let mut random = root.fork("machines");
        (1..=count)
            .map(|id| {
                let spare = id + SPARE_HOSTS > count;
                let tee = birth::VENDORS[(id as usize - 1) % birth::VENDORS.len()];
                let offset_ms = random.around_zero(50);
                let mut host = Host::new(tee, entropy.take(), Clock::new(0, offset_ms));
                host.retired = spare;
                (id, host)
            })
            .collect()
    }

    /// Lets a new process of this host begin at the end of a verified ledger.
    pub(crate) fn boot(
        &mut self,
        host_id: u64,
        id: u64,
        birth: Birth,
        machine: synod_replica::Machine,
        service_key: Secret<32>,
        disk: Disk,
    ) {
        let mut machine = machine;
        let mut tuning = synod_consensus::Tuning::default();
        if self.random.chance(300) {
            // It forgets blocks soon, and the engine their entries as soon, or late.
            machine.bound_history(16 << 10);
            if self.random.chance(500) {
                tuning.entries_in_memory_max = 8;
            }
        }
        let sealed = machine.sequence().certified().index;
        let durable = (1..=sealed)
            .filter_map(|at| machine.history().block(at))
            .map(synod_ledger::Block::hash);
        self.checks.durable(id, durable.collect::<Vec<_>>());
        let boot = Boot {
            id,
            keys: birth.keys(),
            machine,
            service_key,
            kv: Box::new(Maps),
            tuning,
            entropy: self.root.entropy(&format!("replica{id}")),
        };
        let now_us = self.now_us;
        let host = self.hosts.get_mut(&host_id).expect("the host");
        let started = Replica::start(boot, host.clock.now(now_us));
        let (replica, effects) = match started {
            Ok(started) => started,
            Err(error) => return self.fail(format!("replica {id} does not start: {error}")),
        };
        host.epoch += 1;
        let epoch = host.epoch;
        host.former = Some(id);
        host.joining = None;
        host.process = Some(Process {
            id,
            birth,
            replica,
            disk,
            persisted: 0,
            seen: Seen::default(),
            leaving: false,
            reattesting_us: None,
        });
        self.places.insert(id, host_id);
        if self.hosts[&host_id].broken {
            self.checks.broken.insert(id);
        }
        self.note(format_args!("host {host_id} starts replica {id}"));
        let offset_us = self.random.below(TICK_MS * 1000);
        self.queue.plan(
            now_us + offset_us,
            Event::Tick {
                host: host_id,
                epoch,
            },
        );
        self.after_step(host_id, effects);
    }

    pub(crate) fn note(&mut self, event: std::fmt::Arguments<'_>) {
        self.trace.note(self.now_us, event);
    }

    /// The first violation ends the run.
    pub(crate) fn fail(&mut self, what: String) {
        if self.failure.is_none() {
            self.note(format_args!("FAILED"));
            self.failure = Some(what);
        }
    }

    pub(crate) fn count(&mut self, deed: &'static str) {
        *self.deeds.entry(deed).or_default() += 1;
    }

    /// Lets virtual time pass until then, or until something is violated.
    pub(crate) fn run_until(&mut self, until_us: u64) {
        while self.failure.is_none() {
            let Some((at_us, event)) = self.queue.next_by(until_us) else {
                self.now_us = self.now_us.max(until_us);
                return;
            };
            self.now_us = self.now_us.max(at_us);
            self.pulse.fetch_add(1, Ordering::Relaxed);
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        if let Some(host) = paused_host(&event, &self.places)
            && let Some(host) = self.hosts.get_mut(&host).filter(|host| host.paused)
        {
            if host.inbox.len() < INBOX_MAX {
                host.inbox.push(event);
            }
            return;
        }
        match event {
            Event::Tick { host, epoch } => self.tick(host, epoch),
            Event::Deliver { from, to, bytes } => self.deliver(from, to, &bytes),
            Event::Synced {
                host,
                epoch,
                number,
                length,
            } => self.synced(host, epoch, number, length),
            Event::Recall {
                host,
                epoch,
                recall,
            } => {
                if let Some(process) = self.process_of(host, epoch) {
                    let mut records = process.disk.recall(recall);
                    let misread = self.troubled && self.profile.disks > 0;
                    if misread && self.random.chance(500) {
                        records = Disk::misread(records, &mut self.random);
                        self.count("misread recalls");
                    }
                    self.note(format_args!(
                        "host {host} recalls {} records",
                        records.len()
                    ));
                    self.step(host, Input::Recalled(records));
                }
            }
            Event::Compiled {
                host,
                epoch,
                compile,
            } => self.compiled(host, epoch, &compile),
            Event::Executed {
                host,
                epoch,
                execution,
            } => self.executed(host, epoch, &execution),
            Event::Arrive { host, epoch, call } => self.arrive(host, epoch, call),
            Event::Answer { call, reply, host } => self.answered(call, &reply, host),
            Event::Wake { client } => self.wake(client),
            Event::Timeout { client, call } => self.timed_out(client, call),
            Event::Join { host, epoch } => self.join_step(host, epoch),
            Event::Resume { host } => self.resume(host),
            Event::Members => self.members_step(),
            Event::Trouble(trouble) => self.trouble(trouble),
            Event::Audit => self.audit(),
        }
    }

    pub(crate) fn process_of(&mut self, host: u64, epoch: u64) -> Option<&mut Process> {
        let host = self.hosts.get_mut(&host)?;
        if host.epoch == epoch {
            host.process.as_mut()
        } else {
            None
        }
    }

    fn tick(&mut self, host_id: u64, epoch: u64) {
        if self.process_of(host_id, epoch).is_none() {
            return;
        }
        let jitter_us = self.random.below(300);
        let host = &self.hosts[&host_id];
        let next_us = self.now_us + host.clock.span_us(TICK_MS) + jitter_us;
        self.queue.plan(
            next_us,
            Event::Tick {
                host: host_id,
                epoch,
            },
        );
        self.reattest_if_due(host_id);
        self.step(host_id, Input::Tick);
        self.run_adversary(host_id);
    }

    fn deliver(&mut self, from: u64, to: u64, bytes: &Bytes) {
        let Some(host) = self.places.get(&to).copied() else {
            return;
        };
        let runs = self.hosts[&host]
            .process
            .as_ref()
            .is_some_and(|process| process.id == to);
        if !runs {
            return;
        }
        let Ok(envelope) = Envelope::decode(bytes) else {
            if !self.checks.broken.contains(&from) {
                self.fail(format!("replica {from} sent what is no envelope"));
            }
            return;
        };
        self.note(format_args!("{from}>{to} {}", summary(&envelope)));
        self.step(host, Input::Received { from, envelope });
        if self.random.chance(250) {
            self.step(host, Input::Flush);
        }
    }

    fn synced(&mut self, host: u64, epoch: u64, number: u64, length: usize) {
        let now_us = self.now_us;
        let Some(process) = self.process_of(host, epoch) else {
            return;
        };
        if process.disk.stuck {
            let again = Event::Synced {
                host,
                epoch,
                number,
                length,
            };
            self.queue.plan(now_us + 20_000, again);
            return;
        }
        let id = process.id;
        let durable = process.disk.synced(length);
        let fresh = number > process.persisted;
        process.persisted = process.persisted.max(number);
        self.checks.durable(id, durable);
        if fresh {
            self.note(format_args!("{id} synced batch {number}"));
            self.step(host, Input::Persisted(number));
            self.step(host, Input::Flush);
        }
    }

    /// Hands an input to a replica, checks what it did, and carries it out.
    pub(crate) fn step(&mut self, host_id: u64, input: Input) {
        if self.failure.is_some() {
            return;
        }
        let now_us = self.now_us;
        let Some(host) = self.hosts.get_mut(&host_id) else {
            return;
        };
        let Some(process) = &mut host.process else {
            return;
        };
        let effects = process.replica.step(host.clock.now(now_us), input);
        self.after_step(host_id, effects);
    }

    fn after_step(&mut self, host_id: u64, effects: Effects) {
        let host = self.hosts.get_mut(&host_id).expect("the host");
        let broken = host.broken;
        let process = host.process.as_mut().expect("it has just made a step");
        let looked = if broken {
            self.checks
                .look_at_broken(process.id, &mut process.replica, &mut process.seen)
        } else {
            self.checks.look(
                process.id,
                &mut process.replica,
                &mut process.seen,
                &effects,
                self.now_us,
            )
        };
        if let Err(what) = looked {
            return self.fail(what);
        }
        let due = host.crash_in.as_mut().is_some_and(|steps| {
            *steps = steps.saturating_sub(1);
            *steps == 0
        });
        if due && self.crash_is_borne(host_id) {
            // Anywhere: before the first effect, after the last one, or between any two.
            let beside = effects.compile.len() + effects.execute.len();
            let all = effects.persist.len() + effects.send.len() + effects.replies.len() + beside;
            let carried = self.random.between(0, all as u64);
            self.carry_out(
                host_id,
                effects,
                usize::try_from(carried).unwrap_or(usize::MAX),
            );
            self.crash(host_id);
        } else {
            self.carry_out(host_id, effects, usize::MAX);
        }
    }

    /// Whether the others can still bear a crash that was planned some steps ago: a learner may
    /// have become a voter since. One that they cannot bear is called off.
    fn crash_is_borne(&mut self, host_id: u64) -> bool {
        let borne = self.bearable(&[host_id]);
        if !borne {
            let host = self.hosts.get_mut(&host_id).expect("the host");
            host.crash_in = None;
        }
        borne
    }

    /// Carries out the first `budget` effects, in their order.
    fn carry_out(&mut self, host_id: u64, effects: Effects, budget: usize) {
        let mut budget = budget;
        let mut may = || {
            let may = budget > 0;
            budget = budget.saturating_sub(1);
            may
        };
        for batch in effects.persist {
            if may() {
                self.persist(host_id, &batch);
            }
        }
        for (to, envelope) in effects.send {
            if may() {
                self.send(host_id, to, envelope);
            }
        }
        for (call, reply) in effects.replies {
            if may() {
                self.reply(host_id, call, reply);
            }
        }
        for compile in effects.compile {
            if may() {
                self.begin_compiling(host_id, compile);
            }
        }
        for execution in effects.execute {
            if may() {
                self.begin_executing(host_id, execution);
            }
        }
        if let Some(recall) = effects.recall {
            let epoch = self.hosts[&host_id].epoch;
            let delay_us = self.random.between(200, 5_000);
            self.queue.plan(
                self.now_us + delay_us,
                Event::Recall {
                    host: host_id,
                    epoch,
                    recall,
                },
            );
        }
        for notice in &effects.notices {
            self.notice(host_id, notice);
        }
    }

    fn persist(&mut self, host_id: u64, batch: &synod_replica::Batch) {
        let now_us = self.now_us;
        let host = self.hosts.get_mut(&host_id).expect("the host");
        let epoch = host.epoch;
        let process = host.process.as_mut().expect("it has just made a step");
        let broken = host.broken;
        for record in &batch.records {
            if !broken && let Err(what) = self.checks.secrets.search(record, "disk") {
                return self.fail(what);
            }
            process.disk.append(record);
        }
        let Some(number) = batch.number else { return };
        let least = process.disk.sync_ends_us.max(now_us);
        let ends_us = least + self.random.between(50, process.disk.sync_us_max);
        process.disk.sync_ends_us = ends_us;
        let length = process.disk.written();
        self.queue.plan(
            ends_us,
            Event::Synced {
                host: host_id,
                epoch,
                number,
                length,
            },
        );
    }

    fn send(&mut self, host_id: u64, to: u64, envelope: Envelope) {
        let process = self.hosts[&host_id]
            .process
            .as_ref()
            .expect("it has just made a step");
        let from = process.id;
        if self.hosts[&host_id].broken
            && self.members.open
            && let Some(adversary) = &mut self.adversary
        {
            for (to, envelope) in adversary.twist(to, envelope) {
                self.transmit(host_id, from, to, &envelope.encode().into());
            }
            return;
        }
        let bytes = Bytes::from(envelope.encode());
        if let Err(what) = self.checks.secrets.search(&bytes, "network") {
            return self.fail(what);
        }
        if self.profile.replays > 0 && self.random.chance(50) {
            self.record(from, to, bytes.clone());
        }
        self.transmit(host_id, from, to, &bytes);
    }

    /// Puts bytes on the wire to wherever the replica runs.
    pub(crate) fn transmit(&mut self, host_id: u64, from: u64, to: u64, bytes: &Bytes) {
        let Some(there) = self.places.get(&to).copied() else {
            return;
        };
        let arrivals = self.network.arrivals(host_id, there, self.now_us);
        if arrivals.is_empty() && self.random.chance(20) {
            // The connection breaks, and the sender notices.
            self.note(format_args!("{from} does not reach {to}"));
            self.queue.plan(
                self.now_us + 1000,
                Event::Trouble(Trouble::Unreachable {
                    host: host_id,
                    peer: to,
                }),
            );
        }
        for at_us in arrivals {
            let bytes = bytes.clone();
            self.queue.plan(at_us, Event::Deliver { from, to, bytes });
        }
    }

    fn notice(&mut self, host_id: u64, notice: &Notice) {
        let id = self.hosts[&host_id]
            .process
            .as_ref()
            .map_or(0, |process| process.id);
        match notice {
            Notice::Halted(why) if !self.hosts[&host_id].broken => {
                self.fail(format!("replica {id} halts: {why}"));
            }
            Notice::Misbehaved { peer, what } => {
                let accused_justly =
                    self.checks.broken.contains(peer) || self.hosts[&host_id].broken;
                if !accused_justly {
                    self.fail(format!(
                        "replica {id} accuses honest replica {peer}: {what}"
                    ));
                }
            }
            Notice::Role {
                leading: true,
                view,
                ..
            } => {
                self.count("elections");
                self.note(format_args!("{id} leads in view {view}"));
            }
            _ => {}
        }
    }

    /// Makes a call to a host; the answer comes as [`Event::Answer`], or never.
    pub(crate) fn call(
        &mut self,
        host: u64,
        asker: Asker,
        caller: Caller,
        request: Request,
    ) -> u64 {
        self.next_call += 1;
        let call = self.next_call;
        self.calls.insert(
            call,
            Asked {
                asker,
                replied: false,
                request: Some((caller, request)),
            },
        );
        let epoch = self.hosts[&host].epoch;
        // Only one copy arrives: the door speaks TCP.
        if let Some(at_us) = self.network.arrivals(OUTSIDE, host, self.now_us).first() {
            self.queue.plan(*at_us, Event::Arrive { host, epoch, call });
        }
        call
    }

    /// A host asks its own replica.
    pub(crate) fn call_here(&mut self, host: u64, asker: Asker, request: Request) {
        self.next_call += 1;
        let call = self.next_call;
        let asked = Asked {
            asker,
            replied: false,
            request: Some((Caller::default(), request)),
        };
        self.calls.insert(call, asked);
        let epoch = self.hosts[&host].epoch;
        self.queue
            .plan(self.now_us, Event::Arrive { host, epoch, call });
    }

    fn arrive(&mut self, host: u64, epoch: u64, call: u64) {
        if self.process_of(host, epoch).is_none() {
            return;
        }
        let Some(asked) = self.calls.get_mut(&call) else {
            return;
        };
        let Some((caller, request)) = asked.request.take() else {
            return;
        };
        self.note(format_args!("call {call} arrives at host {host}"));
        self.step(
            host,
            Input::Call(Call {
                id: call,
                caller,
                request,
            }),
        );
        if self.random.chance(700) {
            self.step(host, Input::Flush);
        }
    }

    /// A replica answers: the answer is checked before it leaves.
    fn reply(&mut self, host_id: u64, call: u64, reply: Reply) {
        if let Err(what) = self.check_reply(host_id, call, &reply) {
            return self.fail(what);
        }
        self.note(format_args!(
            "call {call} is answered by host {host_id}: {}",
            kind(&reply)
        ));
        let Some(asked) = self.calls.get_mut(&call) else {
            return;
        };
        if std::mem::replace(&mut asked.replied, true) {
            return self.fail(format!("host {host_id} answers call {call} twice"));
        }
        let own = matches!(asked.asker, Asker::Own { .. });
        let at_us = if own {
            Some(self.now_us)
        } else {
            self.network
                .arrivals(host_id, OUTSIDE, self.now_us)
                .first()
                .copied()
        };
        if let Some(at_us) = at_us {
            let reply = Box::new(reply);
            self.queue.plan(
                at_us,
                Event::Answer {
                    call,
                    reply,
                    host: host_id,
                },
            );
        }
    }

    fn answered(&mut self, call: u64, reply: &Reply, host: u64) {
        let Some(asked) = self.calls.remove(&call) else {
            return;
        };
        match asked.asker {
            Asker::Client { client, .. } => self.client_told(client, call, reply, host),
            Asker::Members => self.members_told(call, reply),
            Asker::Chunk { component } => self.chunk_told(call, &component, reply),
            Asker::Joiner { host, epoch } => self.join_told(host, epoch, call, reply),
            Asker::Own {
                host,
                epoch,
                leaves,
            } => self.own_told(host, epoch, leaves, reply),
            Asker::Renewal { .. } => {}
        }
    }

    /// The process ends; what was not synced is lost, or a part of it.
    pub(crate) fn crash(&mut self, host_id: u64) {
        let host = self.hosts.get_mut(&host_id).expect("the host");
        host.crash_in = None;
        host.paused = false;
        host.inbox.clear();
        host.epoch += 1;
        let Some(process) = host.process.take() else {
            return;
        };
        self.lost_us = self.now_us;
        if !self.newest_voters().contains(&process.id) {
            self.learners_ended_us.insert(process.id, self.now_us);
        }
        let at_risk = process.disk.at_risk() as u64;
        let kept = self.random.between(0, at_risk);
        let lost = at_risk - kept;
        drop(process.disk.crash(usize::try_from(kept).unwrap_or(0)));
        self.count("crashes");
        self.note(format_args!(
            "host {host_id} ends replica {}; {lost} bytes are lost",
            process.id
        ));
    }

    /// A process that stood still goes on with what came in meanwhile.
    pub(crate) fn resume(&mut self, host_id: u64) {
        let host = self.hosts.get_mut(&host_id).expect("the host");
        if !host.paused {
            return;
        }
        host.paused = false;
        let inbox = std::mem::take(&mut host.inbox);
        self.note(format_args!(
            "host {host_id} goes on with {} events",
            inbox.len()
        ));
        for event in inbox {
            // Peers' connections are read beside those of clients: a call may be heard before what
            // was sent earlier.
            let wait_us = match event {
                Event::Deliver { .. } => self.random.below(READ_LATE_US),
                _ => 0,
            };
            self.queue.plan(self.now_us + wait_us, event);
        }
    }

    /// Spare hosts stand ready for later.
    pub(crate) fn retire_spares(&mut self) {
        for host in self.hosts.values_mut() {
            host.retired |= host.process.is_none();
        }
    }

    /// What the client still waits for.
    pub(crate) fn pending_of(&self, number: usize) -> Option<Done> {
        let pending = self.clients[number].pending.as_ref()?;
        Some(Done {
            partition: pending.partition,
            ask: pending.ask.clone(),
            asked: pending.asked,
            told_at: None,
            told: None,
            seqno: None,
        })
    }

    /// The wall clock that everybody outside sees.
    pub(crate) fn outside_ms(&self) -> u64 {
        START_MS + self.now_us / 1000
    }
}

/// Whose process must run for the event to happen.
fn paused_host(event: &Event, places: &BTreeMap<u64, u64>) -> Option<u64> {
    match event {
        Event::Tick { host, .. }
        | Event::Synced { host, .. }
        | Event::Recall { host, .. }
        | Event::Compiled { host, .. }
        | Event::Executed { host, .. }
        | Event::Arrive { host, .. } => Some(*host),
        Event::Deliver { to, .. } => places.get(to).copied(),
        _ => None,
    }
}

/// A message without what rests on random signatures.
fn summary(envelope: &Envelope) -> String {
    let rides = [
        ("cert", envelope.certificate.is_some()),
        ("sig", envelope.signature.is_some()),
        ("time", envelope.reading.is_some()),
        ("asks", envelope.submission.is_some()),
        ("refuses", envelope.refusal.is_some()),
        ("read", envelope.read.is_some()),
        ("head", envelope.header.is_some()),
        ("unheard", !envelope.unheard.is_empty()),
    ];
    let rides: Vec<&str> = rides
        .iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| *name)
        .collect();
    let Some(message) = &envelope.message else {
        return format!("[{}]", rides.join(" "));
    };
    let kind = match &message.body {
        synod_consensus::Body::Append {
            index,
            commit,
            entry,
            ..
        } => {
            format!(
                "append {index} {commit} {:?}",
                entry.as_ref().map(|entry| (entry.index, entry.term))
            )
        }
        other => format!("{other:?}"),
    };
    format!("{} {kind} [{}]", message.term, rides.join(" "))
}

fn kind(reply: &Reply) -> String {
    match reply {
        Reply::Kv(kv::Reply::Answered { tx, as_of, .. }) => format!("tx {tx:?} as of {as_of}"),
        Reply::Failed(error) => format!("{:?}", std::mem::discriminant(error)),
        Reply::Governance(Recorded { tx, replica }) => format!("governed {tx} {replica:?}"),
        Reply::Ledger(ledger::Reply::Receipt(_)) => "receipt".to_owned(),
        Reply::Ledger(ledger::Reply::Status(status)) => format!("{status:?}"),
        Reply::Kv(kv::Reply::Pending(tx)) => format!("pending {tx}"),
        Reply::App(_) => "app".to_owned(),
    }
}
